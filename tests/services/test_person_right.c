#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "services/api/person_right.h"

/* What each role may call; a call that nobody thought of is for admins, and reads are for all. */
static const struct {
	const char *method, *path;
	const char *may; /* V, O, A */
} rows[] = {
	{ "GET", "/v1/inboxes", "VOA" },
	{ "GET", "/v1/endpoints", "VOA" },
	{ "GET", "/v1/events", "VOA" },
	{ "GET", "/v1/pools", "VOA" },
	{ "GET", "/v1/pools/x/capacity", "VOA" },
	{ "PATCH", "/v1/pools/x", "A" },
	{ "PATCH", "/v1/inboxes/x/send-policy", "A" },
	{ "HEAD", "/v1/inboxes", "VOA" },
	{ "GET", "/v1/audit", "A" },
	{ "POST", "/v1/connect-links", "OA" },
	{ "POST", "/v1/inboxes/x/pause", "OA" },
	{ "POST", "/v1/inboxes/x/resume", "OA" },
	{ "POST", "/v1/inboxes/x/probe", "OA" },
	{ "POST", "/v1/messages/x/reclassify", "OA" },
	{ "POST", "/v1/endpoints/x/replay", "OA" },
	{ "POST", "/v1/prospects/x/stop", "OA" },
	{ "POST", "/v1/endpoints", "A" },
	{ "PATCH", "/v1/endpoints/x", "A" },
	{ "POST", "/v1/endpoints/x/rotate-secret", "A" },
	{ "DELETE", "/v1/inboxes/x", "A" },
	{ "POST", "/v1/domain-grants", "A" },
	{ "PUT", "/v1/domain-grants/x/secret", "A" },
	{ "POST", "/v1/events/ack", "A" },
	{ "POST", "/v1/outbound", "" },
	{ "POST", "/v1/inboxes/x/access-token", "" },
};

static void roles_may_what_they_are_for(void **state)
{
	struct request *q = mem_new(sizeof(*q));
	char allow[64], may[4];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct route *r = route_find(q, rows[i].method, rows[i].path, allow);
		size_t n = 0;

		assert_non_null(r);
		for (int role = PERSON_VIEWER; role <= PERSON_ADMIN; role++)
			if (person_right_has((enum person_role)role, r))
				may[n++] = "VOA"[role];
		may[n] = '\0';
		if (strcmp(may, rows[i].may) != 0)
			fail_msg("%s %s: \"%s\", not \"%s\"", rows[i].method, rows[i].path, may,
				 rows[i].may);
	}
	free(q);
}

static void roles_have_names(void **state)
{
	(void)state;
	for (int role = PERSON_VIEWER; role <= PERSON_ADMIN; role++)
		assert_int_equal(role, person_role_of(person_role_name((enum person_role)role)));
	assert_int_equal(person_role_of("king"), -EINVAL);
	assert_int_equal(person_role_of(""), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_may_what_they_are_for),
		cmocka_unit_test(roles_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
