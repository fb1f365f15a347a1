#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "services/api/problem.h"

static const struct {
	int status;
	const char *name, *title, *remedy;
} table[] = {
	[PROBLEM_BAD_REQUEST] = { 400, "bad_request", "The request is not HTTP as we read it",
				  "send a well-formed HTTP/1.1 request" },
	[PROBLEM_BAD_JSON] = { 400, "bad_json", "The body is not acceptable JSON",
			       "send one JSON object, in UTF-8, without duplicate names" },
	[PROBLEM_BAD_FIELD] = { 400, "bad_field", "A field is not acceptable",
				"correct the field named in `field`" },
	[PROBLEM_UNAUTHORIZED] = { 401, "unauthorized", "The API key is missing or not valid",
				   "send `Authorization: Bearer rk_live_...`; make a key with "
				   "`replyd key create`" },
	[PROBLEM_FORBIDDEN] = { 403, "forbidden", "The API key may not do this",
				"use a key that has the scope named in `detail`" },
	[PROBLEM_NOT_FOUND] = { 404, "not_found", "There is no such thing here",
				"check the id and the workspace of the key" },
	[PROBLEM_METHOD_NOT_ALLOWED] = { 405, "method_not_allowed",
					 "This resource has no such method",
					 "see the Allow header" },
	[PROBLEM_CONFLICT] = { 409, "conflict", "This contradicts what is already there",
			       "read the resource and decide" },
	[PROBLEM_GONE] = { 410, "gone", "This was valid once and is no longer",
			   "ask for a new one" },
	[PROBLEM_TOO_LARGE] = { 413, "too_large", "The body is too large",
				"send it in smaller parts; `api.max_body` is the limit" },
	[PROBLEM_UNSUPPORTED_MEDIA_TYPE] = { 415, "unsupported_media_type", "The body is not JSON",
					     "send `Content-Type: application/json`" },
	[PROBLEM_UNAVAILABLE] = { 503, "unavailable", "The database is away",
				  "try again after the time in Retry-After" },
	[PROBLEM_PROOF_NOT_IN_TIME] = { 504, "proof_not_in_time",
					"The inbox did not prove in time what it has seen",
					"send nothing to its prospects; look at the inbox, ask "
					"again "
					"later" },
	[PROBLEM_CANNOT_PROVE] = { 409, "cannot_prove",
				   "The inbox cannot prove what it has seen, as it stands",
				   "send nothing to its prospects; look at the inbox" },
	[PROBLEM_INTERNAL] = { 500, "internal", "We made a mistake",
			       "try again; if it stays, report the request_id" },
	[PROBLEM_NO_SETTINGS] = { 422, "no_settings", "Where this inbox is cannot be found out",
				  "give imap.host, or name the provider" },
	[PROBLEM_LOOKUP_FAILED] = { 503, "lookup_failed", "The name servers did not answer",
				    "try again after the time in Retry-After" },
	[PROBLEM_IS_PASSWORD] = { 409, "is_password", "App passwords are handed to nobody",
				  "connect the inbox with OAuth, or give the sender an app "
				  "password of its own" },
	[PROBLEM_IS_APP_ONLY] = { 409, "is_app_only",
				  "This inbox's token opens every mailbox of its domain",
				  "let the inbox's owner connect it, or give the sender a client "
				  "of its own" },
	[PROBLEM_REAUTH_REQUIRED] = { 409, "reauth_required", "The inbox needs the user's consent",
				      "send nothing from it; let the user connect it again" },
	[PROBLEM_TOO_MANY] = { 429, "too_many_requests", "This is asked for too often",
			       "keep the token until shortly before `expires_at`" },
	[PROBLEM_TOKEN_NOT_IN_TIME] = { 504, "token_not_in_time",
					"No access token could be had in time",
					"try again in a minute; look at the inbox if it stays" },
	[PROBLEM_KEY_REUSED] = { 422, "idempotency_key_reused",
				 "The Idempotency-Key was used for another request",
				 "send another key with another request" },
	[PROBLEM_IN_FLIGHT] = { 409, "idempotency_in_flight",
				"The same request is being carried out",
				"send it again after the time in Retry-After" },
	[PROBLEM_OUTCOME_UNKNOWN] = { 409, "idempotency_outcome_unknown",
				      "The same request was begun, and nobody knows how it ended",
				      "look whether it was done; if not, send it with another "
				      "key" },
	[PROBLEM_CHANGED] = { 412, "changed_meanwhile", "It is not any more as you know it",
			      "read it again, decide, and send the new ETag in If-Match" },
	[PROBLEM_STOPPED] = { 409, "stopped", "Nobody may write to this person any more",
			      "end the sequence for this prospect; do not ask again" },
	[PROBLEM_ON_HOLD] = { 423, "on_hold", "Nobody may write to this person just now",
			      "send nothing; ask again at `retry_at`" },
	[PROBLEM_NO_SLOT] = { 429, "no_slot", "No inbox may send this mail now",
			      "ask again at `retry_at`; `reasons` counts the inboxes by what "
			      "keeps them" },
	[PROBLEM_SLOT_OVER] = { 410, "slot_over", "This slot is good no longer",
				"send nothing with it; ask for another slot" },
	[PROBLEM_FENCED] = { 410, "fenced", "Somebody with a higher fence has this slot",
			     "send nothing with it; leave it to whoever took it over" },
};

int problem_status(enum problem_code code)
{
	return table[code].status;
}

const char *problem_name(enum problem_code code)
{
	return (size_t)code < countof(table) ? table[code].name : NULL;
}

enum problem_code problem_of_status(int status)
{
	for (size_t i = 0; i < countof(table); i++)
		if (table[i].status == status)
			return (enum problem_code)i;
	return status >= 500 ? PROBLEM_INTERNAL : PROBLEM_BAD_REQUEST;
}

int problem_write(const struct problem *p, const char *request_id, struct buf *ret)
{
	char type[128];
	json_t *j;
	char *text;
	int r;

	(void)snprintf(type, sizeof(type), "https://replyd.dev/problems/%s", table[p->code].name);
	j = json_pack("{s:s, s:s, s:i, s:s, s:s*, s:s*, s:s, s:s}", "type", type, "title",
		      table[p->code].title, "status", table[p->code].status, "code",
		      table[p->code].name, "field", p->field, "detail", p->detail, "remedy",
		      p->remedy ? p->remedy : table[p->code].remedy, "request_id", request_id);
	if (!j) /* a stranger's bytes that are no UTF-8 in field or detail */
		j = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "type", type, "title",
			      table[p->code].title, "status", table[p->code].status, "code",
			      table[p->code].name, "remedy", table[p->code].remedy, "request_id",
			      request_id);
	if (p->more)
		json_object_update_missing(j, p->more);
	if (p->oldest)
		json_object_set_new(j, "oldest", json_integer(*p->oldest));
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	r = text ? buf_add(ret, text, strlen(text)) : -ENOBUFS;
	free(text);
	return r;
}
