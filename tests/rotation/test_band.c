#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "rotation/band.h"

#define HOUR_US 3600000000LL
#define DAY_US  (24 * HOUR_US)
#define START   (1000 * DAY_US)

/* One thing after the other; `band` is what it must be then. */
struct happening {
	int64_t after_us; /* START */
	double score;     /* below 0: a guard's order instead, */
	enum band to;     /* to this band */
	int64_t for_us;   /* for so long */
	bool probed;
	enum band band;
};

static const struct {
	const char *name;
	struct happening happens[8];
	size_t n;
} rows[] = {
	{ "down at once, over several bands",
	  { { HOUR_US, 49.9, 0, 0, false, BAND_QUARANTINED } },
	  1 },
	{ "borders belong to the better band",
	  { { 0, 85, 0, 0, false, BAND_HEALTHY },
	    { 1, 84.9, 0, 0, false, BAND_WATCH },
	    { 2, 70, 0, 0, false, BAND_WATCH },
	    { 3, 69.9, 0, 0, false, BAND_THROTTLED },
	    { 4, 50, 0, 0, false, BAND_THROTTLED } },
	  5 },
	{ "back to healthy after a day at 88",
	  { { 0, 80, 0, 0, false, BAND_WATCH },
	    { HOUR_US, 90, 0, 0, false, BAND_WATCH },
	    { 24 * HOUR_US, 90, 0, 0, false, BAND_WATCH },
	    { 25 * HOUR_US, 90, 0, 0, false, BAND_HEALTHY } },
	  4 },
	{ "86 is enough to stay healthy and not to become it",
	  { { 0, 80, 0, 0, false, BAND_WATCH }, { 30 * DAY_US, 86, 0, 0, false, BAND_WATCH } },
	  2 },
	{ "a bad hour begins the wait anew",
	  { { 0, 80, 0, 0, false, BAND_WATCH },
	    { HOUR_US, 90, 0, 0, false, BAND_WATCH },
	    { 20 * HOUR_US, 80, 0, 0, false, BAND_WATCH },
	    { 25 * HOUR_US, 90, 0, 0, false, BAND_WATCH },
	    { 49 * HOUR_US, 90, 0, 0, false, BAND_HEALTHY } },
	  5 },
	{ "one band at a time",
	  { { 0, 60, 0, 0, false, BAND_THROTTLED },
	    { HOUR_US, 100, 0, 0, false, BAND_THROTTLED },
	    { 73 * HOUR_US, 100, 0, 0, false, BAND_WATCH },
	    { 74 * HOUR_US, 100, 0, 0, false, BAND_WATCH },
	    { 98 * HOUR_US, 100, 0, 0, false, BAND_HEALTHY } },
	  5 },
	{ "out of quarantine only with a clean probation",
	  { { 0, 40, 0, 0, false, BAND_QUARANTINED },
	    { HOUR_US, 100, 0, 0, false, BAND_QUARANTINED },
	    { 30 * DAY_US, 100, 0, 0, false, BAND_QUARANTINED },
	    { 31 * DAY_US, 100, 0, 0, true, BAND_THROTTLED } },
	  4 },
	{ "a clean probation does not shorten the week",
	  { { 0, 40, 0, 0, false, BAND_QUARANTINED },
	    { HOUR_US, 40, 0, 0, true, BAND_QUARANTINED },
	    { 6 * DAY_US, 40, 0, 0, true, BAND_QUARANTINED } },
	  3 },
	{ "a guard's order ends by itself",
	  { { 0, -1, BAND_QUARANTINED, DAY_US, false, BAND_QUARANTINED },
	    { 23 * HOUR_US, 95, 0, 0, true, BAND_QUARANTINED },
	    { 24 * HOUR_US, 95, 0, 0, false, BAND_THROTTLED } },
	  3 },
	{ "a guard's order again lasts longer",
	  { { 0, -1, BAND_QUARANTINED, DAY_US, false, BAND_QUARANTINED },
	    { 12 * HOUR_US, -1, BAND_QUARANTINED, DAY_US, false, BAND_QUARANTINED },
	    { 24 * HOUR_US, 95, 0, 0, false, BAND_QUARANTINED },
	    { 36 * HOUR_US, 95, 0, 0, false, BAND_THROTTLED } },
	  4 },
	{ "a guard's order does not shorten what the score asks for",
	  { { 0, 40, 0, 0, false, BAND_QUARANTINED },
	    { HOUR_US, -1, BAND_QUARANTINED, DAY_US, false, BAND_QUARANTINED },
	    { 26 * HOUR_US, 100, 0, 0, false, BAND_QUARANTINED } },
	  3 },
	{ "nor lifts a band, nor ends in a better one than the score's",
	  { { 0, 60, 0, 0, false, BAND_THROTTLED },
	    { HOUR_US, -1, BAND_WATCH, DAY_US, false, BAND_THROTTLED },
	    { 2 * HOUR_US, -1, BAND_QUARANTINED, DAY_US, false, BAND_QUARANTINED },
	    { 27 * HOUR_US, 40, 0, 0, false, BAND_QUARANTINED } },
	  4 },
	{ "a clock that runs backwards is no time",
	  { { 0, 80, 0, 0, false, BAND_WATCH },
	    { HOUR_US, 90, 0, 0, false, BAND_WATCH },
	    { -30 * DAY_US, 90, 0, 0, false, BAND_WATCH },
	    { -29 * DAY_US - HOUR_US, 90, 0, 0, false, BAND_WATCH },
	    { -29 * DAY_US, 90, 0, 0, false, BAND_HEALTHY } },
	  5 },
	{ "what is no number is bad",
	  { { 0, __builtin_nan(""), 0, 0, false, BAND_QUARANTINED } },
	  1 },
};

static void bands_follow_the_score_with_hysteresis(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < countof(rows); i++) {
		struct band_state s;

		band_init(&s, START);
		for (size_t k = 0; k < rows[i].n; k++) {
			const struct happening *h = &rows[i].happens[k];
			const enum band before = s.band;
			const int64_t now = START + h->after_us;
			const bool changed = h->score < 0 ? band_sink(&s, h->to, h->for_us, now)
							  : band_note(&s, h->score, h->probed, now);

			if (s.band != h->band || changed != (before != s.band))
				fail_msg("%s: happening %zu: %s, changed %d", rows[i].name, k,
					 band_name(s.band), changed);
		}
	}
}

/* Whatever comes: never up by more than one, never up before its time, never above what the score
 * says on the way down. */
static void bands_never_jump_up(void **unused)
{
	struct rand_gen g;

	(void)unused;
	rand_gen_seed(&g, 1);
	for (int run = 0; run < 200; run++) {
		struct band_state s;
		int64_t now = START;

		band_init(&s, now);
		for (int step = 0; step < 300; step++) {
			const struct band_state was = s;
			const double score = (double)rand_gen_below(&g, 1001) / 10;

			now += (int64_t)rand_gen_below(&g, 12) * HOUR_US;
			if (rand_gen_below(&g, 20) == 0)
				band_sink(&s, (enum band)rand_gen_below(&g, 4), DAY_US, now);
			else
				band_note(&s, score, rand_gen_below(&g, 2), now);
			if (s.band < was.band) {
				assert_int_equal(s.band, was.band - 1);
				assert_true(now - was.since_us >= DAY_US);
			}
		}
	}
}

static void what_a_band_lets_through(void **unused)
{
	(void)unused;
	for (int b = BAND_WATCH; b <= BAND_QUARANTINED; b++) {
		assert_true(band_volume((enum band)b) < band_volume((enum band)(b - 1)));
		assert_true(band_gap((enum band)b) >= band_gap((enum band)(b - 1)));
	}
	assert_true(band_volume(BAND_QUARANTINED) == 0);
	assert_string_equal(band_name(BAND_THROTTLED), "throttled");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bands_follow_the_score_with_hysteresis),
		cmocka_unit_test(bands_never_jump_up),
		cmocka_unit_test(what_a_band_lets_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
