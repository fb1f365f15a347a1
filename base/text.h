#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * A slice of somebody else's bytes, and the few things one does with slices.
 *
 *   at[0 .. len)   the bytes; not NUL-terminated, not owned
 *
 * A zeroed slice is the empty text.  Case is folded in ASCII only, as every
 * protocol here wants it (RFC 5234 section 2.3).
 */
struct text {
	const char *at;
	size_t len; /* bytes */
};

#define TEXT(literal) ((struct text){ (literal), sizeof(literal) - 1 })
#define TEXT_ARG(t)   (int)(t).len, (t).at /* for "%.*s" */

struct text text_of(const char *s);                         /* NULL is the empty text */
struct text text_of_buf(const struct buf *b);               /* good until `b` changes */
struct text text_sub(struct text t, size_t from, size_t n); /* clipped to `t` */
struct text text_trim(struct text t); /* without spaces, tabs, CR, LF at both ends */

bool text_eq(struct text a, struct text b);
bool text_ieq(struct text a, struct text b);
bool text_istarts(struct text t, struct text with);
bool text_iends(struct text t, struct text with);
/* Position of `what` in `t`, folded; SIZE_MAX: not there. */
size_t text_ifind(struct text t, struct text what);

/*
 * Cut at the first `sep`: `ret_head` before it, `ret_tail` after.  false, and all in
 * `ret_head`: none there.
 */
bool text_cut(struct text t, char sep, struct text *ret_head, struct text *ret_tail);

/*
 * The whole slice is a decimal number no larger than `max`: 0, else -EINVAL and
 * `*ret_n` is untouched.
 */
int text_u64(struct text t, uint64_t max, uint64_t *ret_n);

/* Append; -ENOBUFS as buf_add. */
int text_add(struct buf *b, struct text t);
int text_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * RFC 4648 sections 4, 5 (url: no padding) and 8.  Decoders append what they
 * decoded; -EINVAL: a foreign byte (white space is foreign), a length that no
 * encoder makes, or unused bits that are not zero (one value, one spelling:
 * section 3.5); -ENOBUFS: past the ceiling.  After an error `b` is unchanged.
 */
int text_add_base64(struct buf *b, const void *p, size_t n);
int text_add_base64url(struct buf *b, const void *p, size_t n);
int text_add_hex(struct buf *b, const void *p, size_t n);
int text_from_base64(struct buf *b, struct text t);    /* padding required */
int text_from_base64url(struct buf *b, struct text t); /* padding refused */
int text_from_hex(struct buf *b, struct text t);

/* `t` as application/x-www-form-urlencoded bytes (RFC 3986 unreserved kept, all else %XX). */
int text_add_percent(struct buf *b, struct text t);
/*
 * The reverse; '+' is a space.  -EINVAL for a bad escape or an encoded NUL, and then
 * `b` is unchanged.
 */
int text_from_percent(struct buf *b, struct text t);

/*
 * What a stranger said, made printable for a log line or a person: control and
 * non-ASCII bytes become '?'; always NUL-terminated.
 */
void text_printable(char *dst, size_t size, struct text t);

#endif
