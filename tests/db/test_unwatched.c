#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* What the log says of inboxes that nobody watches: once per gap, and once when they see again. */

#define GAP(inbox, opened)                                                                         \
	"insert into gap (workspace_id, gap_id, inbox_id, blind_from, cause, opened_at) values"    \
	" ('" SEED_WS "', md5('" inbox opened "')::uuid, '" inbox "', now() - interval '1 h',"     \
	" 'worker_gone', now() - interval '" opened "')"
#define STATE(state, reason)                                                                       \
	"update inbox_state set state = '" state "', reason = '" reason                            \
	"', since = clock_timestamp() where inbox_id = '" SEED_A "'"

static void blind_inboxes_are_told_of(void **state)
{
	static const struct {
		const char *name, *does, *told;
	} steps[] = {
		{ "it is connected", STATE("live", ""), "" },
		{ "a gap of a moment", GAP(SEED_A, "1 minute"), "" },
		{ "that goes on", "update gap set opened_at = now() - interval '3 minutes'",
		  "watched>unwatched worker_gone" },
		{ "and on", "select 1", "" },
		{ "nobody watches: the same", STATE("unwatched", ""), "" },
		{ "its server is away", STATE("backing_off", "network"), "" },
		{ "somebody comes", STATE("live", ""), "unwatched>watched " },
		{ "the gap is closed",
		  "update gap set blind_to = now(), closed_at = now() where closed_at is null",
		  "" },
		{ "its connection is there and proves nothing", GAP(SEED_A, "5 minutes"),
		  "watched>unwatched worker_gone" },
		{ "and proves again: no worker has news of it",
		  "update gap set blind_to = now(), closed_at = now() where closed_at is null",
		  "unwatched>watched " },
		{ "paused is no gap to tell", STATE("unwatched", "paused"),
		  "watched>paused paused" },
		{ "however long", GAP(SEED_A, "6 minutes"), "" },
		{ "who was never connected", GAP(SEED_B, "7 minutes"), "" },
	};
	struct session *admin, *rotation;
	const char *told;

	(void)state;
	(void)seed_database("unwatched");
	admin = seed_session("unwatched", PGTEST_ADMIN);
	rotation = pgtest_session("unwatched", "replyd_rotation");
	for (size_t i = 0; i < countof(steps); i++) {
		pgtest_exec(admin, "%s", steps[i].does);
		for (int twice = 0; twice < 2; twice++)
			pgtest_exec(rotation, "select replyd.gaps_told(interval '2 minutes', 9)");
		told = pgtest_value(admin, "select coalesce(string_agg((data ->> 'was') || '>' || "
					   "(data ->> 'state') || ' ' "
					   "|| (data ->> 'reason'), ', ' order by created_at), '')"
					   " from event where type = 'inbox.state_changed'");
		if (strcmp(told, steps[i].told) != 0)
			fail_msg("%s: \"%s\"", steps[i].name, told);
		pgtest_exec(admin, "truncate event, event_queue");
	}
	session_close(admin);
	session_close(rotation);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blind_inboxes_are_told_of),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
