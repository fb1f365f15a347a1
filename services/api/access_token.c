#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/seal.h"
#include "db/handout.h"
#include "services/api/asked.h"
#include "services/api/handlers.h"
#include "services/api/waiting.h"

/*
 * An access token for a sender:
 *
 *   POST .../access-token -> a pair for this request -> ask -> (a broker seals to it)
 *       -> replyd_handed, or a poll -> take -> open, answer, forget
 *
 * The pair lives as long as the request.  This process holds no other key that
 * opens a token.
 */
static void on_asked(struct handout_ask *a);
static void on_taken(struct handout_take *t);
static void look(struct request *q);

#define WAIT_MS    15000
#define PER_MINUTE 60 /* of one inbox: a sender keeps a token for its hour */

struct asking {
	struct request *q;
	char handout[RAND_UUID];
	struct secret private_key;
	struct handout_ask ask;
	struct handout_take take;
	bool is_taking;
	bool is_late;
};

static void asking_free(void *own)
{
	struct asking *a = own;

	pg_tx_cancel(&a->ask.tx);
	handout_take_clear(&a->take);
	secret_clear(&a->private_key);
	free(a);
}

void access_token_ask(struct request *q)
{
	uint8_t public_key[SEAL_KEY];
	struct asking *a;

	if (!asked_id(q))
		return;
	a = mem_new(sizeof(*a));
	a->q = q;
	rand_uuid(a->handout);
	seal_pair(&a->private_key, public_key);
	q->own = a;
	q->own_free = asking_free;
	q->wait_until_ms = clock_mono_ms() + WAIT_MS;
	if (handout_ask_start(q->api->pg, &a->ask, q->key.workspace, q->params[0], a->handout,
			      q->key.api_key, public_key, PER_MINUTE, on_asked) != 0)
		answer_busy(q);
}

static void answer_reauth(struct request *q, const char *reason)
{
	char detail[160];

	(void)snprintf(detail, sizeof(detail), "its grant needs the user's consent: %s", reason);
	answer_problem(q, PROBLEM_REAUTH_REQUIRED, NULL, detail, NULL);
}

static void on_asked(struct handout_ask *ask)
{
	struct asking *a = container_of(ask, struct asking, ask);
	struct request *q = a->q;

	if (!answer_db_ok(q, &ask->outcome))
		return;
	switch (ask->said) {
	case HANDOUT_ASKED:
		list_append(&q->api->handing, &q->waiting);
		return;
	case HANDOUT_NO_INBOX:
		answer_problem(q, PROBLEM_NOT_FOUND, NULL,
			       "no inbox with this id in the workspace of the key", NULL);
		return;
	case HANDOUT_IS_PASSWORD:
		answer_problem(q, PROBLEM_IS_PASSWORD, NULL,
			       "the inbox is connected with an app password", NULL);
		return;
	case HANDOUT_IS_APP_ONLY:
		answer_problem(q, PROBLEM_IS_APP_ONLY, NULL,
			       "the inbox is connected through its whole domain", NULL);
		return;
	case HANDOUT_PAUSED:
		answer_problem(q, PROBLEM_CONFLICT, NULL, "the inbox is paused", "resume it");
		return;
	case HANDOUT_REAUTH:
		answer_reauth(q, ask->reason);
		return;
	case HANDOUT_LIMITED:
		http_call_set_header(q->call, "Retry-After", "60");
		answer_problem(q, PROBLEM_TOO_MANY, NULL,
			       "60 tokens of this inbox were asked for within a minute", NULL);
		return;
	}
}

static void look(struct request *q)
{
	struct asking *a = q->own;

	if (a->is_taking)
		return;
	a->is_late = clock_mono_ms() >= q->wait_until_ms;
	a->is_taking = handout_take_start(q->api->pg, &a->take, q->key.workspace, a->handout,
					  a->is_late, on_taken) == 0;
	if (!a->is_taking && a->is_late)
		answer_busy(q);
}

void access_token_recheck(struct api *api)
{
	waiting_look(&api->handing, look);
}

/* ---- the answer ---- */

static json_t *server_json(const char *host, int port, const char *security)
{
	if (!*host)
		return json_null();
	return json_pack("{s:s s:i s:s}", "host", host, "port", port, "security", security);
}

static json_t *scopes_json(const char *scopes)
{
	struct text rest = text_of(scopes), one;
	json_t *list = json_array();

	while (rest.len > 0) {
		(void)text_cut(rest, ' ', &one, &rest);
		if (one.len > 0)
			json_array_append_new(list, json_stringn(one.at, one.len));
	}
	return list;
}

/* Everything but the token itself. */
static json_t *about(const struct request *q, const struct handout_take *t)
{
	const struct provider_row *row =
		provider_table_find(&q->api->settings->providers, text_of(t->provider));
	json_t *j = json_object();

	json_put_text(j, "token_type", TEXT("Bearer"));
	json_put_time(j, "expires_at", t->expires_at_us);
	json_put(j, "scopes", scopes_json(t->scopes));
	json_put_text(j, "login_name", text_of(t->login_name));
	json_put(j, "imap", server_json(t->imap_host, t->imap_port, t->imap_security));
	json_put(j, "smtp",
		 server_json(row->smtp.host ? row->smtp.host : "", row->smtp.port,
			     row->smtp.security == PROVIDER_TLS ? "tls" : "starttls"));
	json_put_text(j, "handout_id", text_of(((struct asking *)q->own)->handout));
	return j;
}

/* The token is put into the text by hand: jansson's copies could not be wiped.  Its bytes are
 * visible ASCII (oauth/grant), of which JSON escapes two. */
static void answer_token(struct request *q, const struct handout_take *t,
			 const struct secret *token)
{
	json_t *j = about(q, t);
	char *rest = json_dumps(j, JSON_COMPACT);
	struct buf body;

	json_decref(j);
	buf_init(&body, 2 * token->len + strlen(rest) + 32);
	(void)buf_reserve(&body, 2 * token->len + strlen(rest) + 31);
	(void)text_add(&body, TEXT("{\"access_token\":\""));
	for (size_t i = 0; i < token->len; i++) {
		if (token->data[i] == '"' || token->data[i] == '\\')
			(void)text_add(&body, TEXT("\\"));
		(void)buf_add(&body, &token->data[i], 1);
	}
	(void)text_addf(&body, "\",%s", rest + 1);
	free(rest);
	answer_text(q, 200, "application/json", text_of_buf(&body));
	secret_wipe(body.data, body.len);
	buf_clear(&body);
}

static void answer_sealed(struct request *q, const struct handout_take *t)
{
	struct asking *a = q->own;
	const struct seal_bind bind = { TEXT("handout"), text_of(q->key.workspace),
					text_of(a->handout) };
	cleanup_secret struct secret token = { 0 };

	if (seal_open_with(&a->private_key, &bind, t->box.data, t->box.len, &token) < 0)
		answer_problem(q, PROBLEM_INTERNAL, NULL, "the token does not open", NULL);
	else
		answer_token(q, t, &token);
}

static void on_taken(struct handout_take *t)
{
	struct asking *a = container_of(t, struct asking, take);
	struct request *q = a->q;

	a->is_taking = false;
	if (!answer_db_ok(q, &t->outcome))
		return;
	switch (t->state) {
	case HANDOUT_SEALED:
		answer_sealed(q, t);
		return;
	case HANDOUT_REFUSED:
		answer_reauth(q, t->reason);
		return;
	case HANDOUT_WAITS:
		if (!a->is_late)
			return;
		break;
	case HANDOUT_OVER:
		break;
	}
	answer_problem(
		q, PROBLEM_TOKEN_NOT_IN_TIME, NULL,
		"no fresh token came within 15 s: the provider does not answer, or no broker "
		"runs",
		NULL);
}
