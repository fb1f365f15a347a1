#include "services/api/once.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/seal.h"
#include "db/kept_answer.h"
#include "services/api/asked.h"
#include "services/api/audit_call.h"
#include "services/api/route.h"

static void on_begun(struct kept_answer *k);
static void on_settled(struct kept_answer *k);

#define KEY_MAX 255 /* bytes of an Idempotency-Key */

struct once {
	enum once_state {
		ONCE_ASKING,   /* PostgreSQL, whether it is new */
		ONCE_RUNNING,  /* its handler */
		ONCE_SETTLING, /* the answer is there, and kept or let go */
		ONCE_OVER,     /* nothing more is done about the answer */
	} state;
	struct request *q;
	struct kept_answer row;
	struct kept_answer_id id;
	struct secret key; /* seals the answer */
	struct buf body;   /* of the answer, while it is settled; may hold a secret */
	char type[64];
	int status;
};

void once_free(struct once *o)
{
	if (!o)
		return;
	kept_answer_clear(&o->row);
	secret_clear(&o->key);
	if (o->body.data)
		secret_wipe(o->body.data, o->body.len);
	buf_clear(&o->body);
	free(o);
}

bool once_key(struct request *q, const char **ret)
{
	const char *key = http_call_header(q->call, "Idempotency-Key");

	for (const char *c = key; c && *c; c++)
		if (*c < ' ' || *c > '~')
			key = "";
	if (key && (!key[0] || strlen(key) > KEY_MAX)) {
		answer_problem(q, PROBLEM_BAD_FIELD, "Idempotency-Key",
			       "is not 1 to 255 characters of ASCII", NULL);
		return false;
	}
	*ret = key;
	return true;
}

/* Their answers are true for a moment only: these ask, and change nothing, or are slots, which know
 * their keys themselves and answer as they are by then. */
static bool is_asked_anew(const struct route *r)
{
	static const char *const patterns[] = { "/v1/inboxes/{}/probe",
						"/v1/inboxes/{}/access-token", "/v1/slots",
						"/v1/slots/{}/begin" };

	for (size_t i = 0; i < countof(patterns); i++)
		if (strcmp(patterns[i], r->pattern) == 0)
			return true;
	return false;
}

/* A session is of our own pages, which need no such key. */
static bool is_kept(const struct request *q, const char *key)
{
	return key && !q->is_person && strcmp(q->route->method, "POST") == 0 &&
	       !is_asked_anew(q->route);
}

static struct seal_bind bind_of(const struct request *q)
{
	return (struct seal_bind){ TEXT("answer"), text_of(q->key.workspace),
				   text_of(q->key.api_key) };
}

static struct once *once_new(struct request *q, const char *key)
{
	struct once *o = mem_new(sizeof(*o));
	cleanup_secret struct secret bearer = { 0 }, digests = { 0 };
	const struct text named[] = { text_of(key) };
	const struct text asked[] = { text_of(q->route->method), TEXT(" "),
				      text_of(http_call_path(q->call)), TEXT("\n"),
				      http_call_body(q->call) };
	struct text given;

	o->q = q;
	o->id.workspace = q->key.workspace;
	o->id.api_key = q->key.api_key;
	o->id.request = q->id;
	if (asked_bearer(q, &given)) /* it was, or nobody would be here */
		secret_set_text(&bearer, given);
	sign_derive(&bearer, TEXT("kept answer"), text_of(q->key.workspace), &o->key);
	sign_derive(&bearer, TEXT("kept request"), text_of(q->key.workspace), &digests);
	sign_hmac(&digests, named, countof(named), o->id.digest);
	sign_hmac(&digests, asked, countof(asked), o->id.print);
	return o;
}

void once_begin(struct request *q)
{
	const char *key = NULL;

	if (!once_key(q, &key))
		return;
	if (!is_kept(q, key)) {
		audit_call_begin(q);
		return;
	}
	q->once = once_new(q, key);
	if (kept_answer_begin(q->api->pg, &q->once->row, &q->once->id, on_begun) != 0)
		answer_busy(q);
}

/* ---- what PostgreSQL says of it ---- */

static void give_again(struct once *o)
{
	struct request *q = o->q;
	const struct seal_bind bind = bind_of(q);
	cleanup_secret struct secret body = { 0 };

	if (seal_open(&o->key, &bind, o->row.sealed.data, o->row.sealed.len, &body) != 0) {
		answer_problem(q, PROBLEM_INTERNAL, NULL, "the kept answer does not open", NULL);
		return;
	}
	http_call_set_header(q->call, "Idempotency-Replayed", "true");
	answer_text(q, o->row.status, "application/json", text_of(secret_text(&body)));
}

static void on_begun(struct kept_answer *k)
{
	struct once *o = container_of(k, struct once, row);
	struct request *q = o->q;

	o->state = ONCE_OVER;
	if (!answer_db_ok(q, &k->outcome))
		return;
	switch (k->said) {
	case KEPT_ANSWER_NEW:
		o->state = ONCE_RUNNING;
		audit_call_begin(q);
		return;
	case KEPT_ANSWER_KEPT:
		give_again(o);
		return;
	case KEPT_ANSWER_OTHER:
		answer_problem(q, PROBLEM_KEY_REUSED, "Idempotency-Key",
			       "was used for another request", NULL);
		return;
	case KEPT_ANSWER_BUSY:
		http_call_set_header(q->call, "Retry-After", "1");
		answer_problem(q, PROBLEM_IN_FLIGHT, "Idempotency-Key",
			       "the same request is being carried out", NULL);
		return;
	case KEPT_ANSWER_LOST:
		answer_problem(q, PROBLEM_OUTCOME_UNKNOWN, "Idempotency-Key",
			       "the same request was begun, and its process ended over it", NULL);
		return;
	}
}

/* ---- the answer ---- */

/* Larger ones are of calls that may be repeated: outbound, imports. */
static bool is_worth_keeping(const struct once *o)
{
	return o->status >= 200 && o->status < 300 && o->body.len <= LIMIT_SECRET;
}

static int settle(struct once *o)
{
	const struct seal_bind bind = bind_of(o->q);
	const struct secret plain = { o->body.data, o->body.len }; /* borrowed */
	cleanup_buf struct buf sealed = { .max = LIMIT_OAUTH_SEALED };
	struct pg *pg = o->q->api->pg;

	if (!is_worth_keeping(o) ||
	    seal_close(&o->key, /* key_id= */ 0, &bind, &plain, &sealed) != 0)
		return kept_answer_let_go(pg, &o->row, &o->id, on_settled);
	return kept_answer_keep(pg, &o->row, &o->id, o->status, &sealed, on_settled);
}

/*
 * Kept before it is sent, so that whoever has heard it may rely on it.  Where PostgreSQL is away it
 * is sent all the same, and the row says from then on that nobody knows how it ended.
 */
bool once_answer(struct request *q, int status, const char *content_type, struct text body)
{
	struct once *o = q->once;

	if (!o || o->state != ONCE_RUNNING)
		return false;
	o->state = ONCE_OVER;
	o->status = status;
	(void)snprintf(o->type, sizeof(o->type), "%s", content_type);
	buf_init(&o->body, LIMIT_VIEW);
	if (!pg_is_up(q->api->pg) || text_add(&o->body, body) != 0 || settle(o) != 0)
		return false;
	o->state = ONCE_SETTLING;
	return true;
}

static void on_settled(struct kept_answer *k)
{
	struct once *o = container_of(k, struct once, row);

	if (!outcome_ok(&k->outcome))
		log_warn(&o->q->api->role->log, "api.answer_not_kept", "request=%s what=%s",
			 o->q->id, k->outcome.what);
	o->state = ONCE_OVER;
	answer_send(o->q, o->status, o->type, text_of_buf(&o->body));
}
