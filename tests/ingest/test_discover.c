#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/discovery.h"
#include "tests/base/nameserver.h"

static const struct netaddr_policy strict;

/* What the names of a test's world answer: "MX", "SRV" or "IP" and its records; a name that is
 * in no row does not exist. */
struct fact {
	const char *name;
	enum discover_kind kind;
	const char *records; /* by '\n': "10 mx.test", "0 1 993 imap.test", "192.0.2.1"; "": none;
				"?": no answer */
};

#define MX  DISCOVER_ASK_MX
#define SRV DISCOVER_ASK_SRV
#define IP  DISCOVER_ASK_ADDRESSES

static const struct fact world[] = {
	{ "work.test", MX, "5 alt1.aspmx.l.google.com\n1 aspmx.l.google.com" },
	{ "filtered.test", MX, "10 mx1.filter.test\n20 aspmx.l.google.com" },
	{ "_imaps._tcp.filtered.test", SRV, "0 1 993 imap.fastmail.com" },
	{ "imap.fastmail.com", IP, "103.168.172.1" },
	{ "cloud.test", MX, "0 cloud-test.mail.protection.outlook.com" },
	{ "apple.test", MX, "10 mx01.mail.icloud.com" },
	{ "own.test", MX, "10 mail.own.test" },
	{ "_imaps._tcp.own.test", SRV, "10 1 994 b.own.test\n0 1 993 imap.own.test" },
	{ "imap.own.test", IP, "9.9.9.9" },
	{ "xn--mller-kva.test", MX, "5 aspmx.l.google.com" },
	{ "xn--bcher-kva.test", MX, "10 mx.xn--bcher-kva.test" },
	{ "_imaps._tcp.xn--bcher-kva.test", SRV, "0 1 993 imap.xn--bcher-kva.test" },
	{ "imap.xn--bcher-kva.test", IP, "9.9.9.9" },
	{ "plain.test", MX, "" },
	{ "_imaps._tcp.plain.test", SRV, "0 0 0 ." },
	{ "_imap._tcp.plain.test", SRV, "0 1 143 imap.plain.test" },
	{ "imap.plain.test", IP, "9.9.9.9" },
	{ "both.test", MX, "" },
	{ "_imaps._tcp.both.test", SRV, "20 1 993 tls.both.test" },
	{ "_imap._tcp.both.test", SRV, "0 1 143 clear.both.test" },
	{ "tls.both.test", IP, "9.9.9.9" },
	{ "hosted.test", MX, "10 mx.hoster.test" },
	{ "_imaps._tcp.hosted.test", SRV, "0 1 993 imap.hoster.test" },
	{ "imap.hoster.test", IP, "9.9.9.9" },
	{ "lookalike.test", MX, "" },
	{ "_imaps._tcp.lookalike.test", SRV, "0 1 993 evillookalike.test" },
	{ "evillookalike.test", IP, "9.9.9.9" },
	{ "none.test", MX, "10 mx.none.test" },
	{ "declined.test", MX, "10 mx.declined.test" },
	{ "_imaps._tcp.declined.test", SRV, "0 0 0 ." },
	{ "_imap._tcp.declined.test", SRV, "0 0 0 ." },
	{ "nomail.test", MX, "0 ." },
	{ "inside.test", MX, "" },
	{ "_imaps._tcp.inside.test", SRV, "0 1 993 imap.inside.test" },
	{ "imap.inside.test", IP, "10.1.2.3\nfd00::1" },
	{ "half.test", MX, "" },
	{ "_imaps._tcp.half.test", SRV, "0 1 993 imap.half.test" },
	{ "imap.half.test", IP, "10.1.2.3\n9.9.9.9" },
	{ "dangling.test", MX, "" },
	{ "_imaps._tcp.dangling.test", SRV, "0 1 993 gone.dangling.test" },
	{ "mute.test", MX, "?" },
	{ "mutesrv.test", MX, "" },
	{ "_imaps._tcp.mutesrv.test", SRV, "?" },
	{ "portless.test", MX, "" },
	{ "_imaps._tcp.portless.test", SRV, "0 1 0 imap.portless.test" },
	{ "acme-mail.test", MX, "10 mx3.acme.test" },
};

static const struct fact *fact_of(const char *name, enum discover_kind kind, bool *exists)
{
	const struct fact *found = NULL;

	*exists = false;
	for (size_t i = 0; i < countof(world); i++) {
		if (strcmp(world[i].name, name) != 0)
			continue;
		*exists = true;
		if (world[i].kind == kind)
			found = &world[i];
	}
	return found;
}

static void read_record(struct dns_record *r, enum discover_kind kind, const char *line)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	unsigned a = 0, b = 0, c = 0;

	*r = (struct dns_record){ 0 };
	if (kind == MX)
		assert_int_equal(sscanf(line, "%u %253s", &a, r->host), 2);
	else if (kind == SRV)
		assert_int_equal(sscanf(line, "%u %u %u %253s", &a, &b, &c, r->host), 4);
	else if (inet_pton(AF_INET, line, &v4.sin_addr) == 1)
		memcpy(&r->address, &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, line, &v6.sin6_addr) == 1)
		memcpy(&r->address, &v6, sizeof(v6));
	else
		fail_msg("%s", line);
	if (strcmp(r->host, ".") == 0)
		r->host[0] = '\0';
	r->priority = (uint16_t)a;
	r->weight = (uint16_t)b;
	r->port = (uint16_t)c;
}

static void answer(struct discover *d, enum discover_kind kind, const char *name)
{
	struct dns_record records[4];
	struct dns_answer a = { .records = records, .outcome = OUTCOME_OK };
	bool exists;
	const struct fact *f = fact_of(name, kind, &exists);
	struct text rest = text_of(f ? f->records : ""), line;

	if (f && strcmp(f->records, "?") == 0) {
		a.state = DNS_FAILED;
		a.outcome = outcome_of(BLAME_NET, "name lookup", TEXT("no answer in time"));
		discover_heard(d, &a);
		return;
	}
	while (rest.len) {
		char one[300];

		if (!text_cut(rest, '\n', &line, &rest))
			rest = TEXT("");
		(void)snprintf(one, sizeof(one), "%.*s", TEXT_ARG(line));
		read_record(&records[a.n++], kind, one);
	}
	a.state = a.n ? DNS_FOUND : exists ? DNS_NO_DATA : DNS_NO_NAME;
	discover_heard(d, &a);
}

static void describe(const struct discover_result *r, char *ret, size_t size)
{
	if (r->end != DISCOVER_FOUND)
		(void)snprintf(ret, size, "%s", discover_end_name(r->end));
	else
		(void)snprintf(ret, size, "%s %s %s %.255s:%u %s %.128s", discover_how_name(r->how),
			       discover_sure_name(r->sure), r->row->name, r->host, r->port,
			       r->security == PROVIDER_TLS ? "tls" : "starttls",
			       r->login[0] ? r->login : "-");
}

static void play(struct discover *d, char got[512])
{
	enum discover_kind kind;
	const char *name;
	int questions = 0;

	while (discover_next(d, &kind, &name)) {
		if (++questions > 4)
			fail_msg("it asks for ever: %s", name);
		answer(d, kind, name);
	}
	assert_true(*d->result.evidence);
	describe(&d->result, got, 512);
}

static const struct {
	const char *address, *want;
} rows[] = {
	{ "ada@gmail.com", "table certain gmail imap.gmail.com:993 tls ada@gmail.com" },
	{ "Ada@GMAIL.com", "table certain gmail imap.gmail.com:993 tls ada@gmail.com" },
	{ "ada@icloud.com", "table certain icloud imap.mail.me.com:993 tls ada" },
	{ "ada@M\xc3\xbcller.test",
	  "mx likely gmail imap.gmail.com:993 tls ada@xn--mller-kva.test" },
	{ "ada@b\xc3\xbc"
	  "cher.test",
	  "srv likely generic imap.xn--bcher-kva.test:993 tls ada@xn--bcher-kva.test" },
	{ "ada@work.test", "mx likely gmail imap.gmail.com:993 tls ada@work.test" },
	{ "ada@cloud.test", "mx likely microsoft outlook.office365.com:993 tls ada@cloud.test" },
	/* the name at Apple is none that the address tells */
	{ "ada@apple.test", "mx likely icloud imap.mail.me.com:993 tls -" },
	/* what stands before the mailbox is not the mailbox; its own word is better than a backup
	   MX */
	{ "ada@filtered.test", "srv likely fastmail imap.fastmail.com:993 tls ada@filtered.test" },
	{ "ada@own.test", "srv likely generic imap.own.test:993 tls ada@own.test" },
	{ "ada@plain.test", "srv likely generic imap.plain.test:143 starttls ada@plain.test" },
	{ "ada@both.test", "srv likely generic tls.both.test:993 tls ada@both.test" },
	{ "ada@hosted.test", "srv confirm generic imap.hoster.test:993 tls ada@hosted.test" },
	{ "ada@lookalike.test",
	  "srv confirm generic evillookalike.test:993 tls ada@lookalike.test" },
	{ "ada@none.test", "nothing_published" },
	{ "ada@portless.test", "nothing_published" },
	{ "ada@declined.test", "not_offered" },
	{ "ada@nomail.test", "no_mail" },
	{ "ada@nowhere.test", "no_such_domain" },
	{ "ada@inside.test", "host_refused" },
	{ "ada@half.test", "srv likely generic imap.half.test:993 tls ada@half.test" },
	{ "ada@dangling.test", "no_such_host" },
	{ "ada@mute.test", "lookup_failed" },
	{ "ada@mutesrv.test", "lookup_failed" },
};

static void settings_of_an_address(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct discover d;
		char got[512];

		assert_int_equal(discover_address(&d, NULL, &strict, text_of(rows[i].address), 0),
				 0);
		play(&d, got);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: %s (%s)", rows[i].address, got, d.result.evidence);
	}
}

/* What the operator said of a provider is what is found. */
static void the_operators_rows_count(void **state)
{
	static const char *const domains[] = { "acme.test", NULL }, *const mx[] = { ".acme.test",
										    NULL };
	struct provider_table t = { 0 };
	struct provider_row *row = provider_table_row(&t, "acme");
	struct discover d;
	char got[512];

	(void)state;
	row->imap = (struct provider_server){ "imap.acme.test", 1993, PROVIDER_TLS };
	row->domains = domains;
	row->mx_suffixes = mx;
	provider_table_row(&t, "gmail")->imap.host = "imap.proxy.test";
	assert_int_equal(discover_address(&d, &t, &strict, TEXT("ada@acme.test"), 0), 0);
	play(&d, got);
	assert_string_equal(got, "table certain acme imap.acme.test:1993 tls ada@acme.test");
	assert_int_equal(discover_address(&d, &t, &strict, TEXT("ada@acme-mail.test"), 0), 0);
	play(&d, got);
	assert_string_equal(got, "mx likely acme imap.acme.test:1993 tls ada@acme-mail.test");
	assert_int_equal(discover_address(&d, &t, &strict, TEXT("ada@work.test"), 0), 0);
	play(&d, got);
	assert_string_equal(got, "mx likely gmail imap.proxy.test:993 tls ada@work.test");
}

static void what_is_no_address(void **state)
{
	static const char *const none[] = { "",
					    "ada",
					    "@a.test",
					    "ada@",
					    "ada@a@b",
					    "ada@a b.test",
					    "ada@127.0.0.1",
					    "ada@.test",
					    "ada@b\xc3.test",
					    "ada@[192.0.2.1]" };
	struct discover d;

	(void)state;
	for (size_t i = 0; i < countof(none); i++)
		if (discover_address(&d, NULL, &strict, text_of(none[i]), 0) != -EINVAL)
			fail_msg("%s", none[i]);
}

static const struct {
	const char *host, *want;
} hosts[] = {
	{ "imap.own.test", "found" },
	{ "imap.B\xc3\xbc"
	  "cher.test",
	  "found" },
	{ "9.9.9.9", "found" },
	{ "2606:4700::1", "found" },
	{ "10.1.2.3", "host_refused" },
	{ "::ffff:127.0.0.1", "host_refused" },
	{ "64:ff9b::7f00:1", "host_refused" },
	{ "imap.inside.test", "host_refused" },
	{ "imap.half.test", "found" },
	{ "nowhere.test", "no_such_host" },
};

/* And what is told of a refused one names no address of the inside. */
static void a_host_given_by_hand(void **state)
{
	struct netaddr_policy open;
	struct discover d;

	(void)state;
	for (size_t i = 0; i < countof(hosts); i++) {
		assert_int_equal(discover_host(&d, &strict, text_of(hosts[i].host)), 0);
		while (d.state != DISCOVER_DONE)
			answer(&d, DISCOVER_ASK_ADDRESSES, d.name);
		if (strcmp(discover_end_name(d.result.end), hosts[i].want) != 0)
			fail_msg("%s: %s", hosts[i].host, discover_end_name(d.result.end));
	}
	assert_int_equal(discover_host(&d, &strict, TEXT("imap.inside.test")), 0);
	answer(&d, DISCOVER_ASK_ADDRESSES, d.name);
	assert_null(strstr(d.result.evidence, "10.1"));
	assert_null(strstr(d.result.evidence, "fd00"));

	assert_int_equal(netaddr_policy_parse(&open, TEXT("10.0.0.0/8")), 0);
	assert_int_equal(discover_host(&d, &open, TEXT("imap.inside.test")), 0);
	answer(&d, DISCOVER_ASK_ADDRESSES, d.name);
	assert_int_equal(d.result.end, DISCOVER_FOUND);
	assert_int_equal(discover_host(&d, &strict, TEXT("127.1")), -EINVAL);
}

/* ---- over a real name server ---- */

static const struct nameserver_row zone[] = {
	{ "wired.test", "MX", NS_ANSWER, "MX 10 mx.wired.test" },
	{ "_imaps._tcp.wired.test", "SRV", NS_ANSWER, "SRV 0 1 993 imap.wired.test" },
	{ "imap.wired.test", "A", NS_ANSWER, "A 9.9.9.9" },
};

struct owner {
	struct loop loop;
	struct dns *dns;
	struct discovery discovery;
	char got[512];
};

static void on_found(struct discovery *d, const struct discover_result *r)
{
	struct owner *o = container_of(d, struct owner, discovery);

	describe(r, o->got, sizeof(o->got));
	dns_drop(o->dns);
	loop_stop(&o->loop);
}

static const struct {
	const char *address, *want;
} wired[] = {
	{ "ada@wired.test", "srv likely generic imap.wired.test:993 tls ada@wired.test" },
	{ "ada@other.test", "no_such_domain" },
	/* the SRV name would be longer than a name may be */
	{ "ada@a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."
	  "a."
	  "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."
	  "a."
	  "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.test",
	  "no_such_domain" },
};

static void it_asks_the_name_system(void **state)
{
	struct nameserver ns;

	(void)state;
	nameserver_open(&ns, zone, countof(zone));
	for (size_t i = 0; i < countof(wired); i++) {
		const struct dns_params p = { .servers = ns.list };
		struct owner o = { 0 };

		loop_init(&o.loop, NULL, NULL);
		assert_int_equal(dns_open(&o.loop, &p, &o.dns), 0);
		assert_int_equal(discover_address(&o.discovery.engine, NULL, &strict,
						  text_of(wired[i].address), 0),
				 0);
		assert_int_equal(discovery_start(&o.discovery, o.dns, on_found), 0);
		loop_run(&o.loop);
		loop_clear(&o.loop);
		if (strcmp(o.got, wired[i].want) != 0)
			fail_msg("%s: %s", wired[i].address, o.got);
	}
	nameserver_close(&ns);
}

/* A domain of the table needs no question at all. */
static void what_is_known_is_not_asked(void **state)
{
	struct discovery d = { 0 };

	(void)state;
	assert_int_equal(discover_address(&d.engine, NULL, &strict, TEXT("a@gmail.com"), 0), 0);
	assert_int_equal(discovery_start(&d, NULL, on_found), 1);
	assert_int_equal(d.engine.result.end, DISCOVER_FOUND);
	discovery_cancel(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_of_an_address),
		cmocka_unit_test(the_operators_rows_count),
		cmocka_unit_test(what_is_no_address),
		cmocka_unit_test(a_host_given_by_hand),
		cmocka_unit_test(it_asks_the_name_system),
		cmocka_unit_test(what_is_known_is_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
