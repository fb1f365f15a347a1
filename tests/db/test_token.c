#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/token.h"
#include "tests/db/pgtest.h"
#include "tests/oauth/tokenbench.h"

struct look {
	struct token_look q;
	bool over;
	int put, rows;
	enum blame blame;
	struct token_row row[4]; /* by slot; no slices kept */
	size_t sealed_len[4];
	char reason[4][32], detail[4][32];
};

static void on_row(struct token_look *q, const struct token_row *r)
{
	struct look *l = container_of(q, struct look, q);

	assert_in_range(r->slot, 0, 3);
	l->rows++;
	l->row[r->slot] = *r;
	l->sealed_len[r->slot] = r->sealed_len;
	snprintf(l->reason[r->slot], sizeof(l->reason[0]), "%s", r->reason);
	snprintf(l->detail[r->slot], sizeof(l->detail[0]), "%s", r->detail);
}

static void on_looked(struct token_look *q)
{
	struct look *l = container_of(q, struct look, q);

	l->over = true;
	l->put = q->put;
	l->blame = q->outcome.blame;
}

static void look(struct tokenbench *b, struct pg *pg, struct look *l, const struct token_want *want,
		 int n)
{
	memset(l, 0, sizeof(*l));
	assert_int_equal(token_look_start(pg, &l->q, want, n, 120, on_row, on_looked), 0);
	TOKENBENCH_UNTIL(b, l->over);
	assert_int_equal(l->blame, BLAME_NONE);
	assert_int_equal(l->rows, n);
}

static void one_look_reads_and_asks(void **state)
{
	struct tokenbench b;
	struct pg *pg;
	struct look l;
	const char *fresh, *old, *none, *dead;

	(void)state;
	tokenbench_open(&b, "token_look");
	pg = tokenbench_pg(&b, "replyd_ingest");
	fresh = tokenbench_inbox(&b, "anna", "oauth");
	old = tokenbench_inbox(&b, "bert", "oauth");
	none = tokenbench_inbox(&b, "cara", "oauth");
	dead = tokenbench_inbox(&b, "dora", "oauth");
	tokenbench_token(&b, fresh, "anna", 10, 3000);
	tokenbench_token(&b, old, "bert", 3500, 100);
	pgtest_exec(b.admin,
		    "update replyd.inbox_state set state = 'reauth_required', reason = 'r', detail "
		    "= 'd'"
		    " where inbox_id = '%s'",
		    dead);
	const struct token_want want[] = {
		{ 2, b.workspace, fresh, 0, true },
		{ 0, b.workspace, old, 0, true },
		{ 3, b.workspace, none, 5, true },
		{ 1, b.workspace, dead, 0, false },
	};
	look(&b, pg, &l, want, 4);
	assert_int_equal(l.put, 2);
	assert_true(l.row[2].usable && !l.row[2].asked && l.sealed_len[2] > 0);
	assert_int_equal(l.row[2].version, 1);
	assert_in_range(l.row[2].expires_at_us / 1000000 - clock_unix_s(), 2980, 3000);
	assert_true(!l.row[0].usable && l.row[0].asked && l.sealed_len[0] == 0);
	assert_int_equal(l.row[0].version, 1);
	assert_true(!l.row[3].usable && l.row[3].asked);
	assert_int_equal(l.row[3].version, 0);
	assert_true(l.row[3].expires_at_us == INT64_MIN);
	assert_true(!l.row[1].usable && !l.row[1].asked && l.row[1].reauth);
	assert_string_equal(l.reason[1], "r");
	assert_string_equal(l.detail[1], "d");
	assert_string_equal(pgtest_value(b.admin,
					 "select refused_version from replyd.token_request"
					 " where inbox_id = '%s'",
					 none),
			    "5");

	/* Asking again keeps the higher refusal; a look that does not ask puts nothing. */
	const struct token_want again[] = { { 0, b.workspace, none, 3, true },
					    { 1, b.workspace, fresh, 1, false } };
	look(&b, pg, &l, again, 2);
	assert_true(l.row[0].asked);
	assert_true(!l.row[1].usable && !l.row[1].asked); /* this version was refused */
	assert_string_equal(pgtest_value(b.admin, "select string_agg(refused_version::text, ' '"
						  " order by 1) from replyd.token_request"),
			    "0 5");
	pg_drop(pg);
	tokenbench_close(&b);
}

/* Two minutes, or a quarter of its life when that is less. */
static void fresh_is_what_has_enough_left(void **state)
{
	static const struct {
		int age_s, left_s;
		bool usable;
	} rows[] = {
		{ 0, 3600, true }, { 3470, 130, true }, { 3490, 110, false }, { 3700, -100, false },
		{ 0, 30, true },   { 20, 10, true },    { 25, 5, false },
	};
	struct tokenbench b;
	struct pg *pg;
	struct look l;

	(void)state;
	tokenbench_open(&b, "token_fresh");
	pg = tokenbench_pg(&b, "replyd_ingest");
	for (size_t i = 0; i < countof(rows); i++) {
		char user[16];
		const char *inbox;

		snprintf(user, sizeof(user), "u%zu", i);
		inbox = tokenbench_inbox(&b, user, "oauth");
		tokenbench_token(&b, inbox, user, rows[i].age_s, rows[i].left_s);
		look(&b, pg, &l, &(struct token_want){ 0, b.workspace, inbox, 0, false }, 1);
		if (l.row[0].usable != rows[i].usable)
			fail_msg("%d s old, %d s left", rows[i].age_s, rows[i].left_s);
	}
	pg_drop(pg);
	tokenbench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_look_reads_and_asks),
		cmocka_unit_test(fresh_is_what_has_enough_left),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
