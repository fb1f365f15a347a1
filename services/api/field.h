#ifndef SERVICES_API_FIELD_H
#define SERVICES_API_FIELD_H

#include <stdbool.h>

#include "base/mailaddr.h"
#include "base/text.h"

/* What several resources check of what they are given.  Pure. */

#define FIELD_ADDRESS MAILADDR

/* "name@domain" in the spelling of base/mailaddr, without anything that could break a header or a
 * log line; false: it is none. */
bool field_address(struct text given, char ret[FIELD_ADDRESS]);
bool field_uuid(const char *s);
/*
 * May events be posted to this URL?  NULL: yes; else why not, in words that follow the field's
 * name.  Only what can be said of the text alone: which address a host has is judged when it is
 * dialled.
 */
const char *field_url_refused(struct text url, bool allow_http);

#endif
