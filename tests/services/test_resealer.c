/* Boxes under an older master key come under the one that seals now, in portions, whoever else
 * works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "services/resealer.h"
#include "tests/db/pgtest.h"
#include "tests/oauth/tokenbench.h"

#define UNTIL    TOKENBENCH_UNTIL
#define MANY     (2 * RESEAL_BATCH + 3)
#define ROTATION "select state || ' ' || moved || ' ' || unopened from replyd.key_rotation"

struct bench {
	struct tokenbench b;
	struct pg *pg;
	struct log log;
	struct resealer r;
	char instance[RAND_UUID];
	const char *inbox[MANY];
};

/* Key 2 is to take the place of key 1, under which all grants stand. */
static void open_bench(struct bench *k, const char *database)
{
	cleanup_secret struct secret second = { 0 };
	uint8_t bytes[SEAL_KEY];

	memset(k, 0, sizeof(*k));
	tokenbench_open(&k->b, database);
	for (int i = 0; i < MANY; i++) {
		char user[16];

		snprintf(user, sizeof(user), "u%d", i);
		k->inbox[i] = tokenbench_inbox(&k->b, user, "oauth");
	}
	rand_bytes(bytes, sizeof(bytes));
	secret_set(&second, bytes, sizeof(bytes));
	assert_int_equal(vault_add(&k->b.grants, 2, &second), 0);
	pgtest_exec(k->b.admin,
		    "insert into replyd.master_key (key_group, master_id, check_value, state, "
		    "sealing_since) values ('grant', 1, decode(repeat('01', 16), 'hex'), 'held', "
		    "now() - interval '1 day'), ('grant', 2, decode(repeat('02', 16), 'hex'), "
		    "'sealing', now() - interval '1 hour');"
		    "insert into replyd.key_rotation (key_group, to_id, state) values ('grant', 2, "
		    "'sealing')");
	k->pg = tokenbench_pg(&k->b, "replyd_broker");
	log_child(&k->log, NULL, "%s", "");
	rand_uuid(k->instance);
	resealer_init(&k->r, k->pg, &k->log, &k->b.grants, k->instance);
}

static void close_bench(struct bench *k)
{
	resealer_drop(&k->r);
	pg_drop(k->pg);
	tokenbench_close(&k->b);
}

static void pass(struct bench *k)
{
	resealer_kick(&k->r);
	resealer_kick(&k->r); /* one is under way */
	UNTIL(&k->b, k->r.state == RESEALER_IDLE);
}

static const char *of(struct bench *k, const char *sql)
{
	return pgtest_value(k->b.admin, "%s", sql);
}

static void all_boxes_come_under_the_key_that_seals(void **state)
{
	static struct bench k;

	(void)state;
	open_bench(&k, "resealer");
	/* It has not heard yet which key seals: what it would write stood under the old one. */
	pass(&k);
	assert_string_equal(of(&k, "select string_agg(distinct key_id::text, ' ') from "
				   "replyd.inbox_grant"),
			    "1");
	assert_int_equal(vault_use(&k.b.grants, 2), 0);
	pass(&k);
	assert_string_equal(of(&k, "select string_agg(distinct key_id::text, ' ') from "
				   "replyd.inbox_grant"),
			    "2");
	for (int i = 0; i < MANY; i++) {
		char want[24];

		snprintf(want, sizeof(want), "rt.u%d.0", i);
		assert_string_equal(tokenbench_grant_of(&k.b, k.inbox[i]), want);
	}
	/* Nothing stands under the old one: it is retired, and the next look ends it. */
	assert_string_equal(of(&k, ROTATION), "proving 17 0");
	pass(&k);
	assert_string_equal(of(&k, ROTATION), "done 17 0");
	close_bench(&k);
}

static void what_does_not_open_is_told_and_keeps_its_key(void **state)
{
	static struct bench k;

	(void)state;
	open_bench(&k, "resealer_unopened");
	assert_int_equal(vault_use(&k.b.grants, 2), 0);
	/* Its last byte is another one: it names key 1 and is none of its boxes. */
	pgtest_exec(
		k.b.admin,
		"update replyd.inbox_grant set sealed = set_byte(sealed, octet_length(sealed) - 1,"
		" get_byte(sealed, octet_length(sealed) - 1) # 1) where inbox_id = '%s'",
		k.inbox[RESEAL_BATCH]);
	pass(&k);
	assert_string_equal(of(&k, ROTATION), "sealing 16 1");
	assert_string_equal(of(&k, "select count(*) from replyd.inbox_grant where key_id = 1"),
			    "1");
	assert_string_equal(of(&k, "select state from replyd.master_key where master_id = 1"),
			    "held");
	close_bench(&k);
}

/* Of two processes one does the work; who was killed over it is followed. */
static void one_works_at_a_time(void **state)
{
	static struct bench k;

	(void)state;
	open_bench(&k, "resealer_two");
	assert_int_equal(vault_use(&k.b.grants, 2), 0);
	pgtest_exec(k.b.admin, "update replyd.key_rotation set worked_by = gen_random_uuid(),"
			       " worked_at = now()");
	pass(&k);
	assert_string_equal(of(&k, "select count(*) from replyd.inbox_grant where key_id = 2"),
			    "0");
	pgtest_exec(k.b.admin,
		    "update replyd.key_rotation set worked_at = now() - interval '1 min'");
	pass(&k);
	assert_string_equal(of(&k, "select count(*) from replyd.inbox_grant where key_id = 1"),
			    "0");
	close_bench(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_boxes_come_under_the_key_that_seals),
		cmocka_unit_test(what_does_not_open_is_told_and_keeps_its_key),
		cmocka_unit_test(one_works_at_a_time),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
