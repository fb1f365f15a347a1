#include "db/folder.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static void on_ensured(struct pg_tx *tx, const struct pg_answer *a);
static void on_role(struct pg_tx *tx, const struct pg_answer *a);
static void on_modseq(struct pg_tx *tx, const struct pg_answer *a);
static void on_proven(struct pg_tx *tx, const struct pg_answer *a);

/* Raises PG_FENCED: what follows in the transaction does not happen. */
static const struct pg_stmt fence = { "folder_fence", "select fence($1::uuid, $2::bigint)" };

static bool is_fenced(const struct pg_answer *a)
{
	return strcmp(a->sqlstate, PG_FENCED) == 0;
}

/* ---- ensure ---- */

/* It tears SQL apart. */
/* clang-format off */

#define IS_WATCHED "in ('inbox', 'junk', 'all')"

/* A folder that nobody has seen comes to be watched: what was proven did not cover it. */
static const struct pg_stmt widened = {
	"folder_widened",
	"update inbox_proof set void_until = now() where workspace_id = workspace_now()"
	" and inbox_id = $1::uuid and $3::text " IS_WATCHED " and not exists (select from folder"
	"  where inbox_id = $1::uuid and wire_name = $2::text and role " IS_WATCHED ")",
};
/*
 * The time watermarks stay when UIDVALIDITY changes: what had been seen up to an
 * instant was seen, whatever the server calls the mails now.
 */
#define IS_THE_SAME "f.uidvalidity = excluded.uidvalidity and f.uid_gated <= $7::bigint"

static const struct pg_stmt ensure = {
	"folder_ensure",
	"insert into folder as f (workspace_id, inbox_id, folder_id, name, wire_name, role,"
	"  uidvalidity, uid_gated, uid_ingested)"
	" values (workspace_now(), $1::uuid, gen_random_uuid(), $2::text, $3::text, $4::text,"
	"  $5::bigint, $6::bigint, $6::bigint)"
	" on conflict (workspace_id, inbox_id, wire_name) do update"
	" set name = excluded.name, role = excluded.role,"
	"  uid_gated = case when " IS_THE_SAME " then f.uid_gated else excluded.uid_gated end,"
	"  uid_ingested = case when " IS_THE_SAME " then f.uid_ingested"
	"   else excluded.uid_ingested end,"
	"  highestmodseq = case when " IS_THE_SAME " then f.highestmodseq else 0 end,"
	"  uidvalidity = excluded.uidvalidity"
	" returning folder_id, uid_gated, uid_ingested",
};
/*
 * Mails under other names cannot be looked at again; the look back finds them.  Until it is over
 * the folder is not proven: one of them may be the answer that somebody asks the gate about.
 */
static const struct pg_stmt outdated = {
	"folder_outdated",
	"with gone as (delete from recheck r using folder f where f.inbox_id = $1::uuid"
	"  and f.wire_name = $2::text and r.folder_id = f.folder_id"
	"  and r.uidvalidity <> $3::bigint returning r.folder_id),"
	" void as (update inbox_proof set void_until = now() where workspace_id = workspace_now()"
	"  and inbox_id = $1::uuid and exists (select from gone))"
	" update folder set gated_through = null"
	" where inbox_id = $1::uuid and folder_id in (select folder_id from gone)",
};
/* clang-format on */

int folder_ensure_start(struct pg *pg, struct folder_ensure *q, const struct folder_lease *l,
			struct text wire_name, struct text name, const char *role,
			int64_t uidvalidity, int64_t start, int64_t end,
			void (*done)(struct folder_ensure *))
{
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &fence, "ui", l->inbox, l->epoch);
	pg_tx_add(&q->tx, &widened, "uxt", l->inbox, wire_name, role);
	pg_tx_add(&q->tx, &ensure, "uxxtiii", l->inbox, name, wire_name, role, uidvalidity, start,
		  end);
	pg_tx_add(&q->tx, &outdated, "uxi", l->inbox, wire_name, uidvalidity);
	return pg_tx_start(pg, &q->tx, on_ensured);
}

static void on_ensured(struct pg_tx *tx, const struct pg_answer *a)
{
	struct folder_ensure *q = container_of(tx, struct folder_ensure, tx);

	q->outcome = a->outcome;
	q->fenced = is_fenced(a);
	if (outcome_ok(&a->outcome)) {
		(void)snprintf(q->folder, sizeof(q->folder), "%s", pg_row_text(a, 2, 0, 0));
		q->uid_gated = pg_row_i64(a, 2, 0, 1);
		q->uid_ingested = pg_row_i64(a, 2, 0, 2);
	}
	q->done(q);
}

/* It tears SQL apart. */
/* clang-format off */
/*
 * Mails to be looked at again stay on their list, where they hold no gate (db/gate.c): a folder
 * that was gone may be there again.
 */
static const struct pg_stmt role_is = {
	"folder_role_is",
	"update folder set role = $3::text, seen_by = $4::text, seen_every_s = $5::bigint::int"
	" where inbox_id = $1::uuid and folder_id = $2::uuid",
};
static const struct pg_stmt role_widened = {
	"folder_role_widened",
	"update inbox_proof set void_until = now() where workspace_id = workspace_now()"
	" and inbox_id = $1::uuid and $3::text " IS_WATCHED " and not exists (select from folder"
	"  where inbox_id = $1::uuid and folder_id = $2::uuid and role " IS_WATCHED ")",
};
static const struct pg_stmt modseq_is = {
	"folder_modseq_is",
	"update folder set highestmodseq = $4::bigint where inbox_id = $1::uuid"
	" and folder_id = $2::uuid and uidvalidity = $3::bigint",
};
/* clang-format on */

int folder_role_start(struct pg *pg, struct folder_role *q, const struct folder_lease *l,
		      const char *folder, const char *role, const char *seen_by,
		      int64_t seen_every_s, void (*done)(struct folder_role *))
{
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &fence, "ui", l->inbox, l->epoch);
	pg_tx_add(&q->tx, &role_widened, "uut", l->inbox, folder, role);
	pg_tx_add(&q->tx, &role_is, "uutti", l->inbox, folder, role, seen_by, seen_every_s);
	return pg_tx_start(pg, &q->tx, on_role);
}

static void on_role(struct pg_tx *tx, const struct pg_answer *a)
{
	struct folder_role *q = container_of(tx, struct folder_role, tx);

	q->outcome = a->outcome;
	q->fenced = is_fenced(a);
	q->done(q);
}

int folder_modseq_start(struct pg *pg, struct folder_modseq *q, const struct folder_lease *l,
			const char *folder, int64_t uidvalidity, int64_t highestmodseq,
			void (*done)(struct folder_modseq *))
{
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &fence, "ui", l->inbox, l->epoch);
	pg_tx_add(&q->tx, &modseq_is, "uuii", l->inbox, folder, uidvalidity, highestmodseq);
	return pg_tx_start(pg, &q->tx, on_modseq);
}

static void on_modseq(struct pg_tx *tx, const struct pg_answer *a)
{
	struct folder_modseq *q = container_of(tx, struct folder_modseq, tx);

	q->outcome = a->outcome;
	q->fenced = is_fenced(a);
	q->done(q);
}

/* ---- proofs ---- */

static const struct pg_stmt prove = {
	"folder_prove",
	"select inbox_id, has_gap from proofs_put($1::jsonb)",
};

int folder_proofs_start(struct pg *pg, struct folder_proofs *q, const struct folder_proof *proofs,
			size_t n)
{
	json_t *given = json_array();
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct folder_proof *p = &proofs[i];
		bool is_ingested = p->ingested_at_us != INT64_MIN;

		json_array_append_new(given, json_pack("{ss sI sI so sI}", "inbox", p->inbox,
						       "epoch", (json_int_t)p->epoch, "gated",
						       (json_int_t)p->gated_at_us, "ingested",
						       is_ingested ? json_integer(p->ingested_at_us)
								   : json_null(),
						       "interval_s", (json_int_t)p->interval_s));
	}
	text = json_dumps(given, JSON_COMPACT);
	json_decref(given);
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &prove, "j", text);
	return pg_tx_start(pg, &q->tx, on_proven);
}

static void on_proven(struct pg_tx *tx, const struct pg_answer *a)
{
	struct folder_proofs *q = container_of(tx, struct folder_proofs, tx);
	int rows = outcome_ok(&a->outcome) ? pg_rows(a, 0) : 0;

	q->outcome = a->outcome;
	q->written = rows;
	for (int r = 0; q->gap && r < rows; r++)
		if (pg_row_bool(a, 0, r, 1))
			q->gap(q, pg_row_text(a, 0, r, 0));
	q->done(q);
}
