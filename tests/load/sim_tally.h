#ifndef TESTS_LOAD_SIM_TALLY_H
#define TESTS_LOAD_SIM_TALLY_H

#include <stdint.h>

#include "base/buf.h"

/* What one simulator process has counted since its start or the last sim_tally_reset(). */
#define SIM_TALLY_DELAYS 1000000

struct sim_delays {
	uint32_t n;
	uint32_t us[SIM_TALLY_DELAYS];
};

struct sim_tally {
	/* now */
	uint32_t connections, logged_in, idling;
	/* counted */
	uint64_t accepted, resumed, full, logins, commands, delivered, skipped;
	struct sim_delays header, text; /* from the push to the first FETCH of either */
};

void sim_tally_delay(struct sim_delays *d, int64_t us);
void sim_tally_reset(struct sim_tally *t);
/* One line of JSON. */
void sim_tally_write(struct sim_tally *t, struct buf *to);

#endif
