#include <string.h>

#include "db/grant_saver.h"

#include "base/mem.h"

static void on_saved(struct pg_tx *tx, const struct pg_answer *a);

void grant_saver_init(struct grant_saver *v, struct pg *pg)
{
	*v = (struct grant_saver){ .pg = pg };
	list_init(&v->waiting);
}

void grant_saver_clear(struct grant_saver *v)
{
	if (v->pg)
		pg_tx_cancel(&v->tx);
	v->n_flying = 0;
}

/* In the order of their inboxes, as everybody locks them. */
static void take_off(struct grant_saver *v, struct grant_save *s)
{
	int at = v->n_flying++;

	for (; at > 0 && strcmp(v->flying[at - 1]->what.inbox, s->what.inbox) > 0; at--)
		v->flying[at] = v->flying[at - 1];
	v->flying[at] = s;
	list_remove(&s->link);
}

/* The next transaction, unless one is under way.  Negative: they wait as before. */
static int fly(struct grant_saver *v)
{
	struct list *first = list_first(&v->waiting), *next;
	int r;

	if (v->n_flying > 0 || !first)
		return 0;
	do {
		struct grant_save *s = container_of(first, struct grant_save, link);

		take_off(v, s);
		next = list_first(&v->waiting);
		if (s->is_alone || (next && container_of(next, struct grant_save, link)->is_alone))
			break;
		first = next;
	} while (first && v->n_flying < GRANT_SAVER_MOST);
	pg_tx_init(&v->tx, v->n_flying == 1 ? v->flying[0]->what.workspace : NULL);
	for (int i = 0; i < v->n_flying; i++)
		inbox_grant_save_add(&v->tx, &v->flying[i]->what);
	r = pg_tx_start(v->pg, &v->tx, on_saved);
	if (r == 0)
		return 0;
	while (v->n_flying > 0)
		list_append(&v->waiting, &v->flying[--v->n_flying]->link);
	return r;
}

int grant_saver_start(struct grant_saver *v, struct grant_save *s,
		      const struct inbox_grant_saved *what, void (*done)(struct grant_save *))
{
	int r;

	grant_saver_cancel(s);
	*s = (struct grant_save){ .what = *what, .saver = v, .done = done };
	list_init(&s->link);
	list_append(&v->waiting, &s->link);
	r = fly(v);
	if (r < 0)
		grant_saver_cancel(s);
	return r;
}

void grant_saver_cancel(struct grant_save *s)
{
	struct grant_saver *v = s->saver;

	if (!v)
		return;
	list_remove(&s->link);
	for (int i = 0; i < v->n_flying; i++)
		if (v->flying[i] == s)
			v->flying[i] = NULL;
	s->saver = NULL;
}

static void tell(struct grant_save *s, const struct outcome *o, int64_t version)
{
	s->saver = NULL;
	s->outcome = *o;
	s->version = version;
	s->done(s);
}

/* What a lost connection or an outage ended is tried again by whoever asked; what PostgreSQL
 * refuses is the mistake of one of them. */
static bool is_of_one(const struct grant_saver *v, const struct outcome *o)
{
	return !outcome_ok(o) && o->blame != BLAME_NET && v->n_flying > 1;
}

static void on_saved(struct pg_tx *tx, const struct pg_answer *a)
{
	struct grant_saver *v = container_of(tx, struct grant_saver, tx);
	bool again = is_of_one(v, &a->outcome), ok = outcome_ok(&a->outcome);

	/* Whoever is told may cancel another: those stand in `flying` until it is their turn. */
	for (int i = 0; i < v->n_flying; i++) {
		struct grant_save *s = v->flying[i];

		if (s && again) {
			s->is_alone = true;
			list_append(&v->waiting, &s->link);
		} else if (s) {
			tell(s, &a->outcome, ok && pg_rows(a, i) > 0 ? pg_row_i64(a, i, 0, 0) : 0);
		}
	}
	v->n_flying = 0;
	while (fly(v) < 0 && !list_is_empty(&v->waiting)) {
		struct grant_save *s =
			container_of(list_first(&v->waiting), struct grant_save, link);
		const struct outcome away =
			outcome_of(BLAME_NET, "no room for the transaction", TEXT(""));

		list_remove(&s->link);
		tell(s, &away, 0);
	}
}
