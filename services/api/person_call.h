#ifndef SERVICES_API_PERSON_CALL_H
#define SERVICES_API_PERSON_CALL_H

#include "services/api/api.h"

/* Calls of people, who come with a cookie instead of a key. */

/* A cookie of a session, and no key, came with it. */
bool person_call_comes(const struct request *q);
/*
 * Find the session, judge whether its role may, and go on to audit_call_begin(); or a problem is
 * answered.  Only pages of ours can call so: see browser_is_same_origin(); and whatever changes
 * something must come with a header that no form can send.
 */
void person_call_admit(struct request *q);

#endif
