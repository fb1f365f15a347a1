#ifndef DB_TOKEN_H
#define DB_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/outcome.h"
#include "db/pg.h"

/*
 * A worker's side of tokens: read what is there, ask for what is not.  As
 * replyd_ingest, across workspaces; grants are out of its reach.
 */

/* SQL: access_token `t` has so much left, or a quarter of its life when that is less. */
#define TOKEN_FRESH(seconds)                                                                       \
	"(t.expires_at is null or t.expires_at > now()"                                            \
	" + least(make_interval(secs => " seconds                                                  \
	"::bigint), (t.expires_at - t.obtained_at) / 4))"

struct token_row {
	int slot;    /* the caller's number, given back */
	bool usable; /* version beyond the refused one, and enough of its life left */
	bool asked;  /* a request of this inbox waits, also when this look has put it there */
	bool is_password;
	const uint8_t *sealed; /* when usable */
	size_t sealed_len;
	int64_t version;             /* of the token there is; 0: none */
	int64_t expires_at_us;       /* INT64_MIN: never */
	bool reauth;                 /* inbox_state says that the user must consent again */
	const char *reason, *detail; /* why */
};

struct token_look {
	struct pg_tx tx;
	struct outcome outcome;
	int put; /* requests newly put: notify the broker */
	void (*each)(struct token_look *q, const struct token_row *r);
	void (*done)(struct token_look *q);
};

struct token_want {
	int slot;
	const char *workspace, *inbox; /* uuid */
	int64_t refused_version;
	bool ask; /* put a request when nothing usable is there */
};
/* One round trip for `n` inboxes.  `fresh_s`: see oauth/policy.h. */
int token_look_start(struct pg *pg, struct token_look *q, const struct token_want *want, int n,
		     int64_t fresh_s, void (*each)(struct token_look *, const struct token_row *),
		     void (*done)(struct token_look *));

#endif
