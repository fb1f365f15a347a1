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
 */
struct line;

struct line_params {
	struct loop *loop;
	struct tls_context *tls;
	const struct netaddr_policy *policy;
	const char *host; /* copied, as is `user` */
	uint16_t port;
	enum conn_security security;
	const char *user;
	const struct secret
		*credential; /* borrowed until the session has it; must live as long as the line */
	bool is_password;
	uint64_t idle_renew_ms;
	const char *rawlog_dir; /* NULL or "": none */
	const char *inbox;      /* uuid, names the raw log; borrowed, as is the folder */
	void *owner;
	/* Not from inside a call to this file. */
	void (*on_step)(void *owner); /* there may be events, or something to send */
	void (*on_over)(
		void *owner,
		const struct outcome *why); /* it ended, and the session has nothing to say of it */
};

/* -EINVAL: the host name or the port is none. */
int line_open(const struct line_params *p, struct line **ret);
void line_drop(struct line *l); /* callable anywhere, NULL too */

struct imap_session *line_session(struct line *l); /* NULL: not connected yet */
bool line_next(struct line *l, struct imap_event *ret);
bool line_flush(struct line *l);              /* false: the server does not read, drop it */
bool line_is_done(const struct line *l);      /* the session is over and everything is sent */
uint64_t line_deadline(const struct line *l); /* UINT64_MAX: none */
void line_tick(struct line *l, uint64_t now_ms);
const char *line_waiting_for(const struct line *l);

#endif
