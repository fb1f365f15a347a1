#include "db/arrival.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

static void on_found(struct pg_tx *tx, const struct pg_answer *a);
static void on_kept(struct pg_tx *tx, const struct pg_answer *a);
static void on_closed(struct pg_tx *tx, const struct pg_answer *a);
static void on_settled(struct pg_tx *tx, const struct pg_answer *a);

#define US(column) "(extract(epoch from " column ") * 1000000)::bigint"

static bool is_fenced(const struct pg_answer *a)
{
	return strcmp(a->sqlstate, PG_FENCED) == 0;
}

static void hex_of(const uint8_t digest[ARRIVAL_DIGEST], char dst[2 * ARRIVAL_DIGEST + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < ARRIVAL_DIGEST; i++) {
		dst[2 * i] = digits[digest[i] >> 4];
		dst[2 * i + 1] = digits[digest[i] & 15];
	}
	dst[(size_t)2 * ARRIVAL_DIGEST] = '\0';
}

/* ---- find ---- */

static const struct pg_stmt find = {
	"arrival_find",
	"select digest, outbound_id, inbox_id, sequence, step, prospect_key, prospect_address, "
	"message_id, " US("sent_at") " from outbound_match($1::text::bytea[], $2::text::bytea[])",
};

/* "{"\\x00...","..."}" */
static void write_array(struct buf *ret, uint8_t (*at)[ARRIVAL_DIGEST], size_t n)
{
	char hex[2 * ARRIVAL_DIGEST + 1];

	buf_init(ret, n * (sizeof(hex) + 8) + 3);
	text_addf(ret, "{");
	for (size_t i = 0; i < n; i++) {
		hex_of(at[i], hex);
		text_addf(ret, "%s\"\\\\x%s\"", i ? "," : "", hex);
	}
	text_addf(ret, "}");
}

int arrival_find_start(struct pg *pg, struct arrival_find *q, const char *workspace,
		       const struct arrival_keys *keys, void (*done)(struct arrival_find *))
{
	cleanup_buf struct buf ids, names;

	write_array(&ids, keys->ids, keys->n_ids);
	write_array(&names, keys->names, keys->n_names);
	arrival_find_clear(q);
	q->done = done;
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &find, "xx", text_of_buf(&ids), text_of_buf(&names));
	return pg_tx_start(pg, &q->tx, on_found);
}

bool arrival_outbound_read(const struct pg_answer *a, int st, int row, int first,
			   struct arrival_outbound *ret)
{
	cleanup_buf struct buf digest;

	buf_init(&digest, ARRIVAL_DIGEST);
	if (pg_row_bytes(a, st, row, first, &digest) || digest.len != ARRIVAL_DIGEST)
		return false;
	memcpy(ret->digest, digest.data, ARRIVAL_DIGEST);
	ret->outbound = mem_text(pg_row_text(a, st, row, first + 1));
	ret->inbox = mem_text(pg_row_text(a, st, row, first + 2));
	ret->sequence = mem_text(pg_row_text(a, st, row, first + 3));
	ret->step = mem_text(pg_row_text(a, st, row, first + 4));
	ret->prospect = mem_text(pg_row_text(a, st, row, first + 5));
	ret->address = mem_text(pg_row_text(a, st, row, first + 6));
	ret->message_id = mem_text(pg_row_text(a, st, row, first + 7));
	ret->sent_at_us = pg_row_time(a, st, row, first + 8);
	return true;
}

size_t arrival_outbounds(const struct pg_answer *a, int st, struct arrival_outbound **ret)
{
	int rows = pg_rows(a, st);
	size_t n = 0;

	*ret = rows ? mem_new((size_t)rows * sizeof(**ret)) : NULL;
	for (int r = 0; r < rows; r++)
		n += arrival_outbound_read(a, st, r, 0, &(*ret)[n]);
	return n;
}

void arrival_outbounds_free(struct arrival_outbound *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *all[] = { at[i].outbound, at[i].inbox,   at[i].sequence,  at[i].step,
				at[i].prospect, at[i].address, at[i].message_id };

		for (size_t k = 0; k < countof(all); k++)
			free(all[k]);
	}
	free(at);
}

static void on_found(struct pg_tx *tx, const struct pg_answer *a)
{
	struct arrival_find *q = container_of(tx, struct arrival_find, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome))
		q->n_found = arrival_outbounds(a, 0, &q->found);
	q->done(q);
}

void arrival_find_clear(struct arrival_find *q)
{
	pg_tx_cancel(&q->tx);
	gather_cancel(&q->ask);
	arrival_outbounds_free(q->found, q->n_found);
	q->found = NULL;
	q->n_found = 0;
}

/* ---- keep ---- */

static const struct pg_stmt keep = {
	"arrival_keep",
	"select folder_id, uid from trace_keep($1::uuid, $2::bigint, $3::jsonb)",
};

int arrival_keep_start(struct pg *pg, struct arrival_keep *q, const struct folder_lease *l,
		       const char *folder, int64_t uidvalidity, const struct arrival_trace *traces,
		       size_t n, void (*late)(struct arrival_keep *, int64_t uid),
		       void (*done)(struct arrival_keep *))
{
	json_t *items = json_array();
	cleanup_free char *text = NULL;
	char hex[2 * ARRIVAL_DIGEST + 1], at[CLOCK_TEXT];

	for (size_t i = 0; i < n; i++) {
		hex_of(traces[i].digest, hex);
		clock_rfc3339(traces[i].received_us, at);
		json_array_append_new(items,
				      json_pack("{ss sI sI ss ss ss}", "folder_id", folder,
						"uidvalidity", (json_int_t)uidvalidity, "uid",
						(json_int_t)traces[i].uid, "digest", hex, "names",
						traces[i].is_sender ? "sender" : "id", "at", at));
	}
	text = json_dumps(items, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(items);
	q->late = late;
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &keep, "uij", l->inbox, l->epoch, text);
	return pg_tx_start(pg, &q->tx, on_kept);
}

static void on_kept(struct pg_tx *tx, const struct pg_answer *a)
{
	struct arrival_keep *q = container_of(tx, struct arrival_keep, tx);

	q->outcome = a->outcome;
	q->fenced = is_fenced(a);
	for (int r = 0; outcome_ok(&a->outcome) && r < pg_rows(a, 0); r++)
		q->late(q, pg_row_i64(a, 0, r, 1));
	q->done(q);
}

/* ---- transaction 1 ---- */

static const struct pg_stmt gate_close = {
	"arrival_close",
	"select uid, was from gate_close($1::uuid, $2::bigint, $3::jsonb)",
};
static const struct pg_stmt advance = {
	"arrival_advance",
	"select folder_advance($1::uuid, $2::bigint, $3::uuid, $4::bigint, $5::bigint, "
	"$6::timestamptz,"
	" $7::bigint, $8::timestamptz)",
};

static void add_mark(struct pg_tx *tx, const struct folder_lease *l, const struct arrival_mark *m)
{
	pg_tx_add(tx, &advance, "uiuiiTiT", l->inbox, l->epoch, m->folder, m->uidvalidity,
		  m->uid_gated, m->gated_at_us, m->uid_ingested, m->ingested_at_us);
}

/* The last statement is the mark, if there was one. */
static bool has_moved(const struct pg_tx *tx, const struct pg_answer *a)
{
	int last = tx->n - 1;

	return a->said[last] != &advance || pg_row_bool(a, last, 0, 0);
}

static void put_texts(struct json_text *to, const char *key, const char *const *at, size_t n)
{
	json_text_open(to, key, '[');
	for (size_t i = 0; i < n; i++)
		json_text_string(to, NULL, at[i]);
	json_text_close(to, ']');
}

void arrival_item_json(struct json_text *to, const struct arrival_item *i, const char *folder,
		       int64_t uidvalidity)
{
	json_text_string(to, "message_id", i->message);
	put_texts(to, "prospect_keys", i->prospects, i->n_prospects);
	json_text_string(to, "folder_id", folder);
	json_text_int(to, "uidvalidity", uidvalidity);
	json_text_int(to, "uid", i->uid);
	json_text_string(to, "header_message_id", i->header_message_id);
	json_text_string(to, "sender", i->sender);
	json_text_string(to, "subject", i->subject);
	json_text_time(to, "internal_at", i->internal_at_us);
	json_text_int(to, "size_bytes", (int64_t)i->size_bytes);
	json_text_given(to, "matches", i->matches);
	json_text_time(to, "detected_at", i->detected_at_us);
	json_text_bool(to, "recovered", i->recovered);
}

int arrival_close_start(struct pg *pg, struct arrival_close *q, const struct folder_lease *l,
			const char *folder, int64_t uidvalidity, const struct arrival_item *items,
			size_t n, const struct arrival_mark *mark,
			void (*was)(struct arrival_close *, int64_t uid, enum arrival_was),
			void (*done)(struct arrival_close *))
{
	cleanup_buf struct buf text;
	struct json_text j = json_text_to(&text);

	buf_init(&text, LIMIT_PG_PARAMS);
	json_text_open(&j, NULL, '[');
	for (size_t i = 0; i < n; i++) {
		json_text_open(&j, NULL, '{');
		arrival_item_json(&j, &items[i], folder, uidvalidity);
		json_text_close(&j, '}');
	}
	json_text_close(&j, ']');
	if (json_text_status(&j) < 0)
		return -EINVAL;
	q->was = was;
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	if (n > 0)
		pg_tx_add(&q->tx, &gate_close, "uij", l->inbox, l->epoch, (const char *)text.data);
	if (mark)
		add_mark(&q->tx, l, mark);
	return pg_tx_start(pg, &q->tx, on_closed);
}

enum arrival_was arrival_was_of(const char *word)
{
	if (strcmp(word, "new") == 0)
		return ARRIVAL_NEW;
	return strcmp(word, "pending") == 0 ? ARRIVAL_PENDING : ARRIVAL_DONE;
}

static void on_closed(struct pg_tx *tx, const struct pg_answer *a)
{
	struct arrival_close *q = container_of(tx, struct arrival_close, tx);
	bool ok = outcome_ok(&a->outcome);

	q->outcome = a->outcome;
	q->fenced = is_fenced(a);
	q->moved = ok && has_moved(tx, a);
	for (int r = 0; ok && a->said[0] == &gate_close && r < pg_rows(a, 0); r++)
		q->was(q, pg_row_i64(a, 0, r, 0), arrival_was_of(pg_row_text(a, 0, r, 1)));
	q->done(q);
}

/* ---- transaction 2 ---- */

static const struct pg_stmt settle = {
	"arrival_settle",
	"select was_new from message_settle($1::uuid, $2::bigint, $3::jsonb)",
};

void arrival_verdict_json(struct json_text *to, const struct arrival_verdict *v)
{
	json_text_string(to, "message_id", v->message);
	put_texts(to, "prospect_keys", v->prospects, v->n_prospects);
	json_text_string(to, "state", v->text_unavailable ? "text_unavailable" : "done");
	json_text_string(to, "kind", v->kind);
	json_text_real(to, "confidence", v->confidence);
	json_text_string(to, "snippet", v->snippet);
	json_text_given(to, "evidence", v->evidence);
	json_text_given(to, "matches", v->matches);
	json_text_time(to, "return_at", v->return_at_us);
	json_text_int(to, "level", v->level);
	json_text_string(to, "reason", v->reason);
	json_text_time(to, "hold_until", v->hold_until_us);
	json_text_string(to, "event_id", v->event);
	json_text_string(to, "event_type", v->event_type);
	json_text_given(to, "event_data", v->event_data);
}

int arrival_settle_start(struct pg *pg, struct arrival_settle *q, const struct folder_lease *l,
			 const struct arrival_verdict *v, const struct arrival_mark *mark,
			 void (*done)(struct arrival_settle *))
{
	cleanup_buf struct buf text;
	struct json_text j = json_text_to(&text);

	buf_init(&text, LIMIT_PG_PARAMS);
	json_text_open(&j, NULL, '{');
	arrival_verdict_json(&j, v);
	json_text_close(&j, '}');
	if (json_text_status(&j) < 0)
		return -EINVAL;
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &settle, "uij", l->inbox, l->epoch, (const char *)text.data);
	if (mark)
		add_mark(&q->tx, l, mark);
	return pg_tx_start(pg, &q->tx, on_settled);
}

static void on_settled(struct pg_tx *tx, const struct pg_answer *a)
{
	struct arrival_settle *q = container_of(tx, struct arrival_settle, tx);
	bool ok = outcome_ok(&a->outcome);

	q->outcome = a->outcome;
	q->fenced = is_fenced(a);
	q->moved = ok && has_moved(tx, a);
	q->was_new = ok && pg_row_bool(a, 0, 0, 0);
	q->done(q);
}
