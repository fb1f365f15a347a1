#ifndef BASE_OUTCOME_H
#define BASE_OUTCOME_H

#include <stdbool.h>

#include "base/text.h"

/*
 * What the world answered, and who is to blame for it.  A return code says
 * that a call could not be done; an outcome is data: the call was done, and
 * this is what came of it.
 */
enum blame {
	BLAME_NONE,    /* it worked */
	BLAME_US,      /* our mistake or our configuration: alarm, never blame the user */
	BLAME_NET,     /* the connection failed or ended: retry soon */
	BLAME_PEER,    /* the peer broke the protocol */
	BLAME_LACKS,   /* the peer cannot do what we need */
	BLAME_REFUSED, /* the peer said no, for a while: back off */
	BLAME_AUTH,    /* the credential was refused: stop retrying with it */
};

struct outcome {
	enum blame blame;
	const char *what; /* ours, static: "tls handshake", "login refused" */
	char said[160];   /* theirs, made printable; empty when they said nothing */
};

#define OUTCOME_OK ((struct outcome){ BLAME_NONE, "ok", "" })

struct outcome outcome_of(enum blame blame, const char *what, struct text said);
bool outcome_ok(const struct outcome *o);
const char *outcome_blame_name(enum blame blame); /* "none", "us", "net", ... */

#endif
