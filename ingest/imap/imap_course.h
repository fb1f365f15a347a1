#ifndef INGEST_IMAP_IMAP_COURSE_H
#define INGEST_IMAP_IMAP_COURSE_H

#include "ingest/imap/imap_answer.h"
#include "ingest/imap/imap_caps.h"
#include "ingest/imap/imap_entrance.h"
#include "ingest/imap/imap_line.h"
#include "ingest/imap/imap_parse.h"
#include "ingest/imap/imap_proof.h"
#include "ingest/imap/imap_queue.h"
#include "ingest/imap/imap_session.h"
#include "ingest/imap/imap_text.h"

/*
 * The course of a session: its states, what is said on entering one, and what
 * an answer makes of it.  imap_session.c is the door to it.
 *
 * The life of one connection (RFC 3501 section 3): it lets us in
 * (imap_entrance.c); from then on it answers one command after another
 * (imap_command.c says them, imap_answer.c understands what comes), or idles
 * until mail comes (RFC 2177), interrupted by proofs (imap_proof.c); it ends
 * with LOGOUT, BYE, or whatever goes wrong.
 */
#define IMAP_COURSE_STATES(X)                                                                      \
	X(ENTERING, "entrance")                                                                    \
	X(HANDSHAKE, "tls handshake")                                                              \
	X(READY, "a command of ours")                                                              \
	X(COMMAND, "answer to a command")                                                          \
	X(IDLE_ASKED, "idle to begin")                                                             \
	X(IDLE_UNWANTED, "idle to begin, then to end")                                             \
	X(IDLING, "mail (idle)")                                                                   \
	X(IDLE_RENEWING, "idle to end, then to begin anew")                                        \
	X(IDLE_ENDING, "idle to end")                                                              \
	X(PROVING, "answers to a proof")                                                           \
	X(PROVING_UNWANTED, "answers to a proof, then idle to end")                                \
	X(LOGOUT, "logout")                                                                        \
	X(OVER, "nothing")

enum imap_course_state {
#define IMAP_COURSE_STATE(name, words) IMAP_COURSE_##name,
	IMAP_COURSE_STATES(IMAP_COURSE_STATE)
#undef IMAP_COURSE_STATE
};

struct imap_session {
	enum imap_course_state state;
	uint32_t tag; /* the last one used */
	uint64_t now_ms, deadline_ms;
	struct imap_means means; /* complete once ready */
	uint32_t greeting_ms, command_ms, idle_renew_ms, idle_done_ms;
	uint32_t odd_lines;
	uint32_t unheard; /* bytes since the last whole line */
	struct imap_line line;
	struct imap_text out;
	struct imap_answer answer;
	struct imap_entrance *entrance; /* NULL once ready */
	struct imap_proof *proof;       /* PROVING and PROVING_UNWANTED only */
	struct imap_queue *queue;       /* NULL: no event waits */
	char *opening;                  /* the folder, during EXAMINE with options; else NULL */
};

/* Say what is to be said, and wait for it. */
void imap_course_enter(struct imap_session *s, enum imap_course_state state);

/* One line came. */
void imap_course_heard(struct imap_session *s, const struct imap_resp *r);
/* A line, or what is kept of one, passed its ceiling. */
void imap_course_flooded(struct imap_session *s);
/* The deadline passed. */
void imap_course_late(struct imap_session *s);
/* The peer closed the connection. */
void imap_course_closed(struct imap_session *s);

const char *imap_course_waiting_for(const struct imap_session *s);

#endif
