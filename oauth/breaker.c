#include "oauth/breaker.h"

#include "base/backoff.h"

#define OPEN_FIRST_MS 10000
#define OPEN_MAX_MS   (5 * 60 * 1000)

void breaker_init(struct breaker *b)
{
	*b = (struct breaker){ .state = BREAKER_CLOSED, .why = "" };
}

enum breaker_state breaker_look(struct breaker *b, uint64_t now_ms)
{
	if (b->state == BREAKER_OPEN && now_ms >= b->probe_at_ms)
		b->state = BREAKER_PROBING;
	return b->state;
}

static void open_it(struct breaker *b, const char *why, uint64_t now_ms, struct rand_gen *g)
{
	struct backoff wait;

	backoff_init(&wait, OPEN_FIRST_MS, OPEN_MAX_MS, /* survive_ms= */ 0);
	wait.failures = b->opened++;
	b->state = BREAKER_OPEN;
	b->probe_at_ms = now_ms + backoff_failed(&wait, g);
	b->why = why;
}

static void close_it(struct breaker *b)
{
	b->state = BREAKER_CLOSED;
	b->opened = 0;
	b->why = "";
}

/* Two windows, so that a count does not fall to nothing at the turn of one. */
static void turn_window(struct breaker *b, uint64_t now_ms)
{
	uint64_t gone = now_ms - b->window_ms;

	if (gone < BREAKER_WINDOW_MS)
		return;
	b->users_before = gone < 2 * BREAKER_WINDOW_MS ? b->users : 0;
	b->others_before = gone < 2 * BREAKER_WINDOW_MS ? b->others : 0;
	b->users = b->others = 0;
	b->window_ms = now_ms;
}

/* Is this "ask the user" one of too many to be believed? */
static bool is_doubted(struct breaker *b, uint64_t now_ms)
{
	unsigned users = b->users + b->users_before, others = b->others + b->others_before;

	if (b->doubt_since_ms == 0 && users >= BREAKER_MASS && users > others)
		b->doubt_since_ms = now_ms;
	return b->doubt_since_ms > 0 && now_ms - b->doubt_since_ms < BREAKER_DOUBT_MS;
}

bool breaker_heard(struct breaker *b, struct policy_answer *a, uint64_t now_ms, struct rand_gen *g)
{
	bool was_closed = b->state == BREAKER_CLOSED;

	turn_window(b, now_ms);
	switch (a->verdict) {
	case POLICY_OK:
		b->others++;
		b->bad_in_row = 0;
		b->doubt_since_ms = 0;
		close_it(b);
		return false;
	case POLICY_USER:
		b->users++;
		b->bad_in_row = 0;
		if (!is_doubted(b, now_ms)) {
			close_it(b); /* the provider answers and knows our client */
			return false;
		}
		a->verdict = POLICY_LATER;
		a->reason = "mass_refusal";
		break;
	case POLICY_US:
	case POLICY_LATER:
		b->others++;
		b->bad_in_row++;
		if (!a->whole_client && was_closed && b->bad_in_row < BREAKER_FAILURES)
			return false;
		break;
	}
	/* Answers to what was under way when it opened do not open it again. */
	if (b->state == BREAKER_OPEN)
		return false;
	open_it(b, a->reason, now_ms, g);
	return was_closed;
}
