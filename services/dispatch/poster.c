#include "services/dispatch/poster.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io/timer.h"
#include "base/mem.h"
#include "db/delivery.h"
#include "services/dispatch/judge.h"
#include "services/dispatch/lanes.h"
#include "services/dispatch/post.h"
#include "services/dispatch/receipts.h"
#include "services/dispatch/tender.h"

/* Behind every hint stands this poll: a lost NOTIFY, a delivery that becomes due by time. */
#define POLL_MS 250
/* A claim outlives its post by so much before another dispatcher takes it. */
#define CLAIM_SLACK_MS 5000
#define TAKE_MOST      256 /* deliveries of one take: a few milliseconds of PostgreSQL's time */

/*
 * The life of it:
 *
 *   IDLE           the poll or a kick is to come
 *   TAKING         a take is under way; a kick meanwhile is kept for later
 *   TAKING_KICKED
 *   LAST_TAKE      draining, but the take under way may still bring posts
 *   DRAINING       posts under way are to end
 *   DRAINED        told
 *   CLOSING        dropped; the timer's end frees it
 */
enum poster_state {
	POSTER_IDLE,
	POSTER_TAKING,
	POSTER_TAKING_KICKED,
	POSTER_LAST_TAKE,
	POSTER_DRAINING,
	POSTER_DRAINED,
	POSTER_CLOSING,
};

struct poster {
	struct poster_params p;
	struct judge judge;
	struct tender tender;
	struct timer poll;
	struct delivery_take take;
	enum poster_state state;
	char claim[RAND_UUID]; /* of the take under way */
	struct post *open;     /* of that take: more may go into it */
	struct lanes lanes;
	struct receipts receipts;
	struct list posts; /* under way */
	int n_posts;       /* until their receipts are kept */
	void (*drained)(void *owner);
	void *owner;
};

static void on_poll(struct timer *t);
static void on_due(struct delivery_take *q, const struct delivery_due *d);
static void on_taken(struct delivery_take *q);
static void on_found(void *owner);
static void on_posted(struct http_request *r);
static void on_kept(void *owner, struct post *t);
static void on_told(void *owner);
static void on_gone(struct timer *t);

struct poster *poster_open(struct loop *l, const struct poster_params *params)
{
	struct poster *p = mem_new(sizeof(*p));

	p->p = *params;
	judge_init(&p->judge, params->log, params->retry_ms, params->n_retries);
	tender_init(&p->tender, params->pg, params->log);
	p->tender.owner = p;
	p->tender.found = on_found;
	list_init(&p->posts);
	lanes_init(&p->lanes, params->concurrency);
	receipts_init(&p->receipts, params->receipts, params->log, params->disable_after_ms);
	p->receipts.owner = p;
	p->receipts.kept = on_kept;
	p->receipts.told = on_told;
	timer_open(&p->poll, l, on_poll);
	timer_in(&p->poll, POLL_MS);
	return p;
}

/* ---- taking ---- */

static void take(struct poster *p)
{
	struct delivery_wish w = { .claim = p->claim,
				   .stale_ms = p->p.timeout_ms + CLAIM_SLACK_MS,
				   .most = lanes_free(&p->lanes) };
	cleanup_buf struct buf rooms = { 0 };

	if (w.most <= 0)
		return;
	if (w.most > TAKE_MOST)
		w.most = TAKE_MOST;
	rand_uuid(p->claim);
	lanes_rooms(&p->lanes, clock_mono_ms(), &rooms, &w.first);
	w.rooms = (const char *)rooms.data;
	if (delivery_take_start(p->p.pg, &p->take, &w, on_due, on_taken) == 0)
		p->state = POSTER_TAKING;
}

void poster_kick(struct poster *p)
{
	switch (p->state) {
	case POSTER_IDLE:
		take(p);
		break;
	case POSTER_TAKING:
		p->state = POSTER_TAKING_KICKED;
		break;
	case POSTER_TAKING_KICKED:
	case POSTER_LAST_TAKE:
	case POSTER_DRAINING:
	case POSTER_DRAINED:
	case POSTER_CLOSING:
		break;
	}
}

/* Told from the timer, so that nobody is told from inside his own call. */
static void drained_perhaps(struct poster *p)
{
	if (p->state == POSTER_DRAINING && p->n_posts == 0)
		timer_in(&p->poll, 0);
}

/* There may be more of it. */
static void on_found(void *owner)
{
	struct poster *p = owner;

	if (p->state == POSTER_IDLE)
		timer_in(&p->poll, POLL_MS / 4);
	poster_kick(p);
}

static void on_poll(struct timer *t)
{
	struct poster *p = container_of(t, struct poster, poll);

	if (p->state == POSTER_DRAINING && p->n_posts == 0) {
		p->state = POSTER_DRAINED;
		p->drained(p->owner);
		return;
	}
	if (p->state < POSTER_LAST_TAKE)
		tender_look(&p->tender);
	poster_kick(p);
	timer_in(&p->poll, POLL_MS);
}

/* ---- one post ---- */

static void post(struct poster *p)
{
	struct post *t = p->open;
	const char *broken;

	p->open = NULL;
	if (!t)
		return;
	post_close(t);
	t->req.timeout_ms = t->lane->timeout_ms ? t->lane->timeout_ms : p->p.timeout_ms;
	broken = t->lane->broken;
	if (!t->items[0].is_kept)
		broken = "the event is older than what is kept";
	else if (!p->p.allow_http && strncmp(t->lane->url, "https://", 8) != 0)
		broken = "the endpoint's URL is not https";
	else if (!broken && http_client_start(p->p.http, &t->req, on_posted) != 0)
		broken = "the endpoint's URL cannot be dialled";
	if (!broken)
		return;
	judge_unsent(&p->judge, t, broken);
	receipts_add(&p->receipts, t);
}

static void on_due(struct delivery_take *q, const struct delivery_due *d)
{
	struct poster *p = container_of(q, struct poster, take);
	struct lanes_entry *e = lanes_get(&p->lanes, d->endpoint);

	if (d->of) {
		e = lanes_put(&p->lanes, d);
		post_secrets(e, p->p.webhooks, d->of);
	}
	if (!e) /* it always comes with the first; nobody took what we cannot name */
		return;
	if (p->open && (p->open->lane != e || !post_has_room(p->open, d)))
		post(p);
	if (!p->open) {
		p->open = post_new(e, p->claim);
		p->open->owner = p;
		list_append(&p->posts, &p->open->link);
		p->n_posts++;
	}
	post_add(p->open, d);
	lane_began(&e->lane, 1);
	e->used_ms = clock_mono_ms();
}

static void on_taken(struct delivery_take *q)
{
	struct poster *p = container_of(q, struct poster, take);
	bool more = p->state == POSTER_TAKING_KICKED || q->taken > 0;

	post(p);
	/* PostgreSQL's own outage is said by db/pg; the poll comes back to either. */
	if (!outcome_ok(&q->outcome) && q->outcome.blame != BLAME_NET)
		log_warn(p->p.log, "deliveries.not_taken", "what=%s said=%s", q->outcome.what,
			 q->outcome.said);
	if (p->state == POSTER_LAST_TAKE) {
		p->state = POSTER_DRAINING;
		drained_perhaps(p);
		return;
	}
	p->state = POSTER_IDLE;
	if (more)
		poster_kick(p);
}

static void on_posted(struct http_request *r)
{
	struct post *t = container_of(r, struct post, req);
	struct poster *p = t->owner;

	judge_answered(&p->judge, t);
	receipts_add(&p->receipts, t);
}

static void on_kept(void *owner, struct post *t)
{
	struct poster *p = owner;

	post_free(t);
	p->n_posts--;
	drained_perhaps(p);
	poster_kick(p);
}

static void on_told(void *owner)
{
	struct poster *p = owner;

	p->p.told(p->p.owner);
}

/* ---- the end ---- */

void poster_drain(struct poster *p, void (*drained)(void *owner), void *owner)
{
	p->drained = drained;
	p->owner = owner;
	switch (p->state) {
	case POSTER_TAKING:
	case POSTER_TAKING_KICKED:
		p->state = POSTER_LAST_TAKE;
		break;
	case POSTER_IDLE:
		p->state = POSTER_DRAINING;
		drained_perhaps(p);
		break;
	case POSTER_LAST_TAKE:
	case POSTER_DRAINING:
	case POSTER_DRAINED:
	case POSTER_CLOSING:
		break;
	}
}

static void on_gone(struct timer *t)
{
	struct poster *p = container_of(t, struct poster, poll);

	lanes_clear(&p->lanes);
	free(p);
}

void poster_drop(struct poster *p)
{
	struct list *at;

	if (!p || p->state == POSTER_CLOSING)
		return;
	p->state = POSTER_CLOSING;
	pg_tx_cancel(&p->take.tx);
	tender_cancel(&p->tender);
	receipts_drop(&p->receipts);
	while ((at = list_first(&p->posts))) {
		struct post *t = container_of(at, struct post, link);

		http_client_cancel(p->p.http, &t->req);
		post_free(t);
	}
	timer_drop(&p->poll, on_gone);
}
