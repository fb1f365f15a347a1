#include "ingest/ledger_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "db/folder_load.h"

static void on_row(struct folder_load *q, const struct folder_row *f);
static void on_pending(struct folder_load *q, const struct folder_pending *p);
static void on_recheck(struct folder_load *q, const struct folder_recheck *r);
static void on_loaded(struct folder_load *q);

/* A row that is not watched: known until it is clear whether something in it is to be seen again.
 */
struct ledger_row {
	struct watch_folder_known k; /* its texts are these */
	char *raw, *name, folder[FOLDER_UUID];
};

struct ledger_load {
	struct folder_load q;
	struct ledger *ledger;
	bool is_reload; /* only for what is to be seen again in folders that have no place */
	struct ledger_row *rows;
	size_t n;
};

void ledger_rows_drop(struct ledger *l)
{
	struct ledger_load *load = l->load;

	if (!load)
		return;
	folder_load_cancel(&load->q);
	for (size_t i = 0; i < load->n; i++) {
		free(load->rows[i].raw);
		free(load->rows[i].name);
	}
	free(load->rows);
	free(load);
	l->load = NULL;
}

int ledger_rows_read(struct ledger *l, bool is_reload)
{
	int r;

	ledger_rows_drop(l);
	l->load = mem_new(sizeof(*l->load));
	l->load->ledger = l;
	l->load->is_reload = is_reload;
	l->load->q.folder = on_row;
	l->load->q.pending = on_pending;
	l->load->q.recheck = on_recheck;
	l->load->q.done = on_loaded;
	r = folder_load_start(l->p.pg, l->p.gather, &l->load->q, l->p.lease);
	if (r)
		ledger_rows_drop(l);
	return r;
}

static void keep_row(struct ledger_load *load, const struct watch_folder_known *k)
{
	struct ledger_row *row;

	if (load->n == LIMIT_SWEEP_FOLDERS)
		return;
	load->rows = mem_resize(load->rows, (load->n + 1) * sizeof(*load->rows));
	row = &load->rows[load->n++];
	*row = (struct ledger_row){ .k = *k,
				    .raw = mem_text_n(k->raw.at, k->raw.len),
				    .name = mem_text_n(k->name.at, k->name.len) };
	row->k.folder = NULL; /* the rows move when one is added */
	row->k.raw = text_of(row->raw);
	row->k.name = text_of(row->name);
	memcpy(row->folder, k->folder, strnlen(k->folder, sizeof(row->folder) - 1));
}

static void on_row(struct folder_load *q, const struct folder_row *f)
{
	struct ledger_load *load = container_of(q, struct ledger_load, q);
	const struct watch_folder_known k = {
		.folder = f->folder,
		.raw = text_of(f->wire_name),
		.name = text_of(f->name),
		.role = watch_folder_role_of(f->role),
		.by = watch_folder_by_of(f->seen_by),
		.uidvalidity = (uint32_t)f->uidvalidity,
		.uid_gated = (uint32_t)f->uid_gated,
		.uid_ingested = (uint32_t)f->uid_ingested,
		.modseq = (uint64_t)f->highestmodseq,
	};

	if (!watch_folder_is_watched(k.role))
		keep_row(load, &k);
	else if (!load->is_reload)
		watch_know(load->ledger->p.watch, &k);
}

/* Something in this folder is to be seen again: it has a place until that is done. */
static void need_row(struct ledger_load *load, const char *folder)
{
	struct watch *w = load->ledger->p.watch;

	if (!watch_folder_is_unknown(&w->folders, folder))
		return;
	for (size_t i = 0; i < load->n; i++) {
		struct watch_folder_known k = load->rows[i].k;

		if (strcmp(load->rows[i].folder, folder) != 0)
			continue;
		k.folder = load->rows[i].folder;
		watch_know(w, &k);
		return;
	}
}

static void on_pending(struct folder_load *q, const struct folder_pending *p)
{
	struct ledger_load *load = container_of(q, struct ledger_load, q);

	need_row(load, p->folder);
	if (!load->is_reload)
		backlog_add(load->ledger->p.backlog, p);
}

static void on_recheck(struct folder_load *q, const struct folder_recheck *r)
{
	struct ledger_load *load = container_of(q, struct ledger_load, q);

	need_row(load, r->folder);
	/* Refusals need no care: too many are told again, unknown ones are found by the look back.
	 */
	(void)watch_again(load->ledger->p.watch, r->folder, (uint32_t)r->uidvalidity,
			  (uint32_t)r->uid);
}

static void loaded(struct ledger *l, const struct ledger_load *load)
{
	/* The rest is swept, from where it was. */
	for (size_t i = 0; i < load->n; i++)
		sweep_saw(&l->p.watch->sweep, load->rows[i].k.raw, load->rows[i].k.uidvalidity,
			  load->rows[i].k.uid_gated + 1);
	watch_know_proof(l->p.watch, load->q.seen_us, load->q.has_gap);
	l->blind_from_us = l->p.watch->since_us;
	if (load->q.has_gap)
		l->blind_from_us = load->q.blind_from_us;
	l->is_loaded = true;
	l->is_doubtful = false;
}

static void on_loaded(struct folder_load *q)
{
	struct ledger_load *load = container_of(q, struct ledger_load, q);
	struct ledger *l = load->ledger;
	bool fenced = q->fenced;

	if (!load->is_reload && outcome_ok(&q->outcome))
		loaded(l, load);
	ledger_rows_drop(l);
	l->is_fenced |= fenced;
	l->p.on_step(l->p.owner);
}
