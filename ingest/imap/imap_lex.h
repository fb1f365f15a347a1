#ifndef INGEST_IMAP_IMAP_LEX_H
#define INGEST_IMAP_IMAP_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * A cursor over one response line (imap_line.h), and the few shapes IMAP is
 * made of.  RFC 3501 section 4 (data formats), section 9 (grammar).
 *
 * Generous where servers are sloppy: an atom ends at a blank, a parenthesis or
 * the end, whatever else is in it.  Nothing recurses, so nesting costs no
 * stack; what a reader of nested things does with depth is its own ceiling.
 *
 * Every reader leaves the cursor behind what it read, or, on -EBADMSG, where
 * it was.
 */
struct imap_lex {
	char *at, *end;
	size_t max_literal; /* bytes: of a longer literal only so many are in the line */
};

void imap_lex_init(struct imap_lex *l, char *at, size_t len, size_t max_literal);

bool imap_lex_is_end(const struct imap_lex *l);
bool imap_lex_is(const struct imap_lex *l, char c); /* the next byte */
bool imap_lex_eat(struct imap_lex *l, char c);      /* the next byte, which is then behind us */
bool imap_lex_blanks(struct imap_lex *l);           /* pass over blanks; were there any? */
struct text imap_lex_rest(const struct imap_lex *l);

/* A run of bytes up to a blank, a parenthesis or the end.  -EBADMSG: empty. */
int imap_lex_atom(struct imap_lex *l, struct text *ret);
/* The same, but also ended by any byte of `stops`. */
int imap_lex_word(struct imap_lex *l, const char *stops, struct text *ret);

enum imap_lex_kind {
	IMAP_LEX_NIL, /* `ret` is empty */
	IMAP_LEX_ATOM,
	IMAP_LEX_QUOTED, /* escapes are undone in the line itself */
	IMAP_LEX_LITERAL,
};
/*
 * nstring, astring or atom: the kind, or -EBADMSG (a parenthesis, the end, a
 * quote that never closes, a literal that is not there).
 */
int imap_lex_string(struct imap_lex *l, struct text *ret);
/* Was the literal just read cut to max_literal? */
bool imap_lex_is_cut(struct text literal, const struct imap_lex *l);

/*
 * A number; "9.3736e+06" (mail.ru) is one too, and "-1" (Zoho) reads as 0.
 * -EBADMSG: not a number; larger than 64 bits is UINT64_MAX.
 */
int imap_lex_number(struct imap_lex *l, uint64_t *ret);

/* One value of any shape, unread: atom, string, literal, list.  The bytes stay as they are. */
int imap_lex_skip(struct imap_lex *l);
/* A list "( ... )" as a slice without its parentheses; NIL is the empty list.  The bytes stay as
 * they are. */
int imap_lex_list(struct imap_lex *l, struct text *ret);

#endif
