#ifndef INGEST_DISCOVERY_H
#define INGEST_DISCOVERY_H

#include "base/io/dns.h"
#include "ingest/provider/discover.h"

/*
 * Drives one discover over the name system: asks what it wants to know, tells it
 * the answers, and its owner the result.  Embedded in the owner.
 */
struct discovery;
typedef void (*discovery_cb)(struct discovery *d, const struct discover_result *r);

struct discovery {
	struct discover engine; /* discover_address() or discover_host() first */
	struct dns *dns;
	struct dns_lookup lookup;
	discovery_cb done;
};

/*
 * The engine stands at its beginning.  `done` is called once, later; when the engine is
 * done already it is not called, and 1 is returned: see `engine.result`.  -EBUSY: too many
 * lookups are under way.
 */
int discovery_start(struct discovery *d, struct dns *dns, discovery_cb done);
/* `done` is not called; nothing if it is not under way (a zeroed one is not). */
void discovery_cancel(struct discovery *d);

#endif
