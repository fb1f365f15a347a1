#ifndef OAUTH_RECONNECT_H
#define OAUTH_RECONNECT_H

#include <jansson.h>

#include "db/connect_link.h"

/*
 * What an event says that asks a user for consent: why, and a link that leads
 * to it.  The link is one-time, ends after a week, belongs to the workspace and
 * accepts the inbox's own account only; so it is no secret to who may read the
 * workspace's events.
 */
struct reconnect {
	struct connect_link_again link;
	json_t *data; /* {inbox_id, address, reason, connect_hint, connect_url} */
};

/* `public_url` NULL or "": no link, connect_url is null. */
void reconnect_init(struct reconnect *r, const char *public_url, const char *inbox,
		    const char *address, const char *provider, const char *reason);
void reconnect_clear(struct reconnect *r);
char *reconnect_data(const struct reconnect *r); /* the JSON; free() it */

#endif
