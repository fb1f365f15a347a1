#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/netaddr.h"

static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff }; /* ::ffff:0:0/96 */

struct range {
	uint8_t addr[16];
	unsigned bits;
	const char *why;
};

#define V4(a, b, c, d)                                                                             \
	{                                                                                          \
		[10] = 0xff, [11] = 0xff, (a), (b), (c), (d)                                       \
	}

/*
 * RFC 6890 and the IANA registries of special-purpose addresses.  The first that fits
 * names the reason.
 */
static const struct range internal[] = {
	{ V4(0, 0, 0, 0), 96 + 8, "this network" },
	{ V4(10, 0, 0, 0), 96 + 8, "private network" },
	{ V4(100, 64, 0, 0), 96 + 10, "carrier-grade NAT" },
	{ V4(127, 0, 0, 0), 96 + 8, "loopback" },
	/* in no special range, but it answers virtual machines of one cloud with their secrets */
	{ V4(168, 63, 129, 16), 96 + 32, "metadata service" },
	{ V4(169, 254, 169, 254), 96 + 32, "metadata service" },
	{ V4(169, 254, 0, 0), 96 + 16, "link-local" },
	{ V4(172, 16, 0, 0), 96 + 12, "private network" },
	{ V4(192, 0, 0, 0), 96 + 24, "reserved" },
	{ V4(192, 0, 2, 0), 96 + 24, "documentation" },
	{ V4(192, 88, 99, 0), 96 + 24, "6to4 relay" },
	{ V4(192, 168, 0, 0), 96 + 16, "private network" },
	{ V4(198, 18, 0, 0), 96 + 15, "benchmarking" },
	{ V4(198, 51, 100, 0), 96 + 24, "documentation" },
	{ V4(203, 0, 113, 0), 96 + 24, "documentation" },
	{ V4(224, 0, 0, 0), 96 + 4, "multicast" },
	{ V4(255, 255, 255, 255), 96 + 32, "broadcast" },
	{ V4(240, 0, 0, 0), 96 + 4, "reserved" },
	{ { 0 }, 128, "unspecified" },
	{ { [15] = 1 }, 128, "loopback" },
	{ { 0xfd, 0, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54 }, 128, "metadata service" },
	{ { 0xfc }, 7, "unique local network" },
	{ { 0xfe, 0x80 }, 10, "link-local" },
	{ { 0xfe, 0xc0 }, 10, "site-local" },
	{ { 0xff }, 8, "multicast" },
	{ { 0x01 }, 64, "discard-only" },
	{ { 0x20, 0x01 }, 32, "Teredo" },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, "documentation" },
	{ { 0x20, 0x01 }, 23, "reserved" },
	{ { 0x3f, 0xff }, 20, "documentation" },
};

static bool is_in(const uint8_t addr[16], const uint8_t net[16], unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(addr, net, whole) == 0 &&
	       (!rest || ((addr[whole] ^ net[whole]) >> (8 - rest)) == 0);
}

/* The IPv4 address that an IPv6 one really leads to, in mapped form. */
static bool embedded(const uint8_t addr[16], uint8_t ret_v4[16])
{
	static const uint8_t nat64[16] = { 0x00, 0x64, 0xff, 0x9b }; /* RFC 6052 section 2.1 */
	static const uint8_t sixto4[16] = { 0x20, 0x02 };            /* RFC 3056 section 2 */
	unsigned at = is_in(addr, nat64, 96) ? 12 : is_in(addr, sixto4, 16) ? 2 : 0;

	if (!at)
		return false;
	memcpy(ret_v4, mapped, 12);
	memcpy(ret_v4 + 12, addr + at, 4);
	return true;
}

static bool is_allowed(const struct netaddr_policy *p, const uint8_t addr[16])
{
	for (size_t i = 0; i < p->n_allowed; i++)
		if (is_in(addr, p->allowed[i].addr, p->allowed[i].bits))
			return true;
	return false;
}

static const char *refused(const struct netaddr_policy *p, const uint8_t addr[16])
{
	/* RFC 4291 section 4: 2000::/3 is all that is given out */
	static const uint8_t global[16] = { 0x20 };
	uint8_t v4[16];

	if (is_allowed(p, addr))
		return NULL;
	if (embedded(addr, v4))
		return refused(p, v4);
	for (size_t i = 0; i < sizeof(internal) / sizeof(internal[0]); i++)
		if (is_in(addr, internal[i].addr, internal[i].bits))
			return internal[i].why;
	return is_in(addr, global, 3) || is_in(addr, mapped, 96) ? NULL : "reserved";
}

const char *netaddr_refused(const struct netaddr_policy *p, const struct sockaddr *sa)
{
	uint8_t addr[16];

	if (sa->sa_family == AF_INET) {
		struct sockaddr_in v4;

		memcpy(&v4, sa, sizeof(v4));
		memcpy(addr, mapped, 12);
		memcpy(addr + 12, &v4.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;

		memcpy(&v6, sa, sizeof(v6));
		memcpy(addr, &v6.sin6_addr, 16);
	} else {
		return "not an internet address";
	}
	return refused(p, addr);
}

static int net_of(struct text t, struct netaddr_net *ret_net)
{
	struct netaddr_net net = { .bits = 128 };
	struct text host, length;
	char name[INET6_ADDRSTRLEN];
	uint64_t bits = 128;
	bool has_length = text_cut(t, '/', &host, &length), is_v4;

	if (host.len >= sizeof(name))
		return -EINVAL;
	memcpy(name, host.at, host.len);
	name[host.len] = '\0';
	is_v4 = inet_pton(AF_INET, name, net.addr + 12) == 1;
	if (is_v4)
		memcpy(net.addr, mapped, 12);
	else if (inet_pton(AF_INET6, name, net.addr) != 1)
		return -EINVAL;
	if (has_length && text_u64(length, is_v4 ? 32 : 128, &bits) < 0)
		return -EINVAL;
	if (has_length)
		net.bits = (unsigned)bits + (is_v4 ? 96 : 0);
	/* A set bit behind the length is a slip: which of the two was meant? */
	for (unsigned i = net.bits; i < 128; i++)
		if (net.addr[i / 8] & (0x80U >> i % 8))
			return -EINVAL;
	*ret_net = net;
	return 0;
}

int netaddr_policy_parse(struct netaddr_policy *p, struct text list)
{
	static const char between[] = { ',', ' ', '\t', '\r', '\n' };
	struct netaddr_policy parsed = { 0 };
	size_t i = 0;

	while (i < list.len) {
		size_t from = i;
		struct text one;
		int r;

		while (i < list.len && !memchr(between, list.at[i], sizeof(between)))
			i++;
		one = text_sub(list, from, i - from);
		i++;
		if (!one.len)
			continue;
		if (parsed.n_allowed == NETADDR_NETS)
			return -ENOBUFS;
		r = net_of(one, &parsed.allowed[parsed.n_allowed]);
		if (r < 0)
			return r;
		parsed.n_allowed++;
	}
	*p = parsed;
	return 0;
}
