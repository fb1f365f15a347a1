#ifndef INGEST_CLASSIFY_CLASSIFY_AUTO_H
#define INGEST_CLASSIFY_CLASSIFY_AUTO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/classify/classify_verdict.h"
#include "ingest/mime/mime_head.h"

/*
 * Did a machine answer in a person's name?  By header, then by the front of
 * the subject, then by a phrase with a second signal from elsewhere.
 *
 * `subject` and `text` are folded; `text` is the newly written part, empty
 * while it has not been fetched.  `received_at`: unix seconds.
 *
 * false: nothing certain; `ret` keeps the weak evidence that was seen, so that
 * a reader can ask why not.  true: kind, confidence, evidence, return_at.
 */
bool classify_auto_judge(const struct mime_head *head, struct text subject, struct text text,
			 int64_t received_at, struct classify_verdict *ret);

/* Does a person's client say in the subject that it answers or passes on: "Re:", "AW:", "Fwd:"? */
bool classify_auto_is_answer(struct text subject);

/* Sent to many (RFC 2919, 2369): a list or a newsletter. */
bool classify_auto_is_list(const struct mime_head *head, struct classify_verdict *ret);

#endif
