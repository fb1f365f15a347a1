/* How fast a provider is connected to, and what becomes of it when it lets nobody in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/pace.h"

#define NEVER  UINT64_MAX
#define PEOPLE 64

/* Time, chance, and everybody's mark. */
struct play {
	struct pace pace;
	struct rand_gen rand;
	uint64_t now_ms;
	pace_mark marks[PEOPLE];
	int went_down, came_back;
};

static void begin(struct play *p, struct pace_params params)
{
	*p = (struct play){ .now_ms = 5000 };
	rand_gen_seed(&p->rand, 7);
	pace_init(&p->pace, &params, &p->rand, p->now_ms);
}

static void note(struct play *p, enum pace_news news)
{
	p->went_down += news == PACE_WENT_DOWN;
	p->came_back += news == PACE_CAME_BACK;
}

static void pass(struct play *p, uint64_t ms)
{
	p->now_ms += ms;
	note(p, pace_tick(&p->pace, p->now_ms));
}

static bool may(const struct play *p)
{
	return pace_next(&p->pace, p->now_ms) <= p->now_ms;
}

static void attempt(struct play *p, int who, enum pace_end end)
{
	pace_begin(&p->pace, p->now_ms);
	note(p, pace_ended(&p->pace, end, &p->marks[who], &p->rand, p->now_ms));
}

/* Everybody who may, begins; how many within `ms`. */
static unsigned flow(struct play *p, uint64_t ms)
{
	uint64_t end_ms = p->now_ms + ms;
	unsigned n = 0;

	while (p->now_ms < end_ms) {
		uint64_t at_ms = pace_next(&p->pace, p->now_ms);

		if (at_ms > p->now_ms) {
			pass(p, at_ms < end_ms ? at_ms - p->now_ms : end_ms - p->now_ms);
			continue;
		}
		attempt(p, 0, PACE_LET_IN);
		n++;
	}
	return n;
}

/* ---- buckets ---- */

static void the_slower_bucket_counts(void **state)
{
	static const struct {
		const char *name;
		uint32_t connects, logins;
		uint64_t ms;
		unsigned least, most;
	} rows[] = {
		{ "a burst of a second's worth, then the rate", 10, 0, 4000, 49, 51 },
		{ "logins are the slower", 100, 5, 10000, 54, 56 },
		{ "connections are the slower", 5, 100, 10000, 54, 56 },
		{ "one a second", 1, 1, 10000, 10, 11 },
		{ "no word of a thousandth is lost", 3, 0, 100000, 302, 304 },
		{ "a fast one", 2000, 0, 1000, 3900, 4001 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct play p;
		unsigned n;

		begin(&p, (struct pace_params){ .connects_per_s = rows[i].connects,
						.logins_per_s = rows[i].logins });
		n = flow(&p, rows[i].ms);
		if (n < rows[i].least || n > rows[i].most)
			fail_msg("%s: %u", rows[i].name, n);
	}
}

static void workers_of_one_address_share_it(void **state)
{
	static const struct {
		uint32_t rate;
		unsigned workers, least, most; /* in ten seconds */
	} rows[] = { { 10, 2, 54, 56 }, { 10, 3, 32, 34 }, { 2, 7, 10, 12 }, { 10, 1, 109, 111 } };

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct play p;

		begin(&p, (struct pace_params){ .connects_per_s = rows[i].rate });
		pace_share(&p.pace, rows[i].workers, p.now_ms);
		assert_in_range(flow(&p, 10000), rows[i].least, rows[i].most);
		/* and alone again */
		pace_share(&p.pace, 1, p.now_ms);
		assert_in_range(flow(&p, 10000), rows[i].rate * 10 - 1, rows[i].rate * 11 + 1);
	}
}

static void no_rate_is_no_limit(void **state)
{
	struct play p;

	(void)state;
	begin(&p, (struct pace_params){ 0 });
	for (int i = 0; i < 100000; i++) {
		assert_true(may(&p));
		attempt(&p, 0, PACE_LET_IN);
	}
}

static void a_bucket_never_saves_more_than_a_second(void **state)
{
	struct play p;
	int n = 0;

	(void)state;
	begin(&p, (struct pace_params){ .connects_per_s = 10 });
	pass(&p, UINT64_C(40) * 24 * 3600 * 1000);
	for (; may(&p); n++)
		attempt(&p, 0, PACE_LET_IN);
	assert_int_equal(n, 10);
}

static void the_start_is_spread(void **state)
{
	uint64_t least = NEVER, most = 0;
	struct rand_gen g;

	(void)state;
	rand_gen_seed(&g, 3);
	for (int i = 0; i < 200; i++) {
		const struct pace_params params = { .spread_ms = 1000 };
		struct pace p;
		uint64_t at_ms;

		pace_init(&p, &params, &g, 100);
		at_ms = pace_next(&p, 100);
		least = at_ms < least ? at_ms : least;
		most = at_ms > most ? at_ms : most;
	}
	assert_in_range(least, 100, 150);
	assert_in_range(most, 1050, 1099);
}

/* ---- the breaker ---- */

static void what_is_an_outage(void **state)
{
	/* t: turned away, a new inbox each; s: the same inbox again; l: let in; n: no word;
	 * +: five seconds pass */
	static const struct {
		const char *name, *story;
		int down;
	} rows[] = {
		{ "nobody", "", 0 },
		{ "seven", "ttttttt", 0 },
		{ "eight", "tttttttt", 1 },
		{ "one inbox, again and again", "tsssssssssssssssss", 0 },
		{ "of ten one is let in", "tttttlttt", 1 },
		{ "three are let in", "ttlttlttltt", 0 },
		{ "three are let in, but twelve are not", "ttlttlttltttttt", 1 },
		{ "too slow", "t+t+t+t+t+t+t+t+t+t", 0 },
		{ "just within the window", "tttt+++tttt", 1 },
		{ "what nobody said counts for nothing", "nnnnnnnnnnnnnnttttttt", 0 },
		{ "forty at once are one incident", "tttttttttttttttttttttttttttttttttttttttt", 1 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct play p;
		int who = 0;

		begin(&p, (struct pace_params){ 0 });
		for (const char *c = rows[i].story; *c; c++) {
			if (*c == '+')
				pass(&p, 5000);
			else
				attempt(&p, *c == 't' ? ++who : who,
					*c == 'l'   ? PACE_LET_IN
					: *c == 'n' ? PACE_NO_WORD
						    : PACE_TURNED_AWAY);
		}
		if (p.went_down != rows[i].down)
			fail_msg("%s: %d", rows[i].name, p.went_down);
	}
}

static void bring_down(struct play *p)
{
	for (int i = 0; i < 8; i++)
		attempt(p, i, PACE_TURNED_AWAY);
	assert_int_equal(p->pace.state, PACE_DOWN);
}

static void those_of_an_incident_are_known(void **state)
{
	struct play p;
	int n = 0;

	(void)state;
	begin(&p, (struct pace_params){ 0 });
	attempt(&p, 20, PACE_TURNED_AWAY);
	attempt(&p, 20, PACE_LET_IN);
	attempt(&p, 21, PACE_TURNED_AWAY);
	pass(&p, 60000);
	bring_down(&p);
	for (int i = 0; i < PEOPLE; i++)
		n += pace_is_marked(&p.pace, p.marks[i]);
	assert_int_equal(n, 8);
}

/* Few at a time, further and further apart, and never for good. */
static void probes_are_few(void **state)
{
	struct play p;
	uint64_t last_ms = 0, apart_ms = 0;
	int rounds = 0;

	(void)state;
	begin(&p, (struct pace_params){ .probe_ms = 1000 });
	bring_down(&p);
	assert_false(may(&p));
	for (int hour = 0; hour < 3600; hour++) {
		uint64_t at_ms = pace_next(&p.pace, p.now_ms);
		int n = 0;

		assert_int_not_equal(at_ms, NEVER);
		pass(&p, at_ms - p.now_ms);
		for (; may(&p); n++)
			pace_begin(&p.pace, p.now_ms);
		assert_int_equal(n, 3);
		assert_int_equal(pace_next(&p.pace, p.now_ms), NEVER);
		if (last_ms)
			apart_ms = p.now_ms - last_ms;
		assert_in_range(apart_ms, 0, 12000);
		last_ms = p.now_ms;
		for (; n; n--)
			note(&p,
			     pace_ended(&p.pace, PACE_TURNED_AWAY, &p.marks[n], &p.rand, p.now_ms));
		rounds++;
	}
	assert_in_range(last_ms / (uint64_t)rounds, 6000, 12000);
	assert_int_equal(p.went_down, 1);
	assert_int_equal(p.came_back, 0);
}

static void until_a_probe(struct play *p)
{
	uint64_t at_ms = pace_next(&p->pace, p->now_ms);

	assert_int_not_equal(at_ms, NEVER);
	if (at_ms > p->now_ms)
		pass(p, at_ms - p->now_ms);
}

static void who_is_let_in_must_survive(void **state)
{
	struct play p;

	(void)state;
	begin(&p, (struct pace_params){ .survive_ms = 10000 });
	bring_down(&p);
	until_a_probe(&p);
	attempt(&p, 1, PACE_LET_IN);
	assert_int_equal(p.pace.state, PACE_TRYING);
	assert_int_equal(pace_next(&p.pace, p.now_ms), NEVER);
	pass(&p, 3000);
	note(&p, pace_lost(&p.pace, p.now_ms - 3000, &p.marks[1], &p.rand, p.now_ms));
	assert_int_equal(p.pace.state, PACE_DOWN);
	assert_false(may(&p));

	until_a_probe(&p);
	attempt(&p, 2, PACE_LET_IN);
	/* one of before says nothing about now */
	note(&p, pace_lost(&p.pace, p.now_ms - 5000, &p.marks[9], &p.rand, p.now_ms));
	assert_int_equal(pace_deadline(&p.pace), p.now_ms + 10000);
	pass(&p, 9999);
	assert_int_equal(p.came_back, 0);
	pass(&p, 1);
	assert_int_equal(p.came_back, 1);
	assert_int_equal(p.pace.state, PACE_FILLING);
	assert_true(may(&p));
}

static void come_back(struct play *p)
{
	bring_down(p);
	until_a_probe(p);
	attempt(p, 1, PACE_LET_IN);
	pass(p, 10000);
	assert_int_equal(p->pace.state, PACE_FILLING);
}

static void it_fills_slowly(void **state)
{
	struct play p;
	unsigned first, second, later;

	(void)state;
	begin(&p, (struct pace_params){ .connects_per_s = 200 });
	come_back(&p);
	first = flow(&p, 1000);
	second = flow(&p, 1000);
	later = flow(&p, 2000);
	assert_in_range(first, 1, 2);
	assert_in_range(second, 2, 3);
	assert_in_range(later, 8, 14);
	(void)flow(&p, 5000);
	assert_int_equal(p.pace.state, PACE_FLOWING);
	assert_in_range(flow(&p, 1000), 199, 401);
	assert_int_equal(p.came_back, 1);
}

static void while_it_fills_few_failures_are_enough(void **state)
{
	struct play p;

	(void)state;
	begin(&p, (struct pace_params){ 0 });
	come_back(&p);
	attempt(&p, 1, PACE_TURNED_AWAY);
	attempt(&p, 1, PACE_TURNED_AWAY);
	attempt(&p, 2, PACE_TURNED_AWAY);
	assert_int_equal(p.went_down, 1);
	attempt(&p, 3, PACE_TURNED_AWAY);
	assert_int_equal(p.went_down, 2);
	assert_int_equal(p.pace.state, PACE_DOWN);
}

/* Let in and thrown out at once, all of them, is no better than not let in. */
static void who_does_not_survive_was_turned_away(void **state)
{
	struct play p;

	(void)state;
	begin(&p, (struct pace_params){ 0 });
	for (int i = 0; i < 8; i++) {
		attempt(&p, i, PACE_LET_IN);
		note(&p, pace_lost(&p.pace, p.now_ms, &p.marks[i], &p.rand, p.now_ms));
	}
	assert_int_equal(p.went_down, 1);

	begin(&p, (struct pace_params){ 0 });
	for (int i = 0; i < 40; i++) { /* after a while it is no sign of anything */
		attempt(&p, i, PACE_LET_IN);
		note(&p, pace_lost(&p.pace, p.now_ms, &p.marks[i], &p.rand, p.now_ms + 20000));
	}
	assert_int_equal(p.went_down, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_slower_bucket_counts),
		cmocka_unit_test(workers_of_one_address_share_it),
		cmocka_unit_test(no_rate_is_no_limit),
		cmocka_unit_test(a_bucket_never_saves_more_than_a_second),
		cmocka_unit_test(the_start_is_spread),
		cmocka_unit_test(what_is_an_outage),
		cmocka_unit_test(those_of_an_incident_are_known),
		cmocka_unit_test(probes_are_few),
		cmocka_unit_test(who_is_let_in_must_survive),
		cmocka_unit_test(it_fills_slowly),
		cmocka_unit_test(while_it_fills_few_failures_are_enough),
		cmocka_unit_test(who_does_not_survive_was_turned_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
