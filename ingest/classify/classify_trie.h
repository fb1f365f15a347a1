#ifndef INGEST_CLASSIFY_CLASSIFY_TRIE_H
#define INGEST_CLASSIFY_CLASSIFY_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * Many phrases looked for in one pass over folded text (mime_fold).
 *
 *   add ... add -> walk -> next, next, next: each (phrase, where it begins), in
 *   order of place; at one place the shorter before the longer, and of equals the
 *   one that was added first
 *
 * A phrase that begins with an ASCII letter or digit must begin where a word
 * begins; where it ends is free, so that one stem stands for its endings.
 *
 * Time is the length of the text times the longest phrase at the worst, and in
 * words of people little more than their length.
 */
struct classify_trie;

struct classify_trie *classify_trie_new(void);
void classify_trie_free(struct classify_trie *t); /* NULL is fine */
/* `phrase` not empty, `value` the caller's own. */
void classify_trie_add(struct classify_trie *t, struct text phrase, uint32_t value);

struct classify_trie_walk {
	const struct classify_trie *trie;
	struct text text;
	size_t at, depth; /* where the phrase under the eye begins, and how far it was followed */
	uint32_t node, value;
};

void classify_trie_start(struct classify_trie_walk *w, const struct classify_trie *t,
			 struct text folded);
bool classify_trie_next(struct classify_trie_walk *w, uint32_t *ret_value, size_t *ret_at);

/* The phrases that stand at the very front, shorter before longer; at most `max`: how many. */
struct classify_trie_hit {
	uint32_t value;
	size_t len; /* of the phrase */
};
size_t classify_trie_front(const struct classify_trie *t, struct text folded,
			   struct classify_trie_hit *ret, size_t max);

#endif
