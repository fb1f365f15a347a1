#ifndef OAUTH_PEER_JSON_H
#define OAUTH_PEER_JSON_H

#include <stdbool.h>

#include "base/json.h"

/*
 * What providers say in JSON, and what administrators bring from them.  base/json is
 * strict and names the field that is wrong; a provider is taken as it is: what is not
 * there, or is no string, is empty.
 */

/* NULL: it is no JSON.  `body` is bounded by who fetched it. */
json_t *peer_json_read(struct text body);
/* Borrowed from `o`, which may be anything, NULL too. */
struct text peer_json_text(const json_t *o, const char *name);
/* Visible ASCII, as an id, an address or a URL is; "" when it is not there.  false: it is not
 * such, or does not fit, and `dst` is as it was. */
bool peer_json_word(const json_t *o, const char *name, char *dst, size_t size);
/* The library's copy of a secret is ours to wipe, although it is lent to us as const. */
void peer_json_wipe(const json_t *o, const char *name);

#endif
