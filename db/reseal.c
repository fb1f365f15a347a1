#include <string.h>

#include "db/reseal.h"

#include "base/mem.h"
#include "base/text.h"

/* clang-format off */
#define TAKE(name, table, id, box, key)                                                            \
	{ "reseal_take_" name,                                                                     \
	  "select workspace_id, " id ", " box " from " table                                       \
	  " where " key " <> $1::bigint and " id " > $2 order by " id " limit $3" }
#define PUT(name, table, id, box)                                                                  \
	{ "reseal_put_" name,                                                                      \
	  "update " table " set " box " = $4"                                                      \
	  " where workspace_id = $1 and " id " = $2 and " box " = $3" }
#define COUNT(name, table, key)                                                                    \
	{ "reseal_count_" name,                                                                    \
	  "select " key ", count(*) from " table " where " key " is not null group by " key }
#define PLACE(name, group, purpose, table, id, box, key)                                           \
	{ group, purpose, TAKE(name, table, id, box, key), PUT(name, table, id, box),              \
	  COUNT(name, table, key) }

static const struct reseal_place places[] = {
	PLACE("grant", "grant", "grant", "inbox_grant", "inbox_id", "sealed", "key_id"),
	PLACE("domain", "grant", "domain", "domain_grant", "domain_grant_id", "sealed", "key_id"),
	PLACE("domain_token", "grant", "domain_token", "domain_grant", "domain_grant_id", "token_sealed", "token_key_id"),
	PLACE("device", "grant", "device", "connect_link", "connect_link_id", "sealed_device", "device_key_id"),
	PLACE("removal", "grant", "grant", "removal", "inbox_id", "sealed", "key_id"),
	PLACE("loose", "grant", "grant", "loose_consent", "loose_id", "sealed", "key_id"),
	PLACE("access", "token", "access", "access_token", "inbox_id", "sealed", "key_id"),
	PLACE("webhook", "webhook", "webhook", "endpoint", "endpoint_id", "sealed_secret", "key_id"),
	PLACE("webhook_old", "webhook", "webhook", "endpoint", "endpoint_id", "sealed_secret_old", "old_key_id"),
	PLACE("webhook_headers", "webhook", "webhook_headers", "endpoint", "endpoint_id", "sealed_headers", "headers_key_id"),
	PLACE("webhook_client", "webhook", "webhook_client", "endpoint", "endpoint_id", "sealed_client", "client_key_id"),
};
static const struct pg_stmt begin_stmt = { "reseal_begin", "select reseal_begin($1, $2)" };
static const struct pg_stmt moved_stmt = {
	"reseal_moved", "update key_rotation set moved = moved + $2 where key_group = $1",
};
static const struct pg_stmt end_stmt = { "reseal_end", "select reseal_end($1, $2)" };
/* clang-format on */

const struct reseal_place *reseal_place(const char *group, size_t at)
{
	for (size_t i = 0; i < countof(places); i++)
		if (strcmp(places[i].group, group) == 0 && at-- == 0)
			return &places[i];
	return NULL;
}

void reseal_boxes_sql(struct buf *b)
{
	for (size_t i = 0; i < countof(places); i++)
		(void)text_addf(b, "%sselect '%s' as key_group, c.* from (%s) c (master_id, boxes)",
				i ? " union all " : "", places[i].group, places[i].count.sql);
}

static void on_begun(struct pg_tx *tx, const struct pg_answer *a)
{
	struct reseal_take *q = container_of(tx, struct reseal_take, tx);

	q->outcome = a->outcome;
	/* A process that has yet to hear which key seals now would seal under the old one. */
	q->is_ours = outcome_ok(&a->outcome) && pg_row_i64(a, 0, 0, 0) == q->to_id;
	q->taken = q->is_ours ? pg_rows(a, 1) : 0;
	for (int i = 0; i < q->taken; i++) {
		cleanup_buf struct buf sealed;
		struct reseal_box b = { .workspace = pg_row_text(a, 1, i, 0),
					.id = pg_row_text(a, 1, i, 1) };

		pg_row_box(a, 1, i, 2, &sealed, &b.box, &b.n);
		q->each(q, &b);
	}
	q->done(q);
}

int reseal_take_start(struct pg *pg, struct reseal_take *q, const struct reseal_place *p,
		      unsigned to_id, const char *instance, const char *after,
		      void (*each)(struct reseal_take *, const struct reseal_box *),
		      void (*done)(struct reseal_take *))
{
	*q = (struct reseal_take){ .to_id = to_id, .each = each, .done = done };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &begin_stmt, "tu", p->group, instance);
	pg_tx_add(&q->tx, &p->take, "iui", (int64_t)to_id, after, (int64_t)RESEAL_BATCH);
	return pg_tx_start(pg, &q->tx, on_begun);
}

static void on_counted(struct pg_tx *tx, const struct pg_answer *a)
{
	struct reseal_count *q = container_of(tx, struct reseal_count, tx);
	int rows = outcome_ok(&a->outcome) ? pg_rows(a, 0) : 0;

	q->outcome = a->outcome;
	for (int i = 0; i < rows; i++)
		q->each(q, (unsigned)pg_row_i64(a, 0, i, 0), pg_row_i64(a, 0, i, 1));
	q->done(q);
}

int reseal_count_start(struct pg *pg, struct reseal_count *q, const struct reseal_place *p,
		       void (*each)(struct reseal_count *, unsigned, int64_t),
		       void (*done)(struct reseal_count *))
{
	*q = (struct reseal_count){ .each = each, .done = done };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &p->count, "");
	return pg_tx_start(pg, &q->tx, on_counted);
}

static void on_put(struct pg_tx *tx, const struct pg_answer *a)
{
	struct reseal_put *q = container_of(tx, struct reseal_put, tx);

	q->outcome = a->outcome;
	q->done(q);
}

void reseal_put_init(struct reseal_put *q)
{
	*q = (struct reseal_put){ 0 };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
}

void reseal_put_add(struct reseal_put *q, const struct reseal_place *p,
		    const struct reseal_box *old, const struct buf *box)
{
	pg_tx_add(&q->tx, &p->put, "uubb", old->workspace, old->id, old->box, old->n, box->data,
		  box->len);
}

int reseal_put_start(struct pg *pg, struct reseal_put *q, const struct reseal_place *p, int moved,
		     void (*done)(struct reseal_put *))
{
	q->done = done;
	pg_tx_add(&q->tx, &moved_stmt, "ti", p->group, (int64_t)moved);
	return pg_tx_start(pg, &q->tx, on_put);
}

static void on_ended(struct pg_tx *tx, const struct pg_answer *a)
{
	struct reseal_end *q = container_of(tx, struct reseal_end, tx);

	q->outcome = a->outcome;
	q->is_over = outcome_ok(&a->outcome) && strcmp(pg_row_text(a, 0, 0, 0), "done") == 0;
	q->done(q);
}

int reseal_end_start(struct pg *pg, struct reseal_end *q, const char *group, int64_t unopened,
		     void (*done)(struct reseal_end *))
{
	*q = (struct reseal_end){ .done = done };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &end_stmt, "ti", group, unopened);
	return pg_tx_start(pg, &q->tx, on_ended);
}
