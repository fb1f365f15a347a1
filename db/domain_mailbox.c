#include "db/domain_mailbox.h"

#include "base/mem.h"
#include "db/inbox_grant.h"

#define FORCED                                                                                     \
	"refused_by_server" /* as in db/inbox_grant.c, which answers the request behind it         \
			     */

/* It tears SQL apart. */
/* clang-format off */
/*
 * A server refuses a token that the whole domain uses and that is fresh: it is this mailbox.  The
 * worker learns that no better one comes by its request being gone.
 */
static const struct pg_stmt answer_stmt = {
	"domain_mailbox_answer",
	"with gone as ("
	"  delete from token_request r using inbox_grant g, domain_grant d"
	"  where g.inbox_id = r.inbox_id and g.kind = 'app_only' and g.state = 'ok'"
	"    and d.workspace_id = g.workspace_id and d.domain_grant_id = g.domain_grant_id"
	"    and r.refused_version >= g.version and g.domain_version = d.token_version"
	"    and d.token_at > now() - make_interval(secs => $1::bigint)"
	"  returning 1"
	") select count(*) from gone",
};

/* In nobody's hands, and there is something to make its token of. */
#define CLAIMABLE                                                                                  \
	" g.domain_grant_id is not null and g.state = 'ok' and d.state = 'ok'"                     \
	" and i.admin_state = 'enabled'"                                                           \
	" and (g.claim_id is null or g.claimed_at < now() - make_interval(secs => $3::bigint))"    \
	" and (d.kind = 'delegated' or d.token_version > g.domain_version"                         \
	"  and d.token_expires_at > now() + least(make_interval(secs => $4::bigint),"              \
	"   (d.token_expires_at - d.token_at) / 4))"
#define ITS                                                                                        \
	" join inbox i on i.workspace_id = g.workspace_id and i.inbox_id = g.inbox_id"             \
	" join domain_grant d on d.workspace_id = g.workspace_id and d.domain_grant_id = g.domain_grant_id"
/* Requests first, then those whose time has come: as in db/inbox_grant.c. */
static const struct pg_stmt claim_stmt = {
	"domain_mailbox_claim",
	"with asked as ("
	"  select g.inbox_id, r.requested_at as since from token_request r"
	"    join inbox_grant g on g.workspace_id = r.workspace_id and g.inbox_id = r.inbox_id" ITS
	"  where g.failures = 0 and" CLAIMABLE
	"  order by r.requested_at limit $2 for update of g skip locked"
	"), timely as ("
	"  select g.inbox_id, g.refresh_due_at as since from inbox_grant g" ITS
	"  where g.refresh_due_at is not null and g.refresh_due_at <= now() and" CLAIMABLE
	"  order by g.refresh_due_at limit $2 for update of g skip locked"
	"), " INBOX_GRANT_CLAIMED,
};

/*
 * A new snapshot: what another broker saved before our claim was committed is seen here.  No index
 * on who has claimed what: it would be written to with every claim and every save.
 */
static const struct pg_stmt read_stmt = {
	"domain_mailbox_read",
	"select g.workspace_id, g.inbox_id, i.address, d.domain_grant_id, d.provider, d.tenant,"
	"  d.client_id, d.kind = 'app_only',"
	"  case when d.kind = 'app_only' then d.token_sealed else d.sealed end, g.version, d.version,"
	"  d.token_version,"
	"  coalesce(extract(epoch from d.token_expires_at - now())::bigint, 0), g.failures,"
	"  coalesce(r.refused_version >= g.version, false)"
	" from inbox_grant g"
	"  join inbox i on i.workspace_id = g.workspace_id and i.inbox_id = g.inbox_id"
	"  join domain_grant d on d.workspace_id = g.workspace_id and d.domain_grant_id = g.domain_grant_id"
	"  left join token_request r on r.inbox_id = g.inbox_id"
	" where g.inbox_id = any (current_setting('replyd.claimed')::uuid[]) and g.claim_id = $1"
	"  and g.state = 'ok'",
};

/* The kind of a token is how one logs in with it. */
static const struct pg_stmt save_stmt = {
	"domain_mailbox_save",
	"with saved as ("
	"  update inbox_grant set reason = case when $4 then '" FORCED "' else '' end, evidence = '',"
	"    version = version + 1, domain_version = $3, claim_id = null, claimed_at = null,"
	"    claim_tries = 0, failures = 0, refresh_due_at = now() + make_interval(secs => $7::bigint),"
	"    updated_at = now()"
	"  where inbox_id = $1 and version = $2 and state = 'ok'"
	"  returning workspace_id, inbox_id, version"
	"), handed as ("
	"  insert into access_token (workspace_id, inbox_id, kind, sealed, version, expires_at)"
	"  select workspace_id, inbox_id, 'oauth', $5, version, now() + make_interval(secs => $6::bigint)"
	"  from saved"
	"  on conflict (workspace_id, inbox_id) do update set kind = excluded.kind, sealed = excluded.sealed,"
	"    version = excluded.version, expires_at = excluded.expires_at, obtained_at = now()"
	"), answered as ("
	"  delete from token_request r using saved s"
	"  where r.inbox_id = s.inbox_id and r.refused_version < s.version"
	/* A worker that had given it up sees it move, and looks at the token. */
	"), moved as ("
	"  update lease l set watched = l.watched from saved s, inbox_state i"
	"  where l.inbox_id = s.inbox_id and i.inbox_id = s.inbox_id and i.state in ('new', 'backing_off', 'held', 'reauth_required')"
	"  returning 1"
	") select version, (select count(*) from moved) from saved",
};
/* clang-format on */

static void read_row(const struct pg_answer *a, int row, struct buf *sealed,
		     struct domain_mailbox_row *ret)
{
	*ret = (struct domain_mailbox_row){
		.workspace = pg_row_text(a, 2, row, 0),
		.inbox = pg_row_text(a, 2, row, 1),
		.address = pg_row_text(a, 2, row, 2),
		.grant = pg_row_text(a, 2, row, 3),
		.provider = pg_row_text(a, 2, row, 4),
		.tenant = pg_row_text(a, 2, row, 5),
		.client_id = pg_row_text(a, 2, row, 6),
		.is_app_only = pg_row_bool(a, 2, row, 7),
		.version = pg_row_i64(a, 2, row, 9),
		.grant_version = pg_row_i64(a, 2, row, 10),
		.token_version = pg_row_i64(a, 2, row, 11),
		.expires_in_s = pg_row_i64(a, 2, row, 12),
		.failures = (int)pg_row_i64(a, 2, row, 13),
		.forced = pg_row_bool(a, 2, row, 14),
	};
	pg_row_box(a, 2, row, 8, sealed, &ret->sealed, &ret->sealed_len);
}

static void on_claimed(struct pg_tx *tx, const struct pg_answer *a)
{
	struct domain_mailbox_claim *q = container_of(tx, struct domain_mailbox_claim, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome)) {
		q->answered = (int)pg_row_i64(a, 0, 0, 0);
		q->claimed = pg_rows(a, 2);
	}
	for (int i = 0; i < q->claimed; i++) {
		struct domain_mailbox_row r;
		cleanup_buf struct buf sealed;

		read_row(a, i, &sealed, &r);
		q->each(q, &r);
	}
	q->done(q);
}

int domain_mailbox_claim_start(struct pg *pg, struct domain_mailbox_claim *q,
			       const struct domain_mailbox_want *w,
			       void (*each)(struct domain_mailbox_claim *,
					    const struct domain_mailbox_row *),
			       void (*done)(struct domain_mailbox_claim *))
{
	*q = (struct domain_mailbox_claim){ .each = each, .done = done };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &answer_stmt, "i", w->refused_again_s);
	pg_tx_add(&q->tx, &claim_stmt, "uiii", w->claim, (int64_t)w->most,
		  pg_row_stale_s(w->stale_ms), w->fresh_s);
	pg_tx_add(&q->tx, &read_stmt, "u", w->claim);
	return pg_tx_start(pg, &q->tx, on_claimed);
}

static void on_saved(struct pg_tx *tx, const struct pg_answer *a)
{
	struct domain_mailbox_save *q = container_of(tx, struct domain_mailbox_save, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome) && pg_rows(a, 0) > 0)
		q->version = pg_row_i64(a, 0, 0, 0);
	if (q->version > 0)
		q->is_awaited = pg_row_i64(a, 0, 0, 1) > 0;
	q->done(q);
}

int domain_mailbox_save_start(struct pg *pg, struct domain_mailbox_save *q,
			      const struct domain_mailbox_saved *s,
			      void (*done)(struct domain_mailbox_save *))
{
	*q = (struct domain_mailbox_save){ .done = done };
	pg_tx_init(&q->tx, s->workspace);
	pg_tx_add(&q->tx, &save_stmt, "uiiBbii", s->inbox, s->version, s->token_version,
		  (int)s->forced, s->access, s->access_len, s->expires_in_s, s->refresh_in_s);
	return pg_tx_start(pg, &q->tx, on_saved);
}
