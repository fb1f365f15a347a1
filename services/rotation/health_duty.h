#ifndef SERVICES_ROTATION_HEALTH_DUTY_H
#define SERVICES_ROTATION_HEALTH_DUTY_H

#include "base/io/timer.h"
#include "base/log.h"
#include "db/standing.h"

/*
 * Keeps the standing of all inboxes: adds up what they sent, then judges those whose turn it is by
 * the rules of rotation/, one after another, until none is left.
 *
 *   count* -> due -> judge* -> due ... -> rest
 */
struct health_duty {
	const struct log *log;
	struct pg *pg;
	struct timer timer;
	struct standing standing;
	int64_t at, n; /* of the portion in standing.rows */
	uint64_t rows; /* that came to their end */
};

void health_duty_open(struct health_duty *d, struct loop *loop, const struct log *log,
		      struct pg *pg);
void health_duty_drop(struct health_duty *d);

#endif
