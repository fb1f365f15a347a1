#ifndef INGEST_MIME_MIME_UTF8_H
#define INGEST_MIME_MIME_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

/*
 * UTF-8 (RFC 3629) that can be trusted: PostgreSQL and JSON refuse anything
 * else, so nothing leaves this room that did not pass here.
 */

/* The character at the front, and how many bytes it took; a byte that starts none is taken alone as
 * U+FFFD.  `t` not empty. */
size_t mime_utf8_next(struct text t, uint32_t *ret_char);
/* Bytes written for a character that is one: 1 to 4. */
size_t mime_utf8_put(uint32_t c, char ret[4]);

/* Bytes of ASCII at the front. */
size_t mime_utf8_ascii(struct text t);

bool mime_utf8_is_valid(struct text t);

/* The longest prefix of valid text that has at most `max` bytes and ends between characters. */
struct text mime_utf8_cut(struct text valid, size_t max);

/*
 * Append any bytes as valid UTF-8, cut between characters at the ceiling of
 * `ret`.  Foreign bytes become U+FFFD, NUL is dropped.  `lines`: LF and TAB
 * stay, CRLF and CR become LF; without, every control character is a space.
 * false: the ceiling cut it.
 */
bool mime_utf8_add(struct buf *ret, struct text bytes, bool lines);

/* Into an array of `size` bytes: valid, one line, NUL-terminated, cut between characters.  `size` >
 * 0. */
void mime_utf8_copy(char *dst, size_t size, struct text bytes);

/* A copy on one line, trimmed, of at most `max` bytes; the caller's to free.  NULL when nothing is
 * left. */
char *mime_utf8_line(struct text t, size_t max);
/* The same with A to Z as a to z: words that programs say. */
char *mime_utf8_lower(struct text t, size_t max);

#endif
