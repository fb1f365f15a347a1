#include "db/correction.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

static void on_made(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt make = {
	"correction_make",
	"select result, coalesce(answer, '') from message_reclassify($1::uuid, $2::text, $3::text, $4::uuid, $5::text, $6::text,"
	" $7::bigint::int, $8::text, $9::text)",
};

/* Matches as events show them: not the addresses and ids of other outbounds. */
static const struct pg_stmt message = {
	"correction_message",
	"select jsonb_build_object('id', m.message_id, 'message_id', nullif(m.header_message_id, ''),"
	"  'from', nullif(m.sender, ''), 'subject', m.subject, 'received_at', instant_text(m.internal_at),"
	"  'state', m.state, 'prospect', m.prospect_key, 'kind', nullif(m.kind, ''),"
	"  'intent', nullif(m.intent, ''), 'confidence', m.confidence, 'evidence', m.evidence,"
	"  'matches', (select coalesce(jsonb_agg(x.value - array['address', 'message_id', 'inbox_id'] order by x.ordinality), '[]')"
	"   from jsonb_array_elements(m.matches) with ordinality x),"
	"  'snippet', m.snippet, 'return_at', left(instant_text(m.return_at), 10), 'recovered', m.recovered,"
	"  'detected_at', instant_text(m.detected_at), 'gated_at', instant_text(m.gated_at),"
	"  'seen_in', (select coalesce(jsonb_agg(jsonb_build_object('inbox_id', s.inbox_id, 'address', i.address,"
	"    'folder', f.name, 'folder_role', f.role, 'seen_at', instant_text(s.seen_at)) order by s.seen_at, s.uid), '[]')"
	"   from sighting s left join inbox i on i.workspace_id = s.workspace_id and i.inbox_id = s.inbox_id"
	"   left join folder f on f.workspace_id = s.workspace_id and f.folder_id = s.folder_id"
	"   where s.workspace_id = m.workspace_id and s.message_id = m.message_id),"
	"  'corrections', (select coalesce(jsonb_agg(correction_says(c) - 'message_id' order by c.revision), '[]')"
	"   from correction c where c.workspace_id = m.workspace_id and c.message_id = m.message_id))::text"
	" from message_key k join message m on m.workspace_id = k.workspace_id and m.message_id = k.message_id"
	"  and m.created_at = k.message_created_at"
	" where k.workspace_id = workspace_now() and k.message_id = $1::uuid",
};
static const struct pg_stmt all = {
	"correction_all",
	"select jsonb_build_object('corrections', coalesce(jsonb_agg(correction_says(c.it)"
	"   || jsonb_build_object('line', (c.it).line, 'evidence', (c.it).was_evidence, 'from', nullif(m.sender, ''),"
	"    'subject', m.subject, 'snippet', m.snippet) order by (c.it).line), '[]'),"
	"  'next', coalesce(max((c.it).line), $1::bigint))::text"
	" from (select c as it from correction c where c.workspace_id = workspace_now() and c.line > $1::bigint"
	"  order by c.line limit $2::bigint) c"
	" left join message_key k on k.workspace_id = workspace_now() and k.message_id = (c.it).message_id"
	" left join message m on m.workspace_id = k.workspace_id and m.message_id = k.message_id"
	"  and m.created_at = k.message_created_at",
};
/* clang-format on */

int correction_make_start(struct pg *pg, struct correction_make *q, const char *workspace,
			  const struct correction_ask *ask, void (*done)(struct correction_make *))
{
	*q = (struct correction_make){ .done = done };
	buf_init(&q->json, LIMIT_VIEW);
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &make, "uttuttitt", ask->message, ask->key, ask->fingerprint, ask->by,
		  ask->kind, ask->intent, (int64_t)ask->level, ask->reason, ask->event_type);
	return pg_tx_start(pg, &q->tx, on_made);
}

static enum correction_end end_of(const char *said)
{
	static const char *const words[] = {
		[CORRECTION_MADE] = "corrected",      [CORRECTION_REPEATED] = "repeated",
		[CORRECTION_UNCHANGED] = "unchanged", [CORRECTION_NOT_FOUND] = "not_found",
		[CORRECTION_PENDING] = "pending",     [CORRECTION_CONFLICT] = "conflict",
	};

	for (size_t i = 0; i < countof(words); i++)
		if (strcmp(words[i], said) == 0)
			return (enum correction_end)i;
	return CORRECTION_NOT_FOUND;
}

static void on_made(struct pg_tx *tx, const struct pg_answer *a)
{
	struct correction_make *q = container_of(tx, struct correction_make, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome)) {
		q->end = end_of(pg_row_text(a, 0, 0, 0));
		if (text_add(&q->json, text_of(pg_row_text(a, 0, 0, 1))) != 0)
			q->outcome =
				outcome_of(BLAME_US, "answer larger than LIMIT_VIEW", TEXT(""));
	}
	q->done(q);
}

void correction_make_clear(struct correction_make *q)
{
	pg_tx_cancel(&q->tx);
	buf_clear(&q->json);
}

int correction_view_message(struct pg *pg, struct view *v, const char *workspace,
			    const char *message_id, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &message, "u", message_id);
	return view_begin(pg, v, done);
}

int correction_view_all(struct pg *pg, struct view *v, const char *workspace, int64_t after,
			int64_t limit, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &all, "ii", after, limit);
	return view_begin(pg, v, done);
}
