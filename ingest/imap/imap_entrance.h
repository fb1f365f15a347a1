#ifndef INGEST_IMAP_IMAP_ENTRANCE_H
#define INGEST_IMAP_IMAP_ENTRANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "ingest/imap/imap_login.h"
#include "ingest/imap/imap_parse.h"
#include "ingest/imap/imap_session.h"
#include "ingest/imap/imap_text.h"

/*
 * A session's beginning, from the greeting to the first command: what is
 * needed only then lives here, and is given back when it is over.
 */
enum imap_entrance_step {
	IMAP_ENTRANCE_WAIT,        /* more is to come */
	IMAP_ENTRANCE_SHAKE_HANDS, /* TLS is agreed on; what else came in clear is worth nothing */
	IMAP_ENTRANCE_IN,          /* commands may be said */
	IMAP_ENTRANCE_OUT,         /* `ret` says why */
};

struct imap_entrance;

struct imap_entrance *imap_entrance_new(const struct imap_params *p);
void imap_entrance_free(struct imap_entrance *e); /* NULL is nothing; wipes the credential */

/* The handshake is done: go on. */
void imap_entrance_tls_up(struct imap_entrance *e, struct imap_text *out);

/* Any response that is not BYE or odd. */
enum imap_entrance_step imap_entrance_heard(struct imap_entrance *e, const struct imap_resp *r,
					    struct imap_text *out, struct imap_verdict *ret);

bool imap_entrance_is_greeting(const struct imap_entrance *e); /* nothing was heard yet */
const char *imap_entrance_waiting_for(const struct imap_entrance *e);

/* What it offers and what was switched on, as far as it was told. */
struct imap_means imap_entrance_means(const struct imap_entrance *e);
uint32_t imap_entrance_tag(const struct imap_entrance *e); /* the last one used */
bool imap_entrance_was_preauth(const struct imap_entrance *e);
/* Of the first personal namespace; good until the next call. */
struct text imap_entrance_prefix(const struct imap_entrance *e, char *ret_separator);

#endif
