#include "services/cli/status_command.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "db/migrate.h"
#include "services/cli/admin.h"
#include "services/say.h"

/*
 * One row for each thing that can be the matter: its name, whether it is well, and figures.  They
 * are rotation's sums of some seconds ago (metrics_now in the schema), and what PostgreSQL knows
 * now of workers and gaps.
 */

/* A queue that long is no moment's: an appender takes thousands a second. */
#define EVENTS_WAITING "1000"
/* Endpoints that refuse are tried again with back-off, so a delivery is due for seconds. */
#define DUE_S "300"
/* Rotation counts every few seconds. */
#define COUNTED_S "60"

/* clang-format off */
#define CHECKS \
	"with m as materialized (select name, label_value as v, value from metrics_now()" \
	" union all select name, label_value, value from metrics_fleet()" \
	" union all select name, label_value, value from metrics_broker())," \
	" f as (select" \
	" (select value from m where name = 'replyd_metrics_age_seconds') as age," \
	" coalesce(sum(value) filter (where name = 'replyd_workers' and v = 'working'), 0) as working," \
	" coalesce(sum(value) filter (where name = 'replyd_workers' and v = 'draining'), 0) as draining," \
	" coalesce(sum(value) filter (where name = 'replyd_workers' and v = 'silent'), 0) as silent," \
	" coalesce(sum(value) filter (where name = 'replyd_worker_inboxes' and v = 'held'), 0) as held," \
	" coalesce(sum(value) filter (where name = 'replyd_worker_inboxes' and v = 'capacity'), 0) as capacity," \
	" coalesce(sum(value) filter (where name = 'replyd_events_waiting'), 0) as waiting," \
	" coalesce(sum(value) filter (where name = 'replyd_deliveries' and v = 'due'), 0) as due," \
	" coalesce(sum(value) filter (where name = 'replyd_deliveries' and v = 'dead'), 0) as dead," \
	" coalesce(max(value) filter (where name = 'replyd_delivery_oldest_due_seconds'), 0) as oldest_due," \
	" coalesce(sum(value) filter (where name = 'replyd_token_requests_waiting'), 0) as tokens," \
	" coalesce(sum(value) filter (where name = 'replyd_broker_alarms'), 0) as alarms," \
	" coalesce(sum(value) filter (where name = 'replyd_provider_outages_open'), 0) as outages," \
	" (select count(*) from lease where watched) as watched," \
	" (select count(*) from lease where watched and worker_id is null) as nobodys," \
	" (select count(*) from gap join inbox i using (workspace_id, inbox_id) where closed_at is null and i.admin_state = 'enabled') as gaps," \
	" (select round(extract(epoch from now() - min(opened_at))) from gap join inbox i using (workspace_id, inbox_id)" \
	" where closed_at is null and i.admin_state = 'enabled') as gap_s," \
	" (select count(*) from inbox_state join inbox i using (workspace_id, inbox_id)" \
	" where state in ('reauth_required', 'held') and i.admin_state = 'enabled') as needy," \
	" (select coalesce(string_agg(n || ' ' || state, ', ' order by n desc, state), 'none yet')" \
	" from (select state, count(*) as n from inbox_state join inbox i using (workspace_id, inbox_id)" \
	" where i.admin_state <> 'removed' group by state) s) as states from m)," \
	" checks (no, name, well, says) as (" \
	" select 1, 'rotation', age between 0 and " COUNTED_S \
	", case when age < 0 then 'never counted: is it running?' else format('counted %s s ago', round(age)) end from f" \
	" union all select 2, 'workers', silent = 0 and (working > 0 or watched = 0)," \
	" format('%s working, %s draining, %s silent; hold %s of %s', working, draining, silent, held, capacity) from f" \
	" union all select 3, 'inboxes', nobodys = 0 or working = 0," \
	" states || case when nobodys > 0 then format('; %s are nobody''s', nobodys) else '' end from f" \
	" union all select 4, 'needs you', needy = 0, format('%s inboxes', needy) from f" \
	" union all select 5, 'blind', gaps = 0, case when gaps = 0 then 'none' else format('%s, the oldest for %s s', gaps, gap_s) end from f" \
	" union all select 6, 'events', waiting <= " EVENTS_WAITING ", format('%s wait for their position', waiting) from f" \
	" union all select 7, 'deliveries', dead = 0 and oldest_due <= " DUE_S \
	", format('%s due, the oldest for %s s; %s dead letters', due, round(oldest_due), dead) from f" \
	" union all select 8, 'broker', alarms = 0, format('%s requests wait, %s alarms', tokens, alarms) from f" \
	" union all select 9, 'providers', outages = 0, format('%s let nobody in', outages) from f)"

static const char rows_sql[] = CHECKS " select name, case when well then 'ok' else 'bad' end, says from checks order by no";
static const char json_sql[] = CHECKS
	" select jsonb_build_object('ok', bool_and(well), 'checks', jsonb_agg(jsonb_build_object("
	"'name', name, 'ok', well, 'says', says) order by no))::text, bool_and(well) from checks";
/* clang-format on */

static int show_rows(struct session *db, FILE *f)
{
	int code = 0;

	for (int i = 0; i < session_rows(db); i++) {
		(void)fprintf(f, "%-10s  %-3s  %s\n", session_value(db, i, 0),
			      session_value(db, i, 1), session_value(db, i, 2));
		if (strcmp(session_value(db, i, 1), "ok") != 0)
			code = 1;
	}
	return code;
}

int status_command_show(struct session *db, bool as_json, FILE *f)
{
	char why[256];

	if (session_query(db, as_json ? json_sql : rows_sql, 0, NULL, why) != 0)
		return say(EX_UNAVAILABLE, why);
	if (!as_json)
		return show_rows(db, f);
	(void)fprintf(f, "%s\n", session_value(db, 0, 0));
	return strcmp(session_value(db, 0, 1), "t") == 0 ? 0 : 1;
}

int status_command(const struct settings *s, const struct options *o)
{
	struct session *db;
	char why[256];
	int missing, code = admin_open(s, o, &db);

	if (code)
		return code;
	/* A schema that is not there yet cannot be asked. */
	missing = migrate_pending(db, why);
	if (missing > 0)
		code = say(EX_CONFIG, "migrations are missing; run `replyd migrate up`");
	else
		code = missing < 0 ? say(EX_CONFIG, why) : status_command_show(db, o->json, stdout);
	session_close(db);
	return code;
}
