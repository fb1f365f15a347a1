/* What many inboxes write of their folders in one transaction, and each of them alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "db/folder_row.h"
#include "tests/db/pgtest.h"
#include "tests/db/stage.h"

static const struct folder_lease leases[] = {
	{ SEED_WS, SEED_A, 1 },
	{ SEED_WS, SEED_B, 1 },
	{ SEED_OTHER, SEED_C, 1 },
};
static struct folder_ensure ensures[3];
static struct folder_look looks[3];
static int told, awaited;

static void on_ensured(struct folder_ensure *q)
{
	(void)q;
	told++;
}

static void on_looked(struct folder_look *q)
{
	(void)q;
	told++;
}

static bool all_are_told(struct stage *s)
{
	(void)s;
	return told == awaited;
}

static void begin(struct stage *s, const char *database)
{
	stage_open(s, database);
	told = awaited = 0;
	/* one watched folder of each; proven, and never void */
	pgtest_exec(s->admin,
		    "insert into folder (workspace_id, inbox_id, folder_id, name, wire_name, role, "
		    "uidvalidity, uid_gated, uid_ingested) select workspace_id, inbox_id, "
		    "overlay(inbox_id::text placing '3' from 1)::uuid, 'INBOX', 'INBOX', 'inbox', "
		    "7, 3, 3 from inbox");
	pgtest_exec(s->admin,
		    "insert into inbox_proof (workspace_id, inbox_id, epoch, gated_through) "
		    "select workspace_id, inbox_id, 1, now() from inbox");
	pgtest_exec(s->admin,
		    "create view voided as select right(inbox_id::text, 1) from inbox_proof "
		    "where void_until > '-infinity' order by 1");
}

static const struct folder_begin inbox7 = {
	.wire_name = "INBOX",
	.name = "INBOX",
	.role = "inbox",
	.seen_by = "push",
	.seen_every_s = 60,
	.uidvalidity = 7,
	.uid_before = 3,
	.uid_end = 100,
};

static void ensure(struct stage *s, struct gather *g, int i, const struct folder_begin *b)
{
	ensures[i] = (struct folder_ensure){ 0 };
	assert_int_equal(folder_row_ensure_start(s->pg, g, &ensures[i], &leases[i], b, on_ensured),
			 0);
	awaited++;
}

static void look(struct stage *s, struct gather *g, int i, const struct folder_known *k)
{
	looks[i] = (struct folder_look){ 0 };
	assert_int_equal(folder_row_look_start(s->pg, g, &looks[i], &leases[i], k, 1, on_looked),
			 0);
	awaited++;
}

#define ROW(inbox)                                                                                 \
	"select concat_ws(' ', name, role, seen_by, seen_every_s, uidvalidity, uid_gated, "        \
	"uid_ingested, highestmodseq, gated_through is null) from folder where inbox_id = '" inbox \
	"' and wire_name = 'new'"

/* A row that is new, found again, with its watermark too high, and under another UIDVALIDITY. */
static void a_row_is_made_and_kept(void **state)
{
	static const struct {
		int64_t uidvalidity, uid_before, uid_end;
		const char *seen_by, *then;
	} steps[] = {
		{ 7, 3, 100, "poll", "new junk poll 60 7 3 3 0 t" },
		{ 7, 50, 100, "", "new junk poll 60 7 40 30 9 f" },
		{ 7, 20, 39, "push", "new junk push 60 7 20 20 0 f" },
		{ 8, 5, 100, "push", "new junk push 60 8 5 5 0 f" },
	};
	static struct stage s;

	(void)state;
	for (int alone = 0; alone < 2; alone++) {
		begin(&s, alone ? "row_alone" : "row_many");
		for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
			struct folder_begin b = inbox7;

			b.wire_name = b.name = "new";
			b.role = "junk";
			b.seen_by = steps[i].seen_by;
			b.uidvalidity = steps[i].uidvalidity;
			b.uid_before = steps[i].uid_before;
			b.uid_end = steps[i].uid_end;
			ensure(&s, alone ? NULL : s.gather, 0, &b);
			stage_until_holds(&s, all_are_told);
			assert_true(outcome_ok(&ensures[0].outcome) && !ensures[0].fenced);
			assert_string_equal(stage_value(&s, ROW(SEED_A)), steps[i].then);
			pgtest_exec(s.admin, "update folder set uid_gated = 40, uid_ingested = 30, "
					     "highestmodseq = 9, gated_through = now() where "
					     "wire_name = 'new'");
		}
		assert_int_equal(ensures[0].uid_gated, 5);
		stage_close(&s);
	}
}

/* Who has lost his lease makes no row and hears of it; the others are one transaction. */
static void many_make_theirs_at_once(void **state)
{
	static struct stage s;
	struct folder_begin b = inbox7;

	(void)state;
	begin(&s, "rows_many");
	pgtest_exec(s.admin, "update lease set epoch = 2 where inbox_id = '" SEED_B "'");
	b.wire_name = b.name = "new";
	for (int i = 0; i < 3; i++)
		ensure(&s, s.gather, i, &b);
	stage_until_holds(&s, all_are_told);
	assert_true(outcome_ok(&ensures[0].outcome) && outcome_ok(&ensures[2].outcome));
	assert_true(!outcome_ok(&ensures[1].outcome) && ensures[1].fenced);
	assert_string_equal(stage_value(&s,
					"select string_agg(right(inbox_id::text, 1), '' order by "
					"inbox_id) || count(distinct xmin::text) from folder "
					"where wire_name = 'new'"),
			    "ac1");
	/* and what was proven did not cover it */
	assert_string_equal(stage_value(&s, "select string_agg(v.*::text, '') from voided v"),
			    "(a)(c)");
	stage_close(&s);
}

/* What was to be looked at again under the old names is not; the folder is not proven until then.
 */
static void other_names_end_what_waits(void **state)
{
	static struct stage s;
	struct folder_begin b = inbox7;

	(void)state;
	begin(&s, "rows_outdated");
	pgtest_exec(s.admin,
		    "update folder set gated_through = now();"
		    "insert into recheck (workspace_id, inbox_id, folder_id, uidvalidity, uid)"
		    " select workspace_id, inbox_id, folder_id, 7, 1 from folder");
	ensure(&s, s.gather, 0, &b);
	b.uidvalidity = 8;
	ensure(&s, s.gather, 1, &b);
	stage_until_holds(&s, all_are_told);
	assert_string_equal(stage_value(&s,
					"select string_agg(right(inbox_id::text, 1), '' order by "
					"inbox_id) from recheck"),
			    "ac");
	assert_string_equal(stage_value(&s, "select string_agg(right(inbox_id::text, 1), '') from "
					    "folder where gated_through is null"),
			    "b");
	assert_string_equal(stage_value(&s, "select string_agg(v.*::text, '') from voided v"),
			    "(b)");
	stage_close(&s);
}

static void what_is_known_is_written(void **state)
{
	static const struct {
		const char *role, *seen_by;
		int64_t uidvalidity, highestmodseq;
		const char *then, *voided;
	} steps[] = {
		{ "inbox", "push", 7, 12, "inbox push 60 12", "0" },
		{ "inbox", "push", 7, -1, "inbox push 60 12", "0" },
		{ "inbox", "poll", 6, 99, "inbox poll 60 12", "0" },
		{ "other", "sweep", 7, -1, "other sweep 60 12", "0" },
		{ "junk", "poll", 7, -1, "junk poll 60 12", "1" },
	};
	static struct stage s;

	(void)state;
	for (int alone = 0; alone < 2; alone++) {
		begin(&s, alone ? "known_alone" : "known_many");
		for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
			const struct folder_known k = {
				.folder = SEED_FOLDER_A,
				.role = steps[i].role,
				.seen_by = steps[i].seen_by,
				.seen_every_s = 60,
				.uidvalidity = steps[i].uidvalidity,
				.highestmodseq = steps[i].highestmodseq,
			};

			look(&s, alone ? NULL : s.gather, 0, &k);
			stage_until_holds(&s, all_are_told);
			assert_true(outcome_ok(&looks[0].outcome) && !looks[0].fenced);
			assert_string_equal(
				stage_value(&s,
					    "select concat_ws(' ', role, seen_by, seen_every_s, "
					    "highestmodseq) from folder where folder_id = "
					    "'" SEED_FOLDER_A "'"),
				steps[i].then);
			assert_string_equal(stage_value(&s, "select count(*) from voided"),
					    steps[i].voided);
		}
		pgtest_exec(s.admin, "update lease set epoch = 2 where inbox_id = '" SEED_A "'");
		look(&s, alone ? NULL : s.gather, 0,
		     &(struct folder_known){ SEED_FOLDER_A, "sent", "poll", 1, 7, 1 });
		stage_until_holds(&s, all_are_told);
		assert_true(looks[0].fenced && !outcome_ok(&looks[0].outcome));
		assert_string_equal(stage_value(&s, "select role from folder where folder_id = "
						    "'" SEED_FOLDER_A "'"),
				    "junk");
		stage_close(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_is_made_and_kept),
		cmocka_unit_test(many_make_theirs_at_once),
		cmocka_unit_test(other_names_end_what_waits),
		cmocka_unit_test(what_is_known_is_written),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
