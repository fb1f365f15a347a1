#ifndef SERVICES_API_SLOT_CALL_H
#define SERVICES_API_SLOT_CALL_H

#include "db/slot.h"
#include "services/api/api.h"

/* What slots answer when they do not say yes; false: `said` is none of these, and nothing was
 * answered. */
bool slot_call_refused(struct request *q, const struct slot_said *said);
/* 423 or 429, with the reason and when to ask again (INT64_MIN: nobody knows); steals `more`. */
void slot_call_later(struct request *q, enum problem_code code, const char *reason,
		     int64_t retry_us, json_t *more);

#endif
