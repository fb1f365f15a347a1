#ifndef DB_PG_JSON_H
#define DB_PG_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Values as jsonb_to_recordset() reads them.  For db/ only; all are new references. */

json_t *pg_json_instant(int64_t us);                 /* a timestamptz; INT64_MIN is null */
json_t *pg_json_hex(const uint8_t *bytes, size_t n); /* for decode(..., 'hex') */
json_t *pg_json_texts(const char *const *at, size_t n);
/* Text that was JSON when it was given; anything else is an empty list. */
json_t *pg_json_given(const char *text);
/* The text of `v`, which is given up; the caller's to free().  NULL: `v` is, or a text in it is not
 * UTF-8. */
char *pg_json_dump(json_t *v);

#endif
