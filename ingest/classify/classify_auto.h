#ifndef INGEST_CLASSIFY_CLASSIFY_AUTO_H
#define INGEST_CLASSIFY_CLASSIFY_AUTO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/classify/classify_seen.h"
#include "ingest/classify/classify_verdict.h"
#include "ingest/mime/mime_head.h"

/*
 * Did a machine answer in a person's name, and what does it say?  By header, then
 * by the front of the subject, then by a phrase with a second signal from
 * elsewhere.
 *
 * `subject` and `text` are folded, as classify_seen_look() saw them, `text` with its
 * line ends.  `matched`: it is about a mail of ours.  `received_at`: unix seconds.
 *
 * false: nothing certain.  true: kind, confidence, evidence, return_at.
 */
bool classify_auto_judge(const struct classify_seen *s, const struct mime_head *head,
			 struct text subject, struct text text, bool matched, int64_t received_at,
			 struct classify_verdict *ret);

#endif
