#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/io/dns.h"
#include "base/io/timer.h"
#include "base/mem.h"
#include "tests/base/nameserver.h"

#define LONG_LABEL "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static const struct nameserver_row zone[] = {
	{ "found.test", "MX", NS_ANSWER, "MX 10 mx1.found.test\nMX 20 MX2.Found.Test" },
	{ "null.test", "MX", NS_ANSWER, "MX 0 ." },
	{ "_imaps._tcp.found.test", "SRV", NS_ANSWER,
	  "SRV 0 5 993 imap.found.test\nSRV 10 0 993 b.found.test" },
	{ "_imap._tcp.found.test", "SRV", NS_ANSWER, "SRV 0 0 0 ." },
	{ "host.test", "A", NS_ANSWER, "A 192.0.2.1\nA 192.0.2.2" },
	{ "host.test", "AAAA", NS_ANSWER, "AAAA 2001:db8::1" },
	{ "four.test", "A", NS_ANSWER, "A 192.0.2.4" },
	{ "gone.test", "MX", NS_NXDOMAIN, NULL },
	{ "sick.test", "MX", NS_SERVFAIL, NULL },
	{ "sick.test", "A", NS_SERVFAIL, NULL },
	{ "sick.test", "AAAA", NS_SERVFAIL, NULL },
	{ "mute.test", "MX", NS_SILENT, NULL },
	{ "mute.test", "A", NS_SILENT, NULL },
	{ "mute.test", "AAAA", NS_SILENT, NULL },
	{ "noise.test", "MX", NS_GARBAGE, NULL },
	{ "cut.test", "MX", NS_CUT, "MX 10 mx1.cut.test" },
	{ "large.test", "MX", NS_TRUNCATED, "MX 10 mx1.large.test" },
	{ "many.test", "MX", NS_MANY, "MX 10 mx.many.test" },
	{ "many.test", "A", NS_MANY, "A 192.0.2.1" },
	{ "alias.test", "MX", NS_ANSWER,
	  "CNAME second.test\nCNAME third.test\nMX 5 mx.third.test" },
	{ "alias.test", "A", NS_ANSWER, "CNAME second.test\nA 192.0.2.9" },
	{ "alias.test", "AAAA", NS_ANSWER, "CNAME second.test" },
	{ "empty.test", "MX", NS_ANSWER, "CNAME nowhere.test" },
	{ "odd.test", "MX", NS_ANSWER, "MX 10 a b\nMX 10 -bad.test\nMX 20 good.test" },
	{ "numbers.test", "MX", NS_ANSWER, "MX 10 127.0.0.1" },
};

/* What one answer is, in a line: "found 10:mx1 20:mx2", "no_name", "failed net no answer in time".
 */
static void describe(const struct dns_answer *a, enum dns_kind kind, char *ret, size_t size)
{
	static const char *const states[] = { "found", "no_name", "no_data", "failed" };
	int n = snprintf(ret, size, "%s", states[a->state]);

	for (size_t i = 0; i < a->n && i < 4; i++) {
		const struct dns_record *r = &a->records[i];
		const struct sockaddr *sa = (const struct sockaddr *)&r->address;
		char host[INET6_ADDRSTRLEN] = "";
		const void *at = &((const struct sockaddr_in *)(const void *)sa)->sin_addr;

		if (sa->sa_family == AF_INET6)
			at = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
		if (kind == DNS_ADDRESSES)
			(void)inet_ntop(sa->sa_family, at, host, sizeof(host));
		n += kind == DNS_MX
			     ? snprintf(ret + n, size - (size_t)n, " %u:%s", r->priority, r->host)
		     : kind == DNS_SRV ? snprintf(ret + n, size - (size_t)n, " %u:%u:%u:%s",
						  r->priority, r->weight, r->port, r->host)
				       : snprintf(ret + n, size - (size_t)n, " %s", host);
	}
	if (a->left_out)
		n += snprintf(ret + n, size - (size_t)n, " and %zu", a->left_out);
	if (a->state == DNS_FAILED)
		(void)snprintf(ret + n, size - (size_t)n, " %s %s: %s",
			       outcome_blame_name(a->outcome.blame), a->outcome.what,
			       a->outcome.said);
	else
		assert_true(outcome_ok(&a->outcome));
}

struct owner {
	struct loop loop;
	struct dns *dns;
	struct dns_lookup q;
	struct timer guard;
	enum dns_kind kind;
	char got[512];
	int answers;
	enum { AND_END, AND_DROP, AND_WAIT } then;
};

static void end(struct owner *o)
{
	dns_drop(o->dns);
	timer_drop(&o->guard, NULL);
	loop_stop(&o->loop);
}

static void on_answer(struct dns_lookup *q, const struct dns_answer *a)
{
	struct owner *o = container_of(q, struct owner, q);

	assert_null(q->flight);
	o->answers++;
	describe(a, o->kind, o->got, sizeof(o->got));
	end(o);
}

static void on_guard(struct timer *t)
{
	struct owner *o = container_of(t, struct owner, guard);

	(void)snprintf(o->got, sizeof(o->got), "nothing");
	end(o);
}

static void open_at(struct owner *o, const char *servers, uint64_t guard_ms)
{
	const struct dns_params p = { .servers = servers, .try_ms = 60, .lookup_ms = 5000 };

	*o = (struct owner){ 0 };
	loop_init(&o->loop, NULL, NULL);
	assert_int_equal(dns_open(&o->loop, &p, &o->dns), 0);
	timer_open(&o->guard, &o->loop, on_guard);
	timer_in(&o->guard, guard_ms);
}

static const char *ask_at(struct owner *o, const char *servers, enum dns_kind kind,
			  const char *name)
{
	open_at(o, servers, 20000);
	o->kind = kind;
	assert_int_equal(dns_lookup_start(o->dns, &o->q, kind, name, on_answer), 0);
	assert_int_equal(o->answers, 0); /* never from inside the start */
	loop_run(&o->loop);
	loop_clear(&o->loop);
	assert_int_equal(o->answers, 1);
	return o->got;
}

static const struct {
	enum dns_kind kind;
	const char *name, *want;
} rows[] = {
	{ DNS_MX, "found.test", "found 10:mx1.found.test 20:MX2.Found.Test" },
	{ DNS_MX, "FOUND.test.", "found 10:mx1.found.test 20:MX2.Found.Test" },
	{ DNS_MX, "null.test", "found 0:" },
	{ DNS_SRV, "_imaps._tcp.found.test",
	  "found 0:5:993:imap.found.test 10:0:993:b.found.test" },
	{ DNS_SRV, "_imap._tcp.found.test", "found 0:0:0:" },
	{ DNS_SRV, "_imaps._tcp.gone.test", "no_name" },
	{ DNS_MX, "host.test", "no_data" },
	{ DNS_MX, "gone.test", "no_name" },
	{ DNS_MX, "sick.test", "failed net name lookup: no name server gives an answer" },
	{ DNS_MX, "mute.test", "failed net name lookup: no answer in time" },
	{ DNS_MX, "noise.test", "failed net name lookup: no answer in time" },
	{ DNS_MX, "cut.test", "failed peer name lookup: the answer cannot be read" },
	{ DNS_MX, "large.test", "found 10:mx1.large.test" },
	{ DNS_MX, "many.test",
	  "found 10:mx.many.test 10:mx.many.test 10:mx.many.test 10:mx.many.test and 136" },
	{ DNS_MX, "alias.test", "found 5:mx.third.test" },
	{ DNS_MX, "empty.test", "no_data" },
	{ DNS_MX, "odd.test", "found 10:a 20:good.test and 1" },
	{ DNS_MX, "numbers.test", "found and 1" },
	{ DNS_ADDRESSES, "four.test", "found 192.0.2.4" },
	{ DNS_ADDRESSES, "alias.test", "found 192.0.2.9" },
	{ DNS_ADDRESSES, "nobody.test", "no_name" },
	{ DNS_ADDRESSES, "found.test", "no_data" },
	{ DNS_ADDRESSES, "mute.test", "failed net name lookup: no answer in time" },
};

static void answers_are_data(void **state)
{
	struct nameserver ns;

	(void)state;
	nameserver_open(&ns, zone, countof(zone));
	for (size_t i = 0; i < countof(rows); i++) {
		struct owner o;
		const char *got = ask_at(&o, ns.list, rows[i].kind, rows[i].name);

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: %s", rows[i].name, got);
	}
	nameserver_close(&ns);
}

static void addresses_of_both_families(void **state)
{
	struct nameserver ns;
	struct owner o;
	const char *got;

	(void)state;
	nameserver_open(&ns, zone, countof(zone));
	got = ask_at(&o, ns.list, DNS_ADDRESSES, "host.test");
	assert_non_null(strstr(got, "192.0.2.1"));
	assert_non_null(strstr(got, "192.0.2.2"));
	assert_non_null(strstr(got, "2001:db8::1"));
	nameserver_close(&ns);
}

/* No search domains: a name is asked once, as it is. */
static void names_are_asked_as_they_are(void **state)
{
	struct nameserver ns;
	struct owner o;

	(void)state;
	nameserver_open(&ns, zone, countof(zone));
	assert_string_equal(ask_at(&o, ns.list, DNS_MX, "plain"), "no_name");
	assert_int_equal(atomic_load(&ns.asked), 1);
	nameserver_close(&ns);
}

static void a_dead_server_is_passed_over(void **state)
{
	char list[80], dead[32];
	struct nameserver ns, gone;
	struct owner o;

	(void)state;
	nameserver_open(&gone, zone, countof(zone));
	(void)snprintf(dead, sizeof(dead), "%s", gone.list);
	nameserver_close(&gone);
	assert_string_equal(ask_at(&o, dead, DNS_MX, "found.test"),
			    "failed net name lookup: no name server gives an answer");

	nameserver_open(&ns, zone, countof(zone));
	(void)snprintf(list, sizeof(list), "%s,%s", dead, ns.list);
	assert_string_equal(ask_at(&o, list, DNS_MX, "found.test"),
			    "found 10:mx1.found.test 20:MX2.Found.Test");
	nameserver_close(&ns);
}

static void the_whole_lookup_has_a_deadline(void **state)
{
	struct nameserver ns;
	const struct dns_params p = { .servers = ns.list, .try_ms = 10000, .lookup_ms = 50 };
	uint64_t began;
	struct owner o;

	(void)state;
	nameserver_open(&ns, zone, countof(zone));
	open_at(&o, ns.list, 20000);
	dns_drop(o.dns);
	assert_int_equal(dns_open(&o.loop, &p, &o.dns), 0);
	began = clock_mono_ms();
	assert_int_equal(dns_lookup_start(o.dns, &o.q, DNS_MX, "mute.test", on_answer), 0);
	loop_run(&o.loop);
	loop_clear(&o.loop);
	assert_string_equal(o.got, "failed net name lookup: no answer in time");
	assert_true(clock_mono_ms() - began >= 50 && clock_mono_ms() - began < 5000);
	nameserver_close(&ns);
}

static void a_cancelled_lookup_is_silent(void **state)
{
	struct nameserver ns;
	struct owner o;

	(void)state;
	nameserver_open(&ns, zone, countof(zone));
	open_at(&o, ns.list, 100);
	assert_int_equal(dns_lookup_start(o.dns, &o.q, DNS_MX, "found.test", on_answer), 0);
	dns_lookup_cancel(&o.q);
	dns_lookup_cancel(&o.q);
	loop_run(&o.loop);
	loop_clear(&o.loop);
	assert_string_equal(o.got, "nothing");

	/* and one whose resolver is dropped */
	open_at(&o, ns.list, 100);
	assert_int_equal(dns_lookup_start(o.dns, &o.q, DNS_ADDRESSES, "mute.test", on_answer), 0);
	end(&o);
	loop_run(&o.loop);
	loop_clear(&o.loop);
	assert_int_equal(o.answers, 0);
	nameserver_close(&ns);
}

static void what_cannot_be_asked_is_refused(void **state)
{
	static const char *const names[] = { "",
					     ".",
					     "a..b",
					     "a b",
					     "192.0.2.1",
					     "a\n.test",
					     LONG_LABEL "x.test",
					     "http://a.test" };
	struct dns_lookup many[LIMIT_DNS_LOOKUPS + 1] = { 0 };
	const struct dns_params bad = { .servers = "no server" };
	struct nameserver ns;
	struct dns *none = NULL;
	struct owner o;

	(void)state;
	nameserver_open(&ns, zone, countof(zone));
	open_at(&o, ns.list, 1000);
	assert_int_equal(dns_open(&o.loop, &bad, &none), -EINVAL);
	assert_null(none);
	for (size_t i = 0; i < countof(names); i++)
		if (dns_lookup_start(o.dns, &o.q, DNS_MX, names[i], on_answer) != -EINVAL)
			fail_msg("%s", names[i]);
	for (size_t i = 0; i < LIMIT_DNS_LOOKUPS; i++)
		assert_int_equal(dns_lookup_start(o.dns, &many[i], DNS_MX, "mute.test", on_answer),
				 0);
	assert_int_equal(
		dns_lookup_start(o.dns, &many[LIMIT_DNS_LOOKUPS], DNS_MX, "mute.test", on_answer),
		-EBUSY);
	end(&o);
	loop_run(&o.loop);
	loop_clear(&o.loop);
	assert_int_equal(o.answers, 0);
	nameserver_close(&ns);
}

/* RFC 2782: lowest priority first; by weight among equals. */
static void the_record_to_use(void **state)
{
	struct dns_record r[] = {
		{ .host = "late", .priority = 20, .weight = 100 },
		{ .host = "light", .priority = 10, .weight = 1 },
		{ .host = "heavy", .priority = 10, .weight = 3 },
	};
	struct dns_answer a = { .records = r, .n = countof(r) };

	(void)state;
	assert_string_equal(dns_answer_pick(&a, 0)->host, "light");
	for (uint32_t draw = 1; draw < 4; draw++)
		assert_string_equal(dns_answer_pick(&a, draw)->host, "heavy");
	assert_string_equal(dns_answer_pick(&a, 4)->host, "light");
	assert_string_equal(dns_answer_pick(&a, UINT32_MAX)->host, "heavy");
	r[1].weight = r[2].weight = 0;
	assert_string_equal(dns_answer_pick(&a, 7)->host, "light");
	a.n = 0;
	assert_null(dns_answer_pick(&a, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_data),
		cmocka_unit_test(addresses_of_both_families),
		cmocka_unit_test(names_are_asked_as_they_are),
		cmocka_unit_test(a_dead_server_is_passed_over),
		cmocka_unit_test(the_whole_lookup_has_a_deadline),
		cmocka_unit_test(a_cancelled_lookup_is_silent),
		cmocka_unit_test(what_cannot_be_asked_is_refused),
		cmocka_unit_test(the_record_to_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
