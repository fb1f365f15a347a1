#include "ingest/classify/classify_marks.h"

#include <stdlib.h>

#include "base/mem.h"

/* Phrases at one place: a label, an intro, a closing and their longer forms. */
#define HITS 32

struct classify_marks {
	struct classify_trie *front;                  /* all of them; values: enum classify_mark */
	struct classify_trie *inside[CLASSIFY_MARKS]; /* values: length of the phrase; or NULL */
};

static const char *const names[] = {
	"from",    "date",   "to",         "cc",      "subject", "other",
	"intro",   "verb",   "original",   "forward", "banner",  "device",
	"closing", "thanks", "disclaimer", "legal",   NULL,
};

_Static_assert(countof(names) == CLASSIFY_MARKS + 1, "a name each");

const char *const *classify_marks_names(void)
{
	return names;
}

struct classify_marks *classify_marks_new(void)
{
	struct classify_marks *m = mem_new(sizeof(*m));

	m->front = classify_trie_new();
	m->inside[CLASSIFY_MARK_INTRO] = classify_trie_new();
	m->inside[CLASSIFY_MARK_VERB] = classify_trie_new();
	m->inside[CLASSIFY_MARK_LEGAL] = classify_trie_new();
	return m;
}

void classify_marks_free(struct classify_marks *m)
{
	if (!m)
		return;
	classify_trie_free(m->front);
	for (size_t i = 0; i < countof(m->inside); i++)
		classify_trie_free(m->inside[i]);
	free(m);
}

void classify_marks_add(struct classify_marks *m, enum classify_mark what, struct text phrase)
{
	classify_trie_add(m->front, phrase, (uint32_t)what);
	if (m->inside[what])
		classify_trie_add(m->inside[what], phrase, (uint32_t)phrase.len);
}

void classify_marks_front(const struct classify_marks *m, struct text folded,
			  struct classify_marks_front *ret)
{
	struct classify_trie_hit hit[HITS];
	size_t n = classify_trie_front(m->front, folded, hit, countof(hit));

	ret->set = 0;
	for (size_t i = 0; i < n; i++) {
		ret->set |= 1U << hit[i].value;
		ret->len[hit[i].value] = (uint16_t)hit[i].len;
	}
}

void classify_marks_start(const struct classify_marks *m, enum classify_mark what,
			  struct text folded, struct classify_trie_walk *ret)
{
	classify_trie_start(ret, m->inside[what], folded);
}

bool classify_marks_next(struct classify_trie_walk *w, size_t *ret_at, size_t *ret_len)
{
	uint32_t len;

	if (!classify_trie_next(w, &len, ret_at))
		return false;
	*ret_len = len;
	return true;
}
