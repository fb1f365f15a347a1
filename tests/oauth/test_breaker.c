#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/breaker.h"

struct told {
	struct breaker b;
	struct rand_gen g;
	uint64_t now_ms;
	struct policy_answer last;
};

static void set_up(struct told *t)
{
	breaker_init(&t->b);
	rand_gen_seed(&t->g, 7);
	t->now_ms = 1000000;
}

/* Returns whether it has just opened. */
static bool hear(struct told *t, enum policy_verdict verdict, bool whole_client)
{
	t->last = (struct policy_answer){ .verdict = verdict, .reason = "r" };
	t->last.whole_client = whole_client;
	return breaker_heard(&t->b, &t->last, t->now_ms, &t->g);
}

static void a_refused_client_opens_it_at_once(void **state)
{
	struct told t;

	(void)state;
	set_up(&t);
	assert_true(hear(&t, POLICY_US, true));
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_OPEN);
	/* What was under way says the same: no second alarm, no longer wait. */
	assert_false(hear(&t, POLICY_US, true));
	assert_int_equal(breaker_look(&t.b, t.now_ms + 4999), BREAKER_OPEN);
	t.now_ms += 10000;
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_PROBING);
	/* The probe fails: open for longer, but the alarm was given. */
	assert_false(hear(&t, POLICY_US, true));
	assert_int_equal(breaker_look(&t.b, t.now_ms + 9999), BREAKER_OPEN);
	t.now_ms += 20000;
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_PROBING);
	assert_false(hear(&t, POLICY_OK, false));
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_CLOSED);
	assert_true(hear(&t, POLICY_US, true)); /* and it can alarm again */
}

static void a_fault_of_one_grant_leaves_the_others_alone(void **state)
{
	struct told t;

	(void)state;
	set_up(&t);
	for (int i = 0; i < 100; i++) {
		assert_false(hear(&t, POLICY_US, false));
		assert_false(hear(&t, i % 10 ? POLICY_US : POLICY_OK, false));
	}
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_CLOSED);
	/* All of them, one after the other: it is no longer one grant. */
	for (int i = 0; i < BREAKER_FAILURES; i++)
		(void)hear(&t, POLICY_US, false);
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_OPEN);
}

static void silence_opens_it_after_many(void **state)
{
	struct told t;

	(void)state;
	set_up(&t);
	for (int i = 0; i < BREAKER_FAILURES - 1; i++)
		assert_false(hear(&t, POLICY_LATER, false));
	assert_false(hear(&t, POLICY_OK, false)); /* one good answer begins the count anew */
	for (int i = 0; i < BREAKER_FAILURES - 1; i++)
		assert_false(hear(&t, POLICY_LATER, false));
	assert_true(hear(&t, POLICY_LATER, false));
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_OPEN);
	t.now_ms += 10000;
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_PROBING);
	assert_false(hear(&t, POLICY_LATER, false));
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_OPEN);
	/* A revoked grant answers a probe as well as a good one: the provider is there. */
	t.now_ms += 20000;
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_PROBING);
	assert_false(hear(&t, POLICY_USER, false));
	assert_int_equal(t.last.verdict, POLICY_USER);
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_CLOSED);
}

static void the_wait_has_an_end(void **state)
{
	struct told t;

	(void)state;
	set_up(&t);
	assert_true(hear(&t, POLICY_US, true));
	for (int i = 0; i < 50; i++) {
		t.now_ms += 5 * 60 * 1000;
		assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_PROBING);
		(void)hear(&t, POLICY_US, true);
	}
}

static void single_revocations_are_believed(void **state)
{
	struct told t;

	(void)state;
	set_up(&t);
	for (int i = 0; i < 1000; i++) {
		(void)hear(&t, POLICY_OK, false);
		assert_false(hear(&t, POLICY_USER, false));
		assert_int_equal(t.last.verdict, POLICY_USER);
		t.now_ms += 100;
	}
}

static void a_mass_of_them_is_an_outage(void **state)
{
	struct told t;
	int believed = 0;
	bool opened = false;

	(void)state;
	set_up(&t);
	for (int i = 0; i < 10; i++)
		(void)hear(&t, POLICY_OK, false);
	for (int i = 0; i < 10000; i++) {
		opened |= hear(&t, POLICY_USER, false);
		believed += t.last.verdict == POLICY_USER;
		if (t.last.verdict == POLICY_LATER)
			assert_string_equal(t.last.reason, "mass_refusal");
	}
	assert_true(opened);
	assert_int_equal(believed, BREAKER_MASS - 1);
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_OPEN);

	/* Probes say the same, long after the counts are forgotten. */
	for (int i = 0; i < 5; i++) {
		t.now_ms += 10 * 60 * 1000;
		assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_PROBING);
		(void)hear(&t, POLICY_USER, false);
		assert_int_equal(t.last.verdict, POLICY_LATER);
	}
	/* The provider recovers: a later refusal is one user's again. */
	t.now_ms += 5 * 60 * 1000;
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_PROBING);
	(void)hear(&t, POLICY_OK, false);
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_CLOSED);
	(void)hear(&t, POLICY_USER, false);
	assert_int_equal(t.last.verdict, POLICY_USER);
}

static void after_an_hour_the_provider_means_it(void **state)
{
	struct told t;

	(void)state;
	set_up(&t);
	for (int i = 0; i < 2 * BREAKER_MASS; i++)
		(void)hear(&t, POLICY_USER, false);
	assert_int_equal(t.last.verdict, POLICY_LATER);
	t.now_ms += BREAKER_DOUBT_MS;
	assert_int_equal(breaker_look(&t.b, t.now_ms), BREAKER_PROBING);
	for (int i = 0; i < 100; i++) {
		(void)hear(&t, POLICY_USER, false);
		assert_int_equal(t.last.verdict, POLICY_USER);
	}
}

static void refusals_spread_over_days_are_no_mass(void **state)
{
	struct told t;

	(void)state;
	set_up(&t);
	for (int i = 0; i < 1000; i++) {
		(void)hear(&t, POLICY_USER, false);
		assert_int_equal(t.last.verdict, POLICY_USER);
		t.now_ms += 60 * 1000;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refused_client_opens_it_at_once),
		cmocka_unit_test(a_fault_of_one_grant_leaves_the_others_alone),
		cmocka_unit_test(silence_opens_it_after_many),
		cmocka_unit_test(the_wait_has_an_end),
		cmocka_unit_test(single_revocations_are_believed),
		cmocka_unit_test(a_mass_of_them_is_an_outage),
		cmocka_unit_test(after_an_hour_the_provider_means_it),
		cmocka_unit_test(refusals_spread_over_days_are_no_mass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
