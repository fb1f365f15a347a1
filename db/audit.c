#include "db/audit.h"

#include "base/mem.h"

static void on_noted(struct pg_tx *tx, const struct pg_answer *a);

/* clang-format off */
#define WORDS(n) "array(select jsonb_array_elements_text(" n "::jsonb))"
static const struct pg_stmt note = {
	"audit_note",
	"select audit_note(workspace_now(), $1, $2::uuid,"
	"  coalesce(nullif($3, ''), (select k.label from api_key k where k.workspace_id = workspace_now() and k.api_key_id = $2::uuid), ''),"
	"  $4, " WORDS("$5") ", " WORDS("$6") ", $7::uuid)",
};
/* Whether anybody reads it a moment later is the same to all. */
static const struct pg_stmt settle = {
	"audit_settle",
	"update audit set status = $2::bigint::int where workspace_id = workspace_now() and line = $1::bigint",
};
static const struct pg_stmt list = {
	"audit_list",
	"select jsonb_build_object('lines', coalesce(jsonb_agg(jsonb_build_object('line', a.line, 'at', instant_text(a.noted_at),"
	"   'by', jsonb_build_object('kind', a.actor_kind, 'id', a.actor_id, 'name', a.actor), 'what', a.what, 'about', a.about,"
	"   'fields', a.fields, 'request_id', a.request_id, 'status', a.status) order by a.line desc), '[]'),"
	"  'next', case when count(*) = $2::bigint then min(a.line) end)::text"
	" from (select * from audit x where x.workspace_id = workspace_now() and x.line < $1::bigint"
	"  order by x.line desc limit $2::bigint) a",
};
/* clang-format on */

int audit_note_start(struct pg *pg, struct audit_note *n, const struct audit_line *l,
		     void (*done)(struct audit_note *))
{
	n->done = done;
	n->line = 0;
	pg_tx_init(&n->tx, l->workspace);
	pg_tx_add(&n->tx, &note, "tuttjju", l->actor_kind, l->actor_id, l->actor, l->what, l->about,
		  l->fields, l->request);
	return pg_tx_start(pg, &n->tx, on_noted);
}

static void on_noted(struct pg_tx *tx, const struct pg_answer *a)
{
	struct audit_note *n = container_of(tx, struct audit_note, tx);

	n->outcome = a->outcome;
	if (outcome_ok(&a->outcome) && pg_rows(a, 0) == 1)
		n->line = pg_row_i64(a, 0, 0, 0);
	n->done(n);
}

int audit_settle_start(struct pg *pg, struct audit_note *n, const char *workspace, int64_t line,
		       int status, void (*done)(struct audit_note *))
{
	n->done = done;
	n->line = line;
	pg_tx_init(&n->tx, workspace);
	pg_tx_add(&n->tx, &settle, "ii", line, (int64_t)status);
	return pg_tx_start(pg, &n->tx, on_noted);
}

int audit_list_start(struct pg *pg, struct view *v, const char *workspace, int64_t before,
		     int64_t limit, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &list, "ii", before, limit);
	return view_begin(pg, v, done);
}
