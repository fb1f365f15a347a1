#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "base/mem.h"
#include "services/cli/status_command.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* What the operator sees on one screen: each trouble by its name, and only while it lasts. */

/* The names of what is the matter, each with a blank behind it. */
static void matters(struct session *db, char ret[256])
{
	char *text = NULL;
	size_t size = 0, i;
	FILE *f = open_memstream(&text, &size);
	int code = status_command_show(db, true, f);
	json_t *all, *check;

	(void)fclose(f);
	all = json_loads(text, 0, NULL);
	assert_non_null(all);
	ret[0] = '\0';
	json_array_foreach(json_object_get(all, "checks"), i, check)
	{
		assert_true(json_string_length(json_object_get(check, "says")) > 0);
		if (!json_is_true(json_object_get(check, "ok")))
			(void)snprintf(ret + strlen(ret), 256 - strlen(ret), "%s ",
				       json_string_value(json_object_get(check, "name")));
	}
	assert_int_equal(code, ret[0] ? 1 : 0);
	assert_true(json_is_true(json_object_get(all, "ok")) == (code == 0));
	json_decref(all);
	free(text);
	/* and people are told the same */
	f = open_memstream(&text, &size);
	assert_int_equal(status_command_show(db, false, f), code);
	(void)fclose(f);
	assert_true((strstr(text, "  bad  ") != NULL) == (code == 1));
	free(text);
}

#define GAP_A                                                                                      \
	"insert into gap (workspace_id, gap_id, inbox_id, blind_from, cause) values ('" SEED_WS    \
	"', '" SEED_ENDPOINT "', '" SEED_A "', now() - interval '1 h', 'worker_gone')"

static void each_trouble_has_its_line(void **state)
{
	static const struct {
		const char *name, *does, *want;
	} steps[] = {
		{ "its worker works", "update worker set beat_at = now(), draining = false", "" },
		{ "it is silent", "update worker set beat_at = now() - interval '1 minute'",
		  "workers " },
		{ "there is none", "delete from lease; delete from worker", "" },
		{ "one needs somebody",
		  "update inbox_state set state = 'reauth_required' where inbox_id = '" SEED_A "'",
		  "needs you " },
		{ "who is let go does not",
		  "update inbox set admin_state = 'removed' where inbox_id = '" SEED_A "'", "" },
		{ "nor is he blind", GAP_A, "" },
		{ "who is watched is",
		  "update inbox set admin_state = 'enabled' where inbox_id = '" SEED_A "';"
		  "update inbox_state set state = 'live' where inbox_id = '" SEED_A "'",
		  "blind " },
		{ "no more", "update gap set blind_to = now(), closed_at = now()", "" },
		{ "a provider lets nobody in",
		  "insert into metric (name, value) values ('replyd_provider_outages_open', 1)",
		  "providers " },
		{ "the broker tells of something",
		  "delete from metric where name = 'replyd_provider_outages_open';"
		  "insert into metric (name, label, label_value, value) values"
		  " ('replyd_broker_alarms', 'reason', 'x', 1)",
		  "broker " },
		{ "dead letters",
		  "delete from metric where name = 'replyd_broker_alarms';"
		  "update metric set value = 1 where name = 'replyd_deliveries' and label_value = "
		  "'dead'",
		  "deliveries " },
		{ "one that waits long",
		  "update metric set value = 0 where name = 'replyd_deliveries';"
		  "update metric set value = 301 where name = 'replyd_delivery_oldest_due_seconds'",
		  "deliveries " },
		{ "a queue that nobody takes",
		  "update metric set value = 0 where name = 'replyd_delivery_oldest_due_seconds';"
		  "update metric set value = 1001 where name = 'replyd_events_waiting'",
		  "events " },
		{ "rotation stands still",
		  "update metric set value = 0, counted_at = now() - interval '2 minutes'",
		  "rotation " },
		{ "it never ran", "delete from metric", "rotation " },
	};
	struct session *admin, *rotation, *operator;
	char got[256];

	(void)state;
	(void)seed_database("status");
	admin = seed_session("status", PGTEST_ADMIN);
	rotation = pgtest_session("status", "replyd_rotation");
	operator= pgtest_session("status", "replyd_admin");
	pgtest_exec(rotation, "call metrics_count()");
	for (size_t i = 0; i < countof(steps); i++) {
		pgtest_exec(admin, "%s", steps[i].does);
		matters(operator, got);
		if (strcmp(got, steps[i].want) != 0)
			fail_msg("%s: \"%s\"", steps[i].name, got);
	}
	session_close(operator);
	session_close(rotation);
	session_close(admin);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_trouble_has_its_line) };

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
