#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/rand.h"
#include "tests/db/pgtest.h"
#include "tests/oauth/rsakey.h"
#include "tests/oauth/tokenbench.h"

#define UNTIL TOKENBENCH_UNTIL

/* One value of the domain, or of one inbox by its address. */
#define DOMAIN(b, what)                                                                            \
	pgtest_value((b)->admin,                                                                   \
		     "select " what " from replyd.domain_grant d where domain_grant_id = '%s'",    \
		     grant)
#define OF(b, what, address)                                                                       \
	pgtest_value((b)->admin,                                                                   \
		     "select " what                                                                \
		     " from replyd.inbox i join replyd.inbox_grant g using (inbox_id)"             \
		     " join replyd.inbox_state s using (inbox_id)"                                 \
		     " left join replyd.access_token t using (inbox_id) where i.address = '%s'",   \
		     address)

static char grant[RAND_UUID];
static struct domain_provider providers[2];

/* Brings a secret as the API does: sealed to the broker. */
static void seal_offer(struct tokenbench *b, const char *plain, struct buf *hex)
{
	const struct seal_bind bind = { TEXT("domain"), text_of(b->workspace), text_of(grant) };
	cleanup_secret struct secret s = { 0 };
	cleanup_buf struct buf box;

	buf_init(&box, LIMIT_OAUTH_SEALED);
	buf_init(hex, 2 * LIMIT_OAUTH_SEALED);
	secret_set_text(&s, text_of(plain));
	assert_int_equal(seal_close_to(b->public_key, &bind, &s, &box), 0);
	text_add_hex(hex, box.data, box.len);
}

static void add_domain(struct tokenbench *b, const char *provider, const char *kind,
		       const char *plain)
{
	cleanup_buf struct buf hex;

	rand_uuid(grant);
	seal_offer(b, plain, &hex);
	pgtest_exec(b->admin,
		    "insert into replyd.domain_grant (workspace_id, domain_grant_id, provider, "
		    "kind, tenant,"
		    "  client_id, check_address, sealed_offer) values ('%s', '%s', '%s', '%s', "
		    "'acme.test',"
		    "  'app-1', 'check@acme.test', '\\x%s')",
		    b->workspace, grant, provider, kind, (const char *)hex.data);
}

static void bring_again(struct tokenbench *b, const char *plain)
{
	cleanup_buf struct buf hex;

	seal_offer(b, plain, &hex);
	pgtest_exec(
		b->admin,
		"update replyd.domain_grant set sealed_offer = '\\x%s', offer_no = offer_no + 1",
		(const char *)hex.data);
}

/* What the command line does with addresses; the words of the results. */
static const char *import(struct tokenbench *b, const char *addresses)
{
	static char words[200];
	struct session *s = pgtest_session(b->database, "replyd_admin");

	pgtest_exec(s, "set replyd.workspace = '%s'", b->workspace);
	snprintf(words, sizeof(words), "%s",
		 pgtest_value(
			 s,
			 "select coalesce(string_agg(result, ' ' order by item), '')"
			 " from domain_import('%s', '%s', "
			 "'{\"ms\":{\"host\":\"imap.acme.test\",\"port\":993,"
			 "\"security\":\"tls\"},\"goo\":{\"host\":\"imap.acme.test\",\"port\":993,"
			 "\"security\":\"tls\"}}')",
			 grant, addresses));
	session_close(s);
	return words;
}

static void open_bench(struct tokenbench *b, struct tokenbench_broker *br, const char *name)
{
	tokenbench_open(b, name);
	providers[0] = (struct domain_provider){ "ms", PRESET_DOMAIN_APP_ONLY, b->token_url,
						 "mail/.default", "" };
	providers[1] = (struct domain_provider){ "goo", PRESET_DOMAIN_DELEGATED, b->token_url,
						 "mail", "" };
	tokenbench_broker_open(b, br,
			       (struct broker_params){ .domains = providers, .n_domains = 2 });
}

/* Good until the next call. */
static const char *inbox_of(struct tokenbench *b, const char *address)
{
	static char id[RAND_UUID];

	snprintf(id, sizeof(id), "%s", OF(b, "i.inbox_id", address));
	return id;
}

static void say(struct tokenbench *b, int status, const char *body)
{
	tokenbench_say(b, (struct tokenbench_saying){
				  .manner = TOKENBENCH_WORDS, .status = status, .body = body });
}

static bool is(const char *value, const char *want)
{
	return strcmp(value, want) == 0;
}

#define TOKEN(name) "{\"token_type\":\"Bearer\",\"access_token\":\"" name "\",\"expires_in\":3600}"
#define EXPIRED                                                                                    \
	"{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000222: The provided "       \
	"client "                                                                                  \
	"secret keys are expired: hush-hush-1\",\"error_codes\":[7000222]}"

static void one_token_serves_a_tenant(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;

	(void)state;
	open_bench(&b, &br, "domain_app");
	say(&b, 200, TOKEN("at.tenant.1"));
	add_domain(&b, "ms", "app_only", "hush-hush-1");
	UNTIL(&b, is(DOMAIN(&b, "state"), "ok"));
	assert_string_equal(b.asked_body, "grant_type=client_credentials&scope=mail%2F.default");
	assert_string_equal(b.asked_auth, "Basic YXBwLTE6aHVzaC1odXNoLTE="); /* app-1:hush-hush-1 */
	assert_string_equal(
		DOMAIN(&b, "version || ' ' || token_version || ' ' || (sealed_offer is null)"),
		"1 1 true");

	assert_string_equal(import(&b, "[\"a@acme.test\",\"b@acme.test\",\"a@acme.test\"]"),
			    "accepted accepted repeated");
	UNTIL(&b, is(OF(&b, "t.version > 1", "a@acme.test"), "t") &&
			  is(OF(&b, "t.version > 1", "b@acme.test"), "t"));
	assert_int_equal(b.asked, 1);
	assert_string_equal(
		OF(&b, "t.kind || ' ' || g.kind || ' ' || g.domain_version", "a@acme.test"),
		"oauth app_only 1");
	assert_string_equal(
		OF(&b, "t.expires_at - now() between '59 min' and '60 min'", "b@acme.test"), "t");
	assert_string_equal(tokenbench_access_of(&b, inbox_of(&b, "a@acme.test")), "at.tenant.1");
	assert_string_equal(
		pgtest_value(b.admin,
			     "select string_agg(distinct state, '') from replyd.connect_link"),
		"checking");
	assert_string_equal(import(&b, "[\"a@acme.test\"]"), "repeated");

	/* It is renewed for all of them at once, and each gets a copy. */
	say(&b, 200, TOKEN("at.tenant.2"));
	pgtest_exec(b.admin, "update replyd.domain_grant set token_due_at = now();"
			     "update replyd.inbox_grant set refresh_due_at = now()");
	UNTIL(&b, is(OF(&b, "g.domain_version", "a@acme.test"), "2") &&
			  is(OF(&b, "g.domain_version", "b@acme.test"), "2"));
	assert_int_equal(b.asked, 2);
	assert_string_equal(tokenbench_access_of(&b, inbox_of(&b, "b@acme.test")), "at.tenant.2");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

/* The tenant's token is fresh and good; one mailbox refuses it: that mailbox is told, nobody is
 * asked. */
static void a_mailbox_that_refuses_is_alone(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;

	(void)state;
	open_bench(&b, &br, "domain_alone");
	say(&b, 200, TOKEN("at.tenant.1"));
	add_domain(&b, "ms", "app_only", "hush");
	import(&b, "[\"a@acme.test\"]");
	UNTIL(&b, is(OF(&b, "t.version", "a@acme.test"), "2"));
	inbox = inbox_of(&b, "a@acme.test");
	tokenbench_ask(&b, inbox, 2);
	UNTIL(&b, is(pgtest_value(b.admin, "select count(*) from replyd.token_request"), "0"));
	assert_int_equal(b.asked, 1);
	assert_string_equal(OF(&b, "t.version || g.state", "a@acme.test"), "2ok");

	/* Minutes later the token may be the reason: one new one, for all. */
	say(&b, 200, TOKEN("at.tenant.2"));
	pgtest_exec(b.admin, "update replyd.domain_grant set token_at = now() - interval '3 min'");
	tokenbench_ask(&b, inbox, 2);
	UNTIL(&b, is(OF(&b, "t.version", "a@acme.test"), "3"));
	assert_int_equal(b.asked, 2);
	assert_string_equal(OF(&b, "g.reason", "a@acme.test"), "refused_by_server");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void a_secret_that_expired_is_one_incident(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;

	(void)state;
	open_bench(&b, &br, "domain_expired");
	say(&b, 200, TOKEN("at.tenant.1"));
	add_domain(&b, "ms", "app_only", "hush-hush-1");
	import(&b, "[\"a@acme.test\",\"b@acme.test\"]");
	UNTIL(&b, is(OF(&b, "t.version", "a@acme.test"), "2") &&
			  is(OF(&b, "t.version", "b@acme.test"), "2"));
	say(&b, 401, EXPIRED);
	pgtest_exec(b.admin, "update replyd.domain_grant set token_due_at = now()");
	UNTIL(&b, is(DOMAIN(&b, "state"), "reauth_required"));
	assert_string_equal(DOMAIN(&b, "reason"), "client_secret_expired");
	assert_string_equal(DOMAIN(&b, "evidence like '%%hush%%'"), "f");
	assert_string_equal(OF(&b,
			       "g.state || ' ' || g.reason || ' ' || s.state || ' ' || s.reason",
			       "b@acme.test"),
			    "reauth_required domain_grant reauth_required domain_grant");
	assert_string_equal(pgtest_value(b.admin, "select string_agg(type || ' ' || (data ->> "
						  "'reason') || ' ' || (data ->> 'inboxes'), ',')"
						  " from replyd.event"),
			    "domain.reauth_required client_secret_expired 2");

	/* A wrong secret changes nothing, but says so. */
	say(&b, 401, "{\"error\":\"invalid_client\",\"error_codes\":[7000215]}");
	bring_again(&b, "hush-hush-2");
	UNTIL(&b, is(DOMAIN(&b, "problem"), "client_secret_wrong"));
	assert_string_equal(DOMAIN(&b, "state || ' ' || (sealed_offer is null)"),
			    "reauth_required true");

	/* The right one brings all of them back. */
	say(&b, 200, TOKEN("at.tenant.2"));
	bring_again(&b, "hush-hush-3");
	UNTIL(&b, is(OF(&b, "g.domain_version", "a@acme.test"), "2") &&
			  is(OF(&b, "g.domain_version", "b@acme.test"), "2"));
	assert_string_equal(DOMAIN(&b, "state || problem || reason"), "ok");
	assert_string_equal(OF(&b, "g.state || ' ' || s.state", "b@acme.test"), "ok new");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void a_wrong_secret_is_never_taken_over(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;

	(void)state;
	open_bench(&b, &br, "domain_wrong");
	say(&b, 401, "{\"error\":\"invalid_client\",\"error_codes\":[7000215]}");
	add_domain(&b, "ms", "app_only", "hush");
	import(&b, "[\"a@acme.test\"]");
	UNTIL(&b, is(DOMAIN(&b, "state"), "failed"));
	assert_string_equal(
		DOMAIN(&b, "problem || ' ' || (sealed is null) || (sealed_offer is null)"),
		"client_secret_wrong truetrue");
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.inbox"), "0");
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.event"), "0");

	/* One that a provider in trouble could not try is tried again. */
	say(&b, 503, "{}");
	say(&b, 200, TOKEN("at.tenant.1"));
	bring_again(&b, "hush 2");
	UNTIL(&b, is(DOMAIN(&b, "failures"), "1"));
	pgtest_exec(b.admin, "update replyd.domain_grant set next_try_at = now()");
	UNTIL(&b, is(DOMAIN(&b, "state"), "ok"));
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void a_service_account_signs_for_each_mailbox(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	struct rsakey k;
	char claims[1024];

	(void)state;
	rsakey_make(&k, "RSA", 2048);
	open_bench(&b, &br, "domain_google");
	say(&b, 200, TOKEN("at.check"));
	add_domain(&b, "goo", "delegated", rsakey_account(&k, b.token_url));
	UNTIL(&b, is(DOMAIN(&b, "state"), "ok"));
	assert_true(rsakey_signed(&k, text_of(strstr(b.asked_body, "assertion=") + 10), claims,
				  sizeof(claims)));
	assert_non_null(strstr(claims, "\"sub\":\"check@acme.test\""));
	assert_string_equal(DOMAIN(&b, "token_sealed is null"), "t");

	say(&b, 200, TOKEN("at.a"));
	import(&b, "[\"a@acme.test\"]");
	UNTIL(&b, is(OF(&b, "t.version", "a@acme.test"), "2"));
	assert_true(rsakey_signed(&k, text_of(strstr(b.asked_body, "assertion=") + 10), claims,
				  sizeof(claims)));
	assert_non_null(strstr(claims, "\"sub\":\"a@acme.test\""));
	assert_string_equal(tokenbench_access_of(&b, inbox_of(&b, "a@acme.test")), "at.a");

	/* Who is not there is told alone ... */
	say(&b, 400,
	    "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid email or User ID\"}");
	import(&b, "[\"gone@acme.test\"]");
	UNTIL(&b, is(OF(&b, "g.state", "gone@acme.test"), "reauth_required"));
	assert_string_equal(OF(&b, "g.reason || ' ' || s.reason", "gone@acme.test"),
			    "account_gone account_gone");
	assert_string_equal(DOMAIN(&b, "state"), "ok");
	assert_string_equal(OF(&b, "g.state", "a@acme.test"), "ok");

	/* ... and a delegation taken back is the domain's. */
	say(&b, 401,
	    "{\"error\":\"unauthorized_client\",\"error_description\":\"Client is unauthorized\"}");
	pgtest_exec(b.admin,
		    "update replyd.inbox_grant set refresh_due_at = now() where state = 'ok'");
	UNTIL(&b, is(DOMAIN(&b, "state"), "reauth_required"));
	assert_string_equal(DOMAIN(&b, "reason"), "delegation_missing");
	assert_string_equal(OF(&b, "g.reason", "a@acme.test"), "domain_grant");
	assert_string_equal(OF(&b, "g.reason", "gone@acme.test"), "account_gone");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
	rsakey_drop(&k);
}

#define TOLD_OF_END                                                                                \
	"select count(*) from replyd.event where type = 'domain.reauth_forecast'"                  \
	" and data ->> 'inboxes' = '1' and data ->> 'reason' = 'client_secret_ends'"

/* When the secret in use ends, from now. */
static void ends_in(struct tokenbench *b, const char *interval)
{
	pgtest_exec(b->admin,
		    "update replyd.domain_grant set secret_ends_at = now() + interval '%s'",
		    interval);
}

static void the_end_of_a_secret_is_told_before_it_comes(void **state)
{
	struct tokenbench_broker br;
	struct tokenbench b;

	(void)state;
	tokenbench_open(&b, "domain_secret_ends");
	providers[0] = (struct domain_provider){ "ms", PRESET_DOMAIN_APP_ONLY, b.token_url,
						 "mail/.default", "" };
	tokenbench_broker_open(
		&b, &br,
		(struct broker_params){ .domains = providers, .n_domains = 1, .forecast_ms = 20 });
	say(&b, 200, TOKEN("at.dom.1"));
	add_domain(&b, "ms", "app_only", "hush");
	pgtest_exec(b.admin,
		    "update replyd.domain_grant set offer_ends_at = now() + interval '90 d'");
	broker_wake(br.broker);
	UNTIL(&b, is(DOMAIN(&b, "secret_ends_at - now() > interval '89 d'"), "t"));
	assert_string_equal(import(&b, "[\"a@acme.test\"]"), "accepted");
	broker_wake(br.broker);
	UNTIL(&b, is(OF(&b, "g.domain_version", "a@acme.test"), "1"));
	assert_int_equal(broker_stats(br.broker).forecasts, 0);

	ends_in(&b, "13 d");
	UNTIL(&b, is(DOMAIN(&b, "told_of"), "far"));
	ends_in(&b, "13 d"); /* looked at again, told no more: the event is of its end */
	ends_in(&b, "2 d");
	UNTIL(&b, is(DOMAIN(&b, "told_of"), "near"));
	UNTIL(&b, broker_stats(br.broker).forecasts == 2);
	assert_string_equal(pgtest_value(b.admin, TOLD_OF_END), "2");
	/* Another secret is in use now: of this one nothing is to be told. */
	say(&b, 200, TOKEN("at.dom.2"));
	bring_again(&b, "hush-2");
	pgtest_exec(b.admin, "update replyd.domain_grant set offer_ends_at = null,"
			     " next_try_at = now()");
	broker_wake(br.broker);
	UNTIL(&b, is(DOMAIN(&b, "version"), "2"));
	assert_string_equal(DOMAIN(&b, "told_of || coalesce(secret_ends_at::text, 'unsaid')"),
			    "unsaid");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void a_domain_that_is_removed_takes_its_rights_along(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;

	(void)state;
	open_bench(&b, &br, "domain_removed");
	say(&b, 200, TOKEN("at.tenant.1"));
	add_domain(&b, "ms", "app_only", "hush");
	import(&b, "[\"a@acme.test\"]");
	UNTIL(&b, is(OF(&b, "t.version", "a@acme.test"), "2"));
	pgtest_exec(b.admin, "update replyd.domain_grant set state = 'removed', sealed = null, "
			     "token_sealed = null");
	UNTIL(&b, is(OF(&b, "g.state", "a@acme.test"), "reauth_required"));
	assert_string_equal(OF(&b, "s.reason || (t.version is null)", "a@acme.test"),
			    "domain_granttrue");
	assert_string_equal(import(&b, "[\"c@acme.test\"]"), "");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

/* A right of one's own that works is not taken away by an import, whatever the domain covers. */
static void an_import_takes_nothing_that_works(void **state)
{
	static const struct {
		const char *name, *kind, *grant, *state; /* of the inbox, before */
		const char *result, *after; /* of the import; grant, is its token there, its state,
					       who watches it, the link */
	} rows[] = {
		{ "watched", "oauth", "ok", "live", "repeated", "oauth true live true " },
		{ "catching", "oauth", "ok", "catching_up", "repeated",
		  "oauth true catching_up true " },
		{ "turned.away", "oauth", "ok", "backing_off", "accepted",
		  "oauth true backing_off true checking" },
		{ "with.password", "password", "ok", "held", "accepted",
		  "password true held true checking" },
		{ "refused", "oauth", "reauth_required", "reauth_required", "accepted",
		  "app_only false new true checking" },
		{ "wrong.password", "password", "ok", "reauth_required", "accepted",
		  "app_only false new true checking" },
		/* Its session goes on, by the right that is gone: no proof of this one. */
		{ "still.open", "oauth", "reauth_required", "live", "accepted",
		  "app_only false new false checking" },
	};
	struct tokenbench b;
	struct tokenbench_broker br;

	(void)state;
	open_bench(&b, &br, "domain_keeps");
	tokenbench_broker_kill(&br);
	rand_uuid(grant);
	pgtest_exec(
		b.admin,
		"insert into replyd.domain_grant (workspace_id, domain_grant_id, provider, kind,"
		"  state) values ('%s', '%s', 'ms', 'app_only', 'ok');"
		"insert into replyd.worker (worker_id, host, pid, capacity)"
		"  values ('%s', 'h', 1, 10)",
		b.workspace, grant, grant);
	for (size_t i = 0; i < countof(rows); i++) {
		const char *inbox = tokenbench_inbox(&b, rows[i].name, rows[i].kind);
		char address[80], list[100];

		(void)snprintf(address, sizeof(address), "%s@acme.test", rows[i].name);
		(void)snprintf(list, sizeof(list), "[\"%s\"]", address);
		tokenbench_token(&b, inbox, rows[i].name, 10, 3000);
		pgtest_exec(b.admin,
			    "update replyd.inbox_grant set state = '%s' where inbox_id = '%s';"
			    "update replyd.inbox_state set state = '%s', since = now() - interval"
			    " '1 hour' where inbox_id = '%s';"
			    "update replyd.lease set worker_id = '%s' where inbox_id = '%s'",
			    rows[i].grant, inbox, rows[i].state, inbox, grant, inbox);
		if (!is(import(&b, list), rows[i].result))
			fail_msg("%s: not %s", rows[i].name, rows[i].result);
		pgtest_exec(b.admin, "select replyd.domain_enroll(100)");
		if (!is(pgtest_value(
				b.admin,
				"select g.kind || ' ' || exists (select from replyd.access_token t"
				"  where t.inbox_id = '%s') || ' ' || s.state || ' '"
				" || (l.worker_id is not null) || ' ' || coalesce((select k.state"
				"  from replyd.connect_link k where k.inbox_id = '%s'), '')"
				" from replyd.inbox_grant g join replyd.inbox_state s using "
				"(inbox_id)"
				" join replyd.lease l using (inbox_id) where inbox_id = '%s'",
				inbox, inbox, inbox),
			rows[i].after))
			fail_msg("%s", rows[i].name);
	}
	/* Nothing is told of what was taken over before somebody was let in by it. */
	assert_string_equal(pgtest_value(b.admin,
					 "select replyd.links_checked(array_agg(inbox_id)) from"
					 " replyd.inbox_grant where kind = 'app_only'"),
			    "0");
	tokenbench_close(&b);
}

/* Whoever was connected by himself while the domain was not in order yet. */
static void who_came_before_his_import_keeps_his_own(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;

	(void)state;
	open_bench(&b, &br, "domain_late");
	say(&b, 503, "{}");
	add_domain(&b, "ms", "app_only", "hush");
	UNTIL(&b, is(DOMAIN(&b, "failures"), "1"));
	assert_string_equal(import(&b, "[\"anna@acme.test\"]"), "accepted");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_token(&b, inbox, "anna", 10, 3000);
	pgtest_exec(b.admin, "update replyd.inbox_state set state = 'live'");
	say(&b, 200, TOKEN("at.tenant.1"));
	pgtest_exec(b.admin, "update replyd.domain_grant set next_try_at = now()");
	UNTIL(&b, is(pgtest_value(b.admin, "select state from replyd.connect_link"), "checking"));
	assert_string_equal(
		OF(&b, "g.kind || ' ' || g.state || ' ' || t.version", "anna@acme.test"),
		"oauth ok 1");
	assert_string_equal(tokenbench_grant_of(&b, inbox), "rt.anna.0");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

/* The workers wait for whoever holds their leases: few at a time, and the rest at once. */
static void many_are_begun_in_portions(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;

	(void)state;
	open_bench(&b, &br, "domain_many");
	tokenbench_broker_kill(&br);
	rand_uuid(grant);
	pgtest_exec(
		b.admin,
		"insert into replyd.domain_grant (workspace_id, domain_grant_id, provider, kind,"
		"  state) values ('%s', '%s', 'ms', 'app_only', 'ok')",
		b.workspace, grant);
	pgtest_exec(b.admin,
		    "set replyd.workspace = '%s'; select domain_import('%s',"
		    " (select jsonb_agg(n || '@acme.test') from generate_series(1, 120) n),"
		    " '{\"ms\":{\"host\":\"h\",\"port\":993,\"security\":\"tls\"}}')",
		    b.workspace, grant);
	for (size_t i = 0; i < 4; i++) {
		static const char *const moved[] = { "50", "50", "10", "0" };

		assert_string_equal(pgtest_value(b.admin, "select domain_enroll(110)"), moved[i]);
	}
	/* Room for a first login is there again. */
	pgtest_exec(b.admin,
		    "update connect_link set state = 'connected' where state = 'checking'");
	assert_string_equal(pgtest_value(b.admin, "select domain_enroll(110)"), "10");
	assert_string_equal(pgtest_value(b.admin, "select count(*) from inbox"), "120");
	tokenbench_close(&b);
}

/* The domain's right was never in order. */
static void an_import_does_not_wait_for_ever(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;

	(void)state;
	open_bench(&b, &br, "domain_ends");
	say(&b, 503, "{}");
	add_domain(&b, "ms", "app_only", "hush");
	assert_string_equal(import(&b, "[\"a@acme.test\",\"b@acme.test\"]"), "accepted accepted");
	pgtest_exec(b.admin, "update replyd.connect_link set expires_at = now()"
			     " where expected_address = 'a@acme.test'");
	UNTIL(&b, is(pgtest_value(b.admin, "select string_agg(state || ' ' || problem, ',' order by"
					   " expected_address) from replyd.connect_link"),
		     "failed link_expired,exchanging "));
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_token_serves_a_tenant),
		cmocka_unit_test(a_mailbox_that_refuses_is_alone),
		cmocka_unit_test(a_secret_that_expired_is_one_incident),
		cmocka_unit_test(a_wrong_secret_is_never_taken_over),
		cmocka_unit_test(a_service_account_signs_for_each_mailbox),
		cmocka_unit_test(the_end_of_a_secret_is_told_before_it_comes),
		cmocka_unit_test(a_domain_that_is_removed_takes_its_rights_along),
		cmocka_unit_test(an_import_takes_nothing_that_works),
		cmocka_unit_test(who_came_before_his_import_keeps_his_own),
		cmocka_unit_test(many_are_begun_in_portions),
		cmocka_unit_test(an_import_does_not_wait_for_ever),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
