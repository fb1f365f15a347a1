#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "oauth/token_desk.h"

#include "base/clock.h"
#include "base/io/timer.h"
#include "base/mem.h"
#include "db/token.h"
#include "oauth/policy.h"

#define LOOK_MS    2000
#define TIMEOUT_MS 90000
#define BATCH      500 /* requests in one round trip; a start of 5000 inboxes takes ten */

enum token_desk_state { DESK_OPEN, DESK_DROPPED };

struct token_desk {
	struct token_desk_params p;
	enum token_desk_state state;
	struct list waiting; /* of struct token_desk_req, the longest waiting first */
	struct timer timer;

	/* The look under way. */
	bool looking;
	bool heard; /* something happened since it was sent */
	struct token_look look;
	struct token_desk_req *slots[BATCH]; /* NULL: cancelled meanwhile */
	unsigned n_slots;
};

static void on_timer(struct timer *t);
static void on_heard(void *owner);
static void on_row(struct token_look *q, const struct token_row *r);
static void on_looked(struct token_look *q);
static void on_gone(struct timer *t);

static void forget(struct token_desk_req *r)
{
	if (r->slot > 0)
		r->desk->slots[r->slot - 1] = NULL;
	r->slot = 0;
	r->desk = NULL;
	list_remove(&r->link);
}

static void answer(struct token_desk_req *r, struct token_desk_answer *a)
{
	forget(r);
	if (!a->reason)
		a->reason = "";
	r->answered(r, a);
}

static void answer_no(struct token_desk_req *r, enum blame blame, const char *what,
		      const char *said)
{
	answer(r, &(struct token_desk_answer){
			  .outcome = outcome_of(blame, what, text_of(said)),
			  .reason = "",
		  });
}

static enum token_desk_kind kind_of(const struct token_row *row)
{
	return row->is_password ? TOKEN_DESK_PASSWORD : TOKEN_DESK_OAUTH;
}

static void answer_refused(struct token_desk_req *r, const struct token_row *row)
{
	struct token_desk_answer a = {
		.outcome = row->reauth
				   ? outcome_of(BLAME_AUTH, "consent is needed again",
						text_of(row->detail))
				   : outcome_of(BLAME_REFUSED,
						"the refreshed token was refused again", TEXT("")),
		.kind = kind_of(row),
		.reason = row->reauth ? row->reason : "",
	};

	answer(r, &a);
}

static void answer_usable(struct token_desk *d, struct token_desk_req *r,
			  const struct token_row *row)
{
	const struct seal_bind bind = { TEXT("access"), text_of(r->workspace_id),
					text_of(r->inbox_id) };
	cleanup_secret struct secret plain = { 0 };

	int got = vault_open(d->p.tokens, &bind, row->sealed, row->sealed_len, &plain);

	if (got < 0) {
		answer_no(r, BLAME_US,
			  got == -ENOKEY ? "access token is sealed under a key.token that this "
					   "worker was not given"
					 : "access token does not open with key.token",
			  "");
		return;
	}
	answer(r,
	       &(struct token_desk_answer){
		       .outcome = OUTCOME_OK,
		       .kind = kind_of(row),
		       .secret = &plain,
		       .version = row->version,
		       .expires_at = row->expires_at_us == INT64_MIN ? INT64_MAX
								     : row->expires_at_us / 1000000,
	       });
}

/*
 * A request that was put and is gone has been answered: by a token, by the
 * word that the user must consent again, or by neither, which says that
 * refreshing does not help.
 */
static void on_row(struct token_look *q, const struct token_row *row)
{
	struct token_desk *d = container_of(q, struct token_desk, look);
	struct token_desk_req *r = d->slots[row->slot];

	if (!r)
		return;
	if (row->usable) {
		answer_usable(d, r, row);
	} else if (r->state == TOKEN_DESK_NEW) {
		r->state = TOKEN_DESK_ASKED;
	} else if (row->asked) {
		return;
	} else if (row->reauth || (row->version > 0 && row->version <= r->refused_version)) {
		answer_refused(r, row);
	} else {
		r->state = TOKEN_DESK_NEW; /* answered with a token that has aged since: put it
					      again, at the next look */
	}
}

static void clear_slots(struct token_desk *d)
{
	for (unsigned i = 0; i < d->n_slots; i++)
		if (d->slots[i])
			d->slots[i]->slot = 0;
	d->n_slots = 0;
}

static void start_look(struct token_desk *d)
{
	struct token_want want[BATCH];
	struct list *at, *tmp;
	int r;

	d->n_slots = 0;
	d->heard = false;
	list_each(&d->waiting, at, tmp)
	{
		struct token_desk_req *req = container_of(at, struct token_desk_req, link);

		if (d->n_slots == BATCH) {
			d->heard = req->state == TOKEN_DESK_NEW; /* straight on to those */
			break;
		}
		want[d->n_slots] = (struct token_want){
			.slot = (int)d->n_slots,
			.workspace = req->workspace_id,
			.inbox = req->inbox_id,
			.refused_version = req->refused_version,
			.ask = req->state == TOKEN_DESK_NEW,
		};
		d->slots[d->n_slots++] = req;
		req->slot = d->n_slots;
	}
	/* The next look begins with those who had no place in this one. */
	for (unsigned i = 0; i < d->n_slots && d->n_slots == BATCH; i++) {
		list_remove(&d->slots[i]->link);
		list_append(&d->waiting, &d->slots[i]->link);
	}
	r = token_look_start(d->p.pg, &d->look, want, (int)d->n_slots, POLICY_FRESH_S, on_row,
			     on_looked);
	if (r == 0)
		d->looking = true;
	else /* the queue is full: the timer looks again */
		clear_slots(d);
}

static void drop_overdue(struct token_desk *d)
{
	uint64_t now = clock_mono_ms();
	struct list late, *at, *tmp;

	/* Callbacks may start and cancel requests: first set aside, then told one by one. */
	list_init(&late);
	list_each(&d->waiting, at, tmp)
	{
		if (container_of(at, struct token_desk_req, link)->deadline_ms > now)
			continue;
		list_remove(at);
		list_append(&late, at);
	}
	while (d->state == DESK_OPEN && (at = list_first(&late)) != NULL)
		answer_no(container_of(at, struct token_desk_req, link), BLAME_NET,
			  "no access token in time", "");
	while ((at = list_first(&late)) != NULL)
		forget(container_of(at, struct token_desk_req, link));
}

static void go_on(struct token_desk *d, uint64_t wait_ms)
{
	if (d->state == DESK_OPEN && !list_is_empty(&d->waiting))
		timer_in(&d->timer, wait_ms);
}

static void on_timer(struct timer *t)
{
	struct token_desk *d = container_of(t, struct token_desk, timer);

	drop_overdue(d);
	if (d->state == DESK_OPEN && !d->looking && !list_is_empty(&d->waiting))
		start_look(d);
	go_on(d, d->p.look_ms);
}

static void on_heard(void *owner)
{
	struct token_desk *d = owner;

	d->heard = true;
	if (!d->looking)
		go_on(d, 0);
}

static void on_looked(struct token_look *q)
{
	struct token_desk *d = container_of(q, struct token_desk, look);

	clear_slots(d);
	d->looking = false;
	if (q->put > 0)
		pg_notify(d->p.pg, "replyd_token");
	if (d->heard && outcome_ok(&q->outcome))
		go_on(d, 0);
}

struct token_desk *token_desk_open(struct loop *l, const struct token_desk_params *p)
{
	struct token_desk *d = mem_new(sizeof(*d));

	d->p = *p;
	if (d->p.look_ms == 0)
		d->p.look_ms = LOOK_MS;
	if (d->p.timeout_ms == 0)
		d->p.timeout_ms = TIMEOUT_MS;
	list_init(&d->waiting);
	timer_open(&d->timer, l, on_timer);
	pg_listen(p->pg, "replyd_token_ready", on_heard, d);
	return d;
}

int token_desk_start(struct token_desk *d, struct token_desk_req *r, token_desk_cb answered)
{
	if (d->state != DESK_OPEN)
		return -ESHUTDOWN;
	if (r->desk)
		return -EALREADY;
	r->desk = d;
	r->answered = answered;
	r->deadline_ms = clock_mono_ms() + d->p.timeout_ms;
	r->state = TOKEN_DESK_NEW;
	r->slot = 0;
	list_append(&d->waiting, &r->link);
	/* Not at once: whoever starts in this turn of the loop shares the round trip. */
	d->heard = true;
	if (!d->looking)
		timer_in(&d->timer, 0);
	return 0;
}

void token_desk_cancel(struct token_desk_req *r)
{
	if (r->desk)
		forget(r);
}

void token_desk_drop(struct token_desk *d)
{
	struct list *at;

	if (d->state == DESK_DROPPED)
		return;
	d->state = DESK_DROPPED;
	pg_tx_cancel(&d->look.tx);
	while ((at = list_first(&d->waiting)) != NULL)
		forget(container_of(at, struct token_desk_req, link));
	timer_drop(&d->timer, on_gone);
}

static void on_gone(struct timer *t)
{
	free(container_of(t, struct token_desk, timer));
}
