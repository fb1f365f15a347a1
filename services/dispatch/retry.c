#include <string.h>

#include "services/dispatch/retry.h"

static const char *word_of(const struct retry_answer *a)
{
	if (a->status)
		return a->status == 410 ? "gone" : "refused";
	switch (a->outcome.blame) {
	case BLAME_REFUSED:
		return "not_allowed";
	case BLAME_NET:
		return strcmp(a->outcome.what, "timeout") == 0 ? "timeout" : "network";
	case BLAME_US:
		return "not_sent";
	case BLAME_NONE:
	case BLAME_PEER:
	case BLAME_LACKS:
	case BLAME_AUTH:
		return "network";
	}
	return "network";
}

/* Within 20 % on both sides, so that a herd of failures does not come back as one. */
static uint64_t jittered(uint64_t ms, struct rand_gen *g)
{
	uint64_t span = ms * RETRY_JITTER_PERCENT / 100;

	return span ? ms - span + rand_gen_below(g, 2 * span + 1) : ms;
}

uint64_t retry_asked_ms(const struct retry_answer *a)
{
	if ((a->status != 429 && a->status != 503) || a->retry_after_s <= 0)
		return 0;
	return (uint64_t)a->retry_after_s > RETRY_AFTER_MAX_MS / 1000
		       ? RETRY_AFTER_MAX_MS
		       : (uint64_t)a->retry_after_s * 1000;
}

enum lane_end retry_end(const struct retry_answer *a)
{
	if (a->status >= 200 && a->status < 300)
		return LANE_OK;
	if (a->status == 429 || a->status == 503)
		return LANE_LATER;
	return a->status || a->outcome.blame == BLAME_US ? LANE_REFUSED : LANE_NOTHING;
}

struct retry_verdict retry_decide(const struct retry_answer *a, int try,
				  const uint64_t *schedule_ms, size_t n, struct rand_gen *g)
{
	struct retry_verdict v = { .word = word_of(a) };
	uint64_t asked_ms = retry_asked_ms(a);

	if (a->status >= 200 && a->status < 300)
		return (struct retry_verdict){ .fate = RECEIPT_DELIVERED, .word = "delivered" };
	if (a->status == 410) {
		v.fate = RECEIPT_GONE;
		return v;
	}
	if (try < 1 || (size_t)try >= n) {
		v.fate = RECEIPT_DEAD;
		return v;
	}
	v.fate = RECEIPT_AGAIN;
	v.wait_ms = jittered(schedule_ms[try], g);
	if (asked_ms > v.wait_ms)
		v.wait_ms = asked_ms;
	return v;
}
