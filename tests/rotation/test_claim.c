#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "rotation/claim.h"

/* What a day may hold, from what is known when it is opened. */

#define DAY INT64_C(86400000000)

/* clang-format off */
static const struct {
	const char *name;
	struct quota_day d;
	int cap, cap_new, index;
	const char *bound;
	uint64_t gap_ms;
} rows[] = {
	{ "an established inbox has what its policy says",
	  { .ramp = "established", .cap_day = 40, .gap_s = 300, .new_share = 0.6, .band = "healthy", .was_ends_us = INT64_MIN }, 40, 24, 0, "policy", 300000 },
	{ "a share of first mails is rounded up",
	  { .ramp = "established", .cap_day = 3, .new_share = 0.5, .band = "healthy", .was_ends_us = INT64_MIN }, 3, 2, 0, "policy", 0 },
	{ "a new one begins at the bottom of its ramp",
	  { .ramp = "cold", .cap_day = 40, .gap_s = 300, .new_share = 1, .band = "healthy", .was_ends_us = INT64_MIN }, 5, 5, 0, "ramp", 300000 },
	{ "a good day is a step",
	  { .ramp = "cold", .cap_day = 40, .new_share = 1, .band = "healthy", .was_ends_us = DAY, .ends_us = 2 * DAY, .was_cap = 5, .was_used = 5 }, 7, 7, 1, "ramp", 0 },
	{ "an idle day is none",
	  { .ramp = "cold", .cap_day = 40, .new_share = 1, .band = "healthy", .was_ends_us = DAY, .ends_us = 2 * DAY, .was_cap = 5, .was_used = 1 }, 5, 5, 0, "ramp", 0 },
	{ "the same day once more is no step",
	  { .ramp = "cold", .cap_day = 40, .new_share = 1, .band = "healthy", .was_ends_us = DAY, .ends_us = DAY, .was_cap = 5, .was_used = 5 }, 5, 5, 0, "ramp", 0 },
	{ "a watched one sends less, and slower",
	  { .ramp = "established", .cap_day = 100, .gap_s = 100, .new_share = 1, .band = "watch", .was_ends_us = INT64_MIN }, 70, 70, 0, "health", 150000 },
	{ "a quarantined one sends nothing",
	  { .ramp = "established", .cap_day = 100, .new_share = 1, .band = "quarantined", .was_ends_us = INT64_MIN }, 0, 0, 0, "health", 0 },
	{ "neither does one whose band has no name that we know",
	  { .ramp = "established", .cap_day = 100, .new_share = 1, .band = "?", .was_ends_us = INT64_MIN }, 0, 0, 0, "health", 0 },
};
/* clang-format on */

static void days_are_opened_by_what_is_known(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct quota_caps c = claim_caps(&rows[i].d);

		if (c.cap != rows[i].cap || c.cap_new != rows[i].cap_new ||
		    c.ramp_index != rows[i].index || strcmp(c.bound, rows[i].bound) != 0 ||
		    c.gap_ms != rows[i].gap_ms)
			fail_msg("%s: cap %d, new %d, index %d, by %s, gap %llu ms", rows[i].name,
				 c.cap, c.cap_new, c.ramp_index, c.bound,
				 (unsigned long long)c.gap_ms);
	}
}

/* Whatever is known: no more than the policy says, than the provider leaves, and first mails are no
 * more than mails. */
static void a_cap_is_never_above_what_binds(void **unused)
{
	static const char *const bands[] = { "healthy", "watch", "throttled", "quarantined" },
				 *const ramps[] = { "cold", "standard", "geometric",
						    "established" };
	struct rand_gen g;

	(void)unused;
	rand_gen_seed(&g, 7);
	for (int k = 0; k < 20000; k++) {
		struct quota_day d = { .cap_day = (int)rand_gen_below(&g, 2001),
				       .new_share = (double)rand_gen_below(&g, 101) / 100,
				       .ceiling_24h = (int)rand_gen_below(&g, 500),
				       .external_24h = (int)rand_gen_below(&g, 500),
				       .ramp_index = (int)rand_gen_below(&g, 401),
				       .limit_hit = rand_gen_below(&g, 2),
				       .was_ends_us = DAY,
				       .ends_us = 2 * DAY,
				       .was_cap = (int)rand_gen_below(&g, 100),
				       .was_used = (int)rand_gen_below(&g, 100) };
		struct quota_caps c;

		(void)snprintf(d.band, sizeof(d.band), "%s", bands[rand_gen_below(&g, 4)]);
		(void)snprintf(d.ramp, sizeof(d.ramp), "%s", ramps[rand_gen_below(&g, 4)]);
		c = claim_caps(&d);
		assert_in_range(c.cap, 0, d.cap_day);
		assert_in_range(c.cap_new, 0, c.cap);
		if (d.ceiling_24h)
			assert_true(c.cap + d.external_24h <= d.ceiling_24h || c.cap == 0);
		assert_true(c.ramp_index >= 0 && c.ramp_index <= d.ramp_index + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(days_are_opened_by_what_is_known),
					    cmocka_unit_test(a_cap_is_never_above_what_binds) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
