#ifndef INGEST_RECALL_H
#define INGEST_RECALL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whose rows were read again lately: what cannot be settled in one folder does not make the
 * database be asked for ever, and holds up no other folder.  Pure; zeros are an empty one.
 */
struct recall_folder;

struct recall {
	struct recall_folder *at; /* NULL: none */
	unsigned n;
};

void recall_clear(struct recall *r);
/* May the row of this folder (uuid) be read again?  Once in five minutes; if so, that is now.  Of
 * LIMIT_RECALL_FOLDERS at a time. */
bool recall_may(struct recall *r, const char *folder, uint64_t now_ms);

#endif
