#ifndef INGEST_MATCH_MATCH_RELATION_H
#define INGEST_MATCH_MATCH_RELATION_H

#include <stdbool.h>

#include "base/text.h"

/* Who answers, seen from the person who was written to. */
enum match_relation {
	MATCH_RELATION_UNKNOWN,
	MATCH_RELATION_SAME,      /* from that very address */
	MATCH_RELATION_ALIAS,     /* another address of the same person, by all that can be seen */
	MATCH_RELATION_COLLEAGUE, /* somebody else of the same company */
};

/* Two addresses, any spelling; an empty one is unknown. */
enum match_relation match_relation_of(struct text from, struct text prospect);

/* Does the domain give mailboxes to anybody, so that it says nothing of who belongs together? */
bool match_relation_is_free(struct text domain);

/*
 * Other domains than those of the binary (ingest/match/free.tsv), one a line, "#" for
 * comments.  Read once, at start, by whoever registers outbounds and whoever looks
 * them up: both have to know the same.  -EINVAL: `*ret_line` is no domain, and
 * nothing changed.
 */
int match_relation_take(struct text domains, size_t *ret_line);

const char *
match_relation_name(enum match_relation r); /* "same", "alias", "colleague", "unknown" */

#endif
