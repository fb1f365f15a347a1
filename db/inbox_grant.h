#ifndef DB_INBOX_GRANT_H
#define DB_INBOX_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/outcome.h"
#include "db/connect_link.h"
#include "db/pg.h"

/*
 * Grants: the broker's claims on them and what comes of a refresh.  As
 * replyd_broker, across workspaces.
 *
 * Every result is saved only when the grant still has the version that the
 * work began with: whoever comes second writes nothing, and is told so.
 *
 * Times are relative: PostgreSQL's clock is the only one that counts.
 */
/* SQL interval: refreshed so rarely is the grant of a paused inbox.  Microsoft forgets after 90
 * days without use, Google after six months. */
#define INBOX_GRANT_KEPT_ALIVE "30 days"
/* SQL, seconds: a refresh token that ends within this time is forecast at once. */
#define INBOX_GRANT_SOON "1296000"

enum inbox_grant_kind { INBOX_GRANT_OAUTH, INBOX_GRANT_PASSWORD };

/* What a claim found. */
struct inbox_grant_row {
	const char *workspace, *inbox; /* uuid */
	const char *provider, *address;
	enum inbox_grant_kind kind;
	const uint8_t *sealed;
	size_t sealed_len;
	int64_t version;
	int tries;    /* 1: nobody claimed it before us without an end */
	int failures; /* in a row */
	bool forced;  /* the token at hand was refreshed because its predecessor was refused */
	int64_t token_version; /* 0: there is none */
	bool token_fresh;
	int64_t refused_version; /* 0: none, or nobody asks */
	bool due;
	int64_t waited_ms; /* since it was asked for, or since its time had come */
};

struct inbox_grant_claim {
	struct pg_tx tx;
	struct outcome outcome;
	int answered; /* requests that needed no refresh */
	int claimed;
	void (*each)(struct inbox_grant_claim *q, const struct inbox_grant_row *r);
	void (*done)(struct inbox_grant_claim *q);
};

struct inbox_grant_want {
	const char *claim; /* uuid, new for every call */
	int most;
	uint64_t stale_ms;   /* claims older than this are retaken; UINT64_MAX: none are */
	const char *without; /* providers left alone, comma separated; "" none */
	const char *only;    /* one provider, NULL: all */
	bool answer;         /* first answer the requests that need no refresh: it reads them all */
	int64_t fresh_s, refused_again_s; /* see oauth/policy.h */
};
/*
 * First answers (`answer`) the requests that need no refresh (token there, grant dead, or
 * refreshing did not help), then claims at most `most` grants that a request or
 * their own time wants refreshed, and reads them anew.
 */
int inbox_grant_claim_start(struct pg *pg, struct inbox_grant_claim *q,
			    const struct inbox_grant_want *w,
			    void (*each)(struct inbox_grant_claim *,
					 const struct inbox_grant_row *),
			    void (*done)(struct inbox_grant_claim *));

/* Any of the writes below. */
struct inbox_grant_write {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t version; /* the grant's new one; 0: it had moved on, nothing was written */
	void (*done)(struct inbox_grant_write *q);
};

/* A refresh worked: rotation (if any) and access token, in one statement. */
struct inbox_grant_saved {
	const char *workspace, *inbox;
	int64_t version; /* that the work began with */
	enum inbox_grant_kind kind;
	const void *refresh; /* sealed; NULL: the old one stays */
	size_t refresh_len;
	const void *access; /* sealed */
	size_t access_len;
	int64_t expires_in_s;      /* ignored for passwords */
	int64_t refresh_in_s;      /* ignored for passwords */
	int64_t refresh_ends_in_s; /* of the refresh token's own life; 0: not said */
	bool forced;
};
/* As a statement of db/grant_saver.h, which starts it: the new version, no row when it had moved
 * on. */
void inbox_grant_save_add(struct pg_tx *tx, const struct inbox_grant_saved *s);

/* Only the user can mend it: grant, inbox state and event, in one statement. */
struct inbox_grant_refused {
	const char *workspace, *inbox;
	int64_t version;
	const char *reason, *evidence;
	const char *event;      /* uuid, derived */
	const char *event_data; /* JSON */
	const struct connect_link_again *link;
};
int inbox_grant_refuse_start(struct pg *pg, struct inbox_grant_write *q,
			     const struct inbox_grant_refused *r,
			     void (*done)(struct inbox_grant_write *));

/* The claim ends without a verdict on the grant. */
struct inbox_grant_let {
	const char *workspace, *inbox, *claim;
	bool failed; /* counts a failure, and nothing is tried for `wait_ms` */
	uint64_t wait_ms;
	bool may_have_rotated; /* keeps the count of tries: the next invalid_grant means
				  rotation_lost */
	const char *evidence;  /* NULL: leave it */
};
int inbox_grant_let_start(struct pg *pg, struct inbox_grant_write *q,
			  const struct inbox_grant_let *l,
			  void (*done)(struct inbox_grant_write *));

/*
 * SQL, the end of a claim here and in db/domain_mailbox: of `asked` and `timely` (inbox_id,
 * since) those that were asked for first, at most $2, are claimed as $1, and named to the next
 * statement of the transaction.
 */
/* clang-format off */
#define INBOX_GRANT_CLAIMED                                                                        \
	"due as ("                                                                                 \
	"  select inbox_id from ("                                                                 \
	"    select inbox_id, 0 as rank, since from asked union all"                               \
	"    select inbox_id, 1, since from timely"                                                \
	"      where inbox_id not in (select inbox_id from asked)) c"                              \
	"  order by rank, since limit $2"                                                          \
	"), claimed as (update inbox_grant g set claim_id = $1, claimed_at = clock_timestamp(),"   \
	"    claim_tries = claim_tries + 1"                                                        \
	"  from due where g.inbox_id = due.inbox_id returning g.inbox_id"                          \
	") select set_config('replyd.claimed', coalesce(array_agg(inbox_id), '{}')::text, true) from claimed"
/* clang-format on */

#endif
