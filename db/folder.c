#include "db/folder.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static void on_loaded(struct pg_tx *tx, const struct pg_answer *a);
static void on_ensured(struct pg_tx *tx, const struct pg_answer *a);
static void on_role(struct pg_tx *tx, const struct pg_answer *a);
static void on_modseq(struct pg_tx *tx, const struct pg_answer *a);
static void on_proven(struct pg_tx *tx, const struct pg_answer *a);
static void on_said(struct pg_tx *tx, const struct pg_answer *a);

/* Raises PG_FENCED: what follows in the transaction does not happen. */
static const struct pg_stmt fence = { "folder_fence", "select fence($1::uuid, $2::bigint)" };

static bool is_fenced(const struct pg_answer *a)
{
	return strcmp(a->sqlstate, PG_FENCED) == 0;
}

/* ---- load ---- */

#define US(column) "(extract(epoch from " column ") * 1000000)::bigint"

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt inbox = {
	"folder_inbox",
	"select " US("s.gated_through") ", g.gap_id is not null, " US("g.blind_from")
	" from inbox_seen s left join gap g on g.workspace_id = s.workspace_id"
	"  and g.inbox_id = s.inbox_id and g.closed_at is null"
	" where s.workspace_id = workspace_now() and s.inbox_id = $1::uuid",
};
static const struct pg_stmt folders = {
	"folder_rows",
	"select folder_id, wire_name, name, role, uidvalidity, uid_gated, uid_ingested, highestmodseq,"
	" " US("gated_through") ", " US("ingested_through") ", seen_by, seen_every_s::bigint"
	" from folder where inbox_id = $1::uuid order by role, wire_name",
};
/*
 * Where such a mail is now: under a UIDVALIDITY that is no more, or in a folder it
 * was moved from, it may have been seen again since, as a sighting.
 */
static const struct pg_stmt pending = {
	"folder_pending",
	"select m.message_id, coalesce(s.folder_id, m.folder_id), coalesce(s.role, f.role),"
	" coalesce(s.uidvalidity, m.uidvalidity), coalesce(s.uid, m.uid), m.prospect_key,"
	" m.header_message_id, m.sender, m.subject, " US("m.internal_at") ", " US("m.detected_at") ","
	" " US("m.gated_at") ", m.matches::text, m.recovered"
	" from message m join folder f on f.folder_id = m.folder_id"
	" left join lateral (select i.folder_id, i.uidvalidity, i.uid, n.role from sighting i"
	"  join folder n on n.folder_id = i.folder_id and n.uidvalidity = i.uidvalidity"
	"  where i.workspace_id = m.workspace_id and i.message_id = m.message_id"
	"  and i.inbox_id = m.inbox_id and n.role in ('inbox', 'junk', 'all')"
	"  order by i.seen_at desc limit 1) s on true"
	" where m.workspace_id = workspace_now() and m.inbox_id = $1::uuid and m.state = 'pending'"
	" order by m.folder_id, m.uid",
};
static const struct pg_stmt rechecks = {
	"folder_rechecks",
	"select folder_id, uidvalidity, uid from recheck where inbox_id = $1::uuid"
	" order by folder_id, uid",
};
/* clang-format on */

int folder_load_start(struct pg *pg, struct folder_load *q, const struct folder_lease *l)
{
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &fence, "ui", l->inbox, l->epoch);
	pg_tx_add(&q->tx, &inbox, "u", l->inbox);
	pg_tx_add(&q->tx, &folders, "u", l->inbox);
	pg_tx_add(&q->tx, &pending, "u", l->inbox);
	pg_tx_add(&q->tx, &rechecks, "u", l->inbox);
	return pg_tx_start(pg, &q->tx, on_loaded);
}

static void tell_inbox(struct folder_load *q, const struct pg_answer *a)
{
	bool is_there = pg_rows(a, 1) > 0;

	q->seen_us = is_there ? pg_row_time(a, 1, 0, 0) : INT64_MIN;
	q->has_gap = is_there && pg_row_bool(a, 1, 0, 1);
	q->blind_from_us = is_there ? pg_row_time(a, 1, 0, 2) : INT64_MIN;
}

static void tell_folders(struct folder_load *q, const struct pg_answer *a)
{
	for (int r = 0; r < pg_rows(a, 2); r++) {
		struct folder_row f = {
			.folder = pg_row_text(a, 2, r, 0),
			.wire_name = pg_row_text(a, 2, r, 1),
			.name = pg_row_text(a, 2, r, 2),
			.role = pg_row_text(a, 2, r, 3),
			.uidvalidity = pg_row_i64(a, 2, r, 4),
			.uid_gated = pg_row_i64(a, 2, r, 5),
			.uid_ingested = pg_row_i64(a, 2, r, 6),
			.highestmodseq = pg_row_i64(a, 2, r, 7),
			.gated_at_us = pg_row_time(a, 2, r, 8),
			.ingested_at_us = pg_row_time(a, 2, r, 9),
			.seen_by = pg_row_text(a, 2, r, 10),
			.seen_every_s = pg_row_i64(a, 2, r, 11),
		};

		q->folder(q, &f);
	}
}

static void tell_pending(struct folder_load *q, const struct pg_answer *a)
{
	for (int r = 0; r < pg_rows(a, 3); r++) {
		struct folder_pending p = {
			.message = pg_row_text(a, 3, r, 0),
			.folder = pg_row_text(a, 3, r, 1),
			.role = pg_row_text(a, 3, r, 2),
			.uidvalidity = pg_row_i64(a, 3, r, 3),
			.uid = pg_row_i64(a, 3, r, 4),
			.prospect = pg_row_text(a, 3, r, 5),
			.header_message_id = pg_row_text(a, 3, r, 6),
			.sender = pg_row_text(a, 3, r, 7),
			.subject = pg_row_text(a, 3, r, 8),
			.internal_at_us = pg_row_time(a, 3, r, 9),
			.detected_at_us = pg_row_time(a, 3, r, 10),
			.gated_at_us = pg_row_time(a, 3, r, 11),
			.matches = pg_row_text(a, 3, r, 12),
			.recovered = pg_row_bool(a, 3, r, 13),
		};

		q->pending(q, &p);
	}
}

static void on_loaded(struct pg_tx *tx, const struct pg_answer *a)
{
	struct folder_load *q = container_of(tx, struct folder_load, tx);

	q->outcome = a->outcome;
	q->fenced = is_fenced(a);
	if (outcome_ok(&a->outcome)) {
		tell_inbox(q, a);
		tell_folders(q, a);
		tell_pending(q, a);
	}
	for (int r = 0; outcome_ok(&a->outcome) && r < pg_rows(a, 4); r++) {
		struct folder_recheck one = {
			.folder = pg_row_text(a, 4, r, 0),
			.uidvalidity = pg_row_i64(a, 4, r, 1),
			.uid = pg_row_i64(a, 4, r, 2),
		};

		q->recheck(q, &one);
	}
	q->done(q);
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

/* ---- state ---- */

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt state_say = {
	"folder_state",
	"insert into inbox_state as s (workspace_id, inbox_id, state, reason, detail, waiting_for,"
	"  progress_done, progress_of, live_at, retry_at)"
	" values (workspace_now(), $1::uuid, $2::text, $3::text, $4::text, $5::text,"
	"  case when $7::bigint > 0 then $6::bigint end, nullif($7::bigint, 0),"
	"  case when $2::text = 'live' then now() end,"
	"  case when $8::bigint > 0 then to_timestamp($8::bigint / 1e6) end)"
	" on conflict (workspace_id, inbox_id) do update set reason = excluded.reason,"
	"  detail = excluded.detail, waiting_for = excluded.waiting_for,"
	"  progress_done = excluded.progress_done, progress_of = excluded.progress_of,"
	"  retry_at = excluded.retry_at,"
	"  since = case when s.state = excluded.state and s.reason = excluded.reason then s.since"
	"   else now() end,"
	"  live_at = coalesce(excluded.live_at, case when s.state = 'live' then now() end, s.live_at),"
	"  state = excluded.state",
};
/* A connect link may wait for what was just said. */
static const struct pg_stmt state_links = {
	"folder_state_links",
	"select links_checked(array[$1::uuid])",
};
static const struct pg_stmt state_event = {
	"folder_state_event",
	"select event_put($1::uuid, $2::text, null, null, $3::uuid, null, $4::jsonb)",
};
/* clang-format on */

int folder_state_start(struct pg *pg, struct folder_state *q, const struct folder_lease *l,
		       const struct folder_said *said, void (*done)(struct folder_state *))
{
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &fence, "ui", l->inbox, l->epoch);
	pg_tx_add(&q->tx, &state_say, "uttttiii", l->inbox, said->state, said->reason, said->detail,
		  said->waiting_for, said->progress_done, said->progress_of, said->retry_at_us);
	pg_tx_add(&q->tx, &state_links, "u", l->inbox);
	if (said->event)
		pg_tx_add(&q->tx, &state_event, "utuj", said->event, said->event_type, l->inbox,
			  said->event_data);
	return pg_tx_start(pg, &q->tx, on_said);
}

static void on_said(struct pg_tx *tx, const struct pg_answer *a)
{
	struct folder_state *q = container_of(tx, struct folder_state, tx);

	q->outcome = a->outcome;
	q->fenced = is_fenced(a);
	q->links = outcome_ok(&a->outcome) ? pg_row_i64(a, 2, 0, 0) : 0;
	q->done(q);
}
