#ifndef INGEST_MATCH_MATCH_SUBJECT_H
#define INGEST_MATCH_MATCH_SUBJECT_H

#include <stddef.h>

#include "base/text.h"

/*
 * A subject as it is compared: folded (mime_fold_add), without what clients,
 * calendars and gateways put before it, however often they did.
 *
 *   "AW: [External] Re[2]: Ihre  Frage"  ->  "ihre frage"
 */
#define MATCH_SUBJECT 256 /* bytes; what is longer is cut there, on both sides alike */

/* Bytes written without the NUL; 0: nothing is left. */
size_t match_subject_normal(struct text raw, char ret[MATCH_SUBJECT]);

#endif
