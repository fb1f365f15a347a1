#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/chronicle.h"

#define WORKSPACE "10000000-0000-4000-8000-000000000001"
#define INBOX     "20000000-0000-4000-8000-00000000000a"

static void notes_come_out_oldest_first(void **state)
{
	struct chronicle c = { 0 };
	struct timeline_note n[CHRONICLE_MAX];

	(void)state;
	assert_false(chronicle_has(&c));
	assert_int_equal(chronicle_take(&c, WORKSPACE, INBOX, n, CHRONICLE_MAX), 0);
	chronicle_note(&c, CHRONICLE_BYE, 1000, "%s", "session expired\r\nand more");
	chronicle_note(&c, CHRONICLE_RENEWED, 2000, "%s", "");
	chronicle_add(&c, "uidvalidity", 3000, "INBOX was made anew");
	assert_true(chronicle_has(&c));
	assert_int_equal(chronicle_take(&c, WORKSPACE, INBOX, n, 2), 2);
	assert_string_equal(n[0].workspace, WORKSPACE);
	assert_string_equal(n[0].inbox, INBOX);
	assert_int_equal(n[0].at_us, 1000);
	assert_string_equal(n[0].code, "bye");
	assert_string_equal(n[0].words, "the server ended the session: session expired??and more");
	assert_string_equal(n[1].code, "renewed");
	assert_string_equal(n[1].words, "new session already live, no gap");
	assert_int_equal(chronicle_take(&c, WORKSPACE, INBOX, n, CHRONICLE_MAX), 1);
	assert_string_equal(n[0].code, "uidvalidity");
	assert_string_equal(n[0].words, "INBOX was made anew");
	assert_false(chronicle_has(&c)); /* and nothing is kept for it */
	assert_null(c.page);
}

static void too_many_lose_the_oldest_and_say_so(void **state)
{
	struct chronicle c = { 0 };
	struct timeline_note n[CHRONICLE_MAX + 1];
	char long_words[400];

	(void)state;
	memset(long_words, 'x', sizeof(long_words) - 1);
	long_words[sizeof(long_words) - 1] = '\0';
	for (int i = 0; i < CHRONICLE_MAX + 3; i++)
		chronicle_note(&c, CHRONICLE_CONNECTED, i, "%s", i == 18 ? long_words : "");
	assert_int_equal(chronicle_take(&c, WORKSPACE, INBOX, n, CHRONICLE_MAX + 1), CHRONICLE_MAX);
	assert_int_equal(n[0].at_us, 3);
	assert_string_equal(n[0].words, "logged in (3 earlier notes were lost)");
	assert_string_equal(n[1].words, "logged in");
	assert_int_equal(strlen(n[15].words), sizeof(n[15].words) - 1);
	chronicle_note(&c, CHRONICLE_LIVE, 0, "%s", "");
	chronicle_clear(&c);
	chronicle_clear(&c);
	assert_false(chronicle_has(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_come_out_oldest_first),
		cmocka_unit_test(too_many_lose_the_oldest_and_say_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
