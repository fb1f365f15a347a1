#ifndef INGEST_VIGIL_NOTE_H
#define INGEST_VIGIL_NOTE_H

#include <stddef.h>

#include "ingest/vigil.h"
#include "ingest/watch.h"

/*
 * What the watcher came upon, in words for people: an inbox's history, and how
 * far a catching up has come.  Folder names are made printable.  Pure.
 */

/* "mail_set_aside": stable. */
const char *vigil_note_code(enum watch_told_kind kind);
void vigil_note_words(const struct watch *w, const struct watch_told *t, char ret[VIGIL_NOTE]);
/* false: nothing is being caught up with. */
bool vigil_note_progress(const struct watch *w, struct vigil_progress *ret);

#endif
