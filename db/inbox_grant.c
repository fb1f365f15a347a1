#include <string.h>

#include "db/inbox_grant.h"

#include "base/mem.h"
#include "db/token.h"

#define FORCED "refused_by_server" /* reason of a good grant whose token was refreshed by force */

/* It tears SQL apart. */
/* clang-format off */
/* The token that the server refused was itself got by force a moment ago: another would not help. */
#define HOPELESS(seconds)                                                                          \
	"(t.kind = 'oauth' and t.version <= r.refused_version and g.reason = '" FORCED "'"         \
	" and t.obtained_at > now() - make_interval(secs => " seconds "::bigint))"

/*
 * Requests that need no refresh.  A grant that is not 'ok', or is not there, is
 * told through inbox_state, since a worker may not read grants.
 */
static const struct pg_stmt answer_stmt = {
	"inbox_grant_answer",
	"with asked as ("
	"  select r.inbox_id, r.refused_version,"
	"    g.inbox_id is null or g.state <> 'ok' as dead,"
	"    coalesce(nullif(g.reason, ''), 'no_grant') as reason,"
	"    coalesce(g.evidence, '') as evidence,"
	"    t.version > r.refused_version and " TOKEN_FRESH("$1") " as usable,"
	"    " HOPELESS("$2") " as hopeless"
	"  from token_request r"
	"    left join inbox_grant g using (inbox_id)"
	"    left join access_token t using (inbox_id)"
	"), told as ("
	"  update inbox_state s set state = 'reauth_required', reason = a.reason,"
	"    detail = a.evidence, since = now()"
	"  from asked a where a.dead and s.inbox_id = a.inbox_id"
	"    and (s.state <> 'reauth_required' or s.reason <> a.reason)"
	"), gone as ("
	"  delete from token_request r using asked a"
	"  where r.inbox_id = a.inbox_id and r.refused_version = a.refused_version"
	"    and (a.dead or a.usable or a.hopeless)"
	"  returning 1"
	") select count(*) from gone",
};

/*
 * May be claimed: a good grant of its own (db/domain_mailbox for the others) of a provider that is
 * not left alone, in nobody's hands.  Whoever
 * died over it is respected longer each time, so that what kills brokers is not asked for ever
 * at full speed.
 */
#define CLAIMABLE                                                                                  \
	" g.state = 'ok' and g.domain_grant_id is null"                                            \
	" and (g.claim_id is null or g.claimed_at < now()"                                         \
	"  - make_interval(secs => $3::bigint * power(2, least(g.claim_tries - 1, 6))))"           \
	" and g.provider <> all (string_to_array($4, ','))"                                        \
	" and ($5::text is null or g.provider = $5)"
#define TIMELY " g.state = 'ok' and g.domain_grant_id is null and g.refresh_due_at is not null"
/*
 * Requests first, then those whose time has come, each read by its own index in its own order and
 * no further than there is room: how many wait behind costs nothing.  The latter provider by
 * provider, found one after the other in that index: thousands of one that is left alone are not
 * even looked at.
 */
static const struct pg_stmt claim_stmt = {
	"inbox_grant_claim",
	"with recursive present (provider) as ("
	"  (select g.provider from inbox_grant g where" TIMELY " order by g.provider limit 1)"
	"  union all"
	"  select (select g.provider from inbox_grant g where" TIMELY " and g.provider > p.provider"
	"    order by g.provider limit 1) from present p where p.provider is not null"
	"), asked as ("
	"  select g.inbox_id, r.requested_at as since from token_request r"
	"    join inbox_grant g on g.inbox_id = r.inbox_id"
	"    join inbox i on i.inbox_id = r.inbox_id"
	"    left join access_token t on t.inbox_id = r.inbox_id"
	"  where i.admin_state = 'enabled' and coalesce(" HOPELESS("$6") ", false) is false"
	"    and (g.failures = 0 or g.refresh_due_at <= now())"
	"    and" CLAIMABLE
	"  order by r.requested_at limit $2 for update of g skip locked"
	"), timely as ("
	"  select t.inbox_id, t.since from present p cross join lateral ("
	"    select g.inbox_id, g.refresh_due_at as since from inbox_grant g"
	"      join inbox i on i.workspace_id = g.workspace_id and i.inbox_id = g.inbox_id"
	"    where" TIMELY " and g.provider = p.provider and g.refresh_due_at <= now()"
	"      and i.admin_state <> 'removed' and" CLAIMABLE
	"    order by g.refresh_due_at limit $2 for update of g skip locked) t"
	"  where p.provider <> all (string_to_array($4, ',')) and ($5::text is null or p.provider = $5)"
	"), " INBOX_GRANT_CLAIMED,
};
/* clang-format on */

/*
 * A new snapshot: what another broker saved before our claim was committed is seen here.  No index
 * on who has claimed what: it would be written to with every claim and every save.
 */
/* clang-format off */
static const struct pg_stmt read_stmt = {
	"inbox_grant_read",
	"select g.workspace_id, g.inbox_id, i.provider, i.address, g.kind, g.sealed, g.version,"
	"  g.claim_tries, g.failures, g.reason = '" FORCED "', coalesce(t.version, 0),"
	"  t.inbox_id is not null and " TOKEN_FRESH("$2") ","
	"  coalesce(r.refused_version, 0), coalesce(g.refresh_due_at <= now(), false),"
	"  coalesce((extract(epoch from now() - case when r.inbox_id is not null then"
	"    r.requested_at else g.refresh_due_at end) * 1000)::bigint, 0)"
	" from inbox_grant g"
	"  join inbox i using (workspace_id, inbox_id)"
	"  left join access_token t on t.inbox_id = g.inbox_id"
	"  left join token_request r on r.inbox_id = g.inbox_id"
	" where g.inbox_id = any (current_setting('replyd.claimed')::uuid[]) and g.claim_id = $1"
	"  and g.state = 'ok'",
};
/* clang-format on */

static void read_row(const struct pg_answer *a, int at, int row, struct buf *sealed,
		     struct inbox_grant_row *ret)
{
	*ret = (struct inbox_grant_row){
		.workspace = pg_row_text(a, at, row, 0),
		.inbox = pg_row_text(a, at, row, 1),
		.provider = pg_row_text(a, at, row, 2),
		.address = pg_row_text(a, at, row, 3),
		.kind = strcmp(pg_row_text(a, at, row, 4), "oauth") == 0 ? INBOX_GRANT_OAUTH
									 : INBOX_GRANT_PASSWORD,
		.version = pg_row_i64(a, at, row, 6),
		.tries = (int)pg_row_i64(a, at, row, 7),
		.failures = (int)pg_row_i64(a, at, row, 8),
		.forced = pg_row_bool(a, at, row, 9),
		.token_version = pg_row_i64(a, at, row, 10),
		.token_fresh = pg_row_bool(a, at, row, 11),
		.refused_version = pg_row_i64(a, at, row, 12),
		.due = pg_row_bool(a, at, row, 13),
		.waited_ms = pg_row_i64(a, at, row, 14),
	};
	pg_row_box(a, at, row, 5, sealed, &ret->sealed, &ret->sealed_len);
}

static void on_claimed(struct pg_tx *tx, const struct pg_answer *a)
{
	struct inbox_grant_claim *q = container_of(tx, struct inbox_grant_claim, tx);
	int at = tx->n - 1; /* the statement that reads */

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome)) {
		q->answered = at == 2 ? (int)pg_row_i64(a, 0, 0, 0) : 0;
		q->claimed = pg_rows(a, at);
	}
	for (int i = 0; i < q->claimed; i++) {
		struct inbox_grant_row r;
		cleanup_buf struct buf sealed;

		read_row(a, at, i, &sealed, &r);
		q->each(q, &r);
	}
	q->done(q);
}

int inbox_grant_claim_start(struct pg *pg, struct inbox_grant_claim *q,
			    const struct inbox_grant_want *w,
			    void (*each)(struct inbox_grant_claim *,
					 const struct inbox_grant_row *),
			    void (*done)(struct inbox_grant_claim *))
{
	*q = (struct inbox_grant_claim){ .each = each, .done = done };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	if (w->answer)
		pg_tx_add(&q->tx, &answer_stmt, "ii", w->fresh_s, w->refused_again_s);
	pg_tx_add(&q->tx, &claim_stmt, "uiitti", w->claim, (int64_t)w->most,
		  pg_row_stale_s(w->stale_ms), w->without, w->only, w->refused_again_s);
	pg_tx_add(&q->tx, &read_stmt, "ui", w->claim, w->fresh_s);
	return pg_tx_start(pg, &q->tx, on_claimed);
}

static void on_written(struct pg_tx *tx, const struct pg_answer *a)
{
	struct inbox_grant_write *q = container_of(tx, struct inbox_grant_write, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome) && pg_rows(a, 0) > 0)
		q->version = pg_row_i64(a, 0, 0, 0);
	q->done(q);
}

static void write_init(struct inbox_grant_write *q, const char *workspace,
		       void (*done)(struct inbox_grant_write *))
{
	*q = (struct inbox_grant_write){ .done = done };
	pg_tx_init(&q->tx, workspace);
}

/*
 * 'rotation_lost' is undone here: it was another broker's guess about us, and
 * the token that it thought lost is the one being saved.
 */
/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt save_stmt = {
	"inbox_grant_save",
	"with saved as ("
	"  update inbox_grant g set sealed = coalesce(nullif($3, ''::bytea), g.sealed),"
	"    state = 'ok', reason = case when $4 then '" FORCED "' else '' end, evidence = '',"
	"    version = g.version + 1, claim_id = null, claimed_at = null, claim_tries = 0,"
	"    failures = 0, refresh_due_at = case"
	"      when g.kind = 'oauth' and i.admin_state = 'paused'"
	"        then now() + interval '" INBOX_GRANT_KEPT_ALIVE "'"
	"      when g.kind = 'oauth' then now() + make_interval(secs => $7::bigint) end,"
	"    refresh_ends_at = case when $8::bigint > 0"
	"        then now() + make_interval(secs => $8::bigint)"
	"      when $3 = ''::bytea then g.refresh_ends_at end,"
	"    forecast_due_at = case when $8::bigint between 1 and " INBOX_GRANT_SOON
	"      or g.dies_of <> '' then now() else g.forecast_due_at end,"
	"    updated_at = now()"
	"  from inbox i where g.inbox_id = $1 and g.version = $2 and i.inbox_id = g.inbox_id"
	"    and (g.state = 'ok' or g.state = 'reauth_required' and g.reason = 'rotation_lost')"
	"  returning g.workspace_id, g.inbox_id, g.kind, g.version"
	"), handed as ("
	"  insert into access_token (workspace_id, inbox_id, kind, sealed, version, expires_at)"
	"  select workspace_id, inbox_id, kind, $5, version,"
	"    case when kind = 'oauth' then now() + make_interval(secs => $6::bigint) end"
	"  from saved"
	"  on conflict (workspace_id, inbox_id) do update set kind = excluded.kind,"
	"    sealed = excluded.sealed, version = excluded.version,"
	"    expires_at = excluded.expires_at, obtained_at = now()"
	"), answered as ("
	"  delete from token_request r using saved s"
	"  where r.inbox_id = s.inbox_id and r.refused_version < s.version"
	"), told as ("
	"  update inbox_state i set state = 'new', reason = '', detail = '', since = now()"
	"  from saved s where i.inbox_id = s.inbox_id"
	"    and i.state = 'reauth_required' and i.reason = 'rotation_lost'"
	") select version from saved",
};
/* clang-format on */

void inbox_grant_save_add(struct pg_tx *tx, const struct inbox_grant_saved *s)
{
	pg_tx_add(tx, &save_stmt, "uibBbiii", s->inbox, s->version, s->refresh ? s->refresh : "",
		  s->refresh ? s->refresh_len : (size_t)0, (int)s->forced, s->access, s->access_len,
		  s->expires_in_s, s->refresh_in_s, s->refresh_ends_in_s);
}

/* What is being watched goes on until its session needs a token: its worker hears of it then. */
/* clang-format off */
static const struct pg_stmt refuse_stmt = {
	"inbox_grant_refuse",
	"with refused as ("
	"  update inbox_grant set state = 'reauth_required', reason = $3, evidence = $4,"
	"    claim_id = null, claimed_at = null, claim_tries = 0, refresh_due_at = null,"
	"    updated_at = now()"
	"  where inbox_id = $1 and version = $2 and state = 'ok'"
	"  returning workspace_id, inbox_id, version"
	"), told as ("
	"  update inbox_state i set state = 'reauth_required', reason = $3, detail = $4,"
	"    since = now()"
	"  from refused r where i.inbox_id = r.inbox_id and i.state not in ('live', 'catching_up')"
	"), answered as ("
	"  delete from token_request t using refused r where t.inbox_id = r.inbox_id"
	"), linked as (" CONNECT_LINK_AGAIN("refused", "$7", "$8") ""
	") select version,"
	"   event_put($5, 'inbox.reauth_required', null, null, inbox_id, null, $6)"
	" from refused",
};
/* clang-format on */

int inbox_grant_refuse_start(struct pg *pg, struct inbox_grant_write *q,
			     const struct inbox_grant_refused *r,
			     void (*done)(struct inbox_grant_write *))
{
	write_init(q, r->workspace, done);
	pg_tx_add(&q->tx, &refuse_stmt, "uittujub", r->inbox, r->version, r->reason, r->evidence,
		  r->event, r->event_data, r->link->id[0] ? r->link->id : NULL,
		  r->link->token_digest, sizeof(r->link->token_digest));
	return pg_tx_start(pg, &q->tx, on_written);
}

static const struct pg_stmt let_stmt = {
	"inbox_grant_let",
	"update inbox_grant set claim_id = null, claimed_at = null,"
	"  claim_tries = case when $6 then claim_tries else 0 end,"
	"  failures = failures + case when $3 then 1 else 0 end,"
	"  refresh_due_at = case when $3"
	"    then now() + make_interval(secs => $4) else refresh_due_at end,"
	"  evidence = coalesce($5, evidence), updated_at = now()"
	" where inbox_id = $1 and claim_id = $2 returning version",
};

int inbox_grant_let_start(struct pg *pg, struct inbox_grant_write *q,
			  const struct inbox_grant_let *l, void (*done)(struct inbox_grant_write *))
{
	write_init(q, l->workspace, done);
	pg_tx_add(&q->tx, &let_stmt, "uuBdtB", l->inbox, l->claim, (int)l->failed,
		  (double)l->wait_ms / 1000, l->evidence, (int)l->may_have_rotated);
	return pg_tx_start(pg, &q->tx, on_written);
}
