#ifndef SERVICES_API_LOOKUP_H
#define SERVICES_API_LOOKUP_H

#include "services/api/api.h"

/*
 * Questions to the name system on behalf of a request.  `then` is called once, from inside
 * when there is nothing to ask, or a problem was answered and it is not called at all.
 */

/* Where is the inbox of this address (as field_address() has it)?  `then` hears of a found one. */
void lookup_address(struct request *q, const char *address, lookup_cb then);
/* May this host be dialled, as far as can be said now?  A host that does not resolve at the
 * moment passes: the worker that dials it judges again, and its inbox tells. */
void lookup_host(struct request *q, const char *host, lookup_cb then);

/*
 * The same for whoever makes his own answer of what is not found: `then` hears of every end,
 * perhaps from inside.  -EINVAL: nothing that could be looked up; -EBUSY: too many lookups are
 * under way; then it is not called.
 */
int lookup_ask_address(struct request *q, const char *address, lookup_cb then);
int lookup_ask_host(struct request *q, const char *host, lookup_cb then);

#endif
