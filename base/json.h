#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/text.h"

/*
 * JSON from strangers, read strictly, with an answer that says which field is
 * wrong and why.  The only door to jansson's parser.
 *
 *   cleanup_json json_t *body = NULL;
 *   struct json_error err;
 *
 *   if (json_read(bytes, LIMIT_BODY, &body, &err) < 0 ||
 *       json_only(body, "", (const char *const[]){ "url", "types", NULL }, &err) < 0 ||
 *       json_want_text(body, "", "url", 2048, JSON_REQUIRED, &url, &err) < 0)
 *           return problem(400, err.field, err.why);
 *
 * `path` is where `obj` stands in the document, as a JSON pointer (RFC 6901):
 * "" is the whole, "/items/3/prospect" an object inside.
 *
 * Every json_want_*: 0, or -EINVAL and `err` is filled.  An optional field that
 * is absent or null is 0 too and leaves `ret` untouched: give it its default
 * before.  What is returned is borrowed and good as long as `obj`.
 */
#define JSON_POINTER 160
#define JSON_DEPTH   32 /* objects in arrays in ...; ours need five */

struct json_error {
	char field[JSON_POINTER]; /* "/items/3/prospect/address"; "": the document; printable */
	char why[160]; /* "is missing", "is not a UUID"; continues a sentence; printable */
};

enum json_need { JSON_OPTIONAL, JSON_REQUIRED };

void json_cleanup(json_t **j);
#define cleanup_json __attribute__((cleanup(json_cleanup)))

/*
 * One object or array and nothing behind it, in UTF-8, without duplicate keys,
 * without NUL, no deeper than JSON_DEPTH.  `*ret` is the caller's.
 * -EMSGSIZE: more than `max` bytes; -EINVAL: not such JSON.  Both fill `err`, and
 * no byte of the document is quoted there: it may hold a password.
 */
int json_read(struct text in, size_t max, json_t **ret, struct json_error *err);

/* `obj` is an object and has no other keys than `allowed` (ends with NULL). */
int json_only(const json_t *obj, const char *path, const char *const *allowed,
	      struct json_error *err);

/* A string of at most `max` bytes without control characters; when required, not empty. */
int json_want_text(const json_t *obj, const char *path, const char *key, size_t max,
		   enum json_need need, struct text *ret, struct json_error *err);
/* One of `words` (ends with NULL), exactly; its index. */
int json_want_word(const json_t *obj, const char *path, const char *key, const char *const *words,
		   enum json_need need, size_t *ret, struct json_error *err);
/* 8-4-4-4-12 hexadecimal digits, returned in lower case. */
#define JSON_UUID 37
int json_want_uuid(const json_t *obj, const char *path, const char *key, enum json_need need,
		   char ret[JSON_UUID], struct json_error *err);
/* RFC 3339, in microseconds since 1970. */
int json_want_time(const json_t *obj, const char *path, const char *key, enum json_need need,
		   int64_t *ret_unix_us, struct json_error *err);
/* A whole number in [min, max]. */
int json_want_int(const json_t *obj, const char *path, const char *key, int64_t min, int64_t max,
		  enum json_need need, int64_t *ret, struct json_error *err);
/* An array of min to max items. */
int json_want_array(const json_t *obj, const char *path, const char *key, size_t min, size_t max,
		    enum json_need need, const json_t **ret, struct json_error *err);
int json_want_object(const json_t *obj, const char *path, const char *key, enum json_need need,
		     const json_t **ret, struct json_error *err);

/* Item `i` of the array at `path`, i < its length: an object, or a text as json_want_text. */
int json_item_object(const json_t *array, const char *path, size_t i, const json_t **ret,
		     struct json_error *err);
int json_item_text(const json_t *array, const char *path, size_t i, size_t max, struct text *ret,
		   struct json_error *err);

/* `path` with one more step; cut at the end when it is too long. */
void json_path_key(char dst[JSON_POINTER], const char *path, const char *key);
void json_path_item(char dst[JSON_POINTER], const char *path, size_t i);

/* For rules of the caller's own: field `key` of the object at `path` is not acceptable. */
void json_error_set(struct json_error *err, const char *path, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Of an object that we wrote ourselves: "" where no text stands. */
const char *json_get_text(const json_t *obj, const char *key);

/*
 * Writers.  Out of memory aborts, as everywhere.  json_put_text takes anybody's
 * bytes: what is not UTF-8, and NUL, which PostgreSQL's jsonb refuses, becomes
 * U+FFFD.
 */
void json_put_text(json_t *obj, const char *key, struct text t);
void json_put_int(json_t *obj, const char *key, int64_t n);
void json_put_bool(json_t *obj, const char *key, bool yes);
void json_put_null(json_t *obj, const char *key);
void json_put_time(json_t *obj, const char *key, int64_t unix_us);
/* `value` is taken over. */
void json_put(json_t *obj, const char *key, json_t *value);
void json_append(json_t *array, json_t *value);

/* Append `j` as compact text.  -ENOBUFS: past the ceiling, and then `b` is unchanged. */
int json_write(struct buf *b, const json_t *j);

#endif
