#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "rotation/judge.h"

#define HOUR_US 3600000000LL
#define DAY_US  (24 * HOUR_US)
#define START   (1000 * DAY_US)

/* Looked at once, of `sent` mails. */
static const struct {
	const char *name;
	int64_t since_us, until_us; /* before START, behind it; 0: no order */
	double sent, hard, limits;
	const char *reason; /* it was "before" */
	double volume, stretch;
	struct guard_facts guard;
	enum band from, band;
	unsigned bad_7d;
	bool is_news;
} rows[] = {
	{ .name = "nothing is known", .reason = "", .volume = 1, .stretch = 1 },
	{ .name = "the score falls, by what weighs most",
	  .sent = 950,
	  .hard = 30,
	  .limits = 1,
	  .is_news = true,
	  .bad_7d = 3,
	  .band = BAND_THROTTLED,
	  .reason = "hard_bounce",
	  .volume = 0.5,
	  .stretch = 2 },
	{ .name = "a guard is faster than the score",
	  .sent = 4000,
	  .guard = { .sent = 4000, .complaints = 3 },
	  .is_news = true,
	  .bad_7d = 3,
	  .band = BAND_QUARANTINED,
	  .reason = "complaints",
	  .volume = 0,
	  .stretch = 2 },
	{ .name = "and moves for news only",
	  .sent = 4000,
	  .guard = { .sent = 4000, .complaints = 3 },
	  .bad_7d = 3,
	  .reason = "",
	  .volume = 1,
	  .stretch = 1 },
	{ .name = "who stays where he was keeps his reason",
	  .from = BAND_WATCH,
	  .since_us = HOUR_US,
	  .sent = 100,
	  .band = BAND_WATCH,
	  .reason = "before",
	  .volume = 1,
	  .stretch = 1 },
	{ .name = "an order that is over leads up, and takes nothing",
	  .from = BAND_QUARANTINED,
	  .since_us = DAY_US,
	  .until_us = -1,
	  .sent = 100,
	  .bad_7d = 1,
	  .band = BAND_THROTTLED,
	  .reason = "before",
	  .volume = 1,
	  .stretch = 1 },
	{ .name = "an order that is not over",
	  .from = BAND_QUARANTINED,
	  .since_us = DAY_US,
	  .until_us = 1,
	  .sent = 100,
	  .bad_7d = 1,
	  .band = BAND_QUARANTINED,
	  .reason = "before",
	  .volume = 1,
	  .stretch = 1 },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct band_state s = { .band = rows[i].from,
					.since_us = START - rows[i].since_us,
					.fit_us = BAND_NEVER,
					.until_us = rows[i].until_us ? START + rows[i].until_us
								     : BAND_NEVER };
		struct judge_facts f = { .health = { .sent = rows[i].sent,
						     .happened = { rows[i].hard },
						     .pool_rate = { HEALTH_UNKNOWN, HEALTH_UNKNOWN,
								    HEALTH_UNKNOWN,
								    HEALTH_UNKNOWN },
						     .pool_replies = HEALTH_UNKNOWN,
						     .limit_hits_7d = rows[i].limits,
						     .downtime_24h = HEALTH_UNKNOWN,
						     .placement_lost = HEALTH_UNKNOWN },
					 .guard = rows[i].guard,
					 .is_news = rows[i].is_news,
					 .bad_7d = rows[i].bad_7d };
		struct judge_verdict v;

		judge_standing(&s, "before", &f, START, &v);
		if (s.band != rows[i].band || strcmp(v.reason, rows[i].reason) != 0 ||
		    v.volume != rows[i].volume || v.stretch != rows[i].stretch ||
		    v.has_changed != (s.band != rows[i].from))
			fail_msg("%s: %s \"%s\" volume %f stretch %f score %f", rows[i].name,
				 band_name(s.band), v.reason, v.volume, v.stretch, v.health.score);
	}
}

/* Out of quarantine by the score: after a week without anything bad, and not to be put back. */
static void the_way_out(void **state)
{
	static const struct {
		double hard;
		unsigned bad_7d;
		enum band band;
	} ways[] = { { 0, 0, BAND_THROTTLED },
		     { 0, 1, BAND_QUARANTINED },
		     { 100, 0, BAND_QUARANTINED } };

	(void)state;
	for (size_t i = 0; i < countof(ways); i++) {
		struct band_state s;
		struct judge_facts f = { .health = { .sent = 100,
						     .happened = { ways[i].hard },
						     .pool_replies = HEALTH_UNKNOWN,
						     .downtime_24h = HEALTH_UNKNOWN,
						     .placement_lost = HEALTH_UNKNOWN },
					 .bad_7d = ways[i].bad_7d };
		struct judge_verdict v;

		band_init(&s, START);
		(void)band_sink(&s, BAND_QUARANTINED, 0, START);
		f.health.limit_hits_7d = 3; /* keeps it from rising on */
		for (int day = 0; day <= 7; day++)
			judge_standing(&s, "complaints", &f, START + day * DAY_US, &v);
		assert_int_equal(s.band, ways[i].band);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(the_way_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
