#ifndef INGEST_EXTRACT_EXTRACT_LINES_H
#define INGEST_EXTRACT_EXTRACT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"
#include "ingest/classify/classify_marks.h"
#include "ingest/extract/extract_kind.h"

/*
 * The lines of a body, each beside its folded form (mime_fold), with what can be seen of it alone.
 * One allocation for all of them; of a body with more than LIMIT_EXTRACT_LINES the last line is
 * all the rest.
 */
struct extract_line {
	uint32_t at, len;               /* in the body, without its end */
	uint32_t folded_at, folded_len; /* folded, without quote marks, trimmed */
	uint32_t marks;                 /* bits of enum classify_mark at its front */
	uint16_t bare; /* folded bytes before the first that is no ornament: "*-_=#| " */
	uint8_t depth; /* how many '>' stood before it */
	uint8_t label; /* enum classify_mark of a header label; CLASSIFY_MARKS: none */
	uint8_t kind;  /* enum extract_kind: what the engine found it to be */
	bool is_split; /* the rest of the line above */
};

struct extract_lines {
	struct text body;
	struct buf folded;
	const struct classify_marks *marks;
	struct extract_line *at;
	size_t n, room;
};

void extract_lines_read(struct extract_lines *l, struct text body);
void extract_lines_clear(struct extract_lines *l);

struct text extract_lines_raw(const struct extract_lines *l, size_t i);
struct text extract_lines_folded(const struct extract_lines *l, size_t i);
/* Folded, without the ornaments at its front. */
struct text extract_lines_bare(const struct extract_lines *l, size_t i);
bool extract_lines_is_blank(const struct extract_lines *l, size_t i);
/* The first line from `i` on that is not blank; l->n: none. */
size_t extract_lines_next(const struct extract_lines *l, size_t i);
bool extract_lines_has(const struct extract_lines *l, size_t i, enum classify_mark what);

/* Does no letter of the same word stand at `at`?  0 < at. */
bool extract_lines_is_word_end(struct text folded, size_t at);

/* Of a line or a piece of one: does it hold this byte, and how many digits? */
bool extract_lines_holds(struct text t, char c);
size_t extract_lines_digits(struct text t);

/*
 * Make two lines of line `i`: the second begins at byte `at` of its folded text.  false: too often
 * already, or nothing would stand before it.
 */
bool extract_lines_split(struct extract_lines *l, size_t i, size_t at);

/* All lines from `from` up to `to` that are not blank are of this kind. */
void extract_lines_mark(struct extract_lines *l, size_t from, size_t to, enum extract_kind kind);

#endif
