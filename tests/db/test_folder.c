/* What a mailbox makes of folders that change, and what their rows may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db/folder.h"
#include "tests/db/pgtest.h"
#include "tests/db/stage.h"

#define EVENTS "select count(*) = %d from event where type = '%s'"
#define LIVE   "select state = 'live' from inbox_state where inbox_id = '" SEED_A "'"

/* A mail waits to be looked at under a name that it has no more: the look back finds it, and until
 * then nobody is told that the folder is seen. */
static void what_waits_outlives_its_uidvalidity(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "mailbox_waits");
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	stage_watch(&s, 1);
	stage_until(&s, "select count(*) = 2 from trace");
	stage_until(&s, LIVE);
	pgtest_exec(s.admin,
		    "create table blind (was boolean); grant insert on blind to public;"
		    "create function note() returns trigger language plpgsql as $$ begin "
		    "if new.uidvalidity = 70 and old.gated_through is not null and "
		    "new.gated_through is null then insert into replyd.blind values (true); "
		    "end if; return new; end $$;"
		    "create trigger note after update on folder for each row execute function "
		    "note()");
	stage_register(&s, "out.1@example.test", "pat");
	s.imapd.folders[0].uidvalidity = 70;
	s.imapd.folders[0].mails[0].uid = 101;
	s.imapd.folders[0].uidnext = 102;
	imapd_cut_all(&s.imapd);
	stage_until(&s, EVENTS, 1, "reply.received");
	stage_until(&s, "select gated_through is not null from inbox_seen where inbox_id = '" SEED_A
			"'");
	assert_string_equal(stage_value(&s, "select count(*) from blind"), "1");
	assert_string_equal(stage_value(&s, "select count(*) from recheck"), "0");
	stage_close(&s);
}

#define ROLE "select count(*) = 1 from folder where name = 'Bulk' and role = '%s'"

/* Junk is not there for a while: nobody waits for its watermark, and then everybody does again. */
static void a_folder_that_was_gone_is_watched_again(void **state)
{
	static struct stage s;
	const char *attributes;

	(void)state;
	stage_open(&s, "mailbox_gone");
	stage_register(&s, "out.1@example.test", "pat");
	stage_watch(&s, 1);
	stage_until(&s, LIVE);
	stage_until(&s, ROLE, "junk");
	attributes = s.imapd.folders[1].attributes;
	s.imapd.folders[1].attributes = "\\Noselect";
	imapd_cut_all(&s.imapd);
	stage_until(&s, ROLE, "other");
	s.imapd.folders[1].attributes = attributes;
	imapd_reply(&s.imapd, 1, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	imapd_cut_all(&s.imapd);
	stage_until(&s, EVENTS, 1, "reply.received");
	stage_until(&s, ROLE, "junk");
	stage_close(&s);
}

static bool has_proven;

static void on_proven(struct folder_proofs *q)
{
	has_proven = true;
	assert_true(outcome_ok(&q->outcome));
	assert_int_equal(q->written, 1);
}

static bool is_proven(struct stage *s)
{
	(void)s;
	return has_proven;
}

/* A worker's clock may be wrong: what is not over has not been seen. */
static void nobody_has_seen_the_future(void **state)
{
	static struct stage s;
	struct folder_proof proof = { .inbox = SEED_A,
				      .epoch = 1,
				      .interval_s = 60,
				      .gated_at_us = clock_unix_us() + INT64_C(3600000000),
				      .ingested_at_us = clock_unix_us() + INT64_C(3600000000) };
	struct folder_proofs q = { 0 };

	(void)state;
	stage_open(&s, "mailbox_future");
	has_proven = false;
	q.done = on_proven;
	assert_int_equal(folder_proofs_start(s.pg, &q, &proof, 1), 0);
	stage_until_holds(&s, is_proven);
	assert_string_equal(
		stage_value(&s, "select greatest(gated_through, ingested_through) <= now() and "
				"least(gated_through, ingested_through) > now() - interval "
				"'1 minute' from inbox_proof where inbox_id = '" SEED_A "'"),
		"t");
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_waits_outlives_its_uidvalidity),
		cmocka_unit_test(a_folder_that_was_gone_is_watched_again),
		cmocka_unit_test(nobody_has_seen_the_future),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
