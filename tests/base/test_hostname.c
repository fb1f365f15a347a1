#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hostname.h"
#include "base/mem.h"

#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static const struct {
	const char *host;
	bool name, sane;
} rows[] = {
	{ "imap.example.com", true, true },
	{ "imap.example.com.", true, true },
	{ "localhost", true, true },
	{ "xn--mller-kva.example", true, true },
	{ "_imaps._tcp.example.com", true, true },
	{ "IMAP-1.Example.COM", true, true },
	{ "1.example", true, true },
	{ L63 ".example", true, true },
	{ L63 "l.example", false, false },
	{ L63 "." L63 "." L63 "." L63, false, false }, /* 255 */
	{ "192.0.2.1", false, true },
	{ "2001:db8::1", false, true },
	{ "::ffff:127.0.0.1", false, true },
	{ "", false, false },
	{ ".", false, false },
	{ "a..example", false, false },
	{ ".example", false, false },
	{ "-a.example", false, false },
	{ "a-.example", false, false },
	{ "imap.example.com:993", false, false },
	{ "https://imap.example.com", false, false },
	{ "imap.example.com/x", false, false },
	{ "user@imap.example.com", false, false },
	{ "imap example", false, false },
	{ "imap\r\n.example", false, false },
	{ "imap.exämple", false, false },
	{ "[::1]", false, false },
	{ "fe80::1%eth0", false, false },
	/* what the system's resolver would take for an address, and nobody writes in good faith */
	{ "127.1", false, false },
	{ "2130706433", false, false },
	{ "0x7f000001", false, false },
	{ "0x7f.0x0.0x0.0x1", false, false },
	{ "017700000001", false, false },
	{ "127.0.0.1.", false, false },
	{ "0xdeadbeef.example", true, true },
};

static void names_and_what_is_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		if (hostname_is_name(text_of(rows[i].host)) != rows[i].name ||
		    hostname_is_sane(text_of(rows[i].host)) != rows[i].sane)
			fail_msg("%s", rows[i].host);
	assert_false(hostname_is_sane((struct text){ "a.b\0c.d", 7 }));
}

static const struct {
	const char *host, *domain;
	bool within;
} pairs[] = {
	{ "example.com", "example.com", true },
	{ "imap.Example.com", "example.COM", true },
	{ "imap.example.com.", "example.com", true },
	{ "imap.example.com", "example.com.", true },
	{ "evilexample.com", "example.com", false },
	{ "example.com.evil.test", "example.com", false },
	{ "com", "example.com", false },
	{ "example.com", "", false },
};

static void within_whole_labels(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(pairs); i++)
		if (hostname_is_within(text_of(pairs[i].host), text_of(pairs[i].domain)) !=
		    pairs[i].within)
			fail_msg("%s in %s", pairs[i].host, pairs[i].domain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_what_is_none),
		cmocka_unit_test(within_whole_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
