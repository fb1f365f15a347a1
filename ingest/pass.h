#ifndef INGEST_PASS_H
#define INGEST_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "ingest/token_source.h"

/*
 * What one inbox logs in with: asked for, held until the login, and asked for
 * again before it ends, while the connection still lives with the old one.
 *
 *   NONE -> pass_ask() -> FRESH -> pass_used() -> USED -> pass_ask() -> FRESH -> ...
 */
struct pass {
	const struct token_source *source; /* borrowed */
	void *owner;
	void (*on_answer)(void *owner,
			  const struct token_answer *a); /* a usable one is taken already */

	enum pass_state {
		PASS_NONE,
		PASS_FRESH, /* for the next connection */
		PASS_USED,  /* a connection lives with it */
	} state;
	struct token_ask ask;
	struct secret secret; /* while FRESH */
	bool is_password;
	int64_t version;
	int64_t refused_version; /* the highest that the mail server refused since the last login;
				    0: none */
	int64_t expires_at;      /* unix seconds; INT64_MAX: never */
	uint64_t renew_ms;       /* when the next one is to be asked for; UINT64_MAX: not */
};

/* `workspace`, `inbox`: uuid, borrowed. */
void pass_init(struct pass *p, const struct token_source *source, const char *workspace,
	       const char *inbox, void *owner,
	       void (*on_answer)(void *owner, const struct token_answer *a));
void pass_clear(struct pass *p); /* cancels and wipes */

/* Fresh, and with enough of its life left for a login. */
bool pass_is_fresh(const struct pass *p, int64_t now_s);
/* 0: on_answer comes once, later; -errno: not. */
int pass_ask(struct pass *p);
/* The server let us in: the secret is wiped, the next one planned. */
void pass_used(struct pass *p, int64_t now_s, uint64_t now_ms);
/* The server did not: only a later version is worth a try. */
void pass_refused(struct pass *p);
/* The connection is over; a fresh one is kept for the next. */
void pass_over(struct pass *p);
/* Time to ask for the next one? */
bool pass_is_due(const struct pass *p, uint64_t now_ms);
/* Nothing better came: ask again in a while. */
void pass_later(struct pass *p, uint64_t now_ms);

#endif
