#include "ingest/renewal.h"

#define SECOND        UINT64_C(1000)
#define TOKEN_FROM    (280 * SECOND)
#define TOKEN_TO      (100 * SECOND)
#define SESSION_FROM  (1800 * SECOND)
#define SESSION_TO    (120 * SECOND)
#define AGAIN_FIRST   (5 * SECOND)
#define AGAIN_LONGEST (300 * SECOND)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* In how many ms to begin, when it ends in `left_ms`. */
static uint64_t begin_in(uint64_t left_ms, uint64_t from_ms, uint64_t to_ms, struct rand_gen *g)
{
	/* a short-lived token is refreshed when half of its life is over: a little after that */
	uint64_t from = least(from_ms, left_ms / 5 * 2), to = least(to_ms, left_ms / 4);

	if (left_ms == UINT64_MAX)
		return UINT64_MAX;
	return left_ms - to - rand_gen_below(g, from - to + 1);
}

void renewal_init(struct renewal *r, uint64_t again_ms)
{
	*r = (struct renewal){ .phase = RENEWAL_NONE };
	backoff_init(&r->backoff, again_ms ? again_ms : AGAIN_FIRST, AGAIN_LONGEST,
		     /* survive_ms= */ 0);
}

void renewal_plan(struct renewal *r, uint64_t token_left_ms, uint64_t session_left_ms,
		  uint64_t now_ms, struct rand_gen *g)
{
	uint64_t in_ms = least(begin_in(token_left_ms, TOKEN_FROM, TOKEN_TO, g),
			       begin_in(session_left_ms, SESSION_FROM, SESSION_TO, g));

	renewal_forget(r);
	backoff_lived(&r->backoff, 0);
	if (in_ms == UINT64_MAX)
		return;
	r->phase = RENEWAL_PLANNED;
	r->at_ms = now_ms + in_ms;
}

void renewal_forget(struct renewal *r)
{
	r->phase = RENEWAL_NONE;
}

bool renewal_is_due(const struct renewal *r, uint64_t now_ms)
{
	return r->phase == RENEWAL_PLANNED && now_ms >= r->at_ms;
}

void renewal_failed(struct renewal *r, uint64_t at_least_ms, uint64_t now_ms, struct rand_gen *g)
{
	uint64_t wait_ms = backoff_failed(&r->backoff, g);

	r->phase = RENEWAL_PLANNED;
	r->at_ms = now_ms + (wait_ms > at_least_ms ? wait_ms : at_least_ms);
}

uint64_t renewal_deadline(const struct renewal *r)
{
	return r->phase == RENEWAL_PLANNED ? r->at_ms : UINT64_MAX;
}
