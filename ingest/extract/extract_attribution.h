#ifndef INGEST_EXTRACT_EXTRACT_ATTRIBUTION_H
#define INGEST_EXTRACT_EXTRACT_ATTRIBUTION_H

#include <stdbool.h>
#include <stddef.h>

#include "ingest/extract/extract_lines.h"

/*
 * The line over a quote: somebody wrote something at some time.
 *
 *   On Mon, 14 Sep 2026 at 10:02, Bo <bo@send.example> wrote:
 *   2026年9月14日(月) 10:02 Bo <bo@send.example>:
 *   ---- On Mon, 14 Sep 2026 10:02:11 +0200 Bo wrote ----
 *
 * A word for "wrote" (or the form of a client that has none), and an address or
 * a date; on one to four lines.
 */
struct extract_attribution {
	size_t lines;    /* 1 .. 4 */
	bool is_certain; /* enough of a date, or an address: prose has not that much; it needs no
			    '>' below */
};

/* Does one begin with line `i`? */
bool extract_attribution_at(const struct extract_lines *l, size_t i,
			    struct extract_attribution *ret);

/*
 * Does one begin inside line `i`, behind text?  "Yes. On Mon ... wrote: > Hi".  Where, in its
 * folded text; 0: no.
 */
size_t extract_attribution_inside(const struct extract_lines *l, size_t i);

#endif
