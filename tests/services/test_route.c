#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "services/api/route.h"

static const struct {
	const char *method, *path;
	const char *pattern; /* NULL: nothing found */
	const char *param;   /* of the first {} */
	const char *allow;
} rows[] = {
	{ "GET", "/livez", "/livez", NULL, NULL },
	{ "HEAD", "/livez", "/livez", NULL, NULL },
	{ "POST", "/livez", NULL, NULL, "GET" },
	{ "GET", "/v1/inboxes", "/v1/inboxes", NULL, NULL },
	{ "POST", "/v1/inboxes", "/v1/inboxes", NULL, NULL },
	{ "DELETE", "/v1/inboxes", NULL, NULL, "POST, GET" },
	{ "GET", "/v1/inboxes/abc", "/v1/inboxes/{}", "abc", NULL },
	{ "GET", "/v1/inboxes/", NULL, NULL, "" },
	{ "GET", "/v1/inboxes/a/b", NULL, NULL, "" },
	{ "GET", "/v1", NULL, NULL, "" },
	{ "GET", "/", NULL, NULL, "" },
	{ "GET", "", NULL, NULL, "" },
	{ "GET", "//livez", NULL, NULL, "" },
	{ "GET", "/v1/prospects/anna%40example.test/gate", "/v1/prospects/{}/gate",
	  "anna@example.test", NULL },
	{ "GET", "/v1/prospects/rep+q4@example.test/gate", "/v1/prospects/{}/gate",
	  "rep+q4@example.test", NULL },
	{ "GET", "/v1/prospects/a%2Fb/gate", "/v1/prospects/{}/gate", "a/b", NULL },
	{ "GET", "/v1/prospects/%00/gate", NULL, NULL, "" },
	{ "GET", "/v1/prospects/%zz/gate", NULL, NULL, "" },
	{ "GET", "/v1/prospects/%ff/gate", NULL, NULL, "" },
	{ "GET", "/v1/prospects/%c3%a4/gate", "/v1/prospects/{}/gate", "\xc3\xa4", NULL },
	{ "GET", "/v1/prospects//gate", NULL, NULL, "" },
	{ "GET", "/v1/../livez", NULL, NULL, "" },
};

static void table(void **state)
{
	struct request *q = mem_new(sizeof(*q));
	char allow[64];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct route *r = route_find(q, rows[i].method, rows[i].path, allow);

		if (!r != !rows[i].pattern || (r && strcmp(r->pattern, rows[i].pattern) != 0) ||
		    (rows[i].param && strcmp(q->params[0], rows[i].param) != 0) ||
		    (rows[i].allow && strcmp(allow, rows[i].allow) != 0))
			fail_msg("%s %s: %s, param %s, allow %s", rows[i].method, rows[i].path,
				 r ? r->pattern : "nothing", q->params[0], allow);
	}
	free(q);
}

/* A segment longer than a parameter may be finds nothing, and writes nothing past it. */
static void long_segments_find_nothing(void **state)
{
	struct request *q = mem_new(sizeof(*q));
	char path[4096] = "/v1/prospects/", allow[64];

	(void)state;
	memset(path + strlen(path), 'a', REQUEST_PARAM_MAX);
	strncat(path, "/gate", sizeof(path) - strlen(path) - 1); /* house: ok, bounded, in a test */
	assert_null(route_find(q, "GET", path, allow));
	free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(long_segments_find_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
