#ifndef INGEST_BACKLOG_H
#define INGEST_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/folder_load.h"

/*
 * Messages of one inbox whose gates are closed and whose texts were never read,
 * because a process or a connection died in between.  They are looked at again;
 * one whose mail is gone becomes an event without text.  Pure.
 */
struct backlog {
	struct folder_pending *at; /* texts owned */
	size_t n;
};

void backlog_init(struct backlog *b);
void backlog_clear(struct backlog *b);
void backlog_add(struct backlog *b, const struct folder_pending *p); /* texts are copied */
/* The one that was seen there; NULL: none. */
const struct folder_pending *backlog_find(const struct backlog *b, const char *folder,
					  int64_t uidvalidity, int64_t uid);
/* Settled: it is no more. */
void backlog_remove(struct backlog *b, const struct folder_pending *p);
/* Does any belong to this folder? */
bool backlog_has(const struct backlog *b, const char *folder);

#endif
