#ifndef INGEST_CLASSIFY_CLASSIFY_CODES_H
#define INGEST_CLASSIFY_CLASSIFY_CODES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "ingest/mime/mime_dsn.h"

/*
 * Codes that stand in words: "550" (RFC 5321 section 4.2) and "5.1.1" (RFC 3463).
 */

/*
 * The first SMTP code and the enhanced status that says most, where they stand
 * as words of their own; untouched when there are none.  `t` is folded.
 */
void classify_codes_find(struct text t, unsigned *ret_smtp_code, char ret_status[MIME_STATUS]);

/* Is a server's answer quoted: "550 5.1.1 ", both codes in a row?  One alone may count anything. */
bool classify_codes_are_answer(struct text t);

/*
 * An answer of several lines repeats its codes before each ("550-5.7.1 Messages
 * with 550 5.7.1 two addresses"): all but the first of those are taken out.
 * In place; returns the new length.
 */
size_t classify_codes_join(char *words, size_t n);

/*
 * How much a status says: 0 for none, 1 for "5.0.0", which says only that it
 * failed, up to one that names a cause.  "4.4.7" is in between: that the time ran
 * out is true of every failure that was tried again.
 */
unsigned classify_codes_weight(const char *status);
bool classify_codes_is_precise(const char *status); /* it names a cause */

/*
 * Gateways wrap the other server's answer into words of their own, "5.1.0 - Unknown address error
 * 550-'5.2.2 <ann@mail.example>... Mailbox full' (delivery attempts: 0)": what stands in the
 * quotes.  Without such quotes, `t` as it is.
 */
struct text classify_codes_unwrap(struct text t);

#endif
