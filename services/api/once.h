#ifndef SERVICES_API_ONCE_H
#define SERVICES_API_ONCE_H

#include "services/api/api.h"

/*
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a POST that is sent twice is carried
 * out once, and answered twice.
 *
 *   once_begin -> (PostgreSQL) -> new:   carried out -> the answer is kept, then sent
 *                                        refused -> let go, then sent: it may be sent again
 *                              -> kept:  the answer from before
 *                              -> other 422, under way or lost 409
 *
 * What is kept is sealed by a key that is made of the caller's API key, which is stored nowhere: an
 * answer may hold a secret that is shown this once.
 */
struct once;

/* Let the request in: noted first where it has such a key; then it is carried out (audit_call). */
void once_begin(struct request *q);
/*
 * The answer is there.  True: it is sent later, by answer_send(); false: send it now.  `body` is
 * copied.
 */
bool once_answer(struct request *q, int status, const char *content_type, struct text body);
/* The header; NULL: none was sent.  False: a problem was answered. */
bool once_key(struct request *q, const char **ret);
void once_free(struct once *o); /* NULL too */

#endif
