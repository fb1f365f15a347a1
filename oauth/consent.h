#ifndef OAUTH_CONSENT_H
#define OAUTH_CONSENT_H

#include <stdbool.h>

#include "base/io/http_client.h"
#include "oauth/connect.h"
#include "oauth/grant.h"

/*
 * What a token endpoint gave for somebody's consent, and what is wrong with it as far
 * as its answer tells.  Pure.
 */
struct consent {
	struct secret lasting, passing; /* refresh token and access token; owned */
	char scopes[GRANT_SCOPE];  /* granted; what was asked for where the answer says nothing */
	bool has_scope;            /* the one without which mail cannot be read */
	int who_is;                /* 0, or why the id_token counts for nothing: -errno */
	struct grant_identity who; /* "": nobody said yet */
	int64_t refresh_ends_in_s; /* 0: not said */
};
/* Into zeros. */
void consent_read(const struct oauth_provider *p, const struct grant_answer *a, int64_t now_s,
		  struct consent *ret);
/* CONNECT_OK, or what is wrong with it and in words (always set). */
enum connect_problem consent_problem(const struct consent *c, char ret_detail[320]);
void consent_clear(struct consent *c); /* safe on zeros */

/*
 * Fill in the question whose account it is (OpenID Connect Core section 5.3.1); `bearer` gets the
 * header, and is borrowed until it is over.  -ENOBUFS: the token does not fit a request.
 */
int consent_userinfo(const struct consent *c, const char *url, uint64_t timeout_ms,
		     struct secret *bearer, struct http_request *ret);

#endif
