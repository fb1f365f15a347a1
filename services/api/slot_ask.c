#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/sign.h"
#include "ingest/match/match_relation.h"
#include "rotation/claim.h"
#include "services/api/asked.h"
#include "services/api/field.h"
#include "services/api/handlers.h"
#include "services/api/once.h"
#include "services/api/slot_call.h"

/*
 * POST /v1/slots: who may send this, to whom, now.
 *
 *   question -> claim (members, pick, PostgreSQL) -> a slot, or why not
 */
static void on_claimed(struct claim *c);

#define NAME_MAX_BYTES 200 /* of a sequence, a step, a prospect's key */
#define TTL_S          120
#define HORIZON_S      900

struct asking {
	struct request *q;
	struct claim claim;
	char pool[JSON_UUID], inbox[JSON_UUID], slot[RAND_UUID], address[FIELD_ADDRESS];
	char prospect[NAME_MAX_BYTES + FIELD_ADDRESS], sequence[NAME_MAX_BYTES + 1],
		step[NAME_MAX_BYTES + 1], company[FIELD_ADDRESS];
	uint8_t print[SIGN_SHA256];
};

static void asking_free(void *own)
{
	struct asking *a = own;

	claim_clear(&a->claim);
	free(a);
}

static void keep(char *dst, size_t n, struct text from)
{
	(void)snprintf(dst, n, "%.*s", TEXT_ARG(from));
}

static int read_prospect(const json_t *body, struct asking *a, struct json_error *err)
{
	static const char *const fields[] = { "key", "address", NULL };
	struct text address = { 0 }, key = { 0 }, name, domain;
	const json_t *p = NULL;

	if (json_want_object(body, "", "prospect", JSON_REQUIRED, &p, err) ||
	    json_only(p, "/prospect", fields, err) ||
	    json_want_text(p, "/prospect", "address", FIELD_ADDRESS - 1, JSON_REQUIRED, &address,
			   err) ||
	    json_want_text(p, "/prospect", "key", NAME_MAX_BYTES, JSON_OPTIONAL, &key, err))
		return -1;
	if (!field_address(address, a->address)) {
		json_error_set(err, "/prospect", "address",
			       "is not an e-mail address (name@domain)");
		return -1;
	}
	keep(a->prospect, sizeof(a->prospect), key.len ? key : text_of(a->address));
	(void)text_cut(text_of(a->address), '@', &name, &domain);
	if (!match_relation_is_free(domain)) {
		keep(a->company, sizeof(a->company), domain);
		a->claim.ask.company = a->company;
	}
	return 0;
}

static int read_times(const json_t *body, struct slot_ask *s, struct json_error *err)
{
	int64_t ttl = TTL_S, horizon = HORIZON_S;

	s->not_before_us = INT64_MIN;
	s->not_after_us = INT64_MAX;
	if (json_want_time(body, "", "not_before", JSON_OPTIONAL, &s->not_before_us, err) ||
	    json_want_time(body, "", "not_after", JSON_OPTIONAL, &s->not_after_us, err) ||
	    json_want_int(body, "", "ttl_s", 5, 900, JSON_OPTIONAL, &ttl, err) ||
	    json_want_int(body, "", "horizon_s", 0, 900, JSON_OPTIONAL, &horizon, err))
		return -1;
	s->ttl_ms = (uint64_t)ttl * 1000;
	s->horizon_ms = (uint64_t)horizon * 1000;
	return 0;
}

static int read_question(const json_t *body, struct asking *a, struct json_error *err)
{
	static const char *const fields[] = { "pool_id", "inbox_id",  "sequence",   "step",
					      "kind",    "prospect",  "not_before", "not_after",
					      "ttl_s",   "horizon_s", NULL };
	static const char *const kinds[] = { "first", "follow_up", "manual", NULL };
	static const enum sendable_kind means[] = { SENDABLE_FIRST, SENDABLE_FOLLOWUP,
						    SENDABLE_MANUAL };
	struct slot_ask *s = &a->claim.ask;
	struct text sequence = { 0 }, step = { 0 };
	size_t kind = 0;

	if (json_only(body, "", fields, err) ||
	    json_want_uuid(body, "", "pool_id", JSON_OPTIONAL, a->pool, err) ||
	    json_want_uuid(body, "", "inbox_id", JSON_OPTIONAL, a->inbox, err) ||
	    json_want_text(body, "", "sequence", NAME_MAX_BYTES, JSON_REQUIRED, &sequence, err) ||
	    json_want_text(body, "", "step", NAME_MAX_BYTES, JSON_REQUIRED, &step, err) ||
	    json_want_word(body, "", "kind", kinds, JSON_REQUIRED, &kind, err) ||
	    read_prospect(body, a, err) || read_times(body, s, err))
		return -1;
	if (!a->pool[0] == !a->inbox[0]) {
		json_error_set(err, "", "pool_id", "is needed, or inbox_id in its place");
		return -1;
	}
	keep(a->sequence, sizeof(a->sequence), sequence);
	keep(a->step, sizeof(a->step), step);
	s->kind = kinds[kind];
	a->claim.pick.kind = means[kind];
	a->claim.pick.horizon_us = (int64_t)s->horizon_ms * 1000;
	return 0;
}

/* The same question, however its members stand. */
static void print_of(const json_t *body, uint8_t ret[SIGN_SHA256])
{
	char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);

	sign_sha256(text, strlen(text), ret);
	free(text);
}

void slot_ask(struct request *q)
{
	const char *key = NULL;
	struct json_error err;
	struct asking *a;
	struct slot_ask *s;
	uint32_t drawn;

	if (!once_key(q, &key) || !answer_body(q))
		return;
	if (!key) {
		answer_problem(q, PROBLEM_BAD_FIELD, "Idempotency-Key", "is missing",
			       "send one per mail: sequence, step and prospect");
		return;
	}
	a = mem_new(sizeof(*a));
	a->q = q;
	q->own = a;
	q->own_free = asking_free;
	if (read_question(q->body, a, &err)) {
		answer_problem(q, PROBLEM_BAD_FIELD, err.field, err.why, NULL);
		return;
	}
	print_of(q->body, a->print);
	rand_uuid(a->slot);
	rand_bytes(&drawn, sizeof(drawn));
	s = &a->claim.ask;
	s->key = key;
	s->print = a->print;
	s->print_len = sizeof(a->print);
	s->slot = a->slot;
	s->prospect = a->prospect;
	s->address = a->address;
	s->sequence = a->sequence;
	s->step = a->step;
	s->pool = a->pool[0] ? a->pool : NULL;
	s->chance = ldexp(drawn, -32);
	a->claim.pg = q->api->pg;
	a->claim.workspace = q->key.workspace;
	a->claim.pool = s->pool;
	a->claim.inbox = a->inbox;
	asked_started(q, claim_start(&a->claim, on_claimed));
}

/* ---- the answer ---- */

static void answer_none(struct request *q, const struct claim *c)
{
	json_t *reasons = json_loads(c->said.why, 0, NULL), *more = json_object();
	int64_t retry = c->said.until_us;

	if (!json_is_object(reasons)) { /* the thread's inbox is none of these */
		json_decref(reasons);
		reasons = json_pack("{s:i}", "bound_elsewhere", 1);
	} else {
		if (c->retry_us != PICK_NEVER && (retry == INT64_MIN || c->retry_us < retry))
			retry = c->retry_us;
		for (int r = 0; r < REFUSAL_COUNT; r++)
			if (c->refused[r])
				json_object_set_new(reasons, refusal_name((enum refusal)r),
						    json_integer(c->refused[r]));
	}
	json_put(more, "reasons", reasons);
	slot_call_later(q, PROBLEM_NO_SLOT, "no_inbox", retry, more);
}

static void on_claimed(struct claim *c)
{
	struct asking *a = container_of(c, struct asking, claim);
	struct request *q = a->q;
	const struct slot_said *s = &c->said;
	json_t *j;

	if (!answer_db_ok(q, &c->outcome))
		return;
	if (c->no_pool) {
		asked_nothing(q, a->pool[0] ? "no pool, or nobody is in it" : "no inbox");
		return;
	}
	if (slot_call_refused(q, s))
		return;
	if (s->word == SLOT_NONE) {
		answer_none(q, c);
		return;
	}
	j = json_pack("{s:s s:s s:s s:i s:s s:s? s:b}", "slot_id", s->slot, "state", s->state,
		      "inbox_id", s->inbox, "fence", s->fence, "message_id", s->message_id,
		      "in_reply_to", s->thread[0] ? s->thread : NULL, "replayed",
		      s->word == SLOT_REPLAYED);
	json_put_time(j, "send_at", s->send_at_us);
	json_put_time(j, "expires_at", s->expires_at_us);
	answer_json(q, 200, j);
}
