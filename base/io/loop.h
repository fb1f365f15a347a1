#ifndef BASE_IO_LOOP_H
#define BASE_IO_LOOP_H

#include <stdbool.h>
#include <uv.h>

/*
 * The event loop of a process: one libuv loop, its stop, and its signals.
 *
 * A process runs until loop_stop(); what holds handles is dropped by its owner
 * in `on_stop`, and loop_run() returns when the last handle has closed.
 */
struct loop;
typedef void (*loop_stop_cb)(void *owner); /* SIGTERM, SIGINT, or loop_stop(): drop what you hold */

struct loop {
	uv_loop_t uv;
	uv_signal_t term, intr, hup;
	loop_stop_cb on_stop;
	void *owner;
	enum { LOOP_RUNNING, LOOP_STOPPING } state;
};

void loop_init(struct loop *l, loop_stop_cb on_stop, void *owner); /* SIGPIPE is ignored from here on */
void loop_run(struct loop *l);  /* returns after everything was dropped */
void loop_stop(struct loop *l); /* idempotent; on_stop runs once, from the loop */
void loop_clear(struct loop *l); /* after loop_run */
bool loop_is_stopping(const struct loop *l);

#endif
