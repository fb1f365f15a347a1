#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "services/api/mailbox_server.h"

static void ports(void **state)
{
	static const struct {
		int64_t port;
		bool is_tls;
		enum mailbox_server want;
		uint16_t is;
	} rows[] = {
		{ 0, true, MAILBOX_SERVER_FINE, 993 },
		{ 0, false, MAILBOX_SERVER_FINE, 143 },
		{ 993, true, MAILBOX_SERVER_FINE, 993 },
		{ 143, false, MAILBOX_SERVER_FINE, 143 },
		{ 1024, true, MAILBOX_SERVER_FINE, 1024 },
		{ 65535, false, MAILBOX_SERVER_FINE, 65535 },
		{ 143, true, MAILBOX_SERVER_PORT_OF_STARTTLS, 7 },
		{ 993, false, MAILBOX_SERVER_PORT_OF_TLS, 7 },
		{ 25, true, MAILBOX_SERVER_PORT_OF_OTHERS, 7 },
		{ 1, false, MAILBOX_SERVER_PORT_OF_OTHERS, 7 },
		{ 1023, false, MAILBOX_SERVER_PORT_OF_OTHERS, 7 },
		{ -1, true, MAILBOX_SERVER_NO_PORT, 7 },
		{ 65536, true, MAILBOX_SERVER_NO_PORT, 7 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		uint16_t is = 7;

		if (mailbox_server_port(rows[i].port, rows[i].is_tls, &is) != rows[i].want ||
		    is != rows[i].is)
			fail_msg("%d: %d", (int)rows[i].port, is);
	}
}

static void hosts(void **state)
{
	static const struct {
		const char *given, *is; /* NULL: none */
	} rows[] = {
		{ "Imap.Example.test", "imap.example.test" },
		{ "b\xc3\xbc"
		  "cher.test",
		  "xn--bcher-kva.test" },
		{ "192.0.2.7", "192.0.2.7" },
		{ "", NULL },
		{ "a b.test", NULL },
		{ "127.1", NULL },
		{ "imap.test/x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char is[LIMIT_CONN_HOST + 1] = "";
		enum mailbox_server r = mailbox_server_host(text_of(rows[i].given), is);

		if ((r == MAILBOX_SERVER_FINE) != !!rows[i].is ||
		    strcmp(is, rows[i].is ? rows[i].is : "") != 0)
			fail_msg("\"%s\": \"%s\"", rows[i].given, is);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports),
		cmocka_unit_test(hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
