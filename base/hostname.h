#ifndef BASE_HOSTNAME_H
#define BASE_HOSTNAME_H

#include <stdbool.h>

#include "base/limits.h"
#include "base/text.h"

/*
 * Is what somebody wrote the name of a host at all?  Asked before it is looked
 * up, stored, or shown.  Whether it may be dialled is judged at its addresses
 * (base/netaddr).
 */

/*
 * A domain name as RFC 1035 section 2.3.1 and RFC 1123 section 2.1 have it: labels of
 * letters, digits and '-' up to 63 bytes, 253 in all, one dot at the end allowed; '_'
 * too, since it is in use.  The last label is no number: "127.1" and "0x7f000001" are
 * addresses in disguise to the system's resolver.
 */
bool hostname_is_name(struct text t);
/* Such a name, or an address: four decimal numbers, or IPv6 without brackets and zone. */
bool hostname_is_sane(struct text t);

/*
 * The name as the name system has it: lower case, labels of other letters than ASCII's as
 * "xn--..." (IDNA 2008 with the mapping of UTS 46, nontransitional).  A name of ASCII alone is
 * only folded, whatever stands in it; one that was mapped is a hostname_is_name().  -EINVAL: longer
 * than a name may be, no UTF-8, or letters that no name may hold, nor what they stand for; `ret`
 * is undefined then.
 */
int hostname_ascii(struct text t, char ret[LIMIT_CONN_HOST + 1]);

/* `host` is `domain`, or below it; whole labels, case folded, the root's dot ignored. */
bool hostname_is_within(struct text host, struct text domain);

#endif
