#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "rotation/verdict.h"

#define S        1000000LL /* microseconds */
#define NOW      (1000000LL * S)
#define FRESH_MS 60000

static const struct {
	const char *name;
	int level;
	const char *gate_reason;
	int64_t hold_until;
	struct verdict_inbox inboxes[3];
	size_t n;
	enum verdict_state state;
	const char *reason;
	bool provisional;
	int64_t observed;
} rows[] = {
	{ "open: seen a moment ago",
	  0,
	  "",
	  VERDICT_NEVER,
	  { { true, NOW - 5 * S, false, false } },
	  1,
	  VERDICT_OPEN,
	  "",
	  false,
	  NOW - 5 * S },
	{ "open: exactly as old as allowed",
	  0,
	  "",
	  VERDICT_NEVER,
	  { { true, NOW - 60 * S, false, false } },
	  1,
	  VERDICT_OPEN,
	  "",
	  false,
	  NOW - 60 * S },
	{ "unknown: a microsecond older",
	  0,
	  "",
	  VERDICT_NEVER,
	  { { true, NOW - 60 * S - 1, false, false } },
	  1,
	  VERDICT_UNKNOWN,
	  "inbox_behind",
	  false,
	  NOW - 60 * S - 1 },
	{ "unknown: a mail is there that nobody could read",
	  0,
	  "",
	  VERDICT_NEVER,
	  { { true, NOW - 5 * S, false, true }, { true, NOW - 5 * S, false, false } },
	  2,
	  VERDICT_UNKNOWN,
	  "mail_unread",
	  false,
	  NOW - 5 * S },
	{ "closed, whatever nobody could read",
	  3,
	  "replied",
	  VERDICT_NEVER,
	  { { true, NOW - 5 * S, false, true } },
	  1,
	  VERDICT_CLOSED,
	  "replied",
	  false,
	  NOW - 5 * S },
	{ "unknown: a gap is open, however fresh the last proof",
	  0,
	  "",
	  VERDICT_NEVER,
	  { { true, NOW, false, false }, { true, NOW - 5 * S, true, false } },
	  2,
	  VERDICT_UNKNOWN,
	  "inbox_behind",
	  false,
	  NOW - 5 * S },
	{ "closed: also in a gap",
	  3,
	  "replied",
	  VERDICT_NEVER,
	  { { true, NOW - 900 * S, true, false } },
	  1,
	  VERDICT_CLOSED,
	  "replied",
	  false,
	  NOW - 900 * S },
	{ "unknown: one of three is behind",
	  0,
	  "",
	  VERDICT_NEVER,
	  { { true, NOW, false, false },
	    { true, NOW - 300 * S, false, false },
	    { true, NOW - S, false, false } },
	  3,
	  VERDICT_UNKNOWN,
	  "inbox_behind",
	  false,
	  NOW - 300 * S },
	{ "unknown: one was never seen",
	  0,
	  "",
	  VERDICT_NEVER,
	  { { true, NOW, false, false }, { true, VERDICT_NEVER, false, false } },
	  2,
	  VERDICT_UNKNOWN,
	  "inbox_behind",
	  false,
	  VERDICT_NEVER },
	{ "unknown: one is not watched, though seen just now",
	  0,
	  "",
	  VERDICT_NEVER,
	  { { true, NOW, false, false }, { false, NOW, false, false } },
	  2,
	  VERDICT_UNKNOWN,
	  "inbox_unwatched",
	  false,
	  NOW },
	{ "unknown: nobody wrote to her",
	  0,
	  "",
	  VERDICT_NEVER,
	  { { false, 0, false, false } },
	  0,
	  VERDICT_UNKNOWN,
	  "prospect_unknown",
	  false,
	  VERDICT_NEVER },
	{ "closed: replied",
	  3,
	  "replied",
	  VERDICT_NEVER,
	  { { true, NOW, false, false } },
	  1,
	  VERDICT_CLOSED,
	  "replied",
	  false,
	  NOW },
	{ "closed even when blind",
	  3,
	  "replied",
	  VERDICT_NEVER,
	  { { false, NOW - 900 * S, false, false } },
	  1,
	  VERDICT_CLOSED,
	  "replied",
	  false,
	  NOW - 900 * S },
	{ "closed: provisional",
	  2,
	  "provisional",
	  VERDICT_NEVER,
	  { { true, NOW, false, false } },
	  1,
	  VERDICT_CLOSED,
	  "provisional",
	  true,
	  NOW },
	{ "closed: bounced, nobody wrote any more",
	  4,
	  "bounced_hard",
	  VERDICT_NEVER,
	  { { false, 0, false, false } },
	  0,
	  VERDICT_CLOSED,
	  "bounced_hard",
	  false,
	  VERDICT_NEVER },
	{ "closed: hold",
	  1,
	  "out_of_office",
	  NOW + 1,
	  { { true, NOW, false, false } },
	  1,
	  VERDICT_CLOSED,
	  "out_of_office",
	  false,
	  NOW },
	{ "open: hold is over",
	  1,
	  "out_of_office",
	  NOW,
	  { { true, NOW, false, false } },
	  1,
	  VERDICT_OPEN,
	  "",
	  false,
	  NOW },
	{ "hold over, but blind",
	  1,
	  "out_of_office",
	  NOW - S,
	  { { true, NOW - 90 * S, false, false } },
	  1,
	  VERDICT_UNKNOWN,
	  "inbox_behind",
	  false,
	  NOW - 90 * S },
	{ "a hold without an end stays",
	  1,
	  "out_of_office",
	  VERDICT_NEVER,
	  { { true, NOW, false, false } },
	  1,
	  VERDICT_CLOSED,
	  "out_of_office",
	  false,
	  NOW },
	{ "an old hold does not reopen a reply",
	  3,
	  "replied",
	  NOW - 100 * S,
	  { { true, NOW, false, false } },
	  1,
	  VERDICT_CLOSED,
	  "replied",
	  false,
	  NOW },
	{ "a proof from the future is one from now",
	  0,
	  "",
	  VERDICT_NEVER,
	  { { true, NOW + 30 * S, false, false } },
	  1,
	  VERDICT_OPEN,
	  "",
	  false,
	  NOW },
};

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct verdict_facts f = { .level = rows[i].level,
						 .reason = rows[i].gate_reason,
						 .hold_until_us = rows[i].hold_until,
						 .inboxes = rows[i].inboxes,
						 .n_inboxes = rows[i].n,
						 .now_us = NOW,
						 .freshness_ms = FRESH_MS };
		struct verdict v = verdict_of(&f);

		if (v.state != rows[i].state || strcmp(v.reason, rows[i].reason) != 0 ||
		    v.provisional != rows[i].provisional ||
		    v.observed_through_us != rows[i].observed)
			fail_msg("%s: %s %s provisional %d observed %lld", rows[i].name,
				 verdict_state_name(v.state), v.reason, v.provisional,
				 (long long)v.observed_through_us);
	}
}

/* Whatever the facts: open only with a fresh proof from every inbox, and never above level 1. */
static void open_is_always_proven(void **state)
{
	struct rand_gen g;
	int opened = 0;

	(void)state;
	rand_gen_seed(&g, 7);
	for (int round = 0; round < 200000; round++) {
		struct verdict_inbox in[4];
		struct verdict_facts f = { .level = (int)rand_gen_below(&g, 7),
					   .reason = "x",
					   .hold_until_us = VERDICT_NEVER,
					   .inboxes = in,
					   .n_inboxes = rand_gen_below(&g, 5),
					   .now_us = NOW,
					   .freshness_ms = FRESH_MS };

		if (rand_gen_below(&g, 2))
			f.hold_until_us = NOW - 50 * S + (int64_t)rand_gen_below(&g, 100 * S);
		for (size_t i = 0; i < f.n_inboxes; i++)
			in[i] = (struct verdict_inbox){
				rand_gen_below(&g, 10) > 0,
				rand_gen_below(&g, 20) ? NOW - (int64_t)rand_gen_below(&g, 70 * S)
						       : VERDICT_NEVER,
				rand_gen_below(&g, 20) == 0, rand_gen_below(&g, 20) == 0
			};
		if (verdict_of(&f).state != VERDICT_OPEN)
			continue;
		opened++;
		assert_true(f.level <= 1);
		assert_true(f.level == 0 ||
			    (f.hold_until_us != VERDICT_NEVER && f.hold_until_us <= NOW));
		assert_true(f.n_inboxes > 0);
		for (size_t i = 0; i < f.n_inboxes; i++) {
			assert_true(in[i].watched && !in[i].blind && !in[i].unread);
			assert_true(in[i].seen_us >= NOW - FRESH_MS * 1000LL);
		}
	}
	assert_true(opened > 1000); /* the test has looked at something */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(open_is_always_proven),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
