#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io/timer.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/sign.h"
#include "db/delivery.h"
#include "services/dispatch/poster.h"
#include "services/dispatch/retry.h"

/* Behind every hint stands this poll: a lost NOTIFY, a delivery that becomes due by time. */
#define POLL_MS 500
/* A claim outlives its post by so much before another dispatcher takes it. */
#define CLAIM_SLACK_MS 5000
#define ANSWER_KEPT    256 /* bytes of an endpoint's answer in the receipt */

/* Of one receipt; then its claim has gone stale, and the post is made again. */
#define RECEIPT_TRIES 5

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

struct post {
	struct list link;
	struct poster *poster;
	struct http_request req;
	struct delivery_settle settle;
	struct delivery_receipt receipt;
	int receipt_tries;
	char workspace[RAND_UUID], endpoint[RAND_UUID], event[RAND_UUID];
	char claim[RAND_UUID], attempt[RAND_UUID];
	char *url, *body;
	char h_id[64], h_time[64], h_sign[SIGN_WEBHOOK + 32], detail[ANSWER_KEPT];
};

struct poster {
	struct poster_params p;
	struct rand_gen jitter;
	struct timer poll;
	struct delivery_take take;
	enum poster_state state;
	char claim[RAND_UUID]; /* of the take under way */
	struct list posts;
	int n_posts;
	void (*drained)(void *owner);
	void *owner;
};

static void on_poll(struct timer *t);
static void on_due(struct delivery_take *q, const struct delivery_due *d);
static void on_taken(struct delivery_take *q);
static void on_posted(struct http_request *r);
static void on_settled(struct delivery_settle *q);
static void on_gone(struct timer *t);

struct poster *poster_open(struct loop *l, const struct poster_params *params)
{
	struct poster *p = mem_new(sizeof(*p));

	p->p = *params;
	rand_gen_seed(&p->jitter, 0);
	list_init(&p->posts);
	timer_open(&p->poll, l, on_poll);
	timer_in(&p->poll, POLL_MS);
	return p;
}

/* ---- taking ---- */

static void take(struct poster *p)
{
	int room = p->p.concurrency - p->n_posts;

	if (room <= 0)
		return;
	rand_uuid(p->claim);
	if (delivery_take_start(p->p.pg, &p->take, p->claim, p->p.timeout_ms + CLAIM_SLACK_MS, room,
				on_due, on_taken) == 0)
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

static void on_poll(struct timer *t)
{
	struct poster *p = container_of(t, struct poster, poll);

	if (p->state == POSTER_DRAINING && p->n_posts == 0) {
		p->state = POSTER_DRAINED;
		p->drained(p->owner);
		return;
	}
	poster_kick(p);
	timer_in(&p->poll, POLL_MS);
}

static void on_taken(struct delivery_take *q)
{
	struct poster *p = container_of(q, struct poster, take);
	bool more = p->state == POSTER_TAKING_KICKED || q->taken > 0;

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

/* ---- one post ---- */

static void post_free(struct post *t)
{
	list_remove(&t->link);
	t->poster->n_posts--;
	http_request_clear(&t->req);
	free(t->url);
	free(t->body);
	free(t);
}

static void post_end(struct post *t)
{
	struct poster *p = t->poster;

	post_free(t);
	drained_perhaps(p);
	poster_kick(p);
}

static void keep_receipt(struct post *t)
{
	int r = delivery_settle_start(t->poster->p.pg, &t->settle, &t->receipt, on_settled);

	t->receipt_tries++;
	if (r == 0)
		return;
	/* The claim goes stale and the event is posted once more, with the same id. */
	log_warn(t->poster->p.log, "receipt.not_kept", "event=%s endpoint=%s cause=%s", t->event,
		 t->endpoint, strerror(-r));
	post_end(t);
}

static const char *next_of(enum delivery_fate f)
{
	switch (f) {
	case DELIVERY_DELIVERED:
		return "none";
	case DELIVERY_AGAIN:
		return "again";
	case DELIVERY_DEAD:
		return "dead_letter";
	case DELIVERY_GONE:
		return "endpoint_disabled";
	}
	return "?";
}

static void settle(struct post *t, const struct retry_answer *a)
{
	struct poster *p = t->poster;
	struct retry_verdict v =
		retry_decide(a, t->receipt.try, p->p.retry_ms, p->p.n_retries, &p->jitter);

	t->receipt.status = (int)a->status;
	t->receipt.outcome = v.word;
	t->receipt.fate = v.fate;
	t->receipt.wait_ms = v.wait_ms;
	t->receipt.detail = t->detail;
	if (v.fate == DELIVERY_DELIVERED)
		log_info(p->p.log, "event.posted",
			 "event=%s endpoint=%s try=%d status=%ld took_ms=%llu", t->event,
			 t->endpoint, t->receipt.try, a->status,
			 (unsigned long long)t->receipt.took_ms);
	else
		log_warn(p->p.log, "event.not_posted",
			 "event=%s endpoint=%s try=%d status=%ld outcome=%s what=%s next=%s "
			 "again_ms=%llu",
			 t->event, t->endpoint, t->receipt.try, a->status, v.word, a->outcome.what,
			 next_of(v.fate), (unsigned long long)v.wait_ms);
	keep_receipt(t);
}

/* Never even sent: our own state is wrong (key, URL).  The receipt says so. */
static void settle_unsent(struct post *t, const char *what)
{
	struct retry_answer a = { .outcome = outcome_of(BLAME_REFUSED, what, text_of(what)),
				  .retry_after_s = -1 };

	(void)snprintf(t->detail, sizeof(t->detail), "%s", what);
	settle(t, &a);
}

static int sign(struct post *t, const struct delivery_due *d)
{
	const struct seal_bind bind = { TEXT("webhook"), text_of(d->workspace),
					text_of(d->endpoint) };
	int64_t now_s = clock_unix_s();
	cleanup_secret struct secret secret = { 0 };
	char signature[SIGN_WEBHOOK];
	int r = vault_open(t->poster->p.webhooks, &bind, d->sealed_secret, d->sealed_len, &secret);

	if (r)
		return r;
	sign_webhook(&secret, text_of(t->event), now_s, d->body, signature);
	(void)snprintf(t->h_id, sizeof(t->h_id), "webhook-id: %s", t->event);
	(void)snprintf(t->h_time, sizeof(t->h_time), "webhook-timestamp: %lld", (long long)now_s);
	(void)snprintf(t->h_sign, sizeof(t->h_sign), "webhook-signature: %s", signature);
	return 0;
}

static void on_due(struct delivery_take *q, const struct delivery_due *d)
{
	struct poster *p = container_of(q, struct poster, take);
	struct post *t = mem_new(sizeof(*t));

	t->poster = p;
	list_append(&p->posts, &t->link);
	p->n_posts++;
	(void)snprintf(t->workspace, sizeof(t->workspace), "%s", d->workspace);
	(void)snprintf(t->endpoint, sizeof(t->endpoint), "%s", d->endpoint);
	(void)snprintf(t->event, sizeof(t->event), "%s", d->event);
	memcpy(t->claim, p->claim, sizeof(t->claim));
	rand_uuid(t->attempt);
	t->url = mem_text(d->url);
	t->body = mem_text_n(d->body.at, d->body.len);
	t->receipt = (struct delivery_receipt){ .workspace = t->workspace,
						.endpoint = t->endpoint,
						.event = t->event,
						.claim = t->claim,
						.attempt = t->attempt,
						.position = d->position,
						.try = d->tries + 1,
						.started_us = clock_unix_us() };
	if (sign(t, d) != 0) {
		settle_unsent(t,
			      "the endpoint's secret does not open: was secrets/webhook replaced?");
		return;
	}
	if (!p->p.allow_http && strncmp(t->url, "https://", 8) != 0) {
		settle_unsent(t, "the endpoint's URL is not https");
		return;
	}
	t->req = (struct http_request){ .method = "POST",
					.url = t->url,
					.body = { t->body, d->body.len },
					.timeout_ms = p->p.timeout_ms,
					.max_answer = ANSWER_KEPT - 1,
					.headers = { "Content-Type: application/json",
						     "User-Agent: replyd", t->h_id, t->h_time,
						     t->h_sign } };
	if (http_client_start(p->p.http, &t->req, on_posted) != 0)
		settle_unsent(t, "the endpoint's URL cannot be dialled");
}

static void on_posted(struct http_request *r)
{
	struct post *t = container_of(r, struct post, req);
	const struct retry_answer a = { r->outcome, r->status, r->retry_after_s };

	t->receipt.took_ms = r->took_ms;
	if (r->status)
		text_printable(t->detail, sizeof(t->detail),
			       (struct text){ (const char *)r->answer.data, r->answer.len });
	else
		(void)snprintf(t->detail, sizeof(t->detail), "%s: %s", r->outcome.what,
			       r->outcome.said);
	settle(t, &a);
}

static void on_settled(struct delivery_settle *q)
{
	struct post *t = container_of(q, struct post, settle);

	if (outcome_ok(&q->outcome)) {
		post_end(t);
		return;
	}
	log_warn(t->poster->p.log, "receipt.not_kept", "event=%s endpoint=%s what=%s said=%s",
		 t->event, t->endpoint, q->outcome.what, q->outcome.said);
	/* Whether it committed or not, the same again does no harm; anything else is our mistake
	 * and stays one. */
	if ((q->outcome.blame == BLAME_NET || q->outcome.blame == BLAME_REFUSED) &&
	    t->receipt_tries < RECEIPT_TRIES)
		keep_receipt(t);
	else
		post_end(t);
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
	free(container_of(t, struct poster, poll));
}

void poster_drop(struct poster *p)
{
	struct list *at, *tmp;

	if (!p || p->state == POSTER_CLOSING)
		return;
	p->state = POSTER_CLOSING;
	pg_tx_cancel(&p->take.tx);
	list_each(&p->posts, at, tmp)
	{
		struct post *t = container_of(at, struct post, link);

		http_client_cancel(p->p.http, &t->req);
		pg_tx_cancel(&t->settle.tx);
		post_free(t);
	}
	timer_drop(&p->poll, on_gone);
}
