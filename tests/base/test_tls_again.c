#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/tls.h"
#include "base/tls_ticket.h"
#include "base/tls_trust.h"
#include "tests/base/certs.h"

/* What a context remembers, and what it must not believe because of that. */

#define DAY 86400L

static struct certs certs;

/* One visit to a server: handshake, greeting and tickets, end.  What came of it. */
struct visit {
	bool is_up, is_resumed;
	struct outcome outcome;
};

static bool carry(SSL *server, struct tls *client)
{
	uint8_t piece[65536];
	const uint8_t *out;
	struct text clear;
	bool any = false;
	size_t len;
	int n;

	while ((len = tls_send(client, &out))) {
		BIO_write(SSL_get_rbio(server), out, (int)len);
		tls_sent(client, len);
		any = true;
	}
	(void)SSL_do_handshake(server);
	ERR_clear_error();
	while ((n = BIO_read(SSL_get_wbio(server), piece, sizeof(piece))) > 0) {
		(void)tls_recv(client, piece, (size_t)n);
		any = true;
	}
	while (tls_next(client, &clear))
		assert_true(text_eq(clear, TEXT("* OK")));
	return any;
}

static struct visit visit(struct tls_context *c, SSL_CTX *at, const char *host, uint16_t port)
{
	SSL *server = SSL_new(at);
	struct tls *client = tls_new(c, host, port);
	struct visit v;

	SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(server);
	while (carry(server, client))
		;
	if (tls_is_up(client)) {
		assert_int_equal(SSL_write(server, "* OK", 4), 4);
		while (carry(server, client))
			;
	}
	v = (struct visit){ tls_is_up(client), tls_is_resumed(client), tls_outcome(client) };
	/* Cut: no goodbye from either side. */
	tls_free(client);
	SSL_free(server);
	return v;
}

static void expect(struct visit v, bool resumed)
{
	assert_string_equal(v.outcome.said, "");
	assert_true(v.is_up);
	assert_int_equal(v.is_resumed, resumed);
}

static void expect_refused(struct visit v, const char *why)
{
	assert_false(v.is_up);
	assert_string_equal(v.outcome.what, "tls certificate");
	assert_non_null(strstr(v.outcome.said, why));
}

static struct tls_context *context(void)
{
	struct tls_context *c;

	assert_int_equal(tls_context_new(certs.ca_file, &c), 0);
	return c;
}

static SSL_CTX *server(const char *alt, long to_s, bool gives_tickets)
{
	SSL_CTX *ssl = certs_server(&certs, alt, -60, to_s);

	if (!gives_tickets) {
		SSL_CTX_set_num_tickets(ssl, 0);
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
		SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	}
	return ssl;
}

static void a_known_host_is_resumed(void **state)
{
	struct tls_context *c = context();
	SSL_CTX *s = server("DNS:mail.example", DAY, true);

	(void)state;
	expect(visit(c, s, "mail.example", 993), false);
	for (int i = 0; i < 5; i++)
		expect(visit(c, s, "mail.example", 993), true);
	assert_int_equal(tls_context_judged(c), 1);
	SSL_CTX_free(s);
	tls_context_free(c);
}

static void tls_1_2_is_resumed_too(void **state)
{
	struct tls_context *c = context();
	SSL_CTX *s = server("DNS:mail.example", DAY, true);

	(void)state;
	SSL_CTX_set_max_proto_version(s, TLS1_2_VERSION);
	expect(visit(c, s, "mail.example", 993), false);
	for (int i = 0; i < 5; i++)
		expect(visit(c, s, "mail.example", 993), true);
	SSL_CTX_free(s);
	tls_context_free(c);
}

/* A connection that stays. */
struct stay {
	SSL *server;
	struct tls *client;
};

static void carry_all(struct stay *v)
{
	while (carry(v->server, v->client))
		;
}

/* Bytes both ways, other keys, other tickets. */
static void goes_on(struct stay *v)
{
	char heard[8];

	assert_int_equal(SSL_new_session_ticket(v->server), 1);
	carry_all(v);
	assert_int_equal(SSL_key_update(v->server, SSL_KEY_UPDATE_REQUESTED), 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(SSL_write(v->server, "* OK", 4), 4);
		carry_all(v);
		assert_int_equal(tls_write(v->client, (const uint8_t *)"a1", 2), 0);
		carry_all(v);
		assert_int_equal(SSL_read(v->server, heard, sizeof(heard)), 2);
	}
	assert_true(tls_is_up(v->client));
}

/* Connections to one place share a session object, whose tickets are each one's own. */
static void many_at_once_go_on(void **state)
{
	enum { MANY = 6 };
	struct stay all[MANY];
	struct tls_context *c = context();
	SSL_CTX *s = server("DNS:mail.example", DAY, true);

	(void)state;
	for (int i = 0; i < MANY; i++) {
		struct stay *v = &all[i];

		/* The first is a full handshake, the last have another cipher. */
		assert_int_equal(
			SSL_CTX_set_ciphersuites(s, i < 4 ? "TLS_AES_256_GCM_SHA384"
							  : "TLS_CHACHA20_POLY1305_SHA256"),
			1);
		v->server = SSL_new(s);
		v->client = tls_new(c, "mail.example", 993);
		SSL_set_bio(v->server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
		SSL_set_accept_state(v->server);
		carry_all(v);
		assert_true(tls_is_up(v->client));
		for (int j = 0; j <= i; j++)
			goes_on(&all[j]);
	}
	/* The one that stands for all ends first, cut. */
	for (int i = 0; i < MANY; i++) {
		tls_free(all[i].client);
		SSL_free(all[i].server);
		for (int j = i + 1; j < MANY; j++)
			goes_on(&all[j]);
		expect(visit(c, s, "mail.example", 993), true);
	}
	SSL_CTX_free(s);
	tls_context_free(c);
}

static void elsewhere_nothing_is_resumed(void **state)
{
	struct tls_context *c = context();
	SSL_CTX *s = server("DNS:mail.example,DNS:imap.example", DAY, true);

	(void)state;
	expect(visit(c, s, "mail.example", 993), false);
	expect(visit(c, s, "mail.example", 994), false);
	expect(visit(c, s, "imap.example", 993), false);
	/* The chain was known to be good for the one name only. */
	assert_int_equal(tls_context_judged(c), 2);
	expect_refused(visit(c, s, "other.example", 993), "host name mismatch");
	expect_refused(visit(c, s, "other.example", 993), "host name mismatch");
	assert_int_equal(tls_context_judged(c), 4);
	SSL_CTX_free(s);
	tls_context_free(c);
}

static void a_known_chain_is_judged_once(void **state)
{
	struct tls_context *c = context();
	SSL_CTX *s = server("DNS:mail.example", DAY, false);

	(void)state;
	for (int i = 0; i < 5; i++)
		expect(visit(c, s, "mail.example", 993), false);
	assert_int_equal(tls_context_judged(c), 1);
	SSL_CTX_free(s);
	tls_context_free(c);
}

static void a_changed_chain_is_judged_anew(void **state)
{
	struct tls_context *c = context();
	struct certs others;
	SSL_CTX *good = server("DNS:mail.example", DAY, true), *again, *forged;

	(void)state;
	certs_init(&others);
	again = server("DNS:mail.example", DAY, true);
	forged = certs_server(&others, "DNS:mail.example", -60, DAY);
	expect(visit(c, good, "mail.example", 993), false);
	/* Tickets of the first are nothing to the second. */
	expect(visit(c, again, "mail.example", 993), false);
	assert_int_equal(tls_context_judged(c), 2);
	expect_refused(visit(c, forged, "mail.example", 993), "");
	expect_refused(visit(c, forged, "mail.example", 993), "");
	certs_clear(&others);
	SSL_CTX_free(good);
	SSL_CTX_free(again);
	SSL_CTX_free(forged);
	tls_context_free(c);
}

static void an_expired_chain_is_not_believed(void **state)
{
	SSL_CTX *servers[] = { server("DNS:mail.example", 3600, true),
			       server("DNS:mail.example", 3600, false) };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct tls_context *c = context();
		int64_t now_s = clock_unix_s();

		tls_context_at(c, now_s);
		expect(visit(c, servers[i], "mail.example", 993), false);
		tls_context_at(c, now_s + 3500);
		expect(visit(c, servers[i], "mail.example", 993), i == 0);
		tls_context_at(c, now_s + 3700);
		expect_refused(visit(c, servers[i], "mail.example", 993),
			       "certificate has expired");
		SSL_CTX_free(servers[i]);
		tls_context_free(c);
	}
}

static void nothing_is_believed_for_more_than_a_day(void **state)
{
	SSL_CTX *servers[] = { server("DNS:mail.example", 10 * DAY, true),
			       server("DNS:mail.example", 10 * DAY, false) };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct tls_context *c = context();
		int64_t now_s = clock_unix_s();

		tls_context_at(c, now_s);
		expect(visit(c, servers[i], "mail.example", 993), false);
		tls_context_at(c, now_s + TLS_TRUST_S - 10);
		expect(visit(c, servers[i], "mail.example", 993), i == 0);
		assert_int_equal(tls_context_judged(c), 1);
		/* A resumed session hands on the time of the first one. */
		tls_context_at(c, now_s + TLS_TRUST_S + 10);
		expect(visit(c, servers[i], "mail.example", 993), false);
		assert_int_equal(tls_context_judged(c), 2);
		SSL_CTX_free(servers[i]);
		tls_context_free(c);
	}
}

static void other_anchors_know_nothing(void **state)
{
	struct tls_context *c = context(), *other;
	SSL_CTX *s = server("DNS:mail.example", DAY, true);
	struct certs others;

	(void)state;
	certs_init(&others);
	assert_int_equal(tls_context_new(others.ca_file, &other), 0);
	expect(visit(c, s, "mail.example", 993), false);
	expect_refused(visit(other, s, "mail.example", 993), "");
	expect(visit(c, s, "mail.example", 993), true);
	expect_refused(visit(other, s, "mail.example", 993), "");
	tls_context_free(other);
	tls_context_free(c);
	certs_clear(&others);
	SSL_CTX_free(s);
}

static SSL_SESSION *session(unsigned n)
{
	SSL_SESSION *s = SSL_SESSION_new();

	SSL_SESSION_set1_id(s, (const unsigned char *)&n, sizeof(n));
	SSL_SESSION_set_protocol_version(s, TLS1_3_VERSION);
	return s;
}

static unsigned number_of(SSL_SESSION *s)
{
	unsigned n = 0, len;
	const unsigned char *id = SSL_SESSION_get_id(s, &len);

	assert_int_equal(len, sizeof(n));
	memcpy(&n, id, sizeof(n));
	SSL_SESSION_free(s);
	return n;
}

static void tickets_are_used_once_the_newest_first(void **state)
{
	struct tls_ticket_pool p;
	int64_t until;

	(void)state;
	tls_ticket_init(&p);
	for (unsigned i = 1; i <= 3; i++) {
		SSL_SESSION *s = session(i);

		tls_ticket_keep(&p, TEXT("a:1"), s, 100 * (int64_t)i);
		SSL_SESSION_free(s);
	}
	assert_null(tls_ticket_take(&p, TEXT("a:2"), 0, &until));
	assert_int_equal(number_of(tls_ticket_take(&p, TEXT("a:1"), 50, &until)), 3);
	assert_int_equal(until, 300);
	/* Number 2 is over by now, and so is number 1. */
	assert_null(tls_ticket_take(&p, TEXT("a:1"), 200, &until));
	assert_int_equal(p.n, 0);
	tls_ticket_clear(&p);
}

static void tickets_have_ceilings(void **state)
{
	struct tls_ticket_pool p;
	char place[16];
	int64_t until;

	(void)state;
	tls_ticket_init(&p);
	for (unsigned i = 0; i < 2 * LIMIT_TLS_TICKETS; i++) {
		SSL_SESSION *s = session(i);

		tls_ticket_keep(&p, TEXT("big:1"), s, INT64_MAX);
		assert_true(p.n <= LIMIT_TLS_TICKETS_HOST);
		SSL_SESSION_free(s);
	}
	for (unsigned i = 0; i < 2 * LIMIT_TLS_TICKETS; i++) {
		SSL_SESSION *s = session(i);

		snprintf(place, sizeof(place), "h%u:1", i);
		tls_ticket_keep(&p, text_of(place), s, INT64_MAX);
		SSL_SESSION_free(s);
	}
	assert_int_equal(p.n, LIMIT_TLS_TICKETS);
	assert_int_equal(map_count(&p.hosts), LIMIT_TLS_TICKETS);
	assert_null(tls_ticket_take(&p, TEXT("big:1"), 0, &until));
	assert_int_equal(number_of(tls_ticket_take(&p, text_of(place), 0, &until)),
			 2 * LIMIT_TLS_TICKETS - 1);
	tls_ticket_clear(&p);
}

static int set_up(void **state)
{
	(void)state;
	certs_init(&certs);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certs_clear(&certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_host_is_resumed),
		cmocka_unit_test(tls_1_2_is_resumed_too),
		cmocka_unit_test(many_at_once_go_on),
		cmocka_unit_test(elsewhere_nothing_is_resumed),
		cmocka_unit_test(a_known_chain_is_judged_once),
		cmocka_unit_test(a_changed_chain_is_judged_anew),
		cmocka_unit_test(an_expired_chain_is_not_believed),
		cmocka_unit_test(nothing_is_believed_for_more_than_a_day),
		cmocka_unit_test(other_anchors_know_nothing),
		cmocka_unit_test(tickets_are_used_once_the_newest_first),
		cmocka_unit_test(tickets_have_ceilings),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
