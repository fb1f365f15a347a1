#include "ingest/provider/discover.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hostname.h"
#include "base/mailaddr.h"

static void end(struct discover *d, enum discover_end how, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void end(struct discover *d, enum discover_end how, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(d->result.evidence, sizeof(d->result.evidence), fmt, ap);
	va_end(ap);
	d->result.end = how;
	d->state = DISCOVER_DONE;
}

static const char *domain_of(const struct discover *d)
{
	return strchr(d->address, '@') + 1;
}

/* ---- the answer ---- */

/*
 * With the domain of the provider itself the local part is the name there; a domain that
 * the customer brought has other names than the provider.
 */
static void fill_login(struct discover *d)
{
	struct discover_result *r = &d->result;
	size_t local = strcspn(d->address, "@");

	if (r->row->login == PROVIDER_LOGIN_ADDRESS)
		(void)snprintf(r->login, sizeof(r->login), "%s", d->address);
	else if (r->how == DISCOVER_BY_TABLE)
		(void)snprintf(r->login, sizeof(r->login), "%.*s", (int)local, d->address);
	else
		r->login[0] = '\0';
}

static void use_row(struct discover *d, const struct provider_row *row, enum discover_how how)
{
	struct discover_result *r = &d->result;

	r->row = row;
	r->how = how;
	r->sure = how == DISCOVER_BY_TABLE ? DISCOVER_CERTAIN : DISCOVER_LIKELY;
	r->port = row->imap.port;
	r->security = row->imap.security;
	(void)snprintf(r->host, sizeof(r->host), "%s", row->imap.host);
	fill_login(d);
}

static void ask(struct discover *d, int state, const char *prefix, const char *of)
{
	d->state = state;
	(void)snprintf(d->name, sizeof(d->name), "%s%s", prefix, of);
}

/* ---- one answer after the other ---- */

static const struct dns_record *lowest(const struct dns_answer *a)
{
	const struct dns_record *r = NULL;

	for (size_t i = 0; i < a->n; i++)
		if (!r || a->records[i].priority < r->priority)
			r = &a->records[i];
	return r;
}

static void heard_mx(struct discover *d, const struct dns_answer *a)
{
	const struct dns_record *first = lowest(a);
	const struct provider_row *row = NULL;

	switch (a->state) {
	case DNS_FAILED:
		end(d, DISCOVER_UNKNOWN, "the MX record of %s was not to be had: %s", domain_of(d),
		    a->outcome.said);
		return;
	case DNS_NO_NAME: /* RFC 8020: then there is nothing below it either */
		end(d, DISCOVER_NO_DOMAIN, "the domain %s does not exist", domain_of(d));
		return;
	case DNS_FOUND:
	case DNS_NO_DATA:
		break;
	}
	/* The host of the lowest preference is where mail goes; the others are for its bad days. */
	if (first && first->host[0])
		row = provider_table_of_mx(d->table, text_of(first->host));
	if (row && *row->imap.host) {
		use_row(d, row, DISCOVER_BY_MX);
		end(d, DISCOVER_FOUND, "the MX record of %s names %s, of %s", domain_of(d),
		    first->host, row->title);
		return;
	}
	d->takes_no_mail = first && !first->host[0];
	ask(d, DISCOVER_IMAPS, "_imaps._tcp.", domain_of(d));
}

static void use_srv(struct discover *d, const struct dns_record *srv)
{
	struct discover_result *r = &d->result;
	const struct provider_row *row =
		provider_table_of_server(d->table, text_of(srv->host), srv->port);
	bool is_within = hostname_is_within(text_of(srv->host), text_of(domain_of(d)));

	r->row = row ? row : provider_table_find(d->table, TEXT("generic"));
	r->how = DISCOVER_BY_SRV;
	r->sure = row || is_within ? DISCOVER_LIKELY : DISCOVER_CONFIRM;
	r->security = d->state == DISCOVER_IMAPS ? PROVIDER_TLS : PROVIDER_STARTTLS;
	r->port = srv->port;
	(void)snprintf(r->host, sizeof(r->host), "%s", srv->host);
	fill_login(d);
	(void)snprintf(r->evidence, sizeof(r->evidence), "the SRV record %s names %s:%u%s", d->name,
		       srv->host, srv->port,
		       r->sure == DISCOVER_CONFIRM ? ", which is outside that domain" : "");
	ask(d, DISCOVER_ADDRESSES, "", srv->host);
}

static void end_without(struct discover *d)
{
	const char *domain = domain_of(d);

	if (d->was_declined)
		end(d, DISCOVER_NOT_OFFERED, "the SRV records of %s say that it has no IMAP",
		    domain);
	else if (d->takes_no_mail)
		end(d, DISCOVER_NO_MAIL, "the MX record of %s says that it takes no mail", domain);
	else
		end(d, DISCOVER_NOTHING,
		    "%s publishes no SRV record of IMAP, and its MX record names no provider that "
		    "is known here",
		    domain);
}

static void heard_srv(struct discover *d, const struct dns_answer *a)
{
	const struct dns_record *srv = dns_answer_pick(a, d->draw);

	if (a->state == DNS_FAILED) {
		end(d, DISCOVER_UNKNOWN, "the SRV record %s was not to be had: %s", d->name,
		    a->outcome.said);
		return;
	}
	if (srv && srv->host[0] && srv->port) {
		use_srv(d, srv);
		return;
	}
	d->was_declined = d->was_declined || (srv && !srv->host[0]);
	if (d->state == DISCOVER_IMAPS)
		ask(d, DISCOVER_IMAP, "_imap._tcp.", domain_of(d));
	else
		end_without(d);
}

static void heard_addresses(struct discover *d, const struct dns_answer *a)
{
	const char *why = NULL;

	switch (a->state) {
	case DNS_FAILED:
		end(d, DISCOVER_UNKNOWN, "the addresses of %s were not to be had: %s", d->name,
		    a->outcome.said);
		return;
	case DNS_NO_NAME:
	case DNS_NO_DATA:
		end(d, DISCOVER_NO_HOST, "the host %s has no address", d->name);
		return;
	case DNS_FOUND:
		break;
	}
	for (size_t i = 0; i < a->n; i++) {
		why = netaddr_refused(d->policy, (const struct sockaddr *)&a->records[i].address);
		if (!why) { /* the evidence so far stands */
			d->result.end = DISCOVER_FOUND;
			d->state = DISCOVER_DONE;
			return;
		}
	}
	/* Which address it is would tell a stranger how the network inside is made. */
	end(d, DISCOVER_REFUSED, "the host %s leads to no address that may be dialled", d->name);
}

void discover_heard(struct discover *d, const struct dns_answer *a)
{
	switch (d->state) {
	case DISCOVER_MX:
		heard_mx(d, a);
		break;
	case DISCOVER_IMAPS:
	case DISCOVER_IMAP:
		heard_srv(d, a);
		break;
	case DISCOVER_ADDRESSES:
		heard_addresses(d, a);
		break;
	case DISCOVER_DONE:
		break;
	}
}

bool discover_next(const struct discover *d, enum discover_kind *ret_kind, const char **ret_name)
{
	switch (d->state) {
	case DISCOVER_MX:
		*ret_kind = DISCOVER_ASK_MX;
		break;
	case DISCOVER_IMAPS:
	case DISCOVER_IMAP:
		*ret_kind = DISCOVER_ASK_SRV;
		break;
	case DISCOVER_ADDRESSES:
		*ret_kind = DISCOVER_ASK_ADDRESSES;
		break;
	case DISCOVER_DONE:
		return false;
	}
	*ret_name = d->name;
	return true;
}

/* ---- the beginning ---- */

int discover_address(struct discover *d, const struct provider_table *table,
		     const struct netaddr_policy *policy, struct text address, uint32_t draw)
{
	const struct provider_row *row;
	struct text local, domain;
	char folded[MAILADDR];

	if (memchr(address.at, '\0', address.len) || !text_cut(address, '@', &local, &domain) ||
	    mailaddr_fold(address, folded) < 0)
		return -EINVAL;
	(void)text_cut(text_of(folded), '@', &local, &domain);
	if (!hostname_is_name(domain))
		return -EINVAL;
	*d = (struct discover){ .table = table, .policy = policy, .draw = draw };
	(void)snprintf(d->address, sizeof(d->address), "%s", folded);
	row = provider_table_of_domain(table, domain);
	if (row && *row->imap.host) {
		use_row(d, row, DISCOVER_BY_TABLE);
		end(d, DISCOVER_FOUND, "%s is a domain of %s", domain_of(d), row->title);
	} else {
		ask(d, DISCOVER_MX, "", domain_of(d));
	}
	return 0;
}

/* An address written as a host needs no question. */
static bool heard_literal(struct discover *d)
{
	struct dns_record r = { 0 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	const struct dns_answer a = { .state = DNS_FOUND, .records = &r, .n = 1 };

	if (inet_pton(AF_INET, d->name, &v4.sin_addr) == 1)
		memcpy(&r.address, &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, d->name, &v6.sin6_addr) == 1)
		memcpy(&r.address, &v6, sizeof(v6));
	else
		return false;
	heard_addresses(d, &a);
	return true;
}

int discover_host(struct discover *d, const struct netaddr_policy *policy, struct text host)
{
	char name[LIMIT_CONN_HOST + 1];

	if (hostname_ascii(host, name) < 0 || !hostname_is_sane(text_of(name)))
		return -EINVAL;
	*d = (struct discover){ .policy = policy };
	d->state = DISCOVER_ADDRESSES;
	(void)snprintf(d->name, sizeof(d->name), "%s", name);
	(void)heard_literal(d);
	return 0;
}

/* ---- words ---- */

const char *discover_end_name(enum discover_end e)
{
	static const char *const names[] = {
#define DISCOVER_END(name, code) [DISCOVER_##name] = (code),
		DISCOVER_ENDS(DISCOVER_END)
#undef DISCOVER_END
	};

	return names[e];
}

const char *discover_how_name(enum discover_how h)
{
	static const char *const names[] = { "table", "mx", "srv" };

	return names[h];
}

const char *discover_sure_name(enum discover_sure s)
{
	static const char *const names[] = { "certain", "likely", "confirm" };

	return names[s];
}

const char *discover_remedy(enum discover_end e)
{
	switch (e) {
	case DISCOVER_FOUND:
		return "";
	case DISCOVER_NO_DOMAIN:
	case DISCOVER_NO_MAIL:
		return "check the address for a slip of the pen";
	case DISCOVER_NOTHING:
	case DISCOVER_NOT_OFFERED:
		return "ask the mailbox's administrator for its IMAP server and give imap.host, or "
		       "name the provider";
	case DISCOVER_NO_HOST:
		return "check the name of the IMAP server, or tell the domain's administrator";
	case DISCOVER_REFUSED:
		return "give a server that the internet reaches, or permit its network with "
		       "net.allow";
	case DISCOVER_UNKNOWN:
		return "try again; if it stays, give imap.host, or set net.name_servers to ones "
		       "that answer";
	}
	return "";
}
