#include "ingest/recall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "db/folder.h"

#define AGAIN_MS UINT64_C(300000)

struct recall_folder {
	uint64_t until_ms;
	char folder[FOLDER_UUID];
};

void recall_clear(struct recall *r)
{
	free(r->at);
	*r = (struct recall){ 0 };
}

static void forget_old(struct recall *r, uint64_t now_ms)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < r->n; i++)
		if (now_ms < r->at[i].until_ms)
			r->at[kept++] = r->at[i];
	r->n = kept;
}

bool recall_may(struct recall *r, const char *folder, uint64_t now_ms)
{
	forget_old(r, now_ms);
	for (unsigned i = 0; i < r->n; i++)
		if (strcmp(r->at[i].folder, folder) == 0)
			return false;
	if (r->n == LIMIT_RECALL_FOLDERS)
		return false;
	r->at = mem_resize(r->at, (r->n + 1) * sizeof(*r->at));
	r->at[r->n].until_ms = now_ms + AGAIN_MS;
	(void)snprintf(r->at[r->n++].folder, FOLDER_UUID, "%s", folder);
	return true;
}
