#ifndef TESTS_BASE_NAMESERVER_H
#define TESTS_BASE_NAMESERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A name server on a loopback port of its own, UDP and TCP, in a thread: it
 * answers from a table, as rudely as the table says.
 */
enum nameserver_manner {
	NS_ANSWER,   /* with the records */
	NS_NXDOMAIN, /* there is no such name */
	NS_SERVFAIL,
	NS_SILENT,    /* no answer at all */
	NS_GARBAGE,   /* bytes that are no message */
	NS_CUT,       /* the message ends inside its last record */
	NS_TRUNCATED, /* TC over UDP, with the records over TCP (RFC 1035 section 4.2.1) */
	NS_MANY,      /* the first record, 200 times, over TCP */
};

struct nameserver_row {
	const char *name;
	const char
		*type; /* "MX", "SRV", "A", "AAAA"; a name in no row is NXDOMAIN, a type NODATA */
	enum nameserver_manner manner;
	/* By '\n': "MX 10 mx.example.test", "SRV 0 5 993 imap.example.test", "A 192.0.2.1",
	 * "AAAA 2001:db8::1", "CNAME other.test" (what follows belongs to that name). */
	const char *records;
};

struct nameserver {
	const struct nameserver_row *rows;
	size_t n_rows;
	atomic_int asked; /* questions heard */
	/* its own */
	int udp, tcp, stop[2];
	uint16_t port;
	char list[32]; /* "127.0.0.1:5353", as dns_params has it */
	pthread_t thread;
};

void nameserver_open(struct nameserver *ns, const struct nameserver_row *rows, size_t n_rows);
void nameserver_close(struct nameserver *ns);

#endif
