#ifndef INGEST_PASS_H
#define INGEST_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/token_source.h"

/*
 * What is known of the credential that one inbox logs in with; the secret itself
 * is only where a login is under way (entry.c).  Pure; zeros: nothing is known.
 */
struct pass {
	int64_t version; /* given last */
	/* The highest that the mail server refused since the last login; 0: none. */
	int64_t refused_version;
	int64_t expires_at; /* of the last one; unix seconds, INT64_MAX: never */
	bool is_password;
	unsigned doubts; /* how often a fresh one was refused since the last login */
};

/* A usable one was given. */
void pass_given(struct pass *p, const struct token_answer *a);
/* The server let us in with it. */
void pass_used(struct pass *p);
/* The server did not, or ended a session because of it: only a later one is worth a try. */
void pass_refused(struct pass *p, int64_t version);
/* The last one was asked for because the one before it was refused. */
bool pass_was_fresh(const struct pass *p);
/* Of the last one; UINT64_MAX: it does not end. */
uint64_t pass_left_ms(const struct pass *p, int64_t now_s);

#endif
