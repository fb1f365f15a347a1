#ifndef TESTS_OAUTH_RSAKEY_H
#define TESTS_OAUTH_RSAKEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* A fresh RSA key, and what only its other half can tell. */
struct rsakey {
	char pem[4096];
	void *key; /* EVP_PKEY */
};

/* type: "RSA" or "EC"; bits of an RSA key. */
void rsakey_make(struct rsakey *k, const char *type, int bits);
void rsakey_drop(struct rsakey *k);
/* The key file of a service account whose token endpoint is `token_uri`; good until the next call.
 */
const char *rsakey_account(const struct rsakey *k, const char *token_uri);
/* Is header.claims.signature signed by it with RS256?  `ret_claims`: the claims' JSON. */
int rsakey_signed(const struct rsakey *k, struct text jwt, char *ret_claims, size_t size);

#endif
