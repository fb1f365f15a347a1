#ifndef BASE_WEBURL_H
#define BASE_WEBURL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/*
 * Where an http(s) address leads: the one place that tells its host from the rest.  Two readers
 * that split differently are how one checks a host and the other dials another.  Pure.
 *
 * RFC 3986 section 3.2, RFC 9110 section 4.2; narrower where those leave room for a second reading.
 */
struct weburl {
	bool is_plain;         /* http: whoever is on the way reads along */
	uint16_t port;         /* the scheme's own where none stands */
	struct text origin;    /* "https://host:port", as it stands there */
	struct text authority; /* "host:port", as it stands there */
	struct text host;      /* hostname_is_sane(); IPv6 without its brackets */
	struct text rest;      /* path, query and fragment; may be empty */
};
#define WEBURL_ORIGIN 272 /* bytes that hold any origin, with its NUL */

/*
 * The slices lie in `url`.  0, or why not: -EPROTONOSUPPORT: no absolute http or https address;
 * -EILSEQ: a byte that no address has (blank, control, backslash, other than ASCII); -EPERM: a
 * user's name before the host; -EDESTADDRREQ: no host that could be dialled, or no port.
 */
int weburl_split(struct text url, struct weburl *ret);

/* Scheme, host and port are the same (RFC 6454 section 5), however they are written. */
bool weburl_is_same_origin(const struct weburl *a, const struct weburl *b);

#endif
