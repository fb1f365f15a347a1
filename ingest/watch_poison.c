#include "ingest/watch_poison.h"

#include <stdlib.h>

#include "base/mem.h"

static struct watch_poison *find(const struct watch *w, unsigned folder, uint32_t uid)
{
	for (unsigned i = 0; i < w->n_poison; i++)
		if (w->poison[i].folder == folder && w->poison[i].uid == uid &&
		    w->poison[i].uidvalidity == w->folders.at[folder].uidvalidity)
			return &w->poison[i];
	return NULL;
}

static void take_out(struct watch *w, struct watch_poison *p)
{
	*p = w->poison[--w->n_poison];
	if (w->n_poison > 0)
		return;
	free(w->poison);
	w->poison = NULL;
}

static void tell(struct watch *w, enum watch_told_kind kind, unsigned folder, uint32_t uid)
{
	w->tell = (struct watch_told){ kind, folder, uid };
}

bool watch_poison_add(struct watch *w, unsigned folder, uint32_t uid, uint64_t now_ms)
{
	if (find(w, folder, uid))
		return true;
	if (w->n_poison == LIMIT_WATCH_POISON)
		return false;
	w->poison = mem_resize(w->poison, (w->n_poison + 1) * sizeof(*w->poison));
	w->poison[w->n_poison++] =
		(struct watch_poison){ .folder = folder,
				       .uidvalidity = w->folders.at[folder].uidvalidity,
				       .uid = uid,
				       .since_ms = now_ms,
				       .again_ms = now_ms + WATCH_POISON_MS };
	tell(w, WATCH_TOLD_SET_ASIDE, folder, uid);
	if (!w->folders.at[folder].is_proven)
		w->gap.skipped++;
	return true;
}

bool watch_poison_has(const struct watch *w, unsigned folder, uint32_t uid)
{
	return find(w, folder, uid) != NULL;
}

/* Its folder is on this connection, under the same names. */
static bool is_here(const struct watch *w, const struct watch_poison *p)
{
	const struct watch_folder *f = &w->folders.at[p->folder];

	return f->is_here && f->uidvalidity == p->uidvalidity;
}

bool watch_poison_due(const struct watch *w, unsigned folder, uint64_t now_ms, uint32_t *ret_uid)
{
	for (unsigned i = 0; i < w->n_poison; i++) {
		const struct watch_poison *p = &w->poison[i];

		if (p->folder != folder || !is_here(w, p) || now_ms < p->again_ms)
			continue;
		*ret_uid = p->uid;
		return true;
	}
	return false;
}

uint64_t watch_poison_deadline(const struct watch *w)
{
	uint64_t at = UINT64_MAX;

	for (unsigned i = 0; i < w->n_poison; i++)
		if (is_here(w, &w->poison[i]) && w->poison[i].again_ms < at)
			at = w->poison[i].again_ms;
	return at;
}

void watch_poison_given(struct watch *w, unsigned folder, uint32_t uid)
{
	struct watch_poison *p = find(w, folder, uid);

	if (p)
		take_out(w, p);
}

void watch_poison_refused(struct watch *w, unsigned folder, uint32_t uid, uint64_t now_ms)
{
	struct watch_poison *p = find(w, folder, uid);

	if (!p)
		return;
	p->again_ms = now_ms + WATCH_POISON_MS;
	/* A server that gives nothing at all says nothing about this mail. */
	if (++p->tries < WATCH_TRIES || now_ms - p->since_ms < WATCH_GIVE_UP_MS || !p->was_well)
		return;
	take_out(w, p);
	tell(w, WATCH_TOLD_LEFT_OUT, folder, uid);
	w->folders.at[folder].is_lagging = true;
}

void watch_poison_well(struct watch *w)
{
	for (unsigned i = 0; i < w->n_poison; i++)
		w->poison[i].was_well = true;
}

void watch_poison_forget(struct watch *w, unsigned folder)
{
	for (unsigned i = w->n_poison; i-- > 0;)
		if (w->poison[i].folder == folder)
			take_out(w, &w->poison[i]);
}

void watch_poison_moved(struct watch *w, unsigned a, unsigned b)
{
	for (unsigned i = 0; i < w->n_poison; i++) {
		if (w->poison[i].folder == a)
			w->poison[i].folder = b;
		else if (w->poison[i].folder == b)
			w->poison[i].folder = a;
	}
}

uint32_t watch_poison_lowest(const struct watch *w, unsigned folder)
{
	uint32_t lowest = 0;

	for (unsigned i = 0; i < w->n_poison; i++)
		if (w->poison[i].folder == folder && (!lowest || w->poison[i].uid < lowest) &&
		    w->poison[i].uidvalidity == w->folders.at[folder].uidvalidity)
			lowest = w->poison[i].uid;
	return lowest;
}
