#include "ingest/pace.h"

#define NEVER       UINT64_MAX
#define PROBE_STEPS 12 /* the longest wait between probes, in first ones */
#define RAMP_MAX    20 /* 2^20 attempts a second are no limit any more */

static uint64_t or_else(uint64_t given, uint64_t otherwise)
{
	return given ? given : otherwise;
}

const char *pace_state_name(enum pace_state s)
{
	switch (s) {
	case PACE_FLOWING:
		return "flowing";
	case PACE_DOWN:
		return "down";
	case PACE_TRYING:
		return "trying";
	case PACE_FILLING:
		return "filling";
	}
	return "?";
}

/* ---- buckets ---- */

/* A second's worth at once. */
static void share(struct bucket *b, uint32_t whole, unsigned n, uint64_t now_ms)
{
	uint32_t per_s = whole > n ? whole / n : whole != 0;

	bucket_change(b, per_s, per_s, now_ms);
}

void pace_share(struct pace *p, unsigned n, uint64_t now_ms)
{
	share(&p->connects, p->p.connects_per_s, n, now_ms);
	share(&p->logins, p->p.logins_per_s, n, now_ms);
}

/* ---- states ---- */

static void enter(struct pace *p, enum pace_state state, uint64_t now_ms)
{
	p->state = state;
	p->since_ms = now_ms;
	p->now = p->before = (struct pace_half){ 0 };
	p->half_ms = now_ms;
	p->half += 2; /* who was marked is not any more */
}

/* Half of the wait is chance, so that many workers do not probe in step. */
static void go_down(struct pace *p, struct rand_gen *g, uint64_t now_ms)
{
	uint64_t longest_ms = p->p.probe_ms * PROBE_STEPS;

	p->not_before_ms = now_ms + p->wait_ms / 2 + rand_gen_below(g, p->wait_ms / 2 + 1);
	p->wait_ms = p->wait_ms * 2 < longest_ms ? p->wait_ms * 2 : longest_ms;
	p->in = 0;
	p->state = PACE_DOWN;
	p->since_ms = now_ms;
}

void pace_init(struct pace *p, const struct pace_params *params, struct rand_gen *g,
	       uint64_t now_ms)
{
	*p = (struct pace){ .p = *params };
	p->p.window_ms = or_else(params->window_ms, 30000);
	p->p.failures = (unsigned)or_else(params->failures, 8);
	p->p.probes = (unsigned)or_else(params->probes, 3);
	p->p.probe_ms = or_else(params->probe_ms, 5000);
	p->p.survive_ms = or_else(params->survive_ms, 10000);
	bucket_init(&p->connects, params->connects_per_s, params->connects_per_s, now_ms);
	bucket_init(&p->logins, params->logins_per_s, params->logins_per_s, now_ms);
	p->not_before_ms = now_ms;
	if (params->spread_ms)
		p->not_before_ms += rand_gen_below(g, params->spread_ms);
	enter(p, PACE_FLOWING, now_ms);
}

static void turn_halves(struct pace *p, uint64_t now_ms)
{
	uint64_t half_ms = p->p.window_ms / 2 + 1;
	uint64_t gone = (now_ms - p->half_ms) / half_ms;

	if (!gone)
		return;
	p->before = gone == 1 ? p->now : (struct pace_half){ 0 };
	p->now = (struct pace_half){ 0 };
	p->half += gone < 2 ? 1 : 2;
	p->half_ms += gone * half_ms;
}

/* While it fills: one a second, then two, four ... until the buckets are the limit. */
static unsigned ramp_of(const struct pace *p, uint64_t now_ms)
{
	uint64_t s = (now_ms - p->since_ms) / 1000;

	return 1U << (s < RAMP_MAX ? s : RAMP_MAX);
}

static bool is_filled(const struct pace *p, uint64_t now_ms)
{
	uint32_t slower = p->connects.per_s;

	if (!slower || (p->logins.per_s && p->logins.per_s < slower))
		slower = p->logins.per_s;
	if (!slower || slower > 1U << (RAMP_MAX / 2))
		slower = 1U << (RAMP_MAX / 2);
	return ramp_of(p, now_ms) >= slower;
}

enum pace_news pace_tick(struct pace *p, uint64_t now_ms)
{
	turn_halves(p, now_ms);
	switch (p->state) {
	case PACE_FLOWING:
	case PACE_DOWN:
		break;
	case PACE_TRYING:
		if (now_ms - p->since_ms < p->p.survive_ms)
			break;
		enter(p, PACE_FILLING, now_ms);
		p->not_before_ms = now_ms;
		p->wait_ms = p->p.probe_ms;
		return PACE_CAME_BACK;
	case PACE_FILLING:
		if (is_filled(p, now_ms))
			enter(p, PACE_FLOWING, now_ms);
		break;
	}
	return PACE_NOTHING;
}

uint64_t pace_deadline(const struct pace *p)
{
	return p->state == PACE_TRYING ? p->since_ms + p->p.survive_ms : NEVER;
}

uint64_t pace_next(const struct pace *p, uint64_t now_ms)
{
	uint64_t at_ms = p->not_before_ms;
	uint64_t connect_ms = bucket_next(&p->connects, now_ms);
	uint64_t login_ms = bucket_next(&p->logins, now_ms);

	if (p->state == PACE_TRYING || (p->state == PACE_DOWN && p->under_way >= p->p.probes))
		return NEVER;
	if (connect_ms > at_ms)
		at_ms = connect_ms;
	return login_ms > at_ms ? login_ms : at_ms;
}

void pace_begin(struct pace *p, uint64_t now_ms)
{
	bucket_take(&p->connects, now_ms);
	bucket_take(&p->logins, now_ms);
	p->under_way++;
	if (p->state == PACE_FILLING)
		p->not_before_ms = now_ms + 1000 / ramp_of(p, now_ms);
}

/* ---- the breaker ---- */

bool pace_is_marked(const struct pace *p, pace_mark mark)
{
	return mark && p->half - mark <= 1;
}

static bool is_outage(const struct pace *p)
{
	unsigned away = p->now.turned_away + p->before.turned_away;
	unsigned let_in = p->now.let_in + p->before.let_in;
	unsigned many = p->state == PACE_FILLING ? p->p.probes : p->p.failures;

	return away >= many && away >= 4 * let_in;
}

static enum pace_news turned_away(struct pace *p, pace_mark *mark, struct rand_gen *g,
				  uint64_t now_ms)
{
	bool was_marked = pace_is_marked(p, *mark);

	*mark = p->half;
	switch (p->state) {
	case PACE_FLOWING:
	case PACE_FILLING:
		if (!was_marked)
			p->now.turned_away++;
		if (!is_outage(p))
			return PACE_NOTHING;
		if (p->state == PACE_FLOWING)
			p->wait_ms = p->p.probe_ms;
		go_down(p, g, now_ms);
		return PACE_WENT_DOWN;
	case PACE_DOWN: /* several probes that fail together, or come late, are one failure */
		if (now_ms >= p->not_before_ms)
			go_down(p, g, now_ms);
		break;
	case PACE_TRYING: /* of the probes one was let in, and it counts */
		break;
	}
	return PACE_NOTHING;
}

static void let_in(struct pace *p, uint64_t now_ms)
{
	p->in++;
	switch (p->state) {
	case PACE_FLOWING:
	case PACE_FILLING:
		p->now.let_in++;
		break;
	case PACE_DOWN:
		p->state = PACE_TRYING;
		p->since_ms = now_ms;
		break;
	case PACE_TRYING:
		break;
	}
}

enum pace_news pace_ended(struct pace *p, enum pace_end end, pace_mark *mark, struct rand_gen *g,
			  uint64_t now_ms)
{
	turn_halves(p, now_ms);
	if (p->under_way)
		p->under_way--;
	switch (end) {
	case PACE_LET_IN:
		*mark = 0;
		let_in(p, now_ms);
		break;
	case PACE_TURNED_AWAY:
		return turned_away(p, mark, g, now_ms);
	case PACE_NO_WORD:
		break;
	}
	return PACE_NOTHING;
}

enum pace_news pace_lost(struct pace *p, uint64_t in_ms, pace_mark *mark, struct rand_gen *g,
			 uint64_t now_ms)
{
	turn_halves(p, now_ms);
	if (now_ms - in_ms >= p->p.survive_ms)
		return PACE_NOTHING;
	switch (p->state) {
	case PACE_FLOWING:
	case PACE_FILLING:
		if (p->now.let_in)
			p->now.let_in--;
		return turned_away(p, mark, g, now_ms);
	case PACE_DOWN:
		break;
	case PACE_TRYING:
		if (in_ms >= p->since_ms && p->in && --p->in == 0)
			go_down(p, g, now_ms);
		break;
	}
	return PACE_NOTHING;
}
