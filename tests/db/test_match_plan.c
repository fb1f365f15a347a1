/* What a look-up costs must not follow how many outbounds there are: its plan, made while the
 * tables were empty, reads by index what it gives, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

#define OUTBOUNDS "20000"

/* Twenty ids of which ten are there, and twenty names of which ten are, each of eight outbounds and
 * more. */
static const char ask[] =
	"select count(*) from reply_find('{" SEED_WS "}', json_build_array(json_build_object("
	"'job', 1, 'workspace_id', '" SEED_WS "', 'digests', (select json_agg(sha256(convert_to("
	"'id ' || (n * " OUTBOUNDS "/10 + 1), 'UTF8'))) from generate_series(0, 19) n), "
	"'names', (select json_agg(sha256(convert_to('name ' || (n * " OUTBOUNDS
	"/1000 + 1), 'UTF8'))) from generate_series(0, 19) n))))";

static const char fill[] =
	"insert into outbound (workspace_id, outbound_id, inbox_id, sequence, step, prospect_key, "
	"prospect_address, message_id, sent_at) select '" SEED_WS "', md5(n::text)::uuid, '" SEED_A
	"', 's', '1', n::text, 'p', 'm', now() from "
	"generate_series(1, " OUTBOUNDS ") n;"
	"insert into outbound_key (workspace_id, digest, outbound_id, outbound_created_at) select "
	"workspace_id, sha256(convert_to('id ' || prospect_key, 'UTF8')), outbound_id, created_at "
	"from outbound;"
	"insert into outbound_name select workspace_id, sha256(convert_to('name ' || "
	"(prospect_key::int / 100), 'UTF8')), sent_at, outbound_id, created_at from outbound";

/* What this transaction read, of the tables of the look-up. */
static const char read_by[] =
	"select coalesce(sum(seq_scan), 0) || ' ' || (coalesce(sum(idx_tup_fetch), 0) <= %d) from "
	"pg_stat_xact_user_tables where relname like 'outbound%%'";

static void a_lookup_reads_what_it_gives(void **state)
{
	static const struct {
		const char *name, *found;
		int most; /* rows: a key and its outbound, or a name and its outbound */
	} rounds[] = {
		{ "empty", "0", 0 },
		{ "full, by the plan that was made while it was empty", "90", 180 },
		{ "full, once more", "90", 180 },
	};
	struct session *admin, *ingest;

	(void)state;
	(void)seed_database("plan");
	admin = seed_session("plan", PGTEST_ADMIN);
	ingest = seed_session("plan", "replyd_ingest");
	for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
		const char *says;

		if (i == 1)
			pgtest_exec(admin, "%s", fill);
		pgtest_exec(ingest, "begin");
		says = pgtest_value(ingest, "%s", ask);
		if (strcmp(says, rounds[i].found) != 0)
			fail_msg("%s: %s are found, not %s", rounds[i].name, says, rounds[i].found);
		says = pgtest_value(ingest, read_by, rounds[i].most);
		if (strcmp(says, "0 true") != 0)
			fail_msg("%s: sequential scans, and no more rows than it gives: %s",
				 rounds[i].name, says);
		pgtest_exec(ingest, "commit");
		/* What is not told yet counts as this transaction's. */
		(void)pgtest_value(ingest, "select pg_stat_force_next_flush()");
	}
	session_close(admin);
	session_close(ingest);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_lookup_reads_what_it_gives) };

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
