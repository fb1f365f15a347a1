#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/outcome.h"

static void says_what_and_who(void **state)
{
	struct outcome o = outcome_of(BLAME_AUTH, "login refused", TEXT("  NO [AUTH]\tbad\r\n"));
	struct outcome ok = OUTCOME_OK;

	(void)state;
	assert_false(outcome_ok(&o));
	assert_string_equal(o.what, "login refused");
	assert_string_equal(o.said, "NO [AUTH]?bad");
	assert_true(outcome_ok(&ok));
	assert_string_equal(ok.said, "");
}

static void what_they_said_is_cut(void **state)
{
	char much[1000];
	struct outcome o;

	(void)state;
	memset(much, 'x', sizeof(much));
	o = outcome_of(BLAME_PEER, "greeting", (struct text){ much, sizeof(much) });
	assert_int_equal(strlen(o.said), sizeof(o.said) - 1);
}

static void every_blame_has_its_name(void **state)
{
	static const char *const names[] = { "none",  "us",      "net",  "peer",
					     "lacks", "refused", "auth", "unknown" };

	(void)state;
	for (size_t i = 0; i < countof(names); i++)
		assert_string_equal(outcome_blame_name((enum blame)i), names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_and_who),
		cmocka_unit_test(what_they_said_is_cut),
		cmocka_unit_test(every_blame_has_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
