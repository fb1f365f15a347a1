#ifndef OAUTH_CONNECT_H
#define OAUTH_CONNECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

/*
 * The browser's half of a connection: what we send a person's browser to the
 * provider with, and what we make of what it brings back.  Pure.
 *
 *   browser --> authorize_url?state&code_challenge --> provider --> redirect_uri?code&state&iss
 *
 * RFC 6749 section 4.1 (authorization code), RFC 7636 (PKCE, S256 only),
 * RFC 9207 (issuer in the answer), RFC 9700 section 2 (current practice).
 */

/* One provider, as configured.  Texts are borrowed; an empty or NULL one is not configured. */
struct oauth_provider {
	const char *name; /* "google", as in `provider.<name>.` */
	const char *auth; /* "oauth" or "password" */
	const char *authorize_url, *token_url, *userinfo_url, *revoke_url;
	const char *issuer; /* may hold "{tenantid}", as Microsoft's discovery document does */
	const char *client_id;
	const char *scopes;                   /* asked for, space separated */
	const char *required_scope;           /* without it mail cannot be read */
	const char *authorize_params;         /* "access_type=offline&prompt=consent" */
	const char *device_authorization_url; /* RFC 8628 */
	const char *refresh_redirect_uri;     /* a refresh has to name it; NULL: it does not */
	const char *imap_host;
	const char *imap_security; /* "tls" or "starttls" */
	uint16_t imap_port;
	bool testing;                  /* our client is not published there: consents end soon */
	int64_t client_secret_ends_at; /* unix s; 0: not said */
};

/* What one start of a connection is made of; text with a NUL.  `state` and `verifier` are secrets.
 */
#define CONNECT_SEED  32 /* random bytes behind each of them */
#define CONNECT_VALUE 44 /* base64url of 32 bytes */
struct connect_start {
	char state[CONNECT_VALUE];
	char verifier[CONNECT_VALUE];
	char challenge[CONNECT_VALUE]; /* base64url(SHA-256(verifier)) */
};
void connect_begin(const uint8_t state_seed[CONNECT_SEED],
		   const uint8_t verifier_seed[CONNECT_SEED], struct connect_start *ret);

/* Append "<public_url>/oauth/callback".  -EINVAL: public_url is not http(s), or plain http off
 * loopback. */
int connect_redirect_uri(const char *public_url, struct buf *ret);

/*
 * Append the address to which the browser is sent.  `login_hint`: the expected
 * mail address, NULL for none.  -EINVAL: the provider has no usable
 * authorize_url or client_id; -ENOBUFS.
 */
int connect_authorize_url(const struct oauth_provider *p, const struct connect_start *s,
			  const char *redirect_uri, const char *login_hint, struct buf *ret);

/*
 * May the browser be sent to `url` at the end?  NULL: yes.  Else why not, in
 * words.  Only absolute https addresses (http on loopback only), without user
 * information, fragment, backslash or control byte, are accepted, and only as
 * given by the holder of an API key: a browser never names one.
 */
const char *connect_return_refused(const char *url);
/* Append `url` with state=connected|failed, the link's id and the problem (NULL: none) as query
 * parameters. */
int connect_return_url(const char *url, const char *link_id, const char *problem, struct buf *ret);

/* What can go wrong with a connection, in the order in which it can; in words: services/words. */
enum connect_problem {
	CONNECT_OK,
	CONNECT_PROVIDER_UNKNOWN, /* no such provider is configured (any more) */
	CONNECT_STATE_UNKNOWN,    /* the callback's state belongs to no started link, or was used */
	CONNECT_OTHER_BROWSER,    /* the link was started in another browser */
	CONNECT_LINK_EXPIRED,
	CONNECT_ISSUER_MISMATCH, /* RFC 9207: another server answered */
	CONNECT_CONSENT_DECLINED,
	CONNECT_ADMIN_CONSENT, /* an administrator of the mailbox has to agree */
	CONNECT_PROVIDER_DOWN,
	CONNECT_OUR_CLIENT_REFUSED, /* our client id, secret or request: never the user's fault */
	CONNECT_CODE_REFUSED,       /* the authorization code was used, too old or not ours */
	CONNECT_ANSWER_UNUSABLE,    /* what the provider answered makes no sense */
	CONNECT_MISSING_SCOPE,      /* the person unticked what we need */
	CONNECT_NO_LASTING_ACCESS,  /* no refresh token came */
	CONNECT_ADDRESS_UNKNOWN,    /* nobody said which mailbox this is */
	CONNECT_WRONG_ACCOUNT,      /* consent was given for another mailbox */
	CONNECT_INTERNAL,
};
const char *
connect_problem_code(enum connect_problem p); /* "consent_declined"; stable; "" for CONNECT_OK */

/* The query parameters of the callback, decoded; NULL: not there. */
struct connect_callback {
	const char *code, *error, *error_description, *iss;
};
/*
 * CONNECT_OK: `code` is there and may be exchanged.  Else the problem, and in
 * `ret_detail` (>= 200 bytes, always set) what the provider said, printable.
 */
enum connect_problem connect_check_callback(const struct oauth_provider *p,
					    const struct connect_callback *c, char ret_detail[200]);

/* Is `iss` the provider's issuer?  "{tenantid}" in the configured one stands for `tenant` (NULL or
 * "": any single path segment). */
bool connect_issuer_is(const struct oauth_provider *p, struct text iss, struct text tenant);
/*
 * Of which of these `n` providers is `iss` the issuer?  For an answer to one whose own issuer
 * nobody configured: it is mixed up where it names another's.  NULL: of none.
 */
const struct oauth_provider *connect_issuer_of(const struct oauth_provider *providers, size_t n,
					       struct text iss);

#endif
