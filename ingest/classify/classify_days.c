#include "ingest/classify/classify_days.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_phrase.h"
#include "ingest/classify/classify_trie.h"
#include "ingest/mime/mime_fold.h"

enum what { WHAT_WHEN, WHAT_NUMBER, WHAT_UNIT, WHAT_TOUCH, WHATS };

#define HITS 8  /* phrases that begin alike */
#define MOST 60 /* "in 60 days"; more is no time that people wait */

struct classify_days {
	struct classify_trie *of[WHATS]; /* values: as the enums of the header have them */
};

struct classify_days *classify_days_new(void)
{
	struct classify_days *d = mem_new(sizeof(*d));

	for (size_t i = 0; i < WHATS; i++)
		d->of[i] = classify_trie_new();
	return d;
}

void classify_days_free(struct classify_days *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < WHATS; i++)
		classify_trie_free(d->of[i]);
	free(d);
}

/* ---- reading ---- */

static const char *const whens[] = { "next-week", "next-month", "next-quarter", "next-year",
				     "q1",        "q2",         "q3",           "q4",
				     "half",      "half-year",  "summer",       "christmas",
				     "easter",    NULL };
static const char *const units[] = { "none", "day", "week", "month", "year", NULL };

_Static_assert(countof(whens) == CLASSIFY_WHEN_EASTER + 2, "a name each");
_Static_assert(countof(units) == CLASSIFY_UNIT_YEAR + 2, "a name each");

static bool index_of(const char *word, const char *const *words, uint32_t *ret)
{
	for (*ret = 0; words[*ret]; ++*ret)
		if (strcmp(words[*ret], word) == 0)
			return true;
	return false;
}

static bool value_of(enum what what, const char *value, uint32_t *ret)
{
	uint64_t n;

	*ret = 0;
	switch (what) {
	case WHAT_WHEN:
		return index_of(value, whens, ret);
	case WHAT_UNIT:
		return index_of(value, units, ret);
	case WHAT_NUMBER:
		if (text_u64(text_of(value), MOST, &n) < 0)
			return false;
		*ret = (uint32_t)n;
		return true;
	case WHAT_TOUCH:
		return strcmp(value, "yes") == 0;
	case WHATS:
		break;
	}
	return false;
}

static bool is_folded(struct text words)
{
	cleanup_buf struct buf folded;

	buf_init(&folded, words.len * 3 + 1);
	mime_fold_add(&folded, words);
	return text_eq(text_of_buf(&folded), words);
}

const char *classify_days_add(struct classify_days *d, const char *what, const char *words,
			      const char *value)
{
	static const char *const names[] = { "when", "number", "unit", "touch", NULL };
	struct text rest = text_of(words), one;
	uint32_t of, is;

	if (!index_of(what, names, &of))
		return "is none of when number unit touch";
	if (!value_of((enum what)of, value, &is))
		return "has a value that its kind does not know";
	if (!is_folded(rest))
		return "is not folded: lower case, without accents";
	for (bool more = true; more;) {
		more = text_cut(rest, '|', &one, &rest);
		if (!one.len)
			return "has an empty choice";
		classify_trie_add(d->of[of], one, is);
	}
	return NULL;
}

/* ---- asking ---- */

/* The longest at the front, behind which no word goes on; 0: none. */
static size_t front(const struct classify_trie *t, struct text folded, uint32_t *ret)
{
	struct classify_trie_hit hits[HITS];
	size_t n = classify_trie_front(t, folded, hits, countof(hits));

	while (n-- > 0) {
		if (hits[n].len < folded.len && !classify_phrase_may_begin(folded, hits[n].len))
			continue;
		*ret = hits[n].value;
		return hits[n].len;
	}
	return 0;
}

size_t classify_days_when(const struct classify_days *d, struct text folded,
			  enum classify_when *ret)
{
	uint32_t value = 0;
	size_t n = front(d->of[WHAT_WHEN], folded, &value);

	*ret = (enum classify_when)value;
	return n;
}

/* The value of a whole word; 0: it has none. */
static uint32_t word(const struct classify_trie *t, struct text folded)
{
	uint32_t value = 0;

	return front(t, folded, &value) == folded.len ? value : 0;
}

int classify_days_number(const struct classify_days *d, struct text folded)
{
	uint64_t n;

	return text_u64(folded, MOST, &n) == 0 ? (int)n : (int)word(d->of[WHAT_NUMBER], folded);
}

enum classify_unit classify_days_unit(const struct classify_days *d, struct text folded)
{
	return (enum classify_unit)word(d->of[WHAT_UNIT], folded);
}

bool classify_days_touch(const struct classify_days *d, struct text folded)
{
	struct classify_trie_walk walk;
	uint32_t value;
	size_t at;

	classify_trie_start(&walk, d->of[WHAT_TOUCH], folded);
	return classify_trie_next(&walk, &value, &at);
}
