#ifndef INGEST_DIALOGUE_H
#define INGEST_DIALOGUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * The end of a dialogue with a server, kept while a command runs, so that what
 * went wrong between us can be read afterwards:
 *
 *   C: A7 UID FETCH 3:9 (UID BODYSTRUCTURE BODY.PEEK[HEADER]<0.65536>)
 *   S: * 2 FETCH (UID 3 BODYSTRUCTURE ("" "" (.. NIL) BODY[HEADER]<0> {1480}
 *   S: [literal, 1480 bytes])
 *
 * Nothing that somebody wrote is in it: of literals only the length, of the
 * quoted strings of a FETCH only the quotes.  Credentials are blanked by whoever
 * knows which bytes they are.  Of more than DIALOGUE_MAX the older half goes.
 * Pure.
 */
#define DIALOGUE_MAX (16 * 1024)

struct dialogue;

struct dialogue *dialogue_new(void);
void dialogue_free(struct dialogue *d); /* NULL too */
void dialogue_in(struct dialogue *d, const void *p, size_t n);
/* [secret_from, secret_from + secret_len) is blanked. */
void dialogue_out(struct dialogue *d, const void *p, size_t n, size_t secret_from,
		  size_t secret_len);
struct text dialogue_text(const struct dialogue *d); /* good until it changes */

#endif
