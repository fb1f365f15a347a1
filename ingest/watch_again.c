#include "ingest/watch_again.h"

#include <errno.h>

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
	w->again[w->n_again++] = (struct watch_seen){ at, uid };
	return 0;
}

void watch_again_done(struct watch *w, unsigned folder, uint32_t uid)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < w->n_again; i++)
		if (w->again[i].folder != folder || w->again[i].uid != uid)
			w->again[kept++] = w->again[i];
	w->n_again = kept;
}

/* The folder is not here, or its mails have other names. */
void watch_again_forget(struct watch *w, unsigned folder)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < w->n_again; i++)
		if (w->again[i].folder != folder)
			w->again[kept++] = w->again[i];
	w->n_again = kept;
}
