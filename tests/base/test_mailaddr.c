#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hostname.h"
#include "base/mailaddr.h"
#include "base/mem.h"

#define A8  "aaaaaaaa"
#define A64 A8 A8 A8 A8 A8 A8 A8 A8

/* RFC 5891, UTS 46.  NULL: it has no ASCII form. */
static const struct {
	const char *name, *ascii;
} hosts[] = {
	{ "", "" },
	{ "Mail.EXAMPLE", "mail.example" },
	{ "_imaps._tcp.a.b", "_imaps._tcp.a.b" },
	{ "m\xc3\xbcller.example", "xn--mller-kva.example" },
	{ "M\xc3\x9cLLER.Example", "xn--mller-kva.example" },
	/* "u" and a diaeresis of its own */
	{ "mu\xcc\x88ller.example", "xn--mller-kva.example" },
	{ "XN--MLLER-KVA.example", "xn--mller-kva.example" },
	/* sharp s is a letter of its own since 2008 */
	{ "stra\xc3\x9f"
	  "e.example",
	  "xn--strae-oqa.example" },
	/* a full stop of another script parts labels too */
	{ "\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88",
	  "xn--r8jz45g.xn--zckzah" },
	{ "a\xc3.example", NULL },
	{ "\xf0\x9f\x92\xa9\xe2\x80\x8b\xc3\xbc\xff.example", NULL },
	{ A64 "\xc3\xbc.example", NULL },
	/* letters that stand for a blank, for '@', '/', '%' and for a number */
	{ "a\xe3\x80\x80"
	  "b.example",
	  NULL },
	{ "a\xef\xbc\xa0"
	  "b.example",
	  NULL },
	{ "a\xef\xbc\x8f"
	  "b.example",
	  NULL },
	{ "a\xef\xbc\x85"
	  "b.example",
	  NULL },
	{ "\xef\xbc\x91.\xef\xbc\x92", NULL },
	{ "\xc2\xad", NULL },
};

static void names_have_one_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(hosts); i++) {
		char is[LIMIT_CONN_HOST + 1] = "";
		int r = hostname_ascii(text_of(hosts[i].name), is);

		if ((r == 0) != (hosts[i].ascii != NULL) ||
		    (r == 0 && strcmp(is, hosts[i].ascii) != 0))
			fail_msg("%s: %d %s", hosts[i].name, r, is);
	}
	assert_int_equal(
		hostname_ascii((struct text){ "a\0b", 3 }, (char[LIMIT_CONN_HOST + 1]){ "" }),
		-EINVAL);
}

static const struct {
	const char *given, *is; /* NULL: it is none */
} rows[] = {
	{ "Ann.B+x@Example.TEST", "ann.b+x@example.test" },
	{ "ann@m\xc3\xbcller.test", "ann@xn--mller-kva.test" },
	{ "Ann@M\xc3\x9cLLER.test", "ann@xn--mller-kva.test" },
	{ "ann@xn--MLLER-kva.test", "ann@xn--mller-kva.test" },
	{ "j\xc3\xbcrgen@b\xc3\xbc"
	  "cher.test",
	  "j\xc3\xbcrgen@xn--bcher-kva.test" },
	{ "\"a@b\"@c.test", "\"a@b\"@c.test" },
	{ "ann", NULL },
	{ "@a.test", NULL },
	{ "ann@", NULL },
	{ "ann@\xcd\x8f", NULL },
	{ "", NULL },
	{ "ann@a\xc3.test", NULL },
	{ A64 A64 A64 A64 A64 "@a.test", NULL },
};

static void addresses_have_one_spelling(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char is[MAILADDR] = "";
		int r = mailaddr_fold(text_of(rows[i].given), is);

		if ((r == 0) != (rows[i].is != NULL) || (r == 0 && strcmp(is, rows[i].is) != 0))
			fail_msg("%s: %d %s", rows[i].given, r, is);
	}
}

static const struct {
	const char *given, *is;
} shown[] = {
	{ "Ann@M\xc3\xbcLLER.test", "Ann@xn--mller-kva.test" },
	{ "Ann@Mail.TEST", "Ann@mail.test" },
	{ "Ann@MAIL\xc3.test", "Ann@mail\xc3.test" },
	{ "Ann", "Ann" },
};

static void what_others_wrote_is_always_something(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(shown); i++) {
		cleanup_free char *own = mailaddr_own(mem_text(shown[i].given));

		assert_string_equal(own, shown[i].is);
	}
	assert_null(mailaddr_own(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_have_one_form),
		cmocka_unit_test(addresses_have_one_spelling),
		cmocka_unit_test(what_others_wrote_is_always_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
