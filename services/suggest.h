#ifndef SERVICES_SUGGEST_H
#define SERVICES_SUGGEST_H

#include <jansson.h>

#include "ingest/provider/discover.h"
#include "services/settings.h"

/*
 * What discovery found of an address, as the API and the command line tell it:
 *
 *   {"address","provider","title","imap":{"host","port","security"},
 *    "login_name" (null: it cannot be told),"connect_by":["oauth","password"],
 *    "how","sure","evidence"}
 *
 * `r` was found.  Never NULL.
 */
json_t *suggest_json(const struct settings *s, const char *address,
		     const struct discover_result *r);
/* "oauth", "password", "oauth, password", or "" where neither is open here; static. */
const char *suggest_ways(const struct settings *s, const struct provider_row *row);

#endif
