#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "rotation/pick.h"

#define S       1000000LL
#define HOUR    (3600 * S)
#define NOW     (1000000 * HOUR)
#define MEMBERS 400

static struct pick_inbox able(int cap)
{
	return (struct pick_inbox){ .state = { .limited_until_us = BAND_NEVER },
				    .cap = cap,
				    .cap_new = cap,
				    .rolling_left = 1000,
				    .domain_left = 1000,
				    .tenant_left = 1000,
				    .rolling_lifts_us = PICK_NEVER,
				    .domain_lifts_us = PICK_NEVER,
				    .tenant_lifts_us = PICK_NEVER,
				    .next_allowed_us = PICK_NEVER,
				    .opens_us = NOW - HOUR,
				    .closes_us = NOW + 6 * HOUR,
				    .day_ends_us = NOW + 10 * HOUR,
				    .weight = 1,
				    .picked_us = PICK_NEVER };
}

static const struct pick_ask first = { SENDABLE_FIRST, PICK_ANY, NOW, 60 * S };

/* One thing is wrong with an inbox that could send otherwise. */
static void each_limit_is_named_and_lifts(void **unused)
{
	static const struct pick_ask follow = { SENDABLE_FOLLOWUP, PICK_ANY, NOW, 60 * S };
	static const struct pick_ask strict = { SENDABLE_FIRST, PICK_STRICT, NOW, 60 * S };
	struct pick_inbox i[24];
	const struct {
		const char *name;
		const struct pick_ask *ask;
		enum refusal by;
		int64_t lifts;
	} rows[] = {
		{ "able", &first, REFUSAL_NONE, PICK_NEVER },
		{ "full", &first, REFUSAL_CAP, NOW + 10 * HOUR },
		{ "full of first mails", &first, REFUSAL_NEW_SHARE, NOW + 10 * HOUR },
		{ "full of first mails, a follow-up", &follow, REFUSAL_NONE, PICK_NEVER },
		{ "rolling", &first, REFUSAL_ROLLING, NOW + 3 * HOUR },
		{ "domain", &first, REFUSAL_DOMAIN, NOW + 4 * HOUR },
		{ "tenant, nobody knows how long", &first, REFUSAL_TENANT, PICK_NEVER },
		{ "gap beyond the horizon", &first, REFUSAL_GAP, NOW + 61 * S },
		{ "gap within it", &first, REFUSAL_NONE, PICK_NEVER },
		{ "not open yet", &first, REFUSAL_WINDOW, NOW + 2 * HOUR },
		{ "opens within the horizon", &first, REFUSAL_NONE, PICK_NEVER },
		{ "no window at all", &first, REFUSAL_WINDOW, PICK_NEVER },
		{ "the gap ends behind the window", &first, REFUSAL_WINDOW, NOW + 10 * HOUR },
		{ "another provider", &strict, REFUSAL_PROVIDER, PICK_NEVER },
		{ "the recipient's provider", &strict, REFUSAL_NONE, PICK_NEVER },
		{ "limited", &first, REFUSAL_LIMITED, NOW + 20 * HOUR },
		{ "limited until a moment ago", &first, REFUSAL_NONE, PICK_NEVER },
		{ "quarantined", &first, REFUSAL_HEALTH, PICK_NEVER },
		{ "what lifts last binds", &first, REFUSAL_LIMITED, NOW + 20 * HOUR },
		{ "what never lifts binds", &first, REFUSAL_PAUSED, PICK_NEVER },
		{ "draining, a follow-up", &follow, REFUSAL_NONE, PICK_NEVER },
		{ "draining", &first, REFUSAL_DRAINING, PICK_NEVER },
		{ "behind, a follow-up", &follow, REFUSAL_BEHIND, PICK_NEVER },
		{ "behind", &first, REFUSAL_NONE, PICK_NEVER },
	};

	(void)unused;
	assert_int_equal(countof(rows), countof(i));
	for (size_t k = 0; k < countof(i); k++)
		i[k] = able(30);
	i[1].used = 30;
	i[2].cap_new = i[2].used_new = i[3].cap_new = i[3].used_new = 18;
	i[4].rolling_left = 0, i[4].rolling_lifts_us = NOW + 3 * HOUR;
	i[5].domain_left = -1, i[5].domain_lifts_us = NOW + 4 * HOUR;
	i[6].tenant_left = 0;
	i[7].next_allowed_us = NOW + 61 * S;
	i[8].next_allowed_us = NOW + 60 * S;
	i[9].opens_us = NOW + 2 * HOUR;
	i[10].opens_us = NOW + 30 * S;
	i[11].opens_us = i[11].closes_us;
	i[12].closes_us = NOW + 20 * S, i[12].next_allowed_us = NOW + 20 * S;
	i[14].provider_matches = true;
	i[15].state.limited_until_us = NOW + 20 * HOUR;
	i[16].state.limited_until_us = NOW;
	i[17].state.band = BAND_QUARANTINED;
	i[18] = i[15], i[18].used = 30;
	i[19] = i[15], i[19].state.admin = SENDABLE_PAUSED;
	i[20].state.admin = i[21].state.admin = SENDABLE_DRAINING;
	i[22].state.sight = i[23].state.sight = SENDABLE_CATCHING_UP;
	for (size_t k = 0; k < countof(i); k++) {
		int64_t lifts = 0;
		const enum refusal by = pick_refusal(rows[k].ask, &i[k], &lifts);

		if (by != rows[k].by || lifts != rows[k].lifts)
			fail_msg("%s: \"%s\", lifts %lld", rows[k].name, refusal_name(by),
				 (long long)(lifts - NOW));
	}
	assert_true(pick_send_at(&first, &i[8]) == NOW + 60 * S);
	assert_true(pick_send_at(&first, &i[10]) == NOW + 30 * S);
	assert_true(pick_send_at(&first, &i[0]) == NOW);
}

static void those_we_cannot_read_do_not_send(void **unused)
{
	static const enum refusal expected[][3] = {
		/*                  first             follow-up         manual */
		[SENDABLE_LIVE] = { REFUSAL_NONE, REFUSAL_NONE, REFUSAL_NONE },
		[SENDABLE_CATCHING_UP] = { REFUSAL_NONE, REFUSAL_BEHIND, REFUSAL_BEHIND },
		[SENDABLE_AWAY] = { REFUSAL_AWAY, REFUSAL_AWAY, REFUSAL_AWAY },
		[SENDABLE_REAUTH] = { REFUSAL_REAUTH, REFUSAL_REAUTH, REFUSAL_REAUTH },
	};
	int64_t lifts;

	(void)unused;
	for (int sight = SENDABLE_LIVE; sight <= SENDABLE_REAUTH; sight++)
		for (int kind = SENDABLE_FIRST; kind <= SENDABLE_MANUAL; kind++) {
			const struct sendable s = { .sight = (enum sendable_sight)sight,
						    .limited_until_us = BAND_NEVER };

			assert_int_equal(
				sendable_refusal(&s, (enum sendable_kind)kind, NOW, &lifts),
				expected[sight][kind]);
		}
}

static void only_who_is_gone_is_left(void **unused)
{
	struct sendable s = { .limited_until_us = BAND_NEVER };

	(void)unused;
	assert_false(sendable_is_gone(&s, NOW - 1000 * HOUR, 72 * HOUR, NOW));
	s.sight = SENDABLE_REAUTH;
	assert_false(sendable_is_gone(&s, NOW - 72 * HOUR, 72 * HOUR, NOW));
	assert_true(sendable_is_gone(&s, NOW - 72 * HOUR - 1, 72 * HOUR, NOW));
	s.sight = SENDABLE_AWAY;
	assert_false(sendable_is_gone(&s, NOW - 1000 * HOUR, 72 * HOUR, NOW));
	s.admin = SENDABLE_REMOVED;
	assert_true(sendable_is_gone(&s, NOW, 72 * HOUR, NOW));
	s.admin = SENDABLE_ENABLED;
	s.suspended = true;
	assert_true(sendable_is_gone(&s, NOW, 72 * HOUR, NOW));
}

static void reserves_serve_when_no_primary_could_today(void **unused)
{
	struct pick_inbox i[2] = { able(30), able(30) };
	struct pick p;

	(void)unused;
	i[1].reserve = true;
	pick_choose(&first, i, 2, &p);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.order[0], 0);
	i[0].next_allowed_us = NOW + HOUR; /* pacing: later today */
	pick_choose(&first, i, 2, &p);
	assert_int_equal(p.n, 0);
	assert_int_equal(p.refused[REFUSAL_GAP], 1);
	assert_true(p.retry_us == NOW + HOUR);
	i[0].opens_us = NOW + 11 * HOUR; /* not before tomorrow */
	i[0].closes_us = NOW + 20 * HOUR;
	pick_choose(&first, i, 2, &p);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.order[0], 1);
	i[0] = able(30);
	i[0].used = 30;
	pick_choose(&first, i, 2, &p);
	assert_int_equal(p.order[0], 1);
	assert_true(p.retry_us == PICK_NEVER);
	i[1].used = 30;
	i[1].day_ends_us = NOW + 5 * HOUR;
	pick_choose(&first, i, 2, &p);
	assert_int_equal(p.n, 0);
	assert_int_equal(p.refused[REFUSAL_CAP], 2);
	assert_true(p.retry_us == NOW + 5 * HOUR);
	pick_choose(&first, i, 0, &p);
	assert_int_equal(p.n, 0);
}

static void the_best_come_first(void **unused)
{
	struct pick_inbox i[7];
	const struct pick_ask prefer = { SENDABLE_FIRST, PICK_PREFERRED, NOW, 0 };
	struct pick p;

	(void)unused;
	for (size_t k = 0; k < countof(i); k++) {
		i[k] = able(30);
		i[k].used = 10;
	}
	i[5].used = 2;
	i[2].used = 5;
	i[6].weight = 1.5; /* as if it had sent fewer */
	i[3].picked_us = NOW - 5;
	i[0].picked_us = NOW - 3;
	i[1].picked_us = NOW - 4;
	i[4].picked_us = NOW - 2;
	pick_choose(&first, i, countof(i), &p);
	assert_int_equal(p.n, PICK_MOST);
	assert_int_equal(p.order[0], 5);
	assert_int_equal(p.order[1], 2);
	assert_int_equal(p.order[2], 6);
	assert_int_equal(p.order[3], 3); /* of equals, whoever was picked longest ago */
	i[4].provider_matches = true;    /* 21 / 90 against 5 / 30 and 11 / 30 */
	pick_choose(&prefer, i, countof(i), &p);
	assert_int_equal(p.order[0], 5);
	assert_int_equal(p.order[1], 4);
	/* in the morning: the half mail that Webster adds lets the larger ones begin */
	i[0] = able(10);
	i[1] = able(50);
	pick_choose(&first, i, 2, &p);
	assert_int_equal(p.order[0], 1);
}

/* Sends of a day, picked one by one; `sticky` of a hundred go where chance wants. */
static double worst_deviation(struct pick_inbox *i, size_t n, int sends, unsigned sticky,
			      struct rand_gen *g)
{
	double weights = 0, worst = 0;

	for (size_t k = 0; k < n; k++)
		weights += i[k].cap * i[k].weight;
	for (int s = 0; s < sends; s++) {
		struct pick p;
		size_t at = rand_gen_below(g, n);

		if (rand_gen_below(g, 100) >= sticky || i[at].used >= i[at].cap) {
			pick_choose(&first, i, n, &p);
			assert_true(p.n > 0);
			at = p.order[0];
		}
		i[at].used++;
		i[at].picked_us = NOW + s;
	}
	for (size_t k = 0; k < n; k++)
		worst = fmax(worst, fabs(i[k].used - sends * i[k].cap * i[k].weight / weights));
	return worst;
}

/* P7: nobody is more than one and a half mails from its share, whatever the weights. */
static void shares_are_kept(void **unused)
{
	struct pick_inbox i[MEMBERS];
	struct rand_gen g;

	(void)unused;
	rand_gen_seed(&g, 5);
	for (int run = 0; run < 60; run++) {
		const size_t n = 2 + rand_gen_below(&g, 60);
		int caps = 0;

		for (size_t k = 0; k < n; k++) {
			i[k] = able(5 + (int)rand_gen_below(&g, 46));
			caps += i[k].cap;
		}
		assert_true(worst_deviation(i, n, caps / 2, 0, &g) <= 1.5);
	}
}

/* P7 with follow-ups: who is above its share by them opens nothing while another one is below. */
static void follow_ups_are_made_up_for(void **unused)
{
	struct pick_inbox i[MEMBERS];
	struct rand_gen g;

	(void)unused;
	rand_gen_seed(&g, 6);
	for (size_t k = 0; k < 200; k++)
		i[k] = able(5 + (int)(k % 46));
	for (int s = 0; s < 2500; s++) {
		double sum_used = 0, sum_cap = 0;
		struct pick p;
		size_t at = rand_gen_below(&g, 200);

		if (s % 2) {
			pick_choose(&first, i, 200, &p);
			assert_true(p.n > 0);
			at = p.order[0];
			for (size_t k = 0; k < 200; k++) {
				sum_used += i[k].used;
				sum_cap += i[k].cap;
			}
			/* the chosen one's share is not exceeded by more than the one it gets */
			assert_true(i[at].used <= sum_used * i[at].cap / sum_cap + 0.5);
		} else if (i[at].used >= i[at].cap) {
			continue;
		}
		i[at].used++;
		i[at].picked_us = NOW + s;
	}
}

/* P8: everybody's turn comes within its share of picks. */
static void nobody_starves(void **unused)
{
	struct pick_inbox i[40];
	struct rand_gen g;
	int since[40] = { 0 };
	double weights = 0;

	(void)unused;
	rand_gen_seed(&g, 7);
	for (size_t k = 0; k < countof(i); k++) {
		i[k] = able(5 + (int)rand_gen_below(&g, 46));
		i[k].state.band = (enum band)rand_gen_below(&g, 3);
		weights += i[k].cap * band_volume(i[k].state.band);
	}
	for (int s = 0; s < 400; s++) {
		struct pick p;

		pick_choose(&first, i, countof(i), &p);
		if (p.n == 0)
			break;
		for (size_t k = 0; k < countof(i); k++) {
			const double w = i[k].cap * band_volume(i[k].state.band);

			since[k] = k == p.order[0] ? 0 : since[k] + 1;
			if (i[k].used < i[k].cap)
				assert_true(since[k] <= ceil(weights / w) + (double)countof(i));
		}
		i[p.order[0]].used++;
		i[p.order[0]].picked_us = NOW + s;
	}
}

/* P6: whatever chance draws, never closer than the gap, never on a grid, and the window is filled.
 */
static void mails_are_spread(void **unused)
{
	struct pick_spacing s = { NOW, NOW + 8 * HOUR, 30, 300, BAND_HEALTHY, 0 };
	int64_t mean = 0;

	(void)unused;
	for (int k = 0; k < 1000; k++) {
		s.chance = k / 1000.0;
		mean += (pick_next_allowed(&s) - NOW) / 1000;
		assert_true(pick_next_allowed(&s) - NOW >= 300 * S);
	}
	assert_true(llabs(mean - 8 * HOUR / 30) < 2 * S); /* 16 minutes */
	s.chance = 0;
	s.left = 1000;
	assert_true(pick_next_allowed(&s) == NOW + 300 * S);
	s.band = BAND_THROTTLED;
	assert_true(pick_next_allowed(&s) == NOW + 600 * S);
	s.left = 0;
	s.closes_us = NOW - HOUR;
	assert_true(pick_next_allowed(&s) == NOW + 600 * S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_limit_is_named_and_lifts),
		cmocka_unit_test(those_we_cannot_read_do_not_send),
		cmocka_unit_test(only_who_is_gone_is_left),
		cmocka_unit_test(reserves_serve_when_no_primary_could_today),
		cmocka_unit_test(the_best_come_first),
		cmocka_unit_test(shares_are_kept),
		cmocka_unit_test(follow_ups_are_made_up_for),
		cmocka_unit_test(nobody_starves),
		cmocka_unit_test(mails_are_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
