#ifndef BASE_IO_TIMER_H
#define BASE_IO_TIMER_H

#include <stdint.h>
#include <uv.h>

#include "base/io/loop.h"

/*
 * A timer on the loop, embedded in its owner and found again with container_of.
 * timer_open() once; timer_at()/timer_in() as often as wanted, the last one
 * counts; timer_drop(), after which the callback is not called and `on_gone`
 * is called once, later, when the memory may go.  It never fires early, and
 * after timer_drop() the other calls do nothing.
 */
struct timer;
typedef void (*timer_cb)(struct timer *t);

struct timer {
	uv_timer_t uv;
	timer_cb fired;
	timer_cb gone;
};

void timer_open(struct timer *t, struct loop *l, timer_cb fired);
/* Monotonic (clock_mono_ms); CLOCK_NEVER: stop. */
void timer_at(struct timer *t, uint64_t deadline_ms);
void timer_in(struct timer *t, uint64_t wait_ms);
void timer_stop(struct timer *t);
/* `gone` may be NULL; idempotent: the first one counts. */
void timer_drop(struct timer *t, timer_cb gone);

#endif
