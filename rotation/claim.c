#include "rotation/claim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rotation/member.h"
#include "rotation/ramp.h"

static void on_member(struct quota_members *q, const struct quota_member *m);
static void on_members(struct quota_members *q);
static void on_days(struct quota_days *q);
static void on_opened(struct quota_open *q);
static void on_reserved(struct slot_reserve *q);

#define MARGIN                                                                                     \
	5 /* kept free below a provider's ceiling: what is sent from the mailbox meanwhile         \
	   */

void claim_clear(struct claim *c)
{
	pg_tx_cancel(&c->members.tx);
	pg_tx_cancel(&c->days.tx);
	pg_tx_cancel(&c->opening.tx);
	pg_tx_cancel(&c->reserve.tx);
	free(c->inboxes);
	free(c->ids);
	c->inboxes = NULL;
	c->ids = NULL;
}

static int read_members(struct claim *c)
{
	c->n = 0;
	c->n_closed = 0;
	return c->pool ? quota_members_start(c->pg, &c->members, c->workspace, c->pool, on_member,
					     on_members)
		       : quota_member_start(c->pg, &c->members, c->workspace, c->inbox, on_member,
					    on_members);
}

int claim_start(struct claim *c, void (*done)(struct claim *))
{
	c->done = done;
	c->retry_us = PICK_NEVER;
	c->inboxes = mem_new(CLAIM_MEMBERS * sizeof(*c->inboxes));
	c->ids = mem_new(CLAIM_MEMBERS * sizeof(*c->ids));
	return read_members(c);
}

/* A start that could not be made in the middle. */
static void go_on(struct claim *c, int r)
{
	if (r == 0)
		return;
	c->outcome = outcome_of(BLAME_NET, "too much waits for PostgreSQL", TEXT(""));
	c->done(c);
}

/* ---- the members ---- */

static void on_member(struct quota_members *q, const struct quota_member *m)
{
	struct claim *c = container_of(q, struct claim, members);

	if (c->n == CLAIM_MEMBERS)
		return;
	if (!m->has_day && c->n_closed < QUOTA_DAYS)
		memcpy(c->closed[c->n_closed++], m->inbox, RAND_UUID);
	memcpy(c->ids[c->n], m->inbox, RAND_UUID);
	member_read(m, &c->inboxes[c->n++]);
}

static int reserve(struct claim *c, int n, bool waits)
{
	c->ask.inboxes = (const char(*)[RAND_UUID])c->chosen;
	c->ask.n_inboxes = n;
	c->ask.waits = waits;
	c->has_waited = waits;
	return slot_reserve_start(c->pg, &c->reserve, c->workspace, &c->ask, on_reserved);
}

static void on_members(struct quota_members *q)
{
	struct claim *c = container_of(q, struct claim, members);
	struct pick p;

	c->outcome = q->outcome;
	c->no_pool = c->n == 0;
	if (!outcome_ok(&q->outcome) || c->no_pool) {
		c->done(c);
		return;
	}
	if (c->n_closed && !c->has_opened) {
		c->has_opened = true;
		go_on(c, quota_day_read_start(c->pg, &c->days, c->workspace,
					      (const char(*)[RAND_UUID])c->closed, c->n_closed,
					      on_days));
		return;
	}
	c->pick.now_us = q->now_us;
	pick_choose(&c->pick, c->inboxes, c->n, &p);
	memcpy(c->refused, p.refused, sizeof(c->refused));
	c->retry_us = p.n ? PICK_NEVER : p.retry_us;
	for (size_t i = 0; i < p.n; i++)
		memcpy(c->chosen[i], c->ids[p.order[i]], RAND_UUID);
	go_on(c, reserve(c, (int)p.n, false));
}

/* ---- days ---- */

struct quota_caps claim_caps(const struct quota_day *d)
{
	struct ramp_facts f = { .preset = RAMP_STANDARD,
				.k = d->ramp_index,
				.policy_cap = d->cap_day,
				.band = member_band(d->band),
				.provider_24h = d->ceiling_24h,
				.external_24h = d->external_24h,
				.margin = d->ceiling_24h ? MARGIN : 0,
				.limit_hit_yesterday = d->limit_hit };
	struct quota_caps c = { .ramp_index = d->ramp_index };
	enum ramp_bound bound;

	(void)ramp_preset_of(d->ramp, &f.preset);
	if (d->was_ends_us != INT64_MIN && d->was_ends_us != d->ends_us) {
		const struct ramp_day was = { .cap = d->was_cap,
					      .sent = d->was_used,
					      .worst = f.band,
					      .limit_hit = d->limit_hit };

		c.ramp_index = ramp_after(d->ramp_index, &was);
		f.k = c.ramp_index;
	}
	c.cap = ramp_day_cap(&f, &bound);
	c.cap_new = (int)ceil(d->new_share * c.cap);
	c.bound = ramp_bound_name(bound);
	c.gap_ms = (uint64_t)((double)d->gap_s * 1000 * band_gap(f.band));
	return c;
}

static void on_days(struct quota_days *q)
{
	struct claim *c = container_of(q, struct claim, days);
	struct quota_caps caps[QUOTA_DAYS];

	c->outcome = q->outcome;
	if (!outcome_ok(&q->outcome)) {
		c->done(c);
		return;
	}
	for (int i = 0; i < q->n; i++)
		caps[i] = claim_caps(&q->days[i]);
	go_on(c, quota_day_open_start(c->pg, &c->opening, c->workspace, q->days, caps, q->n,
				      on_opened));
}

static void on_opened(struct quota_open *q)
{
	struct claim *c = container_of(q, struct claim, opening);

	c->outcome = q->outcome;
	if (!outcome_ok(&q->outcome))
		c->done(c);
	else
		go_on(c, read_members(c));
}

/* ---- the promise ---- */

/* The conversation's own inbox, if it is one of ours: it is the only one that may. */
static bool is_bound_here(struct claim *c)
{
	if (strcmp(c->reserve.said.why, "bound_elsewhere") != 0)
		return false;
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->ids[i], c->reserve.said.inbox) == 0) {
			memcpy(c->chosen[0], c->ids[i], RAND_UUID);
			/* What keeps the others from sending says nothing here. */
			memset(c->refused, 0, sizeof(c->refused));
			c->retry_us = PICK_NEVER;
			return true;
		}
	return false;
}

static void on_reserved(struct slot_reserve *q)
{
	struct claim *c = container_of(q, struct claim, reserve);
	bool again = outcome_ok(&q->outcome) && q->said.word == SLOT_NONE && !c->has_waited;

	c->outcome = q->outcome;
	c->said = q->said;
	if (again && (is_bound_here(c) || strstr(q->said.why, "busy")))
		go_on(c, reserve(c, 1, true));
	else
		c->done(c);
}
