#ifndef SERVICES_DISPATCH_LANES_H
#define SERVICES_DISPATCH_LANES_H

#include "base/buf.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/secret.h"
#include "db/delivery.h"
#include "services/dispatch/lane.h"

/*
 * The endpoints that a dispatcher has to do with at the moment, and how it shares its places among
 * them.  Those that turn their places over quickly need few; those that are down, slow or unknown
 * have no more than half of all, together, so that they cannot take the others' places by sitting
 * on them; and nobody has more than a quarter of what is free.
 */
#define LANES_ROOMS   (1024 * 1024) /* bytes of a list of rooms: 10,000 lanes */
#define LANES_HEADERS 8             /* of the endpoint's own */
#define LANES_IDLE_MS 60000         /* an idle one is forgotten then */

/* An endpoint as a take brought it.  Its secrets are open while a post names it, and no longer. */
struct lanes_entry {
	struct lane lane;
	char workspace[RAND_UUID], endpoint[RAND_UUID];
	char *url;
	const char *broken;               /* why nothing can be sent to it, static; NULL: it can */
	struct secret secret, secret_old; /* the old one may be empty */
	char *headers[LANES_HEADERS];     /* "Name: value" */
	struct secret client;             /* PEM of certificate and key, may be empty */
	uint64_t timeout_ms;              /* 0: the dispatcher's own */
	int batch;
	uint64_t used_ms;
	int posts; /* that name it, until their receipts are kept */
	/* While a batch of receipts is made up: what they say of it. */
	bool is_told, has_ok;
	const char *failed_with; /* static */
};

struct lanes {
	struct map by_endpoint;
	int places; /* deliveries under way at the most */
};

void lanes_init(struct lanes *l, int places);
void lanes_clear(struct lanes *l);

struct lanes_entry *lanes_get(struct lanes *l, const char *endpoint); /* NULL: not known */
/* What a take says of an endpoint: known by now, and up to date but for its secrets. */
struct lanes_entry *lanes_put(struct lanes *l, const struct delivery_due *d);

/* Wipe its secrets; the next take brings them again. */
void lanes_forget(struct lanes_entry *e);

int lanes_free(const struct lanes *l); /* places that nobody has */
/*
 * The rooms as delivery_take_start() wants them, in `ret`, initialised here; forgets who is idle.
 * `*ret_first`: of those that are not named.
 */
void lanes_rooms(struct lanes *l, uint64_t now_ms, struct buf *ret, int *ret_first);

#endif
