#include "ingest/classify/classify_pattern.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_automaton.h"
#include "ingest/mime/mime_fold.h"

#define PIECES 5
#define GAP    44  /* bytes between two pieces: about seven words */
#define RECENT 256 /* pieces of one sentence that wait for their next */

struct pattern {
	uint32_t value;
	enum classify_pattern_scope scope;
	uint8_t n_pieces;
	bool question;
};

struct classify_patterns {
	struct classify_automaton *pieces; /* its values are patterns times PIECES, and the piece */
	struct pattern *pattern;
	uint32_t n_patterns;
};

struct classify_patterns *classify_pattern_new(void)
{
	struct classify_patterns *p = mem_new(sizeof(*p));

	p->pieces = classify_automaton_new();
	return p;
}

void classify_pattern_free(struct classify_patterns *p)
{
	if (!p)
		return;
	classify_automaton_free(p->pieces);
	free(p->pattern);
	free(p);
}

/* ---- reading ---- */

/* The words before " .. ", and what stands behind. */
static bool cut_piece(struct text *rest, struct text *ret)
{
	const char *gap = memmem(rest->at, rest->len, " .. ", 4);
	size_t n = gap ? (size_t)(gap - rest->at) : rest->len;

	*ret = text_sub(*rest, 0, n);
	*rest = text_sub(*rest, n + 4, rest->len);
	return gap != NULL;
}

const char *classify_pattern_add(struct classify_patterns *p, const char *pattern, uint32_t value)
{
	struct text rest = text_of(pattern), piece;
	struct pattern new = { .value = value };
	const char *wrong = NULL;

	if (!mime_fold_is(rest))
		return "is not folded: lower case, without accents";
	for (; rest.len && rest.at[0] == '=' && new.scope != CLASSIFY_PATTERN_TEXT;
	     rest = text_sub(rest, 1, rest.len))
		new.scope++;
	if (rest.len && rest.at[rest.len - 1] == '?') {
		new.question = true;
		rest.len--;
	}
	for (bool more = true; more && !wrong; new.n_pieces++) {
		if (new.n_pieces == PIECES)
			return "has too many pieces";
		more = cut_piece(&rest, &piece);
		wrong = classify_automaton_add(p->pieces, piece,
					       p->n_patterns * PIECES + new.n_pieces);
	}
	if (wrong)
		return wrong;
	if (p->n_patterns % 512 == 0)
		p->pattern = mem_resize(p->pattern, (p->n_patterns + 512) * sizeof(*p->pattern));
	p->pattern[p->n_patterns++] = new;
	return NULL;
}

void classify_pattern_compile(struct classify_patterns *p)
{
	classify_automaton_compile(p->pieces);
}

/* ---- words ---- */

static bool is_ascii_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* The first byte of a letter of Latin, Greek or Cyrillic beyond ASCII: scripts with blanks between
 * words. */
static bool leads_letter(char c)
{
	return (uint8_t)c >= 0xc3 && (uint8_t)c <= 0xd3;
}

/* Is the last character before `at` a letter of a script with blanks between words? */
static bool letter_before(struct text t, size_t at)
{
	if (!at || is_ascii_word(t.at[at - 1]))
		return at > 0;
	while (at && ((uint8_t)t.at[at - 1] & 0xc0) == 0x80)
		at--;
	return at && leads_letter(t.at[at - 1]);
}

static bool letter_at(struct text t, size_t at)
{
	return at < t.len && (is_ascii_word(t.at[at]) || leads_letter(t.at[at]));
}

static bool stands_alone(struct text t, const struct classify_automaton_hit *hit)
{
	size_t end = hit->at + hit->len;

	if (letter_at(t, hit->at) && letter_before(t, hit->at))
		return false;
	return hit->open || !letter_at(t, end) || !letter_before(t, end);
}

/* ---- looking ---- */

struct waiting {
	uint32_t pattern;
	uint32_t from, to;
	uint8_t piece;
};

struct search {
	const struct classify_patterns *p;
	struct text t;
	bool is_question;
	struct waiting recent[RECENT];
	size_t n_recent;
	struct classify_pattern_found *found;
};

/* Where the pieces before this one begin; SIZE_MAX: they are not there. */
static size_t begin_of(const struct search *s, uint32_t pattern, uint8_t piece, size_t at)
{
	if (piece == 0)
		return at;
	for (size_t i = s->n_recent; i-- > 0;) {
		const struct waiting *r = &s->recent[i];

		if (r->pattern == pattern && r->piece + 1 == piece && r->to <= at &&
		    at - r->to <= GAP)
			return r->from;
		if (r->to + GAP + CLASSIFY_AUTOMATON_PIECE < at)
			break;
	}
	return SIZE_MAX;
}

static void note(struct search *s, const struct classify_automaton_hit *hit)
{
	uint32_t pattern = hit->value / PIECES;
	uint8_t piece = (uint8_t)(hit->value % PIECES);
	const struct pattern *p = &s->p->pattern[pattern];
	size_t from = begin_of(s, pattern, piece, hit->at), to = hit->at + hit->len;
	struct classify_pattern_found *f = s->found;

	if (from == SIZE_MAX || (p->question && !s->is_question))
		return;
	if (piece + 1 < p->n_pieces) {
		if (s->n_recent < RECENT)
			s->recent[s->n_recent++] =
				(struct waiting){ pattern, (uint32_t)from, (uint32_t)to, piece };
		return;
	}
	while (hit->open && letter_at(s->t, to))
		to++;
	if (f->n < CLASSIFY_PATTERN_HITS)
		f->at[f->n++] = (struct classify_pattern_hit){ p->value, p->scope, p->n_pieces > 1,
							       from, to };
}

void classify_pattern_find(const struct classify_patterns *p, struct text sentence,
			   bool is_question, struct classify_pattern_found *ret)
{
	struct search s; /* without `recent`, which would cost more to blank than to fill */
	struct classify_automaton_walk walk;
	struct classify_automaton_hit hit;

	s.p = p;
	s.t = sentence;
	s.is_question = is_question;
	s.n_recent = 0;
	s.found = ret;
	ret->n = 0;
	classify_automaton_start(&walk, p->pieces, sentence);
	while (classify_automaton_next(&walk, &hit))
		if (stands_alone(sentence, &hit))
			note(&s, &hit);
}
