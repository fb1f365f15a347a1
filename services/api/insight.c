#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "db/probe.h"
#include "db/unread.h"
#include "services/api/asked.h"
#include "services/api/handlers.h"
#include "services/api/waiting.h"
#include "services/words/problem_words.h"

/*
 * What happened to an inbox (timeline, gaps), and the question whether it is seen up to now:
 *
 *   POST .../probe -> ask -> (a worker proves) -> replyd_probed, or a poll -> read -> answer
 */
static void on_view(struct view *v);
static void on_asked(struct probe_ask *a);
static void on_read(struct probe_read *r);
static void look(struct request *q);

#define WAIT_MS       10000
#define LINES_DEFAULT 100
#define LINES_MAX     1000
#define GAPS_MAX      1000

/* ---- timeline and gaps ---- */

static void on_view(struct view *v)
{
	asked_view(v, "no inbox");
}

/* "1700000000000000.17", as `next` of the page behind says it. */
static bool read_before(const char *given, struct view_page *page)
{
	struct text us, line;
	uint64_t a, b;

	page->before_us = page->before_line = INT64_MAX;
	if (!given)
		return true;
	if (!text_cut(text_of(given), '.', &us, &line) || text_u64(us, INT64_MAX - 1, &a) != 0 ||
	    text_u64(line, INT64_MAX, &b) != 0)
		return false;
	page->before_us = (int64_t)a;
	page->before_line = (int64_t)b;
	return true;
}

void insight_timeline(struct request *q)
{
	struct view_page page;
	uint64_t limit = LINES_DEFAULT;

	if (!asked_id(q) || !asked_number(q, "limit", 1, LINES_MAX, &limit))
		return;
	page.limit = (int64_t)limit;
	if (!read_before(http_call_query(q->call, "before"), &page))
		answer_problem(q, PROBLEM_BAD_FIELD, "before", "is not the `next` of a page", NULL);
	else if (view_timeline_start(q->api->pg, &q->view, q->key.workspace, q->params[0], &page,
				     on_view) != 0)
		answer_busy(q);
}

void insight_unread(struct request *q)
{
	if (asked_id(q) &&
	    unread_list_start(q->api->pg, &q->view, q->key.workspace, q->params[0], on_view) != 0)
		answer_busy(q);
}

void insight_acknowledge(struct request *q)
{
	if (asked_id(q) && unread_acknowledge_start(q->api->pg, &q->view, q->key.workspace,
						    q->params[0], q->key.api_key, on_view) != 0)
		answer_busy(q);
}

void insight_gaps(struct request *q)
{
	uint64_t limit = LINES_DEFAULT;

	if (asked_id(q) && asked_number(q, "limit", 1, GAPS_MAX, &limit) &&
	    view_gaps_start(q->api->pg, &q->view, q->key.workspace, q->params[0], (int64_t)limit,
			    on_view))
		answer_busy(q);
}

/* ---- probe ---- */

struct asking {
	struct request *q;
	char probe[RAND_UUID];
	struct probe_ask ask;
	struct probe_read read;
	bool is_reading;
	bool is_late;
};

static void asking_free(void *own)
{
	struct asking *a = own;

	pg_tx_cancel(&a->ask.tx);
	probe_read_clear(&a->read);
	free(a);
}

void insight_probe(struct request *q)
{
	struct asking *a;

	if (!asked_id(q))
		return;
	a = mem_new(sizeof(*a));
	a->q = q;
	rand_uuid(a->probe);
	q->own = a;
	q->own_free = asking_free;
	q->wait_until_ms = clock_mono_ms() + WAIT_MS;
	if (probe_ask_start(q->api->pg, &a->ask, q->key.workspace, q->params[0], a->probe,
			    on_asked) != 0)
		answer_busy(q);
}

static void on_asked(struct probe_ask *ask)
{
	struct asking *a = container_of(ask, struct asking, ask);
	struct request *q = a->q;

	if (!answer_db_ok(q, &ask->outcome))
		return;
	if (!ask->is_there) {
		asked_nothing(q, "no inbox");
		return;
	}
	list_append(&q->api->probing, &q->waiting);
	look(q); /* perhaps there is nobody who could answer */
}

/* Somebody was answered, perhaps we; a little before the end in any case. */
static void look(struct request *q)
{
	struct asking *a = q->own;

	if (a->is_reading)
		return;
	a->is_late = clock_mono_ms() >= q->wait_until_ms;
	a->is_reading =
		probe_read_start(q->api->pg, &a->read, q->key.workspace, a->probe, on_read) == 0;
	if (!a->is_reading && a->is_late)
		answer_busy(q);
}

void insight_probe_recheck(struct api *api)
{
	waiting_look(&api->probing, look);
}

static void answer_late(struct request *q, const struct probe_read *r)
{
	char detail[256];

	(void)snprintf(detail, sizeof(detail),
		       "the inbox was asked and has not proven within %d s; its state is %s%s%s",
		       WAIT_MS / 1000, r->state, r->reason[0] ? ": " : "", r->reason);
	answer_problem(q, PROBLEM_PROOF_NOT_IN_TIME, NULL, detail, NULL);
}

static void answer_hopeless(struct request *q, const struct probe_read *r)
{
	enum words_lang lang = words_of_accept(http_call_header(q->call, "Accept-Language"));
	const struct problem_words *w =
		problem_words_of_inbox(text_of(r->state), text_of(r->reason));
	char detail[256];

	(void)snprintf(detail, sizeof(detail), "nothing is proven while its state is %s%s%s",
		       r->state, r->reason[0] ? ": " : "", r->reason);
	answer_problem(q, PROBLEM_CANNOT_PROVE, NULL, detail, w ? w->in[lang].remedy : NULL);
}

static void on_read(struct probe_read *r)
{
	struct asking *a = container_of(r, struct asking, read);
	struct request *q = a->q;
	json_t *j, *covers;

	a->is_reading = false;
	if (!answer_db_ok(q, &r->outcome))
		return;
	if (!r->is_answered) {
		if (r->is_hopeless)
			answer_hopeless(q, r);
		else if (a->is_late)
			answer_late(q, r);
		return;
	}
	covers = r->covers.len ? json_loadb((const char *)r->covers.data, r->covers.len, 0, NULL)
			       : NULL;
	j = json_object();
	json_put_text(j, "probe_id", text_of(a->probe));
	json_put_time(j, "gated_through", r->gated_through_us);
	json_object_set_new(j, "covers", covers ? covers : json_null());
	answer_json(q, 200, j);
}
