/* Tried by libcurl, on servers as rude as one likes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/io/mail_probe.h"
#include "base/io/timer.h"
#include "base/mem.h"
#include "tests/base/certs.h"
#include "tests/base/peer.h"

static struct certs certs;
static SSL_CTX *server_ctx, *other_ctx;
static struct netaddr_policy loopback;

struct owner {
	struct loop loop;
	struct http_client *client;
	struct mail_probe probe;
	struct timer limit;
};

static void finish(struct owner *o)
{
	http_client_drop(o->client);
	timer_drop(&o->limit, NULL);
	loop_stop(&o->loop);
}

static void on_done(struct mail_probe *p)
{
	finish(container_of(p, struct owner, probe));
}

static void on_limit(struct timer *t)
{
	(void)t;
	fail_msg("no answer");
}

/* ---- a server, line by line ---- */

struct part {
	const char *hears; /* the line begins so; NULL: nothing is waited for */
	const char *says;  /* "" nothing; "TLS": the handshake comes */
};

struct script {
	bool is_tls; /* from the first byte */
	const SSL_CTX *ctx;
	struct part parts[8];
	char heard[4096]; /* all of it */
};

struct wire {
	int fd;
	SSL *ssl;
};

static bool wrap(struct wire *w, const struct script *s)
{
	w->ssl = SSL_new(s->ctx ? (SSL_CTX *)(uintptr_t)s->ctx : server_ctx);
	SSL_set_fd(w->ssl, w->fd);
	return SSL_accept(w->ssl) == 1;
}

static void say(struct wire *w, const char *text)
{
	if (w->ssl)
		SSL_write(w->ssl, text, (int)strlen(text));
	else
		peer_say(w->fd, text);
}

static bool hear(struct wire *w, char *dst, size_t size)
{
	size_t n = 0;

	while (n < size - 1) {
		int r = w->ssl ? SSL_read(w->ssl, dst + n, 1) : (int)read(w->fd, dst + n, 1);

		if (r <= 0)
			return false;
		dst[++n] = '\0';
		if (dst[n - 1] == '\n')
			return true;
	}
	return false;
}

static void by_script(struct peer *p, int fd)
{
	struct script *s = p->with;
	struct wire w = { .fd = fd };
	char line[2048];

	if (s->is_tls && !wrap(&w, s))
		goto out;
	for (size_t i = 0; i < countof(s->parts) && s->parts[i].says; i++) {
		if (s->parts[i].hears) {
			if (!hear(&w, line, sizeof(line)))
				goto out;
			strncat(s->heard, line, sizeof(s->heard) - strlen(s->heard) - 1);
			if (strncmp(line, s->parts[i].hears, strlen(s->parts[i].hears)) != 0)
				goto out;
		}
		if (strcmp(s->parts[i].says, "TLS") == 0) {
			if (!wrap(&w, s))
				goto out;
		} else {
			say(&w, s->parts[i].says);
		}
	}
	while (hear(&w, line, sizeof(line)))
		strncat(s->heard, line, sizeof(s->heard) - strlen(s->heard) - 1);
out:
	SSL_free(w.ssl);
}

/* ---- rows ---- */

#define HI                                                                                         \
	{                                                                                          \
		NULL, "220 mail.example.test ESMTP\r\n"                                            \
	}
#define EHLO(...)                                                                                  \
	{                                                                                          \
		"EHLO", "250-mail.example.test\r\n" __VA_ARGS__ "250 SIZE\r\n"                     \
	}
#define PLAIN  "250-AUTH PLAIN LOGIN\r\n"
#define TOKENS "250-AUTH XOAUTH2 OAUTHBEARER\r\n"

static struct {
	const char *name;
	bool is_token, is_imap, is_starttls;
	struct script script;
	enum blame blame;
	const char *what, *said, *heard; /* parts of them; NULL: whatever */
} rows[] = {
	{ .name = "a password",
	  .script = { true, NULL, { HI, EHLO(PLAIN), { "AUTH PLAIN ", "235 2.7.0 in\r\n" } } },
	  .what = "ok",
	  .heard = "AUTH PLAIN AHJlcABvcGVuIHNlc2FtZQ==\r\n" },
	{ .name = "a token",
	  .is_token = true,
	  .script = { true, NULL, { HI, EHLO(TOKENS), { "AUTH OAUTHBEARER ", "235 in\r\n" } } },
	  .what = "ok" },
	{ .name = "a token, the older way",
	  .is_token = true,
	  .script = { true,
		      NULL,
		      { HI,
			EHLO("250-AUTH PLAIN XOAUTH2\r\n"),
			{ "AUTH XOAUTH2 ", "235 in\r\n" } } },
	  .what = "ok" },
	{ .name = "starttls",
	  .is_starttls = true,
	  .script = { false,
		      NULL,
		      { HI,
			EHLO("250-STARTTLS\r\n" PLAIN),
			{ "STARTTLS", "220 go\r\n" },
			{ NULL, "TLS" },
			EHLO(PLAIN),
			{ "AUTH PLAIN ", "235 in\r\n" } } },
	  .what = "ok" },
	{ .name = "refused",
	  .script = { true,
		      NULL,
		      { HI,
			EHLO(PLAIN),
			{ "AUTH PLAIN ", "535 5.7.139 Authentication unsuccessful, basic "
					 "authentication is disabled.\r\n" } } },
	  .blame = BLAME_AUTH,
	  .what = "login refused",
	  .said = "5.7.139 Authentication unsuccessful, basic authentication is disabled" },
	{ .name = "what is refused is not repeated",
	  .script = { true,
		      NULL,
		      { HI, EHLO(PLAIN), { "AUTH PLAIN ", "535 not open sesame\r\n" } } },
	  .blame = BLAME_AUTH,
	  .what = "login refused",
	  .said = "535 not ***" },
	{ .name = "no starttls: nothing is said in clear",
	  .is_starttls = true,
	  .script = { false, NULL, { HI, EHLO(PLAIN), { "AUTH", "235 in\r\n" } } },
	  .blame = BLAME_LACKS,
	  .what = "starttls" },
	{ .name = "no login that we may use",
	  .is_token = true,
	  .script = { true, NULL, { HI, EHLO(PLAIN), { "AUTH", "235 in\r\n" } } },
	  .blame = BLAME_LACKS,
	  .what = "login" },
	{ .name = "no login at all",
	  .script = { true, NULL, { HI, EHLO() } },
	  .blame = BLAME_LACKS,
	  .what = "login" },
	{ .name = "another host's certificate",
	  .script = { true, NULL, { HI } },
	  .blame = BLAME_PEER,
	  .what = "tls certificate" },
	{ .name = "turned away",
	  .script = { true, NULL, { { NULL, "554 5.7.1 not from there\r\n" } } },
	  .blame = BLAME_PEER,
	  .what = "mail protocol",
	  .said = "554 5.7.1 not from there" },
	{ .name = "imap by starttls",
	  .is_imap = true,
	  .is_starttls = true,
	  .script = { false,
		      NULL,
		      { { NULL, "* OK hello\r\n" },
			{ "A001 CAPABILITY", "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n"
					     "A001 OK done\r\n" },
			{ "A002 STARTTLS", "A002 OK go\r\n" },
			{ NULL, "TLS" },
			{ "A003 CAPABILITY",
			  "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nA003 OK done\r\n" } } },
	  .what = "ok" },
	{ .name = "imap without starttls",
	  .is_imap = true,
	  .is_starttls = true,
	  .script = { false,
		      NULL,
		      { { NULL, "* OK hello\r\n" },
			{ "A001 CAPABILITY", "* CAPABILITY IMAP4rev1\r\nA001 OK done\r\n" } } },
	  .blame = BLAME_LACKS,
	  .what = "starttls" },
};

static void open_owner(struct owner *o, const struct secret *credential)
{
	*o = (struct owner){ .probe = { .host = "127.0.0.1",
					.user = "rep",
					.credential = credential,
					.timeout_ms = 20000 } };
	loop_init(&o->loop, NULL, NULL);
	timer_open(&o->limit, &o->loop, on_limit);
	timer_in(&o->limit, 60000);
	assert_int_equal(http_client_open(&o->loop, certs.ca_file, &loopback, &o->client), 0);
}

static void each_server_is_told_apart(void **state)
{
	cleanup_secret struct secret credential = { 0 };

	(void)state;
	secret_set_text(&credential, TEXT("open sesame"));
	for (size_t i = 0; i < countof(rows); i++) {
		struct script *s = &rows[i].script;
		struct peer peer;
		struct owner o;

		if (strstr(rows[i].name, "another host"))
			s->ctx = other_ctx;
		peer_open(&peer, by_script, s);
		open_owner(&o, &credential);
		o.probe.port = peer.port;
		o.probe.protocol = rows[i].is_imap ? MAIL_PROBE_IMAP : MAIL_PROBE_SMTP;
		o.probe.is_starttls = rows[i].is_starttls;
		o.probe.is_token = rows[i].is_token;
		assert_int_equal(mail_probe_start(o.client, &o.probe, on_done), 0);
		loop_run(&o.loop);
		loop_clear(&o.loop);
		peer_close(&peer);
		if (o.probe.outcome.blame != rows[i].blame ||
		    strcmp(o.probe.outcome.what, rows[i].what) != 0 ||
		    (rows[i].said && !strstr(o.probe.outcome.said, rows[i].said)) ||
		    (rows[i].heard && !strstr(s->heard, rows[i].heard)))
			fail_msg("%s: %s: %s (%s)", rows[i].name, o.probe.outcome.what,
				 o.probe.outcome.said, s->heard);
		/* No mail, and in clear no credential. */
		assert_null(strstr(s->heard, "MAIL"));
		if (rows[i].blame == BLAME_LACKS)
			assert_null(strstr(s->heard, "AUTH"));
	}
}

static void hold(struct peer *p, int fd)
{
	(void)fd;
	peer_hold(p);
}

/* A server that says nothing costs its time, and what cannot be said is refused at once. */
static void time_and_form(void **state)
{
	cleanup_secret struct secret credential = { 0 }, odd = { 0 };
	const struct netaddr_policy strict = { 0 };
	struct peer peer;
	struct owner o;
	uint64_t began_ms;

	(void)state;
	secret_set_text(&credential, TEXT("open sesame"));
	secret_set_text(&odd, TEXT("two\r\nlines"));
	peer_open(&peer, hold, NULL);
	open_owner(&o, &credential);
	o.probe.port = peer.port;
	o.probe.timeout_ms = 300;
	o.probe.host = "no host";
	assert_int_equal(mail_probe_start(o.client, &o.probe, on_done), -EINVAL);
	o.probe.host = "127.0.0.1";
	o.probe.credential = &odd;
	assert_int_equal(mail_probe_start(o.client, &o.probe, on_done), -EINVAL);
	o.probe.credential = &credential;
	began_ms = clock_mono_ms();
	assert_int_equal(mail_probe_start(o.client, &o.probe, on_done), 0);
	loop_run(&o.loop);
	loop_clear(&o.loop);
	assert_int_equal(o.probe.outcome.blame, BLAME_NET);
	assert_string_equal(o.probe.outcome.what, "timeout");
	assert_true(clock_mono_ms() - began_ms < 20000);

	/* Not into our own network, and not after it was given up. */
	open_owner(&o, &credential);
	http_client_drop(o.client);
	assert_int_equal(http_client_open(&o.loop, certs.ca_file, &strict, &o.client), 0);
	o.probe.port = peer.port;
	assert_int_equal(mail_probe_start(o.client, &o.probe, on_done), 0);
	mail_probe_cancel(&o.probe);
	mail_probe_cancel(&o.probe);
	assert_int_equal(mail_probe_start(o.client, &o.probe, on_done), 0);
	loop_run(&o.loop);
	loop_clear(&o.loop);
	assert_int_equal(o.probe.outcome.blame, BLAME_REFUSED);
	peer_close(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_server_is_told_apart),
		cmocka_unit_test(time_and_form),
	};
	int r;

	certs_init(&certs);
	server_ctx = certs_server(&certs, "IP:127.0.0.1", -3600, 86400);
	other_ctx = certs_server(&certs, "DNS:elsewhere.test", -3600, 86400);
	assert_int_equal(netaddr_policy_parse(&loopback, TEXT("127.0.0.0/8")), 0);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	SSL_CTX_free(server_ctx);
	SSL_CTX_free(other_ctx);
	certs_clear(&certs);
	return r;
}
