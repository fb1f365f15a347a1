#include "services/dispatch/receipts.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define MOST  256 /* deliveries in one transaction: a few milliseconds of PostgreSQL's time */
#define TRIES 5   /* of one receipt */

static void on_told(struct receipt_batch *q, const char *endpoint, const char *what);
static void on_done(struct receipt_batch *q);

void receipts_init(struct receipts *r, struct pg *pg, const struct log *log,
		   uint64_t disable_after_ms)
{
	*r = (struct receipts){ .pg = pg, .log = log, .disable_after_ms = disable_after_ms };
	list_init(&r->waiting);
	list_init(&r->sent);
}

/* What the batch says of each endpoint in it, once. */
static void add_news(struct receipts *r)
{
	uint64_t now_ms = clock_mono_ms();
	struct list *at, *tmp;

	list_each(&r->sent, at, tmp)
	{
		struct post *t = container_of(at, struct post, link);

		t->lane->is_told = t->lane->has_ok = false;
		t->lane->failed_with = "";
	}
	list_each(&r->sent, at, tmp)
	{
		struct post *t = container_of(at, struct post, link);

		t->lane->has_ok = t->lane->has_ok || t->is_ok;
		if (*t->failed_with)
			t->lane->failed_with = t->failed_with;
	}
	list_each(&r->sent, at, tmp)
	{
		struct lanes_entry *e = container_of(at, struct post, link)->lane;
		const struct receipt_news n = {
			.workspace = e->workspace,
			.endpoint = e->endpoint,
			.ok = e->has_ok,
			.failed_with = e->failed_with,
			.state = lane_state_word(e->lane.state),
			.wait_ms =
				e->lane.not_before_ms > now_ms ? e->lane.not_before_ms - now_ms : 0,
		};

		if (!e->is_told)
			receipt_batch_news(&r->batch, &n);
		e->is_told = true;
	}
}

static void flush(struct receipts *r)
{
	struct list *at;
	int n = 0;

	if (r->is_busy || list_is_empty(&r->waiting))
		return;
	receipt_batch_begin(&r->batch);
	while ((at = list_first(&r->waiting)) && n < (r->singly ? 1 : MOST)) {
		struct post *t = container_of(at, struct post, link);

		for (int i = 0; i < t->n; i++) {
			struct receipt one;

			post_receipt(t, i, &one);
			receipt_batch_add(&r->batch, &one);
		}
		t->receipt_tries++;
		n += t->n;
		r->n_waiting--;
		list_remove(at);
		list_append(&r->sent, at);
	}
	if (r->singly)
		r->singly--;
	add_news(r);
	r->is_busy = true;
	if (receipt_batch_start(r->pg, &r->batch, r->disable_after_ms, on_told, on_done) != 0) {
		r->batch.outcome =
			outcome_of(BLAME_US, "cannot ask", TEXT("the receipts are too many"));
		on_done(&r->batch);
	}
}

void receipts_add(struct receipts *r, struct post *t)
{
	list_remove(&t->link);
	list_append(&r->waiting, &t->link);
	r->n_waiting++;
	flush(r);
}

static void on_told(struct receipt_batch *q, const char *endpoint, const char *what)
{
	struct receipts *r = container_of(q, struct receipts, batch);

	if (strcmp(what, "recovered") == 0)
		log_info(r->log, "endpoint.recovered", "endpoint=%s", endpoint);
	else
		log_warn(r->log, "endpoint.disabled", "endpoint=%s why=%s remedy=\"%s\"", endpoint,
			 what, "its owner enables it again: PATCH /v1/endpoints/{id}");
	r->told(r->owner);
}

/* The same again does no harm: whether it was committed or not. */
static void again(struct receipts *r, bool is_refused)
{
	struct list back, *at;
	int n = 0;

	list_init(&back);
	list_move_all(&back, &r->sent);
	while ((at = list_first(&back))) {
		struct post *t = container_of(at, struct post, link);

		list_remove(at);
		if (t->receipt_tries < TRIES) {
			list_append(&r->sent, at);
			n++;
			continue;
		}
		log_warn(r->log, "receipt.not_kept", "endpoint=%s event=%s deliveries=%d",
			 t->lane->endpoint, t->items[0].event, t->n);
		r->kept(r->owner, t);
	}
	/* Before those that came meanwhile. */
	r->n_waiting += n;
	list_move_all(&r->sent, &r->waiting);
	list_move_all(&r->waiting, &r->sent);
	if (is_refused)
		r->singly = n;
}

static void on_done(struct receipt_batch *q)
{
	struct receipts *r = container_of(q, struct receipts, batch);
	struct list kept, *at;

	r->is_busy = false;
	if (outcome_ok(&q->outcome)) {
		list_init(&kept);
		list_move_all(&kept, &r->sent);
		while ((at = list_first(&kept))) {
			list_remove(at);
			r->kept(r->owner, container_of(at, struct post, link));
		}
	} else {
		log_warn(r->log, "receipts.not_kept", "what=%s said=%s", q->outcome.what,
			 q->outcome.said);
		again(r, q->outcome.blame != BLAME_NET);
	}
	flush(r);
}

static void free_all(struct list *l)
{
	struct list *at;

	while ((at = list_first(l)))
		post_free(container_of(at, struct post, link));
}

void receipts_drop(struct receipts *r)
{
	pg_tx_cancel(&r->batch.tx);
	buf_clear(&r->batch.items);
	buf_clear(&r->batch.news);
	free_all(&r->waiting);
	free_all(&r->sent);
}
