#include "services/api/slot_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/keyed.h"
#include "base/mem.h"
#include "ingest/match/match_ids.h"
#include "services/api/asked.h"
#include "services/api/gate_verdict.h"
#include "services/api/handlers.h"
#include "services/api/outbound_item.h"

/*
 * A slot from the promise to the end:
 *
 *   begin -> slot -> gate and proofs -> verdict -> begun
 *   sent  -> slot -> registered and settled, or neither
 *   failed, release -> settled
 */
static void on_begin_read(struct slot_read *r);
static void on_gate(struct gate_read *g);
static void on_begun(struct slot_begin *b);
static void on_sent_read(struct slot_read *r);
static void on_settled(struct slot_settle *s);
static void on_shown(struct slot_read *r);

struct doing {
	struct request *q;
	struct slot_read read;
	struct slot_begin begin;
	struct slot_settle settle;
	int64_t fence;
	const char *as;           /* what it is settled as */
	char message_id[MIME_ID]; /* that the provider gave; "": the one of the slot */
	int64_t sent_us;
	char reason[SLOT_TEXT];
};

static void doing_free(void *own)
{
	struct doing *d = own;

	pg_tx_cancel(&d->read.tx);
	pg_tx_cancel(&d->begin.tx);
	pg_tx_cancel(&d->settle.tx);
	free(d);
}

static struct doing *doing_new(struct request *q)
{
	struct doing *d = mem_new(sizeof(*d));

	d->q = q;
	q->own = d;
	q->own_free = doing_free;
	return d;
}

/* ---- what is answered ---- */

void slot_call_later(struct request *q, enum problem_code code, const char *reason,
		     int64_t retry_us, json_t *more)
{
	int64_t wait_s = (retry_us - clock_unix_us()) / 1000000 + 1;
	char seconds[24], detail[SLOT_TEXT + 32];

	json_put_text(more, "reason", text_of(reason));
	if (retry_us == INT64_MIN) {
		json_put_null(more, "retry_at");
	} else {
		json_put_time(more, "retry_at", retry_us);
		(void)snprintf(seconds, sizeof(seconds), "%lld",
			       (long long)(wait_s < 1 ? 1 : wait_s));
		http_call_set_header(q->call, "Retry-After", seconds);
	}
	(void)snprintf(detail, sizeof(detail), "not now: %s", reason);
	answer_problem_with(q, code, NULL, detail, NULL, more);
	json_decref(more);
}

static void answer_ended(struct request *q, enum problem_code code, const char *reason)
{
	json_t *more = json_pack("{s:s}", "reason", reason);
	char detail[SLOT_TEXT + 32];

	(void)snprintf(detail, sizeof(detail), "because: %s", reason);
	answer_problem_with(q, code, NULL, detail, NULL, more);
	json_decref(more);
}

bool slot_call_refused(struct request *q, const struct slot_said *s)
{
	switch (s->word) {
	case SLOT_STOPPED:
		answer_ended(q, PROBLEM_STOPPED, s->why);
		return true;
	case SLOT_HOLD:
		slot_call_later(q, PROBLEM_ON_HOLD, s->why, s->until_us, json_object());
		return true;
	case SLOT_EARLY:
		slot_call_later(q, PROBLEM_ON_HOLD, "early", s->until_us, json_object());
		return true;
	case SLOT_FENCED:
		answer_ended(q, PROBLEM_FENCED, "fenced");
		return true;
	case SLOT_OVER:
	case SLOT_SETTLED:
		answer_ended(q, PROBLEM_SLOT_OVER, s->why);
		return true;
	case SLOT_UNKNOWN:
		asked_nothing(q, "no slot");
		return true;
	case SLOT_KEY_REUSED:
		answer_problem(q, PROBLEM_KEY_REUSED, "Idempotency-Key",
			       "asked for another slot before", NULL);
		return true;
	case SLOT_GIVEN:
	case SLOT_REPLAYED:
	case SLOT_NONE:
	case SLOT_BEGUN:
		break;
	}
	return false;
}

static void put_instant(json_t *j, const char *key, int64_t us)
{
	if (us == INT64_MIN)
		json_put_null(j, key);
	else
		json_put_time(j, key, us);
}

static void on_shown(struct slot_read *r)
{
	struct doing *d = container_of(r, struct doing, read);
	json_t *j, *p;

	if (!answer_db_ok(d->q, &r->outcome))
		return;
	if (!r->found) {
		asked_nothing(d->q, "no slot");
		return;
	}
	p = json_pack("{s:s s:s}", "key", r->prospect, "address", r->address);
	j = json_pack("{s:s s:s s:s s:i s:s s:s s:s s:s s:s s:b}", "slot_id", d->q->params[0],
		      "state", r->state, "inbox_id", r->inbox, "fence", r->fence, "kind", r->kind,
		      "sequence", r->sequence, "step", r->step, "message_id", r->message_id,
		      "reason", r->reason, "raced", r->raced);
	json_put(j, "prospect", p);
	put_instant(j, "send_at", r->send_at_us);
	put_instant(j, "expires_at", r->expires_at_us);
	put_instant(j, "begun_at", r->begun_us);
	put_instant(j, "settled_at", r->settled_us);
	answer_json(d->q, 200, j);
}

void slot_call_show(struct request *q)
{
	if (asked_id(q))
		asked_started(q, slot_read_start(q->api->pg, &doing_new(q)->read, q->key.workspace,
						 q->params[0], on_shown));
}

/* ---- what is asked ---- */

/* {"fence", ...}: `d` is filled; false: a problem was answered. */
static bool read_body(struct request *q, struct doing *d, const char *const *fields)
{
	struct text id = { 0 }, reason = { 0 };
	struct json_error err;

	if (!asked_id(q) || !answer_body(q))
		return false;
	d->sent_us = clock_unix_us();
	if (json_only(q->body, "", fields, &err) ||
	    json_want_int(q->body, "", "fence", 1, 1000000, JSON_REQUIRED, &d->fence, &err) ||
	    json_want_text(q->body, "", "message_id", SLOT_TEXT - 1, JSON_OPTIONAL, &id, &err) ||
	    json_want_time(q->body, "", "sent_at", JSON_OPTIONAL, &d->sent_us, &err) ||
	    json_want_text(q->body, "", "reason", SLOT_TEXT - 1, JSON_OPTIONAL, &reason, &err)) {
		answer_problem(q, PROBLEM_BAD_FIELD, err.field, err.why, NULL);
		return false;
	}
	if (id.len && !match_ids_normal(id, d->message_id)) {
		answer_problem(q, PROBLEM_BAD_FIELD, "/message_id",
			       "is not a Message-ID (<something@host>)", NULL);
		return false;
	}
	(void)snprintf(d->reason, sizeof(d->reason), "%.*s", TEXT_ARG(reason));
	return true;
}

/* What registers the slot's mail; the caller's. */
static char *item_of(const struct request *q, const struct slot_read *r, const char *message_id,
		     int64_t sent_us)
{
	cleanup_secret struct secret key = { 0 };
	cleanup_json json_t *row = NULL;
	struct outbound_item it = { .outbound = q->params[0],
				    .sequence = text_of(r->sequence),
				    .step = text_of(r->step),
				    .key = text_of(r->prospect),
				    .sent_us = sent_us };

	memcpy(it.inbox, r->inbox, sizeof(it.inbox));
	(void)snprintf(it.address, sizeof(it.address), "%s", r->address);
	(void)snprintf(it.id, sizeof(it.id), "%s", message_id[0] ? message_id : r->message_id);
	if (message_id[0] && strcmp(message_id, r->message_id) != 0)
		(void)snprintf(it.final, sizeof(it.final), "%s", r->message_id);
	keyed_workspace_key(q->api->digest_key, text_of(q->key.workspace), &key);
	row = outbound_item_row(&it, &key);
	return json_dumps(row, JSON_COMPACT);
}

/* ---- begin ---- */

void slot_call_begin(struct request *q)
{
	static const char *const fields[] = { "fence", NULL };
	struct doing *d = doing_new(q);

	if (read_body(q, d, fields))
		asked_started(q, slot_read_start(q->api->pg, &d->read, q->key.workspace,
						 q->params[0], on_begin_read));
}

static void on_begin_read(struct slot_read *r)
{
	struct doing *d = container_of(r, struct doing, read);

	if (!answer_db_ok(d->q, &r->outcome))
		return;
	if (!r->found)
		asked_nothing(d->q, "no slot");
	else
		asked_started(d->q, gate_read_start(d->q->api->pg, &d->q->gate, d->q->key.workspace,
						    r->prospect, on_gate));
}

/* A closed gate is told by PostgreSQL, under its lock; here is only what needs proof. */
static void on_gate(struct gate_read *g)
{
	struct request *q = container_of(g, struct request, gate);
	struct doing *d = q->own;
	bool is_begun = strcmp(d->read.state, "sending") == 0;
	char *item;

	if (!answer_db_ok(q, &g->outcome))
		return;
	/* Nobody has written to a stranger, and no answer of his is missed. */
	if (!is_begun && g->n_inboxes > 0 &&
	    gate_verdict(g, q->api->settings->gate_freshness_ms).state == VERDICT_UNKNOWN) {
		slot_call_later(q, PROBLEM_ON_HOLD, "inbox_behind", g->now_us + 10 * 1000000,
				json_object());
		return;
	}
	item = item_of(q, &d->read, "", clock_unix_us());
	asked_started(q, slot_begin_start(q->api->pg, &d->begin, q->key.workspace, q->params[0],
					  (int)d->fence, q->api->settings->gate_freshness_ms, item,
					  on_begun));
	free(item);
}

static void on_begun(struct slot_begin *b)
{
	struct doing *d = container_of(b, struct doing, begin);
	struct request *q = d->q;

	if (!answer_db_ok(q, &b->outcome) || slot_call_refused(q, &b->said))
		return;
	answer_json(q, 200,
		    json_pack("{s:s s:s s:I s:s s:s}", "slot_id", q->params[0], "state", "sending",
			      "fence", (json_int_t)d->fence, "inbox_id", b->said.inbox,
			      "message_id", b->said.message_id));
}

/* ---- the end ---- */

static void settle(struct request *q, struct doing *d, const char *as)
{
	d->as = as;
	asked_started(q, slot_settle_start(q->api->pg, &d->settle, q->key.workspace, q->params[0],
					   (int)d->fence, as, "", d->reason, on_settled));
}

void slot_call_sent(struct request *q)
{
	static const char *const fields[] = { "fence", "message_id", "sent_at", NULL };
	struct doing *d = doing_new(q);

	d->as = "sent";
	if (read_body(q, d, fields))
		asked_started(q, slot_read_start(q->api->pg, &d->read, q->key.workspace,
						 q->params[0], on_sent_read));
}

static void on_sent_read(struct slot_read *r)
{
	struct doing *d = container_of(r, struct doing, read);
	struct request *q = d->q;
	char *item;

	if (!answer_db_ok(q, &r->outcome))
		return;
	if (!r->found) {
		asked_nothing(q, "no slot");
		return;
	}
	item = item_of(q, r, d->message_id, d->sent_us);
	asked_started(q, slot_sent_start(q->api->pg, &d->settle, q->key.workspace, q->params[0],
					 (int)d->fence, d->message_id, item, on_settled));
	free(item);
}

void slot_call_failed(struct request *q)
{
	static const char *const fields[] = { "fence", "stage", "reason", NULL },
				 *stages[] = { "before_accept", "unknown", NULL };
	struct doing *d = doing_new(q);
	struct json_error err;
	size_t stage = 0;

	if (!read_body(q, d, fields))
		return;
	if (json_want_word(q->body, "", "stage", stages, JSON_REQUIRED, &stage, &err))
		answer_problem(q, PROBLEM_BAD_FIELD, err.field, err.why, NULL);
	else
		settle(q, d, stage == 0 ? "failed" : "unknown");
}

void slot_call_release(struct request *q)
{
	static const char *const fields[] = { "fence", NULL };
	struct doing *d = doing_new(q);

	if (read_body(q, d, fields))
		settle(q, d, "released");
}

/* A slot that ended otherwise is told as it is: the same again is the same, everything else a
 * conflict. */
static void on_settled(struct slot_settle *s)
{
	struct doing *d = container_of(s, struct doing, settle);
	struct request *q = d->q;
	json_t *j;

	if (!answer_db_ok(q, &s->outcome))
		return;
	if (s->said.word == SLOT_FENCED || s->said.word == SLOT_UNKNOWN) {
		(void)slot_call_refused(q, &s->said);
		return;
	}
	if (strcmp(s->said.state, d->as) != 0) {
		answer_ended(q, PROBLEM_CONFLICT, s->said.state);
		return;
	}
	if (s->rechecks)
		pg_notify(q->api->pg, "replyd_recheck");
	j = json_pack("{s:s s:s s:s s:s}", "slot_id", q->params[0], "state", s->said.state,
		      "inbox_id", s->said.inbox, "message_id", s->said.message_id);
	if (s->registered[0])
		json_put(j, "outbound",
			 json_pack("{s:s s:s?}", "result", s->registered, "outbound_id",
				   s->outbound[0] ? s->outbound : NULL));
	else
		json_put_null(j, "outbound");
	answer_json(q, 200, j);
}
