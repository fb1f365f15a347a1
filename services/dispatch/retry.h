#ifndef SERVICES_DISPATCH_RETRY_H
#define SERVICES_DISPATCH_RETRY_H

#include <stddef.h>
#include <stdint.h>

#include "base/outcome.h"
#include "base/rand.h"
#include "db/receipt.h"
#include "services/dispatch/lane.h"

/*
 * What becomes of a post, decided from its answer alone (pure).
 *
 *   2xx                 delivered
 *   410                 the endpoint wants no more: it is disabled
 *   3xx 4xx 5xx, none   again, by the schedule with jitter; after its end a dead letter
 *   429 503 + Retry-After   not before that, but at most RETRY_AFTER_MAX_MS later
 *
 * Source: Standard Webhooks, "Deliverability and reliability".
 */
#define RETRY_AFTER_MAX_MS   (24ULL * 3600 * 1000)
#define RETRY_JITTER_PERCENT 20

struct retry_answer {
	struct outcome outcome; /* of the transport */
	long status;            /* HTTP; 0: none */
	int64_t retry_after_s;  /* -1: none */
};

struct retry_verdict {
	enum receipt_fate fate;
	const char *word; /* "delivered", "refused", "timeout", "network", "not_allowed", "gone" */
	uint64_t wait_ms; /* RECEIPT_AGAIN */
};

/* `try`: 1 for the first post.  schedule_ms[0] is the wait before the first (0), [1] before the
 * second... */
struct retry_verdict retry_decide(const struct retry_answer *a, int try,
				  const uint64_t *schedule_ms, size_t n, struct rand_gen *g);

/* What the same answer says of the endpoint. */
enum lane_end retry_end(const struct retry_answer *a);
/* How long it asked to be left alone, at most RETRY_AFTER_MAX_MS; 0: it did not. */
uint64_t retry_asked_ms(const struct retry_answer *a);

#endif
