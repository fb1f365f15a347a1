/* When an API key was last used is known, and costs the requests nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "services/api/key_use.h"
#include "tests/db/pgtest.h"
#include "tests/oauth/tokenbench.h"

#define UNTIL TOKENBENCH_UNTIL
#define ONE   "10000000-0000-4000-8000-000000000001"
#define TWO   "10000000-0000-4000-8000-000000000002"

static struct api_key_find key_of(const struct tokenbench *b, const char *id)
{
	struct api_key_find k = { .is = API_KEY_GOOD };

	snprintf(k.workspace, sizeof(k.workspace), "%s", b->workspace);
	snprintf(k.api_key, sizeof(k.api_key), "%s", id);
	return k;
}

/* How often each was written, first the one and then the other. */
static bool is_written(struct tokenbench *b, const char *times)
{
	return strcmp(pgtest_value(b->admin, "select string_agg(n::text, ' ' order by api_key_id)"
					     " from replyd.written"),
		      times) == 0;
}

static void it_is_written_once_a_minute_per_key(void **state)
{
	struct tokenbench b;
	struct key_use u;
	struct pg *pg;

	(void)state;
	tokenbench_open(&b, "key_use");
	pgtest_exec(
		b.admin,
		"insert into replyd.api_key (workspace_id, api_key_id, digest, prefix, label, "
		"scopes) select '%s', id::uuid, sha256(id::bytea), left(id, 8), 'l', '{read}'"
		" from unnest(array['" ONE "', '" TWO "']) id;"
		"create table replyd.written as select api_key_id, 0 as n from replyd.api_key;"
		"create function replyd.count_written() returns trigger language plpgsql security"
		" definer as $$ begin update replyd.written set n = n + 1 where api_key_id = "
		"new.api_key_id; return null; end $$;"
		"create trigger counted after update on replyd.api_key for each row execute"
		" function replyd.count_written()",
		b.workspace);
	const struct api_key_find one = key_of(&b, ONE), two = key_of(&b, TWO);

	pg = tokenbench_pg(&b, "replyd_api");
	key_use_init(&u, pg);
	key_use_write(&u); /* nothing */
	for (uint64_t ms = 1; ms < 1000; ms++)
		key_use_note(&u, &one, ms);
	key_use_note(&u, &two, 1000);
	assert_true(is_written(&b, "0 0"));
	key_use_write(&u);
	UNTIL(&b, is_written(&b, "1 1"));
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.api_key where "
						  "last_used_at > now() - interval '1 min'"),
			    "2");

	/* A minute later once more; what another process wrote a moment ago it leaves alone. */
	pgtest_exec(b.admin, "update replyd.api_key set last_used_at = now() - interval '2 min'"
			     " where api_key_id = '" ONE "'; update replyd.written set n = 0");
	key_use_note(&u, &one, 1 + KEY_USE_EVERY_MS - 1);
	key_use_write(&u);
	key_use_note(&u, &one, 1 + KEY_USE_EVERY_MS);
	key_use_note(&u, &two, 1000 + KEY_USE_EVERY_MS);
	key_use_write(&u);
	UNTIL(&b, is_written(&b, "1 0") && !u.is_writing);
	assert_true(list_is_empty(&u.due));
	pg_drop(pg);
	key_use_clear(&u);
	tokenbench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(it_is_written_once_a_minute_per_key) };

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
