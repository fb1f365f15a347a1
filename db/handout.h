#ifndef DB_HANDOUT_H
#define DB_HANDOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/outcome.h"
#include "base/seal.h"
#include "db/pg.h"

/*
 * Access tokens handed out to senders.
 *
 *   asked (API, with the public half of a pair made for this request)
 *     \-- broker: a token is there, or is got --> sealed --> taken (API, once)
 *      \-- the grant is dead --> refused         \-- nobody came in time --> late
 *
 * The row stays as a receipt; the box in it goes when it is read.
 */

/* ---- the API's side, in a workspace ---- */

enum handout_said {
	HANDOUT_ASKED,
	HANDOUT_NO_INBOX,
	HANDOUT_IS_PASSWORD, /* app passwords are handed to nobody */
	HANDOUT_IS_APP_ONLY, /* its token opens every mailbox of the domain */
	HANDOUT_PAUSED,
	HANDOUT_REAUTH, /* `reason` says why */
	HANDOUT_LIMITED,
};
struct handout_ask {
	struct pg_tx tx;
	struct outcome outcome;
	enum handout_said said;
	char reason[64];
	void (*done)(struct handout_ask *q);
};
int handout_ask_start(struct pg *pg, struct handout_ask *q, const char *workspace,
		      const char *inbox, const char *handout, const char *api_key,
		      const uint8_t public_key[SEAL_KEY], int64_t per_minute,
		      void (*done)(struct handout_ask *));

enum handout_state {
	HANDOUT_WAITS,
	HANDOUT_SEALED, /* and now taken: `box` is there, this once */
	HANDOUT_REFUSED,
	HANDOUT_OVER, /* taken before, late, or not there */
};
struct handout_take {
	struct pg_tx tx;
	struct outcome outcome;
	enum handout_state state;
	char reason[64];
	struct buf box;
	int64_t expires_at_us, version;
	char login_name[321], provider[65], imap_host[256], imap_security[16], scopes[1024];
	int imap_port;
	void (*done)(struct handout_take *q);
};
/* `is_last`: the sender waits no longer; what is not sealed by now never will be. */
int handout_take_start(struct pg *pg, struct handout_take *q, const char *workspace,
		       const char *handout, bool is_last, void (*done)(struct handout_take *));
void handout_take_clear(struct handout_take *q); /* cancels too */

/* ---- the broker's side, across workspaces ---- */

struct handout_row {
	const char *workspace, *id, *inbox;
	const uint8_t *public_key; /* SEAL_KEY bytes */
	const uint8_t *sealed;     /* the access token's box, for the group token */
	size_t sealed_len;
	int64_t version;
};
struct handout_look {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t refused; /* told so: tell the API */
	int64_t put;     /* tokens asked for: tell the brokers */
	int64_t waiting; /* that no token is there for yet */
	int rows;
	void (*each)(struct handout_look *q, const struct handout_row *r);
	void (*done)(struct handout_look *q);
};
/* Refuses those whose grant is dead, asks for the tokens that are missing, and gives at most `most`
 * that can be sealed now.  `fresh_s`: see oauth/policy.h. */
int handout_look_start(struct pg *pg, struct handout_look *q, int64_t fresh_s, int most,
		       void (*each)(struct handout_look *, const struct handout_row *),
		       void (*done)(struct handout_look *));

struct handout_write {
	struct pg_tx tx;
	struct outcome outcome;
	bool sealed; /* false: another broker was first, or it is over */
	void (*done)(struct handout_write *q);
};
/* `version`: of the token that was sealed; its end is taken from the row. */
int handout_seal_start(struct pg *pg, struct handout_write *q, const char *workspace,
		       const char *handout, int64_t version, const void *box, size_t n,
		       void (*done)(struct handout_write *));

#endif
