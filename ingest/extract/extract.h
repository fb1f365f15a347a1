#ifndef INGEST_EXTRACT_EXTRACT_H
#define INGEST_EXTRACT_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "ingest/extract/extract_forward.h"
#include "ingest/extract/extract_kind.h"
#include "ingest/mime/mime_head.h"

/*
 * Parts the body of a mail (mime_part_text: UTF-8, LF ends) into what its sender newly wrote and
 * what he did not.
 *
 *   On Mon, 3 Mar 2025, Ann wrote:     line over a quote, many languages and clients
 *   -----Original Message-----         separator
 *   From: .. Sent: .. To: ..           header block of Outlook, localised
 *   > quoted                           quoted line
 *   -- / Kind regards, / Ann Archer    signature, with the closing formula
 *   ---------- Forwarded message ---   a mail passed on
 *
 * Answers above, below and between quoted lines are new.  A body with text of which nothing would
 * be left, and that quotes nothing, is new as a whole.  Time is linear in the body; one allocation
 * for its folded copy and one for its lines.
 */
struct extract_about {
	struct text subject; /* decoded: "Fw:" and "Re:" tell a forward from an answer; empty:
				unknown */
	struct text sender;  /* display name; empty: unknown */
};

struct extract_about extract_about_of(const struct mime_head *h);

struct extract_span {
	enum extract_kind kind;
	struct text text; /* trimmed, not empty */
};

struct extract {
	struct extract_span at[LIMIT_EXTRACT_SPANS]; /* in order, disjoint, parts of the body */
	size_t n;
	bool is_forward; /* a mail is passed on */
	bool is_bare;    /* it is nothing but a header block and a mail: no separator says so */
	struct extract_forward forward;
};

/* `about`: NULL, nothing is known. */
void extract_cut(struct text body, const struct extract_about *about, struct extract *ret);

/* The spans of one kind, joined by empty lines; cut at the ceiling of `ret`. */
void extract_join(const struct extract *e, enum extract_kind kind, struct buf *ret);

/*
 * What a person is shown as the text of the mail: what is new in it; of a mail that only passes
 * one on, that one.
 */
void extract_new(const struct extract *e, struct buf *ret);

/* The text of the forwarded mail, without quote marks. */
void extract_body(const struct extract *e, struct buf *ret);

/* Its subject: as its header block says, else as `subject` of the mail says without "Fw:". */
void extract_subject(const struct extract *e, struct text subject, struct buf *ret);

#endif
