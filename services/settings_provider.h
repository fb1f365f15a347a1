#ifndef SERVICES_SETTINGS_PROVIDER_H
#define SERVICES_SETTINGS_PROVIDER_H

#include "services/settings.h"

/*
 * What the configuration says of providers, over what the table knows of them:
 * `s->providers` is made here, once, and every role reads it.
 *
 * A provider is connected by OAuth where we are its client, else by password
 * where it takes one; `provider.<name>.auth` decides otherwise.
 */

/* -EINVAL, and `why` names the setting, what is wrong and what would be right. */
int settings_provider_read(struct settings *s, char why[512]);
/* Lists that the rows borrow. */
void settings_provider_clear(struct settings *s);
/* "oauth" or "password"; NULL: we are no client of it, and it takes no passwords. */
const char *settings_provider_auth(const struct settings *s, size_t i);
/* Can its inboxes be connected by OAuth here: are we a client of it? */
bool settings_provider_has_client(const struct settings *s, const char *name);

/* "2027-03-31" as unix s of its beginning in UTC; "": 0; -EINVAL: no day. */
int64_t settings_provider_day(const char *day);

/* How often inboxes prove and how old a proof may be belong together: 0, or -EINVAL and `why`. */
int settings_provider_rhythm(const struct settings *s, char why[512]);

#endif
