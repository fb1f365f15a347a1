#ifndef INGEST_CLASSIFY_CLASSIFY_AUTOMATON_H
#define INGEST_CLASSIFY_CLASSIFY_AUTOMATON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * Pieces of text with choices in them, all looked for in one pass over folded text.
 *
 *   add ... add -> compile -> start -> next, next ...: each (value, where, length),
 *   in order of place; at one place the shorter before the longer, and of equals
 *   the one that was added first
 *
 *   remove (me|us)       either
 *   (|please )stop       or nothing; blanks that meet are one
 *   intere*              any ending
 *
 * A piece that begins with an ASCII letter or digit begins where a word begins.
 *
 * The pieces become one deterministic automaton (subset construction): what is
 * the same behind a choice is there once, so that a hundred thousand ways to
 * write a thousand pieces take 1 MB.  Time is the length of the text times the
 * longest piece at the worst.
 */
struct classify_automaton;

struct classify_automaton *classify_automaton_new(void);
void classify_automaton_free(struct classify_automaton *a); /* NULL is fine */

/* NULL, or what is wrong with it: "has a ( without )".  Nothing may be added to a compiled one. */
const char *classify_automaton_add(struct classify_automaton *a, struct text piece, uint32_t value);
void classify_automaton_compile(struct classify_automaton *a);

struct classify_automaton_hit {
	uint32_t value;
	bool open; /* the piece ends with '*': its word may go on */
	size_t at, len;
};

struct classify_automaton_walk {
	const struct classify_automaton *automaton;
	struct text text;
	size_t at, len;     /* where the piece under the eye begins, and how far it was followed */
	uint32_t state;     /* where that led */
	uint32_t hit, hits; /* of that state, those that are still to be told */
};

/* `a` compiled. */
void classify_automaton_start(struct classify_automaton_walk *w, const struct classify_automaton *a,
			      struct text folded);
bool classify_automaton_next(struct classify_automaton_walk *w, struct classify_automaton_hit *ret);

/* Bytes of one way to write a piece. */
#define CLASSIFY_AUTOMATON_PIECE 120

#endif
