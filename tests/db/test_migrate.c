#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "db/migrate.h"
#include "db/schema.h"
#include "tests/db/pgtest.h"

/* Roles belong to the cluster, so the tests of this file run in their order, in a cluster that
 * began without any. */

static char why[SESSION_WHY];

static size_t steps(void)
{
	size_t n;

	(void)schema_steps(&n);
	return n;
}

static struct session *as_postgres(const char *database)
{
	return pgtest_session(database, PGTEST_ADMIN);
}

/* An administrator who is no superuser, as the hosted PostgreSQLs give one. */
static void a_role_with_createrole_is_enough(void **state)
{
	struct secret password = { 0 };
	const struct migrate_role api = { "replyd_api", &password };
	struct session *s = as_postgres(pgtest_database_empty("hosted")), *admin;

	(void)state;
	secret_set_text(&password, TEXT("hosted's secret"));
	pgtest_exec(s, "create role hosted login createrole password 'x'; grant create on database "
		       "hosted to hosted;"
		       "create role plain login password 'x'");
	session_close(s);

	s = as_postgres("hosted");
	pgtest_exec(s, "set session authorization plain");
	assert_int_equal(migrate_roles(s, &api, 1, why), -EACCES);
	assert_non_null(strstr(why, "CREATEROLE"));
	assert_int_equal(migrate_up(s, NULL, why), -EIO);
	pgtest_exec(s, "reset session authorization");
	assert_string_equal(
		"0",
		pgtest_value(s, "select count(*) from pg_roles where rolname like 'replyd%%'"));

	admin = s;
	pgtest_exec(admin, "set session authorization hosted");
	if (migrate_roles(admin, &api, 1, why) < 0)
		fail_msg("%s", why);
	assert_int_equal(migrate_up(admin, NULL, why), steps());
	pgtest_exec(admin, "reset session authorization");
	assert_string_equal(
		"replyd_admin replyd_api replyd_broker replyd_dispatch replyd_ingest "
		"replyd_rotation",
		pgtest_value(s, "select string_agg(rolname, ' ' order by rolname) from pg_roles"
				" where rolname like 'replyd%%' and rolcanlogin and not rolsuper "
				"and not rolbypassrls"
				" and not rolcreaterole and not rolcreatedb and not rolreplication"
				" and rolconfig = '{\"search_path=replyd, pg_temp\"}'"));
	assert_string_equal(
		"f",
		pgtest_value(s, "select rolcanlogin from pg_roles where rolname = 'replyd_owner'"));
	session_close(s);

	assert_int_equal(
		session_open(pgtest_conninfo("hosted", "replyd_api"), &password, "t", &s, why), 0);
	assert_string_equal("replyd, pg_temp", pgtest_value(s, "show search_path"));
	assert_int_equal(migrate_pending(s, why), 0);
	session_close(s);
	secret_clear(&password);
}

static void roles_are_completed_and_not_changed(void **state)
{
	struct secret first = { 0 }, second = { 0 };
	struct session *s = as_postgres(pgtest_database_empty("again")), *in;
	struct migrate_role one = { "replyd_ingest", &first };

	(void)state;
	secret_set_text(&first, TEXT("it's horse-battery-1"));
	secret_set_text(&second, TEXT("horse-battery-2"));
	assert_int_equal(migrate_roles(s, &one, 1, why), 0);
	assert_int_equal(migrate_roles(s, &one, 1, why), 0);
	assert_int_equal(
		session_open(pgtest_conninfo("again", "replyd_ingest"), &first, "t", &in, why), 0);
	session_close(in);
	one.password = NULL;
	assert_int_equal(migrate_roles(s, &one, 1, why), 0);
	assert_int_equal(
		session_open(pgtest_conninfo("again", "replyd_ingest"), &first, "t", &in, why), 0);
	session_close(in);
	one.password = &second;
	assert_int_equal(migrate_roles(s, &one, 1, why), 0);
	assert_int_equal(
		session_open(pgtest_conninfo("again", "replyd_ingest"), &first, "t", &in, why),
		-EACCES);
	assert_int_equal(
		session_open(pgtest_conninfo("again", "replyd_ingest"), &second, "t", &in, why), 0);
	session_close(in);
	one.role = "replyd_owner";
	assert_int_equal(migrate_roles(s, &one, 1, why), -EINVAL);
	assert_string_equal(
		"t", pgtest_value(s, "select rolpassword like 'SCRAM-SHA-256$%%' from pg_authid"
				     " where rolname = 'replyd_ingest'"));
	assert_string_equal("t", pgtest_value(s, "select rolpassword is null from pg_authid where "
						 "rolname = 'replyd_owner'"));
	session_close(s);
	secret_clear(&first);
	secret_clear(&second);
}

static void no_password_stands_in_the_log(void **state)
{
	static const char *const passwords[] = { "hosted's secret", "it's horse-battery-1",
						 "horse-battery-1", "horse-battery-2" };
	char command[256], line[4096];
	bool altered = false;
	FILE *log;

	(void)state;
	(void)snprintf(command, sizeof(command), "%s/log", pgtest_folder());
	log = fopen(command, "r");
	assert_non_null(log);
	while (fgets(line, sizeof(line), log)) {
		altered = altered ||
			  strstr(line, "alter role replyd_ingest password 'SCRAM-SHA-256$");
		for (size_t i = 0; i < countof(passwords); i++)
			assert_null(strstr(line, passwords[i]));
	}
	(void)fclose(log);
	assert_true(altered); /* it is a log that would have shown it */
}

static void roles_that_see_through_walls_are_refused(void **state)
{
	static const struct {
		const char *name, *grant, *revoke, *says;
	} rows[] = {
		{ "bypassrls", "alter role replyd_api bypassrls",
		  "alter role replyd_api nobypassrls", "role replyd_api has bypassrls" },
		{ "superuser", "alter role replyd_owner superuser",
		  "alter role replyd_owner nosuperuser", "role replyd_owner is a superuser" },
		{ "member", "grant replyd_owner to replyd_broker",
		  "revoke replyd_owner from replyd_broker",
		  "role replyd_broker is a member of replyd_owner" },
		{ "schema of another", "create schema replyd", "drop schema replyd",
		  "schema replyd belongs to postgres" },
	};
	struct session *s = as_postgres(pgtest_database_empty("through"));

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		pgtest_exec(s, "%s", rows[i].grant);
		if (migrate_roles(s, NULL, 0, why) != -EPERM || !strstr(why, rows[i].says))
			fail_msg("%s: %s", rows[i].name, why);
		pgtest_exec(s, "%s", rows[i].revoke);
	}
	/* A login of the owner is simply taken away. */
	pgtest_exec(s, "alter role replyd_owner login");
	assert_int_equal(migrate_roles(s, NULL, 0, why), 0);
	assert_string_equal(
		"f",
		pgtest_value(s, "select rolcanlogin from pg_roles where rolname = 'replyd_owner'"));
	session_close(s);
}

static void a_second_time_changes_nothing(void **state)
{
	struct session *s = as_postgres(pgtest_database_empty("twice"));
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(migrate_pending(s, why), steps()); /* not even a schema */
	assert_int_equal(migrate_roles(s, NULL, 0, why), 0);
	assert_int_equal(migrate_pending(s, why), steps());
	assert_int_equal(migrate_up(s, out, why), steps());
	assert_int_equal(migrate_pending(s, why), 0);
	assert_int_equal(migrate_up(s, out, why), 0);
	(void)fclose(out);
	assert_non_null(strstr(text, "applied 0001_workspace\napplied 0002_inbox\n"));
	assert_null(strstr(strstr(text, "0001_workspace") + 1, "0001_workspace"));
	mem_cleanup(&text);
	assert_string_equal(
		"1",
		pgtest_value(s,
			     "select min(number) from replyd.migration where length(sha256) = 64"));
	session_close(s);
}

static void what_was_applied_must_be_what_we_have(void **state)
{
	static const struct {
		const char *name, *change;
		int r;
		const char *says;
	} rows[] = {
		{ "edited", "update replyd.migration set sha256 = repeat('0', 64) where number = 3",
		  -EKEYREJECTED, "0003_outreach" },
		{ "renamed", "update replyd.migration set name = 'other' where number = 2",
		  -EKEYREJECTED, "0002_other" },
		{ "newer",
		  "insert into replyd.migration (number, name, sha256, works_with) values (900, "
		  "'later', 'x', 900)",
		  -EOVERFLOW, "0900_later" },
		{ "newer, and said to work with us",
		  "insert into replyd.migration (number, name, sha256, works_with) values (900, "
		  "'later', 'x', 3)",
		  0, "" },
		{ "newer, but made for the one after us",
		  "insert into replyd.migration (number, name, sha256, works_with) values (900, "
		  "'later', 'x', 899)",
		  -EOVERFLOW, "newer" },
	};
	struct session *s = as_postgres(pgtest_database_empty("compared"));

	(void)state;
	assert_int_equal(migrate_roles(s, NULL, 0, why), 0);
	assert_int_equal(migrate_up(s, NULL, why), steps());
	pgtest_exec(s, "create table kept as select * from replyd.migration");
	for (size_t i = 0; i < countof(rows); i++) {
		pgtest_exec(s, "%s", rows[i].change);
		why[0] = '\0';
		if (migrate_up(s, NULL, why) != rows[i].r || !strstr(why, rows[i].says))
			fail_msg("%s: %s", rows[i].name, why);
		if (migrate_pending(s, why) != rows[i].r)
			fail_msg("%s, pending: %s", rows[i].name, why);
		pgtest_exec(s, "truncate replyd.migration; insert into replyd.migration select * "
			       "from kept");
	}
	assert_int_equal(migrate_up(s, NULL, why), 0);
	session_close(s);
}

static void a_migration_that_fails_leaves_nothing(void **state)
{
	struct session *s = as_postgres(pgtest_database_empty("failing"));

	(void)state;
	assert_int_equal(migrate_roles(s, NULL, 0, why), 0);
	pgtest_exec(s, "create table replyd.folder ()"); /* stands in the way of the second one */
	assert_int_equal(migrate_up(s, NULL, why), -EIO);
	assert_non_null(strstr(why, "migration 0002_inbox: relation \"folder\" already exists"));
	assert_string_equal(
		"1", pgtest_value(s, "select string_agg(number::text, ' ') from replyd.migration"));
	assert_string_equal(
		"", pgtest_value(s, "select coalesce(to_regclass('replyd.inbox')::text, '')"));
	assert_string_equal("postgres",
			    pgtest_value(s, "select current_user")); /* not left as the owner */
	pgtest_exec(s, "drop table replyd.folder");
	assert_int_equal(migrate_up(s, NULL, why), steps() - 1);
	session_close(s);
}

struct migrator {
	pthread_t thread;
	struct session *s;
	int roles, up;
	char why[SESSION_WHY];
};

static void *migrate(void *arg)
{
	struct migrator *m = arg;

	m->roles = migrate_roles(m->s, NULL, 0, m->why);
	m->up = m->roles < 0 ? 0 : migrate_up(m->s, NULL, m->why);
	return NULL;
}

static void migrators_wait_for_each_other(void **state)
{
	struct migrator m[6] = { 0 };
	char name[16];
	int applied = 0;

	(void)state;
	for (size_t i = 0; i < countof(m); i++) {
		/* Three of one database, three of databases of their own: the roles they share. */
		(void)snprintf(name, sizeof(name), "at_once%zu", i < 3 ? 0 : i);
		if (i == 0 || i >= 3)
			(void)pgtest_database_empty(name);
		m[i].s = as_postgres(name);
	}
	for (size_t i = 0; i < countof(m); i++)
		assert_int_equal(pthread_create(&m[i].thread, NULL, migrate, &m[i]), 0);
	for (size_t i = 0; i < countof(m); i++) {
		assert_int_equal(pthread_join(m[i].thread, NULL), 0);
		if (m[i].roles < 0 || m[i].up < 0)
			fail_msg("%zu: %s", i, m[i].why);
		applied += m[i].up;
		session_close(m[i].s);
	}
	assert_int_equal(applied, 4 * steps());
}

static void steps_are_numbered_in_their_order(void **state)
{
	size_t n;
	const struct schema_step *all = schema_steps(&n);

	(void)state;
	assert_true(n > 0);
	for (size_t i = 0; i < n; i++) {
		assert_true(all[i].number > (i > 0 ? all[i - 1].number : 0));
		assert_int_equal(strlen(all[i].text), all[i].len);
		assert_true(all[i].len > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_are_numbered_in_their_order),
		cmocka_unit_test(a_role_with_createrole_is_enough),
		cmocka_unit_test(roles_are_completed_and_not_changed),
		cmocka_unit_test(no_password_stands_in_the_log),
		cmocka_unit_test(roles_that_see_through_walls_are_refused),
		cmocka_unit_test(a_second_time_changes_nothing),
		cmocka_unit_test(what_was_applied_must_be_what_we_have),
		cmocka_unit_test(a_migration_that_fails_leaves_nothing),
		cmocka_unit_test(migrators_wait_for_each_other),
	};

	pgtest_start_bare();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
