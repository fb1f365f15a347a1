#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mailaddr.h"
#include "base/mem.h"
#include "rotation/verdict.h"
#include "services/api/asked.h"
#include "services/api/handlers.h"
#include "services/api/saying.h"

/* What can be read: inboxes, events, gates.  PostgreSQL makes the JSON (db/view). */

static void on_view(struct view *v);
static void on_inbox(struct view *v);
static void on_gate(struct gate_read *g);

static void on_view(struct view *v)
{
	asked_view(v, "nothing");
}

/* One inbox, what is wrong with it, and what to do about it. */
static void on_inbox(struct view *v)
{
	struct request *q = container_of(v, struct request, view);
	json_t *j = NULL;

	if (outcome_ok(&v->outcome) && v->found)
		j = json_loadb((const char *)v->json.data, v->json.len, 0, NULL);
	if (!j) {
		on_view(v);
		return;
	}
	saying_put(
		q, j, "reason",
		problem_words_of_inbox(text_of(json_string_value(json_object_get(j, "state"))),
				       text_of(json_string_value(json_object_get(j, "reason")))));
	answer_json(q, 200, j);
}

void resource_inboxes(struct request *q)
{
	asked_started(q, view_inboxes_start(q->api->pg, &q->view, q->key.workspace, on_view));
}

void resource_inbox(struct request *q)
{
	if (asked_id(q))
		asked_started(q, view_inbox_start(q->api->pg, &q->view, q->key.workspace,
						  q->params[0], on_inbox));
}

void resource_event(struct request *q)
{
	if (asked_id(q))
		asked_started(q, view_event_start(q->api->pg, &q->view, q->key.workspace,
						  q->params[0], on_view));
}

/* ---- the gate ---- */

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

/* Where no key was registered it is the address: then any spelling of it will do. */
static bool is_asked_by_address(struct request *q)
{
	char address[MAILADDR];

	if (mailaddr_fold(text_of(q->params[0]), address) < 0 ||
	    strcmp(address, q->params[0]) == 0 || strlen(address) >= sizeof(q->params[0]))
		return false;
	memcpy(q->params[0], address, strlen(address) + 1);
	gate_read_clear(&q->gate);
	ask_gate(q);
	return true;
}

static void on_gate(struct gate_read *g)
{
	struct request *q = container_of(g, struct request, gate);
	struct verdict_inbox seen[GATE_INBOXES + 1];
	struct verdict_facts f = { .level = g->level,
				   .reason = g->reason,
				   .hold_until_us = g->hold_until_us,
				   .inboxes = seen,
				   .now_us = g->now_us,
				   .freshness_ms = q->api->settings->gate_freshness_ms };
	struct verdict v;

	if (!answer_db_ok(q, &g->outcome) || (!g->n_inboxes && !g->level && is_asked_by_address(q)))
		return;
	for (int i = 0; i < g->n_inboxes && i < GATE_INBOXES; i++)
		seen[f.n_inboxes++] = (struct verdict_inbox){ .watched = g->inboxes[i].watched,
							      .seen_us = g->inboxes[i].seen_us,
							      .blind = g->inboxes[i].blind,
							      .unread = g->inboxes[i].unread };
	if (g->n_inboxes > GATE_INBOXES) /* more than we looked at: not proven */
		seen[f.n_inboxes++] = (struct verdict_inbox){ .seen_us = VERDICT_NEVER };
	v = verdict_of(&f);
	answer_json(q, 200, gate_json(q->params[0], g, &v));
}

void resource_gate(struct request *q)
{
	ask_gate(q);
}
