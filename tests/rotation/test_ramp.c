#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "rotation/ramp.h"

static void presets_climb_to_the_target(void **unused)
{
	static const struct {
		enum ramp_preset preset;
		int k, target, cap;
	} rows[] = {
		{ RAMP_COLD, 0, 30, 5 },          { RAMP_COLD, 12, 30, 29 },
		{ RAMP_COLD, 13, 30, 30 },        { RAMP_COLD, -5, 30, 5 },
		{ RAMP_COLD, 0, 3, 3 },           { RAMP_STANDARD, 0, 50, 10 },
		{ RAMP_STANDARD, 8, 50, 50 },     { RAMP_GEOMETRIC, 0, 200, 10 },
		{ RAMP_GEOMETRIC, 1, 200, 11 },   { RAMP_GEOMETRIC, 2, 200, 13 },
		{ RAMP_GEOMETRIC, 32, 200, 200 }, { RAMP_GEOMETRIC, 1 << 30, 200, 200 },
		{ RAMP_ESTABLISHED, 0, 40, 40 },
	};

	(void)unused;
	for (size_t i = 0; i < countof(rows); i++) {
		const int cap = ramp_cap(rows[i].preset, rows[i].k, rows[i].target);

		if (cap != rows[i].cap)
			fail_msg("%s of %d to %d: %d, not %d", ramp_preset_name(rows[i].preset),
				 rows[i].k, rows[i].target, cap, rows[i].cap);
	}
}

static void days_move_the_index(void **unused)
{
	static const struct {
		const char *name;
		int k;
		struct ramp_day d;
		int after;
	} rows[] = {
		{ "a good day", 3, { 10, 10, BAND_HEALTHY, false, false }, 4 },
		{ "six of ten are enough", 3, { 10, 6, BAND_HEALTHY, false, false }, 4 },
		{ "five of ten are not", 3, { 10, 5, BAND_HEALTHY, false, false }, 3 },
		{ "a day of rest", 3, { 10, 0, BAND_HEALTHY, false, false }, 3 },
		{ "a day without a cap", 3, { 0, 0, BAND_HEALTHY, false, false }, 3 },
		{ "a watched day", 3, { 10, 10, BAND_WATCH, false, false }, 3 },
		{ "a limit hit, low", 3, { 10, 10, BAND_HEALTHY, true, false }, 1 },
		{ "a limit hit at the bottom", 1, { 10, 10, BAND_HEALTHY, true, false }, 0 },
		{ "a limit hit, high", 20, { 10, 10, BAND_HEALTHY, true, false }, 14 },
		{ "bounces", 21, { 10, 10, BAND_HEALTHY, false, true }, 14 },
		{ "the top",
		  RAMP_INDEX_MOST,
		  { 10, 10, BAND_HEALTHY, false, false },
		  RAMP_INDEX_MOST },
	};

	(void)unused;
	for (size_t i = 0; i < countof(rows); i++) {
		const int after = ramp_after(rows[i].k, &rows[i].d);

		if (after != rows[i].after)
			fail_msg("%s: %d, not %d", rows[i].name, after, rows[i].after);
	}
	assert_int_equal(ramp_after_idle(20, 13), 20);
	assert_int_equal(ramp_after_idle(20, 14), 13);
	assert_int_equal(ramp_after_idle(20, 400), 0);
}

static void the_least_limit_binds_and_is_told(void **unused)
{
	static const struct {
		const char *name;
		struct ramp_facts f;
		int cap;
		enum ramp_bound bound;
	} rows[] = {
		{ "policy",
		  { RAMP_ESTABLISHED, 0, 30, BAND_HEALTHY, 0, 0, 0, false, 0 },
		  30,
		  RAMP_BY_POLICY },
		{ "ramp", { RAMP_COLD, 2, 30, BAND_HEALTHY, 0, 0, 0, false, 0 }, 9, RAMP_BY_RAMP },
		{ "health",
		  { RAMP_ESTABLISHED, 0, 30, BAND_WATCH, 0, 0, 0, false, 0 },
		  21,
		  RAMP_BY_HEALTH },
		{ "health above the ramp",
		  { RAMP_COLD, 0, 30, BAND_THROTTLED, 0, 0, 0, false, 0 },
		  5,
		  RAMP_BY_RAMP },
		{ "quarantine",
		  { RAMP_ESTABLISHED, 0, 30, BAND_QUARANTINED, 0, 0, 0, false, 0 },
		  0,
		  RAMP_BY_HEALTH },
		{ "provider",
		  { RAMP_ESTABLISHED, 0, 600, BAND_HEALTHY, 500, 40, 10, false, 0 },
		  450,
		  RAMP_BY_PROVIDER },
		{ "provider used up by others",
		  { RAMP_ESTABLISHED, 0, 30, BAND_HEALTHY, 500, 700, 10, false, 0 },
		  0,
		  RAMP_BY_PROVIDER },
		{ "the day after a limit",
		  { RAMP_ESTABLISHED, 0, 31, BAND_HEALTHY, 0, 0, 0, true, 0 },
		  15,
		  RAMP_BY_LIMIT_HIT },
		{ "first day back",
		  { RAMP_ESTABLISHED, 0, 30, BAND_HEALTHY, 0, 0, 0, false, 1 },
		  15,
		  RAMP_BY_RETURN },
		{ "second day back",
		  { RAMP_ESTABLISHED, 0, 30, BAND_HEALTHY, 0, 0, 0, false, 2 },
		  22,
		  RAMP_BY_RETURN },
		{ "third day back",
		  { RAMP_ESTABLISHED, 0, 30, BAND_HEALTHY, 0, 0, 0, false, 3 },
		  30,
		  RAMP_BY_POLICY },
		{ "no cap",
		  { RAMP_ESTABLISHED, 0, -1, BAND_HEALTHY, 0, 0, 0, false, 0 },
		  0,
		  RAMP_BY_POLICY },
	};

	(void)unused;
	for (size_t i = 0; i < countof(rows); i++) {
		enum ramp_bound bound;
		const int cap = ramp_day_cap(&rows[i].f, &bound);

		if (cap != rows[i].cap || bound != rows[i].bound)
			fail_msg("%s: %d by %s", rows[i].name, cap, ramp_bound_name(bound));
	}
}

static void who_comes_back_does_not_burst(void **unused)
{
	(void)unused;
	assert_int_equal(ramp_cap_on_return(30, 0, 8 * 3600, 8 * 3600), 30);
	assert_int_equal(ramp_cap_on_return(30, 10, 4 * 3600, 8 * 3600), 20);
	assert_int_equal(ramp_cap_on_return(30, 10, 0, 8 * 3600), 10);
	assert_int_equal(ramp_cap_on_return(30, 10, 3600, 0), 10);
	assert_int_equal(ramp_cap_on_return(30, 30, 3600, 8 * 3600), 30);
	assert_int_equal(ramp_cap_on_return(20, 25, 3600, 8 * 3600),
			 20); /* lowered in mid-day: it stays so */
	assert_int_equal(ramp_cap_on_return(30, 10, 9 * 3600, 8 * 3600), 30);
}

/* P12: no day raises the index by more than one, and a later return never gives a higher cap. */
static void a_ramp_never_skips(void **unused)
{
	struct rand_gen g;

	(void)unused;
	rand_gen_seed(&g, 4);
	for (int run = 0; run < 20000; run++) {
		const int k = (int)rand_gen_below(&g, RAMP_INDEX_MOST + 1);
		const struct ramp_day d = { (int)rand_gen_below(&g, 50),
					    (int)rand_gen_below(&g, 60),
					    (enum band)rand_gen_below(&g, 4),
					    rand_gen_below(&g, 4) == 0,
					    rand_gen_below(&g, 4) == 0 };
		const int after = ramp_after(k, &d);
		const int used = (int)rand_gen_below(&g, 60), cap = (int)rand_gen_below(&g, 60);
		const int early = ramp_cap_on_return(cap, used, 20000, 28800);

		assert_in_range(after, 0, k + 1);
		assert_true(ramp_after_idle(k, (int)rand_gen_below(&g, 100)) <= k);
		assert_true(early <= cap && ramp_cap_on_return(cap, used, 10000, 28800) <= early);
		for (int p = RAMP_COLD; p <= RAMP_ESTABLISHED; p++)
			assert_true(ramp_cap((enum ramp_preset)p, k, cap) <=
				    ramp_cap((enum ramp_preset)p, k + 1, cap));
	}
}

static void presets_have_names(void **unused)
{
	(void)unused;
	for (int p = RAMP_COLD; p <= RAMP_ESTABLISHED; p++) {
		enum ramp_preset back;

		assert_true(ramp_preset_of(ramp_preset_name((enum ramp_preset)p), &back));
		assert_int_equal(back, p);
	}
	assert_false(ramp_preset_of("", &(enum ramp_preset){ 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presets_climb_to_the_target),
		cmocka_unit_test(days_move_the_index),
		cmocka_unit_test(the_least_limit_binds_and_is_told),
		cmocka_unit_test(who_comes_back_does_not_burst),
		cmocka_unit_test(a_ramp_never_skips),
		cmocka_unit_test(presets_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
