#include "db/timeline.h"

#include <jansson.h>

#include "base/mem.h"

static void on_put(struct pg_tx *tx, const struct pg_answer *a);

static const struct pg_stmt put = {
	"timeline_put",
	"select timeline_put($1::jsonb)",
};

int timeline_put_start(struct pg *pg, struct timeline_put *q, const struct timeline_note *notes,
		       size_t n, void (*done)(struct timeline_put *))
{
	json_t *items = json_array();
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(items, json_pack("{ss ss sI ss ss}", "workspace",
						       notes[i].workspace, "inbox", notes[i].inbox,
						       "at", (json_int_t)notes[i].at_us, "code",
						       notes[i].code, "words", notes[i].words));
	text = json_dumps(items, JSON_COMPACT);
	json_decref(items);
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &put, "j", text);
	return pg_tx_start(pg, &q->tx, on_put);
}

static void on_put(struct pg_tx *tx, const struct pg_answer *a)
{
	struct timeline_put *q = container_of(tx, struct timeline_put, tx);

	q->outcome = a->outcome;
	q->done(q);
}
