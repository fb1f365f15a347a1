#include "ingest/imap/imap_queue.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

/*
 * A line makes at most two: its own and its command's DONE, or PROVEN and what
 * IDLE makes of it.  Then time or the wire may end all.
 */
#define QUEUE 3

struct imap_queue {
	struct imap_event at[QUEUE];
	struct imap_verdict verdict[QUEUE]; /* of the event at the same place */
	unsigned n, next;
};

struct imap_event *imap_queue_add(struct imap_queue **q, enum imap_event_kind kind)
{
	struct imap_event *ev;

	if (!*q)
		*q = mem_new(sizeof(**q));
	assert((*q)->n < QUEUE);
	ev = &(*q)->at[(*q)->n++];
	*ev = (struct imap_event){ .kind = kind };
	return ev;
}

struct imap_event *imap_queue_add_verdict(struct imap_queue **q, enum imap_event_kind kind,
					  struct imap_verdict v)
{
	struct imap_event *ev = imap_queue_add(q, kind);
	struct imap_verdict *kept = &(*q)->verdict[(*q)->n - 1];

	*kept = v;
	if (kind == IMAP_EV_DONE)
		ev->done.verdict = kept;
	else if (kind == IMAP_EV_PROVEN)
		ev->proven.verdict = kept;
	else
		ev->over.verdict = kept;
	return ev;
}

bool imap_queue_next(struct imap_queue **q, struct imap_event *ret)
{
	if (imap_queue_is_empty(*q)) {
		free(*q);
		*q = NULL;
		return false;
	}
	*ret = (*q)->at[(*q)->next++];
	return true;
}

bool imap_queue_is_empty(const struct imap_queue *q)
{
	return !q || q->next == q->n;
}
