#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/migrate.h"

#include "base/mem.h"
#include "base/sign.h"
#include "base/text.h"
#include "db/schema.h"

/* One migrator at a time in a database. */
#define LOCK     "select pg_advisory_lock(hashtextextended('replyd.migrate', 0))"
#define UNLOCK   "select pg_advisory_unlock(hashtextextended('replyd.migrate', 0))"
#define AS_OWNER "set local role replyd_owner; set local search_path = replyd, pg_temp; "

static const char *const role_names[] = { "replyd_ingest",   "replyd_broker", "replyd_dispatch",
					  "replyd_rotation", "replyd_api",    "replyd_admin" };
#define ROLE_LIST                                                                                  \
	"replyd_ingest, replyd_broker, replyd_dispatch, replyd_rotation, replyd_api, replyd_admin"

const char *const *migrate_role_names(size_t *ret_n)
{
	*ret_n = countof(role_names);
	return role_names;
}

/* A statement of ours with names of ours in it. */
static int execf(struct session *s, char why[256], const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int execf(struct session *s, char why[256], const char *fmt, ...)
{
	char sql[1024];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(sql, sizeof(sql), fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(sql))
		abort(); /* only our own names go in */
	return session_exec(s, sql, why);
}

/* End the transaction, keeping the reason it failed for. */
static int finish(struct session *s, int r, char why[256])
{
	char unread[SESSION_WHY];

	if (r >= 0)
		return session_exec(s, "commit", why);
	(void)session_exec(s, "rollback", unread);
	return r;
}

static bool sqlstate_is(const struct session *s, const char *code)
{
	return strcmp(session_sqlstate(s), code) == 0;
}

/* Roles ------------------------------------------------------------------ */

static int role_exists(struct session *s, const char *role, char why[256])
{
	int r = session_query(s, "select 1 from pg_catalog.pg_roles where rolname = $1", 1, &role,
			      why);

	return r < 0 ? r : session_rows(s);
}

static int make_owner(struct session *s, char why[256])
{
	int r = role_exists(s, "replyd_owner", why);

	if (r == 0)
		r = session_exec(s, "create role replyd_owner nologin", why);
	else if (r > 0)
		r = session_exec(s, "alter role replyd_owner nologin", why);
	/* Who is no superuser must be a member to give things to the owner. */
	if (r >= 0)
		r = session_exec(
			s,
			"do $$ begin if not (select rolsuper from pg_catalog.pg_roles "
			"where rolname = current_user) then "
			"execute format('grant replyd_owner to %I', current_user); end if; end $$",
			why);
	return r;
}

static int set_password(struct session *s, const struct migrate_role *role, char why[256])
{
	cleanup_buf struct buf verifier = { .max = 512 };

	if (session_verifier(s, role->role, role->password, &verifier) < 0 ||
	    strchr((const char *)verifier.data, '\'')) {
		(void)snprintf(why, SESSION_WHY, "no verifier can be made for the password of %s",
			       role->role);
		return -EINVAL;
	}
	return execf(s, why, "alter role %s password '%s'", role->role,
		     (const char *)verifier.data);
}

static int make_role(struct session *s, const char *name, char why[256])
{
	int r = role_exists(s, name, why);

	if (r == 0)
		r = execf(s, why, "create role %s login", name);
	if (r >= 0)
		/* pg_temp last: a temporary table must not stand in front of ours. */
		r = execf(s, why, "alter role %s set search_path = replyd, pg_temp", name);
	return r;
}

/* Roles that were there before us may have more rights than the walls bear. */
static int check_walls(struct session *s, char why[256])
{
	int r = session_query(
		s,
		"select r.rolname, case when r.rolsuper then 'is a superuser' "
		"when r.rolbypassrls then 'has bypassrls' else 'is a member of replyd_owner' end "
		"from pg_catalog.pg_roles r "
		"where r.rolname = any (string_to_array('replyd_owner, " ROLE_LIST "', ', ')) "
		"and (r.rolsuper or r.rolbypassrls or (r.rolname <> 'replyd_owner' "
		"and pg_has_role(r.oid, 'replyd_owner', 'member')))",
		0, NULL, why);

	if (r < 0 || session_rows(s) == 0)
		return r;
	(void)snprintf(why, SESSION_WHY,
		       "role %s %s and would see every workspace; take that from it, or drop the "
		       "role and try again",
		       session_value(s, 0, 0), session_value(s, 0, 1));
	return -EPERM;
}

static int make_schema(struct session *s, char why[256])
{
	int r = session_exec(
		s,
		"create schema if not exists replyd authorization replyd_owner;"
		"revoke all on schema replyd from public;"
		"grant usage on schema replyd to " ROLE_LIST ";"
		/* What PostgreSQL gives to everybody unless told: functions may be run. */
		"alter default privileges for role replyd_owner revoke execute on functions from "
		"public",
		why);

	if (r < 0)
		return r;
	r = session_query(s,
			  "select n.nspowner::regrole::text from pg_catalog.pg_namespace n where "
			  "n.nspname = 'replyd'",
			  0, NULL, why);
	if (r == 0 && strcmp(session_value(s, 0, 0), "replyd_owner") != 0) {
		(void)snprintf(
			why, SESSION_WHY,
			"schema replyd belongs to %s; alter schema replyd owner to replyd_owner",
			session_value(s, 0, 0));
		return -EPERM;
	}
	return r;
}

static int make_all(struct session *s, const struct migrate_role *roles, size_t n, char why[256])
{
	int r = make_owner(s, why);

	for (size_t i = 0; r >= 0 && i < countof(role_names); i++)
		r = make_role(s, role_names[i], why);
	if (r >= 0)
		r = check_walls(s, why);
	for (size_t i = 0; r >= 0 && i < n; i++)
		if (roles[i].password)
			r = set_password(s, &roles[i], why);
	return r < 0 ? r : make_schema(s, why);
}

/*
 * Roles belong to the cluster, and the lock to one database: a migrator of
 * another database may change the same role at the same moment.
 */
static bool was_beaten(const struct session *s)
{
	return sqlstate_is(s, "XX000") || /* tuple concurrently updated */
	       sqlstate_is(s, "42710") || /* the role exists by now */
	       sqlstate_is(s, "23505");
}
#define BEATEN_TRIES 20

static bool is_ours(const char *role)
{
	for (size_t i = 0; i < countof(role_names); i++)
		if (strcmp(role, role_names[i]) == 0)
			return true;
	return false;
}

int migrate_roles(struct session *admin, const struct migrate_role *roles, size_t n, char why[256])
{
	char unread[SESSION_WHY];
	int r;

	for (size_t i = 0; i < n; i++) {
		if (is_ours(roles[i].role))
			continue;
		(void)snprintf(why, SESSION_WHY, "%s is not a role of replyd", roles[i].role);
		return -EINVAL;
	}
	r = session_exec(admin, LOCK, why);
	for (int i = 0; r >= 0 && i < BEATEN_TRIES; i++) {
		bool beaten;

		r = session_exec(admin, "begin", why);
		if (r == 0)
			r = make_all(admin, roles, n, why);
		beaten = r == -EIO && was_beaten(admin);
		if (r == -EIO && sqlstate_is(admin, "42501"))
			r = -EACCES;
		r = finish(admin, r, why);
		if (!beaten)
			break;
		r = i + 1 < BEATEN_TRIES ? 0 : r;
	}
	(void)session_exec(admin, UNLOCK, unread);
	if (r == -EACCES) {
		char said[128];

		(void)snprintf(said, sizeof(said), "%s", why);
		(void)snprintf(why, SESSION_WHY,
			       "%s; migrate as a superuser, or as a role with CREATEROLE "
			       "that may create schemas in this database",
			       said);
	}
	return r;
}

/* Migrations ------------------------------------------------------------- */

static void digest_of(const struct schema_step *step, char ret[2 * SIGN_SHA256 + 1])
{
	uint8_t digest[SIGN_SHA256];
	cleanup_buf struct buf hex = { .max = 2 * SIGN_SHA256 };

	sign_sha256(step->text, step->len, digest);
	if (text_add_hex(&hex, digest, sizeof(digest)) < 0)
		abort();
	(void)snprintf(ret, 2 * SIGN_SHA256 + 1, "%s", (const char *)hex.data);
}

/* The number of its works-with line; its own when there is none. */
static int works_with(const struct schema_step *step)
{
	static const char mark[] = "\n-- works-with: ";
	const char *at = strstr(step->text, mark);

	return at ? (int)strtol(at + sizeof(mark) - 1, NULL, 10) : step->number;
}

/* Where the step of this number is; n: it is none of ours.  Numbers rise, with holes between. */
static size_t step_of(const struct schema_step *steps, size_t n, long number)
{
	size_t i = 0;

	while (i < n && steps[i].number != number)
		i++;
	return i;
}

/*
 * Compare what the database has with what we have.  `ret_has[i]`: step i is
 * applied.  Rows: number, name, sha256, works_with.
 */
static int compare(struct session *s, const struct schema_step *steps, size_t n, bool *ret_has,
		   char why[256])
{
	int r = session_query(
		s, "select number, name, sha256, works_with from replyd.migration order by number",
		0, NULL, why);

	for (int row = 0; r == 0 && row < session_rows(s); row++) {
		long number = strtol(session_value(s, row, 0), NULL, 10);
		size_t at = step_of(steps, n, number);
		char digest[2 * SIGN_SHA256 + 1];

		if (at == n) {
			if (strtol(session_value(s, row, 3), NULL, 10) <= steps[n - 1].number)
				continue;
			(void)snprintf(why, SESSION_WHY,
				       "the database has migration %04ld_%s, which this replyd "
				       "does not know; run a newer replyd",
				       number, session_value(s, row, 1));
			return -EOVERFLOW;
		}
		digest_of(&steps[at], digest);
		if (strcmp(session_value(s, row, 2), digest) != 0 || /* house: ok, no secret */
		    strcmp(session_value(s, row, 1), steps[at].name) != 0) {
			(void)snprintf(why, SESSION_WHY,
				       "migration %04ld_%s was edited after it was applied; "
				       "restore its text and put the change into a new one",
				       number, session_value(s, row, 1));
			return -EKEYREJECTED;
		}
		ret_has[at] = true;
	}
	return r;
}

static int apply(struct session *s, const struct schema_step *step, char why[256])
{
	char number[16], with[16], digest[2 * SIGN_SHA256 + 1], said[160];
	const char *row[] = { number, step->name, digest, with };
	int r;

	(void)snprintf(number, sizeof(number), "%d", step->number);
	(void)snprintf(with, sizeof(with), "%d", works_with(step));
	digest_of(step, digest);
	r = session_exec(s, "begin; " AS_OWNER, why);
	if (r == 0)
		r = session_exec(s, step->text, why);
	/* The migration may have moved it. */
	if (r == 0)
		r = session_exec(s, AS_OWNER, why);
	if (r == 0)
		r = session_query(s,
				  "insert into migration (number, name, sha256, works_with) "
				  "values ($1::int, $2, $3, $4::int)",
				  countof(row), row, why);
	r = finish(s, r, why);
	if (r < 0) {
		(void)snprintf(said, sizeof(said), "%s", why);
		(void)snprintf(why, SESSION_WHY, "migration %04d_%s: %s", step->number, step->name,
			       said);
	}
	return r;
}

static int make_table(struct session *s, char why[256])
{
	int r = session_exec(s,
			     "begin; " AS_OWNER "create table if not exists migration ("
			     "number int primary key, name text not null, sha256 text not null, "
			     "works_with int not null,"
			     " applied_at timestamptz not null default clock_timestamp());"
			     "grant select on migration to " ROLE_LIST,
			     why);

	return finish(s, r, why);
}

static int apply_missing(struct session *s, FILE *out, char why[256])
{
	size_t n;
	const struct schema_step *steps = schema_steps(&n);
	cleanup_free bool *has = mem_new(n * sizeof(*has));
	int r = make_table(s, why), done = 0;

	if (r == 0)
		r = compare(s, steps, n, has, why);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (has[i])
			continue;
		r = apply(s, &steps[i], why);
		if (r < 0)
			break;
		done++;
		if (out)
			(void)fprintf(out, "applied %04d_%s\n", steps[i].number, steps[i].name);
	}
	return r < 0 ? r : done;
}

int migrate_up(struct session *admin, FILE *out, char why[256])
{
	char unread[SESSION_WHY];
	int r = session_exec(admin, LOCK, why);

	if (r < 0)
		return r;
	r = apply_missing(admin, out, why);
	(void)session_exec(admin, UNLOCK, unread);
	return r;
}

int migrate_pending(struct session *s, char why[256])
{
	size_t n;
	const struct schema_step *steps = schema_steps(&n);
	cleanup_free bool *has = mem_new(n * sizeof(*has));
	int missing = 0, r = compare(s, steps, n, has, why);

	/* No schema or no table: nothing was ever applied. */
	if (r == -EIO && (sqlstate_is(s, "42P01") || sqlstate_is(s, "3F000")))
		r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		missing += !has[i];
	return r < 0 ? r : missing;
}
