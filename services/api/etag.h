#ifndef SERVICES_API_ETAG_H
#define SERVICES_API_ETAG_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/text.h"

/*
 * Entity tags (RFC 9110 section 8.8.3) of things that are configured: who changes one says which
 * state of it he knows, and does not undo what another has done meanwhile.  Pure.
 */
#define ETAG_LIST 1024 /* bytes of what a header names; more of them are not looked at */

/*
 * The strong tags of If-Match, by spaces, without quotes; "" where none of them can match: weak
 * ones never do.  `*` gives false: whatever it is, as long as it is there.  So does NULL: no such
 * header.
 */
bool etag_wanted(const char *if_match, struct buf *ret);
/* If-None-Match names it, as a strong or a weak one. */
bool etag_is_known(const char *if_none_match, const char *shown);

#endif
