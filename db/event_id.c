#include <assert.h>
#include <stdint.h>
#include <stdio.h>

#include "db/event_id.h"

#include "base/sign.h"

void event_id_of(const struct text *parts, size_t n, char dst[EVENT_ID])
{
	uint8_t digests[EVENT_ID_PARTS * SIGN_SHA256], id[SIGN_SHA256];

	assert(n >= 1 && n <= EVENT_ID_PARTS);
	for (size_t i = 0; i < n; i++)
		sign_sha256(parts[i].at, parts[i].len, digests + i * SIGN_SHA256);
	sign_sha256(digests, n * SIGN_SHA256, id);
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x80); /* RFC 9562 section 5.8: version 8 */
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
	(void)snprintf(dst, EVENT_ID,
		       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		       id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10],
		       id[11], id[12], id[13], id[14], id[15]);
}
