#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/tls.h"
#include "tests/base/certs.h"

static struct certs certs;
static struct tls_context *context;

/* A real server over memory BIOs, and the client engine; bytes are carried in steps of `step`. */
struct pair {
	SSL *server;
	BIO *to_server, *from_server;
	struct tls *client;
	size_t step;
	struct buf heard;  /* clear bytes the client got */
	int r;             /* what the client's last tls_recv() said */
	const char *alert; /* what the server heard */
};

static void pair_open(struct pair *p, SSL_CTX *server, const char *host, size_t step)
{
	*p = (struct pair){ .step = step };
	p->server = SSL_new(server);
	p->to_server = BIO_new(BIO_s_mem());
	p->from_server = BIO_new(BIO_s_mem());
	SSL_set_bio(p->server, p->to_server, p->from_server);
	SSL_set_accept_state(p->server);
	p->client = tls_new(context, host, 993);
	buf_init(&p->heard, 16 * 1024 * 1024);
}

static void pair_clear(struct pair *p)
{
	SSL_free(p->server);
	tls_free(p->client);
	buf_clear(&p->heard);
}

/* What the client wants on the wire goes to the server, `step` bytes at a time. */
static void carry_up(struct pair *p)
{
	const uint8_t *out;
	size_t n;

	while ((n = tls_send(p->client, &out))) {
		n = n < p->step ? n : p->step;
		BIO_write(p->to_server, out, (int)n);
		tls_sent(p->client, n);
	}
}

static void take(struct pair *p)
{
	struct text t;

	while (tls_next(p->client, &t))
		assert_int_equal(buf_add(&p->heard, t.at, t.len), 0);
}

/* false: nothing was there. */
static bool carry_down(struct pair *p)
{
	uint8_t piece[65536];
	size_t want = p->step < sizeof(piece) ? p->step : sizeof(piece);
	int n;
	bool any = false;

	while (p->r == 0 && (n = BIO_read(p->from_server, piece, (int)want)) > 0) {
		any = true;
		p->r = tls_recv(p->client, piece, (size_t)n);
		take(p);
	}
	return any;
}

static void shake(struct pair *p)
{
	bool any = true;

	while (any) {
		int r;

		carry_up(p);
		ERR_clear_error();
		r = SSL_do_handshake(p->server);
		if (r < 0 && SSL_get_error(p->server, r) == SSL_ERROR_SSL)
			p->alert = ERR_reason_error_string(ERR_peek_last_error());
		any = carry_down(p);
	}
}

static size_t server_reads(struct pair *p, char *dst, size_t size)
{
	size_t n = 0;
	int r;

	while (n < size && (r = SSL_read(p->server, dst + n, (int)(size - n))) > 0)
		n += (size_t)r;
	return n;
}

static void every_split(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t v = 0; v < countof(versions); v++) {
		SSL_CTX *ctx = certs_server(&certs, "DNS:mail.example", -60, 3600);

		SSL_CTX_set_max_proto_version(ctx, versions[v]);
		for (size_t step = 1; step <= 1500; step += step < 80 ? 1 : 97) {
			struct pair p;
			char got[64];

			pair_open(&p, ctx, "mail.example", step);
			assert_false(tls_is_up(p.client));
			shake(&p);
			assert_int_equal(SSL_version(p.server), versions[v]);
			assert_true(tls_is_up(p.client));
			assert_int_equal(SSL_write(p.server, "* OK hello\r\n", 12), 12);
			carry_down(&p);
			assert_int_equal(p.heard.len, 12);
			assert_memory_equal(p.heard.data, "* OK hello\r\n", 12);
			assert_int_equal(tls_write(p.client, (const uint8_t *)"a1 IDLE\r\n", 9), 0);
			carry_up(&p);
			assert_int_equal(server_reads(&p, got, sizeof(got)), 9);
			assert_memory_equal(got, "a1 IDLE\r\n", 9);
			if (!tls_is_resumed(p.client)) /* OpenSSL forgets it then, with 1.2 */
				assert_string_equal(
					SSL_get_servername(p.server, TLSEXT_NAMETYPE_host_name),
					"mail.example");
			pair_clear(&p);
		}
		SSL_CTX_free(ctx);
	}
}

static void long_texts_both_ways(void **state)
{
	enum { LONG = 3 * 1024 * 1024 };
	static const size_t steps[] = { 1000, 16384, 65536 };
	SSL_CTX *ctx = certs_server(&certs, "DNS:mail.example", -60, 3600);
	char *text = mem_new(LONG), *back = mem_new(LONG);

	(void)state;
	for (size_t i = 0; i < LONG; i++)
		text[i] = (char)('a' + i % 23);
	for (size_t s = 0; s < countof(steps); s++) {
		struct pair p;
		size_t n = 0;

		pair_open(&p, ctx, "mail.example", steps[s]);
		shake(&p);
		assert_int_equal(SSL_write(p.server, text, LONG), LONG);
		carry_down(&p);
		assert_int_equal(p.heard.len, LONG);
		assert_memory_equal(p.heard.data, text, LONG);
		for (size_t at = 0, piece; at < LONG; at += piece) {
			piece = LONG - at < LIMIT_TLS_PENDING ? LONG - at : LIMIT_TLS_PENDING;
			assert_int_equal(tls_write(p.client, (uint8_t *)text + at, piece), 0);
			carry_up(&p);
			n += server_reads(&p, back + n, LONG - n);
		}
		assert_int_equal(n, LONG);
		assert_memory_equal(back, text, LONG);
		pair_clear(&p);
	}
	free(text);
	free(back);
	SSL_CTX_free(ctx);
}

static void early_bytes_wait(void **state)
{
	SSL_CTX *ctx = certs_server(&certs, "DNS:mail.example", -60, 3600);
	uint8_t *many = mem_new(LIMIT_TLS_PENDING + 1);
	struct pair p;
	char got[64];

	(void)state;
	pair_open(&p, ctx, "mail.example", 65536);
	assert_int_equal(tls_write(p.client, many, LIMIT_TLS_PENDING + 1), -ENOBUFS);
	assert_int_equal(tls_write(p.client, (const uint8_t *)"a1 ", 3), 0);
	assert_int_equal(tls_write(p.client, (const uint8_t *)"NOOP\r\n", 6), 0);
	shake(&p);
	assert_int_equal(server_reads(&p, got, sizeof(got)), 9);
	assert_memory_equal(got, "a1 NOOP\r\n", 9);
	/* up, and the wire takes nothing */
	assert_int_equal(tls_write(p.client, many, LIMIT_TLS_PENDING), 0);
	assert_int_equal(tls_write(p.client, many, 1), -ENOBUFS);
	carry_up(&p);
	assert_int_equal(tls_write(p.client, many, 1), 0);
	pair_clear(&p);
	free(many);
	SSL_CTX_free(ctx);
}

static const struct {
	const char *name, *host, *alt;
	long from_s, to_s;
	const char *said; /* NULL: good */
} certificates[] = {
	{ "good", "mail.example", "DNS:mail.example", -60, 3600, NULL },
	{ "case", "MAIL.example", "DNS:mail.EXAMPLE", -60, 3600, NULL },
	{ "final dot", "mail.example.", "DNS:mail.example", -60, 3600, NULL },
	{ "second name", "b.example", "DNS:a.example,DNS:b.example", -60, 3600, NULL },
	{ "wildcard", "mail.corp.example", "DNS:*.corp.example", -60, 3600, NULL },
	{ "address", "127.0.0.1", "IP:127.0.0.1", -60, 3600, NULL },
	{ "address 6", "::1", "IP:::1", -60, 3600, NULL },
	{ "wrong host", "mail.example", "DNS:other.example,DNS:third.example", -60, 3600,
	  "host name mismatch: mail.example is not in other.example, third.example" },
	{ "wildcard is one label", "a.mail.corp.example", "DNS:*.corp.example", -60, 3600,
	  "host name mismatch: a.mail.corp.example is not in *.corp.example" },
	{ "partial wildcard", "mail.corp.example", "DNS:ma*.corp.example", -60, 3600,
	  "host name mismatch: mail.corp.example is not in ma*.corp.example" },
	{ "wrong address", "127.0.0.2", "IP:127.0.0.1", -60, 3600,
	  "host name mismatch: 127.0.0.2 is not in 127.0.0.1" },
	{ "address as a name", "127.0.0.1", "DNS:127.0.0.1", -60, 3600,
	  "host name mismatch: 127.0.0.1 is not in 127.0.0.1" },
	{ "common name is not a name", "leaf", NULL, -60, 3600,
	  "host name mismatch: leaf is not in a certificate that names no host" },
	{ "expired", "mail.example", "DNS:mail.example", -7200, -3600,
	  "certificate has expired on 2" },
	{ "not yet", "mail.example", "DNS:mail.example", 3600, 7200,
	  "certificate is not valid before 2" },
};

static void certificates_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(certificates); i++) {
		SSL_CTX *ctx = certs_server(&certs, certificates[i].alt, certificates[i].from_s,
					    certificates[i].to_s);
		const char *want = certificates[i].said;
		struct outcome o;
		struct pair p;

		pair_open(&p, ctx, certificates[i].host, 65536);
		shake(&p);
		o = tls_outcome(p.client);
		if (tls_is_up(p.client) != !want || tls_is_over(p.client) == !want)
			fail_msg("%s: up %d, said \"%s\"", certificates[i].name,
				 tls_is_up(p.client), o.said);
		if (want) {
			if (strncmp(o.said, want, strlen(want)))
				fail_msg("%s: said \"%s\"", certificates[i].name, o.said);
			assert_int_equal(o.blame, BLAME_PEER);
			assert_string_equal(o.what, "tls certificate");
			assert_int_equal(p.r, -EBADMSG);
			/* and the server heard why */
			if (!p.alert || !strstr(p.alert, "alert"))
				fail_msg("%s: the server heard %s", certificates[i].name, p.alert);
		}
		pair_clear(&p);
		SSL_CTX_free(ctx);
	}
}

static void strangers_are_refused(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *ca = certs_make("Other CA", NULL, key, NULL, key, -60, 3600);
	X509 *leaf = certs_make("leaf", "DNS:mail.example", key, ca, key, -60, 3600);
	X509 *alone = certs_make("alone", "DNS:mail.example", key, NULL, key, -60, 3600);
	const struct {
		X509 *cert;
		const char *said;
	} rows[] = {
		{ leaf, "unknown issuer: Other CA" },
		{ alone, "self-signed certificate: alone" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
		struct pair p;

		SSL_CTX_use_certificate(ctx, rows[i].cert);
		SSL_CTX_use_PrivateKey(ctx, key);
		pair_open(&p, ctx, "mail.example", 7);
		shake(&p);
		assert_true(tls_is_over(p.client));
		assert_string_equal(tls_outcome(p.client).said, rows[i].said);
		pair_clear(&p);
		SSL_CTX_free(ctx);
	}
	X509_free(ca);
	X509_free(leaf);
	X509_free(alone);
	EVP_PKEY_free(key);
}

static void old_versions_are_refused(void **state)
{
	SSL_CTX *ctx = certs_server(&certs, "DNS:mail.example", -60, 3600);
	struct pair p;

	(void)state;
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
	pair_open(&p, ctx, "mail.example", 65536);
	shake(&p);
	assert_true(tls_is_over(p.client));
	assert_false(tls_is_up(p.client));
	assert_int_equal(tls_outcome(p.client).blame, BLAME_PEER);
	assert_string_equal(tls_outcome(p.client).what, "tls alert");
	pair_clear(&p);
	SSL_CTX_free(ctx);
}

static void garbage(void **state)
{
	static const char *const rows[] = { "* OK IMAP4rev1 ready\r\n",
					    "HTTP/1.1 400 Bad Request\r\n\r\n",
					    "\r\n\r\n\r\n\r\n\r\n\r\n" };

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		for (size_t step = 1; step <= strlen(rows[i]); step++) {
			struct tls *t = tls_new(context, "mail.example", 993);
			int r = 0;

			for (size_t at = 0; at < strlen(rows[i]) && !r; at += step) {
				size_t left = strlen(rows[i]) - at;

				r = tls_recv(t, (const uint8_t *)rows[i] + at,
					     left < step ? left : step);
			}
			assert_int_equal(r, -EBADMSG);
			assert_string_equal(tls_outcome(t).said,
					    "the peer does not speak TLS here");
			assert_int_equal(tls_recv(t, (const uint8_t *)"x", 1), -EBADMSG);
			assert_int_equal(tls_write(t, (const uint8_t *)"x", 1), -EPIPE);
			tls_free(t);
		}
	}
}

/* A record that was changed on the way: what came before it is still there. */
static void changed_record(void **state)
{
	SSL_CTX *ctx = certs_server(&certs, "DNS:mail.example", -60, 3600);
	uint8_t wire[4096];
	struct pair p;
	struct text t;
	int n;

	(void)state;
	pair_open(&p, ctx, "mail.example", 65536);
	shake(&p);
	carry_down(&p);
	SSL_write(p.server, "before", 6);
	SSL_write(p.server, "after", 5);
	n = BIO_read(p.from_server, wire, sizeof(wire));
	wire[n - 1] ^= 1;
	assert_int_equal(tls_recv(p.client, wire, (size_t)n), -EBADMSG);
	assert_true(tls_next(p.client, &t));
	assert_int_equal(t.len, 6);
	assert_memory_equal(t.at, "before", 6);
	assert_false(tls_next(p.client, &t));
	assert_string_equal(tls_outcome(p.client).what, "tls record");
	carry_up(&p);
	ERR_clear_error();
	assert_true(SSL_read(p.server, wire, sizeof(wire)) <= 0);
	assert_non_null(strstr(ERR_reason_error_string(ERR_peek_last_error()), "alert"));
	pair_clear(&p);
	SSL_CTX_free(ctx);
}

static void closing(void **state)
{
	SSL_CTX *ctx = certs_server(&certs, "DNS:mail.example", -60, 3600);
	struct pair p;
	char got[8];

	(void)state;
	for (size_t step = 1; step < 40; step++) {
		pair_open(&p, ctx, "mail.example", step);
		shake(&p);
		SSL_write(p.server, "bye", 3);
		assert_false(tls_is_over(p.client));
		SSL_shutdown(p.server);
		carry_down(&p);
		assert_int_equal(p.heard.len, 3);
		assert_true(tls_is_over(p.client));
		assert_true(tls_outcome(p.client).blame == BLAME_NONE);
		assert_int_equal(tls_recv(p.client, (const uint8_t *)"x", 1),
				 0); /* not heard any more */
		tls_close(p.client);
		carry_up(&p);
		assert_int_equal(SSL_read(p.server, got, sizeof(got)), 0);
		assert_int_equal(SSL_get_error(p.server, 0), SSL_ERROR_ZERO_RETURN);
		assert_int_equal(tls_write(p.client, (const uint8_t *)"x", 1), -EPIPE);
		pair_clear(&p);
	}
	SSL_CTX_free(ctx);
}

/* Two engines of one context: what one lends stays while the other works. */
static void loans_are_separate(void **state)
{
	SSL_CTX *ctx = certs_server(&certs, "DNS:mail.example", -60, 3600);
	struct pair a, b;
	uint8_t wire[4096];
	struct text t;
	int n;

	(void)state;
	pair_open(&a, ctx, "mail.example", 65536);
	pair_open(&b, ctx, "mail.example", 65536);
	shake(&a);
	shake(&b);
	SSL_write(a.server, "first", 5);
	n = BIO_read(a.from_server, wire, sizeof(wire));
	assert_int_equal(tls_recv(a.client, wire, (size_t)n), 0);
	assert_true(tls_next(a.client, &t));
	SSL_write(b.server, "other", 5);
	carry_down(&b);
	assert_memory_equal(t.at, "first", 5);
	pair_clear(&a);
	pair_clear(&b);
	SSL_CTX_free(ctx);
}

static void clear_bytes_have_a_ceiling(void **state)
{
	SSL_CTX *ctx = certs_server(&certs, "DNS:mail.example", -60, 3600);
	enum { MUCH = LIMIT_TLS_CLEAR + 20000 };
	uint8_t *text = mem_new(MUCH), *wire = mem_new(2 * MUCH);
	struct pair p;
	int n;

	(void)state;
	pair_open(&p, ctx, "mail.example", 65536);
	shake(&p);
	SSL_write(p.server, text, MUCH);
	n = BIO_read(p.from_server, wire, 2 * MUCH);
	assert_int_equal(tls_recv(p.client, wire, (size_t)n), -ENOBUFS);
	assert_true(tls_is_over(p.client));
	assert_int_equal(tls_outcome(p.client).blame, BLAME_US);
	pair_clear(&p);
	free(text);
	free(wire);
	SSL_CTX_free(ctx);
}

static void context_errors(void **state)
{
	struct tls_context *c = NULL;
	char path[96];
	FILE *f;

	(void)state;
	assert_int_equal(tls_context_new("/nonexistent/ca.pem", &c), -ENOENT);
	assert_int_equal(tls_context_new(certs.dir, &c), -EINVAL);
	snprintf(path, sizeof(path), "%s/empty.pem", certs.dir);
	f = fopen(path, "w");
	fputs("no certificate here\n", f);
	fclose(f);
	assert_int_equal(tls_context_new(path, &c), -EINVAL);
	unlink(path);
	assert_null(c);
	assert_int_equal(tls_context_new(NULL, &c), 0);
	tls_context_free(c);
	tls_context_free(NULL);
	tls_free(NULL);
}

static void bad_host_fails_at_once(void **state)
{
	char name[400];
	struct tls *t;

	(void)state;
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	t = tls_new(context, name, 993);
	assert_true(tls_is_over(t));
	assert_int_equal(tls_outcome(t).blame, BLAME_US);
	tls_free(t);
	t = tls_new(context, "", 993);
	assert_true(tls_is_over(t));
	tls_free(t);
}

/* The memory of an idle connection, told and not judged here: sanitizers change it. */
static void idle_memory(void **state)
{
	enum { N = 200 };
	static struct pair pairs[N];
	SSL_CTX *ctx = certs_server(&certs, "DNS:mail.example", -60, 3600);
	struct mallinfo2 before = mallinfo2();

	(void)state;
	for (size_t i = 0; i < N; i++) {
		pair_open(&pairs[i], ctx, "mail.example", 65536);
		shake(&pairs[i]);
		tls_write(pairs[i].client, (const uint8_t *)"a1 IDLE\r\n", 9);
		carry_up(&pairs[i]);
		SSL_free(pairs[i].server);
		pairs[i].server = NULL;
	}
	print_message("idle connection: %zu bytes (0 under a sanitizer's malloc)\n",
		      (mallinfo2().uordblks - before.uordblks) / N);
	for (size_t i = 0; i < N; i++)
		pair_clear(&pairs[i]);
	SSL_CTX_free(ctx);
}

static int set_up(void **state)
{
	(void)state;
	certs_init(&certs);
	return tls_context_new(certs.ca_file, &context);
}

static int tear_down(void **state)
{
	(void)state;
	tls_context_free(context);
	certs_clear(&certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_split),
		cmocka_unit_test(long_texts_both_ways),
		cmocka_unit_test(early_bytes_wait),
		cmocka_unit_test(certificates_are_judged),
		cmocka_unit_test(strangers_are_refused),
		cmocka_unit_test(old_versions_are_refused),
		cmocka_unit_test(garbage),
		cmocka_unit_test(changed_record),
		cmocka_unit_test(closing),
		cmocka_unit_test(loans_are_separate),
		cmocka_unit_test(clear_bytes_have_a_ceiling),
		cmocka_unit_test(context_errors),
		cmocka_unit_test(bad_host_fails_at_once),
		cmocka_unit_test(idle_memory),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
