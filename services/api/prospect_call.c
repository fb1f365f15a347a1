#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mailaddr.h"
#include "base/mem.h"
#include "db/stop.h"
#include "services/api/asked.h"
#include "services/api/gate_verdict.h"
#include "services/api/handlers.h"

/*
 * May anyone still write to this person?  The gate is read, and closed or opened by hand:
 *
 *   gate -> read -> verdict
 *   stop, resume -> the gate is moved -> read -> verdict, and whether it was moved
 */
static void on_moved(struct stop_call *s);
static void on_gate(struct gate_read *g);

struct moving {
	struct request *q;
	struct stop_call call;
	bool opens;
};

/* What somebody may stop a prospect for, and how far that closes (docs/interfaces.md, Gate). */
static const struct {
	const char *reason;
	int level;
} reasons[] = {
	{ "manual", 3 },       { "replied", 3 },      { "left_company", 3 },
	{ "bounced_hard", 4 }, { "unsubscribed", 5 }, { "complained", 6 },
};

/* ---- reading ---- */

static void put_instant(json_t *obj, const char *key, int64_t unix_us)
{
	if (unix_us == VERDICT_NEVER)
		json_put_null(obj, key);
	else
		json_put_time(obj, key, unix_us);
}

static json_t *gate_json(const char *prospect, const struct gate_read *g, const struct verdict *v)
{
	bool closed = v->state == VERDICT_CLOSED;
	json_t *j = json_object(), *covers;

	json_put_text(j, "prospect", text_of(prospect));
	json_put_text(j, "state", text_of(verdict_state_name(v->state)));
	json_put_int(j, "level", v->level);
	json_put_text(j, "reason", text_of(v->reason));
	json_put_bool(j, "provisional", v->provisional);
	put_instant(j, "hold_until", closed ? g->hold_until_us : VERDICT_NEVER);
	put_instant(j, "since", closed ? g->closed_us : VERDICT_NEVER);
	put_instant(j, "observed_through", v->observed_through_us);
	covers = g->covers.len ? json_loadb((const char *)g->covers.data, g->covers.len, 0, NULL)
			       : NULL;
	json_object_set_new(j, "covers", covers ? covers : json_null());
	return j;
}

static void ask_gate(struct request *q)
{
	asked_started(
		q, gate_read_start(q->api->pg, &q->gate, q->key.workspace, q->params[0], on_gate));
}

/* The address that the key is in another spelling; false: it is none, or is spelled so. */
static bool other_spelling(const struct request *q, char ret[MAILADDR])
{
	return mailaddr_fold(text_of(q->params[0]), ret) >= 0 && strcmp(ret, q->params[0]) != 0 &&
	       strlen(ret) < sizeof(q->params[0]);
}

/* Where no key was registered it is the address: then any spelling of it will do. */
static bool is_asked_by_address(struct request *q)
{
	char address[MAILADDR];

	if (!other_spelling(q, address))
		return false;
	memcpy(q->params[0], address, strlen(address) + 1);
	gate_read_clear(&q->gate);
	ask_gate(q);
	return true;
}

static void on_gate(struct gate_read *g)
{
	struct request *q = container_of(g, struct request, gate);
	const struct moving *m = q->own;
	struct verdict v;
	json_t *j;

	if (!answer_db_ok(q, &g->outcome) || (!g->n_inboxes && !g->level && is_asked_by_address(q)))
		return;
	v = gate_verdict(g, q->api->settings->gate_freshness_ms);
	j = gate_json(q->params[0], g, &v);
	if (m)
		json_put_bool(j, "changed", m->call.changed);
	answer_json(q, 200, j);
}

void prospect_call_gate(struct request *q)
{
	ask_gate(q);
}

/* ---- moving ---- */

static void moving_free(void *own)
{
	struct moving *m = own;

	pg_tx_cancel(&m->call.tx);
	free(m);
}

static struct moving *moving_new(struct request *q, bool opens)
{
	struct moving *m = mem_new(sizeof(*m));

	m->q = q;
	m->opens = opens;
	q->own = m;
	q->own_free = moving_free;
	return m;
}

/* {"reason"}, or no body at all.  `ret` stays where none is given; false: a problem was answered.
 */
static bool read_reason(struct request *q, size_t *ret)
{
	static const char *const fields[] = { "reason", NULL };
	const char *words[countof(reasons) + 1] = { NULL };
	struct json_error err;

	if (http_call_body(q->call).len == 0)
		return true;
	if (!answer_body(q))
		return false;
	for (size_t i = 0; i < countof(reasons); i++)
		words[i] = reasons[i].reason;
	if (json_only(q->body, "", fields, &err) ||
	    json_want_word(q->body, "", "reason", words, JSON_OPTIONAL, ret, &err)) {
		answer_problem(q, PROBLEM_BAD_FIELD, err.field, err.why, NULL);
		return false;
	}
	return true;
}

void prospect_call_stop(struct request *q)
{
	char address[MAILADDR];
	struct moving *m;
	bool is_address;
	size_t why = 0;

	if (!read_reason(q, &why))
		return;
	is_address = other_spelling(q, address);
	m = moving_new(q, /* opens= */ false);
	asked_started(q, stop_start(q->api->pg, &m->call, q->key.workspace, q->params[0],
				    is_address ? address : NULL, reasons[why].level,
				    reasons[why].reason, on_moved));
}

/* The reason is the gate's as somebody read it: whatever closed it, also an absence's. */
static bool read_seen(struct request *q, struct text *ret)
{
	static const char *const fields[] = { "reason", NULL };
	struct json_error err;

	if (http_call_body(q->call).len == 0)
		return true;
	if (!answer_body(q))
		return false;
	if (json_only(q->body, "", fields, &err) ||
	    json_want_text(q->body, "", "reason", sizeof(((struct stop_call *)0)->reason) - 1,
			   JSON_OPTIONAL, ret, &err)) {
		answer_problem(q, PROBLEM_BAD_FIELD, err.field, err.why, NULL);
		return false;
	}
	return true;
}

void prospect_call_resume(struct request *q)
{
	char address[MAILADDR];
	struct text seen = { 0 };
	struct moving *m;
	bool is_address;

	if (!read_seen(q, &seen))
		return;
	is_address = other_spelling(q, address);
	m = moving_new(q, /* opens= */ true);
	asked_started(q, stop_resume_start(q->api->pg, &m->call, q->key.workspace, q->params[0],
					   is_address ? address : NULL, seen.len ? seen.at : NULL,
					   on_moved));
}

/* It was not opened since it is closed for what nobody said he had seen. */
static bool is_refused(const struct moving *m)
{
	const struct stop_call *s = &m->call;
	struct request *q = m->q;
	const char *seen = q->body ? json_get_text(q->body, "reason") : "";
	char detail[160], remedy[160];

	if (!m->opens || s->changed || s->level == 0 || s->level == 2)
		return false;
	(void)snprintf(detail, sizeof(detail), "the gate is closed for `%s`%s%s%s", s->reason,
		       *seen ? ", not for `" : "", seen, *seen ? "`" : "");
	(void)snprintf(remedy, sizeof(remedy),
		       "if it shall open all the same, send {\"reason\": \"%s\"}", s->reason);
	answer_problem(q, PROBLEM_CONFLICT, "/reason", detail, remedy);
	return true;
}

static void on_moved(struct stop_call *s)
{
	struct moving *m = container_of(s, struct moving, call);
	struct request *q = m->q;

	if (!answer_db_ok(q, &s->outcome) || is_refused(m))
		return;
	if (s->changed)
		pg_notify(q->api->pg, "replyd_event");
	ask_gate(q);
}
