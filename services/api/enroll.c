#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/keyed.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/seal.h"
#include "ingest/match/match_names.h"
#include "services/api/field.h"
#include "services/api/handlers.h"
#include "services/api/outbound_item.h"
#include "services/event_type.h"

/*
 * What a sequence engine brings: the mails it sent.
 */
#define ITEMS_MAX      1000
#define NAME_MAX_BYTES 200 /* of a sequence, a step, a prospect's key */
#define URL_MAX        2048
#define WEBHOOK_SECRET 32 /* bytes; Standard Webhooks: 24 to 64 */

static void on_registered(struct outbound_register *o);
static void on_result(struct outbound_register *o, const struct outbound_result *r);

static void refuse_field(struct request *q, const struct json_error *err)
{
	answer_problem(q, PROBLEM_BAD_FIELD, err->field, err->why, NULL);
}

/* ---- outbound ---- */

/* Links that no other mail has; a mail whose text quotes one of them answers this one. */
static int read_links(const json_t *o, const char *path, struct outbound_item *ret,
		      struct json_error *err)
{
	const json_t *links = NULL;
	char below[JSON_POINTER], at[24];
	struct text link = { 0 };

	if (json_want_array(o, path, "links", 0, OUTBOUND_LINKS, JSON_OPTIONAL, &links, err))
		return -1;
	json_path_key(below, path, "links");
	for (size_t i = 0; links && i < json_array_size(links); i++) {
		if (json_item_text(links, below, i, MATCH_LINK + 8, &link, err))
			return -1;
		if (!match_body_link(link, ret->links[i])) {
			(void)snprintf(at, sizeof(at), "%zu", i);
			json_error_set(err, below, at,
				       "is not a link of one mail (https://host/ and at least 6 "
				       "characters, 1023 in all)");
			return -1;
		}
		ret->n_links++;
	}
	return 0;
}

/* What it is found by beside its Message-ID. */
static int read_other_names(const json_t *o, const char *path, struct outbound_item *ret,
			    struct json_error *err)
{
	struct text final = { 0 };
	char token[MATCH_TOKEN];

	if (json_want_text(o, path, "subject", MIME_ID - 1, JSON_OPTIONAL, &ret->subject, err) ||
	    json_want_text(o, path, "reply_token", MATCH_TOKEN - 1, JSON_OPTIONAL, &ret->token,
			   err) ||
	    json_want_text(o, path, "final_message_id", MIME_ID - 1, JSON_OPTIONAL, &final, err))
		return -1;
	if (ret->token.len && !match_names_token(ret->token, token)) {
		json_error_set(err, path, "reply_token", "is not 6 to 64 of a-z 0-9 . _ -");
		return -1;
	}
	if (final.len && !match_ids_normal(final, ret->final)) {
		json_error_set(err, path, "final_message_id",
			       "is not a Message-ID (<something@host>)");
		return -1;
	}
	return read_links(o, path, ret, err);
}

static int read_item(const json_t *array, size_t i, struct outbound_item *ret,
		     struct json_error *err)
{
	static const char *const fields[] = { "inbox_id", "sequence",    "step",
					      "prospect", "message_id",  "sent_at",
					      "subject",  "reply_token", "final_message_id",
					      "links",    NULL };
	static const char *const prospect_fields[] = { "key", "address", NULL };
	char path[JSON_POINTER], below[JSON_POINTER];
	const json_t *o, *p = NULL;
	struct text address = { 0 };

	*ret = (struct outbound_item){ 0 };
	json_path_item(path, "/items", i);
	json_path_key(below, path, "prospect");
	if (json_item_object(array, "/items", i, &o, err) || json_only(o, path, fields, err) ||
	    json_want_uuid(o, path, "inbox_id", JSON_REQUIRED, ret->inbox, err) ||
	    json_want_text(o, path, "sequence", NAME_MAX_BYTES, JSON_REQUIRED, &ret->sequence,
			   err) ||
	    json_want_text(o, path, "step", NAME_MAX_BYTES, JSON_REQUIRED, &ret->step, err) ||
	    json_want_object(o, path, "prospect", JSON_REQUIRED, &p, err) ||
	    json_only(p, below, prospect_fields, err) ||
	    json_want_text(p, below, "address", FIELD_ADDRESS - 1, JSON_REQUIRED, &address, err) ||
	    json_want_text(p, below, "key", NAME_MAX_BYTES, JSON_OPTIONAL, &ret->key, err) ||
	    json_want_text(o, path, "message_id", MIME_ID - 1, JSON_REQUIRED, &ret->message_id,
			   err) ||
	    json_want_time(o, path, "sent_at", JSON_REQUIRED, &ret->sent_us, err) ||
	    read_other_names(o, path, ret, err))
		return -1;
	if (!field_address(address, ret->address)) {
		json_error_set(err, below, "address", "is not an e-mail address (name@domain)");
		return -1;
	}
	if (!ret->key.len) /* the person is the address, unless the engine has a name for him */
		ret->key = text_of(ret->address);
	if (!match_ids_normal(ret->message_id, ret->id)) {
		json_error_set(err, path, "message_id", "is not a Message-ID (<something@host>)");
		return -1;
	}
	return 0;
}

/* All items or none: a batch with a bad one is refused whole, before anything is written. */
static json_t *read_items(struct request *q)
{
	static const char *const fields[] = { "items", NULL };
	cleanup_secret struct secret key = { 0 };
	const json_t *items = NULL;
	struct json_error err;
	json_t *rows;

	if (json_only(q->body, "", fields, &err) ||
	    json_want_array(q->body, "", "items", 1, ITEMS_MAX, JSON_REQUIRED, &items, &err)) {
		refuse_field(q, &err);
		return NULL;
	}
	keyed_workspace_key(q->api->digest_key, text_of(q->key.workspace), &key);
	rows = json_array();
	for (size_t i = 0; i < json_array_size(items); i++) {
		struct outbound_item it;

		if (read_item(items, i, &it, &err) != 0) {
			refuse_field(q, &err);
			json_decref(rows);
			return NULL;
		}
		json_append(rows, outbound_item_row(&it, &key));
	}
	return rows;
}

struct results {
	json_t *items;
	int rechecks; /* mails that came before their outbound */
};

static void results_free(void *own)
{
	struct results *r = own;

	json_decref(r->items);
	free(r);
}

void enroll_outbound(struct request *q)
{
	struct results *results;
	json_t *rows;
	char *text;

	if (!answer_body(q))
		return;
	rows = read_items(q);
	if (!rows)
		return;
	text = json_dumps(rows, JSON_COMPACT);
	json_decref(rows);
	results = mem_new(sizeof(*results));
	results->items = json_array();
	q->own = results;
	q->own_free = results_free;
	if (outbound_register_start(q->api->pg, &q->outbound, q->key.workspace, text, on_result,
				    on_registered) != 0)
		answer_busy(q);
	free(text);
}

static void on_result(struct outbound_register *o, const struct outbound_result *r)
{
	struct request *q = container_of(o, struct request, outbound);
	struct results *results = q->own;
	json_t *row = json_object();

	json_put_int(row, "index", r->item);
	json_put_text(row, "result", text_of(r->result));
	if (r->outbound[0])
		json_put_text(row, "outbound_id", text_of(r->outbound));
	else
		json_put_null(row, "outbound_id");
	json_put_int(row, "rechecks", r->rechecks);
	json_append(results->items, row);
	results->rechecks += r->rechecks;
}

static void on_registered(struct outbound_register *o)
{
	struct request *q = container_of(o, struct request, outbound);
	struct results *results = q->own;
	json_t *answer;

	if (!answer_db_ok(q, &o->outcome))
		return;
	if (results->rechecks)
		pg_notify(q->api->pg, "replyd_recheck");
	answer = json_object();
	json_put(answer, "items", json_incref(results->items));
	answer_json(q, 200, answer);
}
