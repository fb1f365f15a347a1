#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/io/loop.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/pg_host.h"

static int dones;

static void on_done(struct pg_host *h)
{
	(void)h;
	dones++;
}

static void what_needs_no_lookup_gets_none(void **state)
{
	static const struct {
		const char *conninfo;
		int r;
	} rows[] = {
		{ "dbname=x", 1 },
		{ "host=/tmp port=5", 1 },
		{ "host=@abstract", 1 },
		{ "host=127.0.0.1", 1 },
		{ "host=::1,/tmp,10.0.0.1 port=1,2,3", 1 },
		{ "host=localhost hostaddr=127.0.0.1", 1 },
		{ "postgresql:///x?host=/tmp", 1 },
		{ "postgresql://127.0.0.1:7/x", 1 },
		{ "hosst=x", -EINVAL },
	};
	struct pg_host h;
	struct loop loop;

	(void)state;
	loop_init(&loop, NULL, NULL);
	for (size_t i = 0; i < countof(rows); i++)
		if (pg_host_start(&h, &loop, rows[i].conninfo, on_done) != rows[i].r)
			fail_msg("%s", rows[i].conninfo);
	assert_false(pg_host_cancel(&h));
	loop_clear(&loop);
	assert_int_equal(dones, 0);
}

/* How many entries a list has. */
static size_t entries(const struct buf *list)
{
	struct text head, rest = text_of_buf(list);
	size_t n = 1;

	while (text_cut(rest, ',', &head, &rest))
		n++;
	return n;
}

static void names_become_addresses(void **state)
{
	static const struct {
		const char *conninfo, *host_starts, *hostaddr_has, *port_ends;
	} rows[] = {
		{ "host=localhost", "localhost", "127.0.0.1", "" },
		{ "host=localhost port=77", "localhost", "127.0.0.1", "77" },
		{ "postgresql://localhost:77/x", "localhost", "127.0.0.1", "77" },
		{ "host=/tmp,localhost,10.0.0.1 port=1,2,3", "/tmp,localhost", "127.0.0.1,",
		  "2,3" },
		{ "host=,localhost port=5,6", ",localhost", "127.0.0.1", "6" },
		{ "host=,localhost", ",localhost", "127.0.0.1", "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct pg_host h;
		struct loop loop;
		const char *ports;

		loop_init(&loop, NULL, NULL);
		loop_stop(&loop); /* it ends with the lookup */
		dones = 0;
		assert_int_equal(pg_host_start(&h, &loop, rows[i].conninfo, on_done), 0);
		loop_run(&loop);
		assert_int_equal(dones, 1);
		ports = (const char *)h.port.data ? (const char *)h.port.data : "";
		if (strncmp((const char *)h.host.data, rows[i].host_starts,
			    strlen(rows[i].host_starts)) != 0 ||
		    !strstr((const char *)h.hostaddr.data, rows[i].hostaddr_has) ||
		    strlen(ports) < strlen(rows[i].port_ends) ||
		    strcmp(ports + strlen(ports) - strlen(rows[i].port_ends), rows[i].port_ends) !=
			    0)
			fail_msg("%s: \"%s\" \"%s\" \"%s\"", rows[i].conninfo, h.host.data,
				 h.hostaddr.data, ports);
		/* libpq counts them, and a port for all of them may stand alone. */
		assert_int_equal(entries(&h.host), h.entries);
		assert_int_equal(entries(&h.hostaddr), h.entries);
		assert_int_equal(entries(&h.port), h.entries);
		pg_host_clear(&h);
		loop_clear(&loop);
	}
}

static void a_name_that_is_none_has_no_address(void **state)
{
	char conninfo[400];
	struct pg_host h;
	struct loop loop;

	(void)state;
	loop_init(&loop, NULL, NULL);
	(void)snprintf(conninfo, sizeof(conninfo), "host=%0300d.example.test", 0);
	assert_true(pg_host_start(&h, &loop, conninfo, on_done) < 0);
	/* Beside one that is: the other remains. */
	(void)snprintf(conninfo, sizeof(conninfo), "host=%0300d.example.test,localhost", 0);
	loop_stop(&loop);
	assert_int_equal(pg_host_start(&h, &loop, conninfo, on_done), 0);
	loop_run(&loop);
	assert_int_equal(h.error, UV_EAI_NONAME);
	assert_memory_equal(h.host.data, "localhost", 9);
	pg_host_clear(&h);
	loop_clear(&loop);
}

static void a_cancelled_lookup_ends_once(void **state)
{
	struct pg_host h;
	struct loop loop;

	(void)state;
	loop_init(&loop, NULL, NULL);
	loop_stop(&loop);
	dones = 0;
	assert_int_equal(pg_host_start(&h, &loop, "host=localhost,localhost", on_done), 0);
	assert_true(pg_host_cancel(&h));
	assert_true(pg_host_cancel(&h));
	loop_run(&loop);
	assert_int_equal(dones, 1);
	assert_false(pg_host_cancel(&h));
	pg_host_clear(&h);
	loop_clear(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_needs_no_lookup_gets_none),
		cmocka_unit_test(names_become_addresses),
		cmocka_unit_test(a_name_that_is_none_has_no_address),
		cmocka_unit_test(a_cancelled_lookup_ends_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
