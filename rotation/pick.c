#include <string.h>

#include "rotation/pick.h"

#define SECOND_US 1000000LL

/* What binds is what lifts last; what never lifts by itself binds for good. */
struct binding {
	enum refusal by;
	int64_t lifts_us;
	bool for_good;
};

static void bind(struct binding *b, enum refusal by, int64_t lifts_us)
{
	if (b->for_good)
		return;
	if (lifts_us == PICK_NEVER) {
		*b = (struct binding){ by, PICK_NEVER, true };
	} else if (b->by == REFUSAL_NONE || lifts_us > b->lifts_us) {
		b->by = by;
		b->lifts_us = lifts_us;
	}
}

static void bind_counters(struct binding *b, const struct pick_ask *a, const struct pick_inbox *i)
{
	if (i->used >= i->cap)
		bind(b, REFUSAL_CAP, i->day_ends_us);
	else if (a->kind == SENDABLE_FIRST && i->used_new >= i->cap_new)
		bind(b, REFUSAL_NEW_SHARE, i->day_ends_us);
	if (i->rolling_left <= 0)
		bind(b, REFUSAL_ROLLING, i->rolling_lifts_us);
	if (i->domain_left <= 0)
		bind(b, REFUSAL_DOMAIN, i->domain_lifts_us);
	if (i->tenant_left <= 0)
		bind(b, REFUSAL_TENANT, i->tenant_lifts_us);
}

int64_t pick_send_at(const struct pick_ask *a, const struct pick_inbox *i)
{
	int64_t at = a->now_us;

	if (i->next_allowed_us > at)
		at = i->next_allowed_us;
	if (i->opens_us > at)
		at = i->opens_us;
	return at;
}

enum refusal pick_refusal(const struct pick_ask *a, const struct pick_inbox *i,
			  int64_t *ret_lifts_us)
{
	const int64_t latest = a->now_us + a->horizon_us, at = pick_send_at(a, i);
	struct binding b = { REFUSAL_NONE, PICK_NEVER, false };
	int64_t lifts;
	const enum refusal standing = sendable_refusal(&i->state, a->kind, a->now_us, &lifts);

	if (standing != REFUSAL_NONE)
		bind(&b, standing, lifts);
	bind_counters(&b, a, i);
	if (i->opens_us >= i->closes_us)
		bind(&b, REFUSAL_WINDOW, PICK_NEVER);
	else if (i->opens_us > latest)
		bind(&b, REFUSAL_WINDOW, i->opens_us);
	else if (at >=
		 i->closes_us) /* the gap ends behind the window: the next one is not known here */
		bind(&b, REFUSAL_WINDOW, i->day_ends_us);
	else if (i->next_allowed_us > latest)
		bind(&b, REFUSAL_GAP, i->next_allowed_us);
	if (a->kind == SENDABLE_FIRST && a->provider == PICK_STRICT && !i->provider_matches)
		bind(&b, REFUSAL_PROVIDER, PICK_NEVER);
	*ret_lifts_us = b.lifts_us;
	return b.by;
}

/* Could it still today, if one waits? */
static bool serves_today(enum refusal r, int64_t lifts_us, const struct pick_inbox *i)
{
	return r == REFUSAL_NONE ||
	       (refusal_is_pacing(r) && lifts_us != PICK_NEVER && lifts_us < i->day_ends_us);
}

static double score_of(const struct pick_ask *a, const struct pick_inbox *i)
{
	double w = i->cap * band_volume(i->state.band) * i->weight;

	if (a->provider == PICK_PREFERRED && i->provider_matches)
		w *= PICK_PREFER;
	return (2.0 * i->used + 1) / w;
}

static bool goes_before(const struct pick_ask *a, const struct pick_inbox *x,
			const struct pick_inbox *y)
{
	const double sx = score_of(a, x), sy = score_of(a, y);

	if (sx < sy || sx > sy)
		return sx < sy;
	return x->picked_us < y->picked_us;
}

static void insert(struct pick *p, const struct pick_ask *a, const struct pick_inbox *inboxes,
		   size_t at)
{
	size_t j = p->n;

	while (j > 0 && goes_before(a, &inboxes[at], &inboxes[p->order[j - 1]]))
		j--;
	if (j == PICK_MOST)
		return;
	if (p->n < PICK_MOST)
		p->n++;
	memmove(&p->order[j + 1], &p->order[j], (p->n - 1 - j) * sizeof(p->order[0]));
	p->order[j] = at;
}

/* One tier.  True: somebody of it could still serve today. */
static bool choose_tier(struct pick *p, const struct pick_ask *a, const struct pick_inbox *inboxes,
			size_t n, bool reserve)
{
	bool today = false;

	for (size_t k = 0; k < n; k++) {
		const struct pick_inbox *i = &inboxes[k];
		int64_t lifts;
		enum refusal r;

		if (i->reserve != reserve)
			continue;
		r = pick_refusal(a, i, &lifts);
		today = serves_today(r, lifts, i) || today;
		if (r == REFUSAL_NONE) {
			insert(p, a, inboxes, k);
			continue;
		}
		p->refused[r]++;
		if (lifts != PICK_NEVER && (p->retry_us == PICK_NEVER || lifts < p->retry_us))
			p->retry_us = lifts;
	}
	return today;
}

void pick_choose(const struct pick_ask *a, const struct pick_inbox *inboxes, size_t n,
		 struct pick *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->retry_us = PICK_NEVER;
	if (!choose_tier(ret, a, inboxes, n, /* reserve= */ false))
		choose_tier(ret, a, inboxes, n, /* reserve= */ true);
	if (ret->n > 0)
		ret->retry_us = PICK_NEVER;
}

int64_t pick_next_allowed(const struct pick_spacing *s)
{
	const double gap = (double)s->gap_s * band_gap(s->band);
	const double window_s =
		s->closes_us > s->now_us ? (double)(s->closes_us - s->now_us) / SECOND_US : 0;
	double wait = s->left > 0 ? window_s / s->left : gap;

	if (wait < gap)
		wait = gap;
	wait *= 0.55 + 0.9 * s->chance; /* no grid: a mean of one, between 0.55 and 1.45 */
	return s->now_us + (int64_t)((wait > gap ? wait : gap) * SECOND_US);
}
