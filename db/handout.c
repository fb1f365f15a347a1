#include <stdio.h>
#include <string.h>

#include "db/handout.h"

#include "base/limits.h"
#include "base/mem.h"
#include "db/token.h"

static void on_asked(struct pg_tx *tx, const struct pg_answer *a);
static void on_taken(struct pg_tx *tx, const struct pg_answer *a);
static void on_looked(struct pg_tx *tx, const struct pg_answer *a);
static void on_sealed(struct pg_tx *tx, const struct pg_answer *a);

/* ---- the API's side ---- */

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt ask_stmt = {
	"handout_ask",
	"select said, reason from handout_ask($1, $2, $3, $4, $5)",
};
/* The lock is waited for and the row read anew, so that of two takers one gets the box. */
static const struct pg_stmt take_stmt = {
	"handout_take",
	"with h as ("
	"  select * from handout where workspace_id = workspace_now() and handout_id = $1 for update"
	"), taken as ("
	"  update handout t set state = 'taken', sealed = null, ended_at = now() from h"
	"  where t.workspace_id = h.workspace_id and t.handout_id = h.handout_id"
	"    and h.state = 'sealed'"
	"), ended as ("
	"  update handout t set state = 'late', ended_at = now() from h"
	"  where t.workspace_id = h.workspace_id and t.handout_id = h.handout_id"
	"    and h.state = 'asked' and $2"
	") select h.state, h.reason, h.sealed, (extract(epoch from h.expires_at) * 1000000)::bigint,"
	"  i.login_name, i.provider, i.imap_host, i.imap_port, i.imap_security, g.scopes,"
	"  coalesce(h.token_version, 0)"
	" from h join inbox i on i.workspace_id = h.workspace_id and i.inbox_id = h.inbox_id"
	"  left join inbox_grant g on g.workspace_id = h.workspace_id and g.inbox_id = h.inbox_id",
};
/* clang-format on */

int handout_ask_start(struct pg *pg, struct handout_ask *q, const char *workspace,
		      const char *inbox, const char *handout, const char *api_key,
		      const uint8_t public_key[SEAL_KEY], int64_t per_minute,
		      void (*done)(struct handout_ask *))
{
	*q = (struct handout_ask){ .done = done };
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &ask_stmt, "uuubi", inbox, handout, api_key, public_key, (size_t)SEAL_KEY,
		  per_minute);
	return pg_tx_start(pg, &q->tx, on_asked);
}

static enum handout_said said_of(const char *word)
{
	static const char *const words[] = {
		[HANDOUT_ASKED] = "asked",
		[HANDOUT_NO_INBOX] = "no_inbox",
		[HANDOUT_IS_PASSWORD] = "is_password",
		[HANDOUT_IS_APP_ONLY] = "is_app_only",
		[HANDOUT_PAUSED] = "paused",
		[HANDOUT_REAUTH] = "reauth_required",
		[HANDOUT_LIMITED] = "limited",
	};

	for (size_t i = 0; i < countof(words); i++)
		if (strcmp(word, words[i]) == 0)
			return (enum handout_said)i;
	return HANDOUT_NO_INBOX;
}

static void on_asked(struct pg_tx *tx, const struct pg_answer *a)
{
	struct handout_ask *q = container_of(tx, struct handout_ask, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome) && pg_rows(a, 0) > 0) {
		q->said = said_of(pg_row_text(a, 0, 0, 0));
		(void)snprintf(q->reason, sizeof(q->reason), "%s", pg_row_text(a, 0, 0, 1));
		if (q->said == HANDOUT_ASKED)
			pg_notify(tx->pg, "replyd_handout");
	}
	q->done(q);
}

int handout_take_start(struct pg *pg, struct handout_take *q, const char *workspace,
		       const char *handout, bool is_last, void (*done)(struct handout_take *))
{
	q->done = done;
	q->box.max = LIMIT_OAUTH_SEALED;
	buf_clear(&q->box);
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &take_stmt, "uB", handout, (int)is_last);
	return pg_tx_start(pg, &q->tx, on_taken);
}

static enum handout_state state_of(const char *word)
{
	if (strcmp(word, "asked") == 0)
		return HANDOUT_WAITS;
	if (strcmp(word, "sealed") == 0)
		return HANDOUT_SEALED;
	return strcmp(word, "refused") == 0 ? HANDOUT_REFUSED : HANDOUT_OVER;
}

static void copy(char *dst, size_t size, const struct pg_answer *a, int col)
{
	(void)snprintf(dst, size, "%s", pg_row_text(a, 0, 0, col));
}

static void on_taken(struct pg_tx *tx, const struct pg_answer *a)
{
	struct handout_take *q = container_of(tx, struct handout_take, tx);

	q->outcome = a->outcome;
	q->state = HANDOUT_OVER;
	if (outcome_ok(&a->outcome) && pg_rows(a, 0) > 0) {
		q->state = state_of(pg_row_text(a, 0, 0, 0));
		copy(q->reason, sizeof(q->reason), a, 1);
		(void)pg_row_bytes(a, 0, 0, 2, &q->box);
		q->expires_at_us = pg_row_time(a, 0, 0, 3);
		copy(q->login_name, sizeof(q->login_name), a, 4);
		copy(q->provider, sizeof(q->provider), a, 5);
		copy(q->imap_host, sizeof(q->imap_host), a, 6);
		q->imap_port = (int)pg_row_i64(a, 0, 0, 7);
		copy(q->imap_security, sizeof(q->imap_security), a, 8);
		copy(q->scopes, sizeof(q->scopes), a, 9);
		q->version = pg_row_i64(a, 0, 0, 10);
	}
	q->done(q);
}

void handout_take_clear(struct handout_take *q)
{
	pg_tx_cancel(&q->tx);
	buf_clear(&q->box);
}

/* ---- the broker's side ---- */

/* It tears SQL apart. */
/* clang-format off */
#define OPEN "h.state = 'asked' and h.asked_at > now() - interval '30 seconds'"
static const struct pg_stmt refuse_stmt = {
	"handout_refuse",
	"with dead as ("
	"  select h.workspace_id, h.handout_id, coalesce(nullif(g.reason, ''), 'no_grant') as reason"
	"  from handout h left join inbox_grant g on g.inbox_id = h.inbox_id"
	"  where " OPEN " and (g.inbox_id is null or g.state <> 'ok')"
	"), told as ("
	"  update handout h set state = 'refused', reason = d.reason, ended_at = now() from dead d"
	"  where h.workspace_id = d.workspace_id and h.handout_id = d.handout_id and " OPEN
	"  returning 1"
	") select count(*) from told",
};
/* Many senders of one inbox put one request. */
static const struct pg_stmt want_stmt = {
	"handout_want",
	"with missing as ("
	"  select distinct h.workspace_id, h.inbox_id from handout h"
	"    left join access_token t on t.inbox_id = h.inbox_id"
	"  where " OPEN " and coalesce(" TOKEN_FRESH("$1") " and t.kind <> 'password', false) is false"
	"), put as ("
	"  insert into token_request (workspace_id, inbox_id)"
	"  select workspace_id, inbox_id from missing order by inbox_id on conflict do nothing"
	"  returning 1"
	") select (select count(*) from put), (select count(*) from missing)",
};
static const struct pg_stmt look_stmt = {
	"handout_look",
	"select h.workspace_id, h.handout_id, h.inbox_id, h.public_key, t.sealed, t.version"
	" from handout h join access_token t on t.inbox_id = h.inbox_id"
	"  join inbox_grant g on g.inbox_id = h.inbox_id and g.state = 'ok'"
	" where " OPEN " and t.kind <> 'password' and " TOKEN_FRESH("$1")
	" order by h.asked_at limit $2",
};
/* A key that fetches tokens all day leaves a line an hour. */
static const struct pg_stmt seal_stmt = {
	"handout_seal",
	"with sealed as ("
	"  update handout h set state = 'sealed', sealed = $2, token_version = $3,"
	"    expires_at = t.expires_at"
	"  from access_token t"
	"  where h.workspace_id = workspace_now() and h.handout_id = $1 and " OPEN
	"    and t.inbox_id = h.inbox_id and t.version = $3"
	"  returning h.workspace_id, h.inbox_id, h.handout_id, h.api_key_id"
	"), noted as ("
	"  insert into timeline (workspace_id, inbox_id, noted_at, code, words)"
	"  select workspace_id, inbox_id, now(), 'token_handed_out',"
	"    'an access token is handed to a sender with API key ' || api_key_id from sealed s"
	"  where not exists (select 1 from handout o where o.workspace_id = s.workspace_id"
	"    and o.inbox_id = s.inbox_id and o.api_key_id = s.api_key_id"
	"    and o.handout_id <> s.handout_id and o.state in ('sealed', 'taken')"
	"    and o.asked_at > now() - interval '1 hour')"
	") select 1 from sealed",
};
/* clang-format on */

int handout_look_start(struct pg *pg, struct handout_look *q, int64_t fresh_s, int most,
		       void (*each)(struct handout_look *, const struct handout_row *),
		       void (*done)(struct handout_look *))
{
	*q = (struct handout_look){ .each = each, .done = done };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &refuse_stmt, "");
	pg_tx_add(&q->tx, &want_stmt, "i", fresh_s);
	pg_tx_add(&q->tx, &look_stmt, "ii", fresh_s, (int64_t)most);
	return pg_tx_start(pg, &q->tx, on_looked);
}

static void tell_row(struct handout_look *q, const struct pg_answer *a, int row)
{
	struct handout_row r = {
		.workspace = pg_row_text(a, 2, row, 0),
		.id = pg_row_text(a, 2, row, 1),
		.inbox = pg_row_text(a, 2, row, 2),
		.version = pg_row_i64(a, 2, row, 5),
	};
	cleanup_buf struct buf key, sealed;

	buf_init(&key, SEAL_KEY);
	buf_init(&sealed, LIMIT_OAUTH_SEALED);
	if (pg_row_bytes(a, 2, row, 3, &key) < 0 || key.len != SEAL_KEY ||
	    pg_row_bytes(a, 2, row, 4, &sealed) < 0)
		return;
	r.public_key = key.data;
	r.sealed = sealed.data;
	r.sealed_len = sealed.len;
	q->each(q, &r);
}

static void on_looked(struct pg_tx *tx, const struct pg_answer *a)
{
	struct handout_look *q = container_of(tx, struct handout_look, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome)) {
		q->refused = pg_row_i64(a, 0, 0, 0);
		q->put = pg_row_i64(a, 1, 0, 0);
		q->waiting = pg_row_i64(a, 1, 0, 1);
		q->rows = pg_rows(a, 2);
	}
	for (int i = 0; i < q->rows; i++)
		tell_row(q, a, i);
	q->done(q);
}

int handout_seal_start(struct pg *pg, struct handout_write *q, const char *workspace,
		       const char *handout, int64_t version, const void *box, size_t n,
		       void (*done)(struct handout_write *))
{
	*q = (struct handout_write){ .done = done };
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &seal_stmt, "ubi", handout, box, n, version);
	return pg_tx_start(pg, &q->tx, on_sealed);
}

static void on_sealed(struct pg_tx *tx, const struct pg_answer *a)
{
	struct handout_write *q = container_of(tx, struct handout_write, tx);

	q->outcome = a->outcome;
	q->sealed = outcome_ok(&a->outcome) && pg_rows(a, 0) > 0;
	q->done(q);
}
