#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "db/inbox_list.h"
#include "db/overview.h"
#include "services/api/asked.h"
#include "services/api/field.h"
#include "services/api/handlers.h"
#include "services/api/saying.h"

/* What somebody who watches thousands of inboxes looks at: sums, what needs him, lists page by
 * page.
 */
static void on_overview(struct view *v);
static void on_list(struct view *v);
static void on_messages(struct view *v);

#define ROWS_DEFAULT 50
#define ROWS_MAX     200
#define HAS_MAX      100 /* bytes of what is searched for */

/* Every row says in words what is wrong with it, and what mends that. */
static void say_rows(const struct request *q, json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		saying_put(q, row, "reason",
			   problem_words_of_inbox(text_of(json_get_text(row, "state")),
						  text_of(json_get_text(row, "reason"))));
	}
}

/* NULL: a problem was answered. */
static json_t *read_view(struct view *v)
{
	struct request *q = container_of(v, struct request, view);
	json_t *j = NULL;

	if (!answer_db_ok(q, &v->outcome))
		return NULL;
	if (v->found)
		j = json_loadb((const char *)v->json.data, v->json.len, 0, NULL);
	if (!j)
		asked_nothing(q, "nothing");
	return j;
}

/* ---- GET /v1/overview ---- */

void overview_call_show(struct request *q)
{
	asked_started(q, overview_start(q->api->pg, &q->view, q->key.workspace, on_overview));
}

static void on_overview(struct view *v)
{
	struct request *q = container_of(v, struct request, view);
	json_t *j = read_view(v), *domain;
	size_t i;

	if (!j)
		return;
	say_rows(q, json_object_get(json_object_get(j, "needs"), "inboxes"));
	say_rows(q, json_object_get(j, "changed"));
	json_array_foreach(json_object_get(json_object_get(j, "needs"), "domains"), i, domain)
	{
		saying_put(q, domain, "reason",
			   problem_words_of(text_of(json_get_text(domain, "reason"))));
	}
	answer_json(q, 200, j);
}

/* ---- GET /v1/overview/inboxes ---- */

/* "3~1700000000000000~<uuid>", as `next` has it. */
static bool read_place(const char *given, struct inbox_list *l)
{
	struct text rank, us, id, rest;
	uint64_t r, u;

	if (!text_cut(text_of(given), '~', &rank, &rest) || !text_cut(rest, '~', &us, &id) ||
	    text_u64(rank, 100, &r) != 0 || text_u64(us, INT64_MAX, &u) != 0 || !field_uuid(id.at))
		return false;
	l->after_rank = (int64_t)r;
	l->after_us = (int64_t)u;
	l->after_id = id.at;
	return true;
}

static bool bad(struct request *q, const char *field, const char *why, const char *remedy)
{
	answer_problem(q, PROBLEM_BAD_FIELD, field, why, remedy);
	return false;
}

static bool read_order(struct request *q, struct inbox_list *l)
{
	static const char *const orders[] = { [INBOX_LIST_ADDRESS] = "address",
					      [INBOX_LIST_STATE] = "state",
					      [INBOX_LIST_SINCE] = "since" };
	static const char *const states[] = { "paused",      "reauth_required", "held",
					      "backing_off", "unwatched",       "new",
					      "connecting",  "catching_up",     "live" };
	const char *sort = http_call_query(q->call, "sort");
	bool is_paused = l->state && strcmp(l->state, "paused") == 0;
	size_t i = 0;

	while (l->state && i < countof(states) && strcmp(states[i], l->state) != 0)
		i++;
	if (i == countof(states))
		return bad(q, "state", "is no state of an inbox", "see docs/interfaces.md");
	l->order = l->state && !is_paused ? INBOX_LIST_STATE : INBOX_LIST_ADDRESS;
	if (!sort)
		return true;
	for (i = 0; i < countof(orders) && strcmp(orders[i], sort) != 0;)
		i++;
	if (i == countof(orders))
		return bad(q, "sort", "is no order", "choose address, state or since");
	if (l->state && i != l->order)
		return bad(q, "sort", "does not go with this state",
			   "those of one state come by how long it lasts, paused ones by address");
	l->order = (enum inbox_list_order)i;
	return true;
}

static bool read_list(struct request *q, struct inbox_list *l, char has[HAS_MAX + 1])
{
	const char *after = http_call_query(q->call, "after");
	const char *given = http_call_query(q->call, "q");
	uint64_t limit = ROWS_DEFAULT;

	*l = (struct inbox_list){ .state = http_call_query(q->call, "state"),
				  .provider = http_call_query(q->call, "provider"),
				  .after_address = "" };
	if (!asked_number(q, "limit", 1, ROWS_MAX, &limit) || !read_order(q, l))
		return false;
	l->limit = (int64_t)limit;
	if (given && strlen(given) > HAS_MAX)
		return bad(q, "q", "is longer than 100 bytes", NULL);
	if (given && *given) {
		(void)snprintf(has, HAS_MAX + 1, "%s", given);
		for (char *c = has; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c - 'A' + 'a');
		l->has = has;
	}
	if (after && l->order == INBOX_LIST_ADDRESS)
		l->after_address = after;
	else if (after && !read_place(after, l))
		return bad(q, "after", "is not the `next` of a page", NULL);
	return true;
}

void overview_call_inboxes(struct request *q)
{
	char has[HAS_MAX + 1];
	struct inbox_list l;

	if (read_list(q, &l, has))
		asked_started(
			q, inbox_list_start(q->api->pg, &q->view, q->key.workspace, &l, on_list));
}

static void on_list(struct view *v)
{
	struct request *q = container_of(v, struct request, view);
	json_t *j = read_view(v);

	if (!j)
		return;
	say_rows(q, json_object_get(j, "inboxes"));
	answer_json(q, 200, j);
}

/* ---- GET /v1/inboxes/{id}/messages ---- */

void overview_call_messages(struct request *q)
{
	const char *before = http_call_query(q->call, "before");
	const char *id = "ffffffff-ffff-ffff-ffff-ffffffffffff";
	uint64_t limit = ROWS_DEFAULT, us = 4102444800000000; /* the year 2100: the newest */
	struct text at, rest;

	if (!asked_id(q) || !asked_number(q, "limit", 1, ROWS_MAX, &limit))
		return;
	if (before && (!text_cut(text_of(before), '~', &at, &rest) ||
		       text_u64(at, INT64_MAX, &us) != 0 || !field_uuid(rest.at))) {
		(void)bad(q, "before", "is not the `next` of a page", NULL);
		return;
	}
	asked_started(q, inbox_list_messages_start(q->api->pg, &q->view, q->key.workspace,
						   q->params[0], (int64_t)us, before ? rest.at : id,
						   (int64_t)limit, on_messages));
}

static void on_messages(struct view *v)
{
	asked_view(v, "no inbox");
}
