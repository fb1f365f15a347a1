#include "services/dispatch/lane.h"

#include <string.h>

static int least(int a, int b)
{
	return a < b ? a : b;
}

void lane_init(struct lane *l, enum lane_state state, int most)
{
	*l = (struct lane){ .state = state, .most = most };
	l->window = state == LANE_PROBING ? 1 : least(LANE_FIRST, most);
}

void lane_allow(struct lane *l, int most)
{
	l->most = most;
	l->window = least(l->window, most);
}

void lane_began(struct lane *l, int n)
{
	l->under_way += n;
}

int lane_room(const struct lane *l, uint64_t now_ms)
{
	if (now_ms < l->not_before_ms || l->under_way >= l->window)
		return 0;
	return l->window - l->under_way;
}

bool lane_is_slow(const struct lane *l)
{
	return l->state != LANE_HEALTHY || !l->took_ms || l->took_ms > LANE_SLOW_MS;
}

/* What ends together is one round: it doubles the wait once. */
static uint64_t wait_longer(struct lane *l, uint64_t asked_ms, uint64_t now_ms, struct rand_gen *g)
{
	if (now_ms >= l->not_before_ms) {
		l->wait_ms = l->wait_ms ? 2 * l->wait_ms : LANE_WAIT_MS;
		if (l->wait_ms > LANE_WAIT_MAX_MS)
			l->wait_ms = LANE_WAIT_MAX_MS;
		l->window = l->window > 1 ? l->window / 2 : 1;
		/* Up to a fifth less, so that those who went down together do not come back so. */
		l->not_before_ms = now_ms + l->wait_ms - rand_gen_below(g, l->wait_ms / 5 + 1);
	}
	if (now_ms + asked_ms > l->not_before_ms)
		l->not_before_ms = now_ms + asked_ms;
	return l->not_before_ms - now_ms;
}

static void succeed(struct lane *l, int n)
{
	if (l->state == LANE_PROBING)
		l->window = least(LANE_FIRST, l->most);
	l->state = LANE_HEALTHY;
	l->failures = 0;
	l->wait_ms = 0;
	l->not_before_ms = 0;
	l->window = least(l->window + n, l->most);
}

uint64_t lane_ended(struct lane *l, int n, enum lane_end end, uint64_t took_ms, uint64_t asked_ms,
		    uint64_t now_ms, struct rand_gen *g)
{
	l->under_way -= n;
	took_ms = took_ms ? took_ms : 1;
	l->took_ms = l->took_ms ? (7 * l->took_ms + took_ms + 7) / 8 : took_ms;
	switch (end) {
	case LANE_OK:
		succeed(l, n);
		return 0;
	case LANE_REFUSED:
		if (++l->failures < LANE_REFUSALS)
			return 0;
		break;
	case LANE_LATER:
		l->failures++;
		if (l->state == LANE_HEALTHY)
			l->state = LANE_SLOWED;
		if (l->failures < LANE_REFUSALS)
			return wait_longer(l, asked_ms, now_ms, g);
		break;
	case LANE_NOTHING:
		l->failures++;
		if (l->state == LANE_HEALTHY)
			l->state = LANE_SLOWED;
		if (l->failures == 1) { /* once is nothing to wait for */
			l->window = l->window > 1 ? l->window / 2 : 1;
			return 0;
		}
		if (l->failures < LANE_SILENT)
			return wait_longer(l, 0, now_ms, g);
		break;
	}
	l->state = LANE_PROBING;
	asked_ms = wait_longer(l, asked_ms, now_ms, g);
	l->window = 1;
	return asked_ms;
}

static const char *const words[] = {
	[LANE_HEALTHY] = "healthy", [LANE_SLOWED] = "slowed", [LANE_PROBING] = "probing"
};

const char *lane_state_word(enum lane_state s)
{
	return words[s];
}

enum lane_state lane_state_of(const char *word)
{
	for (int s = LANE_SLOWED; s <= LANE_PROBING; s++)
		if (strcmp(word, words[s]) == 0)
			return (enum lane_state)s;
	return LANE_HEALTHY;
}
