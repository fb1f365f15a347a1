#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/migrate.h"
#include "db/session.h"
#include "services/say.h"
#include "services/up/database.h"

static int connect_patiently(const char *conninfo, const struct secret *password,
			     const struct database_patience *patience, struct session **ret)
{
	uint64_t until_ms = clock_mono_ms() + patience->ms;
	char why[256];
	int r;

	for (;;) {
		r = session_open(conninfo, password, "replyd up", ret, why);
		if (r != -ECONNREFUSED || clock_mono_ms() >= until_ms)
			break;
		if (!patience->pause(patience->owner))
			return EX_TEMPFAIL;
	}
	if (r == 0)
		return 0;
	return say(r == -ECONNREFUSED ? EX_UNAVAILABLE : r == -EACCES ? EX_NOPERM : EX_CONFIG, why);
}

/* The private cluster comes with `postgres` only; an operator's database is there already. */
static int create_database(const char *place, const char *admin_user, const struct secret *password,
			   const struct database_patience *patience)
{
	char at_postgres[CONNINFO_MAX], conninfo[CONNINFO_MAX], why[256];
	struct session *s;
	int r, code;

	/* The last dbname wins in libpq. */
	if ((size_t)snprintf(at_postgres, sizeof(at_postgres), "%s dbname='postgres'", place) >=
		    sizeof(at_postgres) ||
	    conninfo_join(at_postgres, admin_user, conninfo) != 0)
		return say(EX_CONFIG, "database.url is too long");
	code = connect_patiently(conninfo, password, patience, &s);
	if (code)
		return code;
	r = session_query(s, "select 1 from pg_database where datname = 'replyd'", 0, NULL, why);
	if (r == 0 && session_rows(s) == 0)
		r = session_exec(s, "create database replyd", why);
	/* What PostgreSQL gives to everybody: nobody here needs tables of his own. */
	if (r == 0)
		r = session_exec(s, "revoke temporary on database replyd from public", why);
	if (r)
		code = say(EX_UNAVAILABLE, why);
	session_close(s);
	return code;
}

static int make_roles(struct session *s, const struct keyring *k)
{
	const struct migrate_role roles[] = {
		{ "replyd_admin", &k->is[KEYRING_ADMIN] },
		{ "replyd_ingest", &k->is[KEYRING_INGEST] },
		{ "replyd_broker", &k->is[KEYRING_BROKER] },
		{ "replyd_dispatch", &k->is[KEYRING_DISPATCH] },
		{ "replyd_rotation", &k->is[KEYRING_ROTATION] },
		{ "replyd_api", &k->is[KEYRING_API] },
	};
	char why[256];
	int r = migrate_roles(s, roles, countof(roles), why);

	return r ? say(r == -EACCES ? EX_NOPERM : EX_UNAVAILABLE, why) : 0;
}

int database_ready(const char *place, const char *admin_user, const struct secret *admin_password,
		   const struct keyring *k, const struct database_patience *patience)
{
	char conninfo[CONNINFO_MAX], why[256];
	struct session *s;
	int r, code;

	if (strcmp(admin_user, "replyd_root") == 0) {
		code = create_database(place, admin_user, admin_password, patience);
		if (code)
			return code;
	}
	if (conninfo_join(place, admin_user, conninfo) != 0)
		return say(EX_CONFIG, "database.url is too long");
	code = connect_patiently(conninfo, admin_password, patience, &s);
	if (code)
		return code;
	r = session_pooler_check(conninfo, admin_password, why);
	code = r == 0 ? 0 : say(r == 1 ? EX_CONFIG : EX_UNAVAILABLE, why);
	if (code == 0)
		code = make_roles(s, k);
	if (code == 0) {
		r = migrate_up(s, stderr, why);
		if (r < 0)
			code = say(r == -EIO ? EX_UNAVAILABLE : EX_CONFIG, why);
	}
	session_close(s);
	return code;
}
