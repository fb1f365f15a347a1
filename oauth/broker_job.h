#ifndef OAUTH_BROKER_JOB_H
#define OAUTH_BROKER_JOB_H

#include "base/backoff.h"
#include "base/io/timer.h"
#include "oauth/broker_env.h"

/*
 * What every job of a broker has besides its own story: its place among the jobs, a
 * request at the provider, and a write that is started anew until it is there.
 *
 *   open --> ask: the provider has the request --> go: the write is under way --> heard --> end
 *                                                   ^   \--- again, after a pause ---/
 *
 * A connection that was lost and a PostgreSQL that starts, ends or is overrun (BLAME_NET,
 * BLAME_REFUSED) are waited for as long as it takes: what the provider gave is nowhere else.
 * What is refused for any other reason is so the next time, too: after BROKER_JOB_TRIES it is
 * given up, and the claim is left to grow stale.
 */
#define BROKER_JOB_TRIES 5

struct broker_job;
struct broker_job_kind {
	/* Start what the job is at.  Negative: PostgreSQL's queue is full; it is called again. */
	int (*go)(struct broker_job *job);
	/* Cancel the writes, and all else that is not `http`. */
	void (*stop)(struct broker_job *job);
	/* Clear and free; the environment may be gone. */
	void (*gone)(struct broker_job *job);
	bool is_beside; /* takes no slot, and a broker that drains does not wait for it */
};

/* Embedded by the job, which is zeroed before broker_job_open(). */
struct broker_job {
	struct list link;
	struct broker_env *env;
	const struct broker_job_kind *is;
	struct broker_claim claim;
	struct log log; /* the job's own, by log_child() */
	struct http_request http;
	struct timer again;
	struct backoff wait;
	int tries; /* of this write, refused */
};

enum broker_job_fate {
	BROKER_JOB_WRITTEN,
	BROKER_JOB_AGAIN,    /* later, without the caller */
	BROKER_JOB_GIVEN_UP, /* for good; said in the log */
};

/* `claim`: NULL for a job that needs none. */
void broker_job_open(struct broker_job *job, struct broker_env *env,
		     const struct broker_job_kind *is, const struct broker_claim *claim);
/* For how long a request may still last: then there is time to write what came of it before
 * another broker may take the claim. */
uint64_t broker_job_left_ms(const struct broker_job *job);
/* Start the request in `http`, for so long at the most; the errors of http_client_start(). */
int broker_job_ask(struct broker_job *job, http_client_cb done);
/* Wipe and free its answer: there were tokens in it. */
void broker_job_forget_answer(struct broker_job *job);
/* What comes next, by `go`. */
void broker_job_go(struct broker_job *job);
/* The same, a little later, and each time later still. */
void broker_job_pause(struct broker_job *job);
/* What came of the write that `go` started. */
enum broker_job_fate broker_job_heard(struct broker_job *job, const struct outcome *o);
/* It is over; the job is gone, later. */
void broker_job_end(struct broker_job *job);
/* At once, and nobody is told. */
void broker_job_cancel(struct broker_job *job);

#endif
