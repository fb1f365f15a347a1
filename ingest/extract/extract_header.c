#include "ingest/extract/extract_header.h"

#include <string.h>

#include "base/mem.h"

#define LINES 24 /* of a block: many recipients, wrapped */
#define WRAPS 6  /* lines of one value: who has more recipients than that shows them elsewhere */

/* Does line `i`, which has no label, go on with the value above? */
static bool is_wrapped(const struct extract_lines *l, size_t i, bool label_follows)
{
	struct text raw = extract_lines_raw(l, i), folded = extract_lines_folded(l, i);

	if (label_follows)
		return true;
	return extract_lines_holds(folded, '@') &&
	       (raw.at[0] == ' ' || raw.at[0] == '\t' || text_iends(folded, TEXT(">")) ||
		text_iends(folded, TEXT(";")));
}

static bool is_label(const struct extract_lines *l, size_t i, uint8_t depth)
{
	return i < l->n && l->at[i].label != CLASSIFY_MARKS && l->at[i].depth == depth;
}

/* The next label of the block after line `i`; l->n: the block ends.  `ret_end`: behind its value.
 */
static size_t next_label(const struct extract_lines *l, size_t i, size_t *ret_end)
{
	uint8_t depth = l->at[i].depth;
	size_t at = i + 1, blanks = 0;

	*ret_end = at;
	for (size_t wraps = 0; at < l->n && wraps <= WRAPS; at++) {
		if (is_label(l, at, depth))
			return at;
		if (extract_lines_is_blank(l, at)) {
			if (++blanks > 1)
				return l->n;
			continue;
		}
		if (blanks || l->at[at].depth != depth)
			return l->n;
		wraps++;
		if (is_wrapped(l, at, false))
			*ret_end = at + 1;
	}
	return l->n;
}

static bool holds(const struct extract_lines *l, const struct extract_header *h)
{
	size_t n = 0, date = h->line[CLASSIFY_MARK_DATE], from = h->line[CLASSIFY_MARK_FROM],
	       to = h->line[CLASSIFY_MARK_TO];

	for (unsigned i = CLASSIFY_MARK_FROM; i <= CLASSIFY_MARK_SUBJECT; i++)
		n += h->line[i] != SIZE_MAX;
	if (n >= 3)
		return from != SIZE_MAX || to != SIZE_MAX;
	if (n < 2)
		return false;
	return (date != SIZE_MAX && extract_lines_digits(extract_lines_folded(l, date)) >= 5 &&
		((from != SIZE_MAX && extract_lines_holds(extract_lines_folded(l, from), '@')) ||
		 (to != SIZE_MAX && extract_lines_holds(extract_lines_folded(l, to), '@')))) ||
	       (from != SIZE_MAX && to != SIZE_MAX &&
		extract_lines_holds(extract_lines_folded(l, from), '@') &&
		extract_lines_holds(extract_lines_folded(l, to), '@'));
}

bool extract_header_at(const struct extract_lines *l, size_t i, bool sure,
		       struct extract_header *ret)
{
	size_t end = i + LINES;

	if (i >= l->n || l->at[i].label == CLASSIFY_MARKS)
		return false;
	for (size_t k = 0; k < countof(ret->line); k++)
		ret->line[k] = SIZE_MAX;
	for (size_t at = i; at < l->n && at < end;) {
		uint8_t label = l->at[at].label;

		/* a second "From:" begins the next block */
		if (ret->line[label] != SIZE_MAX && label != CLASSIFY_MARK_OTHER)
			break;
		ret->line[label] = at;
		at = next_label(l, at, &ret->end);
	}
	return sure || holds(l, ret);
}

/* ---- values ---- */

/* Behind the colon of a label: ':' or U+FF1A. */
static struct text behind_colon(struct text t)
{
	size_t i = 0, colon = 0;

	for (; !colon && i < t.len; i++) {
		if (t.at[i] == ':')
			colon = 1;
		else if (i + 2 < t.len && memcmp(t.at + i, "\xef\xbc\x9a", 3) == 0)
			colon = 3;
	}
	if (colon)
		i += colon - 1;
	return (struct text){ t.at + i, t.len - i };
}

struct text extract_header_value(const struct extract_lines *l, const struct extract_header *h,
				 enum classify_mark label)
{
	size_t i = h->line[label];
	struct text value, last;

	if (i == SIZE_MAX)
		return (struct text){ 0 };
	value = behind_colon(extract_lines_raw(l, i));
	for (i++; i < h->end && l->at[i].label == CLASSIFY_MARKS; i++) {
		if (extract_lines_is_blank(l, i))
			break;
		last = extract_lines_raw(l, i);
		value.len = (size_t)(last.at + last.len - value.at);
	}
	return value;
}
