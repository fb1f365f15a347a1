#ifndef INGEST_ENTRY_H
#define INGEST_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/chronicle.h"
#include "ingest/line.h"
#include "ingest/pass.h"
#include "ingest/plight.h"
#include "ingest/token_source.h"

/*
 * One connection on its way in: a credential is asked for, TCP, TLS, greeting,
 * login; then it is ready, and kept alive until somebody takes its line.  It is
 * the same whether an inbox connects for the first time, replaces a connection
 * that still watches, or stands by for another worker's.
 *
 * A refused credential is asked for anew once, by itself.  The whole way takes
 * ENTRY_MS at the most: a server that says one byte a second is one that does
 * not answer.
 */
#define ENTRY_MS      (UINT64_C(180) * 1000)
#define ENTRY_KEEP_MS (UINT64_C(120) * 1000) /* NOOP while nobody has taken it */

#define ENTRY_STATES(X)                                                                            \
	X(ASKING, "token")                                                                         \
	X(CONNECTING, "connection")                                                                \
	X(LOGGING_IN, "login")                                                                     \
	X(READY, "being taken")                                                                    \
	X(KEEPING, "proof of life") /* ready in a moment */                                        \
	X(FAILED, "its owner")

enum entry_state {
#define ENTRY_STATE(name, wait) ENTRY_##name,
	ENTRY_STATES(ENTRY_STATE)
#undef ENTRY_STATE
};

struct entry_params {
	struct line_params line; /* without credential and owner; host and user: copied here */
	const struct token_source *tokens;
	const char *workspace;   /* uuid; borrowed, as the rest is */
	struct pass *pass;       /* what was given and refused before, and is now */
	int64_t later_than;      /* only a version beyond this is news; 0: any */
	uint64_t whole_ms;       /* 0: ENTRY_MS */
	struct chronicle *notes; /* what happens on the way */
	uint64_t *kept_ms;       /* see line_keep() */
	void *owner;
	void (*on_step)(void *owner); /* another state; not from inside a call to this file */
};

struct entry;

/* May be FAILED at once, without a call of on_step. */
struct entry *entry_open(const struct entry_params *p);
void entry_drop(struct entry *e); /* at any time, NULL too; wipes what is secret */

enum entry_state entry_state_of(const struct entry *e);
/* READY: the line is the caller's, who owns it from now on; drop the entry then. */
struct line *entry_take(struct entry *e);
/* FAILED: what follows from it, and what was said. */
const struct plight *entry_plight(const struct entry *e);
const struct outcome *entry_outcome(const struct entry *e);
/* FAILED: because the mail server refuses the credential, which nobody else has told. */
bool entry_was_refused(const struct entry *e);

uint64_t entry_deadline(const struct entry *e);    /* UINT64_MAX: none */
void entry_tick(struct entry *e, uint64_t now_ms); /* the state may be another then */
const char *entry_waiting_for(const struct entry *e);

#endif
