#ifndef INGEST_VIGIL_INSIDE_H
#define INGEST_VIGIL_INSIDE_H

#include "ingest/ledger.h"
#include "ingest/vigil.h"

/*
 * What the files of the vigil share; for ingest/vigil*.c only.
 *
 *   vigil.c        what its owner calls; commands of the session
 *   vigil_batch.c  mails on their way to the database
 *   vigil_note.c   words for people
 */
struct vigil {
	struct vigil_params p;
	struct watch watch;
	struct backlog backlog;
	struct ledger ledger;
	struct imap_session *session; /* NULL: none is ready */
	struct intake *intake;        /* the batch that is filled or worked on */
	struct intake *gone;          /* a message whose mail is gone */
	enum { VIGIL_FILL_EMPTY, VIGIL_FILL_WHOLE, VIGIL_FILL_TOO_MANY } fill;
	enum { VIGIL_PART_NONE, VIGIL_PART_ASKED, VIGIL_PART_CAME } part;
	uint32_t part_uid; /* a mail whose part the server would not give */
	unsigned part_tries;
	uint64_t part_since_ms;
	enum vigil_trouble trouble;
	struct imap_verdict *verdict; /* of a refusal; NULL: there was none */
	char gone_message[FOLDER_UUID];
	struct watch_told *deadly; /* mails that were set aside, to be told */
	size_t n_deadly;
	size_t n_homeless; /* of the backlog, those in folders that have no place */
};

/* ---- vigil_batch.c ---- */

/* One mail of the FETCH under way. */
void vigil_batch_told(struct vigil *v, const struct imap_message *told, int64_t now_us);
/* Take what the watcher has, look at what the database has done. */
void vigil_batch_act(struct vigil *v, uint64_t now_ms);
/* What was told is made nothing of. */
void vigil_batch_drop(struct vigil *v);
/* Messages left half done are looked at again. */
void vigil_batch_feed(struct vigil *v);

#endif
