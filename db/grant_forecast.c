#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "db/grant_forecast.h"

#include "base/mem.h"

static void on_read(struct pg_tx *tx, const struct pg_answer *a);
static void on_written(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
#define SECONDS(t) "coalesce(extract(epoch from " t ")::bigint, 0)"

static const struct pg_stmt read_stmt = {
	"grant_forecast_read",
	"select g.workspace_id, g.inbox_id, i.provider, i.address,"
	"  (extract(epoch from g.granted_at) * 1000000)::bigint, " SECONDS("g.granted_at") ","
	"  coalesce(extract(epoch from t.obtained_at)::bigint, " SECONDS("g.granted_at") "),"
	"  " SECONDS("g.refresh_ends_at") ","
	"  (select coalesce(sum(o.consents), 0) from inbox b"
	"    join inbox_grant o on o.inbox_id = b.inbox_id and o.kind = 'oauth'"
	"    where b.address = i.address and b.provider = i.provider),"
	"  g.dies_of, g.told_of, " SECONDS("now()")
	" from inbox_grant g join inbox i on i.inbox_id = g.inbox_id"
	"  left join access_token t on t.inbox_id = g.inbox_id"
	" where g.state = 'ok' and g.kind = 'oauth' and g.forecast_due_at <= now()"
	" order by g.forecast_due_at limit $1",
};

#define FORECAST_SET                                                                               \
	"dies_of = r.dies_of,"                                                                     \
	" dies_at = case when r.dies_at > 0 then to_timestamp(r.dies_at) end,"                     \
	/* spread, so that what came together does not stay together */                            \
	" forecast_due_at = now() + make_interval(secs => r.again * (0.9 + 0.1 * random()))"
#define OF_THIS_CONSENT                                                                            \
	"g.inbox_id = r.inbox and g.state = 'ok'"                                                  \
	" and (extract(epoch from g.granted_at) * 1000000)::bigint = r.granted"

static const struct pg_stmt write_stmt = {
	"grant_forecast_write",
	"update inbox_grant g set " FORECAST_SET
	" from jsonb_to_recordset($1::jsonb)"
	"  as r(inbox uuid, granted bigint, dies_of text, dies_at bigint, again bigint)"
	" where " OF_THIS_CONSENT,
};

static const struct pg_stmt tell_stmt = {
	"grant_forecast_tell",
	"with told as ("
	"  update inbox_grant g set told_of = $2, " FORECAST_SET
	"  from jsonb_to_record($1::jsonb)"
	"   as r(inbox uuid, granted bigint, dies_of text, dies_at bigint, again bigint)"
	"  where " OF_THIS_CONSENT " and g.told_of <> $2"
	"  returning g.workspace_id, g.inbox_id"
	"), linked as (" CONNECT_LINK_AGAIN("told", "$3", "$4") ")"
	" select event_put($5, 'inbox.reauth_forecast', null, null, inbox_id, null, $6) from told",
};
/* clang-format on */

static void on_read(struct pg_tx *tx, const struct pg_answer *a)
{
	struct grant_forecast_read *q = container_of(tx, struct grant_forecast_read, tx);

	q->outcome = a->outcome;
	q->rows = outcome_ok(&a->outcome) ? pg_rows(a, 0) : 0;
	for (int i = 0; i < q->rows; i++) {
		const struct grant_forecast_row r = {
			.workspace = pg_row_text(a, 0, i, 0),
			.inbox = pg_row_text(a, 0, i, 1),
			.provider = pg_row_text(a, 0, i, 2),
			.address = pg_row_text(a, 0, i, 3),
			.granted_us = pg_row_i64(a, 0, i, 4),
			.granted_at = pg_row_i64(a, 0, i, 5),
			.used_at = pg_row_i64(a, 0, i, 6),
			.refresh_ends_at = pg_row_i64(a, 0, i, 7),
			.tokens = (int)pg_row_i64(a, 0, i, 8),
			.dies_of = pg_row_text(a, 0, i, 9),
			.told_of = pg_row_text(a, 0, i, 10),
			.now_s = pg_row_i64(a, 0, i, 11),
		};

		q->each(q, &r);
	}
	q->done(q);
}

int grant_forecast_read_start(struct pg *pg, struct grant_forecast_read *q, int most,
			      void (*each)(struct grant_forecast_read *,
					   const struct grant_forecast_row *),
			      void (*done)(struct grant_forecast_read *))
{
	*q = (struct grant_forecast_read){ .each = each, .done = done };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &read_stmt, "i", (int64_t)most);
	return pg_tx_start(pg, &q->tx, on_read);
}

static json_t *row_of(const struct grant_forecast *f)
{
	return json_pack("{s:s s:I s:s s:I s:I}", "inbox", f->inbox, "granted",
			 (json_int_t)f->granted_us, "dies_of", f->dies_of, "dies_at",
			 (json_int_t)f->dies_at, "again", (json_int_t)f->again_s);
}

static void on_written(struct pg_tx *tx, const struct pg_answer *a)
{
	struct grant_forecast_write *q = container_of(tx, struct grant_forecast_write, tx);

	q->outcome = a->outcome;
	q->told = outcome_ok(&a->outcome) && pg_rows(a, 0) > 0 && pg_row_bool(a, 0, 0, 0);
	q->done(q);
}

int grant_forecast_write_start(struct pg *pg, struct grant_forecast_write *q,
			       const struct grant_forecast *f, int n,
			       void (*done)(struct grant_forecast_write *))
{
	json_t *list = json_array();
	cleanup_free char *text = NULL;

	for (int i = 0; i < n; i++)
		json_array_append_new(list, row_of(&f[i]));
	text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	*q = (struct grant_forecast_write){ .done = done };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &write_stmt, "j", text);
	return pg_tx_start(pg, &q->tx, on_written);
}

int grant_forecast_tell_start(struct pg *pg, struct grant_forecast_write *q,
			      const struct grant_forecast *f, const char *told_of,
			      const struct connect_link_again *link, const char *event,
			      const char *event_data, void (*done)(struct grant_forecast_write *))
{
	json_t *row = row_of(f);
	cleanup_free char *text = json_dumps(row, JSON_COMPACT);

	json_decref(row);
	*q = (struct grant_forecast_write){ .done = done };
	pg_tx_init(&q->tx, f->workspace);
	pg_tx_add(&q->tx, &tell_stmt, "jtubuj", text, told_of, link->id[0] ? link->id : NULL,
		  link->token_digest, sizeof(link->token_digest), event, event_data);
	return pg_tx_start(pg, &q->tx, on_written);
}
