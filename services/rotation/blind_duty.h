#ifndef SERVICES_ROTATION_BLIND_DUTY_H
#define SERVICES_ROTATION_BLIND_DUTY_H

#include "base/io/timer.h"
#include "db/gap.h"
#include "services/role.h"

/*
 * Opens gaps of inboxes whose proofs have stopped, every 5 s.  It says nothing
 * where the proofs could not have come: PostgreSQL must have been there, as seen
 * from here, for as long as nobody takes over inboxes either (`ingest.grace`).
 */
struct blind_duty {
	struct role *role;
	struct pg *pg;
	struct timer timer;
	struct gap_open sweep;
	uint64_t up_ms;    /* since when the connection was up at the last look */
	int64_t seen_us;   /* PostgreSQL's time then; 0: it was not there */
	int64_t steady_us; /* and at the first look of an unbroken row */
};

void blind_duty_open(struct blind_duty *d, struct role *role, struct pg *pg);
void blind_duty_drop(struct blind_duty *d);

#endif
