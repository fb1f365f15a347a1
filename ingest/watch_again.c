#include "ingest/watch_again.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

int watch_again(struct watch *w, const char *folder, uint32_t uidvalidity, uint32_t uid)
{
	unsigned at = watch_folder_find(&w->folders, folder);

	if (at == WATCH_FOLDERS || w->folders.at[at].uidvalidity != uidvalidity || !uid)
		return -ENOENT;
	if (w->has_listed && !w->folders.at[at].is_here)
		return -ENOENT;
	for (unsigned i = 0; i < w->n_again; i++)
		if (w->again[i].folder == at && w->again[i].uid == uid)
			return -EALREADY;
	if (w->n_again == LIMIT_WATCH_AGAIN)
		return -ENOBUFS;
	w->again = mem_resize(w->again, (w->n_again + 1) * sizeof(*w->again));
	w->again[w->n_again++] = (struct watch_seen){ at, uidvalidity, uid };
	return 0;
}

static void keep(struct watch *w, unsigned n)
{
	w->n_again = n;
	if (n > 0)
		return;
	free(w->again);
	w->again = NULL;
}

void watch_again_done(struct watch *w, unsigned folder, uint32_t uid)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < w->n_again; i++)
		if (w->again[i].folder != folder || w->again[i].uid != uid)
			w->again[kept++] = w->again[i];
	keep(w, kept);
}

void watch_again_forget(struct watch *w, unsigned folder)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < w->n_again; i++)
		if (w->again[i].folder != folder)
			w->again[kept++] = w->again[i];
	keep(w, kept);
}

void watch_again_moved(struct watch *w, unsigned a, unsigned b)
{
	for (unsigned i = 0; i < w->n_again; i++) {
		if (w->again[i].folder == a)
			w->again[i].folder = b;
		else if (w->again[i].folder == b)
			w->again[i].folder = a;
	}
}

bool watch_again_in(const struct watch *w, unsigned folder, uint32_t *ret_uid)
{
	for (unsigned i = 0; i < w->n_again; i++) {
		if (w->again[i].folder != folder ||
		    w->again[i].uidvalidity != w->folders.at[folder].uidvalidity)
			continue;
		*ret_uid = w->again[i].uid;
		return true;
	}
	return false;
}
