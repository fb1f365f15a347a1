#ifndef INGEST_EXTRACT_EXTRACT_FORWARD_H
#define INGEST_EXTRACT_EXTRACT_FORWARD_H

#include <stddef.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "ingest/extract/extract_header.h"
#include "ingest/extract/extract_lines.h"

/*
 * What the header block of a forwarded mail says: slices of the body as they stand there, with
 * quote marks and line ends; extract_forward_value() and _people() read them.
 */
struct extract_forward {
	struct text from, to, cc, subject, date; /* empty: not said */
};

void extract_forward_of_header(const struct extract_lines *l, const struct extract_header *h,
			       struct extract_forward *ret);
/* "On 28/10/2021 12:46, "Bo" <bo@send.example> wrote:": who and when, no more. */
void extract_forward_of_attribution(const struct extract_lines *l, size_t i, size_t n,
				    struct extract_forward *ret);
/*
 * "From: Bo <bo@send.example>To: Ann <ann@x.example>Sent: MondaySubject: Offer": Yahoo's, on one
 * line. false: no sender is in it.
 */
bool extract_forward_of_line(const struct extract_lines *l, size_t i, struct extract_forward *ret);

/* One line, without quote marks, ornaments and blanks around it. */
void extract_forward_value(struct text slice, struct buf *ret);

/* The text of the forwarded mail: `slice` without the quote marks at its lines' fronts. */
void extract_forward_body(struct text slice, struct buf *ret);

struct extract_person {
	char name[256], address[256]; /* "": not said */
};

/* Names and addresses of a list parted by ',' or ';'; at most `max`: how many. */
size_t extract_forward_people(struct text slice, struct extract_person *ret, size_t max);

#endif
