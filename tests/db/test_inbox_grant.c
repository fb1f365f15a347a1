#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "db/grant_saver.h"
#include "db/inbox_grant.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"
#include "tests/oauth/tokenbench.h"

struct claims {
	struct inbox_grant_claim q;
	bool over;
	int answered, claimed;
	enum blame blame;
	struct {
		char inbox[37], provider[16];
		int64_t version, token_version, refused;
		int tries;
		bool fresh, due, forced;
		enum inbox_grant_kind kind;
	} rows[8];
};

static void on_row(struct inbox_grant_claim *q, const struct inbox_grant_row *r)
{
	struct claims *c = container_of(q, struct claims, q);
	int i = c->claimed++;

	assert_in_range(i, 0, countof(c->rows) - 1);
	snprintf(c->rows[i].inbox, sizeof(c->rows[i].inbox), "%s", r->inbox);
	snprintf(c->rows[i].provider, sizeof(c->rows[i].provider), "%s", r->provider);
	c->rows[i].version = r->version;
	c->rows[i].token_version = r->token_version;
	c->rows[i].refused = r->refused_version;
	c->rows[i].tries = r->tries;
	c->rows[i].fresh = r->token_fresh;
	c->rows[i].due = r->due;
	c->rows[i].forced = r->forced;
	c->rows[i].kind = r->kind;
	assert_true(r->sealed_len > 0);
}

static void on_claimed(struct inbox_grant_claim *q)
{
	struct claims *c = container_of(q, struct claims, q);

	c->over = true;
	c->answered = q->answered;
	c->blame = q->outcome.blame;
	assert_int_equal(c->claimed, q->claimed);
}

static void claim(struct tokenbench *b, struct pg *pg, struct claims *c, char id[RAND_UUID],
		  struct inbox_grant_want w)
{
	memset(c, 0, sizeof(*c));
	rand_uuid(id);
	w.claim = id;
	w.fresh_s = 120;
	w.refused_again_s = 120;
	w.answer = true;
	if (w.most == 0)
		w.most = 8;
	if (w.stale_ms == 0)
		w.stale_ms = 30000;
	if (!w.without)
		w.without = "";
	assert_int_equal(inbox_grant_claim_start(pg, &c->q, &w, on_row, on_claimed), 0);
	TOKENBENCH_UNTIL(b, c->over);
	assert_int_equal(c->blame, BLAME_NONE);
}

struct write {
	struct inbox_grant_write q;
	bool over;
};

static void on_written(struct inbox_grant_write *q)
{
	container_of(q, struct write, q)->over = true;
}

struct saving {
	struct grant_save q;
	bool over;
};

static void on_saved(struct grant_save *q)
{
	container_of(q, struct saving, q)->over = true;
}

static struct inbox_grant_saved saved(const struct tokenbench *b, const char *inbox,
				      int64_t version, const char *refresh)
{
	return (struct inbox_grant_saved){
		.workspace = b->workspace,
		.inbox = inbox,
		.version = version,
		.kind = INBOX_GRANT_OAUTH,
		.refresh = refresh,
		.refresh_len = refresh ? strlen(refresh) : 0,
		.access = "access",
		.access_len = 6,
		.expires_in_s = 3600,
		.refresh_in_s = 3000,
	};
}

static int64_t save(struct tokenbench *b, struct pg *pg, const char *inbox, int64_t version,
		    const char *refresh)
{
	const struct inbox_grant_saved s = saved(b, inbox, version, refresh);
	struct grant_saver v;
	struct saving w = { 0 };

	grant_saver_init(&v, pg);
	assert_int_equal(grant_saver_start(&v, &w.q, &s, on_saved), 0);
	TOKENBENCH_UNTIL(b, w.over);
	assert_int_equal(w.q.outcome.blame, BLAME_NONE);
	return w.q.version;
}

static int64_t refuse(struct tokenbench *b, struct pg *pg, const char *inbox, int64_t version)
{
	struct write w = { 0 };
	char event[RAND_UUID];
	static const struct connect_link_again no_link;
	struct inbox_grant_refused r = { b->workspace,
					 inbox,
					 version,
					 "invalid_grant",
					 "HTTP 400 said",
					 event,
					 "{\"reason\":\"invalid_grant\"}",
					 &no_link };

	rand_uuid(event);
	assert_int_equal(inbox_grant_refuse_start(pg, &w.q, &r, on_written), 0);
	TOKENBENCH_UNTIL(b, w.over);
	assert_int_equal(w.q.outcome.blame, BLAME_NONE);
	return w.q.version;
}

static void a_claim_is_held_by_one(void **state)
{
	struct tokenbench b;
	struct pg *pg;
	struct claims c;
	char id[RAND_UUID], other[RAND_UUID];
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "grant_claim");
	pg = tokenbench_pg(&b, "replyd_broker");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	claim(&b, pg, &c, id, (struct inbox_grant_want){ 0 });
	assert_int_equal(c.claimed, 0); /* nobody asks */
	tokenbench_ask(&b, inbox, 3);
	claim(&b, pg, &c, id, (struct inbox_grant_want){ 0 });
	assert_int_equal(c.claimed, 1);
	assert_string_equal(c.rows[0].inbox, inbox);
	assert_string_equal(c.rows[0].provider, "acme");
	assert_int_equal(c.rows[0].kind, INBOX_GRANT_OAUTH);
	assert_int_equal(c.rows[0].tries, 1);
	assert_int_equal(c.rows[0].version, 1);
	assert_int_equal(c.rows[0].token_version, 0);
	assert_int_equal(c.rows[0].refused, 3);
	assert_false(c.rows[0].fresh || c.rows[0].due || c.rows[0].forced);

	claim(&b, pg, &c, other, (struct inbox_grant_want){ 0 });
	assert_int_equal(c.claimed, 0);
	pgtest_exec(b.admin, "update replyd.inbox_grant set claimed_at = now() - interval '31 s'");
	claim(&b, pg, &c, other, (struct inbox_grant_want){ .stale_ms = UINT64_MAX });
	assert_int_equal(c.claimed, 0); /* PostgreSQL has just come back: the living come first */
	claim(&b, pg, &c, other, (struct inbox_grant_want){ 0 });
	assert_int_equal(c.claimed, 1);
	assert_int_equal(c.rows[0].tries, 2);
	pg_drop(pg);
	tokenbench_close(&b);
}

static void claims_keep_to_what_was_wanted(void **state)
{
	struct tokenbench b;
	struct pg *pg;
	struct claims c;
	char id[RAND_UUID];
	const char *anna, *bert, *cara;

	(void)state;
	tokenbench_open(&b, "grant_wanted");
	pg = tokenbench_pg(&b, "replyd_broker");
	anna = tokenbench_inbox(&b, "anna", "oauth");
	bert = tokenbench_inbox(&b, "bert", "oauth");
	cara = tokenbench_inbox(&b, "cara", "password");
	pgtest_exec(b.admin, "update replyd.inbox set provider = 'beta' where inbox_id = '%s'",
		    bert);
	tokenbench_ask(&b, anna, 0);
	tokenbench_ask(&b, bert, 0);
	tokenbench_ask(&b, cara, 0);
	claim(&b, pg, &c, id, (struct inbox_grant_want){ .without = "acme,beta" });
	assert_int_equal(c.claimed, 0);
	claim(&b, pg, &c, id, (struct inbox_grant_want){ .without = "acme" });
	assert_int_equal(c.claimed, 1);
	assert_string_equal(c.rows[0].inbox, bert);
	claim(&b, pg, &c, id, (struct inbox_grant_want){ .only = "acme", .most = 1 });
	assert_int_equal(c.claimed, 1);
	claim(&b, pg, &c, id, (struct inbox_grant_want){ .only = "nobody" });
	assert_int_equal(c.claimed, 0);
	claim(&b, pg, &c, id, (struct inbox_grant_want){ 0 });
	assert_int_equal(c.claimed, 1);
	pg_drop(pg);
	tokenbench_close(&b);
}

static void the_second_writer_writes_nothing(void **state)
{
	struct tokenbench b;
	struct pg *pg;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "grant_second");
	pg = tokenbench_pg(&b, "replyd_broker");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	assert_int_equal(save(&b, pg, inbox, 1, "first"), 2);
	assert_int_equal(save(&b, pg, inbox, 1, "second"), 0);
	assert_int_equal(refuse(&b, pg, inbox, 1), 0);
	assert_string_equal(pgtest_value(b.admin, "select convert_from(sealed, 'UTF8') || version"
						  " || state from replyd.inbox_grant"),
			    "first2ok");
	assert_string_equal(pgtest_value(b.admin, "select version from replyd.access_token"), "2");
	assert_int_equal(save(&b, pg, inbox, 2, NULL), 3); /* not rotated: the old one stays */
	assert_string_equal(pgtest_value(b.admin, "select convert_from(sealed, 'UTF8') from"
						  " replyd.inbox_grant"),
			    "first");
	assert_int_equal(refuse(&b, pg, inbox, 3), 3);
	assert_int_equal(refuse(&b, pg, inbox, 3), 0); /* told once */
	assert_int_equal(save(&b, pg, inbox, 3, "late"), 0);
	assert_string_equal(pgtest_value(b.admin, SEED_EVENTS), "1");
	pg_drop(pg);
	tokenbench_close(&b);
}

/* A request put while the refresh was under way and naming the new version is not swept away with
 * the old. */
static void a_later_refusal_survives_the_save(void **state)
{
	struct tokenbench b;
	struct pg *pg;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "grant_later");
	pg = tokenbench_pg(&b, "replyd_broker");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_ask(&b, inbox, 2);
	assert_int_equal(save(&b, pg, inbox, 1, "r"), 2);
	assert_string_equal(pgtest_value(b.admin, "select refused_version from"
						  " replyd.token_request"),
			    "2");
	pg_drop(pg);
	tokenbench_close(&b);
}

/* The API says how a grant is, and holds nothing that opens it. */
static void others_see_no_secret(void **state)
{
	struct tokenbench b;
	struct session *s;

	(void)state;
	tokenbench_open(&b, "grant_walls");
	(void)tokenbench_inbox(&b, "anna", "oauth");
	s = pgtest_session(b.database, "replyd_api");
	pgtest_exec(s, "begin; select set_config('replyd.workspace', '%s', true)", b.workspace);
	assert_string_equal(pgtest_value(s, "select kind || state from inbox_grant"), "oauthok");
	assert_string_equal(pgtest_fails(s, "select sealed from inbox_grant"), "42501");
	pgtest_exec(s, "rollback");
	assert_string_equal(pgtest_value(s, "select count(kind) from inbox_grant"), "0");
	assert_string_equal(pgtest_fails(s, "select * from access_token"), "42501");
	session_close(s);
	for (int i = 0; i < 2; i++) {
		s = pgtest_session(b.database, i ? "replyd_dispatch" : "replyd_rotation");
		assert_string_equal(pgtest_fails(s, "select kind from inbox_grant"), "42501");
		assert_string_equal(pgtest_fails(s, "select kind from access_token"), "42501");
		session_close(s);
	}
	/* And the broker reads no mail. */
	s = pgtest_session(b.database, "replyd_broker");
	assert_string_equal(pgtest_fails(s, "select * from message"), "42501");
	assert_string_equal(pgtest_fails(s, "select * from event"), "42501");
	session_close(s);
	tokenbench_close(&b);
}

/* Many at once: one alone at first, the others in few transactions behind it; what one of them
 * cannot write disturbs no other, and who is not interested any more is not told. */
static void many_are_saved_by_few_commits(void **state)
{
	enum { MANY = 18 };
	struct tokenbench b;
	struct grant_saver v;
	struct saving w[MANY] = { 0 };
	const char *inbox[MANY];
	struct pg *pg;

	(void)state;
	tokenbench_open(&b, "grant_saver");
	pg = tokenbench_pg(&b, "replyd_broker");
	for (int i = 0; i < MANY; i++) {
		char user[16];

		snprintf(user, sizeof(user), "u%d", i);
		inbox[i] = tokenbench_inbox(&b, user, "oauth");
	}
	pgtest_exec(b.admin,
		    "create function replyd.no() returns trigger language plpgsql as $$ begin"
		    " raise exception 'no' using errcode = '23514'; end $$;"
		    "create trigger no before update on replyd.inbox_grant for each row when "
		    "(new.inbox_id = '%s') execute function replyd.no()",
		    inbox[4]);
	grant_saver_init(&v, pg);
	for (int i = 0; i < MANY; i++) {
		/* the third had moved on */
		const struct inbox_grant_saved s = saved(&b, inbox[i], i == 2 ? 7 : 1, NULL);

		assert_int_equal(grant_saver_start(&v, &w[i].q, &s, on_saved), 0);
	}
	grant_saver_cancel(&w[17].q);
	for (int i = 0; i < MANY - 1; i++)
		TOKENBENCH_UNTIL(&b, w[i].over);
	for (int i = 0; i < MANY - 1; i++) {
		if ((w[i].q.outcome.blame == BLAME_NONE) != (i != 4) ||
		    w[i].q.version != (i == 2 || i == 4 ? 0 : 2))
			fail_msg("%d: blame %d, version %ld", i, (int)w[i].q.outcome.blame,
				 (long)w[i].q.version);
	}
	assert_false(w[17].over);
	/* 1 alone, 8 that were refused together and then one by one, 8 */
	assert_string_equal(pgtest_value(b.admin, "select count(distinct xmin::text) from "
						  "replyd.inbox_grant where version = 2"),
			    "8");
	pg_drop(pg);
	tokenbench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_is_held_by_one),
		cmocka_unit_test(claims_keep_to_what_was_wanted),
		cmocka_unit_test(the_second_writer_writes_nothing),
		cmocka_unit_test(a_later_refusal_survives_the_save),
		cmocka_unit_test(others_see_no_secret),
		cmocka_unit_test(many_are_saved_by_few_commits),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
