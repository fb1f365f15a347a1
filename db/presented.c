#include "db/presented.h"

#include <stdio.h>

void presented_set(struct pg_tx *tx, char keep[PRESENTED], const uint8_t digest[SIGN_SHA256])
{
	for (size_t i = 0; i < SIGN_SHA256; i++)
		(void)snprintf(keep + 2 * i, 3, "%02x", digest[i]);
	tx->presented = keep;
}
