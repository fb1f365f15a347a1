#ifndef INGEST_IMAP_IMAP_TEXT_H
#define INGEST_IMAP_IMAP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/secret.h"
#include "base/text.h"
#include "ingest/imap/imap_caps.h"

/*
 * What we say to a server, and the only file that says it.  RFC 3501 section 6
 * and section 9 (astring, literal), LITERAL+ and LITERAL- RFC 7888.
 *
 * A command is its verb and arguments, written piece by piece:
 *
 *	imap_text_begin(t, 7, IMAP_VERB_STATUS);          r7 STATUS
 *	imap_text_astring(t, name, caps);                  "Gel&APY-scht"
 *	imap_text_words(t, "(MESSAGES)");                  (MESSAGES)
 *	imap_text_end(t);
 *
 * There is no other way to start a command than a verb of this closed list, so
 * the list is what replyd can ever do to a mailbox.  It holds nothing that
 * changes one; FETCH is said with BODY.PEEK only (imap_command.c).
 */
#define IMAP_VERBS(X)                                                                              \
	X(CAPABILITY, "CAPABILITY")                                                                \
	X(STARTTLS, "STARTTLS")                                                                    \
	X(AUTHENTICATE, "AUTHENTICATE")                                                            \
	X(LOGIN, "LOGIN")                                                                          \
	X(ID, "ID")                                                                                \
	X(NAMESPACE, "NAMESPACE")                                                                  \
	X(LIST, "LIST")                                                                            \
	X(EXAMINE, "EXAMINE")                                                                      \
	X(STATUS, "STATUS")                                                                        \
	X(UID_SEARCH, "UID SEARCH")                                                                \
	X(UID_FETCH, "UID FETCH")                                                                  \
	X(NOOP, "NOOP")                                                                            \
	X(IDLE, "IDLE")                                                                            \
	X(LOGOUT, "LOGOUT")                                                                        \
	X(ENABLE, "ENABLE")                                                                        \
	X(NOTIFY, "NOTIFY")

enum imap_verb {
#define IMAP_VERB(name, word) IMAP_VERB_##name,
	IMAP_VERBS(IMAP_VERB)
#undef IMAP_VERB
		IMAP_VERBS_N
};

/* "UID FETCH"; NULL past the last: the whole list, for the audit. */
const char *imap_text_verb(unsigned verb);
/* Of a set (1u << enum imap_verb): "EXAMINE, UID FETCH".  `size`: IMAP_TEXT_VERBS holds all. */
#define IMAP_TEXT_VERBS 200
void imap_text_verbs(uint32_t verbs, char *ret, size_t size);

/*
 * Bytes on their way to the server.
 *
 *   data:  | gone | may be sent now | waits for the server's "+" |
 *          0     sent              stop[0]                       len
 *
 * A string that cannot be quoted is a literal, and the server must invite a
 * literal with "+" before it is sent (RFC 3501 section 4.3).
 */
#define IMAP_TEXT_STOPS 2 /* LOGIN has two strings */

struct imap_text {
	struct buf data;
	size_t sent, begun; /* begun: where the last command starts */
	size_t stop[IMAP_TEXT_STOPS];
	unsigned n_stops;
	size_t secret,
		secret_len; /* where the secret bytes stand in `data`; len 0: there are none */
	uint32_t verbs;     /* 1u << enum imap_verb, of every command ever begun */
};

void imap_text_init(struct imap_text *t);  /* allocates nothing */
void imap_text_clear(struct imap_text *t); /* wipes; empty and usable again, `verbs` is kept */

void imap_text_begin(struct imap_text *t, uint32_t tag, enum imap_verb verb);
/* A blank and words of ours; never anything a stranger chose. */
void imap_text_words(struct imap_text *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * A blank and a string of anybody's, quoted or as a literal.  -EINVAL: CR, LF
 * or NUL in it, or longer than LIMIT_IMAP_NAME; the command must then be taken
 * back.
 */
int imap_text_astring(struct imap_text *t, struct text s, const struct imap_means *means);
/* Does what was said so far wait for a "+"?  RFC 3501 section 4.3. */
bool imap_text_is_stopped(const struct imap_text *t);
/* A blank and "(", up to imap_text_close(); strings within stand apart by one blank. */
void imap_text_open(struct imap_text *t);
void imap_text_close(struct imap_text *t);
/* What is written from here to imap_text_end() is secret.  `n`: how many bytes may come. */
void imap_text_secret(struct imap_text *t, size_t n);
void imap_text_end(struct imap_text *t);
/* Take back everything since the last imap_text_begin(): nothing of it was sent. */
void imap_text_take_back(struct imap_text *t);

/* A line that is no command: DONE, or the answer to an AUTHENTICATE challenge. */
void imap_text_line(struct imap_text *t, const char *words);

/* The server said "+": the next literal may go.  false: none was waiting. */
bool imap_text_go_on(struct imap_text *t);
/* The server refused the literal: what waits for its "+" is never sent. */
void imap_text_give_up(struct imap_text *t);

size_t imap_text_ready(const struct imap_text *t, const uint8_t **ret);
/* Which of those bytes are secret; false: none. */
bool imap_text_ready_secret(const struct imap_text *t, size_t *ret_from, size_t *ret_len);
void imap_text_sent(struct imap_text *t, size_t n);

/*
 * The one response of each SASL mechanism, base64, written into `t` as its
 * secret argument or line; imap_text_end() follows.
 *   -EINVAL  CR, LF, NUL or SOH in `user` or `host`, or one longer than
 *            LIMIT_IMAP_NAME; NUL in a password; anything but visible ASCII in
 *            a token.  Nothing was written.
 */
enum imap_sasl {
	IMAP_SASL_PLAIN,       /* RFC 4616 */
	IMAP_SASL_XOAUTH2,     /* as Google and Microsoft describe it */
	IMAP_SASL_OAUTHBEARER, /* RFC 7628 section 3.1; names escaped as RFC 5801 section 4 says */
};

struct imap_sasl_input {
	enum imap_sasl mechanism;
	struct text user, host;
	uint16_t port;
	const struct secret *credential;
};

const char *imap_text_sasl_name(enum imap_sasl mechanism); /* "XOAUTH2" */
int imap_text_sasl(struct imap_text *t, const struct imap_sasl_input *in);

#endif
