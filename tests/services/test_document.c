#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "services/api/document.h"
#include "services/api/problem.h"
#include "services/api/route.h"

/* docs/openapi.json and the code say the same, in both directions. */

static json_t *read_document(void)
{
	json_error_t err;
	struct text t = document_text();
	json_t *j = json_loadb(t.at, t.len, JSON_REJECT_DUPLICATES, &err);

	if (!j)
		fail_msg("docs/openapi.json:%d: %s", err.line, err.text);
	return j;
}

/* "/v1/inboxes/{inbox_id}" as the table has it: "/v1/inboxes/{}" */
static void pattern_of(const char *path, char ret[256])
{
	size_t n = 0;
	bool is_name = false;

	for (const char *c = path; *c; c++) {
		if (*c == '}')
			is_name = false;
		if (!is_name)
			ret[n++] = *c;
		if (*c == '{')
			is_name = true;
	}
	ret[n] = '\0';
}

/* The scope that a call of the document wants; NULL: no key. */
static const char *scope_of(const json_t *op)
{
	const json_t *first = json_array_get(json_object_get(op, "security"), 0);

	return json_string_value(json_array_get(json_object_get(first, "key"), 0));
}

static bool is_method(const char *name)
{
	return strcmp(name, "parameters") != 0;
}

static const json_t *find(const json_t *paths, const struct route *r)
{
	const char *path, *method;
	json_t *item, *op;
	char pattern[256];

	json_object_foreach((json_t *)(uintptr_t)paths, path, item)
	{
		pattern_of(path, pattern);
		if (strcmp(pattern, r->pattern) != 0)
			continue;
		json_object_foreach(item, method, op)
		{
			if (strcasecmp(method, r->method) == 0)
				return op;
		}
	}
	return NULL;
}

static void every_route_is_documented(void **state)
{
	cleanup_json json_t *doc = read_document();
	const struct route *r;

	(void)state;
	for (size_t i = 0; (r = route_at(i)) != NULL; i++) {
		const json_t *op = find(json_object_get(doc, "paths"), r);
		const char *scope = scope_of(op);

		if (!op)
			fail_msg("%s %s is not in docs/openapi.json", r->method, r->pattern);
		if (strcmp(scope ? scope : "", r->scope ? r->scope : "") != 0)
			fail_msg("%s %s: scope %s in docs/openapi.json, %s in the table", r->method,
				 r->pattern, scope ? scope : "none", r->scope ? r->scope : "none");
	}
}

static bool is_routed(const char *method, const char *pattern)
{
	const struct route *r;

	for (size_t i = 0; (r = route_at(i)) != NULL; i++)
		if (strcasecmp(method, r->method) == 0 && strcmp(pattern, r->pattern) == 0)
			return true;
	return false;
}

static void every_documented_call_is_routed(void **state)
{
	cleanup_json json_t *doc = read_document();
	const char *path, *method;
	json_t *item, *op;
	char pattern[256];
	size_t n = 0;

	(void)state;
	json_object_foreach(json_object_get(doc, "paths"), path, item)
	{
		pattern_of(path, pattern);
		json_object_foreach(item, method, op)
		{
			if (is_method(method) && !is_routed(method, pattern))
				fail_msg("%s %s of docs/openapi.json has no route", method, path);
			n++;
		}
	}
	assert_true(n > 40);
}

static void every_code_is_documented(void **state)
{
	cleanup_json json_t *doc = read_document();
	const json_t *words = json_object_get(
		json_object_get(json_object_get(json_object_get(doc, "components"), "schemas"),
				"ProblemCode"),
		"enum");
	size_t n = 0;

	(void)state;
	for (; problem_name((enum problem_code)n); n++) {
		const char *name = problem_name((enum problem_code)n);
		bool is_there = false;

		for (size_t i = 0; i < json_array_size(words); i++)
			is_there |= strcmp(json_string_value(json_array_get(words, i)), name) == 0;
		if (!is_there)
			fail_msg("%s is not among the codes of docs/openapi.json", name);
	}
	assert_int_equal(n, json_array_size(words));
}

static void every_code_stands_in_the_guide(void **state)
{
	char *text = NULL, row[256];
	size_t size = 0;
	FILE *f = fopen("docs/api.md", "re");

	(void)state;
	assert_non_null(f);
	assert_true(getdelim(&text, &size, '\0', f) > 0);
	(void)fclose(f);
	for (size_t n = 0; problem_name((enum problem_code)n); n++) {
		(void)snprintf(row, sizeof(row), "| `%s` | %d |",
			       problem_name((enum problem_code)n),
			       problem_status((enum problem_code)n));
		if (!strstr(text, row))
			fail_msg("docs/api.md has no row \"%s\"", row);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_is_documented),
		cmocka_unit_test(every_documented_call_is_routed),
		cmocka_unit_test(every_code_is_documented),
		cmocka_unit_test(every_code_stands_in_the_guide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
