#include "db/connect_device.h"

/* It tears SQL apart. */
/* clang-format off */
/* Nobody knows what this digest is of: there is no page that leads to the link. */
const char connect_device_sql_new[] =
	"insert into connect_link (workspace_id, connect_link_id, token_digest, provider, expected_address,"
	"  expires_at, by_device) values (workspace_now(), $1::uuid,"
	"  sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), $2, lower($3),"
	"  now() + interval '1 hour', true)";
const char connect_device_sql_look[] =
	"select state, user_code, verification_uri, verification_uri_complete, problem, problem_detail,"
	"  coalesce(inbox_id::text, ''), expires_at <= now() and state in ('open', 'started')"
	" from connect_link where workspace_id = workspace_now() and connect_link_id = $1::uuid";

static const struct pg_stmt code_stmt = {
	"connect_device_code",
	"update connect_link set state = 'started', user_code = $4, verification_uri = $5,"
	"  verification_uri_complete = $6, sealed_device = $7, device_interval_s = $9::bigint::int,"
	"  expires_at = now() + make_interval(secs => $8::bigint),"
	"  device_poll_at = now() + make_interval(secs => $9::bigint), claim_id = null, claimed_at = null"
	" where workspace_id = $1 and connect_link_id = $2 and claim_id = $3 and state = 'open' and by_device"
	" returning 1::bigint",
};
static const struct pg_stmt wait_stmt = {
	"connect_device_wait",
	"update connect_link set device_interval_s = $4::bigint::int, claim_id = null, claimed_at = null,"
	"  device_poll_at = now() + make_interval(secs => $4::bigint)"
	" where workspace_id = $1 and connect_link_id = $2 and claim_id = $3 and state = 'started' and by_device"
	" returning 1::bigint",
};
/* clang-format on */

int connect_device_code_start(struct pg *pg, struct connect_link_write *q,
			      const struct connect_device_code *c,
			      void (*done)(struct connect_link_write *))
{
	*q = (struct connect_link_write){ .done = done };
	pg_tx_init(&q->tx, c->workspace);
	pg_tx_add(&q->tx, &code_stmt, "uuutttbii", c->workspace, c->id, c->claim, c->user_code,
		  c->uri, c->uri_complete, c->sealed, c->sealed_len, c->expires_in_s,
		  (int64_t)c->interval_s);
	return pg_tx_start(pg, &q->tx, connect_link_on_written);
}

int connect_device_wait_start(struct pg *pg, struct connect_link_write *q, const char *workspace,
			      const char *id, const char *claim, int interval_s,
			      void (*done)(struct connect_link_write *))
{
	*q = (struct connect_link_write){ .done = done };
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &wait_stmt, "uuui", workspace, id, claim, (int64_t)interval_s);
	return pg_tx_start(pg, &q->tx, connect_link_on_written);
}
