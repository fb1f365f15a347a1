#ifndef INGEST_IMAP_IMAP_LOGIN_H
#define INGEST_IMAP_IMAP_LOGIN_H

#include <stdint.h>

#include "base/secret.h"
#include "base/text.h"
#include "ingest/imap/imap_parse.h"
#include "ingest/imap/imap_text.h"
#include "ingest/imap/imap_verdict.h"

/*
 * Proving who we are: the authentication phase of a session.  RFC 3501
 * sections 6.2.2 and 6.2.3, SASL-IR RFC 4959.
 *
 *   token      OAUTHBEARER where offered, else XOAUTH2
 *   password   PLAIN where offered, else LOGIN unless LOGINDISABLED
 *
 * A server that dislikes a token answers the response with one more challenge,
 * which holds its reason as JSON, and must be answered before the tagged NO
 * comes (RFC 7628 section 3.2.3).
 */
enum imap_login_state {
	IMAP_LOGIN_NEW,
	IMAP_LOGIN_ASKED,    /* no SASL-IR: waiting for the "+" that invites our response */
	IMAP_LOGIN_ANSWERED, /* said all: waiting for the tagged answer, or "+" with a reason */
	IMAP_LOGIN_REFUSED,  /* took the reason: waiting for the tagged NO */
	IMAP_LOGIN_OVER,     /* the credential is wiped */
};

enum imap_login_kind { IMAP_LOGIN_TOKEN, IMAP_LOGIN_PASSWORD };

struct imap_login {
	enum imap_login_state state;
	enum imap_login_kind kind;
	enum imap_sasl mechanism;
	struct secret credential; /* owned; wiped when over */
	char *user, *host;        /* owned */
	size_t user_len;          /* a user name may hold a NUL, which is then refused */
	uint16_t port;
	char reason[160];            /* the server's JSON, printable; empty: none came */
	struct imap_verdict warning; /* an untagged NO that came first, when it says more */
};

void imap_login_init(struct imap_login *l, enum imap_login_kind kind, struct text user,
		     const struct secret *credential, struct text host, uint16_t port);
void imap_login_clear(struct imap_login *l);

enum imap_login_step {
	IMAP_LOGIN_STEP_WAIT, /* more is to come */
	IMAP_LOGIN_STEP_IN,   /* logged in */
	IMAP_LOGIN_STEP_OUT,  /* refused, `ret` says why */
};

/* Begin, with the tag `tag`.  `caps` without what must not be used (IMAP_QUIRK_NO_OAUTHBEARER). */
enum imap_login_step imap_login_start(struct imap_login *l, uint64_t caps, uint32_t tag,
				      struct imap_text *out, struct imap_verdict *ret);
/* "+", an untagged NO, or the answer to our tag: other responses are not for us. */
enum imap_login_step imap_login_heard(struct imap_login *l, const struct imap_resp *r,
				      struct imap_text *out, struct imap_verdict *ret);

#endif
