#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_phrase.h"
#include "ingest/classify/classify_trie.h"

#define NONE UINT32_MAX

struct node {
	uint32_t below, beside; /* the first child; the next child of the same parent */
	uint32_t values;        /* the first value that ends here */
	uint32_t wide;          /* of a node with many children: where they stand by their letter */
	unsigned char byte, n_below;
};

#define MANY    4  /* children that are looked for one after the other */
#define LETTERS 27 /* a to z, and the blank: those of a wide node */

struct wide {
	uint32_t child[LETTERS];
};

struct value {
	uint32_t value, next;
};

struct classify_trie {
	struct node *node;
	struct value *value;
	struct wide *wide;
	uint32_t n_nodes, n_values, n_wide;
	uint32_t root[256]; /* a child each: most of the text fails here */
};

struct classify_trie *classify_trie_new(void)
{
	struct classify_trie *t = mem_new(sizeof(*t));

	memset(t->root, 0xff, sizeof(t->root));
	return t;
}

void classify_trie_free(struct classify_trie *t)
{
	if (!t)
		return;
	free(t->node);
	free(t->value);
	free(t->wide);
	free(t);
}

static bool is_full(uint32_t n)
{
	return n >= 256 && (n & (n - 1)) == 0;
}

static uint32_t new_node(struct classify_trie *t, unsigned char byte)
{
	if (t->n_nodes == 0 || is_full(t->n_nodes))
		t->node =
			mem_resize(t->node, (t->n_nodes ? t->n_nodes * 2 : 256) * sizeof(*t->node));
	t->node[t->n_nodes] = (struct node){ NONE, NONE, NONE, NONE, byte, 0 };
	return t->n_nodes++;
}

/* The place of a letter in a wide node; LETTERS: it has none. */
static unsigned letter_of(unsigned char byte)
{
	if (byte >= 'a' && byte <= 'z')
		return byte - 'a';
	return byte == ' ' ? LETTERS - 1 : LETTERS;
}

static uint32_t child(const struct classify_trie *t, uint32_t parent, unsigned char byte)
{
	const struct node *p = &t->node[parent];
	unsigned letter = letter_of(byte);
	uint32_t at = p->below;

	if (p->wide != NONE && letter < LETTERS)
		return t->wide[p->wide].child[letter];
	while (at != NONE && t->node[at].byte != byte)
		at = t->node[at].beside;
	return at;
}

static void widen(struct classify_trie *t, struct node *p)
{
	if (t->n_wide == 0 || is_full(t->n_wide))
		t->wide = mem_resize(t->wide, (t->n_wide ? t->n_wide * 2 : 256) * sizeof(*t->wide));
	p->wide = t->n_wide++;
	memset(&t->wide[p->wide], 0xff, sizeof(*t->wide));
	for (uint32_t at = p->below; at != NONE; at = t->node[at].beside)
		if (letter_of(t->node[at].byte) < LETTERS)
			t->wide[p->wide].child[letter_of(t->node[at].byte)] = at;
}

static uint32_t need_child(struct classify_trie *t, uint32_t parent, unsigned char byte)
{
	uint32_t at = child(t, parent, byte);
	struct node *p;

	if (at != NONE)
		return at;
	at = new_node(t, byte);
	p = &t->node[parent];
	t->node[at].beside = p->below;
	p->below = at;
	if (p->wide != NONE && letter_of(byte) < LETTERS)
		t->wide[p->wide].child[letter_of(byte)] = at;
	else if (p->wide == NONE && ++p->n_below > MANY)
		widen(t, p);
	return at;
}

void classify_trie_add(struct classify_trie *t, struct text phrase, uint32_t value)
{
	unsigned char first = (unsigned char)phrase.at[0];
	uint32_t at, *end;

	if (t->root[first] == NONE)
		t->root[first] = new_node(t, first);
	at = t->root[first];
	for (size_t i = 1; i < phrase.len; i++)
		at = need_child(t, at, (unsigned char)phrase.at[i]);
	if (t->n_values == 0 || is_full(t->n_values))
		t->value = mem_resize(t->value,
				      (t->n_values ? t->n_values * 2 : 256) * sizeof(*t->value));
	t->value[t->n_values] = (struct value){ value, NONE };
	for (end = &t->node[at].values; *end != NONE; end = &t->value[*end].next)
		;
	*end = t->n_values++;
}

/* ---- looking ---- */

void classify_trie_start(struct classify_trie_walk *w, const struct classify_trie *t,
			 struct text folded)
{
	*w = (struct classify_trie_walk){
		.trie = t, .text = folded, .at = SIZE_MAX, .node = NONE, .value = NONE
	};
}

/* On to the next place where a phrase could begin. */
static bool begin(struct classify_trie_walk *w)
{
	for (w->at++; w->at < w->text.len; w->at++) {
		w->node = w->trie->root[(unsigned char)w->text.at[w->at]];
		if (w->node == NONE || !classify_phrase_may_begin(w->text, w->at))
			continue;
		w->depth = 1;
		return true;
	}
	w->node = NONE;
	w->at = w->text.len;
	return false;
}

bool classify_trie_next(struct classify_trie_walk *w, uint32_t *ret_value, size_t *ret_at)
{
	const struct classify_trie *t = w->trie;

	while (w->value == NONE) {
		size_t to = w->at + w->depth;

		if (w->node != NONE && to < w->text.len)
			w->node = child(t, w->node, (unsigned char)w->text.at[to]);
		else
			w->node = NONE;
		w->depth++;
		if (w->node == NONE && !begin(w))
			return false;
		w->value = t->node[w->node].values;
	}
	*ret_value = t->value[w->value].value;
	*ret_at = w->at;
	w->value = t->value[w->value].next;
	return true;
}

size_t classify_trie_front(const struct classify_trie *t, struct text folded,
			   struct classify_trie_hit *ret, size_t max)
{
	uint32_t at = folded.len ? t->root[(unsigned char)folded.at[0]] : NONE;
	size_t n = 0;

	for (size_t len = 1; at != NONE; len++) {
		for (uint32_t v = t->node[at].values; v != NONE && n < max; v = t->value[v].next)
			ret[n++] = (struct classify_trie_hit){ t->value[v].value, len };
		at = len < folded.len ? child(t, at, (unsigned char)folded.at[len]) : NONE;
	}
	return n;
}
