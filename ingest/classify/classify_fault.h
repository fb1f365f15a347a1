#ifndef INGEST_CLASSIFY_CLASSIFY_FAULT_H
#define INGEST_CLASSIFY_CLASSIFY_FAULT_H

/* Whose fault a bounce is. */
enum classify_fault {
	CLASSIFY_FAULT_NONE,
	CLASSIFY_FAULT_RECIPIENT,      /* the address, the mailbox, its domain */
	CLASSIFY_FAULT_SENDER,         /* our address, server, reputation, volume, authentication */
	CLASSIFY_FAULT_CONTENT,        /* what we wrote */
	CLASSIFY_FAULT_INFRASTRUCTURE, /* servers, networks, name lookup */
};

/* By the reason of a bounce (classify_reason.h); CLASSIFY_FAULT_NONE: it says nothing about that.
 */
enum classify_fault classify_fault_of(const char *reason);

const char *classify_fault_name(enum classify_fault fault); /* "recipient"; "": none */

#endif
