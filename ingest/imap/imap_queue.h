#ifndef INGEST_IMAP_IMAP_QUEUE_H
#define INGEST_IMAP_IMAP_QUEUE_H

#include <stdbool.h>

#include "ingest/imap/imap_session.h"

/*
 * Events on their way to the driver, with the verdicts they speak of.  A
 * session has one only while there are some: idle, it keeps none.
 */
struct imap_queue;

/* One more, behind all others; `*q` is made if it is NULL. */
struct imap_event *imap_queue_add(struct imap_queue **q, enum imap_event_kind kind);
/* The same with a verdict, for DONE, PROVEN, BYE and FAILED. */
struct imap_event *imap_queue_add_verdict(struct imap_queue **q, enum imap_event_kind kind,
					  struct imap_verdict v);

/*
 * The oldest, good until the next call; false: there is none, and what the last
 * one pointed to is gone.
 */
bool imap_queue_next(struct imap_queue **q, struct imap_event *ret);

bool imap_queue_is_empty(const struct imap_queue *q);

#endif
