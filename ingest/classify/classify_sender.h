#ifndef INGEST_CLASSIFY_CLASSIFY_SENDER_H
#define INGEST_CLASSIFY_CLASSIFY_SENDER_H

#include "base/text.h"
#include "ingest/mime/mime_head.h"

/*
 * Addresses that are no person's (rules/senders.tsv).  Answers are sets of these
 * bits; 0: anybody's.
 */
enum classify_sender {
	CLASSIFY_SENDER_DAEMON = 1 << 0,     /* only a mail server writes from it */
	CLASSIFY_SENDER_POSTMASTER = 1 << 1, /* a mail server, or the person who runs it */
	CLASSIFY_SENDER_ROBOT = 1 << 2,      /* a program, or the person who runs it */
	CLASSIFY_SENDER_NO_REPLY = 1 << 3,   /* a program, and nobody reads it */
	CLASSIFY_SENDER_UNREAD = 1 << 4,     /* looks as if nobody read it */
};

/* Who wrote the mail, by address and name of its From field, or the field itself where it holds no
 * address. */
unsigned classify_sender_of(const struct mime_head *head);

/* Whose an address is, by its local part. */
unsigned classify_sender_of_address(struct text address);

#endif
