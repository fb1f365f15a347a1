#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hostname.h"
#include "base/mailaddr.h"
#include "base/mem.h"
#include "ingest/provider/discover.h"

/*
 * An address of anybody's and whatever the name system says to it, hosts in any
 * form included: c-ares reads the packets, this is what it hands on.
 *
 *   it ends after four answers, with evidence, and within its own table of ends
 *   what it finds can be dialled by name: a sane host, a port, a row
 *   nothing is found at a host none of whose addresses may be dialled
 *   it asks only for names that may be asked for, below the address's domain or of the host found
 *   an address has one spelling: folding what was folded changes nothing
 */
#define RECORDS 6

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

struct bytes {
	const uint8_t *at;
	size_t len;
};

static uint32_t take(struct bytes *b, size_t n)
{
	uint32_t v = 0;

	for (; n && b->len; n--, b->at++, b->len--)
		v = v << 8 | *b->at;
	return v;
}

/* Up to the next NUL. */
static struct text take_text(struct bytes *b)
{
	const uint8_t *end = b->len ? memchr(b->at, 0, b->len) : NULL;
	size_t n = end ? (size_t)(end - b->at) : b->len;
	struct text t = { (const char *)b->at, n };

	b->at += n + (end != NULL);
	b->len -= n + (end != NULL);
	return t;
}

static void an_address_has_one_spelling(struct text given)
{
	char once[MAILADDR], twice[MAILADDR];

	if (memchr(given.at ? given.at : "", '\0', given.len) || mailaddr_fold(given, once) < 0)
		return;
	must(strlen(once) < sizeof(once));
	must(mailaddr_fold(text_of(once), twice) == 0);
	must(strcmp(once, twice) == 0);
}

static bool read_record(struct bytes *b, struct dns_record *r, bool is_address)
{
	uint32_t how = take(b, 1);
	struct text host = take_text(b);

	*r = (struct dns_record){ .priority = (uint16_t)(how & 3),
				  .weight = (uint16_t)(how >> 2 & 3),
				  .port = how & 16 ? 993 : (uint16_t)take(b, 2) };
	/* what base/io/dns lets through: "." is the empty host, others are names */
	if (!is_address && host.len && !hostname_is_name(host))
		return false;
	if (!is_address) {
		memcpy(r->host, host.at ? host.at : "", host.len);
		return true;
	}
	memcpy(&r->address, host.at ? host.at : "",
	       host.len < sizeof(r->address) ? host.len : sizeof(r->address));
	((struct sockaddr *)&r->address)->sa_family = how & 32 ? AF_INET6 : AF_INET;
	return true;
}

static bool may_be_dialled(const struct netaddr_policy *policy, const struct dns_answer *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (!netaddr_refused(policy, (const struct sockaddr *)&a->records[i].address))
			return true;
	return false;
}

static void found(const struct discover *d)
{
	const struct discover_result *r = &d->result;

	must(hostname_is_sane(text_of(r->host)));
	must(r->port && r->row);
	must(r->how != DISCOVER_BY_TABLE || r->sure == DISCOVER_CERTAIN);
	must(r->how != DISCOVER_BY_SRV || r->sure != DISCOVER_CERTAIN);
}

static void answer(struct discover *d, enum discover_kind kind, struct bytes *b)
{
	struct dns_record records[RECORDS];
	uint32_t what = take(b, 1);
	struct dns_answer a = { .state = (enum dns_answer_state)(what & 3), .records = records };
	size_t n = a.state == DNS_FOUND ? (what >> 2) % (RECORDS + 1) : 0;

	for (size_t i = 0; i < n; i++)
		a.n += read_record(b, &records[a.n], kind == DISCOVER_ASK_ADDRESSES);
	if (a.state == DNS_FOUND && !a.n)
		a.state = DNS_NO_DATA;
	discover_heard(d, &a);
	if (kind == DISCOVER_ASK_ADDRESSES && d->result.end == DISCOVER_FOUND)
		must(may_be_dialled(d->policy, &a));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct netaddr_policy policy;
	struct bytes b = { p, n };
	uint32_t draw = take(&b, 2);
	struct text given = take_text(&b);
	struct discover d;
	enum discover_kind kind;
	const char *name;
	int asked = 0;

	an_address_has_one_spelling(given);
	if ((draw & 1 ? discover_host(&d, &policy, given)
		      : discover_address(&d, NULL, &policy, given, draw)) == 0) {
		while (discover_next(&d, &kind, &name)) {
			must(++asked <= 4 && strlen(name) < sizeof(d.name));
			must(hostname_is_name(text_of(name)) || strlen(name) > LIMIT_CONN_HOST);
			answer(&d, kind, &b);
		}
		must(d.result.end == DISCOVER_FOUND || d.result.evidence[0]);
		must(d.result.evidence[0] || draw & 1);
		must(*discover_end_name(d.result.end));
		if (d.result.end == DISCOVER_FOUND && !(draw & 1))
			found(&d);
	}
	return 0;
}
