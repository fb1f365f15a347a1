#ifndef INGEST_MIME_MIME_SUBJECT_H
#define INGEST_MIME_MIME_SUBJECT_H

#include "base/text.h"

/*
 * What programs put before a subject: "Re:", "AW[2]:", "回复：", "Fwd:",
 * "Automatic reply:", "[External]", "***SPAM***".  The words stand in
 * ingest/mime/subjects.tsv, and are part of the binary alone: names of
 * outbounds are kept without them, so every process must know the same.
 *
 * All take the subject as mime_fold_add() writes it.
 */
enum mime_subject_front {
	MIME_SUBJECT_PLAIN, /* nothing: what stands there are words of the subject */
	MIME_SUBJECT_RE,    /* a person's program answers */
	MIME_SUBJECT_FW,    /* it passes on */
	MIME_SUBJECT_AUTO,  /* a machine answers, or it is a receipt or about a calendar */
};

/* What stands in front, whatever tags come before it, and what follows.  Tags alone are PLAIN, and
 * `ret_rest` is what follows them.  `ret_rest` may be NULL. */
enum mime_subject_front mime_subject_front(struct text t, struct text *ret_rest);

/* Does a person's client say that it answers or passes on? */
bool mime_subject_is_answer(struct text folded);

/* The subject without the words of gateways: "[External] ", "***SPAM***", "EXT: ".  Other words in
 * brackets stay: "[Request received] ...". */
struct text mime_subject_untagged(struct text t);

#endif
