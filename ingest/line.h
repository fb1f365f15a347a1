#ifndef INGEST_LINE_H
#define INGEST_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/io/conn.h"
#include "base/secret.h"
#include "ingest/imap/imap_session.h"

/*
 * One connection with its IMAP session: carries bytes between the two, begins
 * TLS when the session asks for it, and writes the raw log.  Commands go to the
 * session directly; line_flush() sends what it then has to say.
 *
 * While the server owes an answer, the end of the dialogue is kept (dialogue.h), so
 * that line_keep() can write down what a refusal was about.
 *
 * A server that answers, but so slowly that a command is not over after
 * `patience.whole_ms`, ends the session as one that does not answer.
 */
struct line;

/* Who is told; may be changed with line_own().  Not from inside a call to this file. */
struct line_owner {
	void *owner;
	void (*on_step)(void *owner); /* there may be events, or something to send */
	/* It ended, and the session has nothing to say of it. */
	void (*on_over)(void *owner, const struct outcome *why);
};

/* How long the server may take, ms; 0: the default, in parentheses. */
struct line_patience {
	uint64_t connect_ms;  /* lookup, TCP and TLS (30 s) */
	uint64_t greeting_ms; /* from there to the greeting (30 s) */
	uint64_t command_ms;  /* for the next bytes of an answer (60 s) */
	uint64_t done_ms;     /* for the end of IDLE (30 s) */
	uint64_t whole_ms;    /* for a whole command (5 min) */
};

struct line_params {
	struct loop *loop;
	struct tls_context *tls;
	const struct netaddr_policy *policy;
	const char *host; /* copied, as is `user` */
	uint16_t port;
	enum conn_security security;
	const char *user;
	/* Borrowed until the session has it; must live as long as nobody is logged in. */
	const struct secret *credential;
	bool is_password;
	unsigned quirks; /* IMAP_QUIRK_* */
	uint64_t idle_renew_ms;
	struct line_patience patience;
	const char *rawlog_dir; /* NULL or "": none; borrowed */
	bool is_rawlog_whole;   /* every dialogue goes there, whole */
	const char *inbox;      /* uuid, names the raw log; borrowed */
	uint32_t *verbs;        /* line_drop() adds what was sent, see line_verbs(); borrowed */
	struct line_owner owner;
};

/* -EINVAL: the host name or the port is none. */
int line_open(const struct line_params *p, struct line **ret);
void line_drop(struct line *l); /* callable anywhere, NULL too */
void line_own(struct line *l, const struct line_owner *owner);

struct imap_session *line_session(struct line *l); /* NULL: not connected yet */
uint32_t line_verbs(const struct line *l); /* imap_session_verbs_sent(); NULL has sent none */
bool line_next(struct line *l, struct imap_event *ret);
bool line_flush(struct line *l);                 /* false: the server does not read, drop it */
bool line_is_done(const struct line *l);         /* the session is over and everything is sent */
uint64_t line_deadline(const struct line *l);    /* UINT64_MAX: none */
bool line_tick(struct line *l, uint64_t now_ms); /* false: an answer takes too long, drop it */
/*
 * Before line_drop(): a failure that may be our mistake (the server says so, or we do
 * not understand it) is written down, once a day per inbox; `kept_ms`: when it was
 * last (monotonic), 0: never.
 */
void line_keep(struct line *l, const struct imap_verdict *v, const char *dir, const char *inbox,
	       uint64_t *kept_ms);
const char *line_waiting_for(const struct line *l);

#endif
