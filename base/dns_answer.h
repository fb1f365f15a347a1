#ifndef BASE_DNS_ANSWER_H
#define BASE_DNS_ANSWER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/outcome.h"

/*
 * What the domain name system answered, as data.
 *
 * That a name does not exist, or has no such records, is an answer like any
 * other; DNS_FAILED means that we do not know, and `outcome` says why:
 *   BLAME_NET   "name lookup": no answer in time, the name server refused or failed
 *   BLAME_PEER  "name lookup": the answer cannot be read
 *   BLAME_US    "name lookup": no memory or descriptors
 */
enum dns_answer_state {
	DNS_FOUND,
	DNS_NO_NAME, /* NXDOMAIN: nothing of this name exists */
	DNS_NO_DATA, /* it exists, without records of this kind */
	DNS_FAILED,
};

struct dns_record {
	/*
	 * MX and SRV: a name (base/hostname) without the root's dot; "" is the root itself,
	 * by which a domain says that it takes no mail (RFC 7505) or has no such service
	 * (RFC 2782).
	 */
	char host[LIMIT_CONN_HOST + 1];
	uint16_t priority, weight, port; /* MX: its preference is the priority */
	struct sockaddr_storage address; /* of an address lookup; port 0 */
};

struct dns_answer {
	enum dns_answer_state state;
	struct outcome outcome;
	const struct dns_record *records; /* in the order of the answer */
	size_t n;
	size_t left_out; /* over LIMIT_DNS_RECORDS, or with a host that is no name */
};

/*
 * The record to use, as RFC 2782 has it: of the lowest priority, and among those by
 * chance according to weight; `draw` is that chance, any number.  NULL: there is none.
 */
const struct dns_record *dns_answer_pick(const struct dns_answer *a, uint32_t draw);

#endif
