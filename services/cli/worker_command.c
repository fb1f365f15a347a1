#include "services/cli/worker_command.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "services/cli/admin.h"
#include "services/say.h"

/* ---- list ---- */

/* clang-format off */
static const char rows_sql[] =
	"select w.worker_id, w.host, w.pid, w.capacity, w.held, w.live,"
	" case when w.beat_at < now() - interval '30 seconds' then 'silent' when w.draining then 'draining' else 'working' end,"
	" round(extract(epoch from now() - w.beat_at)::numeric, 1),"
	" (select count(*) from lease l where l.successor_id = w.worker_id), w.slot"
	" from worker w order by w.host, w.slot, w.started_at";
static const char json_sql[] =
	"select coalesce(jsonb_agg(jsonb_build_object('id', w.worker_id, 'host', w.host, 'pid', w.pid, 'slot', w.slot,"
	" 'capacity', w.capacity, 'held', w.held, 'live', w.live, 'draining', w.draining,"
	" 'beat_age_s', round(extract(epoch from now() - w.beat_at)::numeric, 3),"
	" 'taking_over', (select count(*) from lease l where l.successor_id = w.worker_id), 'started_at', w.started_at)"
	" order by w.host, w.slot, w.started_at), '[]')::text from worker w";
static const char unwatched_sql[] = "select count(*) from lease where worker_id is null and watched";
/* clang-format on */

static int list(struct session *db, bool as_json)
{
	char why[256];

	if (session_query(db, as_json ? json_sql : rows_sql, 0, NULL, why) != 0)
		return say(EX_UNAVAILABLE, why);
	if (as_json) {
		puts(session_value(db, 0, 0));
		return 0;
	}
	printf("%-36s  %-16s %7s %8s %8s %8s %6s  %-8s %6s\n", "WORKER", "HOST", "PID", "CAPACITY",
	       "HELD", "LIVE", "COMING", "STATE", "BEAT");
	for (int i = 0; i < session_rows(db); i++)
		printf("%-36s  %-16s %7s %8s %8s %8s %6s  %-8s %5ss\n", session_value(db, i, 0),
		       session_value(db, i, 1), session_value(db, i, 2), session_value(db, i, 3),
		       session_value(db, i, 4), session_value(db, i, 5), session_value(db, i, 8),
		       session_value(db, i, 6), session_value(db, i, 7));
	if (session_query(db, unwatched_sql, 0, NULL, why) != 0)
		return say(EX_UNAVAILABLE, why);
	if (strcmp(session_value(db, 0, 0), "0") != 0)
		printf("%s inboxes are nobody's\n", session_value(db, 0, 0));
	return 0;
}

/* ---- drain ---- */

static int set_draining(struct session *db, const char *id, bool is_draining)
{
	static const char sql[] =
		"update worker set draining = $2::boolean where worker_id = (select worker_id from "
		"worker where starts_with(worker_id::text, lower($1)) and (select count(*) from "
		"worker where starts_with(worker_id::text, lower($1))) = 1) returning worker_id";
	const char *params[] = { id, is_draining ? "true" : "false" };
	char why[256], line[200];

	if (session_query(db, sql, 2, params, why) != 0)
		return say(EX_UNAVAILABLE, why);
	if (session_rows(db) == 1) {
		puts(session_value(db, 0, 0));
		return 0;
	}
	(void)snprintf(line, sizeof(line),
		       "worker %.60s: none or several are called so; see `replyd worker list`", id);
	return say(EX_DATAERR, line);
}

int worker_command(const struct settings *s, const struct options *o)
{
	const char *verb = o->words[1], *id = o->n_words > 2 ? o->words[2] : NULL;
	bool is_list = strcmp(verb, "list") == 0;
	struct session *db;
	int code = 0;

	if (!is_list)
		code = options_want(id, "ID", "the worker, as `replyd worker list` names it");
	if (code == 0)
		code = admin_open(s, o, &db);
	if (code)
		return code;
	code = is_list ? list(db, o->json) : set_draining(db, id, strcmp(verb, "drain") == 0);
	session_close(db);
	return code;
}
