#ifndef DB_CONNECT_LINK_H
#define DB_CONNECT_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/outcome.h"
#include "base/sign.h"
#include "db/pg.h"
#include "db/presented.h"

/*
 * Connect links, from the API's hands to the broker's.
 *
 *   open -- browser starts --> started -- code came back --> exchanging -- broker --> checking
 *                                 \______ refused at the provider ______________\--> failed
 *   (an app password is born in 'exchanging')
 *   checking -- a worker was let in --> connected   \-- was not, or there is none --> failed
 *
 * What a worker says of the inbox settles a link in 'checking' (links_checked() in the schema); the
 * newest link of an inbox that failed there still connects when the inbox comes to it later.
 *
 * A link is reached by its id (and workspace), by the token in its URL, or by
 * the OAuth state; the latter two as SHA-256 only, and PostgreSQL shows that
 * one row to whoever presents it.
 */
struct connect_link_row {
	const char *workspace, *id;
	const char *provider;
	const char *address;    /* expected; "" none */
	const char *return_url; /* "" none */
	const char *state; /* "open", "started", "exchanging", "checking", "connected", "failed" */
	const char *problem, *problem_detail;
	const char *redirect_uri;
	const char *inbox; /* uuid; "" not yet */
	int64_t created_at_us, expires_at_us;
	bool expired; /* by PostgreSQL's clock */
	/* Left open by whoever made the link; `address` and `provider` are then what the person
	 * chose last, "" not yet. */
	bool picks_address, picks_provider;
	const char *browser_digest; /* hex; "" nobody has set out yet */
	/* Of the password that was tried last; "" and 0: none was. */
	const char *imap_host, *imap_security, *login_name;
	int imap_port;
};

/* Any of the API's calls.  `found`: a row was there and fitted; `link` is good inside `done` only.
 */
struct connect_link_call {
	struct pg_tx tx;
	char presented[PRESENTED]; /* private */
	struct outcome outcome;
	bool found;
	struct connect_link_row link;
	void (*done)(struct connect_link_call *q);
};
typedef void (*connect_link_cb)(struct connect_link_call *q);

/* A new link.  With `sealed_secret` it is an app password and begins in 'exchanging': notify
 * replyd_connect. */
struct connect_link_new {
	const char *workspace, *id;
	uint8_t token_digest[SIGN_SHA256];
	const char *provider;             /* "": the person says, or the address tells it */
	const char *address, *return_url; /* NULL: none */
	int64_t expires_in_s;
	/* app password, else NULL */
	const void *
		sealed_secret; /* seal_close_to(broker), purpose "connect", subject the link's id */
	size_t sealed_secret_len;
	const char *imap_host, *imap_security, *login_name; /* NULL: the provider's, the address */
	int imap_port;                                      /* 0: the provider's */
};
int connect_link_create(struct pg *pg, struct connect_link_call *q,
			const struct connect_link_new *n, connect_link_cb done);
int connect_link_get(struct pg *pg, struct connect_link_call *q, const char *workspace,
		     const char *id, connect_link_cb done);
int connect_link_by_token(struct pg *pg, struct connect_link_call *q,
			  const uint8_t token_digest[SIGN_SHA256], connect_link_cb done);
int connect_link_by_state(struct pg *pg, struct connect_link_call *q,
			  const uint8_t state_digest[SIGN_SHA256], connect_link_cb done);

/*
 * The browser sets out.  Fits: an open or started link that has not expired (a
 * second start takes the place of the first), or one that failed in this browser.
 */
struct connect_link_started {
	uint8_t token_digest[SIGN_SHA256], state_digest[SIGN_SHA256], browser_digest[SIGN_SHA256];
	const char *provider; /* for a link that left it open; else as it was */
	const char *redirect_uri;
	const void *sealed_verifier; /* seal_close_to(broker), purpose "connect", subject the link's
					id */
	size_t sealed_verifier_len;
};
int connect_link_start(struct pg *pg, struct connect_link_call *q,
		       const struct connect_link_started *s, connect_link_cb done);
/* The person names the mailbox; fits like connect_link_start, which it does not do.  Nothing but
 * the address of a link that left it open changes; one that failed is open again. */
int connect_link_address(struct pg *pg, struct connect_link_call *q,
			 const uint8_t token_digest[SIGN_SHA256],
			 const uint8_t browser_digest[SIGN_SHA256], const char *address,
			 connect_link_cb done);
/* The person typed a password; fits like connect_link_start.  Notify replyd_connect. */
struct connect_link_typed {
	uint8_t token_digest[SIGN_SHA256], browser_digest[SIGN_SHA256];
	const char *provider, *address; /* for a link that left them open */
	const char *imap_host, *imap_security, *login_name;
	int imap_port;
	const void *sealed_secret; /* as in connect_link_new */
	size_t sealed_secret_len;
};
int connect_link_password(struct pg *pg, struct connect_link_call *q,
			  const struct connect_link_typed *t, connect_link_cb done);

/*
 * The browser is back with a code.  Fits once: a started link, not expired, in
 * the browser that started it.  Notify replyd_connect.
 */
int connect_link_exchange(struct pg *pg, struct connect_link_call *q,
			  const uint8_t state_digest[SIGN_SHA256],
			  const uint8_t browser_digest[SIGN_SHA256], const void *sealed_code,
			  size_t sealed_code_len, connect_link_cb done);
/* The browser is back without one.  Fits as connect_link_exchange. */
int connect_link_refuse(struct pg *pg, struct connect_link_call *q,
			const uint8_t state_digest[SIGN_SHA256],
			const uint8_t browser_digest[SIGN_SHA256], const char *problem,
			const char *detail, connect_link_cb done);

/* --- The broker's side, across workspaces. --- */

struct connect_link_work {
	const char *workspace, *id, *provider;
	const char *address;      /* expected; "" none */
	const char *redirect_uri; /* "" for a password */
	bool is_password;
	bool by_device; /* RFC 8628; `code` NULL: none was had yet (db/connect_device) */
	int device_interval_s;
	const uint8_t *code, *verifier; /* sealed; verifier NULL for a password or a device */
	size_t code_len, verifier_len;
	const char *imap_host, *imap_security, *login_name; /* "": the provider's */
	int imap_port;                                      /* 0: the provider's */
};
struct connect_link_claim {
	struct pg_tx tx;
	struct outcome outcome;
	int claimed;
	void (*each)(struct connect_link_claim *q, const struct connect_link_work *w);
	void (*done)(struct connect_link_claim *q);
};
/* Claims older than `stale_ms` are retaken (UINT64_MAX: none). */
int connect_link_claim_start(struct pg *pg, struct connect_link_claim *q, const char *claim,
			     int most, uint64_t stale_ms,
			     void (*each)(struct connect_link_claim *,
					  const struct connect_link_work *),
			     void (*done)(struct connect_link_claim *));

/* The living inbox of an address. */
struct connect_link_inbox {
	struct pg_tx tx;
	struct outcome outcome;
	char inbox[37]; /* "": there is none */
	void (*done)(struct connect_link_inbox *q);
};
int connect_link_inbox_start(struct pg *pg, struct connect_link_inbox *q, const char *workspace,
			     const char *address, void (*done)(struct connect_link_inbox *));

/* Inbox, lease, state, grant, access token and link, in one statement; the link is in 'checking'
 * then, or 'connected' when the inbox is being watched already. */
struct connect_link_settled {
	const char *workspace, *id, *claim;
	const char *inbox;   /* uuid: the one found, or a new one */
	const char *address; /* lower case */
	const char *provider, *imap_host, *imap_security, *login_name;
	int imap_port;
	bool is_password;
	const void *grant, *access; /* sealed */
	size_t grant_len, access_len;
	const char *scopes;
	int64_t expires_in_s, refresh_in_s; /* ignored for passwords */
	int64_t refresh_ends_in_s;          /* of the refresh token's own life; 0: not said */
	const char *loose; /* the consent as it was held (db/loose_consent.h); "": it was not */
};
struct connect_link_write {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t version; /* of the grant; 0: nothing was written, claim or address is somebody
			    else's now */
	void (*done)(struct connect_link_write *q);
};
int connect_link_settle_start(struct pg *pg, struct connect_link_write *q,
			      const struct connect_link_settled *s,
			      void (*done)(struct connect_link_write *));
struct connect_link_failed {
	const char *workspace, *id, *claim;
	const char *problem, *detail;
	const char *loose, *address; /* a consent that is nobody's now; "" and "": none, unknown */
};
/* 'failed', with a code and words; the sealed code and verifier are forgotten.  version 1: written.
 */
int connect_link_fail_start(struct pg *pg, struct connect_link_write *q,
			    const struct connect_link_failed *f,
			    void (*done)(struct connect_link_write *));

/* For db/connect_device, which writes to links too: what ends a connect_link_write. */
void connect_link_on_written(struct pg_tx *tx, const struct pg_answer *a);

/*
 * A link by which an inbox that was connected before is connected again: the
 * broker puts it into the event that asks for consent.
 */
#define CONNECT_LINK_AGAIN_DAYS "7"
struct connect_link_again {
	char id[37]; /* uuid; "": no link is made */
	uint8_t token_digest[SIGN_SHA256];
};
/* SQL: makes it for the inbox in each row of `from` (workspace_id, inbox_id), where `id` is not
 * null. */
#define CONNECT_LINK_AGAIN(from, id, digest)                                                       \
	"insert into connect_link (workspace_id, connect_link_id, token_digest, provider,"         \
	" expected_address, expires_at)"                                                           \
	" select i.workspace_id, " id "::uuid, " digest ", i.provider, i.address,"                 \
	" now() + interval '" CONNECT_LINK_AGAIN_DAYS " days' from " from                          \
	" f join inbox i on i.workspace_id = f.workspace_id and i.inbox_id = f.inbox_id"           \
	" where " id "::uuid is not null"

#endif
