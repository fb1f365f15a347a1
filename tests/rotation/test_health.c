#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "rotation/guard.h"
#include "rotation/health.h"

#define DAY_US 86400000000LL

static struct health_facts quiet(void)
{
	struct health_facts f = { .sent = 500,
				  .replies = 25,
				  .pool_replies = 0.05,
				  .downtime_24h = HEALTH_UNKNOWN,
				  .placement_lost = HEALTH_UNKNOWN };

	for (size_t i = 0; i < countof(f.pool_rate); i++)
		f.pool_rate[i] = HEALTH_UNKNOWN;
	return f;
}

static double score_of(const struct health_facts *f)
{
	struct health h;

	health_of(f, &h);
	return h.score;
}

static void nothing_known_is_no_fault(void **unused)
{
	struct health_facts f = quiet();
	struct health h;

	(void)unused;
	f.sent = f.replies = 0;
	health_of(&f, &h);
	assert_true(h.score >= 100 && h.confidence == 0 && h.n_factors == 0);
	f = quiet();
	health_of(&f, &h);
	assert_true(h.score >= 100 && h.confidence > 0.9);
}

/* One signal at its worst takes its weight and no more; that is what the table promises. */
static void each_signal_alone_is_bounded(void **unused)
{
	static const struct {
		enum health_signal signal;
		double score;
	} rows[] = {
		{ HEALTH_HARD_BOUNCE, 40 },   { HEALTH_POLICY_BLOCK, 20 },
		{ HEALTH_COMPLAINT, 10 },     { HEALTH_UNSUBSCRIBE, 70 },
		{ HEALTH_REPLY_DEFICIT, 75 }, { HEALTH_LIMIT_HIT, 50 },
		{ HEALTH_DOWNTIME, 60 },      { HEALTH_REFRESH_FAILURE, 60 },
		{ HEALTH_PLACEMENT, 60 },
	};

	(void)unused;
	assert_int_equal(countof(rows), HEALTH_SIGNALS);
	for (size_t i = 0; i < countof(rows); i++) {
		struct health_facts f = quiet();
		struct health h;

		if (rows[i].signal <= HEALTH_UNSUBSCRIBE)
			f.happened[rows[i].signal] = f.sent;
		if (rows[i].signal == HEALTH_REPLY_DEFICIT)
			f.replies = 0;
		if (rows[i].signal == HEALTH_LIMIT_HIT)
			f.limit_hits_7d = 1e9;
		if (rows[i].signal == HEALTH_DOWNTIME)
			f.downtime_24h = 1;
		if (rows[i].signal == HEALTH_REFRESH_FAILURE)
			f.refresh_failures = 1e9;
		if (rows[i].signal == HEALTH_PLACEMENT)
			f.placement_lost = 1;
		health_of(&f, &h);
		if (fabs(h.score - rows[i].score) > 1e-6 || h.n_factors != 1 ||
		    h.factors[0].signal != rows[i].signal)
			fail_msg("%s: %f of %f, %zu factors", health_signal_name(rows[i].signal),
				 h.score, rows[i].score, h.n_factors);
	}
}

static void a_few_mails_say_little(void **unused)
{
	struct health_facts few = quiet(), many = quiet();

	(void)unused;
	few.sent = 4;
	few.happened[HEALTH_HARD_BOUNCE] = 1;
	many.sent = 400;
	many.happened[HEALTH_HARD_BOUNCE] = 100;
	assert_true(score_of(&few) > 85);
	assert_true(score_of(&many) < 50);
	few = quiet();
	few.sent = 199;
	few.replies = 0;
	assert_true(score_of(&few) >= 100);
	few.sent = 200;
	assert_true(score_of(&few) < 100);
}

/* P11: worse facts never give a better score, which stays within its bounds. */
static void worse_is_never_better(void **unused)
{
	struct rand_gen g;

	(void)unused;
	rand_gen_seed(&g, 2);
	for (int run = 0; run < 20000; run++) {
		struct health_facts f = quiet(), worse;
		const size_t which = rand_gen_below(&g, 9);
		const double more = 1 + (double)rand_gen_below(&g, 50) / 10;
		struct health h;

		f.sent = (double)rand_gen_below(&g, 2000);
		for (size_t i = 0; i < countof(f.happened); i++) {
			f.happened[i] = (double)rand_gen_below(&g, 40) / 4;
			f.pool_rate[i] = (double)rand_gen_below(&g, 100) / 2000 - 0.01;
		}
		f.replies = (double)rand_gen_below(&g, 100);
		f.pool_replies = (double)rand_gen_below(&g, 10) / 50;
		f.limit_hits_7d = (double)rand_gen_below(&g, 4);
		f.downtime_24h = (double)rand_gen_below(&g, 12) / 100 - 0.01;
		f.refresh_failures = (double)rand_gen_below(&g, 7);
		f.placement_lost = (double)rand_gen_below(&g, 50) / 100 - 0.01;
		worse = f;
		if (which <= HEALTH_UNSUBSCRIBE)
			worse.happened[which] += more;
		else if (which == 4)
			worse.replies = 0;
		else if (which == 5)
			worse.limit_hits_7d += more;
		else if (which == 6)
			worse.downtime_24h = fmax(f.downtime_24h, 0) + more / 50;
		else if (which == 7)
			worse.refresh_failures += more;
		else
			worse.placement_lost = fmax(f.placement_lost, 0) + more / 20;
		health_of(&f, &h);
		assert_true(h.score >= 0 && h.score <= 100);
		assert_true(score_of(&worse) <= h.score);
		for (size_t i = 1; i < h.n_factors; i++)
			assert_true(h.factors[i - 1].factor <= h.factors[i].factor);
	}
}

/* P11: the same happenings in any order give the same tally. */
static void a_tally_does_not_mind_the_order(void **unused)
{
	struct rand_gen g;

	(void)unused;
	rand_gen_seed(&g, 3);
	for (int run = 0; run < 200; run++) {
		int64_t at[40];
		struct health_tally one = { 0 }, other = { 0 };
		double plain = 0;

		for (size_t i = 0; i < countof(at); i++)
			at[i] = 1000 * DAY_US + (int64_t)rand_gen_below(&g, 60) * DAY_US;
		for (size_t i = 0; i < countof(at); i++)
			health_tally_add(&one, 1, at[i]);
		for (size_t i = countof(at); i > 0; i--) {
			const size_t k = rand_gen_below(&g, i);
			const int64_t swap = at[k];

			at[k] = at[i - 1];
			at[i - 1] = swap;
			health_tally_add(&other, 1, swap);
			plain += exp2(-(double)(1100 * DAY_US - swap) / (7.0 * DAY_US));
		}
		assert_true(fabs(health_tally_at(&one, 1100 * DAY_US) - plain) < 1e-9);
		assert_true(fabs(health_tally_at(&other, 1100 * DAY_US) - plain) < 1e-9);
	}
}

static void a_tally_halves_in_a_week(void **unused)
{
	struct health_tally t = { 0 };

	(void)unused;
	health_tally_add(&t, 8, 7 * DAY_US);
	assert_true(fabs(health_tally_at(&t, 14 * DAY_US) - 4) < 1e-9);
	assert_true(fabs(health_tally_at(&t, 28 * DAY_US) - 1) < 1e-9);
	assert_true(fabs(health_tally_at(&t, 0) - 8) < 1e-9);
}

static void guards_fire_on_what_is_no_chance(void **unused)
{
	static const struct {
		const char *name;
		struct guard_facts f;
		enum guard_cause cause;
		enum band band;
	} rows[] = {
		{ "nothing", { 0, 0, 0, 0 }, GUARD_NONE, BAND_HEALTHY },
		{ "one of four", { 4, 1, 0, 0 }, GUARD_NONE, BAND_HEALTHY },
		{ "three of three", { 3, 3, 0, 0 }, GUARD_NONE, BAND_HEALTHY },
		{ "four of forty", { 40, 4, 0, 0 }, GUARD_BOUNCES, BAND_THROTTLED },
		{ "four of a hundred", { 100, 4, 0, 0 }, GUARD_NONE, BAND_HEALTHY },
		{ "six of sixty", { 60, 6, 0, 0 }, GUARD_BOUNCES, BAND_QUARANTINED },
		{ "six of a hundred", { 100, 6, 0, 0 }, GUARD_BOUNCES, BAND_THROTTLED },
		{ "a complaint", { 100, 0, 1, 0 }, GUARD_NONE, BAND_HEALTHY },
		{ "two of a hundred", { 100, 0, 2, 0 }, GUARD_COMPLAINTS, BAND_QUARANTINED },
		{ "two of five thousand", { 5000, 0, 2, 0 }, GUARD_NONE, BAND_HEALTHY },
		{ "three of any", { 5000, 0, 3, 0 }, GUARD_COMPLAINTS, BAND_QUARANTINED },
		{ "two blocks", { 100, 0, 0, 2 }, GUARD_NONE, BAND_HEALTHY },
		{ "three blocks", { 100, 0, 0, 3 }, GUARD_BLOCKS, BAND_THROTTLED },
		{ "the gravest of several", { 60, 6, 3, 3 }, GUARD_COMPLAINTS, BAND_QUARANTINED },
		{ "more bounces than mails", { 2, 6, 0, 0 }, GUARD_BOUNCES, BAND_QUARANTINED },
	};

	(void)unused;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct guard g = guard_of(&rows[i].f);

		if (g.cause != rows[i].cause || g.band != rows[i].band)
			fail_msg("%s: %s %s", rows[i].name, guard_cause_name(g.cause),
				 band_name(g.band));
	}
	/* 10 of 100 at z = 1.28, computed by hand from Wilson's formula */
	assert_true(fabs(guard_wilson_lower(10, 100, 1.28) - 0.067817) < 1e-5);
	assert_true(guard_wilson_lower(0, 100, 1.28) == 0);
	assert_true(guard_wilson_lower(1, 0, 1.28) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_known_is_no_fault),
		cmocka_unit_test(each_signal_alone_is_bounded),
		cmocka_unit_test(a_few_mails_say_little),
		cmocka_unit_test(worse_is_never_better),
		cmocka_unit_test(a_tally_does_not_mind_the_order),
		cmocka_unit_test(a_tally_halves_in_a_week),
		cmocka_unit_test(guards_fire_on_what_is_no_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
