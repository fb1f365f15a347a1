#ifndef SERVICES_API_AUDIT_CALL_H
#define SERVICES_API_AUDIT_CALL_H

#include "services/api/api.h"

/*
 * The audit of what callers change.  A change has its line before its handler runs; how it was
 * answered is added afterwards.  What is said of every mail (`outbound`, `slot`), hands out tokens,
 * which have receipts of their own, or acknowledges events, is no change in this sense.
 */

/* Whoever asks may: run the handler of the route, behind the line of the audit where it has one. */
void audit_call_begin(struct request *q);
/* It is being answered. */
void audit_call_answered(struct request *q, int status);
void audit_call_clear(struct api *api); /* the database goes away: forget what is being added */

#endif
