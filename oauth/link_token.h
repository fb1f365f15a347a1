#ifndef OAUTH_LINK_TOKEN_H
#define OAUTH_LINK_TOKEN_H

#include <stdint.h>

#include "base/sign.h"

/* What stands in a connect URL: 32 random bytes as base64url.  Only its SHA-256 is stored. */
#define LINK_TOKEN 44

void link_token_make(char ret[LINK_TOKEN]);
void link_token_digest(const char *token, uint8_t ret[SIGN_SHA256]);

#endif
