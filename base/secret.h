#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * Bytes that must not be seen: wiped when cleared, compared in constant time,
 * and with no way to print them.  Log functions cannot take one.
 *
 *   data[0 .. len)   the bytes
 *   data[len]        a NUL, so that a password can be handed to a C library
 */
struct secret {
	uint8_t *data;
	size_t len; /* bytes */
};

/* Wipes what was there; `n` <= LIMIT_SECRET, else it aborts. */
void secret_set(struct secret *s, const void *p, size_t n);
void secret_set_text(struct secret *s, struct text t);
void secret_clear(struct secret *s); /* safe on zeros; `s` is empty and usable again */
/* Constant time in the bytes, not in the length. */
bool secret_eq(const struct secret *a, const struct secret *b);
bool secret_is_empty(const struct secret *s);
/* "" when empty; good until the next call that changes `s`. */
const char *secret_text(const struct secret *s);

/*
 * A peer's words that may hold what we told it: wherever `text` goes on as `s`
 * begins, for the whole of `s` or for SECRET_TELLTALE bytes and more (the words
 * may have been cut), there are stars instead.
 */
#define SECRET_TELLTALE 8
void secret_blank(char *text, const struct secret *s);

/* Wipe any memory; never optimised away. */
void secret_wipe(void *p, size_t n);

#define cleanup_secret __attribute__((cleanup(secret_clear)))

#endif
