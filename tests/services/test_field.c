#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "services/api/field.h"

static void addresses(void **state)
{
	static const struct {
		const char *given, *is; /* NULL: refused */
	} rows[] = {
		{ "anna@example.test", "anna@example.test" },
		{ "Anna.B+x@Example.TEST", "anna.b+x@example.test" },
		{ "j\xc3\xbcrgen@example.test", "j\xc3\xbcrgen@example.test" },
		{ "anna@M\xc3\xbcller.test", "anna@xn--mller-kva.test" },
		{ "anna@xn--Mller-KVA.test", "anna@xn--mller-kva.test" },
		{ "anna@\xef\xbc\x9e.test", NULL }, /* becomes ">" */
		{ "o'neil@example.test", "o'neil@example.test" },
		{ "anna", NULL },
		{ "@example.test", NULL },
		{ "anna@", NULL },
		{ "anna@b@c", NULL },
		{ "an na@example.test", NULL },
		{ "anna@example.test\r\nBcc: x@y", NULL },
		{ "<anna@example.test>", NULL },
		{ "anna@[127.0.0.1]", NULL },
		{ "a,b@example.test", NULL },
		{ "\"a\"@example.test", NULL },
		{ "anna\x7f@example.test", NULL },
		{ "", NULL },
	};
	char long_one[FIELD_ADDRESS + 8];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char is[FIELD_ADDRESS] = "";
		bool ok = field_address(text_of(rows[i].given), is);

		if (ok != !!rows[i].is || (ok && strcmp(is, rows[i].is) != 0))
			fail_msg("%s: %s", rows[i].given, ok ? is : "refused");
	}
	memset(long_one, 'a', sizeof(long_one));
	memcpy(long_one + 67, "@", 1); /* the domain is short enough */
	for (size_t n = FIELD_ADDRESS - 2; n < FIELD_ADDRESS + 2; n++) {
		char is[FIELD_ADDRESS];

		assert_int_equal(field_address((struct text){ long_one, n }, is),
				 n < FIELD_ADDRESS);
	}
	/* A NUL in the middle must not hide what follows. */
	assert_false(field_address((struct text){ "a@b\0c", 5 }, (char[FIELD_ADDRESS]){ 0 }));
}

static void uuids(void **state)
{
	static const struct {
		const char *given;
		bool is;
	} rows[] = {
		{ "10000000-0000-4000-8000-00000000000a", true },
		{ "10000000-0000-4000-8000-00000000000A", true },
		{ "10000000-0000-4000-8000-00000000000", false },
		{ "10000000-0000-4000-8000-00000000000aa", false },
		{ "10000000000040008000000000000000000a", false },
		{ "1000000g-0000-4000-8000-00000000000a", false },
		{ "{0000000-0000-4000-8000-00000000000}", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		if (field_uuid(rows[i].given) != rows[i].is)
			fail_msg("%s", rows[i].given);
}

static void urls(void **state)
{
	static const struct {
		const char *given;
		bool allow_http;
		const char *says; /* NULL: may be posted to */
	} rows[] = {
		{ "https://x.example/hook?a=b%20c", false, NULL },
		{ "HTTPS://X.example", false, NULL },
		{ "https://x.example:8443", false, NULL },
		{ "https://[2001:db8::1]:443/", false, NULL },
		{ "http://127.0.0.1:9/", true, NULL },
		{ "http://x.example/", false, "not https" },
		{ "ftp://x.example/", true, "http(s)" },
		{ "x.example", true, "http(s)" },
		{ "", true, "http(s)" },
		{ "javascript:alert(1)", true, "http(s)" },
		{ "https://", false, "no host" },
		{ "https:///x", false, "no host" },
		{ "https://?x", false, "no host" },
		{ "https://:443/", false, "no host" },
		{ "https://x.example:0/", false, "no host" },
		{ "https://x.example:65536/", false, "no host" },
		{ "https://x.example:4a/", false, "no host" },
		{ "https://[::1", false, "no host" },
		{ "https://[x.example]/", false, "no host" },
		{ "https://[::1]x/", false, "no host" },
		{ "https://user:pw@x.example/", false, "user name" },
		{ "https://user@x.example", false, "user name" },
		{ "https://x.example/a b", false, "character" },
		{ "https://x.example/\r\nHost: y", false, "character" },
		{ "https://x.example\\@evil/", false, "character" },
		{ "https://x.example/#f", false, "character" },
		{ "https://b\xc3\xbc.example/", false, "character" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *says = field_url_refused(text_of(rows[i].given), rows[i].allow_http);

		if (!says != !rows[i].says || (says && !strstr(says, rows[i].says)))
			fail_msg("%s: %s", rows[i].given, says ? says : "accepted");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(uuids),
		cmocka_unit_test(urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
