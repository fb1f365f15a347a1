#ifndef BASE_IO_LOOP_H
#define BASE_IO_LOOP_H

#include <stdbool.h>
#include <uv.h>

/*
 * The event loop of a process: one libuv loop, its stop, and its signals.
 *
 * A process runs until loop_stop(); what holds handles is dropped by its owner
 * in `on_stop`, and loop_run() returns when the last handle has closed.
 *
 * SIGTERM and SIGINT stop it, SIGHUP too unless it was ignored when we started
 * (nohup).  A second one changes nothing: Ctrl-C reaches a child from the
 * terminal and again from its supervisor, and must not cut its stop short.
 */
struct loop;
struct names;
typedef void (*loop_stop_cb)(void *owner); /* SIGTERM, SIGINT, or loop_stop(): drop what you hold */

struct loop {
	uv_loop_t uv;
	uv_signal_t term, intr, hup;
	uv_async_t wake; /* brings loop_stop() into the loop */
	loop_stop_cb on_stop;
	void *owner;
	struct names *names; /* names.h */
	enum { LOOP_RUNNING, LOOP_ASKED, LOOP_STOPPING } state;
};

/* SIGPIPE is ignored from here on.  `on_stop` may be NULL.  Aborts when no descriptor is left. */
void loop_init(struct loop *l, loop_stop_cb on_stop, void *owner);
void loop_run(struct loop *l);   /* returns after everything was dropped */
void loop_stop(struct loop *l);  /* idempotent; on_stop runs once, from the loop */
void loop_clear(struct loop *l); /* after loop_run; aborts when somebody still holds a handle */
/* For a start that goes straight on: do what is due, and what comes within `most_ms`. */
void loop_turn(struct loop *l, int most_ms);
bool loop_is_stopping(const struct loop *l);

#endif
