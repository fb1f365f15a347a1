#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "services/event_type.h"

static const struct {
	const char *name;
	bool is_type;
	enum event_class class;
	bool is_wish;
} rows[] = {
	{ "reply.received", true, EVENT_CLASS_PROSPECT, false },
	{ "reply.unmatched", true, EVENT_CLASS_PROSPECT, true },
	{ "inbox.gap.closed", true, EVENT_CLASS_INBOX, false },
	{ "domain.reauth_required", true, EVENT_CLASS_INBOX, false },
	{ "endpoint.disabled", true, EVENT_CLASS_ENDPOINT, false },
	{ "webhook.test", true, EVENT_CLASS_TEST, false },
	{ "", false, 0, false },
	{ "reply", false, 0, false },
	{ "reply.received ", false, 0, false },
	{ "Reply.Received", false, 0, false },
	{ "reply.receivedx", false, 0, false },
};

static void names(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct event_type *t = event_type_find(text_of(rows[i].name));

		if (!!t != rows[i].is_type)
			fail_msg("\"%s\"", rows[i].name);
		if (t) {
			assert_string_equal(t->name, rows[i].name);
			assert_int_equal(t->class, rows[i].class);
			assert_int_equal(t->is_wish, rows[i].is_wish);
		}
	}
}

/* A name that stands there twice would make one of the two unreachable. */
static void each_once(void **state)
{
	(void)state;
	for (int i = 0; i < EVENT_TYPE_N; i++) {
		const struct event_type *t = event_type_at((enum event_type_id)i);

		assert_ptr_equal(event_type_find(text_of(t->name)), t);
		assert_true(strlen(t->words) > 10);
		assert_non_null(strstr(event_type_names(), t->name));
	}
	assert_true(strncmp(event_type_names(), "reply.received, ", 16) == 0);
}

static void classes(void **state)
{
	(void)state;
	assert_string_equal(event_type_class_name(EVENT_CLASS_PROSPECT), "prospect");
	assert_string_equal(event_type_class_name(EVENT_CLASS_INBOX), "inbox");
	assert_string_equal(event_type_class_name(EVENT_CLASS_ENDPOINT), "endpoint");
	assert_string_equal(event_type_class_name(EVENT_CLASS_TEST), "test");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(each_once),
		cmocka_unit_test(classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
