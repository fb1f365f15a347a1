#ifndef SERVICES_API_ASKED_H
#define SERVICES_API_ASKED_H

#include "services/api/api.h"

/* What a request's path and query ask for.  false: a problem was answered. */

/* The key of "Authorization: Bearer rk_live_...", borrowed; false: there is none, and nothing was
 * answered.  The scheme's name is case-insensitive (RFC 9110 section 11.1). */
bool asked_bearer(const struct request *q, struct text *ret);
/* Within what its key may ask; the answer says how much that is (services/api/allowance). */
bool asked_in_time(struct request *q);
/* The first word of the path that stands for something is an id. */
bool asked_id(struct request *q);
/* A number of the query; `n` stays as it is where none is given. */
bool asked_number(struct request *q, const char *name, uint64_t min, uint64_t max, uint64_t *n);

/* If-Match, for db/: ETags by spaces in `keep`, or NULL: it asks for nothing (services/api/etag).
 */
const char *asked_known(const struct request *q, struct buf *keep);
/* Answers what has an "etag" under it; 304 for a GET by somebody who has it already.  `takes` is
 * taken over. */
void asked_tagged(struct request *q, int status, json_t *takes);
/* The page behind this one, for a list that has no place for it: `Link: <...>; rel="next"`.  Its
 * other parameters stay what they are: `limit` alone. */
void asked_next(struct request *q, const char *name, const char *cursor);
/* What a start in db/ returned: anything but 0 is answered as busy. */
void asked_started(struct request *q, int r);
/* Answers that there is none; `what`: "no inbox". */
void asked_nothing(struct request *q, const char *what);
/* Answers what was read as it is, or that there is none. */
void asked_view(struct view *v, const char *what);

#endif
