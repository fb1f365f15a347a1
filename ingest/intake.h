#ifndef INGEST_INTAKE_H
#define INGEST_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "db/folder_load.h"
#include "db/gather.h"
#include "db/pg.h"
#include "ingest/imap/imap_session.h"
#include "ingest/intake_mail.h"

/*
 * Makes one batch of fetched mails durable: whom do they concern, close those
 * gates at once, keep digests of the others, move the watermark, read the texts,
 * write the events, move the other watermark (design.md, "The life of one reply").
 *
 *   intake_open, intake_told..., intake_run
 *     -> find -> [close gates] -> [more headers, originals of reports] -> [keep digests]
 *     -> [note own copies] -> close + gated watermark                                gated
 *     -> [parts] -> settle, one transaction per mail -> ingested watermark           over
 *
 * A driver of PostgreSQL only; the parts it wants are fetched by its owner.  A
 * batch lives until it is over or dropped; everything in it may be repeated.
 * While PostgreSQL is away it waits and goes on where it was.
 */
struct intake;

struct intake_params {
	struct pg *pg;
	struct gather *gather;     /* NULL: every transaction by itself */
	const struct log *log;     /* borrowed */
	struct folder_lease lease; /* texts borrowed */
	const char *address;       /* the inbox's own; borrowed */
	const struct secret *key;  /* of the workspace; borrowed */
	const char *authserv;      /* of the provider's row */
	size_t text_max;           /* bytes of a text part that are asked for */
	bool opens_answers;        /* struct intake_mail_place */
	/* An own mail to a prospect that nobody registers within this time was written by hand. */
	uint64_t manual_grace_ms;
	/* Somebody may have died of these mails' headers: an attempt is written down before each.
	 */
	bool is_careful;
	struct rand_gen *rand; /* borrowed */
	void *owner;
	void (*on_step)(void *owner); /* something changed: ask intake_*(); not from inside a call
					 to this file */
};

struct intake_batch {
	char folder[FOLDER_UUID];
	const char *folder_role; /* static */
	int64_t uidvalidity;
	/* Where the watermark goes; 0: it stays (mails that are seen again). */
	int64_t uid_to;
	int64_t proof_us;   /* INT64_MIN: nothing is proven */
	int64_t noticed_us; /* when the server announced the mails; INT64_MIN: when they were told
			     */
	bool holds_back;    /* other mails of the folder are not ingested: that watermark stays */
	bool is_recovered;  /* registered late, or told while a gap is made up */
	bool is_again; /* seen before: no digests are kept, the rechecks of `again_uid` are done */
	int64_t again_uid;
};

/* Texts of `b` are copied. */
struct intake *intake_open(const struct intake_params *p);
/* Forget the batch, at any time, NULL too; a transaction already sent still runs. */
void intake_drop(struct intake *in);

/* One mail of the FETCH.  false: too many for one batch, or not yet complete at the end
 * (intake_is_whole). */
bool intake_told(struct intake *in, const struct imap_message *m, int64_t now_us);
/* Every mail that was told has its headers. */
bool intake_is_whole(const struct intake *in);
/* A message left pending whose mail is gone; instead of intake_told(). */
void intake_gone(struct intake *in, const struct folder_pending *p);
/* All has been told: begin.  Once. */
void intake_run(struct intake *in, const struct intake_batch *b);

/* A part to fetch; false: none now.  Answer with intake_part() or intake_part_gone(). */
struct intake_want {
	uint32_t uid;
	struct text section;
	uint32_t max_bytes;
	bool decides; /* whether the mail concerns anybody may stand in it */
};
bool intake_wants(const struct intake *in, struct intake_want *ret);
void intake_part(struct intake *in, uint32_t uid, struct text section, struct text data);
void intake_part_gone(struct intake *in);

uint64_t intake_deadline(const struct intake *in); /* UINT64_MAX: none */
void intake_tick(struct intake *in, uint64_t now_ms);

bool intake_is_gated(const struct intake *in); /* transaction 1 is committed, with its watermark */
bool intake_is_over(const struct intake *in);  /* transaction 2 of everything too */
/* The lease is lost, or the folder has another UIDVALIDITY: drop it, nothing more was written. */
bool intake_is_fenced(const struct intake *in);
bool intake_is_stale(const struct intake *in);
unsigned intake_events(const struct intake *in); /* written by this batch */
/* UIDs of the mails of this batch that are not read (on), because two processes died over them;
 * good as long as the intake. */
unsigned intake_set_asides(const struct intake *in, const uint32_t **ret);
const char *intake_waiting_for(const struct intake *in);

#endif
