#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/seal.h"
#include "tests/db/pgtest.h"
#include "tests/oauth/tokenbench.h"

#define UNTIL TOKENBENCH_UNTIL

#define LINK(b, what, id)                                                                          \
	pgtest_value((b)->admin,                                                                   \
		     "select " what " from replyd.connect_link where connect_link_id = '%s'", id)

static const struct broker_params plain = { 0 };

static void a_code_becomes_an_inbox(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *link;
	char inbox[37];

	(void)state;
	tokenbench_open(&b, "connect_plain");
	b.scope = "openid email mail";
	tokenbench_broker_open(&b, &br, plain);
	link = tokenbench_link(&b, "anna", "ANNA@acme.test");
	UNTIL(&b, broker_stats(br.broker).connected == 1);
	snprintf(inbox, sizeof(inbox), "%s", LINK(&b, "inbox_id", link));
	/* Whether it can be reached is for a worker to say. */
	assert_string_equal(LINK(&b, "state || problem", link), "checking");
	assert_string_equal(LINK(&b, "sealed_code is null and sealed_verifier is null", link), "t");
	assert_string_equal(
		pgtest_value(b.admin,
			     "select address || ' ' || provider || ' ' || imap_host || ' ' ||"
			     " imap_port || ' ' || imap_security || ' ' || login_name || ' ' ||"
			     " admin_state from replyd.inbox where inbox_id = '%s'",
			     inbox),
		"anna@acme.test acme imap.acme.test 993 tls anna@acme.test enabled");
	assert_string_equal(pgtest_value(b.admin, "select state from replyd.inbox_state"), "new");
	assert_string_equal(pgtest_value(b.admin, "select epoch from replyd.lease"), "0");
	assert_string_equal(pgtest_value(b.admin, "select kind || ' ' || scopes || ' ' || version"
						  " from replyd.inbox_grant"),
			    "oauth openid email mail 1");
	assert_string_equal(tokenbench_grant_of(&b, inbox), "rt.anna.1");
	assert_string_equal(tokenbench_access_of(&b, inbox), "at.anna.1");
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.event"), "0");

	/* The next refresh works with what was saved. */
	tokenbench_ask(&b, inbox, 1);
	UNTIL(&b, broker_stats(br.broker).refreshed == 1);
	assert_string_equal(tokenbench_access_of(&b, inbox), "at.anna.2");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void let_go(struct tokenbench *b)
{
	pgtest_exec(b->admin,
		    "update replyd.inbox set admin_state = 'removed';"
		    "update replyd.inbox_state set state = 'unwatched', reason = 'removed';"
		    "insert into replyd.removal (workspace_id, inbox_id, due_at)"
		    " select workspace_id, inbox_id, now() + interval '1 hour' from replyd.inbox");
}

#define IS_BACK                                                                                    \
	"select i.admin_state || ' ' || s.state || ' ' || l.watched || ' '"                        \
	" || (select count(*) from replyd.removal) from replyd.inbox i"                            \
	" join replyd.inbox_state s using (inbox_id) join replyd.lease l using (inbox_id)"

static void a_reconnect_finds_its_inbox_again(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox, *link;

	(void)state;
	tokenbench_open(&b, "connect_again");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	pgtest_exec(b.admin, "update replyd.inbox_grant set state = 'reauth_required', version = 7,"
			     "  reason = 'invalid_grant', failures = 3;"
			     "update replyd.inbox_state set state = 'reauth_required', reason = "
			     "'invalid_grant'");
	tokenbench_broker_open(&b, &br, plain);
	link = tokenbench_link(&b, "anna", "anna@acme.test");
	UNTIL(&b, broker_stats(br.broker).connected == 1);
	assert_string_equal(LINK(&b, "inbox_id", link), inbox);
	assert_string_equal(pgtest_value(b.admin, "select state || reason || version || failures"
						  " from replyd.inbox_grant"),
			    "ok80");
	assert_string_equal(pgtest_value(b.admin, "select state || reason from replyd.inbox_state"),
			    "new");
	assert_string_equal(pgtest_value(b.admin, "select version from replyd.access_token"), "8");
	assert_string_equal(tokenbench_grant_of(&b, inbox), "rt.anna.1");

	assert_string_equal(LINK(&b, "state", link), "checking");

	/* A living worker's state is its own, and the link need not wait for it. */
	pgtest_exec(b.admin, "update replyd.inbox_state set state = 'live';"
			     "alter table replyd.lease disable trigger lease_stamped;"
			     "update replyd.lease set changed_xid = '1';"
			     "alter table replyd.lease enable trigger lease_stamped");
	b.users[0].code_used = 0;
	link = tokenbench_link(&b, "anna", NULL);
	UNTIL(&b, broker_stats(br.broker).connected == 2);
	/* But that worker looks at it again. */
	assert_string_equal(pgtest_value(b.admin, "select changed_xid > '1' from replyd.lease"),
			    "t");
	assert_string_equal(pgtest_value(b.admin, "select state from replyd.inbox_state"), "live");
	assert_string_equal(LINK(&b, "state", link), "connected");
	assert_string_equal(pgtest_value(b.admin,
					 "select count(*) from replyd.event where type ="
					 " 'inbox.connected' and inbox_id = '%s'"
					 " and data->>'connect_link_id' = '%s'",
					 inbox, link),
			    "1");

	/* One that was let go is back, with all that is known of it; what was still to be revoked
	 * of its earlier consent is forgotten: by a page, and by a code typed in elsewhere. */
	let_go(&b);
	b.users[0].code_used = 0;
	link = tokenbench_link(&b, "anna", NULL);
	UNTIL(&b, broker_stats(br.broker).connected == 3);
	assert_string_equal(LINK(&b, "inbox_id", link), inbox);
	assert_string_equal(pgtest_value(b.admin, IS_BACK), "enabled new true 0");
	let_go(&b);
	tokenbench_say(&b, (struct tokenbench_saying){
				   .manner = TOKENBENCH_WORDS,
				   .status = 200,
				   .body = "{\"token_type\":\"Bearer\",\"access_token\":"
					   "\"at.anna.9\",\"refresh_token\":\"rt.anna.9\","
					   "\"expires_in\":3600}" });
	link = tokenbench_device(&b, "anna");
	UNTIL(&b, *LINK(&b, "problem", link) || broker_stats(br.broker).connected == 4);
	assert_string_equal(LINK(&b, "state || problem", link), "checking");
	assert_string_equal(LINK(&b, "inbox_id", link), inbox);
	assert_string_equal(pgtest_value(b.admin, IS_BACK), "enabled new true 0");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

/* What goes wrong, and what the person is told. */
static const struct {
	const char *name;
	const char *expected; /* address of the link */
	struct tokenbench_saying say;
	const char *scope, *email, *issuer;
	int userinfo_status;
	bool without_refresh, with_id_token;
	const char *want; /* problem; "" connected */
} rows[] = {
	{ .name = "as it should be", .want = "" },
	{ .name = "the id_token names the account",
	  .with_id_token = true,
	  .userinfo_status = 500,
	  .want = "" },
	{ .name = "another account", .expected = "bert@acme.test", .want = "wrong_account" },
	{ .name = "another account by id_token",
	  .expected = "bert@acme.test",
	  .with_id_token = true,
	  .want = "wrong_account" },
	{ .name = "the id_token is another issuer's",
	  .with_id_token = true,
	  .issuer = "https://evil.test",
	  .want = "issuer_mismatch" },
	{ .name = "mail was unticked", .scope = "openid email", .want = "missing_scope" },
	{ .name = "an hour only", .without_refresh = true, .want = "no_lasting_access" },
	{ .name = "no address", .email = "nobody", .want = "address_unknown" },
	{ .name = "no address, but one was expected",
	  .email = "nobody",
	  .expected = "anna@acme.test",
	  .want = "" },
	{ .name = "userinfo is down", .userinfo_status = 503, .want = "provider_down" },
	{ .name = "userinfo refuses", .userinfo_status = 403, .want = "answer_unusable" },
	{ .name = "the code is refused",
	  .say = { TOKENBENCH_WORDS, 400, "{\"error\":\"invalid_grant\"}", NULL },
	  .want = "code_refused" },
	{ .name = "our client is refused",
	  .say = { TOKENBENCH_WORDS, 401, "{\"error\":\"invalid_client\"}", NULL },
	  .want = "our_client_refused" },
	{ .name = "consent was taken back",
	  .say = { TOKENBENCH_WORDS, 400, "{\"error\":\"access_denied\"}", NULL },
	  .want = "consent_declined" },
	{ .name = "an administrator must agree",
	  .say = { TOKENBENCH_WORDS, 400, "{\"error\":\"invalid_grant\",\"error_codes\":[90094]}",
		   NULL },
	  .want = "admin_consent_required" },
	{ .name = "busy for long",
	  .say = { TOKENBENCH_WORDS, 429, "{}", "60" },
	  .want = "provider_down" },
	{ .name = "busy for a moment", .say = { TOKENBENCH_WORDS, 503, "", NULL }, .want = "" },
};

static void every_failure_has_its_words(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;

	(void)state;
	tokenbench_open(&b, "connect_words");
	tokenbench_broker_open(&b, &br, plain);
	for (size_t i = 0; i < countof(rows); i++) {
		uint64_t before =
			broker_stats(br.broker).connected + broker_stats(br.broker).failed;
		const char *link;

		if (rows[i].say.manner != TOKENBENCH_RIGHT)
			tokenbench_say(&b, rows[i].say);
		b.scope = rows[i].scope;
		b.email = rows[i].email;
		b.issuer = rows[i].issuer;
		b.userinfo_status = rows[i].userinfo_status;
		b.without_refresh = rows[i].without_refresh;
		b.with_id_token = rows[i].with_id_token;
		b.n_users = 0;
		memset(b.users, 0, sizeof(b.users));
		link = tokenbench_link(&b, "anna", rows[i].expected);
		UNTIL(&b,
		      broker_stats(br.broker).connected + broker_stats(br.broker).failed > before);
		if (strcmp(LINK(&b, "problem", link), rows[i].want) != 0)
			fail_msg("%s: %s", rows[i].name,
				 LINK(&b, "problem || ': ' || problem_detail", link));
		assert_string_equal(LINK(&b, "state", link), *rows[i].want ? "failed" : "checking");
		assert_string_equal(
			LINK(&b, "sealed_code is null and sealed_verifier is null", link), "t");
		if (*rows[i].want)
			assert_true(strlen(LINK(&b, "problem_detail", link)) > 5);
	}
	/* What failed left nothing; what worked worked on one and the same inbox. */
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.inbox"), "1");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void a_code_is_used_by_one_broker(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker one, two;

	(void)state;
	tokenbench_open(&b, "connect_two");
	tokenbench_broker_open(&b, &one, (struct broker_params){ .look_ms = 5 });
	tokenbench_broker_open(&b, &two, (struct broker_params){ .look_ms = 5 });
	UNTIL(&b, pg_is_up(one.pg) && pg_is_up(two.pg));
	for (int i = 0; i < 10; i++) {
		char user[16];

		snprintf(user, sizeof(user), "u%d", i);
		(void)tokenbench_link(&b, user, NULL);
	}
	UNTIL(&b, broker_stats(one.broker).connected + broker_stats(two.broker).connected == 10);
	assert_int_equal(b.asked, 10);
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.inbox"), "10");
	tokenbench_broker_kill(&one);
	tokenbench_broker_kill(&two);
	tokenbench_close(&b);
}

static void two_links_of_one_address_make_one_inbox(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;

	(void)state;
	tokenbench_open(&b, "connect_same");
	tokenbench_broker_open(&b, &br, plain);
	UNTIL(&b, pg_is_up(br.pg));
	b.email = "Team@acme.test";
	for (int i = 0; i < 6; i++) {
		char user[16];

		snprintf(user, sizeof(user), "u%d", i);
		(void)tokenbench_link(&b, user, NULL);
	}
	UNTIL(&b, broker_stats(br.broker).connected == 6);
	assert_string_equal(pgtest_value(b.admin, "select count(*) || ' ' || min(address) from"
						  " replyd.inbox"),
			    "1 team@acme.test");
	assert_string_equal(pgtest_value(b.admin, "select g.version = 6 and t.version = 6 from"
						  " replyd.inbox_grant g join replyd.access_token t"
						  " using (inbox_id)"),
			    "t");
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.connect_link where"
						  " state = 'checking'"),
			    "6");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

/* Killed with the code at the provider: the next broker tries it, it was used, and the person
 * starts again. */
static void a_code_that_died_with_its_broker(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker dead, next;
	const char *link;

	(void)state;
	tokenbench_open(&b, "connect_died");
	tokenbench_broker_open(&b, &dead, plain);
	tokenbench_say(&b, (struct tokenbench_saying){ .manner = TOKENBENCH_HOLD });
	link = tokenbench_link(&b, "anna", NULL);
	UNTIL(&b, b.held);
	tokenbench_broker_kill(&dead);
	tokenbench_release(&b);
	pgtest_exec(b.admin, "update replyd.connect_link set claimed_at = now() - interval '13 s'");
	tokenbench_broker_open(&b, &next, plain);
	UNTIL(&b, broker_stats(next.broker).failed == 1);
	assert_string_equal(LINK(&b, "state || ' ' || problem", link), "failed code_refused");
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.inbox"), "0");
	tokenbench_broker_kill(&next);
	tokenbench_close(&b);
}

/* Somebody else has taken the claim: what we hold is written nowhere. */
static void a_lost_claim_writes_nothing(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *link;

	(void)state;
	tokenbench_open(&b, "connect_lost");
	tokenbench_broker_open(&b, &br, plain);
	tokenbench_say(&b, (struct tokenbench_saying){ .manner = TOKENBENCH_HOLD });
	link = tokenbench_link(&b, "anna", NULL);
	UNTIL(&b, b.held);
	pgtest_exec(b.admin, "update replyd.connect_link set claim_id = gen_random_uuid()");
	tokenbench_release(&b);
	UNTIL(&b, broker_stats(br.broker).lost_races == 1);
	assert_string_equal(LINK(&b, "state", link), "exchanging");
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.inbox"), "0");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

/* A link whose secret is sealed to the broker; `how` is put into the row. */
static const char *password_link(struct tokenbench *b, const char *address, const char *provider,
				 const char *host, const char *bound_to)
{
	static char ids[16][37];
	static size_t n;
	char *id = ids[n++ % countof(ids)];
	struct seal_bind bind = { .purpose = TEXT("connect"), .workspace = text_of(b->workspace) };
	cleanup_secret struct secret s = { 0 };
	cleanup_buf struct buf box, hex;

	rand_uuid(id);
	bind.subject = text_of(bound_to ? bound_to : id);
	buf_init(&box, 4096);
	buf_init(&hex, 8192);
	secret_set_text(&s, TEXT("app pass word"));
	assert_int_equal(seal_close_to(b->public_key, &bind, &s, &box), 0);
	text_add_hex(&hex, box.data, box.len);
	pgtest_exec(b->admin,
		    "insert into replyd.connect_link (workspace_id, connect_link_id, token_digest,"
		    "  provider, expected_address, state, expires_at, sealed_code, imap_host,"
		    "  imap_port, imap_security, login_name)"
		    " values ('%s', '%s', decode(replace('%s', '-', ''), 'hex'), '%s',"
		    "  nullif('%s', ''), 'exchanging', now() + interval '10 min', '\\x%s',"
		    "  nullif('%s', ''), 1143, 'starttls', 'login-7');"
		    "notify replyd_connect",
		    b->workspace, id, id, provider, address, (char *)hex.data, host);
	return id;
}

static void a_password_becomes_an_inbox(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *link, *strange, *nobody, *nowhere;
	char inbox[37];

	(void)state;
	tokenbench_open(&b, "connect_password");
	tokenbench_broker_open(&b, &br, plain);
	link = password_link(&b, "anna@own.test", "imap", "mail.own.test", NULL);
	UNTIL(&b, broker_stats(br.broker).connected == 1);
	snprintf(inbox, sizeof(inbox), "%s", LINK(&b, "inbox_id", link));
	assert_string_equal(
		pgtest_value(b.admin, "select address || ' ' || provider || ' ' || imap_host || ' '"
				      " || imap_port || ' ' || imap_security || ' ' || login_name"
				      " from replyd.inbox"),
		"anna@own.test imap mail.own.test 1143 starttls login-7");
	assert_string_equal(tokenbench_grant_of(&b, inbox), "app pass word");
	assert_string_equal(tokenbench_access_of(&b, inbox), "app pass word");
	assert_string_equal(pgtest_value(b.admin,
					 "select g.kind || t.kind || (t.expires_at is null)"
					 " || (g.refresh_due_at is null) from"
					 " replyd.inbox_grant g, replyd.access_token t"),
			    "passwordpasswordtruetrue");
	assert_int_equal(b.asked, 0);

	strange = password_link(&b, "b@own.test", "imap", "mail.own.test", link);
	nobody = password_link(&b, "", "imap", "mail.own.test", NULL);
	nowhere = password_link(&b, "c@own.test", "imap", "", NULL);
	UNTIL(&b, broker_stats(br.broker).failed == 3);
	/* A box that was closed for another link does not open here. */
	assert_string_equal(LINK(&b, "problem", strange), "internal");
	assert_string_equal(LINK(&b, "problem", nobody), "address_unknown");
	assert_string_equal(LINK(&b, "problem", nowhere), "provider_unknown");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void a_provider_that_is_gone_or_misplaced(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	struct oauth_provider odd[2];
	const struct secret *secrets[2] = { NULL, NULL };
	const char *token, *userinfo, *gone;

	(void)state;
	tokenbench_open(&b, "connect_odd");
	odd[0] = b.provider;
	odd[0].token_url = "nonsense";
	odd[1] = b.provider;
	odd[1].name = "half";
	odd[1].userinfo_url = "nonsense";
	secrets[1] = &b.client_secret;
	tokenbench_broker_open(&b, &br,
			       (struct broker_params){ .providers = odd,
						       .client_secrets = secrets,
						       .n_providers = 2 });
	token = tokenbench_link(&b, "anna", NULL);
	UNTIL(&b, broker_stats(br.broker).failed == 1);
	assert_string_equal(LINK(&b, "problem", token), "our_client_refused");
	/* In one transaction: the broker must not see them before. */
	pgtest_exec(b.admin, "begin");
	userinfo = tokenbench_link(&b, "anna", NULL);
	pgtest_exec(b.admin, "update replyd.connect_link set provider = 'half' where state ="
			     " 'exchanging'; commit");
	UNTIL(&b, broker_stats(br.broker).failed == 2);
	assert_string_equal(LINK(&b, "problem", userinfo), "our_client_refused");
	pgtest_exec(b.admin, "begin");
	gone = tokenbench_link(&b, "anna", NULL);
	pgtest_exec(b.admin, "update replyd.connect_link set provider = 'gone',"
			     " imap_host = 'imap.acme.test' where state = 'exchanging'; commit");
	UNTIL(&b, broker_stats(br.broker).failed == 3);
	assert_string_equal(LINK(&b, "problem", gone), "provider_unknown");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

/* PostgreSQL is away when the tokens are there: the person waits a little longer. */
static void an_outage_delays_a_connection(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *link;

	(void)state;
	tokenbench_open(&b, "connect_outage");
	tokenbench_broker_open(&b, &br, plain);
	tokenbench_say(&b, (struct tokenbench_saying){ .manner = TOKENBENCH_HOLD });
	link = tokenbench_link(&b, "anna", NULL);
	UNTIL(&b, b.held);
	session_close(b.admin);
	pgtest_server_stop();
	tokenbench_release(&b);
	UNTIL(&b, !pg_is_up(br.pg));
	for (uint64_t end = clock_mono_ms() + 200; clock_mono_ms() < end;)
		tokenbench_turn(&b);
	pgtest_server_go();
	b.admin = pgtest_session(b.database, PGTEST_ADMIN);
	b.limit_ms = clock_mono_ms() + 20000;
	UNTIL(&b, broker_stats(br.broker).connected == 1);
	assert_string_equal(LINK(&b, "state", link), "checking");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

/* PostgreSQL refuses it for good: the person is told, and may try again. */
static void what_cannot_be_written_fails_with_words(void **state)
{
	static const struct {
		const char *name, *refused;
	} cases[] = {
		{ "connect_unwritable", "insert on replyd.lease" },
		{ "connect_unreadable", "select on replyd.inbox" },
	};
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *link;

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		tokenbench_open(&b, cases[i].name);
		pgtest_exec(b.admin, "revoke %s from replyd_broker", cases[i].refused);
		tokenbench_broker_open(&b, &br, plain);
		link = tokenbench_link(&b, "anna", NULL);
		UNTIL(&b, broker_stats(br.broker).failed == 1);
		assert_string_equal(LINK(&b, "state || ' ' || problem", link), "failed internal");
		assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.inbox"),
				    "0");
		tokenbench_broker_kill(&br);
		tokenbench_close(&b);
	}
}

/* A code is good once: who has it is done with it before another may think it dead. */
static void a_slow_provider_is_given_up_within_the_claim(void **state)
{
	const struct broker_params quick = { .timeout_ms = 4000, .grace_ms = 1500 };
	struct tokenbench b;
	struct tokenbench_broker one, two;
	const char *link;
	uint64_t end;

	(void)state;
	tokenbench_open(&b, "connect_slow");
	tokenbench_broker_open(&b, &one, quick);
	tokenbench_broker_open(&b, &two, quick);
	UNTIL(&b, pg_is_up(one.pg) && pg_is_up(two.pg));
	b.holds_userinfo = true;
	tokenbench_say(&b, (struct tokenbench_saying){ .manner = TOKENBENCH_HOLD });
	link = tokenbench_link(&b, "anna", NULL);
	UNTIL(&b, b.held);
	for (end = clock_mono_ms() + 3000; clock_mono_ms() < end;)
		tokenbench_turn(&b);
	tokenbench_release(&b);
	UNTIL(&b, strcmp(LINK(&b, "state", link), "failed") == 0);
	assert_string_equal(LINK(&b, "problem", link), "provider_down");
	assert_int_equal(b.asked, 1);
	tokenbench_broker_kill(&one);
	tokenbench_broker_kill(&two);
	tokenbench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_becomes_an_inbox),
		cmocka_unit_test(a_reconnect_finds_its_inbox_again),
		cmocka_unit_test(every_failure_has_its_words),
		cmocka_unit_test(a_code_is_used_by_one_broker),
		cmocka_unit_test(two_links_of_one_address_make_one_inbox),
		cmocka_unit_test(a_code_that_died_with_its_broker),
		cmocka_unit_test(a_lost_claim_writes_nothing),
		cmocka_unit_test(a_password_becomes_an_inbox),
		cmocka_unit_test(a_provider_that_is_gone_or_misplaced),
		cmocka_unit_test(an_outage_delays_a_connection),
		cmocka_unit_test(what_cannot_be_written_fails_with_words),
		cmocka_unit_test(a_slow_provider_is_given_up_within_the_claim),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
