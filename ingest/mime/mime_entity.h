#ifndef INGEST_MIME_MIME_ENTITY_H
#define INGEST_MIME_MIME_ENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * A character reference of HTML at the front of `t`, which starts with '&'
 * (HTML Living Standard 13.2.5.72): numeric ones, the Latin-1 names, and the
 * typographic names that mail clients write.
 *
 * Bytes it took, with the character in `ret_char`; 0: it is only an '&'.
 */
size_t mime_entity_read(struct text t, uint32_t *ret_char);

#endif
