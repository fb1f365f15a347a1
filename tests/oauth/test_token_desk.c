#include <errno.h>
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

/* A mailbox, as the desk sees it. */
struct asker {
	struct token_desk_req req;
	int answers;
	enum blame blame;
	enum token_desk_kind kind;
	char secret[64], reason[64], said[160];
	int64_t version, expires_at;
	struct asker *next, *cancels; /* what its callback starts, and gives up */
	struct token_desk *desk, *drops;
};

static void on_answered(struct token_desk_req *r, const struct token_desk_answer *a)
{
	struct asker *k = container_of(r, struct asker, req);

	k->answers++;
	k->blame = a->outcome.blame;
	k->kind = a->kind;
	k->version = a->version;
	k->expires_at = a->expires_at;
	snprintf(k->secret, sizeof(k->secret), "%s", a->secret ? secret_text(a->secret) : "");
	snprintf(k->reason, sizeof(k->reason), "%s", a->reason);
	snprintf(k->said, sizeof(k->said), "%s", a->outcome.said);
	if (k->next)
		assert_int_equal(token_desk_start(k->desk, &k->next->req, on_answered), 0);
	if (k->cancels)
		token_desk_cancel(&k->cancels->req);
	if (k->drops)
		token_desk_drop(k->drops);
}

static void ask(struct tokenbench *b, struct token_desk *d, struct asker *k, const char *inbox,
		int64_t refused)
{
	snprintf(k->req.workspace_id, sizeof(k->req.workspace_id), "%s", b->workspace);
	snprintf(k->req.inbox_id, sizeof(k->req.inbox_id), "%s", inbox);
	k->req.refused_version = refused;
	k->answers = 0;
	assert_int_equal(token_desk_start(d, &k->req, on_answered), 0);
	assert_int_equal(k->answers, 0); /* never from inside the start */
}

struct office {
	struct tokenbench b;
	struct pg *pg;
	struct token_desk *desk;
};

static void open_office(struct office *o, const char *database, uint64_t timeout_ms)
{
	struct token_desk_params p = { .look_ms = 50, .timeout_ms = timeout_ms };

	tokenbench_open(&o->b, database);
	o->pg = tokenbench_pg(&o->b, "replyd_ingest");
	p.pg = o->pg;
	p.tokens = &o->b.tokens;
	o->desk = token_desk_open(&o->b.loop, &p);
}

static void close_office(struct office *o)
{
	token_desk_drop(o->desk);
	pg_drop(o->pg);
	tokenbench_close(&o->b);
}

static const struct broker_params plain = { 0 };

static void what_is_there_is_answered_at_once(void **state)
{
	struct office o;
	struct asker k = { 0 }, again = { 0 };
	const char *inbox;

	(void)state;
	open_office(&o, "desk_there", 0);
	inbox = tokenbench_inbox(&o.b, "anna", "oauth");
	tokenbench_token(&o.b, inbox, "anna", 10, 3000);
	ask(&o.b, o.desk, &k, inbox, 0);
	assert_int_equal(token_desk_start(o.desk, &k.req, on_answered), -EALREADY);
	ask(&o.b, o.desk, &again, inbox, 0);
	UNTIL(&o.b, k.answers && again.answers);
	assert_int_equal(k.blame, BLAME_NONE);
	assert_int_equal(k.kind, TOKEN_DESK_OAUTH);
	assert_string_equal(k.secret, "at.anna.0");
	assert_int_equal(k.version, 1);
	assert_in_range(k.expires_at - clock_unix_s(), 2980, 3000);
	assert_string_equal(again.secret, "at.anna.0");
	assert_string_equal(pgtest_value(o.b.admin, "select count(*) from replyd.token_request"),
			    "0");
	close_office(&o);
}

static void what_is_not_there_is_fetched(void **state)
{
	struct office o;
	struct tokenbench_broker br;
	struct asker none = { 0 }, old = { 0 }, refused = { 0 }, password = { 0 };
	const char *a, *b, *c, *d;

	(void)state;
	open_office(&o, "desk_fetched", 0);
	a = tokenbench_inbox(&o.b, "anna", "oauth");
	b = tokenbench_inbox(&o.b, "bert", "oauth");
	c = tokenbench_inbox(&o.b, "cara", "oauth");
	d = tokenbench_inbox(&o.b, "dora", "password");
	tokenbench_token(&o.b, b, "bert", 3500, 60);
	tokenbench_token(&o.b, c, "cara", 10, 3000);
	tokenbench_broker_open(&o.b, &br, plain);
	ask(&o.b, o.desk, &none, a, 0);
	ask(&o.b, o.desk, &old, b, 0);
	ask(&o.b, o.desk, &refused, c, 1);
	ask(&o.b, o.desk, &password, d, 0);
	UNTIL(&o.b, none.answers && old.answers && refused.answers && password.answers);
	assert_string_equal(none.secret, "at.anna.1");
	assert_string_equal(old.secret, "at.bert.1");
	assert_string_equal(refused.secret, "at.cara.1");
	assert_int_equal(refused.version, 2);
	assert_string_equal(password.secret, "pw of dora");
	assert_int_equal(password.kind, TOKEN_DESK_PASSWORD);
	assert_true(password.expires_at == INT64_MAX);
	assert_int_equal(none.answers + old.answers + refused.answers + password.answers, 4);

	/* Refused again within two minutes: the worker has to judge. */
	ask(&o.b, o.desk, &refused, c, 2);
	UNTIL(&o.b, refused.answers);
	assert_int_equal(refused.blame, BLAME_REFUSED);
	assert_int_equal(refused.kind, TOKEN_DESK_OAUTH);
	/* and of a password there is no other */
	ask(&o.b, o.desk, &password, d, password.version);
	UNTIL(&o.b, password.answers);
	assert_int_equal(password.blame, BLAME_AUTH);
	assert_int_equal(password.kind, TOKEN_DESK_PASSWORD);
	assert_string_equal(password.reason, "password_refused");
	tokenbench_broker_kill(&br);
	close_office(&o);
}

/* A short life is a life: half-minute tokens are handed out while a quarter of it is left. */
static void short_lives_are_handed_out(void **state)
{
	struct office o;
	struct tokenbench_broker br;
	struct asker k = { 0 };
	const char *inbox;

	(void)state;
	open_office(&o, "desk_short", 0);
	o.b.expires_in = 30;
	inbox = tokenbench_inbox(&o.b, "anna", "oauth");
	tokenbench_broker_open(&o.b, &br, plain);
	ask(&o.b, o.desk, &k, inbox, 0);
	UNTIL(&o.b, k.answers);
	assert_string_equal(k.secret, "at.anna.1");
	ask(&o.b, o.desk, &k, inbox, 0);
	UNTIL(&o.b, k.answers);
	assert_string_equal(k.secret, "at.anna.1");
	assert_int_equal(o.b.asked, 1);
	tokenbench_broker_kill(&br);
	close_office(&o);
}

static void a_dead_grant_is_said_with_its_reason(void **state)
{
	struct office o;
	struct tokenbench_broker br;
	struct asker k = { 0 };
	const char *inbox;

	(void)state;
	open_office(&o, "desk_dead", 0);
	inbox = tokenbench_inbox(&o.b, "anna", "oauth");
	tokenbench_say(&o.b, (struct tokenbench_saying){ TOKENBENCH_WORDS, 400,
							 "{\"error\":\"invalid_grant\"}", NULL });
	tokenbench_broker_open(&o.b, &br, plain);
	ask(&o.b, o.desk, &k, inbox, 0);
	UNTIL(&o.b, k.answers);
	assert_int_equal(k.blame, BLAME_AUTH);
	assert_string_equal(k.reason, "invalid_grant");
	assert_string_equal(k.said, "HTTP 400 invalid_grant:");
	assert_string_equal(k.secret, "");

	/* The worker has said something else of the inbox since: it is told again. */
	pgtest_exec(o.b.admin, "update replyd.inbox_state set state = 'connecting', reason = ''");
	ask(&o.b, o.desk, &k, inbox, 0);
	UNTIL(&o.b, k.answers);
	assert_int_equal(k.blame, BLAME_AUTH);
	assert_string_equal(k.reason, "invalid_grant");
	assert_int_equal(o.b.asked, 1);
	tokenbench_broker_kill(&br);
	close_office(&o);
}

/* Notifications are hints: with nobody to send them the slow look finds the answer. */
static void a_lost_notification_costs_a_look(void **state)
{
	struct office o;
	struct asker k = { 0 };
	const char *inbox;

	(void)state;
	open_office(&o, "desk_deaf", 0);
	inbox = tokenbench_inbox(&o.b, "anna", "oauth");
	ask(&o.b, o.desk, &k, inbox, 0);
	UNTIL(&o.b, *pgtest_value(o.b.admin, "select 1 from replyd.token_request") != '\0');
	pgtest_exec(o.b.admin, "delete from replyd.token_request");
	tokenbench_token(&o.b, inbox, "anna", 0, 3000);
	UNTIL(&o.b, k.answers);
	assert_string_equal(k.secret, "at.anna.0");
	close_office(&o);
}

/* Answered, but nothing usable is left when it is looked at: it is asked for again. */
static void an_answer_that_aged_is_asked_for_again(void **state)
{
	struct office o;
	struct asker k = { 0 };
	const char *inbox;

	(void)state;
	open_office(&o, "desk_aged", 0);
	inbox = tokenbench_inbox(&o.b, "anna", "oauth");
	tokenbench_token(&o.b, inbox, "anna", 3590, 10);
	ask(&o.b, o.desk, &k, inbox, 0);
	for (int i = 0; i < 2; i++) {
		UNTIL(&o.b, *pgtest_value(o.b.admin, "select 1 from replyd.token_request") != '\0');
		pgtest_exec(o.b.admin, "delete from replyd.token_request");
	}
	assert_int_equal(k.answers, 0);
	close_office(&o);
}

static void nobody_waits_for_ever(void **state)
{
	struct office o;
	struct asker k = { 0 }, next = { 0 }, cancelled = { 0 }, late = { 0 };
	const char *inbox;

	(void)state;
	open_office(&o, "desk_late", 300);
	inbox = tokenbench_inbox(&o.b, "anna", "oauth");
	ask(&o.b, o.desk, &k, inbox, 0);
	ask(&o.b, o.desk, &cancelled, inbox, 0);
	memcpy(&next.req, &k.req, sizeof(next.req));
	next.req.desk = NULL;
	k.next = &next; /* a callback may ask anew and give up another */
	k.cancels = &cancelled;
	k.desk = o.desk;
	UNTIL(&o.b, k.answers && next.answers);
	assert_int_equal(k.blame, BLAME_NET);
	assert_int_equal(next.blame, BLAME_NET);
	assert_int_equal(cancelled.answers, 0);

	/* Not even while PostgreSQL is away. */
	session_close(o.b.admin);
	pgtest_server_stop();
	ask(&o.b, o.desk, &late, inbox, 0);
	UNTIL(&o.b, late.answers);
	assert_int_equal(late.blame, BLAME_NET);
	pgtest_server_go();
	o.b.admin = pgtest_session(o.b.database, PGTEST_ADMIN);
	close_office(&o);
}

static void a_cancelled_request_is_never_answered(void **state)
{
	struct office o;
	struct asker gone = { 0 }, stays = { 0 };
	const char *inbox;

	(void)state;
	open_office(&o, "desk_cancelled", 0);
	inbox = tokenbench_inbox(&o.b, "anna", "oauth");
	tokenbench_token(&o.b, inbox, "anna", 10, 3000);
	token_desk_cancel(&gone.req); /* never started */
	ask(&o.b, o.desk, &gone, inbox, 0);
	token_desk_cancel(&gone.req); /* before the look */
	ask(&o.b, o.desk, &gone, inbox, 0);
	ask(&o.b, o.desk, &stays, inbox, 0);
	tokenbench_turn(&o.b); /* the look may be under way */
	token_desk_cancel(&gone.req);
	token_desk_cancel(&gone.req);
	UNTIL(&o.b, stays.answers);
	assert_int_equal(gone.answers, 0);
	close_office(&o);
}

static void a_desk_may_be_dropped_by_its_own_answer(void **state)
{
	struct office o;
	struct asker one = { 0 }, two = { 0 };
	const char *inbox;

	(void)state;
	open_office(&o, "desk_dropped", 0);
	inbox = tokenbench_inbox(&o.b, "anna", "oauth");
	tokenbench_token(&o.b, inbox, "anna", 10, 3000);
	ask(&o.b, o.desk, &one, inbox, 0);
	ask(&o.b, o.desk, &two, inbox, 0);
	one.drops = two.drops = o.desk; /* whoever is first */
	UNTIL(&o.b, one.answers + two.answers);
	for (int i = 0; i < 3; i++)
		(void)uv_run(&o.b.loop.uv, UV_RUN_NOWAIT);
	assert_int_equal(one.answers + two.answers, 1);
	pg_drop(o.pg);
	tokenbench_close(&o.b);
}

static void a_dropped_desk_takes_nobody(void **state)
{
	struct office o;
	struct asker k = { 0 };

	(void)state;
	open_office(&o, "desk_shut", 0);
	token_desk_drop(o.desk);
	assert_int_equal(token_desk_start(o.desk, &k.req, on_answered), -ESHUTDOWN);
	close_office(&o);
}

static void another_key_opens_nothing(void **state)
{
	struct office o;
	struct asker k = { 0 };
	const char *inbox;

	(void)state;
	open_office(&o, "desk_key", 0);
	inbox = tokenbench_inbox(&o.b, "anna", "oauth");
	tokenbench_token(&o.b, inbox, "anna", 10, 3000);
	vault_clear(&o.b.tokens);
	assert_int_equal(vault_add(&o.b.tokens, 1, &o.b.grants.keys[0].key), 0);
	ask(&o.b, o.desk, &k, inbox, 0);
	UNTIL(&o.b, k.answers);
	assert_int_equal(k.blame, BLAME_US);
	assert_string_equal(k.secret, "");
	close_office(&o);
}

#define MANY 1300

/* More than one look holds, all at once, and each gets its own. */
static void a_thousand_ask_at_once(void **state)
{
	static struct asker many[MANY];
	struct office o;
	const char *anna, *bert;
	size_t answered = 0;

	(void)state;
	open_office(&o, "desk_many", 0);
	memset(many, 0, sizeof(many));
	anna = tokenbench_inbox(&o.b, "anna", "oauth");
	bert = tokenbench_inbox(&o.b, "bert", "oauth");
	tokenbench_token(&o.b, anna, "anna", 10, 3000);
	for (size_t i = 0; i < MANY; i++)
		ask(&o.b, o.desk, &many[i], i % 2 ? anna : bert, 0);
	UNTIL(&o.b, ({
		answered = 0;
		for (size_t i = 0; i < MANY; i++)
			answered += many[i].answers == 1;
		answered == MANY / 2;
	}));
	tokenbench_token(&o.b, bert, "bert", 10, 3000);
	pgtest_exec(o.b.admin, "delete from replyd.token_request; notify replyd_token_ready");
	UNTIL(&o.b, ({
		answered = 0;
		for (size_t i = 0; i < MANY; i++)
			answered += many[i].answers == 1;
		answered == MANY;
	}));
	for (size_t i = 0; i < MANY; i++)
		assert_string_equal(many[i].secret, i % 2 ? "at.anna.0" : "at.bert.0");
	close_office(&o);
}

/*
 * With exactly what an ingest process holds (its role and password, key.token,
 * key.digest) nobody gets at a refresh token: PostgreSQL shows none, and the sealed
 * bytes, had they leaked some other way, do not open.
 */
static void ingest_cannot_get_at_a_refresh_token(void **state)
{
	static const char *const tries[] = {
		"select sealed from replyd.inbox_grant",
		"select * from replyd.inbox_grant",
		"select count(*) from replyd.inbox_grant",
		"select inbox_id from replyd.inbox_grant where length(sealed) > 0",
		"update replyd.inbox_grant set sealed = sealed",
		"update replyd.inbox_grant set state = 'revoked' returning sealed",
		"delete from replyd.inbox_grant returning sealed",
		"insert into replyd.inbox_grant (workspace_id, inbox_id, kind, sealed) select"
		" workspace_id, inbox_id, 'oauth', '\\x00' from replyd.inbox",
		"copy replyd.inbox_grant to stdout",
		"do $$ begin lock table replyd.inbox_grant; end $$",
		"truncate replyd.inbox_grant",
		"alter table replyd.inbox_grant disable row level security",
		"grant select on replyd.inbox_grant to replyd_ingest",
		"create view pg_temp.v as select sealed from replyd.inbox_grant; select * from "
		"pg_temp.v",
		"select sealed_code from replyd.connect_link",
		"select sealed_verifier from replyd.connect_link",
		"set role replyd_broker",
		"set role replyd_owner",
		"set role replyd_admin",
		"set session authorization replyd_broker",
		"create table replyd.mine (a int)",
	};
	struct tokenbench b;
	struct session *ingest;
	struct secret key_digest = { 0 };
	const char *inbox;
	cleanup_buf struct buf sealed;
	uint8_t bytes[SEAL_KEY];

	(void)state;
	tokenbench_open(&b, "desk_closed");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	(void)tokenbench_link(&b, "anna", NULL);
	tokenbench_token(&b, inbox, "anna", 10, 3000);
	rand_bytes(bytes, sizeof(bytes));
	secret_set(&key_digest, bytes, sizeof(bytes));

	ingest = pgtest_session(b.database, "replyd_ingest");
	for (size_t i = 0; i < countof(tries); i++) {
		const char *state_of = pgtest_fails(ingest, "%s", tries[i]);

		if (strcmp(state_of, "42501") != 0) /* insufficient_privilege */
			fail_msg("%s: \"%s\"", tries[i], state_of);
	}
	/* What it may read is there, so the refusals above are about the grant. */
	assert_string_equal(pgtest_value(ingest, "select count(*) from replyd.access_token"), "1");
	session_close(ingest);

	buf_init(&sealed, 4096);
	assert_int_equal(text_from_hex(&sealed, text_of(pgtest_value(
							b.admin, "select encode(sealed, 'hex') from"
								 " replyd.inbox_grant"))),
			 0);
	assert_string_equal(tokenbench_grant_of(&b, inbox), "rt.anna.0"); /* the broker can */
	for (int k = 0; k < 2; k++)
		for (int p = 0; p < 3; p++) {
			static const char *const purposes[] = { "grant", "access", "connect" };
			const struct seal_bind bind = { text_of(purposes[p]), text_of(b.workspace),
							text_of(inbox) };
			const struct secret *key = k ? &key_digest : &b.tokens.keys[0].key;
			struct secret plain_text = { 0 };

			assert_true(seal_open(key, &bind, sealed.data, sealed.len, &plain_text) <
				    0);
			assert_true(vault_open(&b.tokens, &bind, sealed.data, sealed.len,
					       &plain_text) < 0);
			assert_true(seal_open_with(key, &bind, sealed.data, sealed.len,
						   &plain_text) < 0);
			assert_true(secret_is_empty(&plain_text));
		}
	secret_clear(&key_digest);
	tokenbench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_is_answered_at_once),
		cmocka_unit_test(what_is_not_there_is_fetched),
		cmocka_unit_test(short_lives_are_handed_out),
		cmocka_unit_test(a_dead_grant_is_said_with_its_reason),
		cmocka_unit_test(a_lost_notification_costs_a_look),
		cmocka_unit_test(an_answer_that_aged_is_asked_for_again),
		cmocka_unit_test(nobody_waits_for_ever),
		cmocka_unit_test(a_cancelled_request_is_never_answered),
		cmocka_unit_test(a_desk_may_be_dropped_by_its_own_answer),
		cmocka_unit_test(a_dropped_desk_takes_nobody),
		cmocka_unit_test(another_key_opens_nothing),
		cmocka_unit_test(a_thousand_ask_at_once),
		cmocka_unit_test(ingest_cannot_get_at_a_refresh_token),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
