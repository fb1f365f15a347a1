#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "db/feed.h"
#include "services/api/asked.h"
#include "services/api/handlers.h"
#include "services/api/waiting.h"
#include "services/event_type.h"

/*
 * GET /v1/events: a page of the feed, at once or when there is something to tell.
 *
 *   read -> page -> answered
 *              `-> nothing: waits, until the appender says that there is more, or
 *                  the time is over -> read
 */
#define EVENTS_DEFAULT 100
#define EVENTS_MAX     1000
#define WAIT_MAX_S     60
#define WAITERS        32 /* of one workspace, in one process */
#define CONSUMER_MAX   64
#define CONSUMER       "default" /* who says no name */

static void on_page(struct feed_page *p);
static void on_acked(struct feed_ack *a);
static void on_consumer(struct view *v);
static void look(struct request *q);

struct feeding {
	struct request *q;
	struct feed_page page;
	struct feed_ask ask;
	char *types;
	bool is_reading;
	bool is_called; /* there is more, while we are reading */
};

static void feeding_free(void *own)
{
	struct feeding *f = own;

	feed_page_clear(&f->page);
	free(f->types);
	free(f);
}

/* 1 to 64 of a-z A-Z 0-9 . _ - */
static bool is_consumer(struct text name)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	for (size_t i = 0; i < name.len; i++)
		if (!memchr(letters, name.at[i], sizeof(letters) - 1))
			return false;
	return name.len > 0 && name.len <= CONSUMER_MAX;
}

static void refuse_consumer(struct request *q, const char *field)
{
	answer_problem(q, PROBLEM_BAD_FIELD, field, "is not 1 to 64 of a-z A-Z 0-9 . _ -", NULL);
}

/* The words of `types`, as names in JSON; NULL: all.  false: a problem was answered. */
static bool read_types(struct request *q, char **ret)
{
	const char *given = http_call_query(q->call, "types");
	struct text rest = text_of(given), word;
	bool wanted[EVENT_TYPE_N] = { false }, more = given && given[0];
	char detail[128], remedy[768];
	json_t *names;

	*ret = NULL;
	if (!more)
		return true;
	while (more) {
		more = text_cut(rest, ',', &word, &rest);
		if (event_type_match(text_trim(word), wanted))
			continue;
		(void)snprintf(detail, sizeof(detail), "has %.*s, which is no event type",
			       (int)(word.len < 64 ? word.len : 64), word.at);
		(void)snprintf(remedy, sizeof(remedy),
			       "names by commas, or a family as reply.*: %s", event_type_names());
		answer_problem(q, PROBLEM_BAD_FIELD, "types", detail, remedy);
		return false;
	}
	names = json_array();
	for (int i = 0; i < EVENT_TYPE_N; i++)
		if (wanted[i])
			json_array_append_new(
				names, json_string(event_type_at((enum event_type_id)i)->name));
	*ret = json_dumps(names, JSON_COMPACT);
	json_decref(names);
	return true;
}

static size_t waiters_of(struct api *api, const char *workspace)
{
	size_t n = 0;

	for (struct list *l = api->feeding.next; l != &api->feeding; l = l->next)
		n += strcmp(container_of(l, struct request, waiting)->key.workspace, workspace) ==
		     0;
	return n;
}

static bool read_ask(struct request *q, struct feeding *f)
{
	uint64_t after = UINT64_MAX, limit = EVENTS_DEFAULT, wait_s = 0;

	f->ask.consumer = http_call_query(q->call, "consumer");
	if (f->ask.consumer && !is_consumer(text_of(f->ask.consumer))) {
		refuse_consumer(q, "consumer");
		return false;
	}
	if (!asked_number(q, "after", 0, INT64_MAX, &after) ||
	    !asked_number(q, "limit", 1, EVENTS_MAX, &limit) ||
	    !asked_number(q, "wait", 0, WAIT_MAX_S, &wait_s) || !read_types(q, &f->types))
		return false;
	f->ask.after = after == UINT64_MAX ? -1 : (int64_t)after;
	f->ask.limit = (int64_t)limit;
	f->ask.types = f->types;
	if (wait_s && waiters_of(q->api, q->key.workspace) >= WAITERS) {
		http_call_set_header(q->call, "Retry-After", "1");
		answer_problem(q, PROBLEM_TOO_MANY, "wait",
			       "32 readers of this workspace wait already",
			       "let fewer readers wait, or poll");
		return false;
	}
	q->wait_until_ms = wait_s ? clock_mono_ms() + wait_s * 1000 : 0;
	return true;
}

static void start_page(struct request *q)
{
	struct feeding *f = q->own;

	f->is_called = false;
	f->is_reading =
		feed_page_start(q->api->pg, &f->page, q->key.workspace, &f->ask, on_page) == 0;
	if (!f->is_reading)
		answer_busy(q);
}

void event_feed_read(struct request *q)
{
	struct feeding *f = mem_new(sizeof(*f));

	f->q = q;
	q->own = f;
	q->own_free = feeding_free;
	if (read_ask(q, f))
		start_page(q);
}

/* Below what is kept: nothing is told, so that nobody takes what is left for all there was. */
static void answer_gone(struct request *q, int64_t floor)
{
	const struct problem p = { .code = PROBLEM_GONE,
				   .field = "after",
				   .detail = "is older than the events that are kept",
				   .remedy = "go on from `oldest`; what lay before it is gone",
				   .oldest = &floor };
	struct buf body;

	q->api->problems++;
	buf_init(&body, 4096);
	problem_write(&p, q->id, &body);
	answer_text(q, problem_status(p.code), "application/problem+json", text_of_buf(&body));
	buf_clear(&body);
}

static void on_page(struct feed_page *p)
{
	struct feeding *f = container_of(p, struct feeding, page);
	struct request *q = f->q;
	bool is_over = clock_mono_ms() >= q->wait_until_ms;

	f->is_reading = false;
	if (!answer_db_ok(q, &p->outcome))
		return;
	if (p->json.len == 0) {
		answer_gone(q, p->floor);
		return;
	}
	if (p->told > 0 || is_over) {
		answer_text(q, 200, "application/json", text_of_buf(&p->json));
		return;
	}
	f->ask.after = p->next; /* what was looked at holds nothing for us */
	if (!p->is_whole || f->is_called)
		start_page(q);
	else if (list_is_empty(&q->waiting))
		list_append(&q->api->feeding, &q->waiting);
}

/* Somebody's events came, perhaps ours; or it is over. */
static void look(struct request *q)
{
	struct feeding *f = q->own;

	if (f->is_reading)
		f->is_called = true;
	else
		start_page(q);
}

void event_feed_recheck(struct api *api)
{
	waiting_look(&api->feeding, look);
}

/* ---- acknowledgement ---- */

struct acking {
	struct request *q;
	struct feed_ack ack;
	char consumer[CONSUMER_MAX + 1];
};

static void acking_free(void *own)
{
	struct acking *a = own;

	pg_tx_cancel(&a->ack.tx);
	free(a);
}

void event_feed_acknowledge(struct request *q)
{
	static const char *const fields[] = { "consumer", "position", NULL };
	struct acking *a;
	struct text consumer = TEXT(CONSUMER);
	struct json_error err;
	int64_t position = 0;

	if (!answer_body(q))
		return;
	if (json_only(q->body, "", fields, &err) ||
	    json_want_text(q->body, "", "consumer", CONSUMER_MAX, JSON_OPTIONAL, &consumer, &err) ||
	    json_want_int(q->body, "", "position", 0, INT64_MAX, JSON_REQUIRED, &position, &err)) {
		answer_problem(q, PROBLEM_BAD_FIELD, err.field, err.why, NULL);
		return;
	}
	if (!is_consumer(consumer)) {
		refuse_consumer(q, "/consumer");
		return;
	}
	a = mem_new(sizeof(*a));
	a->q = q;
	(void)snprintf(a->consumer, sizeof(a->consumer), "%.*s", TEXT_ARG(consumer));
	q->own = a;
	q->own_free = acking_free;
	if (feed_ack_start(q->api->pg, &a->ack, q->key.workspace, a->consumer, position,
			   on_acked) != 0)
		answer_busy(q);
}

static void on_acked(struct feed_ack *ack)
{
	struct acking *a = container_of(ack, struct acking, ack);
	struct request *q = a->q;
	json_t *j;

	if (!answer_db_ok(q, &ack->outcome))
		return;
	switch (ack->end) {
	case FEED_ACK_DONE:
		j = json_object();
		json_put_text(j, "consumer", text_of(a->consumer));
		json_put_int(j, "position", ack->position);
		json_put_int(j, "behind", ack->head - ack->position);
		answer_json(q, 200, j);
		return;
	case FEED_ACK_AHEAD:
		answer_problem(q, PROBLEM_BAD_FIELD, "/position", "was not given to any event yet",
			       "send the `next` of a page");
		return;
	case FEED_ACK_TOO_MANY:
		answer_problem(q, PROBLEM_CONFLICT, "/consumer",
			       "the workspace has 100 consumers already",
			       "use one of them; a consumer's name is his, not that of a process");
		return;
	}
}

void event_feed_consumer(struct request *q)
{
	const char *name = http_call_query(q->call, "consumer");

	if (!name)
		name = CONSUMER;
	if (!is_consumer(text_of(name)))
		refuse_consumer(q, "consumer");
	else
		asked_started(q, feed_consumer_start(q->api->pg, &q->view, q->key.workspace, name,
						     on_consumer));
}

static void on_consumer(struct view *v)
{
	asked_view(v, "no consumer");
}
