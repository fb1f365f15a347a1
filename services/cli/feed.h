#ifndef SERVICES_CLI_FEED_H
#define SERVICES_CLI_FEED_H

#include "base/backoff.h"
#include "base/rand.h"
#include "services/cli/api_call.h"

/*
 * The feed of a workspace, page after page, as GET /v1/events gives it: waited for
 * (`wait=`) where the API does that, else asked for twice a second.
 *
 * Where the API is away after it was once reached, or turns us away for a while, it is tried again
 * with growing pauses, and stderr says so once.  Positions that retention has dropped are passed
 * over, and stderr says that, too.
 */
struct feed {
	struct api_call *api;
	const char *types; /* "a,reply.*" as given; NULL: all */
	uint64_t after;    /* the position up to which everything was looked at */
	enum { FEED_NEW, FEED_REACHED, FEED_LOST } state;
	struct backoff backoff;
	struct rand_gen jitter;
};

/* EX_USAGE after a line on stderr: `types` holds what is no type of event. */
int feed_open(struct feed *f, struct api_call *api, const char *types, uint64_t after);

/* The last position that there is; 0: none. */
int feed_end(struct feed *f, uint64_t *ret);

/*
 * The next events in `*ret_events` (the caller's), none of them past `f->after`.  It waits until
 * there are some; without `is_patient` an empty array says that there are no more now.  Else an
 * exit code, said on stderr.
 */
int feed_next(struct feed *f, bool is_patient, json_t **ret_events);

#endif
