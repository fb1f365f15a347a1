#include <stdio.h>
#include <string.h>

#include "db/connect_link.h"

#include "base/mem.h"
#include "db/loose_consent.h"

/* The columns that read_link() reads, in its order. */
#define LINK                                                                                       \
	"workspace_id, connect_link_id, provider, expected_address, return_url, state, problem,"   \
	" problem_detail, redirect_uri, inbox_id,"                                                 \
	" (extract(epoch from created_at) * 1000000)::bigint,"                                     \
	" (extract(epoch from expires_at) * 1000000)::bigint, expires_at <= now(),"                \
	" picks_address, picks_provider, encode(browser_digest, 'hex'), imap_host,"                \
	" coalesce(imap_port, 0), imap_security, login_name"

static const struct pg_stmt create_stmt = {
	"connect_link_create",
	"insert into connect_link (workspace_id, connect_link_id, token_digest, provider,"
	"  expected_address, return_url, state, expires_at, sealed_code, imap_host, imap_port,"
	"  imap_security, login_name, picks_address, picks_provider)"
	" values ($1, $2, $3, $4, lower($5), $6,"
	"  case when $8 = ''::bytea then 'open' else 'exchanging' end,"
	"  now() + make_interval(secs => $7::bigint), nullif($8, ''::bytea), $9,"
	"  nullif($10::bigint, 0)::int, $11, $12, $5::text is null, $4 = '')"
	" returning " LINK,
};
static const struct pg_stmt get_stmt = {
	"connect_link_get",
	"select " LINK " from connect_link where connect_link_id = $1",
};
static const struct pg_stmt by_token_stmt = {
	"connect_link_by_token",
	"select " LINK " from connect_link where token_digest = $1",
};
static const struct pg_stmt by_state_stmt = {
	"connect_link_by_state",
	"select " LINK " from connect_link where state_digest = $1",
};
/*
 * A link that waits for somebody, or that failed in this browser ($2).  What the last attempt
 * left is forgotten, so that nothing of it can be used or settled any more.
 */
#define FITS                                                                                       \
	" where token_digest = $1 and expires_at > now()"                                          \
	"  and (state in ('open', 'started') or state = 'failed' and browser_digest = $2)"         \
	" returning " LINK
static const struct pg_stmt start_stmt = {
	"connect_link_start",
	"update connect_link set browser_digest = $2, problem = '', problem_detail = '',"
	"  sealed_code = null, claim_id = null, claimed_at = null, inbox_id = null,"
	"  imap_host = null, imap_port = null, imap_security = null,"
	"  login_name = null, state = 'started', state_digest = $3, redirect_uri = $4,"
	"  sealed_verifier = $5, provider = case when picks_provider then $6 else provider "
	"end" FITS,
};
static const struct pg_stmt address_stmt = {
	"connect_link_address",
	"update connect_link set browser_digest = $2, problem = '', problem_detail = '',"
	"  sealed_code = null, sealed_verifier = null, state_digest = null, claim_id = null,"
	"  claimed_at = null, inbox_id = null, state = 'open',"
	"  provider = case when picks_provider then '' else provider end,"
	"  expected_address = case when picks_address then lower($3) else expected_address "
	"end" FITS,
};
static const struct pg_stmt password_stmt = {
	"connect_link_password",
	"update connect_link set browser_digest = $2, problem = '', problem_detail = '',"
	"  sealed_code = $3, sealed_verifier = null, state_digest = null, redirect_uri = null,"
	"  claim_id = null, claimed_at = null, inbox_id = null,"
	"  state = 'exchanging', provider = case when picks_provider then $4 else provider end,"
	"  expected_address = case when picks_address then lower($5) else expected_address end,"
	"  imap_host = $6, imap_port = $7::bigint::int, imap_security = $8, login_name = $9" FITS,
};
static const struct pg_stmt exchange_stmt = {
	"connect_link_exchange",
	"update connect_link set state = 'exchanging', sealed_code = $3"
	" where state_digest = $1 and browser_digest = $2 and state = 'started'"
	"  and expires_at > now()"
	" returning " LINK,
};
static const struct pg_stmt refuse_stmt = {
	"connect_link_refuse",
	"update connect_link set state = 'failed', problem = $3, problem_detail = $4,"
	"  sealed_verifier = null"
	" where state_digest = $1 and browser_digest = $2 and state = 'started'"
	"  and expires_at > now()"
	" returning " LINK,
};

static void read_link(const struct pg_answer *a, struct connect_link_row *ret)
{
	*ret = (struct connect_link_row){
		.workspace = pg_row_text(a, 0, 0, 0),
		.id = pg_row_text(a, 0, 0, 1),
		.provider = pg_row_text(a, 0, 0, 2),
		.address = pg_row_text(a, 0, 0, 3),
		.return_url = pg_row_text(a, 0, 0, 4),
		.state = pg_row_text(a, 0, 0, 5),
		.problem = pg_row_text(a, 0, 0, 6),
		.problem_detail = pg_row_text(a, 0, 0, 7),
		.redirect_uri = pg_row_text(a, 0, 0, 8),
		.inbox = pg_row_text(a, 0, 0, 9),
		.created_at_us = pg_row_time(a, 0, 0, 10),
		.expires_at_us = pg_row_time(a, 0, 0, 11),
		.expired = pg_row_bool(a, 0, 0, 12),
		.picks_address = pg_row_bool(a, 0, 0, 13),
		.picks_provider = pg_row_bool(a, 0, 0, 14),
		.browser_digest = pg_row_text(a, 0, 0, 15),
		.imap_host = pg_row_text(a, 0, 0, 16),
		.imap_port = (int)pg_row_i64(a, 0, 0, 17),
		.imap_security = pg_row_text(a, 0, 0, 18),
		.login_name = pg_row_text(a, 0, 0, 19),
	};
}

static void on_called(struct pg_tx *tx, const struct pg_answer *a)
{
	struct connect_link_call *q = container_of(tx, struct connect_link_call, tx);

	q->outcome = a->outcome;
	q->found = outcome_ok(&a->outcome) && pg_rows(a, 0) > 0;
	if (q->found)
		read_link(a, &q->link);
	q->done(q);
}

static void call_init(struct connect_link_call *q, const char *workspace, const uint8_t *presented,
		      connect_link_cb done)
{
	*q = (struct connect_link_call){ .done = done };
	pg_tx_init(&q->tx, workspace);
	if (presented)
		presented_set(&q->tx, q->presented, presented);
}

int connect_link_create(struct pg *pg, struct connect_link_call *q,
			const struct connect_link_new *n, connect_link_cb done)
{
	call_init(q, n->workspace, /* presented= */ NULL, done);
	pg_tx_add(&q->tx, &create_stmt, "uubtttibtitt", n->workspace, n->id, n->token_digest,
		  sizeof(n->token_digest), n->provider, n->address, n->return_url, n->expires_in_s,
		  n->sealed_secret ? n->sealed_secret : "",
		  n->sealed_secret ? n->sealed_secret_len : (size_t)0, n->imap_host,
		  (int64_t)n->imap_port, n->imap_security, n->login_name);
	return pg_tx_start(pg, &q->tx, on_called);
}

int connect_link_get(struct pg *pg, struct connect_link_call *q, const char *workspace,
		     const char *id, connect_link_cb done)
{
	call_init(q, workspace, /* presented= */ NULL, done);
	pg_tx_add(&q->tx, &get_stmt, "u", id);
	return pg_tx_start(pg, &q->tx, on_called);
}

int connect_link_by_token(struct pg *pg, struct connect_link_call *q,
			  const uint8_t token_digest[SIGN_SHA256], connect_link_cb done)
{
	call_init(q, /* workspace= */ NULL, token_digest, done);
	pg_tx_add(&q->tx, &by_token_stmt, "b", token_digest, (size_t)SIGN_SHA256);
	return pg_tx_start(pg, &q->tx, on_called);
}

int connect_link_by_state(struct pg *pg, struct connect_link_call *q,
			  const uint8_t state_digest[SIGN_SHA256], connect_link_cb done)
{
	call_init(q, /* workspace= */ NULL, state_digest, done);
	pg_tx_add(&q->tx, &by_state_stmt, "b", state_digest, (size_t)SIGN_SHA256);
	return pg_tx_start(pg, &q->tx, on_called);
}

int connect_link_start(struct pg *pg, struct connect_link_call *q,
		       const struct connect_link_started *s, connect_link_cb done)
{
	call_init(q, /* workspace= */ NULL, s->token_digest, done);
	pg_tx_add(&q->tx, &start_stmt, "bbbtbt", s->token_digest, sizeof(s->token_digest),
		  s->browser_digest, sizeof(s->browser_digest), s->state_digest,
		  sizeof(s->state_digest), s->redirect_uri, s->sealed_verifier,
		  s->sealed_verifier_len, s->provider);
	return pg_tx_start(pg, &q->tx, on_called);
}

int connect_link_address(struct pg *pg, struct connect_link_call *q,
			 const uint8_t token_digest[SIGN_SHA256],
			 const uint8_t browser_digest[SIGN_SHA256], const char *address,
			 connect_link_cb done)
{
	call_init(q, /* workspace= */ NULL, token_digest, done);
	pg_tx_add(&q->tx, &address_stmt, "bbt", token_digest, (size_t)SIGN_SHA256, browser_digest,
		  (size_t)SIGN_SHA256, address);
	return pg_tx_start(pg, &q->tx, on_called);
}

int connect_link_password(struct pg *pg, struct connect_link_call *q,
			  const struct connect_link_typed *t, connect_link_cb done)
{
	call_init(q, /* workspace= */ NULL, t->token_digest, done);
	pg_tx_add(&q->tx, &password_stmt, "bbbtttitt", t->token_digest, sizeof(t->token_digest),
		  t->browser_digest, sizeof(t->browser_digest), t->sealed_secret,
		  t->sealed_secret_len, t->provider, t->address, t->imap_host,
		  (int64_t)t->imap_port, t->imap_security, t->login_name);
	return pg_tx_start(pg, &q->tx, on_called);
}

int connect_link_exchange(struct pg *pg, struct connect_link_call *q,
			  const uint8_t state_digest[SIGN_SHA256],
			  const uint8_t browser_digest[SIGN_SHA256], const void *sealed_code,
			  size_t sealed_code_len, connect_link_cb done)
{
	call_init(q, /* workspace= */ NULL, state_digest, done);
	pg_tx_add(&q->tx, &exchange_stmt, "bbb", state_digest, (size_t)SIGN_SHA256, browser_digest,
		  (size_t)SIGN_SHA256, sealed_code, sealed_code_len);
	return pg_tx_start(pg, &q->tx, on_called);
}

int connect_link_refuse(struct pg *pg, struct connect_link_call *q,
			const uint8_t state_digest[SIGN_SHA256],
			const uint8_t browser_digest[SIGN_SHA256], const char *problem,
			const char *detail, connect_link_cb done)
{
	call_init(q, /* workspace= */ NULL, state_digest, done);
	pg_tx_add(&q->tx, &refuse_stmt, "bbtt", state_digest, (size_t)SIGN_SHA256, browser_digest,
		  (size_t)SIGN_SHA256, problem, detail);
	return pg_tx_start(pg, &q->tx, on_called);
}

/* It tears SQL apart. */
/* clang-format off */
#define FREE                                                                                       \
	" and (claim_id is null or claimed_at < now() - make_interval(secs => $3::bigint))"        \
	" order by created_at limit $2 for update skip locked"
/* Each sort by its own index: imports, which wait by the thousand, are in none of them. */
static const struct pg_stmt claim_stmt = {
	"connect_link_claim",
	"with exchanging as ("
	"  select workspace_id, connect_link_id, created_at from connect_link"
	"  where state = 'exchanging' and domain_grant_id is null" FREE
	"), device as ("
	"  select workspace_id, connect_link_id, created_at from connect_link"
	"  where by_device and state in ('open', 'started') and expires_at > now()"
	"    and coalesce(device_poll_at, created_at) <= now()" FREE
	"), due as ("
	"  select workspace_id, connect_link_id from ("
	"    select * from exchanging union all select * from device) c order by created_at limit $2"
	") update connect_link l set claim_id = $1, claimed_at = clock_timestamp() from due"
	" where l.workspace_id = due.workspace_id and l.connect_link_id = due.connect_link_id"
	" returning l.workspace_id, l.connect_link_id, l.provider, l.expected_address,"
	"  l.redirect_uri, l.sealed_verifier is null and not by_device,"
	"  coalesce(l.sealed_device, l.sealed_code),"
	"  l.sealed_verifier, l.imap_host, l.imap_security, l.login_name, coalesce(l.imap_port, 0),"
	"  l.by_device, l.device_interval_s",
};
/* clang-format on */

static void on_claimed(struct pg_tx *tx, const struct pg_answer *a)
{
	struct connect_link_claim *q = container_of(tx, struct connect_link_claim, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome))
		q->claimed = pg_rows(a, 0);
	for (int i = 0; i < q->claimed; i++) {
		struct connect_link_work w = {
			.workspace = pg_row_text(a, 0, i, 0),
			.id = pg_row_text(a, 0, i, 1),
			.provider = pg_row_text(a, 0, i, 2),
			.address = pg_row_text(a, 0, i, 3),
			.redirect_uri = pg_row_text(a, 0, i, 4),
			.is_password = pg_row_bool(a, 0, i, 5),
			.imap_host = pg_row_text(a, 0, i, 8),
			.imap_security = pg_row_text(a, 0, i, 9),
			.login_name = pg_row_text(a, 0, i, 10),
			.imap_port = (int)pg_row_i64(a, 0, i, 11),
			.by_device = pg_row_bool(a, 0, i, 12),
			.device_interval_s = (int)pg_row_i64(a, 0, i, 13),
		};
		cleanup_buf struct buf code, verifier;

		pg_row_box(a, 0, i, 6, &code, &w.code, &w.code_len);
		pg_row_box(a, 0, i, 7, &verifier, &w.verifier, &w.verifier_len);
		q->each(q, &w);
	}
	q->done(q);
}

int connect_link_claim_start(struct pg *pg, struct connect_link_claim *q, const char *claim,
			     int most, uint64_t stale_ms,
			     void (*each)(struct connect_link_claim *,
					  const struct connect_link_work *),
			     void (*done)(struct connect_link_claim *))
{
	*q = (struct connect_link_claim){ .each = each, .done = done };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &claim_stmt, "uii", claim, (int64_t)most, pg_row_stale_s(stale_ms));
	return pg_tx_start(pg, &q->tx, on_claimed);
}

static const struct pg_stmt inbox_stmt = {
	"connect_link_inbox",
	"select inbox_id from inbox where workspace_id = $1 and address = $2"
	" order by admin_state <> 'removed' desc, created_at desc limit 1",
};

static void on_inbox(struct pg_tx *tx, const struct pg_answer *a)
{
	struct connect_link_inbox *q = container_of(tx, struct connect_link_inbox, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome) && pg_rows(a, 0) > 0)
		(void)snprintf(q->inbox, sizeof(q->inbox), "%s", pg_row_text(a, 0, 0, 0));
	q->done(q);
}

int connect_link_inbox_start(struct pg *pg, struct connect_link_inbox *q, const char *workspace,
			     const char *address, void (*done)(struct connect_link_inbox *))
{
	*q = (struct connect_link_inbox){ .done = done };
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &inbox_stmt, "ut", workspace, address);
	return pg_tx_start(pg, &q->tx, on_inbox);
}

/*
 * Everything hangs from `mine`, then from `box`: a lost claim, or an address
 * that got another inbox meanwhile, writes nothing.  A living worker's state is left
 * alone; only a state that waits for this is reset.  But what is not watched now has
 * not been live since (live_at): no earlier proof, however fresh, speaks for it until
 * everything that came meanwhile is seen.  Its lease is touched, so that its worker looks
 * at it again: a session that outlived the refusal says once more how it stands.
 */
#define WAITS "s.state in ('reauth_required', 'held', 'unwatched')"
static const struct pg_stmt settle_stmt = {
	"connect_link_settle",
	"with mine as ("
	"  select workspace_id, connect_link_id from connect_link"
	"  where workspace_id = $1 and connect_link_id = $2 and claim_id = $3"
	"    and (state = 'exchanging' or by_device and state = 'started') for update"
	"), box as ("
	"  insert into inbox as i (workspace_id, inbox_id, address, provider, imap_host,"
	"    imap_port, imap_security, login_name)"
	"  select workspace_id, $4, $5, $6, $7, $8::bigint::int, $9, $10 from mine"
	"  on conflict (workspace_id, address) where admin_state <> 'removed' do update"
	"    set provider = excluded.provider, imap_host = excluded.imap_host,"
	"    imap_port = excluded.imap_port, imap_security = excluded.imap_security,"
	"    login_name = excluded.login_name"
	"    where i.inbox_id = excluded.inbox_id"
	"  returning workspace_id, inbox_id"
	"), leased as ("
	"  insert into lease as l (workspace_id, inbox_id) select workspace_id, inbox_id from box"
	"  on conflict (workspace_id, inbox_id) do update set watched = l.watched"
	"), told as ("
	"  insert into inbox_state as s (workspace_id, inbox_id)"
	"  select workspace_id, inbox_id from box"
	"  on conflict (workspace_id, inbox_id) do update set live_at = null,"
	"    state = case when " WAITS " then 'new' else s.state end,"
	"    reason = case when " WAITS " then '' else s.reason end,"
	"    detail = case when " WAITS " then '' else s.detail end,"
	"    since = case when " WAITS " then now() else s.since end where s.state <> 'live'"
	"), granted as ("
	"  insert into inbox_grant as g (workspace_id, inbox_id, provider, kind, sealed, scopes,"
	"    refresh_due_at, refresh_ends_at)"
	"  select workspace_id, inbox_id, $6, case when $11 then 'password' else 'oauth' end, $12,"
	"    $13, case when not $11 then now() + make_interval(secs => $14::bigint) end,"
	"    case when $17::bigint > 0 then now() + make_interval(secs => $17::bigint) end from box"
	"  on conflict (workspace_id, inbox_id) do update set"
	"    provider = excluded.provider, kind = excluded.kind, sealed = excluded.sealed,"
	"    scopes = excluded.scopes, domain_grant_id = null, state = 'ok', reason = '', evidence "
	"= '',"
	"    version = g.version + 1, claim_id = null, claimed_at = null, claim_tries = 0,"
	"    failures = 0, refresh_due_at = excluded.refresh_due_at, updated_at = now(),"
	"    granted_at = now(), consents = g.consents + 1, dies_of = '', dies_at = null,"
	"    told_of = '', refresh_ends_at = excluded.refresh_ends_at, forecast_due_at = now()"
	"  returning workspace_id, inbox_id, kind, version"
	"), handed as ("
	"  insert into access_token (workspace_id, inbox_id, kind, sealed, version, expires_at)"
	"  select workspace_id, inbox_id, kind, $15, version,"
	"    case when not $11 then now() + make_interval(secs => $16::bigint) end from granted"
	"  on conflict (workspace_id, inbox_id) do update set kind = excluded.kind, sealed = "
	"excluded.sealed,"
	"    version = excluded.version, expires_at = excluded.expires_at, obtained_at = now()"
	"), answered as ("
	"  delete from token_request r using granted g where r.inbox_id = g.inbox_id"
	"), closed as ("
	"  update connect_link l set state = 'checking', checking_at = now(),"
	"    inbox_id = b.inbox_id, problem = '', problem_detail = '', sealed_code = null,"
	"    sealed_verifier = null, sealed_device = null from box b"
	"  where l.workspace_id = $1 and l.connect_link_id = $2"
	") select version from granted",
};
/* One that was let go comes back first: then it is there like any other. */
static const struct pg_stmt return_stmt = {
	"connect_link_return",
	"select inbox_return(workspace_id, $4::text) from connect_link where workspace_id = $1"
	" and connect_link_id = $2 and claim_id = $3"
	" and (state = 'exchanging' or by_device and state = 'started') for update",
};
/* An inbox that is being watched need not wait for a login. */
static const struct pg_stmt checked_stmt = {
	"connect_link_checked",
	"select links_checked(array[$1::uuid])",
};

void connect_link_on_written(struct pg_tx *tx, const struct pg_answer *a)
{
	struct connect_link_write *q = container_of(tx, struct connect_link_write, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome) && pg_rows(a, 0) > 0)
		q->version = pg_row_i64(a, 0, 0, 0);
	q->done(q);
}

static void on_settled(struct pg_tx *tx, const struct pg_answer *a)
{
	struct connect_link_write *q = container_of(tx, struct connect_link_write, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome) && pg_rows(a, 1) > 0)
		q->version = pg_row_i64(a, 1, 0, 0);
	q->done(q);
}

int connect_link_settle_start(struct pg *pg, struct connect_link_write *q,
			      const struct connect_link_settled *s,
			      void (*done)(struct connect_link_write *))
{
	*q = (struct connect_link_write){ .done = done };
	pg_tx_init(&q->tx, s->workspace);
	pg_tx_add(&q->tx, &return_stmt, "uuut", s->workspace, s->id, s->claim, s->address);
	pg_tx_add(&q->tx, &settle_stmt, "uuuutttittBbtibii", s->workspace, s->id, s->claim,
		  s->inbox, s->address, s->provider, s->imap_host, (int64_t)s->imap_port,
		  s->imap_security, s->login_name, (int)s->is_password, s->grant, s->grant_len,
		  s->scopes, s->refresh_in_s, s->access, s->access_len, s->expires_in_s,
		  s->refresh_ends_in_s);
	pg_tx_add(&q->tx, &checked_stmt, "u", s->inbox);
	if (*s->loose)
		loose_consent_add_settled(&q->tx, s->loose, s->claim);
	return pg_tx_start(pg, &q->tx, on_settled);
}

static const struct pg_stmt fail_stmt = {
	"connect_link_fail",
	"update connect_link set state = 'failed', problem = $4, problem_detail = $5,"
	"  sealed_code = null, sealed_verifier = null, sealed_device = null"
	" where workspace_id = $1 and connect_link_id = $2 and claim_id = $3"
	"  and (state = 'exchanging' or by_device and state in ('open', 'started'))"
	" returning 1::bigint",
};

int connect_link_fail_start(struct pg *pg, struct connect_link_write *q,
			    const struct connect_link_failed *f,
			    void (*done)(struct connect_link_write *))
{
	*q = (struct connect_link_write){ .done = done };
	pg_tx_init(&q->tx, f->workspace);
	pg_tx_add(&q->tx, &fail_stmt, "uuutt", f->workspace, f->id, f->claim, f->problem,
		  f->detail);
	if (*f->loose)
		loose_consent_add_failed(&q->tx, f->loose, f->address, f->problem);
	return pg_tx_start(pg, &q->tx, connect_link_on_written);
}
