#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest/standing.h"

/* A deadline that is past and that nothing can be done about is a loop that never sleeps. */
static void what_is_being_written_is_waited_for(void **state)
{
	const struct folder_lease lease = { .workspace = "w", .inbox = "i", .epoch = 1 };
	const struct standing_now waits = { .waiting_for = "tagged answer to LIST" };
	struct standing s;

	(void)state;
	standing_init(&s, NULL, NULL, &lease, "a@example.test", NULL, NULL);
	s.state = "catching_up";
	standing_look(&s, &waits, 100000);
	assert_int_equal(standing_deadline(&s), 100000);
	s.write = (struct standing_write *)&s; /* any will do */
	standing_look(&s, &waits, 200000);
	assert_int_equal(standing_deadline(&s), UINT64_MAX);
	s.write = NULL;
	standing_look(&s, &waits, 300000);
	assert_int_equal(standing_deadline(&s), 300000);
}

static void a_state_on_the_way_waits_a_moment(void **state)
{
	const struct folder_lease lease = { .workspace = "w", .inbox = "i", .epoch = 1 };
	struct standing s;

	(void)state;
	standing_init(&s, NULL, NULL, &lease, "a@example.test", NULL, NULL);
	standing_say(&s, "connecting", "", TEXT(""), 0);
	assert_null(s.write);
	assert_true(standing_deadline(&s) != UINT64_MAX);
	standing_say(&s, "catching_up", "", TEXT(""), 0);
	assert_null(s.write);
	standing_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_being_written_is_waited_for),
		cmocka_unit_test(a_state_on_the_way_waits_a_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
