#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/weburl.h"

#define L63  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define H191 L63 "." L63 "." L63
#define HOST H191 "." L63 /* 255: two too long */
#define LONG H191 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* 253 */

static const struct {
	const char *url;
	int r;
	const char *origin, *host, *rest;
	uint16_t port;
	bool is_plain;
} rows[] = {
	{ "https://a.test", 0, "https://a.test", "a.test", "", 443, false },
	{ "HTTPS://A.Test/x?y#z", 0, "HTTPS://A.Test", "A.Test", "/x?y#z", 443, false },
	{ "http://a.test:8025/", 0, "http://a.test:8025", "a.test", "/", 8025, true },
	{ "https://a.test?x", 0, "https://a.test", "a.test", "?x", 443, false },
	{ "https://a.test#x", 0, "https://a.test", "a.test", "#x", 443, false },
	{ "https://a.test./", 0, "https://a.test.", "a.test.", "/", 443, false },
	{ "https://go_od.test/", 0, "https://go_od.test", "go_od.test", "/", 443, false },
	{ "https://127.0.0.1:1/", 0, "https://127.0.0.1:1", "127.0.0.1", "/", 1, false },
	{ "https://[2001:db8::1]:65535/", 0, "https://[2001:db8::1]:65535", "2001:db8::1", "/",
	  65535, false },
	{ "https://[::ffff:127.0.0.1]", 0, "https://[::ffff:127.0.0.1]", "::ffff:127.0.0.1", "",
	  443, false },
	{ "https://a.test/p@q:r", 0, "https://a.test", "a.test", "/p@q:r", 443, false },
	{ "https://" LONG "/", 0, "https://" LONG, LONG, "/", 443, false },
	{ "https://" LONG ".:65535/", 0, "https://" LONG ".:65535", LONG ".", "/", 65535, false },
	/* no absolute web address */
	{ .url = "", .r = -EPROTONOSUPPORT },
	{ .url = "/done", .r = -EPROTONOSUPPORT },
	{ .url = "//evil.test/", .r = -EPROTONOSUPPORT },
	{ .url = "https:/evil.test", .r = -EPROTONOSUPPORT },
	{ .url = "https:evil.test", .r = -EPROTONOSUPPORT },
	{ .url = "ftp://evil.test", .r = -EPROTONOSUPPORT },
	{ .url = "javascript:alert(1)//https://a.test", .r = -EPROTONOSUPPORT },
	{ .url = " https://a.test", .r = -EPROTONOSUPPORT },
	{ .url = "x://https://a.test", .r = -EPROTONOSUPPORT },
	/* bytes that one reader takes for the end of the host and another does not */
	{ .url = "https://a.test\\@evil.test/", .r = -EILSEQ },
	{ .url = "https://a.test/\\evil", .r = -EILSEQ },
	{ .url = "https://a.test/ b", .r = -EILSEQ },
	{ .url = "https://a.test\t.evil.test", .r = -EILSEQ },
	{ .url = "https://a.test/\r\nSet-Cookie: x", .r = -EILSEQ },
	{ .url = "https://\xc3\xa4.test/", .r = -EILSEQ },
	{ .url = "https://a.test/\x7f", .r = -EILSEQ },
	/* somebody before the host */
	{ .url = "https://a.test@evil.test/", .r = -EPERM },
	{ .url = "https://user:pw@evil.test/", .r = -EPERM },
	{ .url = "https://@evil.test/", .r = -EPERM },
	{ .url = "https://[::1]@evil.test/", .r = -EPERM },
	/* nowhere */
	{ .url = "https://", .r = -EDESTADDRREQ },
	{ .url = "https:///evil.test", .r = -EDESTADDRREQ },
	{ .url = "https://?x", .r = -EDESTADDRREQ },
	{ .url = "https://:443/", .r = -EDESTADDRREQ },
	{ .url = "https://a..test/", .r = -EDESTADDRREQ },
	{ .url = "https://.a.test/", .r = -EDESTADDRREQ },
	{ .url = "https://-a.test/", .r = -EDESTADDRREQ },
	{ .url = "https://a%2etest/", .r = -EDESTADDRREQ },
	{ .url = "https://a;b.test/", .r = -EDESTADDRREQ },
	{ .url = "https://2130706433/", .r = -EDESTADDRREQ },
	{ .url = "https://0x7f000001/", .r = -EDESTADDRREQ },
	{ .url = "https://127.1/", .r = -EDESTADDRREQ },
	{ .url = "https://" HOST "/", .r = -EDESTADDRREQ },
	{ .url = "https://" HOST "." HOST "/", .r = -EDESTADDRREQ },
	{ .url = "https://::1/", .r = -EDESTADDRREQ },
	{ .url = "https://[::1/", .r = -EDESTADDRREQ },
	{ .url = "https://[]/", .r = -EDESTADDRREQ },
	{ .url = "https://[::1]x/", .r = -EDESTADDRREQ },
	{ .url = "https://[evil]/", .r = -EDESTADDRREQ },
	{ .url = "https://[127.0.0.1]/", .r = -EDESTADDRREQ },
	{ .url = "https://[fe80::1%25eth0]/", .r = -EDESTADDRREQ },
	/* no port */
	{ .url = "https://a.test:/", .r = -EDESTADDRREQ },
	{ .url = "https://a.test:0/", .r = -EDESTADDRREQ },
	{ .url = "https://a.test:65536/", .r = -EDESTADDRREQ },
	{ .url = "https://a.test:80x/", .r = -EDESTADDRREQ },
	{ .url = "https://a.test:-1/", .r = -EDESTADDRREQ },
	{ .url = "https://a.test:000443/", .r = -EDESTADDRREQ },
	{ .url = "https://a.test:80:80/", .r = -EDESTADDRREQ },
	{ .url = "https://[::1]:/", .r = -EDESTADDRREQ },
};

static bool is(struct text t, const char *want)
{
	return text_eq(t, text_of(want));
}

static void where_an_address_leads(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct weburl u = { .port = 7 };
		int r = weburl_split(text_of(rows[i].url), &u);

		if (r != rows[i].r)
			fail_msg("\"%s\": %d, not %d", rows[i].url, r, rows[i].r);
		if (r != 0 && u.port != 7)
			fail_msg("\"%s\": written though refused", rows[i].url);
		if (r == 0 && (!is(u.origin, rows[i].origin) || !is(u.host, rows[i].host) ||
			       !is(u.rest, rows[i].rest) || u.port != rows[i].port ||
			       u.is_plain != rows[i].is_plain || u.origin.len >= WEBURL_ORIGIN ||
			       !text_iends(u.origin, u.authority)))
			fail_msg("\"%s\": host %.*s, origin %.*s, port %u", rows[i].url,
				 TEXT_ARG(u.host), TEXT_ARG(u.origin), u.port);
	}
}

static void a_nul_hides_nothing(void **state)
{
	static const char url[] = "https://a.test\0.evil.test/";
	struct weburl u;

	(void)state;
	assert_int_equal(weburl_split((struct text){ url, sizeof(url) - 1 }, &u), -EILSEQ);
	assert_int_equal(weburl_split((struct text){ url, 14 }, &u), 0);
	assert_true(is(u.host, "a.test"));
	assert_int_equal(u.rest.len, 0);
}

static void one_origin_is_written_in_several_ways(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} pairs[] = {
		{ "https://a.test", "https://A.TEST:443/x", true },
		{ "http://a.test:80", "http://a.test", true },
		{ "https://[::1]", "https://[::1]:443", true },
		{ "https://a.test", "http://a.test", false },
		{ "https://a.test:80", "http://a.test:80", false },
		{ "https://a.test", "https://a.test:8443", false },
		{ "https://a.test", "https://a.test.evil.test", false },
	};

	(void)state;
	for (size_t i = 0; i < countof(pairs); i++) {
		struct weburl a, b;

		assert_int_equal(weburl_split(text_of(pairs[i].a), &a), 0);
		assert_int_equal(weburl_split(text_of(pairs[i].b), &b), 0);
		if (weburl_is_same_origin(&a, &b) != pairs[i].same)
			fail_msg("%s, %s", pairs[i].a, pairs[i].b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_an_address_leads),
		cmocka_unit_test(a_nul_hides_nothing),
		cmocka_unit_test(one_origin_is_written_in_several_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
