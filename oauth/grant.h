#ifndef OAUTH_GRANT_H
#define OAUTH_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/secret.h"
#include "base/text.h"
#include "oauth/connect.h"

/*
 * The token endpoint's language: requests built, answers read.  Pure.
 *
 * RFC 6749 sections 2.3.1 (HTTP Basic), 4.1.3 (code), 5 (answers), 6 (refresh);
 * OpenID Connect Core 1.0 sections 3.1.3.7 and 5.3 (whose account it is).
 *
 * Bodies hold secrets and are therefore struct secret: wiped when cleared.
 */
#define GRANT_CONTENT_TYPE "application/x-www-form-urlencoded"

/*
 * A confidential client (`has_secret`) proves itself by HTTP Basic and keeps
 * its id out of the body; a public one names itself in the body.  -ENOBUFS: the
 * values are beyond LIMIT_SECRET.
 */
int grant_exchange_body(const struct oauth_provider *p, bool has_secret, const struct secret *code,
			const struct secret *verifier, const char *redirect_uri,
			struct secret *ret);
int grant_refresh_body(const struct oauth_provider *p, bool has_secret,
		       const struct secret *refresh, struct secret *ret);
/* RFC 7009 section 2.1. */
int grant_revoke_body(const struct oauth_provider *p, bool has_secret, const struct secret *refresh,
		      struct secret *ret);
/* User or password for HTTP Basic, form-encoded first as RFC 6749 section 2.3.1 wants it. -ENOBUFS.
 */
int grant_basic(struct text value, struct secret *ret);

/* What the token endpoint answered. */
enum grant_kind {
	GRANT_TOKENS,  /* 200 and an access token */
	GRANT_ERROR,   /* an error of RFC 6749 section 5.2, or a provider's likeness of one */
	GRANT_GARBAGE, /* neither: a proxy's page, half a body, a token type we cannot use */
};

#define GRANT_SCOPE 1024
struct grant_answer {
	enum grant_kind kind;
	/* GRANT_TOKENS */
	struct secret access, refresh, id_token; /* empty: not given */
	int64_t expires_in_s;                    /* 0: not said */
	int64_t refresh_expires_in_s;            /* of the refresh token; 0: not said */
	bool scope_said;                         /* absent: what was asked for (section 5.1) */
	char scope[GRANT_SCOPE];
	/* GRANT_ERROR; printable */
	char error[64];
	char suberror[64];     /* Google's error_subtype, Microsoft's suberror */
	char description[160]; /* without lines, no secrets: the provider's words about its error */
	int aadsts;            /* Microsoft's number, 0: none */
};

/* Never fails: what cannot be understood is GRANT_GARBAGE.  Clear with grant_answer_clear. */
void grant_read(long status, struct text body, struct grant_answer *ret);
void grant_answer_clear(struct grant_answer *a); /* safe on zeros */
/* Blank what was `sent` in the provider's words, as it is and form-encoded: some repeat what they
 * refuse, and the words go into logs and to people. */
void grant_blank(struct grant_answer *a, const struct secret *sent);

/* Is the required scope among those granted?  Yes when none is required or nothing was said. */
bool grant_has_scope(const struct oauth_provider *p, const struct grant_answer *a);

/* Whose account a token belongs to. */
struct grant_identity {
	char address[LIMIT_OAUTH_ADDRESS]; /* lower case; "": not said, or not verified by the
					      provider */
	char subject[256];                 /* `sub`, printable */
};
/*
 * From an id_token that came from the token endpoint over TLS: its signature
 * need not be checked (section 3.1.3.7, 6), issuer, audience and expiry are.
 * -EBADMSG: not an id_token; -EACCES: of another issuer or client; -ETIME: expired.
 */
int grant_identity_of_id_token(const struct oauth_provider *p, const struct secret *id_token,
			       int64_t now_s, struct grant_identity *ret);
/* From the userinfo endpoint's body.  -EBADMSG. */
int grant_identity_of_userinfo(struct text body, struct grant_identity *ret);

#endif
