#include "db/domain_grant.h"

#include "base/mem.h"

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt enroll_stmt = {
	"domain_grant_enroll",
	"select domain_enroll($1::bigint::int), domain_reap()",
};

/* The last condition: an inbox's server refused a copy of the token, which is not fresh any more. */
static const struct pg_stmt claim_stmt = {
	"domain_grant_claim",
	"with due as ("
	"  select d.workspace_id, d.domain_grant_id from domain_grant d"
	"  where d.state <> 'removed' and d.next_try_at <= now()"
	"    and (d.claim_id is null or d.claimed_at < now() - make_interval(secs => $3::bigint))"
	"    and (d.sealed_offer is not null or d.kind = 'app_only' and d.state = 'ok'"
	"      and (coalesce(d.token_due_at <= now(), true)"
	"        or d.token_at < now() - make_interval(secs => $4::bigint)"
	"          and exists (select from token_request r join inbox_grant g on g.inbox_id = r.inbox_id"
	"            where g.domain_grant_id = d.domain_grant_id and r.refused_version >= g.version"
	"              and g.domain_version = d.token_version)))"
	"  order by d.next_try_at limit $2 for update skip locked"
	") update domain_grant d set claim_id = $1, claimed_at = clock_timestamp() from due"
	" where d.workspace_id = due.workspace_id and d.domain_grant_id = due.domain_grant_id"
	" returning d.workspace_id, d.domain_grant_id, d.provider, d.kind, d.tenant, d.client_id,"
	"  d.check_address, d.sealed_offer is not null, coalesce(d.sealed_offer, d.sealed), d.offer_no,"
	"  d.version, d.failures",
};
/* clang-format on */

static void read_row(const struct pg_answer *a, int row, struct buf *sealed,
		     struct domain_grant_row *ret)
{
	*ret = (struct domain_grant_row){
		.workspace = pg_row_text(a, 1, row, 0),
		.id = pg_row_text(a, 1, row, 1),
		.provider = pg_row_text(a, 1, row, 2),
		.kind = pg_row_text(a, 1, row, 3),
		.tenant = pg_row_text(a, 1, row, 4),
		.client_id = pg_row_text(a, 1, row, 5),
		.check_address = pg_row_text(a, 1, row, 6),
		.is_offer = pg_row_bool(a, 1, row, 7),
		.offer_no = pg_row_i64(a, 1, row, 9),
		.version = pg_row_i64(a, 1, row, 10),
		.failures = (int)pg_row_i64(a, 1, row, 11),
	};
	pg_row_box(a, 1, row, 8, sealed, &ret->sealed, &ret->sealed_len);
}

static void on_claimed(struct pg_tx *tx, const struct pg_answer *a)
{
	struct domain_grant_claim *q = container_of(tx, struct domain_grant_claim, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome)) {
		q->enrolled = pg_row_i64(a, 0, 0, 0) + pg_row_i64(a, 0, 0, 1);
		q->claimed = pg_rows(a, 1);
	}
	for (int i = 0; i < q->claimed; i++) {
		struct domain_grant_row r;
		cleanup_buf struct buf sealed;

		read_row(a, i, &sealed, &r);
		q->each(q, &r);
	}
	q->done(q);
}

int domain_grant_claim_start(struct pg *pg, struct domain_grant_claim *q,
			     const struct domain_grant_want *w,
			     void (*each)(struct domain_grant_claim *,
					  const struct domain_grant_row *),
			     void (*done)(struct domain_grant_claim *))
{
	*q = (struct domain_grant_claim){ .each = each, .done = done };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &enroll_stmt, "i", (int64_t)w->enroll_most);
	pg_tx_add(&q->tx, &claim_stmt, "uiii", w->claim, (int64_t)w->most,
		  pg_row_stale_s(w->stale_ms), w->forced_after_s);
	return pg_tx_start(pg, &q->tx, on_claimed);
}

static void on_written(struct pg_tx *tx, const struct pg_answer *a)
{
	struct domain_grant_write *q = container_of(tx, struct domain_grant_write, tx);

	q->outcome = a->outcome;
	q->written = outcome_ok(&a->outcome) && pg_rows(a, 0) > 0 && pg_row_bool(a, 0, 0, 0);
	q->done(q);
}

static void write_init(struct domain_grant_write *q, const char *workspace,
		       void (*done)(struct domain_grant_write *))
{
	*q = (struct domain_grant_write){ .done = done };
	pg_tx_init(&q->tx, workspace);
}

/* clang-format off */
static const struct pg_stmt take_over_stmt = {
	"domain_grant_take_over",
	"with taken as ("
	"  update domain_grant set state = 'ok', reason = '', evidence = '', problem = '', problem_detail = '',"
	"    sealed_offer = case when offer_no = $3 then null else sealed_offer end, sealed = $4,"
	"    version = version + 1, claim_id = null, claimed_at = null, failures = 0, next_try_at = now(),"
	"    secret_ends_at = case when offer_no = $3 then offer_ends_at end, told_of = '', updated_at = now()"
	"  where domain_grant_id = $1 and claim_id = $2 and state <> 'removed'"
	"  returning domain_grant_id"
	") select domain_revive(domain_grant_id) >= 0 from taken",
};
static const struct pg_stmt token_stmt = {
	"domain_grant_token",
	"update domain_grant set token_sealed = $2, token_version = token_version + 1, token_at = now(),"
	"  token_expires_at = now() + make_interval(secs => $3::bigint),"
	"  token_due_at = now() + make_interval(secs => $4::bigint),"
	"  claim_id = null, claimed_at = null, failures = 0, next_try_at = now()"
	" where domain_grant_id = $1 and state = 'ok' returning true",
};
/* clang-format on */

int domain_grant_save_start(struct pg *pg, struct domain_grant_write *q,
			    const struct domain_grant_saved *s,
			    void (*done)(struct domain_grant_write *))
{
	write_init(q, s->workspace, done);
	if (s->is_offer)
		pg_tx_add(&q->tx, &take_over_stmt, "uuib", s->id, s->claim, s->offer_no, s->sealed,
			  s->sealed_len);
	/* Behind a secret that was overtaken meanwhile the token is still the domain's. */
	if (s->token)
		pg_tx_add(&q->tx, &token_stmt, "ubii", s->id, s->token, s->token_len,
			  s->expires_in_s, s->refresh_in_s);
	return pg_tx_start(pg, &q->tx, on_written);
}

static const struct pg_stmt decline_stmt = {
	"domain_grant_decline",
	"update domain_grant set problem = $4, problem_detail = $5,"
	"  state = case when state = 'checking' then 'failed' else state end,"
	"  sealed_offer = case when offer_no = $3 then null else sealed_offer end,"
	"  claim_id = null, claimed_at = null, failures = 0, updated_at = now()"
	" where domain_grant_id = $1 and claim_id = $2 and state <> 'removed' returning true",
};

int domain_grant_decline_start(struct pg *pg, struct domain_grant_write *q,
			       const struct domain_grant_declined *d,
			       void (*done)(struct domain_grant_write *))
{
	write_init(q, d->workspace, done);
	pg_tx_add(&q->tx, &decline_stmt, "uuitt", d->id, d->claim, d->offer_no, d->problem,
		  d->detail);
	return pg_tx_start(pg, &q->tx, on_written);
}

static const struct pg_stmt refuse_stmt = {
	"domain_grant_refuse",
	"select domain_refuse($1, $2, $3, $4, $5)",
};

int domain_grant_refuse_start(struct pg *pg, struct domain_grant_write *q,
			      const struct domain_grant_refused *r,
			      void (*done)(struct domain_grant_write *))
{
	write_init(q, r->workspace, done);
	pg_tx_add(&q->tx, &refuse_stmt, "uittu", r->id, r->version, r->reason, r->evidence,
		  r->event);
	return pg_tx_start(pg, &q->tx, on_written);
}

static const struct pg_stmt let_stmt = {
	"domain_grant_let",
	"update domain_grant set claim_id = null, claimed_at = null, failures = failures + 1,"
	"  next_try_at = now() + make_interval(secs => $3), evidence = $4"
	" where domain_grant_id = $1 and claim_id = $2 returning true",
};

int domain_grant_let_start(struct pg *pg, struct domain_grant_write *q, const char *workspace,
			   const char *id, const char *claim, uint64_t wait_ms,
			   const char *evidence, void (*done)(struct domain_grant_write *))
{
	write_init(q, workspace, done);
	pg_tx_add(&q->tx, &let_stmt, "uudt", id, claim, (double)wait_ms / 1000, evidence);
	return pg_tx_start(pg, &q->tx, on_written);
}
