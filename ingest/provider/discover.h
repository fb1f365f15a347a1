#ifndef INGEST_PROVIDER_DISCOVER_H
#define INGEST_PROVIDER_DISCOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/dns_answer.h"
#include "base/netaddr.h"
#include "ingest/provider/provider_table.h"

/*
 * Where is the inbox of an address?  Pure: questions to the name system go out,
 * answers come in, and nothing is guessed.
 *
 *   domain in the table -> found, certain
 *   MX host in the table -> found, likely
 *   SRV _imaps._tcp, else _imap._tcp (RFC 6186; implicit TLS first, RFC 8314
 *     section 5.1) -> its host's addresses may be dialled -> found: likely when the
 *     host lies within the domain or is a provider's own, else a person has to
 *     confirm it (RFC 6186 section 6)
 *
 * What somebody said by hand wins over all of this and is not asked for here;
 * discover_host() only judges whether such a host may be dialled.
 */
enum discover_how { DISCOVER_BY_TABLE, DISCOVER_BY_MX, DISCOVER_BY_SRV };
enum discover_sure { DISCOVER_CERTAIN, DISCOVER_LIKELY, DISCOVER_CONFIRM };

/* How it ended. */
#define DISCOVER_ENDS(X)                                                                           \
	X(FOUND, "found")                                                                          \
	X(NO_DOMAIN, "no_such_domain")  /* nothing of that name exists */                          \
	X(NO_MAIL, "no_mail")           /* the domain says that it takes no mail (RFC 7505) */     \
	X(NOTHING, "nothing_published") /* neither a known MX nor SRV records */                   \
	X(NOT_OFFERED, "not_offered")   /* the domain says that it has no IMAP (RFC 6186) */       \
	X(NO_HOST, "no_such_host")      /* the host has no address */                              \
	X(REFUSED, "host_refused")      /* none of its addresses may be dialled */                 \
	X(UNKNOWN, "lookup_failed")     /* the name servers did not say: try again */

enum discover_end {
#define DISCOVER_END(name, code) DISCOVER_##name,
	DISCOVER_ENDS(DISCOVER_END)
#undef DISCOVER_END
};

#define DISCOVER_EVIDENCE 640 /* a domain, a host and words */

struct discover_result {
	enum discover_end end;
	/* What was seen, in words: "the MX record of acme.test names aspmx.l.google.com". */
	char evidence[DISCOVER_EVIDENCE];
	/* Of a found one: */
	enum discover_how how;
	enum discover_sure sure;
	const struct provider_row *row; /* "generic" for a host that no row describes */
	char host[LIMIT_CONN_HOST + 1];
	uint16_t port;
	enum provider_security security;
	/* The user name to log in with; "": it cannot be told from the address. */
	char login[LIMIT_MIME_ADDRESS + 1];
};

enum discover_kind { DISCOVER_ASK_MX, DISCOVER_ASK_SRV, DISCOVER_ASK_ADDRESSES };

struct discover {
	enum {
		DISCOVER_MX,        /* who takes mail for the domain */
		DISCOVER_IMAPS,     /* SRV, implicit TLS */
		DISCOVER_IMAP,      /* SRV, STARTTLS */
		DISCOVER_ADDRESSES, /* of the host it would be */
		DISCOVER_DONE,
	} state;
	const struct provider_table *table;
	const struct netaddr_policy *policy;
	uint32_t draw;                        /* RFC 2782: among equal SRV records chance decides */
	bool was_declined;                    /* an SRV record said "." */
	bool takes_no_mail;                   /* the MX record said "." */
	char address[LIMIT_MIME_ADDRESS + 1]; /* in the spelling of base/mailaddr */
	char name[LIMIT_CONN_HOST + 16];      /* of the question */
	struct discover_result result;
};

/*
 * `address` is "name@domain"; the tables are borrowed.  -EINVAL: it is no address whose
 * domain could be asked for.  It may be done at once.
 */
int discover_address(struct discover *d, const struct provider_table *table,
		     const struct netaddr_policy *policy, struct text address, uint32_t draw);
/* May this host, given by hand, be dialled?  Ends as FOUND, NO_HOST, REFUSED or UNKNOWN.  -EINVAL:
 * it is the name of no host. */
int discover_host(struct discover *d, const struct netaddr_policy *policy, struct text host);

/* The question to ask now; false: it is done, see `result`.  The name is good until
 * discover_heard(). */
bool discover_next(const struct discover *d, enum discover_kind *ret_kind, const char **ret_name);
void discover_heard(struct discover *d, const struct dns_answer *a);

const char *discover_end_name(enum discover_end e);   /* "no_such_domain"; stable */
const char *discover_how_name(enum discover_how h);   /* "table", "mx", "srv" */
const char *discover_sure_name(enum discover_sure s); /* "certain", "likely", "confirm" */
const char *discover_remedy(enum discover_end e);     /* what to do about it, a sentence */

#endif
