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
#include "db/handout.h"
#include "tests/db/pgtest.h"
#include "tests/oauth/tokenbench.h"

#define UNTIL TOKENBENCH_UNTIL

#define OF(b, what, from, inbox)                                                                   \
	pgtest_value((b)->admin, "select " what " from replyd." from " where inbox_id = '%s'",     \
		     inbox)

/* A sender: what the API does for it. */
struct sender {
	struct tokenbench *b;
	struct pg *api;
	char id[RAND_UUID], key[RAND_UUID];
	struct secret private_key;
	struct handout_ask ask;
	struct handout_take take;
	bool asked, taken;
};

static void on_asked(struct handout_ask *q)
{
	container_of(q, struct sender, ask)->asked = true;
}

static void on_taken(struct handout_take *q)
{
	container_of(q, struct sender, take)->taken = true;
}

static void start_ask(struct sender *s, struct tokenbench *b, struct pg *api, const char *inbox,
		      int per_minute)
{
	uint8_t public_key[SEAL_KEY];

	*s = (struct sender){ .b = b, .api = api };
	rand_uuid(s->id);
	snprintf(s->key, sizeof(s->key), "00000000-0000-4000-8000-000000000001");
	seal_pair(&s->private_key, public_key);
	assert_int_equal(handout_ask_start(api, &s->ask, b->workspace, inbox, s->id, s->key,
					   public_key, per_minute, on_asked),
			 0);
}

static enum handout_said ask(struct sender *s, struct tokenbench *b, struct pg *api,
			     const char *inbox, int per_minute)
{
	start_ask(s, b, api, inbox, per_minute);
	UNTIL(b, s->asked);
	assert_int_equal(s->ask.outcome.blame, BLAME_NONE);
	return s->ask.said;
}

static enum handout_state take(struct sender *s)
{
	s->taken = false;
	assert_int_equal(handout_take_start(s->api, &s->take, s->b->workspace, s->id,
					    /* is_last= */ false, on_taken),
			 0);
	UNTIL(s->b, s->taken);
	assert_int_equal(s->take.outcome.blame, BLAME_NONE);
	return s->take.state;
}

static enum handout_state wait_for(struct sender *s)
{
	while (take(s) == HANDOUT_WAITS)
		tokenbench_turn(s->b);
	return s->take.state;
}

/* What is in the box, opened as `who` may; "" when it does not open. */
static const char *inside(const struct sender *s, const struct sender *who)
{
	static char plain[256];
	const struct seal_bind bind = { TEXT("handout"), text_of(s->b->workspace),
					text_of(who->id) };
	cleanup_secret struct secret token = { 0 };

	if (seal_open_with(&who->private_key, &bind, s->take.box.data, s->take.box.len, &token) < 0)
		return "";
	snprintf(plain, sizeof(plain), "%s", secret_text(&token));
	return plain;
}

static void leave(struct sender *s)
{
	handout_take_clear(&s->take);
	secret_clear(&s->private_key);
}

static const struct broker_params plain = { .look_ms = 5000 };

static void a_token_is_sealed_for_one_request(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	struct sender one, two;
	const char *inbox;
	struct pg *api;

	(void)state;
	tokenbench_open(&b, "handout_one");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_token(&b, inbox, "anna", 600, 3000);
	api = tokenbench_pg(&b, "replyd_api");
	tokenbench_broker_open(&b, &br, plain);
	assert_int_equal(ask(&one, &b, api, inbox, 60), HANDOUT_ASKED);
	assert_int_equal(ask(&two, &b, api, inbox, 60), HANDOUT_ASKED);
	assert_int_equal(wait_for(&one), HANDOUT_SEALED);
	assert_int_equal(wait_for(&two), HANDOUT_SEALED);
	assert_string_equal(inside(&one, &one), "at.anna.0");
	assert_string_equal(one.take.login_name, "anna@acme.test");
	assert_string_equal(one.take.imap_host, "imap.acme.test");
	assert_in_range(one.take.expires_at_us / 1000000, clock_unix_s() + 2900,
			clock_unix_s() + 3010);
	/* Another request's keys are no use, nor is the right key at another row. */
	assert_string_equal(inside(&one, &two), "");
	assert_string_equal(inside(&two, &one), "");
	assert_int_equal(b.asked, 0); /* the token that was there was good enough */

	/* It is read once, and what is left is a receipt. */
	assert_int_equal(take(&one), HANDOUT_OVER);
	assert_int_equal(one.take.box.len, 0);
	assert_string_equal(OF(&b, "string_agg(state, ' ')", "handout", inbox), "taken taken");
	assert_string_equal(OF(&b, "count(sealed)", "handout", inbox), "0");
	assert_string_equal(OF(&b, "string_agg(code, ' ')", "timeline", inbox), "token_handed_out");
	leave(&one);
	leave(&two);
	pg_drop(api);
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void fifty_at_once_cost_one_refresh(void **state)
{
	static struct sender senders[50];
	struct tokenbench b;
	struct tokenbench_broker one, two;
	const char *inbox;
	struct pg *api;

	(void)state;
	tokenbench_open(&b, "handout_fifty");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_token(&b, inbox, "anna", 3590, 10); /* too little is left of it */
	api = tokenbench_pg(&b, "replyd_api");
	tokenbench_broker_open(&b, &one, plain);
	tokenbench_broker_open(&b, &two, plain);
	UNTIL(&b, pg_is_up(one.pg) && pg_is_up(two.pg));
	for (size_t i = 0; i < countof(senders); i++)
		start_ask(&senders[i], &b, api, inbox, 60);
	for (size_t i = 0; i < countof(senders); i++) {
		UNTIL(&b, senders[i].asked);
		assert_int_equal(senders[i].ask.said, HANDOUT_ASKED);
		assert_int_equal(wait_for(&senders[i]), HANDOUT_SEALED);
		assert_string_equal(inside(&senders[i], &senders[i]), "at.anna.1");
		leave(&senders[i]);
	}
	assert_int_equal(b.asked, 1);
	assert_int_equal(b.reused, 0);
	assert_int_equal(broker_stats(one.broker).handed_out + broker_stats(two.broker).handed_out,
			 50);
	pg_drop(api);
	tokenbench_broker_kill(&one);
	tokenbench_broker_kill(&two);
	tokenbench_close(&b);
}

static void who_gets_none_is_told_why(void **state)
{
	static const struct {
		const char *name, *kind, *change;
		enum handout_said said;
		const char *reason;
	} rows[] = {
		{ "an app password", "password", "", HANDOUT_IS_PASSWORD, "" },
		{ "paused", "oauth", "update replyd.inbox set admin_state = 'paused'",
		  HANDOUT_PAUSED, "" },
		{ "removed", "oauth", "update replyd.inbox set admin_state = 'removed'",
		  HANDOUT_NO_INBOX, "" },
		{ "the grant is dead", "oauth",
		  "update replyd.inbox_grant set state = 'reauth_required', reason = 'revoked'",
		  HANDOUT_REAUTH, "revoked" },
		{ "no grant", "oauth", "delete from replyd.inbox_grant", HANDOUT_REAUTH,
		  "no_grant" },
	};
	struct tokenbench b;
	struct pg *api;
	struct sender s;

	(void)state;
	tokenbench_open(&b, "handout_none");
	api = tokenbench_pg(&b, "replyd_api");
	for (size_t i = 0; i < countof(rows); i++) {
		char user[16];
		const char *inbox;

		snprintf(user, sizeof(user), "u%zu", i);
		inbox = tokenbench_inbox(&b, user, rows[i].kind);
		if (*rows[i].change)
			pgtest_exec(b.admin, "%s where inbox_id = '%s'", rows[i].change, inbox);
		if (ask(&s, &b, api, inbox, 60) != rows[i].said ||
		    strcmp(s.ask.reason, rows[i].reason) != 0)
			fail_msg("%s: %d %s", rows[i].name, s.ask.said, s.ask.reason);
		leave(&s);
	}
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.handout"), "0");
	pg_drop(api);
	tokenbench_close(&b);
}

static void a_grant_that_dies_meanwhile_refuses(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;
	struct pg *api;
	struct sender s;

	(void)state;
	tokenbench_open(&b, "handout_dies");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	api = tokenbench_pg(&b, "replyd_api");
	tokenbench_broker_open(&b, &br, plain);
	tokenbench_say(&b, (struct tokenbench_saying){ TOKENBENCH_WORDS, 400,
						       "{\"error\":\"invalid_grant\"}", NULL });
	assert_int_equal(ask(&s, &b, api, inbox, 60), HANDOUT_ASKED);
	assert_int_equal(wait_for(&s), HANDOUT_REFUSED);
	assert_string_equal(s.take.reason, "invalid_grant");
	assert_int_equal(s.take.box.len, 0);
	leave(&s);
	pg_drop(api);
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void one_inbox_gives_so_many_a_minute(void **state)
{
	struct tokenbench b;
	const char *anna, *bert;
	struct sender s[4];
	struct pg *api;

	(void)state;
	tokenbench_open(&b, "handout_limit");
	anna = tokenbench_inbox(&b, "anna", "oauth");
	bert = tokenbench_inbox(&b, "bert", "oauth");
	api = tokenbench_pg(&b, "replyd_api");
	assert_int_equal(ask(&s[0], &b, api, anna, 2), HANDOUT_ASKED);
	assert_int_equal(ask(&s[1], &b, api, anna, 2), HANDOUT_ASKED);
	assert_int_equal(ask(&s[2], &b, api, anna, 2), HANDOUT_LIMITED);
	assert_int_equal(ask(&s[3], &b, api, bert, 2), HANDOUT_ASKED);
	for (size_t i = 0; i < countof(s); i++)
		leave(&s[i]);
	pgtest_exec(b.admin, "update replyd.handout set asked_at = now() - interval '61 s'");
	assert_int_equal(ask(&s[0], &b, api, anna, 2), HANDOUT_ASKED);
	leave(&s[0]);
	pg_drop(api);
	tokenbench_close(&b);
}

/* Nobody came for it: the box goes, and a broker that comes late writes none. */
static void what_nobody_fetches_is_emptied(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;
	struct pg *api;
	struct sender s;

	(void)state;
	tokenbench_open(&b, "handout_late");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_token(&b, inbox, "anna", 600, 3000);
	api = tokenbench_pg(&b, "replyd_api");
	tokenbench_broker_open(&b, &br, plain);
	assert_int_equal(ask(&s, &b, api, inbox, 60), HANDOUT_ASKED);
	UNTIL(&b, strcmp(OF(&b, "state", "handout", inbox), "sealed") == 0);
	pgtest_exec(b.admin, "update replyd.handout set asked_at = now() - interval '31 s';"
			     "set search_path = replyd; select broker_survey()");
	assert_string_equal(OF(&b, "state || coalesce(sealed::text, '-')", "handout", inbox),
			    "late-");
	assert_int_equal(take(&s), HANDOUT_OVER);
	leave(&s);
	pg_drop(api);
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_sealed_for_one_request),
		cmocka_unit_test(fifty_at_once_cost_one_refresh),
		cmocka_unit_test(who_gets_none_is_told_why),
		cmocka_unit_test(a_grant_that_dies_meanwhile_refuses),
		cmocka_unit_test(one_inbox_gives_so_many_a_minute),
		cmocka_unit_test(what_nobody_fetches_is_emptied),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
