#include <stdlib.h>

#include "db/broker_tally.h"

#include "base/mem.h"

static void on_written(struct pg_tx *tx, const struct pg_answer *a);
static void on_read(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt count_stmt = {
	"broker_tally_count",
	"insert into broker_tally as t (name, label, label_value, value)"
	" select name, label, label_value, value from jsonb_to_recordset($1::jsonb)"
	"  as r(name text, label text, label_value text, value double precision)"
	"  order by name, label, label_value" /* two brokers never wait in a ring */
	" on conflict (name, label, label_value) do update"
	"  set value = t.value + excluded.value, counted_at = now()",
};
static const struct pg_stmt alarm_stmt = {
	"broker_tally_alarm",
	"with now_told as ("
	"  select provider, reason, max(ends_at) as ends_at from jsonb_to_recordset($2::jsonb)"
	"   as r(provider text, reason text, ends_at bigint) group by provider, reason"
	"), gone as ("
	"  delete from broker_alarm a where a.broker_id = $1 and not exists (select 1"
	"    from now_told n where n.provider = a.provider and n.reason = a.reason)"
	") insert into broker_alarm as a (broker_id, provider, reason, ends_at)"
	" select $1, provider, reason, case when ends_at > 0 then to_timestamp(ends_at) end"
	"  from now_told order by provider, reason"
	" on conflict (broker_id, provider, reason) do update"
	"  set seen_at = now(), ends_at = excluded.ends_at",
};
static const struct pg_stmt survey_stmt = { "broker_survey", "select broker_survey()" };
static const struct pg_stmt read_stmt = {
	"broker_tally_alarms",
	"select coalesce(jsonb_agg(jsonb_build_object('name', 'oauth_client:' || provider, 'ok', false,"
	"  'detail', reason) order by provider, reason), '[]')::text"
	" from (select distinct provider, reason from broker_alarm"
	"  where seen_at > now() - interval '1 minute') a",
};
/* clang-format on */

int broker_tally_start(struct pg *pg, struct broker_tally_write *q, const char *broker,
		       const json_t *counts, const json_t *alarms, bool with_survey,
		       void (*done)(struct broker_tally_write *))
{
	cleanup_free char *counted = json_dumps(counts, JSON_COMPACT);
	cleanup_free char *alarmed = json_dumps(alarms, JSON_COMPACT);

	*q = (struct broker_tally_write){ .done = done };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &count_stmt, "j", counted);
	pg_tx_add(&q->tx, &alarm_stmt, "uj", broker, alarmed);
	if (with_survey)
		pg_tx_add(&q->tx, &survey_stmt, "");
	return pg_tx_start(pg, &q->tx, on_written);
}

static void on_written(struct pg_tx *tx, const struct pg_answer *a)
{
	struct broker_tally_write *q = container_of(tx, struct broker_tally_write, tx);

	q->outcome = a->outcome;
	q->done(q);
}

int broker_tally_alarms_start(struct pg *pg, struct broker_tally_alarms *q,
			      void (*done)(struct broker_tally_alarms *))
{
	*q = (struct broker_tally_alarms){ .done = done };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &read_stmt, "");
	return pg_tx_start(pg, &q->tx, on_read);
}

static void on_read(struct pg_tx *tx, const struct pg_answer *a)
{
	struct broker_tally_alarms *q = container_of(tx, struct broker_tally_alarms, tx);

	q->outcome = a->outcome;
	q->checks = outcome_ok(&a->outcome) && pg_rows(a, 0) > 0
			    ? json_loads(pg_row_text(a, 0, 0, 0), 0, NULL)
			    : NULL;
	q->done(q);
}
