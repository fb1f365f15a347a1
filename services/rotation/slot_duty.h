#ifndef SERVICES_ROTATION_SLOT_DUTY_H
#define SERVICES_ROTATION_SLOT_DUTY_H

#include "base/io/timer.h"
#include "db/slot_upkeep.h"
#include "services/role.h"

/*
 * Ends what nobody comes back for: promises that ran out and refunds, one after another until
 * there is nothing more; then those of inboxes that may not keep them; then the mails of senders
 * that fell silent, a portion at a time.
 *
 *   sweep* -> unfit -> silent -> find* -> rest
 */
struct slot_duty {
	struct role *role;
	struct pg *pg;
	struct timer timer;
	struct slot_upkeep upkeep;
	int64_t after_us; /* of the silent ones, this far was looked; INT64_MIN: from the start */
	int64_t at, n;    /* of the portion in upkeep.silent */
	int64_t swept;    /* in this row */
};

void slot_duty_open(struct slot_duty *d, struct role *role, struct pg *pg);
void slot_duty_drop(struct slot_duty *d);

#endif
