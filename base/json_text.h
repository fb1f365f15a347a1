#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

/*
 * JSON written straight into a buffer, for the paths where a tree of values would cost more than
 * what is done with it.  Nothing is checked but the texts: the caller opens and closes in order.
 *
 *   struct json_text j = json_text_to(&b);
 *
 *   json_text_open(&j, NULL, '{');
 *   json_text_string(&j, "kind", "reply");
 *   json_text_close(&j, '}');
 *   if (json_text_status(&j) < 0)
 *           ...
 *
 * `key`: of the value in an object, a word that needs no escapes; NULL in an array and at the
 * outset.  Commas are put where the bytes before ask for one, so that members may go on where a
 * json_text before ended; behind a line break begins something else.
 */
struct json_text {
	struct buf *to; /* borrowed */
	int status;     /* the first error; nothing is promised of the bytes then */
};

struct json_text json_text_to(struct buf *to);
/* 0; -EILSEQ: a text was not UTF-8; -ENOBUFS: past the ceiling of the buffer. */
int json_text_status(const struct json_text *j);

void json_text_open(struct json_text *j, const char *key, char bracket); /* '{' or '[' */
void json_text_close(struct json_text *j, char bracket);                 /* '}' or ']' */

void json_text_string(struct json_text *j, const char *key, const char *value); /* NULL is null */
/* As json_text_string(), and the empty text is null too. */
void json_text_said(struct json_text *j, const char *key, const char *value);
void json_text_int(struct json_text *j, const char *key, int64_t n);
void json_text_real(struct json_text *j, const char *key, double n); /* finite, 15 digits */
void json_text_bool(struct json_text *j, const char *key, bool yes);
void json_text_null(struct json_text *j, const char *key);
void json_text_time(struct json_text *j, const char *key, int64_t unix_us); /* INT64_MIN is null */
void json_text_hex(struct json_text *j, const char *key, const uint8_t *bytes, size_t n);
/* A value that is JSON already; NULL: an empty list. */
void json_text_given(struct json_text *j, const char *key, const char *json);
/* Members, or items, as some json_text wrote them: without the brackets around them. */
void json_text_more(struct json_text *j, struct text members);

/* Length of the UTF-8 sequence at `s` (RFC 3629 section 4); 0: it is none, or a NUL. */
size_t json_text_utf8(const unsigned char *s, size_t n);

#endif
