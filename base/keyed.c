#include "base/keyed.h"

#include "base/mem.h"

#define KEYED_ADDRESS                                                                              \
	512 /* longer ones are no addresses (RFC 5321 section 4.5.3.1: 320); what is over does not \
	       count */

static void digest_of(const struct secret *key, struct text space, struct text name,
		      uint8_t ret[KEYED_DIGEST])
{
	const struct text parts[] = { space, name };

	sign_hmac(key, parts, countof(parts), ret);
}

void keyed_workspace_key(const struct secret *master, struct text workspace_id,
			 struct secret *ret_key)
{
	sign_derive(master, TEXT("digest"), workspace_id, ret_key);
}

void keyed_id_digest(const struct secret *workspace_key, struct text normal_id,
		     uint8_t ret[KEYED_DIGEST])
{
	digest_of(workspace_key, TEXT("id:"), normal_id, ret);
}

void keyed_address_digest(const struct secret *workspace_key, struct text address,
			  uint8_t ret[KEYED_DIGEST])
{
	char low[KEYED_ADDRESS];
	size_t n = address.len < sizeof(low) ? address.len : sizeof(low);

	for (size_t i = 0; i < n; i++) {
		char c = address.at[i];

		low[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
	}
	digest_of(workspace_key, TEXT("address:"), (struct text){ low, n }, ret);
}

void keyed_name_digest(const struct secret *workspace_key, const char *space, struct text name,
		       uint8_t ret[KEYED_DIGEST])
{
	const struct text parts[] = { TEXT("name:"), text_of(space), TEXT(":"), name };

	sign_hmac(workspace_key, parts, countof(parts), ret);
}

void keyed_mail_digest(const struct secret *workspace_key, struct text identity,
		       uint8_t ret[KEYED_DIGEST])
{
	digest_of(workspace_key, TEXT("mail:"), identity, ret);
}
