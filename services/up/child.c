#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "services/up/child.h"

static void on_again(struct timer *t);
static void on_exit_of_child(void *owner, int exit_status, int term_signal);

static void enter(struct child *c, enum child_state s)
{
	c->state = s;
	c->changed(c);
}

static void start(struct child *c)
{
	struct proc_params p = { .uid = (uid_t)-1,
				 .gid = (gid_t)-1,
				 .in_fd = -1,
				 .out_fd = -1,
				 .owner = c,
				 .on_exit = on_exit_of_child };
	int r = c->start(c, &p, &c->proc);

	if (r) {
		uint64_t wait_ms = backoff_failed(&c->backoff, c->jitter);

		log_error(&c->log, "child.not_started", "cause=%s again_ms=%llu", strerror(-r),
			  (unsigned long long)wait_ms);
		timer_in(&c->again, wait_ms);
		return;
	}
	c->started_ms = clock_mono_ms();
	c->starts++;
	log_info(&c->log, "child.started", "pid=%d starts=%u", (int)proc_pid(c->proc), c->starts);
	enter(c, CHILD_RUNNING);
}

void child_open(struct child *c, struct loop *l, struct rand_gen *jitter, const struct log *log)
{
	c->loop = l;
	c->jitter = jitter;
	c->state = CHILD_WAITING;
	if (!c->stop_signal)
		c->stop_signal = SIGTERM;
	log_child(&c->log, log, "child=%s-%d", c->role, c->n);
	/* A child that dies at once is a mistake that waiting does not mend, but the database may
	 * come back. */
	backoff_init(&c->backoff, 200, 15000, 10000);
	timer_open(&c->again, l, on_again);
	start(c);
}

static void on_again(struct timer *t)
{
	struct child *c = container_of(t, struct child, again);

	switch (c->state) {
	case CHILD_WAITING:
		start(c);
		break;
	case CHILD_STOPPING:
		log_warn(&c->log, "child.killed", "cause=\"did not stop in time\"");
		proc_signal(c->proc, SIGKILL);
		break;
	case CHILD_RUNNING:
	case CHILD_STOPPED:
		break;
	}
}

static void on_exit_of_child(void *owner, int exit_status, int term_signal)
{
	struct child *c = owner;
	uint64_t lived_ms = clock_mono_ms() - c->started_ms, wait_ms;

	proc_drop(c->proc);
	c->proc = NULL;
	if (c->state == CHILD_STOPPING) {
		timer_stop(&c->again);
		enter(c, CHILD_STOPPED);
		return;
	}
	backoff_lived(&c->backoff, lived_ms);
	wait_ms = backoff_failed(&c->backoff, c->jitter);
	log_warn(&c->log, "child.ended", "status=%d signal=%d lived_ms=%llu again_ms=%llu",
		 exit_status, term_signal, (unsigned long long)lived_ms,
		 (unsigned long long)wait_ms);
	timer_in(&c->again, wait_ms);
	enter(c, CHILD_WAITING);
}

void child_stop(struct child *c, uint64_t patience_ms)
{
	switch (c->state) {
	case CHILD_WAITING:
		timer_stop(&c->again);
		enter(c, CHILD_STOPPED);
		break;
	case CHILD_RUNNING:
		timer_in(&c->again, patience_ms);
		proc_signal(c->proc, c->stop_signal);
		/* One that was stopped with SIGSTOP must wake up to end. */
		proc_signal(c->proc, SIGCONT);
		enter(c, CHILD_STOPPING);
		break;
	case CHILD_STOPPING:
	case CHILD_STOPPED:
		break;
	}
}

void child_close(struct child *c)
{
	timer_drop(&c->again, NULL);
}

const char *child_state_name(enum child_state s)
{
	switch (s) {
	case CHILD_WAITING:
		return "waiting";
	case CHILD_RUNNING:
		return "running";
	case CHILD_STOPPING:
		return "stopping";
	case CHILD_STOPPED:
		return "stopped";
	}
	return "?";
}
