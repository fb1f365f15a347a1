#ifndef OAUTH_POLICY_H
#define OAUTH_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/outcome.h"
#include "base/rand.h"
#include "oauth/grant.h"

/*
 * What follows from what a provider said, and when to ask it again.  Pure; the
 * provider's errors are a table.
 */
enum policy_verdict {
	POLICY_OK,
	POLICY_USER,  /* only a person can mend it: the grant needs consent again */
	POLICY_US,    /* our client, secret or request: alarm, never blame the user */
	POLICY_LATER, /* try again: 429, 5xx, network, garbage */
};

struct policy_answer {
	enum policy_verdict verdict;
	const char *reason;    /* stable code: "invalid_grant", "consent_withdrawn",
				  "our_client_refused" ... */
	bool whole_client;     /* POLICY_US: every grant of this client fails alike */
	int64_t retry_after_s; /* POLICY_LATER: at least so long, the provider's wish included; 0:
				  no wish */
	bool may_have_rotated; /* no answer came: the provider may have acted on the request */
	char evidence[320];    /* what the provider said, printable, no secrets */
};

/* What came of one token request: `outcome` and `status` of the HTTP exchange, `a` when status > 0.
 */
void policy_judge(const struct outcome *outcome, long status, int64_t retry_after_s,
		  const struct grant_answer *a, struct policy_answer *ret);
const char *policy_verdict_name(enum policy_verdict v); /* "ok", "user", "us", "later" */

/* Lifetime assumed when the provider does not say (RFC 6749 section 5.1 lets it). */
#define POLICY_LIFE_UNSAID_S 3600
/* A token is handed out with at least so much left, or a quarter of its life when that is less. */
#define POLICY_FRESH_S 120
/* A token refreshed because its predecessor was refused, and refused within this time: refreshing
 * does not help. */
#define POLICY_REFUSED_AGAIN_S 120

/*
 * In how many seconds from now a token that lives `life_s` more is to be
 * refreshed: `ahead_s` before its end, with jitter towards the earlier, never
 * before half its life is over.  Those of one moment are an even stream half a day later.
 */
int64_t policy_refresh_in(int64_t life_s, int64_t ahead_s, struct rand_gen *g);

/*
 * Must the provider be asked?  `refused`: highest version that a mail server
 * refused, 0 none; `version`: of the access token at hand, 0 none; `fresh`: it
 * has enough left; `due`: it is time to refresh ahead of need.
 */
bool policy_needs_refresh(int64_t version, bool fresh, int64_t refused, bool due);

/* How long to wait after the `failures`-th failure in a row (from 1), the provider's wish honoured
 * up to two hours. */
uint64_t policy_wait_ms(unsigned failures, int64_t retry_after_s, struct rand_gen *g);

/* The connection problem that an error of the code exchange means. */
enum connect_problem policy_problem(const struct policy_answer *a);

#endif
