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
#include "ingest/watch.h"

/*
 * The watching of one inbox while its session is ready: carries the watcher's
 * orders to the session, its batches to the intake, its rows and proofs to the
 * database.  What is known of folders and half-done messages outlives a session.
 *
 *   vigil_load (rows, backlog) -> vigil_begin(session) -> vigil_heard, vigil_act ... -> vigil_end
 */
struct vigil;

struct vigil_params {
	struct pg *pg;
	const struct log *log;     /* borrowed */
	struct folder_lease lease; /* texts borrowed */
	const char *address;       /* borrowed */
	const struct secret *key;  /* borrowed */
	struct rand_gen *rand;
	uint64_t lookback_ms, proof_ms;
	size_t text_max;
	void *owner;
	void (*on_step)(
		void *owner); /* something changed: act; not from inside a call to this file */
};

struct vigil *vigil_open(const struct vigil_params *p);
void vigil_drop(struct vigil *v); /* at any time, NULL too */

/* Read rows, backlog and rechecks.  0: on_step comes when it is done (vigil_is_loaded, or
 * vigil_trouble); -errno: try later. */
int vigil_load(struct vigil *v);
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
const char *vigil_waiting_for(const struct vigil *v);

bool vigil_has_proofs(const struct vigil *v);
size_t vigil_take_proofs(struct vigil *v, struct folder_proof *ret, size_t max);

#endif
