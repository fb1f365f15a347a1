#include <string.h>

#include "db/master_key.h"

#include "base/mem.h"

/* clang-format off */
static const struct pg_stmt join_stmt = {
	"master_key_join",
	"select k.master_id, k.state, k.is_same,"
	"  exists (select from key_rotation r where r.key_group = $5 and r.state <> 'done')"
	" from key_join($1, $2, $3, $4::bigint::int, $5, $6::smallint[],"
	"  (select coalesce(array_agg(decode(h, 'hex') order by n), '{}')"
	"    from unnest($7::text[]) with ordinality as t (h, n)), nullif($8::bigint, -1)::smallint) as k",
};
/* clang-format on */

static enum master_key_state state_of(const char *word)
{
	return strcmp(word, "sealing") == 0   ? MASTER_KEY_SEALING
	       : strcmp(word, "retired") == 0 ? MASTER_KEY_RETIRED
					      : MASTER_KEY_HELD;
}

static void on_joined(struct pg_tx *tx, const struct pg_answer *a)
{
	struct master_key_join *q = container_of(tx, struct master_key_join, tx);
	int rows = outcome_ok(&a->outcome) ? pg_rows(a, 0) : 0;

	q->outcome = a->outcome;
	for (int i = 0; i < rows && q->n < countof(q->keys); i++) {
		q->keys[q->n++] = (struct master_key){
			.id = (unsigned)pg_row_i64(a, 0, i, 0),
			.state = state_of(pg_row_text(a, 0, i, 1)),
			.is_same = pg_row_bool(a, 0, i, 2),
		};
		q->is_rotating = pg_row_bool(a, 0, i, 3);
	}
	q->done(q);
}

/* Two PostgreSQL arrays: the numbers, and their check values in hex. */
static void lists_of(const struct vault *v, struct buf *ids, struct buf *checks)
{
	uint8_t check[VAULT_CHECK];

	(void)text_add(ids, TEXT("{"));
	(void)text_add(checks, TEXT("{"));
	for (size_t i = 0; i < v->n; i++) {
		(void)vault_check(v, v->keys[i].id, check);
		(void)text_addf(ids, "%s%u", i ? "," : "", v->keys[i].id);
		(void)text_addf(checks, "%s", i ? "," : "");
		(void)text_add_hex(checks, check, sizeof(check));
	}
	(void)text_add(ids, TEXT("}"));
	(void)text_add(checks, TEXT("}"));
}

int master_key_join_start(struct pg *pg, struct master_key_join *q, const struct vault *v,
			  const struct master_key_holder *h, void (*done)(struct master_key_join *))
{
	cleanup_buf struct buf ids = { .max = 256 }, checks = { .max = 1024 };

	*q = (struct master_key_join){ .done = done };
	lists_of(v, &ids, &checks);
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &join_stmt, "uttittti", h->instance, h->role, h->host, (int64_t)h->pid,
		  v->group, (const char *)ids.data, (const char *)checks.data,
		  h->closes ? (int64_t)v->seals : INT64_C(-1));
	return pg_tx_start(pg, &q->tx, on_joined);
}
