#ifndef BASE_NETADDR_H
#define BASE_NETADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/text.h"

/*
 * Which addresses we may dial.  Webhook endpoints and IMAP hosts are named by
 * customers; the address is judged where it is really dialled, after DNS.
 *
 * Refused unless allowed: loopback, private (RFC 1918), link-local with the
 * metadata services, CGNAT (RFC 6598), ULA, multicast, reserved (RFC 6890);
 * IPv4 inside IPv6 (mapped, NAT64 64:ff9b::/96, 6to4) is judged as the IPv4.
 */
#define NETADDR_NETS 16

struct netaddr_net {
	unsigned char addr[16]; /* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;          /* 0..128 */
};

struct netaddr_policy {
	/* allowed although internal: the sandbox's loopback */
	struct netaddr_net allowed[NETADDR_NETS];
	size_t n_allowed;
};

/*
 * "127.0.0.0/8, ::1, 10.2.0.0/16", by commas or blanks; empty: nothing internal
 * is allowed.  -EINVAL: not a network (also one with bits set behind its
 * length); -ENOBUFS: more than NETADDR_NETS.  After an error `p` is unchanged.
 */
int netaddr_policy_parse(struct netaddr_policy *p, struct text list);
/* NULL: may be dialled.  Else why not, in words: "loopback", "private network", ...; static. */
const char *netaddr_refused(const struct netaddr_policy *p, const struct sockaddr *sa);

#endif
