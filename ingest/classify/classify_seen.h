#ifndef INGEST_CLASSIFY_CLASSIFY_SEEN_H
#define INGEST_CLASSIFY_CLASSIFY_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/classify/classify_rules.h"
#include "ingest/classify/classify_verdict.h"
#include "ingest/mime/mime_head.h"

/*
 * What the rules see in a mail, by where it stood: everything once, in one pass
 * over headers, subject and new text; the judges weigh it.
 *
 * Sets have one bit per saying, CLASSIFY_SEEN(says).
 */
#define CLASSIFY_SEEN(says) (UINT32_C(1) << (says))

struct classify_seen {
	uint32_t header, subject, text; /* said by a weak rule or a strong one */
	uint32_t strong;                /* by a strong one, wherever */
	uint32_t hints;                 /* by a hint, wherever */
	unsigned statements; /* rules that say "this is an automatic reply" in the text */
	bool is_answer;      /* the subject begins with "Re:" or the like */
	bool has_text;
};

/* `subject` and `text` are folded; `text` is the newly written part on one line, empty while it has
 * not been fetched.  Evidence is added to `v`. */
void classify_seen_look(struct classify_seen *s, const struct mime_head *head, struct text subject,
			struct text text, struct classify_verdict *v);

/* Is any of `set` said, strongly or weakly, anywhere? */
bool classify_seen_any(const struct classify_seen *s, uint32_t set);

/* Sent to many (RFC 2919, 2369): a list or a newsletter. */
bool classify_seen_is_list(const struct mime_head *head, struct classify_verdict *ret);

#endif
