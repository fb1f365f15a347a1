#ifndef DB_EVENT_ID_H
#define DB_EVENT_ID_H

#include <stddef.h>

#include "base/text.h"

/*
 * The id of an event is derived from the fact it tells, not drawn: whoever
 * repeats the work after a crash arrives at the same id, and event_put()
 * writes it once.
 *
 *   first 16 bytes of SHA-256 (SHA-256(part 1) SHA-256(part 2) ...)
 *
 * with the version and variant bits of a UUID of version 8 (RFC 9562 section
 * 5.8).  Each part is hashed alone, so that no choice of bytes in one part
 * looks like the end of it.  Parts by convention: workspace, what the fact is
 * about (message identity, or inbox), type, revision.
 */
#define EVENT_ID       37 /* 36 characters and a NUL */
#define EVENT_ID_PARTS 8

/* `n`: 1 .. EVENT_ID_PARTS. */
void event_id_of(const struct text *parts, size_t n, char dst[EVENT_ID]);

#endif
