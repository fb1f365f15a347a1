/* When a master key is done with: nothing stands under it, and nothing is on its way there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "db/reseal.h"
#include "tests/db/pgtest.h"
#include "tests/db/race.h"
#include "tests/db/seed.h"

/* What has the outside of a box under master key `id`. */
#define BOX(id) "set_byte(set_byte(decode(repeat('00', 40), 'hex'), 0, 83), 1, " id ")"
#define ROTATION                                                                                   \
	"insert into replyd.master_key (key_group, master_id, check_value, state, sealing_since)"  \
	" values ('grant', 1, decode(repeat('01', 16), 'hex'), 'held', now() - interval '1 day')," \
	" ('grant', 2, decode(repeat('02', 16), 'hex'), 'sealing', now() - interval '1 hour');"    \
	"insert into replyd.key_rotation (key_group, to_id, state) values ('grant', 2, 'sealing')"
#define STATE "select state from replyd.key_rotation"

static void who_came_before_the_retirement_is_counted(void **state)
{
	struct session *admin;
	struct race writer, ender;

	(void)state;
	admin = pgtest_session(seed_database("reseal_race"), PGTEST_ADMIN);
	race_open(&writer, "reseal_race", "replyd_broker");
	race_open(&ender, "reseal_race", "replyd_broker");
	pgtest_exec(admin, ROTATION);
	/* Its process still means the old key, and has not committed yet. */
	race_run(&writer, "begin");
	race_run(&writer,
		 "update inbox_grant set sealed = " BOX("1") " where inbox_id = '" SEED_A "'");
	assert_string_equal(writer.sqlstate, "");
	assert_string_equal(race_run(&ender, "select reseal_end('grant', 0)"), "proving");
	assert_string_equal(race_run(&ender, "select reseal_end('grant', 0)"), "proving");

	/* It does so between the counting and the look at who is still under way. */
	pgtest_exec(admin, "begin; lock table replyd.domain_grant in access exclusive mode");
	race_send(&ender, "select reseal_end('grant', 0)");
	race_waits(&ender, admin);
	race_run(&writer, "commit");
	pgtest_exec(admin, "commit");
	assert_string_equal(race_answer(&ender), "proving");

	race_run(&ender, "update inbox_grant set sealed = " BOX("2"));
	assert_string_equal(race_run(&ender, "select reseal_end('grant', 0)"), "done");
	assert_string_equal(pgtest_value(admin, STATE), "done");
	race_close(&writer);
	race_close(&ender);
	session_close(admin);
}

/* Wherever a box stands it is counted, and the place is walked. */
static void no_box_is_left_behind(void **state)
{
	static const struct {
		const char *name, *put, *take_back;
	} rows[] = {
		{ "a grant", "update inbox_grant set sealed = " BOX("1"),
		  "update inbox_grant set sealed = " BOX("2") },
		{ "a consent set aside",
		  "insert into removal (workspace_id, inbox_id, sealed) values ('" SEED_WS
		  "', '" SEED_A "', " BOX("1") ") on conflict (workspace_id, inbox_id)"
					       " do update set sealed = excluded.sealed",
		  "update removal set sealed = " BOX("2") },
		{ "a consent that is nobody's",
		  "insert into loose_consent (workspace_id, loose_id, connect_link_id, provider, "
		  "sealed, due_at) values ('" SEED_WS
		  "', gen_random_uuid(), gen_random_uuid(), 'p', " BOX("1") ", now())",
		  "update loose_consent set sealed = " BOX("2") },
		{ "a device code",
		  "insert into connect_link (workspace_id, connect_link_id, token_digest, provider,"
		  " state, by_device, expires_at, sealed_device) values ('" SEED_WS
		  "', gen_random_uuid(), uuid_send(gen_random_uuid()), 'p', 'started', true, now() "
		  "+ interval '1 hour', " BOX("1") ")",
		  "update connect_link set sealed_device = " BOX("2") },
	};
	struct session *admin, *person;
	struct buf boxes;

	(void)state;
	buf_init(&boxes, 4096);
	reseal_boxes_sql(&boxes);
	admin = pgtest_session(seed_database("reseal_places"), PGTEST_ADMIN);
	pgtest_exec(admin, "set search_path = replyd, pg_temp");
	person = pgtest_session("reseal_places", "replyd_admin");
	for (size_t i = 0; i < countof(rows); i++) {
		pgtest_exec(admin, "delete from key_rotation; delete from master_key; " ROTATION
				   "; update key_rotation set state = 'sealing'");
		pgtest_exec(admin, "%s", rows[i].put);
		if (strcmp(pgtest_value(admin, "select reseal_end('grant', 0)"), "sealing") != 0)
			fail_msg("%s is not counted", rows[i].name);
		if (strcmp(pgtest_value(person,
					"select coalesce(sum(boxes), 0) > 0 from (%s) b where "
					"key_group = 'grant' and master_id = 1",
					boxes.data),
			   "t") != 0)
			fail_msg("%s is not listed", rows[i].name);
		pgtest_exec(admin, "%s", rows[i].take_back);
		if (strcmp(pgtest_value(admin, "select reseal_end('grant', 0)"), "proving") != 0)
			fail_msg("%s is counted too often", rows[i].name);
		if (strcmp(pgtest_fails(admin, "%s", rows[i].put), "RP002") != 0)
			fail_msg("%s is written under a retired key", rows[i].name);
	}
	buf_clear(&boxes);
	session_close(person);
	session_close(admin);
}

/* Each of them can be read and written by who reseals it. */
static void every_place_is_open_to_its_resealer(void **state)
{
	static const struct {
		const char *group, *role;
		size_t places;
	} rows[] = { { "grant", "replyd_broker", 6 },
		     { "token", "replyd_broker", 1 },
		     { "webhook", "replyd_dispatch", 4 } };

	(void)state;
	(void)seed_database("reseal_open");
	for (size_t i = 0; i < countof(rows); i++) {
		struct session *s = seed_session("reseal_open", rows[i].role);
		const struct reseal_place *p;
		size_t n = 0;

		for (; (p = reseal_place(rows[i].group, n)); n++) {
			pgtest_exec(s, "prepare t (bigint, uuid, bigint) as %s", p->take.sql);
			pgtest_exec(s, "execute t (1, '" SEED_A "', 1); deallocate t");
			pgtest_exec(s, "prepare p (uuid, uuid, bytea, bytea) as %s", p->put.sql);
			pgtest_exec(s, "execute p ('" SEED_WS "', '" SEED_A "', 'x', 'y');"
				       " deallocate p");
			pgtest_exec(s, "%s", p->count.sql);
		}
		if (n != rows[i].places)
			fail_msg("%s: %zu places", rows[i].group, n);
		session_close(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_came_before_the_retirement_is_counted),
		cmocka_unit_test(no_box_is_left_behind),
		cmocka_unit_test(every_place_is_open_to_its_resealer),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
