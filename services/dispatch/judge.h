#ifndef SERVICES_DISPATCH_JUDGE_H
#define SERVICES_DISPATCH_JUDGE_H

#include "base/log.h"
#include "base/rand.h"
#include "services/dispatch/post.h"

/*
 * What becomes of a post that has ended: the fate of each delivery in it
 * (services/dispatch/retry.h), and what its lane learns of it (services/dispatch/lane.h).
 * It says so in the log; to keep the receipts is the caller's.
 */
struct judge {
	const struct log *log;
	const uint64_t *retry_ms; /* as retry_decide() has them; borrowed */
	size_t n_retries;
	struct rand_gen jitter;
};

void judge_init(struct judge *j, const struct log *log, const uint64_t *retry_ms, size_t n_retries);
/* t->req is done. */
void judge_answered(struct judge *j, struct post *t);
/* It was not even sent, since our own state is wrong (key, URL): `what` says so, static. */
void judge_unsent(struct judge *j, struct post *t, const char *what);

#endif
