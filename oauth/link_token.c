#include <stdio.h>
#include <string.h>

#include "oauth/link_token.h"

#include "base/rand.h"

void link_token_make(char ret[LINK_TOKEN])
{
	uint8_t raw[32];
	struct buf b;

	rand_bytes(raw, sizeof(raw));
	buf_init(&b, LINK_TOKEN - 1);
	text_add_base64url(&b, raw, sizeof(raw));
	(void)snprintf(ret, LINK_TOKEN, "%s", (const char *)b.data);
	secret_wipe(raw, sizeof(raw));
	secret_wipe(b.data, b.len);
	buf_clear(&b);
}

void link_token_digest(const char *token, uint8_t ret[SIGN_SHA256])
{
	sign_sha256(token, strlen(token), ret);
}
