#ifndef OAUTH_TOKEN_DESK_H
#define OAUTH_TOKEN_DESK_H

#include <stdint.h>

#include "base/io/loop.h"
#include "base/list.h"
#include "base/outcome.h"
#include "base/vault.h"
#include "db/pg.h"

/*
 * Where a worker gets what its inboxes log in with.
 *
 *   ask -- a usable access token is there --------------------------> answer
 *      \-- none: request row, NOTIFY broker -- it answers, or says that
 *          the user must consent again, or nothing comes in time ---> answer
 *
 * Many requests share one round trip.  Usable: kind and version fit, and
 * enough of its life is left (oauth/policy.h).
 */
struct token_desk;
struct token_desk_req;

enum token_desk_kind { TOKEN_DESK_OAUTH, TOKEN_DESK_PASSWORD };

/*
 * Good inside the callback only; copy what is needed longer.
 *
 * outcome   BLAME_NONE     the secret is there
 *           BLAME_AUTH     the user must consent again; `reason` says why: stop
 *           BLAME_REFUSED  the refreshed token was refused again, refreshing does not help: the
 *                          worker's own verdict counts
 *           BLAME_NET      nothing came in time
 *           BLAME_US       the secret does not open (wrong key), or PostgreSQL refused us
 */
struct token_desk_answer {
	struct outcome outcome;
	enum token_desk_kind kind;   /* BLAME_NONE, BLAME_AUTH, BLAME_REFUSED */
	const struct secret *secret; /* access token or password; NULL unless BLAME_NONE */
	int64_t version;             /* name it as refused_version when the server refuses it */
	int64_t expires_at;          /* unix seconds; INT64_MAX: a password */
	const char *reason;          /* BLAME_AUTH: "invalid_grant", "rotation_lost" ...; else "" */
};
typedef void (*token_desk_cb)(struct token_desk_req *r, const struct token_desk_answer *a);

/* Embedded by the caller; zeroed before its first use. */
struct token_desk_req {
	/* filled in by the caller */
	char workspace_id[37], inbox_id[37];
	int64_t refused_version; /* the version that the server refused; 0: none */

	/* private */
	struct list link;
	struct token_desk *desk; /* NULL: not waiting */
	token_desk_cb answered;
	uint64_t deadline_ms;
	enum { TOKEN_DESK_NEW, TOKEN_DESK_ASKED } state;
	unsigned slot; /* in the look under way, from 1 */
};

struct token_desk_params {
	struct pg *pg;              /* as replyd_ingest; must outlive the desk */
	const struct vault *tokens; /* opens access tokens; borrowed for its life */
	uint64_t look_ms;           /* between two looks while requests wait; 0: 2 s */
	uint64_t timeout_ms;        /* of one request; 0: 90 s, three broker time-outs */
};

struct token_desk *token_desk_open(struct loop *l, const struct token_desk_params *p);
/* Requests still waiting are forgotten, their callbacks not called. */
void token_desk_drop(struct token_desk *d);

/* 0: `answered` comes exactly once, later.  -ESHUTDOWN: the desk is being dropped; -EALREADY: `r`
 * is waiting. */
int token_desk_start(struct token_desk *d, struct token_desk_req *r, token_desk_cb answered);
/* `answered` is not called.  Safe at any time. */
void token_desk_cancel(struct token_desk_req *r);

#endif
