#include "db/loose_consent.h"

/* clang-format off */
static const struct pg_stmt hold = {
	"loose_consent_hold",
	"insert into loose_consent (workspace_id, loose_id, connect_link_id, provider, address, sealed, due_at)"
	" values (workspace_now(), $1, $2, $3, $4, $5, now() + make_interval(secs => $6::bigint)) returning 1::bigint",
};
/* Only when the attempt was ours to the end: it stands as what the claim made of it. */
static const struct pg_stmt settled = {
	"loose_consent_settled",
	"delete from loose_consent c using connect_link k where c.workspace_id = workspace_now() and c.loose_id = $1"
	" and k.workspace_id = c.workspace_id and k.connect_link_id = c.connect_link_id and k.claim_id = $2"
	" and k.state in ('checking', 'connected')",
};
static const struct pg_stmt failed = {
	"loose_consent_failed",
	"update loose_consent set due_at = now(), reason = $3, address = coalesce(nullif($2, ''), address)"
	" where workspace_id = workspace_now() and loose_id = $1",
};
/* clang-format on */

int loose_consent_hold_start(struct pg *pg, struct connect_link_write *q,
			     const struct loose_consent *c,
			     void (*done)(struct connect_link_write *))
{
	*q = (struct connect_link_write){ .done = done };
	pg_tx_init(&q->tx, c->workspace);
	pg_tx_add(&q->tx, &hold, "uuttbi", c->id, c->link, c->provider, c->address, c->sealed,
		  c->sealed_len, c->due_in_s);
	return pg_tx_start(pg, &q->tx, connect_link_on_written);
}

void loose_consent_add_settled(struct pg_tx *tx, const char *id, const char *claim)
{
	pg_tx_add(tx, &settled, "uu", id, claim);
}

void loose_consent_add_failed(struct pg_tx *tx, const char *id, const char *address,
			      const char *problem)
{
	pg_tx_add(tx, &failed, "utt", id, address, problem);
}
