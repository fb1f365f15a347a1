#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "rotation/capacity.h"
#include "rotation/member.h"

/* What may still be sent today, and what is in the way. */

#define HOUR 3600000000LL
#define NOON (12 * HOUR)

/* 10 of a cap of 30 are used, the window is 8 to 18 h, it is noon, nothing is in the way. */
static const struct pick_inbox usual = {
	.state = { .sight = SENDABLE_LIVE, .limited_until_us = BAND_NEVER },
	.cap = 30,
	.used = 10,
	.cap_new = 18,
	.used_new = 6,
	.rolling_left = INT_MAX,
	.domain_left = INT_MAX,
	.tenant_left = INT_MAX,
	.rolling_lifts_us = PICK_NEVER,
	.domain_lifts_us = PICK_NEVER,
	.tenant_lifts_us = PICK_NEVER,
	.next_allowed_us = PICK_NEVER,
	.opens_us = 8 * HOUR,
	.closes_us = 18 * HOUR,
	.day_ends_us = 24 * HOUR,
	.weight = 1,
};

/* What differs from that. */
enum twist {
	NOTHING,
	CAP_USED,
	SHARE_USED,
	DOMAIN_3,
	DOMAIN_OUT_TILL_15,
	DOMAIN_OUT_TILL_20,
	GAP_TILL_13,
	GAP_TILL_19,
	BEFORE_WINDOW,
	NO_WINDOW,
	DRAINING,
	BEHIND,
	QUARANTINED,
	LIMITED_TILL_14,
	LIMITED_TILL_TOMORROW
};

static struct pick_inbox twisted(enum twist t)
{
	struct pick_inbox i = usual;

	switch (t) {
	case NOTHING:
		break;
	case CAP_USED:
		i.used = 30;
		break;
	case SHARE_USED:
		i.used_new = 18;
		break;
	case DOMAIN_3:
		i.domain_left = 3;
		break;
	case DOMAIN_OUT_TILL_15:
	case DOMAIN_OUT_TILL_20:
		i.domain_left = 0;
		i.domain_lifts_us = (t == DOMAIN_OUT_TILL_15 ? 15 : 20) * HOUR;
		break;
	case GAP_TILL_13:
	case GAP_TILL_19:
		i.next_allowed_us = (t == GAP_TILL_13 ? 13 : 19) * HOUR;
		break;
	case BEFORE_WINDOW:
		i.opens_us = 14 * HOUR;
		break;
	case NO_WINDOW:
		i.closes_us = i.opens_us;
		break;
	case DRAINING:
		i.state.admin = SENDABLE_DRAINING;
		break;
	case BEHIND:
		i.state.sight = SENDABLE_CATCHING_UP;
		break;
	case QUARANTINED:
		i.state.band = BAND_QUARANTINED;
		break;
	case LIMITED_TILL_14:
	case LIMITED_TILL_TOMORROW:
		i.state.limited_until_us = (t == LIMITED_TILL_14 ? 14 : 30) * HOUR;
		break;
	}
	return i;
}

static const struct {
	const char *name;
	enum twist twist;
	int left, left_new;
	enum refusal first, follow_up;
	int64_t lifts_h; /* of a first mail; -1: never */
} rows[] = {
	{ "as usual", NOTHING, 20, 12, REFUSAL_NONE, REFUSAL_NONE, -1 },
	{ "the cap is used", CAP_USED, 0, 0, REFUSAL_CAP, REFUSAL_CAP, 24 },
	{ "the share of first mails is used", SHARE_USED, 20, 0, REFUSAL_NEW_SHARE, REFUSAL_NONE,
	  24 },
	{ "the domain has less", DOMAIN_3, 3, 3, REFUSAL_NONE, REFUSAL_NONE, -1 },
	{ "the domain is used up: how much it gives back nobody knows", DOMAIN_OUT_TILL_15, 0, 0,
	  REFUSAL_DOMAIN, REFUSAL_DOMAIN, 15 },
	{ "beyond the window", DOMAIN_OUT_TILL_20, 0, 0, REFUSAL_DOMAIN, REFUSAL_DOMAIN, 20 },
	{ "a gap only delays", GAP_TILL_13, 20, 12, REFUSAL_GAP, REFUSAL_GAP, 13 },
	{ "a gap beyond the window ends the day", GAP_TILL_19, 0, 0, REFUSAL_WINDOW, REFUSAL_WINDOW,
	  24 },
	{ "before the window", BEFORE_WINDOW, 20, 12, REFUSAL_WINDOW, REFUSAL_WINDOW, 14 },
	{ "no window today", NO_WINDOW, 0, 0, REFUSAL_WINDOW, REFUSAL_WINDOW, -1 },
	{ "no new conversations", DRAINING, 20, 0, REFUSAL_DRAINING, REFUSAL_NONE, -1 },
	{ "catching up: nothing to those who may have answered", BEHIND, 0, 12, REFUSAL_NONE,
	  REFUSAL_BEHIND, -1 },
	{ "quarantined", QUARANTINED, 0, 0, REFUSAL_HEALTH, REFUSAL_HEALTH, -1 },
	{ "limited for two hours", LIMITED_TILL_14, 20, 12, REFUSAL_LIMITED, REFUSAL_LIMITED, 14 },
	{ "limited till tomorrow", LIMITED_TILL_TOMORROW, 0, 0, REFUSAL_LIMITED, REFUSAL_LIMITED,
	  30 },
};

static void what_is_left(void **state)
{
	(void)state;
	for (size_t k = 0; k < countof(rows); k++) {
		const struct pick_inbox i = twisted(rows[k].twist);
		const struct capacity c = capacity_of(&i, NOON);
		const int64_t lifts = rows[k].lifts_h < 0 ? PICK_NEVER : rows[k].lifts_h * HOUR;

		if (c.left != rows[k].left || c.left_new != rows[k].left_new ||
		    c.first != rows[k].first || c.follow_up != rows[k].follow_up ||
		    c.first_lifts_us != lifts)
			fail_msg("%s: left %d, new %d, first %s until %lld h, follow-up %s",
				 rows[k].name, c.left, c.left_new, refusal_name(c.first),
				 (long long)(c.first_lifts_us / HOUR), refusal_name(c.follow_up));
	}
}

/* A day that nobody has opened is told as it will begin. */
static void a_day_as_it_begins(void **state)
{
	const struct capacity_day d = { .ramp = { .preset = RAMP_COLD, .k = 0, .policy_cap = 40 },
					.cap_new_share = 0.6F,
					.starts_us = 24 * HOUR,
					.opens_us = 32 * HOUR,
					.closes_us = 42 * HOUR,
					.ends_us = 48 * HOUR };
	struct pick_inbox i = twisted(CAP_USED);
	enum ramp_bound by;

	(void)state;
	i.next_allowed_us = 23 * HOUR;
	capacity_begin(&d, &i, &by);
	assert_int_equal(by, RAMP_BY_RAMP);
	assert_int_equal(i.cap, 5);
	assert_int_equal(i.cap_new, 3); /* not 4, though 0.6 of a float is a little more */
	assert_int_equal(i.used + i.used_new, 0);
	assert_int_equal(capacity_of(&i, d.starts_us).left, 5);
	assert_int_equal(capacity_of(&i, d.starts_us).first, REFUSAL_WINDOW);
}

/* Words of the tables; one that nobody knows is as bad as can be. */
static void words_become_states(void **state)
{
	static const struct {
		const char *admin, *sends, *word, *band;
		enum refusal first;
	} words[] = {
		{ "enabled", "all", "live", "healthy", REFUSAL_NONE },
		{ "enabled", "follow_ups", "live", "watch", REFUSAL_DRAINING },
		{ "enabled", "none", "live", "healthy", REFUSAL_PAUSED },
		{ "paused", "all", "live", "healthy", REFUSAL_PAUSED },
		{ "removed", "all", "live", "healthy", REFUSAL_REMOVED },
		{ "enabled", "all", "catching_up", "healthy", REFUSAL_NONE },
		{ "enabled", "all", "backing_off", "healthy", REFUSAL_AWAY },
		{ "enabled", "all", "held", "healthy", REFUSAL_AWAY },
		{ "enabled", "all", "reauth_required", "healthy", REFUSAL_REAUTH },
		{ "enabled", "all", "live", "quarantined", REFUSAL_HEALTH },
		{ "enabled", "all", "live", "unheard of", REFUSAL_HEALTH },
		{ "unheard of", "all", "live", "healthy", REFUSAL_PAUSED },
		{ "enabled", "all", "unheard of", "healthy", REFUSAL_AWAY },
	};

	(void)state;
	for (size_t k = 0; k < countof(words); k++) {
		const struct quota_member m = { .admin = words[k].admin,
						.sends = words[k].sends,
						.state = words[k].word,
						.band = words[k].band,
						.provider = "",
						.has_day = true,
						.cap = 9,
						.cap_new = 9,
						.rolling_left = INT_MAX,
						.domain_left = INT_MAX,
						.tenant_left = INT_MAX,
						.limited_until_us = INT64_MIN,
						.next_allowed_us = INT64_MIN,
						.opens_us = 0,
						.closes_us = 24 * HOUR,
						.weight = 1 };
		struct pick_inbox i;

		member_read(&m, &i);
		if (capacity_of(&i, NOON).first != words[k].first)
			fail_msg("%s %s %s %s: %s", words[k].admin, words[k].sends, words[k].word,
				 words[k].band, refusal_name(capacity_of(&i, NOON).first));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left),
		cmocka_unit_test(a_day_as_it_begins),
		cmocka_unit_test(words_become_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
