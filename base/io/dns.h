#ifndef BASE_IO_DNS_H
#define BASE_IO_DNS_H

#include <stdint.h>

#include "base/dns_answer.h"
#include "base/io/loop.h"

/*
 * Questions to the domain name system, on the loop: c-ares, which asks, repeats,
 * changes servers and follows a truncated answer over TCP.  Names are asked as
 * they are: no search domains, no aliases of the environment.
 *
 * Whether an address that was found may be dialled is the caller's question
 * (base/netaddr), and once more where it is dialled: the answer may have changed.
 */
struct dns;

struct dns_params {
	/* "192.0.2.1, [2001:db8::1]:5353", by commas; "" or NULL: the system's (resolv.conf). */
	const char *servers;
	uint64_t try_ms;    /* until a try is given up and the next server asked; 0: 2 s */
	uint64_t lookup_ms; /* until the whole lookup is; 0: LIMIT_DNS_MS */
};

/* -EINVAL: `servers` is no such list; -ENOMEM: no memory or descriptors. */
int dns_open(struct loop *l, const struct dns_params *p, struct dns **ret);
/* Callable anywhere, NULL too; no callback comes afterwards. */
void dns_drop(struct dns *d);

enum dns_kind {
	DNS_MX,
	DNS_SRV,
	DNS_ADDRESSES, /* A and AAAA, and what the hosts file says */
};

/* One lookup, embedded in its owner. */
struct dns_lookup;
/* `a` is good inside the call only. */
typedef void (*dns_cb)(struct dns_lookup *q, const struct dns_answer *a);

struct dns_lookup {
	dns_cb done;
	struct dns_flight *flight; /* dns' own; NULL: not under way */
};

/*
 * `name` is copied.  `done` is called once, later, from the loop.  -EINVAL: no name
 * that could be asked for; -EBUSY: LIMIT_DNS_LOOKUPS are under way.
 */
int dns_lookup_start(struct dns *d, struct dns_lookup *q, enum dns_kind kind, const char *name,
		     dns_cb done);
/* `done` is not called; nothing if it is not under way (a zeroed one is not). */
void dns_lookup_cancel(struct dns_lookup *q);

#endif
