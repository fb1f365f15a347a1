#include "db/sent.h"

#include <string.h>

#include "base/mem.h"
#include "db/pg_json.h"

static void on_seen(struct pg_tx *tx, const struct pg_answer *a);
static void on_due(struct pg_tx *tx, const struct pg_answer *a);
static void on_told(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt seen = {
	"sent_seen",
	"select sent_seen($1::uuid, $2::bigint, $3::uuid, $4::bigint, $5::text, make_interval(secs => $6::bigint / 1000.0), $7::jsonb)",
};
static const struct pg_stmt dues = {
	"sent_dues",
	"select p.workspace_id, p.inbox_id, b.address, p.message_id, coalesce(encode(p.digest, 'hex'), ''), p.prospects::text,"
	" p.header_message_id, p.subject, p.folder_role, (extract(epoch from p.sent_at) * 1000000)::bigint,"
	" (extract(epoch from p.detected_at) * 1000000)::bigint, p.recovered"
	" from (select * from manual_pending where due_at <= now() order by due_at limit $1::bigint) p"
	" join inbox b on b.workspace_id = p.workspace_id and b.inbox_id = p.inbox_id"
	" order by p.workspace_id, p.sent_at",
};
static const struct pg_stmt tell = { "sent_tell", "select manual_tell($1::jsonb)" };
/* clang-format on */

static json_t *digests_json(const uint8_t (*at)[ARRIVAL_DIGEST], size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, pg_json_hex(at[i], ARRIVAL_DIGEST));
	return list;
}

static json_t *digest_json(bool is_there, const uint8_t digest[ARRIVAL_DIGEST])
{
	return is_there ? pg_json_hex(digest, ARRIVAL_DIGEST) : json_null();
}

static json_t *item_json(const struct sent_item *i)
{
	return json_pack("{ss sI so so so so so so so ss ss so so sb sb}", "message_id", i->message,
			 "uid", (json_int_t)i->uid, "digest", digest_json(i->has_digest, i->digest),
			 "original", digest_json(i->has_original, i->original), "names",
			 digests_json(i->names, i->n_names), "copies",
			 digests_json(i->copies, i->n_copies), "answers",
			 digests_json(i->answers, i->n_answers), "answers_ids",
			 pg_json_texts(i->answers_ids, i->n_answers), "addresses",
			 pg_json_texts(i->addresses, i->n_addresses), "header_message_id",
			 i->header_message_id, "subject", i->subject, "internal_at",
			 pg_json_instant(i->internal_at_us), "detected_at",
			 pg_json_instant(i->detected_at_us), "recovered", i->recovered, "by_person",
			 i->by_person);
}

int sent_seen_start(struct pg *pg, struct sent_seen *q, const struct folder_lease *l,
		    const char *folder, int64_t uidvalidity, const char *role, uint64_t grace_ms,
		    const struct sent_item *items, size_t n, void (*done)(struct sent_seen *))
{
	json_t *list = json_array();
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, item_json(&items[i]));
	if (json_array_size(list) == n)
		text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	if (!text)
		return -EINVAL;
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &seen, "uiuitij", l->inbox, l->epoch, folder, uidvalidity, role,
		  (int64_t)grace_ms, text);
	return pg_tx_start(pg, &q->tx, on_seen);
}

static void on_seen(struct pg_tx *tx, const struct pg_answer *a)
{
	struct sent_seen *q = container_of(tx, struct sent_seen, tx);

	q->outcome = a->outcome;
	q->fenced = strcmp(a->sqlstate, PG_FENCED) == 0;
	q->done(q);
}

int sent_dues_start(struct pg *pg, struct sent_dues *q,
		    void (*each)(struct sent_dues *, const struct sent_due *),
		    void (*done)(struct sent_dues *))
{
	q->each = each;
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &dues, "i", (int64_t)SENT_DUE_MAX);
	return pg_tx_start(pg, &q->tx, on_due);
}

static void on_due(struct pg_tx *tx, const struct pg_answer *a)
{
	struct sent_dues *q = container_of(tx, struct sent_dues, tx);
	int rows = outcome_ok(&a->outcome) ? pg_rows(a, 0) : 0;

	q->outcome = a->outcome;
	q->rows = rows;
	for (int r = 0; r < rows; r++) {
		const struct sent_due d = {
			.workspace = pg_row_text(a, 0, r, 0),
			.inbox = pg_row_text(a, 0, r, 1),
			.inbox_address = pg_row_text(a, 0, r, 2),
			.message = pg_row_text(a, 0, r, 3),
			.digest = pg_row_text(a, 0, r, 4),
			.prospects = pg_row_text(a, 0, r, 5),
			.header_message_id = pg_row_text(a, 0, r, 6),
			.subject = pg_row_text(a, 0, r, 7),
			.folder_role = pg_row_text(a, 0, r, 8),
			.sent_us = pg_row_time(a, 0, r, 9),
			.detected_us = pg_row_time(a, 0, r, 10),
			.recovered = pg_row_bool(a, 0, r, 11),
		};

		q->each(q, &d);
	}
	q->done(q);
}

int sent_tell_start(struct pg *pg, struct sent_tell *q, const char *workspace, const char *items,
		    void (*done)(struct sent_tell *))
{
	q->done = done;
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &tell, "j", items);
	return pg_tx_start(pg, &q->tx, on_told);
}

static void on_told(struct pg_tx *tx, const struct pg_answer *a)
{
	struct sent_tell *q = container_of(tx, struct sent_tell, tx);

	q->outcome = a->outcome;
	q->events = outcome_ok(&a->outcome) ? (int)pg_row_i64(a, 0, 0, 0) : 0;
	q->done(q);
}
