#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "services/cli/address_list.h"

/* "2 a@b; 3! ..." or why not */
static void said_of(const char *file, size_t n, char *ret, size_t size)
{
	char bytes[1024], why[256];
	struct address_list l;
	size_t at = 0;

	assert_true(n < sizeof(bytes));
	memcpy(bytes, file, n);
	ret[0] = '\0';
	if (address_list_read(&l, bytes, n, why) < 0) {
		(void)snprintf(ret, size, "%s", why);
		return;
	}
	for (size_t i = 0; i < l.n; i++)
		at += (size_t)snprintf(ret + at, size - at, "%s%u%s%s", i ? " " : "",
				       l.rows[i].line, l.rows[i].bad ? "!" : ":",
				       l.rows[i].address);
	address_list_clear(&l);
}

static void addresses_are_found_where_they_stand(void **state)
{
	static const struct {
		const char *name, *file, *says;
	} rows[] = {
		{ "one a line", "a@x.test\nB@X.test\n", "1:a@x.test 2:b@x.test" },
		{ "headed", "name,email\nAda,a@x.test\n", "2:a@x.test" },
		{ "another case", "Name;E-Mail\nAda;a@x.test\n", "2:a@x.test" },
		{ "the second column, no heading", "Ada,a@x.test\nBob,b@x.test\n",
		  "1:a@x.test 2:b@x.test" },
		{ "Google's export",
		  "First Name [Required],Last Name [Required],Email Address [Required]\n"
		  "\"Ada\",\"L, Dr.\",ada@x.test\n",
		  "2:ada@x.test" },
		{ "the address before the login name",
		  "userPrincipalName,displayName,mail\nup@x.test,U,real@x.test\n",
		  "2:real@x.test" },
		{ "a login name alone", "userPrincipalName,displayName\nup@x.test,U\n",
		  "2:up@x.test" },
		{ "wrong ones keep their line", "email\na@x.test\n\nnobody\n\"\",\n",
		  "2:a@x.test 4! 5!" },
		{ "a short row", "name,email\nAda\n", "2!" },
		{ "no addresses", "name,phone\nAda,1\n",
		  "line 1: no column is called address or email, and none holds an address; name "
		  "the column in the first line" },
		{ "only a heading", "email\n",
		  "line 1: the file holds no address; give one a line" },
		{ "an open quote", "email\n\"a@x.test\n",
		  "line 2: a quote is not closed, or something stands behind a closing one; write "
		  "it as \"...\"" },
	};
	char said[512];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		said_of(rows[i].file, strlen(rows[i].file), said, sizeof(said));
		if (strcmp(said, rows[i].says) != 0)
			fail_msg("%s: %s", rows[i].name, said);
	}
	said_of("\xff\xfe"
		"e\0m\0",
		6, said, sizeof(said));
	assert_non_null(strstr(said, "UTF-8"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_found_where_they_stand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
