#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/netaddr.h"

static const char *refused(const struct netaddr_policy *p, const char *addr)
{
	struct sockaddr_storage sa = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&sa;

	if (inet_pton(AF_INET, addr, &v4->sin_addr) == 1)
		sa.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, addr, &v6->sin6_addr) == 1)
		sa.ss_family = AF_INET6;
	else
		fail_msg("%s is no address", addr);
	return netaddr_refused(p, (const struct sockaddr *)&sa);
}

/* First and last of each range, and the neighbours outside. */
static const struct {
	const char *addr, *why; /* NULL: may be dialled */
} v4[] = {
	{ "0.0.0.0", "this network" },
	{ "0.255.255.255", "this network" },
	{ "1.0.0.0", NULL },
	{ "9.255.255.255", NULL },
	{ "10.0.0.0", "private network" },
	{ "10.255.255.255", "private network" },
	{ "11.0.0.0", NULL },
	{ "100.63.255.255", NULL },
	{ "100.64.0.0", "carrier-grade NAT" },
	{ "100.100.100.200", "carrier-grade NAT" },
	{ "100.127.255.255", "carrier-grade NAT" },
	{ "100.128.0.0", NULL },
	{ "126.255.255.255", NULL },
	{ "127.0.0.1", "loopback" },
	{ "127.255.255.255", "loopback" },
	{ "128.0.0.0", NULL },
	{ "168.63.129.16", "metadata service" },
	{ "168.63.129.17", NULL },
	{ "169.253.255.255", NULL },
	{ "169.254.0.0", "link-local" },
	{ "169.254.169.254", "metadata service" },
	{ "169.254.169.253", "link-local" },
	{ "169.254.255.255", "link-local" },
	{ "169.255.0.0", NULL },
	{ "172.15.255.255", NULL },
	{ "172.16.0.0", "private network" },
	{ "172.31.255.255", "private network" },
	{ "172.32.0.0", NULL },
	{ "191.255.255.255", NULL },
	{ "192.0.0.0", "reserved" },
	{ "192.0.0.255", "reserved" },
	{ "192.0.1.0", NULL },
	{ "192.0.2.1", "documentation" },
	{ "192.0.3.0", NULL },
	{ "192.88.98.255", NULL },
	{ "192.88.99.1", "6to4 relay" },
	{ "192.88.100.0", NULL },
	{ "192.167.255.255", NULL },
	{ "192.168.0.0", "private network" },
	{ "192.168.255.255", "private network" },
	{ "192.169.0.0", NULL },
	{ "198.17.255.255", NULL },
	{ "198.18.0.0", "benchmarking" },
	{ "198.19.255.255", "benchmarking" },
	{ "198.20.0.0", NULL },
	{ "198.51.100.7", "documentation" },
	{ "203.0.113.7", "documentation" },
	{ "203.0.114.0", NULL },
	{ "223.255.255.255", NULL },
	{ "224.0.0.0", "multicast" },
	{ "239.255.255.255", "multicast" },
	{ "240.0.0.0", "reserved" },
	{ "255.255.255.254", "reserved" },
	{ "255.255.255.255", "broadcast" },
	{ "8.8.8.8", NULL },
};

static const struct {
	const char *addr, *why;
} v6[] = {
	{ "::", "unspecified" },
	{ "::1", "loopback" },
	{ "::2", "reserved" },
	{ "::7f00:1", "reserved" },           /* IPv4-compatible, deprecated */
	{ "::ffff:0:127.0.0.1", "reserved" }, /* IPv4-translated */
	{ "64:ff9b:1::a00:1", "reserved" },   /* NAT64 of a local prefix, RFC 8215 */
	{ "100::1", "discard-only" },
	{ "1fff:ffff::1", "reserved" },
	{ "2000::1", NULL },
	{ "2001::1", "Teredo" },
	{ "2001:0:ffff::1", "Teredo" },
	{ "2001:2::1", "reserved" },
	{ "2001:10::1", "reserved" },
	{ "2001:1ff:ffff::1", "reserved" },
	{ "2001:200::1", NULL },
	{ "2001:db7:ffff::1", NULL },
	{ "2001:db8::1", "documentation" },
	{ "2001:db8:ffff::1", "documentation" },
	{ "2001:db9::1", NULL },
	{ "2001:4860:4860::8888", NULL },
	{ "2a00:1450:4001::1", NULL },
	{ "3fff::1", "documentation" },
	{ "3fff:fff::1", "documentation" },
	{ "3fff:1000::1", NULL },
	{ "4000::1", "reserved" },
	{ "5f00::1", "reserved" },
	{ "fbff::1", "reserved" },
	{ "fc00::1", "unique local network" },
	{ "fd00:ec2::254", "metadata service" },
	{ "fdff:ffff::1", "unique local network" },
	{ "fe00::1", "reserved" },
	{ "fe80::1", "link-local" },
	{ "febf:ffff::1", "link-local" },
	{ "fec0::1", "site-local" },
	{ "feff::1", "site-local" },
	{ "ff02::1", "multicast" },
	{ "ffff::1", "multicast" },
};

static void expect(const char *addr, const char *got, const char *want)
{
	if ((got && want) ? strcmp(got, want) != 0 : got != want)
		fail_msg("%s: %s, not %s", addr, got ? got : "allowed", want ? want : "allowed");
}

static void every_class_is_known(void **state)
{
	const struct netaddr_policy p = { 0 };

	(void)state;
	for (size_t i = 0; i < countof(v4); i++)
		expect(v4[i].addr, refused(&p, v4[i].addr), v4[i].why);
	for (size_t i = 0; i < countof(v6); i++)
		expect(v6[i].addr, refused(&p, v6[i].addr), v6[i].why);
}

/* Each IPv4 row again, inside the three IPv6 shapes that lead to it. */
static void ipv4_inside_ipv6_is_judged_as_ipv4(void **state)
{
	const struct netaddr_policy p = { 0 };

	(void)state;
	for (size_t i = 0; i < countof(v4); i++) {
		unsigned char b[4];
		char s[64];

		assert_int_equal(inet_pton(AF_INET, v4[i].addr, b), 1);
		(void)snprintf(s, sizeof(s), "::ffff:%s", v4[i].addr);
		expect(s, refused(&p, s), v4[i].why);
		(void)snprintf(s, sizeof(s), "64:ff9b::%s", v4[i].addr);
		expect(s, refused(&p, s), v4[i].why);
		(void)snprintf(s, sizeof(s), "2002:%02x%02x:%02x%02x::1", b[0], b[1], b[2], b[3]);
		expect(s, refused(&p, s), v4[i].why);
	}
}

static void what_is_allowed_may_be_dialled(void **state)
{
	struct netaddr_policy p = { 0 };

	(void)state;
	assert_int_equal(netaddr_policy_parse(&p, TEXT("127.0.0.0/8, ::1,10.2.0.0/16 fd12::/16")),
			 0);
	assert_int_equal(p.n_allowed, 4);
	expect("127.0.0.1", refused(&p, "127.0.0.1"), NULL);
	expect("127.9.9.9", refused(&p, "127.9.9.9"), NULL);
	expect("mapped", refused(&p, "::ffff:127.0.0.1"), NULL);
	expect("::1", refused(&p, "::1"), NULL);
	expect("::", refused(&p, "::"), "unspecified");
	expect("10.2.255.255", refused(&p, "10.2.255.255"), NULL);
	expect("10.3.0.0", refused(&p, "10.3.0.0"), "private network");
	expect("10.1.255.255", refused(&p, "10.1.255.255"), "private network");
	expect("fd12::1", refused(&p, "fd12::1"), NULL);
	expect("fd13::1", refused(&p, "fd13::1"), "unique local network");
	expect("192.168.0.1", refused(&p, "192.168.0.1"), "private network");
	expect("1.1.1.1", refused(&p, "1.1.1.1"), NULL);
}

static void prefixes_end_inside_a_byte(void **state)
{
	struct netaddr_policy p = { 0 };

	(void)state;
	assert_int_equal(netaddr_policy_parse(&p, TEXT("192.168.16.0/20 10.0.0.7/32 fc80::/9")), 0);
	expect("in", refused(&p, "192.168.31.255"), NULL);
	expect("after", refused(&p, "192.168.32.0"), "private network");
	expect("before", refused(&p, "192.168.15.255"), "private network");
	expect("one", refused(&p, "10.0.0.7"), NULL);
	expect("next to it", refused(&p, "10.0.0.6"), "private network");
	expect("in", refused(&p, "fcff::1"), NULL);
	expect("before", refused(&p, "fc7f::1"), "unique local network");
	assert_int_equal(netaddr_policy_parse(&p, TEXT("0.0.0.0/0")), 0);
	expect("all of IPv4", refused(&p, "169.254.169.254"), NULL);
	expect("but not IPv6", refused(&p, "::1"), "loopback");
	assert_int_equal(netaddr_policy_parse(&p, TEXT("::/0")), 0);
	expect("all", refused(&p, "fe80::1"), NULL);
	expect("all", refused(&p, "10.0.0.1"), NULL);
	assert_int_equal(netaddr_policy_parse(&p, TEXT(" , ")), 0);
	assert_int_equal(p.n_allowed, 0);
}

static void what_is_no_network_is_refused(void **state)
{
	static const struct {
		const char *list;
		int r;
	} rows[] = {
		{ "127.0.0.0/33", -EINVAL },
		{ "127.0.0.0/", -EINVAL },
		{ "127.0.0.0/-8", -EINVAL },
		{ "127.0.0.0/8/8", -EINVAL },
		{ "127.0.0.0/ 8", -EINVAL },
		{ "127.0.0.1/8", -EINVAL },
		{ "127.0.0.1/31", -EINVAL },
		{ "::1/127", -EINVAL },
		{ "::1/129", -EINVAL },
		{ "127.0.0", -EINVAL },
		{ "127.1", -EINVAL },
		{ "localhost", -EINVAL },
		{ "[::1]", -EINVAL },
		{ "fe80::1%eth0", -EINVAL },
		{ "/8", -EINVAL },
		{ "10.0.0.0/8; 127.0.0.1", -EINVAL },
		{ "10.0.0.0/8,127.0.0.256", -EINVAL },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  -EINVAL },
		{ "1.1.1.1 2 3", -EINVAL },
		{ "::1 ::2 ::3 ::4 ::5 ::6 ::7 ::8 ::9 ::a ::b ::c ::d ::e ::f ::10 ::11",
		  -ENOBUFS },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct netaddr_policy p = { .n_allowed = 5 };
		int r = netaddr_policy_parse(&p, text_of(rows[i].list));

		if (r != rows[i].r || p.n_allowed != 5)
			fail_msg("\"%s\": %d", rows[i].list, r);
	}
}

static void other_families_are_no_addresses(void **state)
{
	const struct netaddr_policy p = { 0 };
	const struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "/tmp/x" };

	(void)state;
	assert_string_equal(netaddr_refused(&p, (const struct sockaddr *)&sun),
			    "not an internet address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_class_is_known),
		cmocka_unit_test(ipv4_inside_ipv6_is_judged_as_ipv4),
		cmocka_unit_test(what_is_allowed_may_be_dialled),
		cmocka_unit_test(prefixes_end_inside_a_byte),
		cmocka_unit_test(what_is_no_network_is_refused),
		cmocka_unit_test(other_families_are_no_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
