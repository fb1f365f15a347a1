#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sign.h"
#include "db/correction.h"
#include "ingest/ladder.h"
#include "services/api/asked.h"
#include "services/api/handlers.h"
#include "services/api/once.h"

/* A mail and where it was seen; what somebody says it really was; all that was said so far. */

#define LINES_DEFAULT 100
#define LINES_MAX     1000

static void on_view(struct view *v);
static void on_made(struct correction_make *m);

static void on_view(struct view *v)
{
	asked_view(v, "no message");
}

void message_call_show(struct request *q)
{
	if (asked_id(q) && correction_view_message(q->api->pg, &q->view, q->key.workspace,
						   q->params[0], on_view) != 0)
		answer_busy(q);
}

void message_call_corrections(struct request *q)
{
	uint64_t after = 0, limit = LINES_DEFAULT;

	if (asked_number(q, "after", 0, INT64_MAX, &after) &&
	    asked_number(q, "limit", 1, LINES_MAX, &limit) &&
	    correction_view_all(q->api->pg, &q->view, q->key.workspace, (int64_t)after,
				(int64_t)limit, on_view) != 0)
		answer_busy(q);
}

/* ---- reclassify ---- */

struct correcting {
	struct request *q;
	struct correction_make make;
};

static void correcting_free(void *own)
{
	struct correcting *c = own;

	correction_make_clear(&c->make);
	free(c);
}

static bool read_kind(struct text given, enum classify_kind *ret)
{
	for (int k = 0; k < CLASSIFY_KINDS; k++)
		if (text_eq(given, text_of(classify_kind_name((enum classify_kind)k)))) {
			*ret = (enum classify_kind)k;
			return true;
		}
	return false;
}

static bool read_intent(struct text given, enum classify_intent *ret)
{
	for (int i = CLASSIFY_INTENT_NONE + 1; i <= CLASSIFY_INTENT_NEUTRAL; i++)
		if (text_eq(given, text_of(classify_intent_name((enum classify_intent)i)))) {
			*ret = (enum classify_intent)i;
			return true;
		}
	return false;
}

/* What is said of it; an intent alone says that it is a reply.  NONE: the intent is not said. */
static int read_verdict(const json_t *body, struct classify_verdict *ret, struct json_error *err)
{
	static const char *const fields[] = { "kind", "intent", NULL };
	struct text kind = { 0 }, intent = { 0 };

	if (json_only(body, "", fields, err) ||
	    json_want_text(body, "", "kind", 64, JSON_OPTIONAL, &kind, err) ||
	    json_want_text(body, "", "intent", 64, JSON_OPTIONAL, &intent, err))
		return -1;
	if (!kind.len && !intent.len)
		json_error_set(err, "", "kind", "is missing, and so is intent");
	else if (kind.len && !read_kind(kind, &ret->kind))
		json_error_set(err, "", "kind", "is not a kind of mail (docs/interfaces.md)");
	else if (intent.len && !read_intent(intent, &ret->intent))
		json_error_set(err, "", "intent", "is not an intent (docs/interfaces.md)");
	else if (intent.len && ret->kind != CLASSIFY_REPLY)
		json_error_set(err, "", "intent", "is only of kind reply");
	else
		return 0;
	return -1;
}

/*
 * What that closes.  A person says so: nothing of it is unproven.  Of a mail that
 * has nothing to do with us he knows that it closes nothing.
 */
static void judge(const struct classify_verdict *v, struct ladder_step *ret)
{
	int64_t now_us = clock_unix_us();

	ladder_of(v, now_us, now_us, ret);
	if (v->kind != CLASSIFY_UNRELATED)
		return;
	ret->level = 0;
	ret->reason = "";
}

/* The same request again is the same: message, kind and intent. */
static void fingerprint(const struct request *q, const struct classify_verdict *v,
			char ret[2 * SIGN_SHA256 + 1])
{
	uint8_t digest[SIGN_SHA256];
	cleanup_buf struct buf b, hex;

	buf_init(&b, 1024);
	buf_init(&hex, (size_t)2 * SIGN_SHA256);
	(void)text_addf(&b, "%s\n%s\n%s", q->params[0], classify_kind_name(v->kind),
			classify_intent_name(v->intent));
	sign_sha256(b.data, b.len, digest);
	(void)text_add_hex(&hex, digest, sizeof(digest));
	memcpy(ret, hex.data, hex.len + 1);
}

static void start(struct request *q, const char *key, const struct classify_verdict *v)
{
	char print[2 * SIGN_SHA256 + 1];
	struct ladder_step step;
	struct correcting *c = mem_new(sizeof(*c));

	judge(v, &step);
	fingerprint(q, v, print);
	c->q = q;
	q->own = c;
	q->own_free = correcting_free;
	const struct correction_ask ask = {
		.message = q->params[0],
		.key = key,
		.fingerprint = print,
		.by = q->key.api_key,
		.kind = classify_kind_name(v->kind),
		.intent =
			v->intent == CLASSIFY_INTENT_NONE ? NULL : classify_intent_name(v->intent),
		.level = step.level,
		.reason = step.reason,
		.event_type = step.event_type,
	};

	if (correction_make_start(q->api->pg, &c->make, q->key.workspace, &ask, on_made) != 0)
		answer_busy(q);
}

void message_call_reclassify(struct request *q)
{
	cleanup_free struct classify_verdict *v = mem_new(sizeof(*v));
	struct json_error err;
	const char *key;

	if (!asked_id(q) || !answer_body(q) || !once_key(q, &key))
		return;
	if (read_verdict(q->body, v, &err) < 0)
		answer_problem(q, PROBLEM_BAD_FIELD, err.field, err.why, NULL);
	else
		start(q, key, v);
}

static void on_made(struct correction_make *m)
{
	struct correcting *c = container_of(m, struct correcting, make);
	struct request *q = c->q;

	if (!answer_db_ok(q, &m->outcome))
		return;
	switch (m->end) {
	case CORRECTION_MADE:
		pg_notify(q->api->pg, "replyd_event");
		answer_text(q, 200, "application/json", text_of_buf(&m->json));
		return;
	case CORRECTION_REPEATED:
	case CORRECTION_UNCHANGED:
		answer_text(q, 200, "application/json", text_of_buf(&m->json));
		return;
	case CORRECTION_NOT_FOUND:
		asked_nothing(q, "no message");
		return;
	case CORRECTION_PENDING:
		answer_problem(q, PROBLEM_CONFLICT, NULL,
			       "the message is still being read; its event is not written yet",
			       "repeat the request in a moment");
		return;
	case CORRECTION_CONFLICT:
		answer_problem(q, PROBLEM_CONFLICT, "Idempotency-Key",
			       "was used for another correction",
			       "send another key with another request");
		return;
	}
}
