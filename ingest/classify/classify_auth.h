#ifndef INGEST_CLASSIFY_CLASSIFY_AUTH_H
#define INGEST_CLASSIFY_CLASSIFY_AUTH_H

#include <stdbool.h>

#include "base/text.h"
#include "ingest/mime/mime_head.h"

/*
 * What the receiving provider found out about the sender (RFC 8601).
 *
 * Anybody can write an Authentication-Results field.  Only the topmost is looked
 * at, and only if the provider's own name stands in it: whatever came with the
 * mail stands below what the provider put on it.
 */
enum classify_auth_result { CLASSIFY_AUTH_NONE, CLASSIFY_AUTH_FAIL, CLASSIFY_AUTH_PASS };

struct classify_auth {
	enum classify_auth_result dkim, spf, dmarc; /* of several, the best */
};

/*
 * `authserv`: the provider's name for itself in this field (struct provider_row): a host,
 * ".example" for all below it, "" for a provider that names none; NULL: not known, nothing
 * is believed.
 */
void classify_auth_read(const struct mime_head *head, const char *authserv,
			struct classify_auth *ret);

/* Is it certain that the domain in From sent it?  DMARC says so (RFC 7489 section 3): a
 * signature alone may be anybody's. */
bool classify_auth_proves(const struct classify_auth *a);

/* "dkim=pass spf=fail dmarc=none" */
#define CLASSIFY_AUTH_TEXT 48
void classify_auth_text(const struct classify_auth *a, char ret[CLASSIFY_AUTH_TEXT]);

#endif
