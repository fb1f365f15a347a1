#include "db/reach.h"

#include "base/mem.h"

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt put_smtp = {
	"reach_put_smtp",
	"insert into inbox_smtp as s (workspace_id, inbox_id, state, reason, detail, host, port, security)"
	" select workspace_id, inbox_id, $2::text, $3::text, $4::text, $5::text, $6::bigint::int, $7::text"
	"  from inbox where workspace_id = workspace_now() and inbox_id = $1::uuid"
	"  and admin_state <> 'removed'"
	" on conflict (workspace_id, inbox_id) do update set state = excluded.state,"
	"  reason = excluded.reason, detail = excluded.detail, host = excluded.host,"
	"  port = excluded.port, security = excluded.security, checked_at = now()",
};
static const struct pg_stmt put_offer = {
	"reach_put_offer",
	"update connect_link set offers = case when $2::bigint > 0"
	"  then jsonb_build_object('port', $2::bigint, 'security', 'starttls') end"
	" where workspace_id = workspace_now() and connect_link_id = $1::uuid",
};
/* clang-format on */

static void on_put(struct pg_tx *tx, const struct pg_answer *a)
{
	struct reach_put *q = container_of(tx, struct reach_put, tx);

	q->outcome = a->outcome;
	q->done(q);
}

int reach_put_start(struct pg *pg, struct reach_put *q, const struct reach_found *f,
		    void (*done)(struct reach_put *))
{
	q->done = done;
	pg_tx_init(&q->tx, f->workspace);
	pg_tx_add(&q->tx, &put_smtp,
		  "utttt"
		  "it",
		  f->inbox, f->state, f->reason, f->detail, f->host, f->port, f->security);
	pg_tx_add(&q->tx, &put_offer, "ui", f->link, f->starttls_port);
	return pg_tx_start(pg, &q->tx, on_put);
}
