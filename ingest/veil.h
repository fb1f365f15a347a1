#ifndef INGEST_VEIL_H
#define INGEST_VEIL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/secret.h"
#include "base/text.h"

/*
 * What a server says while we log in, with our credential blanked wherever it is
 * repeated: as we keep it, and as it went over the wire.  Lines are held until
 * they are whole, since a repetition may be cut between two reads; of a line
 * longer than VEIL_LINE, which is no answer to a login, only that is told.
 * Pure.
 */
#define VEIL_LINE (8 * 1024)

struct veil;

struct veil *veil_new(const struct secret *credential);  /* copied */
void veil_free(struct veil *v);                          /* NULL too; wipes */
void veil_told(struct veil *v, const void *p, size_t n); /* these secret bytes went out */
void veil_add(struct veil *v, const void *p, size_t n);
/* A line that is whole, with its end; good until the next call. */
bool veil_next(struct veil *v, struct text *ret);
/* The login is over: what is left of a line that is not whole. */
bool veil_last(struct veil *v, struct text *ret);

#endif
