#ifndef INGEST_VIGIL_H
#define INGEST_VIGIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "db/folder.h"
#include "db/pg.h"
#include "ingest/backlog.h"
#include "ingest/imap/imap_session.h"
#include "ingest/intake.h"
#include "ingest/provider/provider.h"
#include "ingest/watch.h"

/*
 * The watching of one inbox while its session is ready: carries the watcher's
 * orders to the session, its batches to the intake, its rows and proofs to the
 * database.  What is known of folders and half-done messages outlives a session.
 *
 *   vigil_load (rows, backlog) -> vigil_begin(session) -> vigil_heard, vigil_act ... -> vigil_end
 *                                  ^                                                      |
 *                                  +------------------- vigil_go_on ----------------------+
 */
struct vigil;

struct vigil_params {
	struct pg *pg;
	const struct log *log;     /* borrowed */
	struct folder_lease lease; /* texts borrowed */
	const char *address;       /* borrowed */
	const struct secret *key;  /* borrowed */
	struct rand_gen *rand;
	const struct provider_row *provider; /* what to watch and how often; NULL: generic */
	uint64_t lookback_ms;
	uint64_t proof_ms, sweep_ms; /* 0: as the provider's row has it */
	size_t text_max;
	bool opens_answers; /* struct intake_mail_place */
	uint64_t manual_grace_ms;
	struct gather *gather; /* NULL: none */
	/* Who had the inbox before died, perhaps of a mail: until all is seen again, mails are read
	 * one by one, each with a word in the database before. */
	bool is_bereft;
	void *owner;
	void (*on_step)(
		void *owner); /* something changed: act; not from inside a call to this file */
};

struct vigil *vigil_open(const struct vigil_params *p);
void vigil_drop(struct vigil *v); /* at any time, NULL too */

/* Read rows, backlog and rechecks.  0: on_step comes when it is done (vigil_is_loaded, or
 * vigil_trouble); -errno: try later. */
int vigil_load(struct vigil *v);
bool vigil_is_loading(const struct vigil *v);
/* Or go on with what is known from the last session, without asking.  false: it has to be read. */
bool vigil_go_on(struct vigil *v, int64_t now_us);
bool vigil_is_loaded(const struct vigil *v);

/* The session is ready; borrowed until vigil_end(). */
void vigil_begin(struct vigil *v, struct imap_session *s, uint64_t caps, uint64_t now_ms);
void vigil_heard(struct vigil *v, const struct imap_event *ev, uint64_t now_ms, int64_t now_us);
/* Do what can be done now: facts first, then the next command. */
void vigil_act(struct vigil *v, uint64_t now_ms, int64_t now_us);
uint64_t vigil_deadline(const struct vigil *v); /* UINT64_MAX: none */
void vigil_end(struct vigil *v);
/* Say goodbye when nothing is under way. */
void vigil_leave(struct vigil *v);

/*
 * Go on with another session that is ready, without a blind moment: what is known
 * stays, what came between the two is found by looking.  Only while it is quiet:
 * no mail is being worked on.  The old session is the caller's again.
 */
bool vigil_is_quiet(const struct vigil *v);
void vigil_move(struct vigil *v, struct imap_session *s, uint64_t caps, uint64_t now_ms);

/* Somebody asks: prove as soon as it can be done.  Then vigil_act(). */
void vigil_probe(struct vigil *v);
/* Everything that came before this instant (unix us) has its gates committed; INT64_MIN: there is
 * no such instant yet. */
int64_t vigil_proven_us(const struct vigil *v);
/* A gap was opened although the inbox is live: it is closed with the next proof. */
void vigil_gap_open(struct vigil *v);

/* While it catches up, for people and for table inbox_state.  false: there is nothing to tell. */
struct vigil_progress {
	char words[160];   /* "INBOX 1200 of 5400" */
	uint32_t done, of; /* mails of the folder that is under work */
};
bool vigil_progress(const struct vigil *v, struct vigil_progress *ret);

/* Something for the inbox's history: a stable code (static) and words.  false: no more. */
#define VIGIL_NOTE 200
bool vigil_take_note(struct vigil *v, const char **ret_code, char ret_words[VIGIL_NOTE]);

/* A mail to be looked at again. */
void vigil_recheck(struct vigil *v, const char *folder, int64_t uidvalidity, int64_t uid);

enum vigil_trouble {
	VIGIL_SOUND,
	VIGIL_FENCED,  /* the lease is lost */
	VIGIL_STALE,   /* the database knows another folder than this session: connect again */
	VIGIL_REFUSED, /* the server refused a command: vigil_verdict() */
};
enum vigil_trouble vigil_trouble(const struct vigil *v);
const struct imap_verdict *vigil_verdict(const struct vigil *v);
bool vigil_is_live(const struct vigil *v);
/* The server has listed its folders and opened one: we are really in. */
bool vigil_has_opened(const struct vigil *v);
const char *vigil_waiting_for(const struct vigil *v);

bool vigil_has_proofs(const struct vigil *v);
size_t vigil_take_proofs(struct vigil *v, struct folder_proof *ret, size_t max);

#endif
