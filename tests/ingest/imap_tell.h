#ifndef TESTS_INGEST_IMAP_TELL_H
#define TESTS_INGEST_IMAP_TELL_H

#include "base/buf.h"
#include "ingest/imap/imap_session.h"

/* An event as one line of words, all of what it says, so that two can be compared. */
void imap_tell_event(struct buf *b, const struct imap_event *ev);

#endif
