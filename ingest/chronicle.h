#ifndef INGEST_CHRONICLE_H
#define INGEST_CHRONICLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/timeline.h"

/*
 * What one inbox tells of its life until the worker writes it down (db/timeline.h):
 * a few notes, oldest first, nothing while there are none.  The codes and their
 * words stand here and nowhere else; what a note adds of its own comes after a
 * colon.
 */
#define CHRONICLE_CODES(X)                                                                         \
	X(CONNECTED, "connected", "logged in")                                                     \
	X(LIVE, "live", "watching, and everything that came before is seen")                       \
	X(BYE, "bye", "the server ended the session")                                              \
	X(CUT, "cut", "the connection broke")                                                      \
	X(STALLED, "stalled", "the server stopped answering and is connected to again")            \
	X(RENEWED, "renewed", "new session already live, no gap")                                  \
	X(NOT_RENEWED, "not_renewed", "no new session yet, the old one goes on watching")          \
	X(TOKEN_REFUSED, "token_refused",                                                          \
	  "the server refused the credential, another is asked for")                               \
	X(BACKING_OFF, "backing_off", "connected to again later")                                  \
	X(HELD, "held", "waits until somebody mends it")                                           \
	X(MENDED, "mended", "tried again, since something was mended")                             \
	X(HANDOVER, "handover", "taken over on a session that was ready before")                   \
	X(LEASE_LOST, "lease_lost", "another worker watches it now")                               \
	X(ALERT, "alert", "the server warns")

enum chronicle_code {
#define CHRONICLE_CODE(name, code, words) CHRONICLE_##name,
	CHRONICLE_CODES(CHRONICLE_CODE)
#undef CHRONICLE_CODE
};

#define CHRONICLE_MAX 16 /* notes that wait; a worker takes them every second */

struct chronicle {
	struct chronicle_page *page; /* NULL: nothing to tell */
};

/* Safe on zeros. */
void chronicle_clear(struct chronicle *c);
/*
 * At `at_us` (clock_unix_us).  `fmt` may be "": nothing to add; made printable and cut.
 * Of more than CHRONICLE_MAX the oldest goes, and the next one says how many did.
 */
void chronicle_note(struct chronicle *c, enum chronicle_code code, int64_t at_us, const char *fmt,
		    ...) __attribute__((format(printf, 4, 5)));
/* One whose code (static) stands elsewhere, with all of its words. */
void chronicle_add(struct chronicle *c, const char *code, int64_t at_us, const char *words);
bool chronicle_has(const struct chronicle *c);
/* The oldest, at most `max`; they are taken away. */
size_t chronicle_take(struct chronicle *c, const char *workspace, const char *inbox,
		      struct timeline_note *ret, size_t max);

#endif
