#include "base/json.h"
#include "base/mem.h"
#include "services/api/asked.h"
#include "services/api/handlers.h"
#include "services/api/saying.h"

/* What can be read: inboxes, events.  PostgreSQL makes the JSON (db/view). */

static void on_view(struct view *v);
static void on_inboxes(struct view *v);
static void on_inbox(struct view *v);

#define INBOXES_MAX 1000

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

/* A list as such: where it goes on stands in a header (RFC 8288). */
static void on_inboxes(struct view *v)
{
	struct request *q = container_of(v, struct request, view);

	if (outcome_ok(&v->outcome) && v->next[0])
		asked_next(q, "after", v->next);
	on_view(v);
}

void resource_inboxes(struct request *q)
{
	const char *after = http_call_query(q->call, "after");
	uint64_t limit = INBOXES_MAX;

	if (asked_number(q, "limit", 1, INBOXES_MAX, &limit))
		asked_started(q,
			      view_inboxes_start(q->api->pg, &q->view, q->key.workspace,
						 after ? after : "", (int64_t)limit, on_inboxes));
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
