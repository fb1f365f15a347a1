#ifndef INGEST_CLASSIFY_CLASSIFY_CONTACT_H
#define INGEST_CLASSIFY_CLASSIFY_CONTACT_H

#include <stdbool.h>

#include "base/text.h"
#include "ingest/classify/classify_verdict.h"
#include "ingest/mime/mime_head.h"

/*
 * Whom a text names to write to instead: the first address in it that is neither
 * the writer's nor one the mail was sent to, with the name beside it; or, where
 * no address stands, a name behind a word for a colleague ("looping in Ann"),
 * with the address of that name among those in copy.
 *
 *   "Try Ann Bright (ann.bright@mail.example)."    Ann Bright, ann.bright@mail.example
 *
 * Of two the first is taken.  One pass; `raw` is the new text as it was written.
 * false: nobody is named, and `ret` is untouched.
 */
bool classify_contact_of(struct text raw, const struct mime_head *head,
			 struct classify_contact *ret);

/* Likewise, by an address alone: for texts that say nothing of a colleague. */
bool classify_contact_by_address(struct text raw, const struct mime_head *head,
				 struct classify_contact *ret);

#endif
