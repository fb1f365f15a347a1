#ifndef SERVICES_UP_CHILD_H
#define SERVICES_UP_CHILD_H

#include "base/backoff.h"
#include "base/io/proc.h"
#include "base/io/timer.h"
#include "base/log.h"

/*
 * One child of `replyd up`: started, and started again with back-off when it
 * ends, until it is told to stop.
 *
 *   CHILD_WAITING -> CHILD_RUNNING -> (ended) -> CHILD_WAITING ...
 *   child_stop(): -> CHILD_STOPPING -> CHILD_STOPPED
 */
struct child;
typedef int (*child_start_cb)(struct child *c, struct proc_params *p,
			      struct proc **ret); /* fill in and proc_open; -errno */
typedef void (*child_change_cb)(struct child *c); /* started, ended or stopped */

enum child_state { CHILD_WAITING, CHILD_RUNNING, CHILD_STOPPING, CHILD_STOPPED };

struct child {
	void *owner;      /* of the callbacks */
	const char *role; /* "ingest", "postgres" */
	int n;            /* which of several */
	enum child_state state;
	struct loop *loop;
	struct log log;
	struct proc *proc; /* while it runs */
	struct timer again;
	struct backoff backoff;
	struct rand_gen *jitter;
	uint64_t started_ms;
	unsigned starts;
	int stop_signal; /* SIGTERM; SIGINT for PostgreSQL (fast shutdown) */
	child_start_cb start;
	child_change_cb changed;
};

/* owner, role, n, start, changed and perhaps stop_signal are set.  One that cannot be started is
 * tried again, too. */
void child_open(struct child *c, struct loop *l, struct rand_gen *jitter, const struct log *log);
/* Politely, then SIGKILL after `patience_ms`; `changed` says CHILD_STOPPED, perhaps from inside
 * this call. */
void child_stop(struct child *c, uint64_t patience_ms);
void child_close(struct child *c); /* forget the timer, once stopped */
const char *child_state_name(enum child_state s);

#endif
