/* An inbox is let go: the provider is asked, and whatever it says, no secret is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "oauth/revoke_job.h"
#include "tests/db/pgtest.h"
#include "tests/oauth/tokenbench.h"

#define UNTIL TOKENBENCH_UNTIL

/* ---- what an answer means ---- */

static void an_answer_is_final_or_not(void **state)
{
	static const struct {
		enum blame blame;
		long status;
		const char *error;
		enum revoke_said said;
		const char *reason;
	} rows[] = {
		{ BLAME_NONE, 200, "", REVOKE_DONE, "" },
		{ BLAME_NONE, 204, "", REVOKE_DONE, "" },
		{ BLAME_NONE, 400, "invalid_token", REVOKE_DONE, "" }, /* Google: it is dead */
		{ BLAME_NONE, 400, "unsupported_token_type", REVOKE_NEVER, "refused" },
		{ BLAME_NONE, 401, "invalid_client", REVOKE_NEVER, "client_refused" },
		{ BLAME_NONE, 429, "", REVOKE_LATER, "provider_down" },
		{ BLAME_NONE, 503, "", REVOKE_LATER, "provider_down" },
		{ BLAME_NET, 0, "", REVOKE_LATER, "provider_down" },
		{ BLAME_PEER, 0, "", REVOKE_LATER, "provider_down" },
		{ BLAME_REFUSED, 0, "", REVOKE_NEVER, "host_refused" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct outcome o = outcome_of(rows[i].blame, "x", TEXT(""));
		const char *reason;

		if (revoke_job_judge(&o, rows[i].status, rows[i].error, &reason) != rows[i].said ||
		    strcmp(reason, rows[i].reason) != 0)
			fail_msg("%ld %s: %s", rows[i].status, rows[i].error, reason);
	}
}

/* ---- a bench with a place that revokes ---- */

struct place {
	struct tokenbench b;
	struct tokenbench_broker br;
	struct http_server *server;
	struct oauth_provider provider;
	const struct secret *secrets[1];
	char url[64], heard[2048], authorization[256];
	int asked, fails, status; /* `fails` answers of `status` before it works */
	bool holds;
	struct http_call *held;
	const char *body;
};

static void on_revoke(void *owner, struct http_call *call)
{
	struct place *p = owner;
	struct text body = http_call_body(call);
	const char *authorization = http_call_header(call, "Authorization");
	bool fails = p->fails > 0;

	p->asked++;
	snprintf(p->heard, sizeof(p->heard), "%.*s", TEXT_ARG(body));
	snprintf(p->authorization, sizeof(p->authorization), "%s",
		 authorization ? authorization : "");
	if (p->holds) {
		p->held = call;
		return;
	}
	if (fails)
		p->fails--;
	http_call_answer(call, fails ? p->status : 200, "application/json",
			 text_of(fails && p->body ? p->body : ""));
}

static void on_refused(void *owner, struct http_call *call, int status, const char *why)
{
	(void)owner;
	http_call_answer(call, status, "text/plain", text_of(why));
}

static void open_broker(struct place *p)
{
	tokenbench_broker_open(&p->b, &p->br,
			       (struct broker_params){ .providers = &p->provider,
						       .client_secrets = p->secrets,
						       .n_providers = 1 });
}

static void open_place(struct place *p, const char *database, bool can_revoke)
{
	const struct http_server_params sp = { .address = "127.0.0.1",
					       .max_body = 4096,
					       .max_connections = 8,
					       .idle_timeout_ms = 5000,
					       .owner = p,
					       .on_request = on_revoke,
					       .on_refused = on_refused };

	memset(p, 0, sizeof(*p));
	tokenbench_open(&p->b, database);
	assert_int_equal(http_server_open(&p->b.loop, &sp, &p->server), 0);
	snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%u/revoke", http_server_port(p->server));
	p->provider = p->b.provider;
	p->provider.revoke_url = can_revoke ? p->url : "";
	p->secrets[0] = &p->b.client_secret;
	open_broker(p);
}

static void close_place(struct place *p)
{
	tokenbench_broker_kill(&p->br);
	http_server_drop(p->server);
	tokenbench_close(&p->b);
}

/* As the API does. */
static void let_go(struct place *p, const char *inbox)
{
	pgtest_exec(p->b.admin,
		    "begin; set local search_path = replyd, pg_temp;"
		    "select set_config('replyd.workspace', '%s', true);"
		    "select inbox_remove('%s'); notify replyd_removal; commit",
		    p->b.workspace, inbox);
}

#define SAID(p) pgtest_value((p)->b.admin, "select state || ' ' || reason from replyd.removal")
#define LEFT(p)                                                                                    \
	pgtest_value((p)->b.admin, "select (select count(*) from replyd.inbox_grant) +"            \
				   " (select count(*) from replyd.access_token) +"                 \
				   " (select count(*) from replyd.token_request)")

static void it_is_revoked_and_deleted(void **state)
{
	static struct place p;
	const char *inbox;

	(void)state;
	open_place(&p, "revoke_plain", true);
	inbox = tokenbench_inbox(&p.b, "anna", "oauth");
	tokenbench_token(&p.b, inbox, "anna", 10, 3000);
	let_go(&p, inbox);
	UNTIL(&p.b, strcmp(SAID(&p), "revoked ") == 0);
	/* RFC 7009 section 2.1, with our client's name as at the token endpoint. */
	assert_string_equal(p.heard, "token=rt.anna.0&token_type_hint=refresh_token");
	assert_int_equal(strncmp(p.authorization, "Basic ", 6), 0);
	assert_string_equal(LEFT(&p), "0");
	assert_string_equal(pgtest_value(p.b.admin, "select admin_state from replyd.inbox"),
			    "removed");
	assert_string_equal(pgtest_value(p.b.admin,
					 "select type || ' ' || (data->'removal'->>'state')"
					 " || ' ' || (data->>'address') from"
					 " replyd.event"),
			    "inbox.removed revoked anna@acme.test");
	assert_string_equal(pgtest_value(p.b.admin, "select words from replyd.timeline"),
			    "disconnected; at the provider: revoked");
	/* Once more changes nothing. */
	let_go(&p, inbox);
	assert_string_equal(SAID(&p), "revoked ");
	assert_int_equal(p.asked, 1);
	close_place(&p);
}

static void what_is_busy_is_asked_again(void **state)
{
	static struct place p;
	const char *inbox;

	(void)state;
	open_place(&p, "revoke_busy", true);
	p.fails = 2;
	p.status = 503;
	inbox = tokenbench_inbox(&p.b, "anna", "oauth");
	let_go(&p, inbox);
	UNTIL(&p.b, strcmp(SAID(&p), "asked provider_down") == 0);
	/* The grant waits, and is refreshed by nobody. */
	assert_string_equal(pgtest_value(p.b.admin,
					 "select state || ' ' || (refresh_due_at is null) from"
					 " replyd.inbox_grant"),
			    "revoked true");
	pgtest_exec(p.b.admin, "update replyd.removal set due_at = now()");
	UNTIL(&p.b, p.asked == 2);
	UNTIL(&p.b, strcmp(pgtest_value(p.b.admin, "select claim_id is null from replyd.removal"),
			   "t") == 0);
	pgtest_exec(p.b.admin, "update replyd.removal set due_at = now()");
	UNTIL(&p.b, strcmp(SAID(&p), "revoked ") == 0);
	assert_string_equal(LEFT(&p), "0");
	close_place(&p);
}

static void what_cannot_be_revoked_is_deleted_all_the_same(void **state)
{
	static const struct {
		const char *name, *kind;
		bool can_revoke;
		int tried, status;
		const char *body, *said;
	} rows[] = {
		{ "revoke_refused", "oauth", true, 0, 400, "{\"error\":\"unsupported_token_type\"}",
		  "failed refused" },
		{ "revoke_late", "oauth", true, REVOKE_JOB_TRIES - 1, 500, "",
		  "failed provider_down" },
		{ "revoke_no_way", "oauth", false, 0, 0, "", "unsupported no_revoke_url" },
		{ "revoke_password", "password", true, 0, 0, "", "nothing password" },
	};
	static struct place p;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *inbox;

		open_place(&p, rows[i].name, rows[i].can_revoke);
		p.fails = rows[i].status ? 100 : 0;
		p.status = rows[i].status;
		p.body = rows[i].body;
		inbox = tokenbench_inbox(&p.b, "anna", rows[i].kind);
		pgtest_exec(p.b.admin, "alter table replyd.removal alter tries set default %d",
			    rows[i].tried);
		let_go(&p, inbox);
		UNTIL(&p.b, strncmp(SAID(&p), "asked", 5) != 0);
		assert_string_equal(SAID(&p), rows[i].said);
		assert_string_equal(LEFT(&p), "0");
		assert_string_equal(pgtest_value(p.b.admin, "select count(*) from replyd.event"),
				    "1");
		close_place(&p);
	}
}

/* A refresh under way may be changing what is to be revoked. */
static void a_refresh_under_way_is_waited_for(void **state)
{
	static struct place p;
	const char *inbox;

	(void)state;
	open_place(&p, "revoke_waits", true);
	inbox = tokenbench_inbox(&p.b, "anna", "oauth");
	tokenbench_say(&p.b, (struct tokenbench_saying){ .manner = TOKENBENCH_HOLD });
	tokenbench_ask(&p.b, inbox, 0);
	UNTIL(&p.b, p.b.held);
	let_go(&p, inbox);
	for (int i = 0; i < 20; i++)
		tokenbench_turn(&p.b);
	assert_int_equal(p.asked, 0);
	tokenbench_release(&p.b);
	UNTIL(&p.b, strcmp(SAID(&p), "revoked ") == 0);
	assert_string_equal(p.heard, "token=rt.anna.1&token_type_hint=refresh_token");
	assert_string_equal(LEFT(&p), "0");
	close_place(&p);
}

/* Two brokers hear of it at once; the first dies before it could write what the provider said. */
static void of_two_brokers_one_asks_and_the_other_inherits(void **state)
{
	static struct place p;
	struct tokenbench_broker other;
	const char *inbox;

	(void)state;
	open_place(&p, "revoke_two", true);
	tokenbench_broker_open(&p.b, &other,
			       (struct broker_params){ .providers = &p.provider,
						       .client_secrets = p.secrets,
						       .n_providers = 1 });
	inbox = tokenbench_inbox(&p.b, "anna", "oauth");
	p.holds = true;
	let_go(&p, inbox);
	UNTIL(&p.b, p.held);
	for (int i = 0; i < 20; i++)
		tokenbench_turn(&p.b);
	assert_int_equal(p.asked, 1);
	assert_string_equal(SAID(&p), "asked ");

	p.holds = false;
	tokenbench_broker_kill(&p.br);
	tokenbench_broker_kill(&other);
	http_call_answer(p.held, 200, "application/json", TEXT(""));
	pgtest_exec(p.b.admin, "update replyd.removal set claimed_at = now() - interval '1 hour'");
	open_broker(&p);
	UNTIL(&p.b, strcmp(SAID(&p), "revoked ") == 0);
	assert_int_equal(p.asked, 2);
	assert_string_equal(LEFT(&p), "0");
	assert_string_equal(pgtest_value(p.b.admin, "select count(*) from replyd.event"), "1");
	close_place(&p);
}

/* Google ends the whole consent with any token of it: the other workspace would be asked again. */
static void a_consent_that_serves_another_is_kept(void **state)
{
	static struct place p;
	const char *inbox;

	(void)state;
	open_place(&p, "revoke_shared", true);
	inbox = tokenbench_inbox(&p.b, "anna", "oauth");
	pgtest_exec(p.b.admin,
		    "with w as (insert into replyd.workspace (workspace_id, name)"
		    "  values (gen_random_uuid(), 'other') returning workspace_id),"
		    " i as (insert into replyd.inbox (workspace_id, inbox_id, address, provider,"
		    "  imap_host, imap_port, imap_security, login_name)"
		    "  select w.workspace_id, gen_random_uuid(), address, provider, imap_host,"
		    "  imap_port, imap_security, login_name from replyd.inbox, w"
		    "  returning workspace_id, inbox_id)"
		    "insert into replyd.inbox_grant (workspace_id, inbox_id, kind, sealed)"
		    " select workspace_id, inbox_id, 'oauth', 'x' from i");
	let_go(&p, inbox);
	UNTIL(&p.b, strcmp(SAID(&p), "kept consent_in_use") == 0);
	assert_int_equal(p.asked, 0);
	assert_string_equal(pgtest_value(p.b.admin,
					 "select count(*) from replyd.inbox_grant where"
					 " inbox_id = '%s'",
					 inbox),
			    "0");
	close_place(&p);
}

/* The provider has revoked it: that is not asked for a second time because PostgreSQL was away. */
static void a_restart_of_postgresql_is_outlived(void **state)
{
	static struct place p;

	(void)state;
	open_place(&p, "revoke_restart", true);
	tokenbench_cut_writes(&p.b, "removal", "new.state = 'revoked'", 6);
	let_go(&p, tokenbench_inbox(&p.b, "anna", "oauth"));
	UNTIL(&p.b, strcmp(SAID(&p), "revoked ") == 0);
	assert_int_equal(p.asked, 1);
	assert_string_equal(LEFT(&p), "0");
	close_place(&p);
}

/* The right to a domain needs no consent of its users: what one of them gave before is revoked all
 * the same. */
static void who_comes_back_by_his_domain_is_revoked_all_the_same(void **state)
{
	static struct place p;
	const char *inbox;

	(void)state;
	open_place(&p, "revoke_domain", true);
	p.fails = 100;
	p.status = 503;
	inbox = tokenbench_inbox(&p.b, "anna", "oauth");
	let_go(&p, inbox);
	UNTIL(&p.b, strcmp(SAID(&p), "asked provider_down") == 0);
	pgtest_exec(
		p.b.admin,
		"insert into replyd.domain_grant (workspace_id, domain_grant_id, provider, kind,"
		"  state) select workspace_id, inbox_id, 'goo', 'delegated', 'ok'"
		"  from replyd.inbox;"
		"insert into replyd.connect_link (workspace_id, connect_link_id, token_digest,"
		"  provider, expected_address, state, expires_at, domain_grant_id, imap_host,"
		"  imap_port, imap_security)"
		" select workspace_id, inbox_id, 'x', 'goo', address, 'exchanging',"
		"  now() + interval '1 hour', inbox_id, imap_host, 993, 'tls' from replyd.inbox;"
		"notify replyd_connect");
	UNTIL(&p.b, strcmp(pgtest_value(p.b.admin, "select state from replyd.connect_link"),
			   "checking") == 0);
	assert_string_equal(SAID(&p), "asked provider_down");
	p.fails = 0;
	pgtest_exec(p.b.admin, "update replyd.removal set due_at = now()");
	UNTIL(&p.b,
	      strcmp(pgtest_value(p.b.admin, "select count(*) from replyd.removal"), "0") == 0);
	assert_string_equal(p.heard, "token=rt.anna.0&token_type_hint=refresh_token");
	assert_string_equal(pgtest_value(p.b.admin,
					 "select i.admin_state || ' ' || g.kind || ' ' || g.state"
					 " || ' ' || (select count(*) from replyd.event)"
					 " from replyd.inbox i join replyd.inbox_grant g"
					 " using (inbox_id)"),
			    "enabled delegated ok 0");
	assert_string_equal(pgtest_value(p.b.admin, "select words from replyd.timeline"),
			    "disconnected; at the provider: revoked");

	/* And it can be let go once more. */
	let_go(&p, inbox);
	UNTIL(&p.b, strcmp(SAID(&p), "nothing domain_grant") == 0);
	assert_string_equal(LEFT(&p), "0");
	close_place(&p);
}

/* Let go again before that: both rights of the inbox end. */
static void who_goes_again_is_revoked_too(void **state)
{
	static struct place p;
	const char *inbox;

	(void)state;
	open_place(&p, "revoke_again", true);
	p.fails = 100;
	p.status = 503;
	inbox = tokenbench_inbox(&p.b, "anna", "oauth");
	let_go(&p, inbox);
	UNTIL(&p.b, strcmp(SAID(&p), "asked provider_down") == 0);
	tokenbench_broker_kill(&p.br);
	pgtest_exec(
		p.b.admin,
		"select replyd.inbox_return(workspace_id, address, by_consent => false)"
		" from replyd.inbox;"
		"insert into replyd.domain_grant (workspace_id, domain_grant_id, provider, kind,"
		"  state) select workspace_id, inbox_id, 'goo', 'delegated', 'ok'"
		"  from replyd.inbox;"
		"update replyd.inbox_grant set kind = 'delegated', domain_grant_id = inbox_id,"
		"  sealed = '', state = 'ok'");
	p.fails = 0;
	let_go(&p, inbox);
	open_broker(&p);
	UNTIL(&p.b, strcmp(SAID(&p), "revoked ") == 0);
	assert_string_equal(p.heard, "token=rt.anna.0&token_type_hint=refresh_token");
	assert_string_equal(LEFT(&p), "0");
	assert_string_equal(pgtest_value(p.b.admin, "select sealed is null from replyd.removal"),
			    "t");
	assert_string_equal(pgtest_value(p.b.admin, "select count(*) from replyd.event"), "1");
	close_place(&p);
}

/* ---- consents that no inbox has ---- */

#define LOOSE(p)                                                                                   \
	pgtest_value((p)->b.admin, "select coalesce(string_agg(reason || ' ' || address, ', '), "  \
				   "'') from replyd.loose_consent")

static void what_a_consent_left_behind_is_revoked(void **state)
{
	static const struct {
		const char *database, *expected, *scope, *email, *issuer;
		bool with_id_token, has_inbox;
		const char *problem, *revoked; /* the token; "": none was */
	} rows[] = {
		{ .database = "loose_good", .problem = "", .revoked = "" },
		{ .database = "loose_wrong",
		  .expected = "bert@acme.test",
		  .problem = "wrong_account",
		  .revoked = "rt.anna.1" },
		{ .database = "loose_scope",
		  .scope = "openid email",
		  .with_id_token = true,
		  .problem = "missing_scope",
		  .revoked = "rt.anna.1" },
		{ .database = "loose_issuer",
		  .issuer = "https://evil.test",
		  .with_id_token = true,
		  .problem = "issuer_mismatch",
		  .revoked = "rt.anna.1" },
		/* The person's consent is one: an inbox that works would end with it. */
		{ .database = "loose_shared",
		  .expected = "bert@acme.test",
		  .has_inbox = true,
		  .problem = "wrong_account",
		  .revoked = "" },
		/* Whose it is nobody knows: it may be that inbox's. */
		{ .database = "loose_unknown",
		  .email = "nobody",
		  .has_inbox = true,
		  .problem = "address_unknown",
		  .revoked = "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		static struct place p;
		char want[64];

		open_place(&p, rows[i].database, true);
		p.b.scope = rows[i].scope;
		p.b.email = rows[i].email;
		p.b.issuer = rows[i].issuer;
		p.b.with_id_token = rows[i].with_id_token;
		if (rows[i].has_inbox)
			tokenbench_token(&p.b, tokenbench_inbox(&p.b, "anna", "oauth"), "anna", 10,
					 3000);
		(void)tokenbench_link(&p.b, "anna", rows[i].expected);
		UNTIL(&p.b,
		      broker_stats(p.br.broker).failed + broker_stats(p.br.broker).connected == 1);
		UNTIL(&p.b, strcmp(LOOSE(&p), "") == 0);
		snprintf(want, sizeof(want),
			 *rows[i].revoked ? "token=%s&token_type_hint=refresh_token" : "%s",
			 rows[i].revoked);
		if (strcmp(p.heard, want) != 0 ||
		    strcmp(pgtest_value(p.b.admin, "select problem from replyd.connect_link"),
			   rows[i].problem) != 0)
			fail_msg("%s: the provider heard \"%s\"", rows[i].database, p.heard);
		close_place(&p);
	}
}

static void it_is_asked_again_while_the_provider_is_busy(void **state)
{
	static struct place p;

	(void)state;
	open_place(&p, "loose_busy", true);
	p.fails = 1;
	p.status = 503;
	(void)tokenbench_link(&p.b, "anna", "bert@acme.test");
	UNTIL(&p.b, p.asked == 1);
	UNTIL(&p.b, strcmp(pgtest_value(p.b.admin, "select due_at > now() and claim_id is null and "
						   "tries = 1 from replyd.loose_consent"),
			   "t") == 0);
	assert_string_equal(LOOSE(&p), "wrong_account anna@acme.test");
	pgtest_exec(p.b.admin, "update replyd.loose_consent set due_at = now()");
	UNTIL(&p.b, strcmp(LOOSE(&p), "") == 0);
	assert_int_equal(p.asked, 2);
	close_place(&p);
}

/* The tokens are there, and nobody has said whose they are: then the broker dies. */
static void a_broker_that_dies_in_between_leaves_no_live_token(void **state)
{
	static struct place p;

	(void)state;
	open_place(&p, "loose_crash", true);
	p.b.holds_userinfo = true;
	(void)tokenbench_link(&p.b, "anna", NULL);
	UNTIL(&p.b, p.b.held != NULL);
	tokenbench_broker_kill(&p.br);
	tokenbench_release(&p.b);
	assert_string_equal(LOOSE(&p), "unsettled ");
	/* Another takes the code, which was used; only then is the token taken to be nobody's. */
	pgtest_exec(p.b.admin, "update replyd.connect_link set claimed_at = now() - interval '1 h';"
			       "update replyd.loose_consent set due_at = now()");
	p.b.holds_userinfo = false;
	open_broker(&p);
	UNTIL(&p.b, strcmp(LOOSE(&p), "") == 0);
	assert_string_equal(p.heard, "token=rt.anna.1&token_type_hint=refresh_token");
	assert_string_equal(pgtest_value(p.b.admin, "select state || ' ' || problem from "
						    "replyd.connect_link"),
			    "failed code_refused");
	close_place(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_final_or_not),
		cmocka_unit_test(it_is_revoked_and_deleted),
		cmocka_unit_test(what_is_busy_is_asked_again),
		cmocka_unit_test(what_cannot_be_revoked_is_deleted_all_the_same),
		cmocka_unit_test(a_refresh_under_way_is_waited_for),
		cmocka_unit_test(of_two_brokers_one_asks_and_the_other_inherits),
		cmocka_unit_test(a_consent_that_serves_another_is_kept),
		cmocka_unit_test(a_restart_of_postgresql_is_outlived),
		cmocka_unit_test(who_comes_back_by_his_domain_is_revoked_all_the_same),
		cmocka_unit_test(who_goes_again_is_revoked_too),
		cmocka_unit_test(what_a_consent_left_behind_is_revoked),
		cmocka_unit_test(it_is_asked_again_while_the_provider_is_busy),
		cmocka_unit_test(a_broker_that_dies_in_between_leaves_no_live_token),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
