#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "base/seal.h"
#include "oauth/reach.h"
#include "oauth/reach_job.h"
#include "tests/base/certs.h"
#include "tests/base/peer.h"
#include "tests/db/pgtest.h"
#include "tests/oauth/tokenbench.h"

/* ---- what a try means ---- */

static const struct {
	enum blame blame;
	const char *what, *said, *state, *reason;
} rows[] = {
	{ BLAME_NONE, "ok", "", "ok", "" },
	{ BLAME_AUTH, "login refused",
	  "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", "refused",
	  "basic_auth_ended" },
	{ BLAME_AUTH, "login refused",
	  "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
	  "Tenant.",
	  "refused", "smtp_off" },
	{ BLAME_AUTH, "login refused", "534 5.7.9 Application-specific password required.",
	  "refused", "second_factor" },
	{ BLAME_AUTH, "login refused",
	  "535 5.7.0 NEOBHODIM parol prilozheniya / Application password is REQUIRED", "refused",
	  "second_factor" },
	{ BLAME_AUTH, "login refused",
	  "535 Login Fail. Please enter your authorization code to login.", "refused",
	  "second_factor" },
	{ BLAME_AUTH, "login refused", "534 5.7.14 Please log in via your web browser", "refused",
	  "less_secure_blocked" },
	{ BLAME_AUTH, "login refused", "535 5.7.8 Username and Password not accepted.", "refused",
	  "login_refused" },
	{ BLAME_LACKS, "starttls", "", "refused", "no_starttls" },
	{ BLAME_LACKS, "login", "", "refused", "no_login_offered" },
	{ BLAME_NET, "name lookup", "", "unreachable", "name_lookup" },
	{ BLAME_NET, "timeout", "", "unreachable", "network" },
	{ BLAME_PEER, "tls certificate", "", "unreachable", "certificate" },
	{ BLAME_PEER, "tls handshake", "", "unreachable", "tls" },
	{ BLAME_PEER, "mail protocol", "", "unreachable", "server" },
	{ BLAME_REFUSED, "address not allowed", "", "unreachable", "host_refused" },
	{ BLAME_US, "mail probe", "", "not_checked", "our_resources" },
};

static void a_try_has_a_state_and_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct outcome o =
			outcome_of(rows[i].blame, rows[i].what, text_of(rows[i].said));

		if (strcmp(reach_state(&o), rows[i].state) != 0 ||
		    strcmp(reach_reason(&o), rows[i].reason) != 0)
			fail_msg("%s %s: %s %s", rows[i].what, rows[i].said, reach_state(&o),
				 reach_reason(&o));
	}
}

/* ---- another port ---- */

static SSL_CTX *server_ctx;

/* IMAP with STARTTLS, line by line. */
static void starttls(struct peer *p, int fd)
{
	char line[256];
	size_t n = 0;
	SSL *ssl;

	(void)p;
	peer_say(fd, "* OK hello\r\n");
	while (n < sizeof(line) - 1 && read(fd, line + n, 1) == 1) {
		char answer[300];

		line[++n] = '\0';
		if (line[n - 1] != '\n')
			continue;
		snprintf(answer, sizeof(answer), "%s%.4s OK done\r\n",
			 strstr(line, "CAPABILITY") ? "* CAPABILITY IMAP4rev1 STARTTLS\r\n" : "",
			 line);
		peer_say(fd, answer);
		n = 0;
		if (strstr(line, "STARTTLS"))
			break;
	}
	ssl = SSL_new(server_ctx);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		char said[64];

		(void)SSL_read(ssl, line, sizeof(line));
		snprintf(said, sizeof(said), "* CAPABILITY IMAP4rev1\r\n%.4s OK done\r\n", line);
		SSL_write(ssl, said, (int)strlen(said));
		(void)SSL_read(ssl, line, sizeof(line));
	}
	SSL_free(ssl);
}

static void put_link(struct tokenbench *b, const char *id, int port, const char *security)
{
	struct seal_bind bind = { TEXT("connect"), text_of(b->workspace), text_of(id) };
	cleanup_secret struct secret s = { 0 };
	cleanup_buf struct buf box, hex;

	buf_init(&box, 4096);
	buf_init(&hex, 8192);
	secret_set_text(&s, TEXT("app pass word"));
	assert_int_equal(seal_close_to(b->public_key, &bind, &s, &box), 0);
	text_add_hex(&hex, box.data, box.len);
	pgtest_exec(b->admin,
		    "insert into replyd.connect_link (workspace_id, connect_link_id, token_digest,"
		    "  provider, expected_address, state, expires_at, sealed_code, imap_host,"
		    "  imap_port, imap_security)"
		    " values ('%s', '%s', sha256('%s'), 'generic', 'u%d@own.test', 'exchanging',"
		    "  now() + interval '10 min', '\\x%s', '127.0.0.1', %d, '%s');"
		    "notify replyd_connect",
		    b->workspace, id, id, port, (char *)hex.data, port, security);
}

#define SHUT "60000000-0000-4000-8000-000000000001"
#define OPEN "60000000-0000-4000-8000-000000000002"
#define OFFERS(b, id)                                                                              \
	pgtest_value((b)->admin,                                                                   \
		     "select coalesce(offers::text, 'nothing') from replyd.connect_link where"     \
		     " connect_link_id = '%s'",                                                    \
		     id)
#define TRIED(b)                                                                                   \
	pgtest_value((b)->admin, "select count(*)::text || ' ' || min(state || ' ' || reason)"     \
				 " from replyd.inbox_smtp")

static void where_nobody_answers_the_other_port_is_offered(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	struct certs certs;
	struct peer peer;
	uint16_t shut;

	(void)state;
	certs_init(&certs);
	server_ctx = certs_server(&certs, "IP:127.0.0.1", -3600, 86400);
	close(peer_listen(&shut));
	peer_open(&peer, starttls, NULL);
	tokenbench_open(&b, "reach_offer");
	http_client_drop(b.http);
	assert_int_equal(http_client_open(&b.loop, certs.ca_file, &b.policy, &b.http), 0);
	tokenbench_broker_open(&b, &br, (struct broker_params){ .starttls_port = peer.port });
	put_link(&b, SHUT, shut, "tls");
	TOKENBENCH_UNTIL(&b, strncmp(TRIED(&b), "1 ", 2) == 0);
	assert_string_equal(TRIED(&b), "1 not_checked smtp_unknown");
	{
		char want[64];

		snprintf(want, sizeof(want), "{\"port\": %u, \"security\": \"starttls\"}",
			 peer.port);
		assert_string_equal(OFFERS(&b, SHUT), want);
	}
	/* Who has STARTTLS is offered nothing else. */
	put_link(&b, OPEN, peer.port, "starttls");
	TOKENBENCH_UNTIL(&b, strncmp(TRIED(&b), "2 ", 2) == 0);
	assert_string_equal(OFFERS(&b, OPEN), "nothing");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
	peer_close(&peer);
	SSL_CTX_free(server_ctx);
	certs_clear(&certs);
}

/* ---- what comes between ---- */

static bool smtp_at(void *owner, const char *provider, struct broker_server *ret)
{
	(void)provider;
	*ret = (struct broker_server){ .host = "127.0.0.1", .port = *(uint16_t *)owner };
	return true;
}

/* A server that says nothing holds a job for as long as it may last. */
static void beyond_so_many_nothing_is_tried(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	uint16_t port;
	int fd = peer_listen(&port);

	(void)state;
	tokenbench_open(&b, "reach_busy");
	tokenbench_broker_open(&b, &br,
			       (struct broker_params){ .smtp_of = smtp_at, .smtp_owner = &port });
	for (int i = 0; i <= REACH_JOB_MOST; i++) {
		char id[37];

		rand_uuid(id);
		put_link(&b, id, 993 + i, "tls"); /* an inbox each */
	}
	TOKENBENCH_UNTIL(&b, strncmp(TRIED(&b), "1 ", 2) == 0);
	assert_string_equal(TRIED(&b), "1 not_checked busy");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
	close(fd);
}

static void a_restart_of_postgresql_is_outlived(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;

	(void)state;
	tokenbench_open(&b, "reach_restart");
	tokenbench_cut_writes(&b, "inbox_smtp", "true", 6);
	tokenbench_broker_open(&b, &br, (struct broker_params){ 0 });
	put_link(&b, OPEN, 143, "starttls");
	TOKENBENCH_UNTIL(&b, strncmp(TRIED(&b), "1 ", 2) == 0);
	assert_string_equal(TRIED(&b), "1 not_checked smtp_unknown");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_try_has_a_state_and_a_reason),
		cmocka_unit_test(where_nobody_answers_the_other_port_is_offered),
		cmocka_unit_test(beyond_so_many_nothing_is_tried),
		cmocka_unit_test(a_restart_of_postgresql_is_outlived),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
