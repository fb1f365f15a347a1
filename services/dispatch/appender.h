#ifndef SERVICES_DISPATCH_APPENDER_H
#define SERVICES_DISPATCH_APPENDER_H

#include "base/io/timer.h"
#include "base/log.h"
#include "db/delivery.h"

/*
 * Gives committed events their positions.  Any number of dispatchers run one;
 * an advisory lock lets a single one work at a time, so positions are gapless
 * and a cursor never passes an event that commits late.
 */
struct appender;
typedef void (*appender_cb)(struct appender *a); /* events were positioned */

struct appender {
	struct pg *pg;
	const struct log *log;
	struct timer poll;
	struct delivery_append append;
	enum { APPENDER_IDLE, APPENDER_BUSY, APPENDER_BUSY_KICKED, APPENDER_CLOSING } state;
	appender_cb appended;
};

void appender_open(struct appender *a, struct loop *l, struct pg *pg, const struct log *log,
		   appender_cb appended);
void appender_kick(struct appender *a);
void appender_drop(struct appender *a);

#endif
