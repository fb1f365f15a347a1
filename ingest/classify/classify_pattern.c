#include "ingest/classify/classify_pattern.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_trie.h"
#include "ingest/mime/mime_fold.h"

#define PIECES 5
#define GAP    44  /* bytes between two pieces: about seven words */
#define RECENT 256 /* pieces of one sentence that wait for their next */

/* One way to write one piece of a pattern. */
struct way {
	uint32_t pattern;
	uint16_t len;
	uint8_t piece;
	bool open; /* ends freely */
};

struct pattern {
	uint32_t value;
	enum classify_pattern_scope scope;
	uint8_t n_pieces;
	bool question;
};

struct classify_patterns {
	struct classify_trie *trie; /* its values are ways */
	struct way *way;
	struct pattern *pattern;
	uint32_t n_ways, n_patterns;
};

struct classify_patterns *classify_pattern_new(void)
{
	struct classify_patterns *p = mem_new(sizeof(*p));

	p->trie = classify_trie_new();
	return p;
}

void classify_pattern_free(struct classify_patterns *p)
{
	if (!p)
		return;
	classify_trie_free(p->trie);
	free(p->way);
	free(p->pattern);
	free(p);
}

/* ---- reading ---- */

#define WAY 120 /* bytes of one way to write a piece */

struct spelling {
	char at[WAY];
	size_t len;
	bool open;
};

static const char *add_way(struct classify_patterns *p, uint8_t piece, const struct spelling *s)
{
	struct text words = text_trim((struct text){ s->at, s->len });

	if (!words.len)
		return "has a piece that may be empty";
	if (p->n_ways % 1024 == 0)
		p->way = mem_resize(p->way, (p->n_ways + 1024) * sizeof(*p->way));
	p->way[p->n_ways] = (struct way){ .pattern = p->n_patterns,
					  .piece = piece,
					  .len = (uint16_t)words.len,
					  .open = s->open };
	classify_trie_add(p->trie, words, p->n_ways++);
	return NULL;
}

/* Write `rest` behind what is spelled already, once for each choice of its brackets. */
static const char *spell(struct classify_patterns *p, uint8_t piece, struct text rest,
			 struct spelling so_far)
{
	const char *wrong = NULL;
	struct text options, option, tail;
	bool more = true;

	for (; rest.len && rest.at[0] != '('; rest = text_sub(rest, 1, rest.len)) {
		if (so_far.len == WAY)
			return "has a piece that is too long";
		if (rest.at[0] == '*')
			so_far.open = true;
		else if (so_far.open || rest.at[0] == ')' || rest.at[0] == '|')
			return "has a *, ) or | out of place";
		else if (rest.at[0] != ' ' || !so_far.len || so_far.at[so_far.len - 1] != ' ')
			so_far.at[so_far.len++] = rest.at[0];
	}
	if (!rest.len)
		return add_way(p, piece, &so_far);
	if (!text_cut(text_sub(rest, 1, rest.len), ')', &options, &tail))
		return "has a ( without )";
	while (more && !wrong) {
		struct spelling one = so_far;

		more = text_cut(options, '|', &option, &options);
		if (so_far.len + option.len > WAY)
			return "has a piece that is too long";
		for (size_t i = 0; i < option.len; i++) {
			if (option.at[i] == '*' && i + 1 == option.len)
				one.open = true;
			else
				one.at[one.len++] = option.at[i];
		}
		wrong = one.open && tail.len ? "has a * before the end of a piece"
					     : spell(p, piece, tail, one);
	}
	return wrong;
}

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
		wrong = spell(p, new.n_pieces, piece, (struct spelling){ .len = 0 });
	}
	if (wrong)
		return wrong;
	if (p->n_patterns % 512 == 0)
		p->pattern = mem_resize(p->pattern, (p->n_patterns + 512) * sizeof(*p->pattern));
	p->pattern[p->n_patterns++] = new;
	return NULL;
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

static bool stands_alone(struct text t, size_t at, const struct way *w)
{
	size_t end = at + w->len;

	if (letter_at(t, at) && letter_before(t, at))
		return false;
	return w->open || !letter_at(t, end) || !letter_before(t, end);
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
static size_t begin_of(const struct search *s, const struct way *w, size_t at)
{
	if (w->piece == 0)
		return at;
	for (size_t i = s->n_recent; i-- > 0;) {
		const struct waiting *r = &s->recent[i];

		if (r->pattern == w->pattern && r->piece + 1 == w->piece && r->to <= at &&
		    at - r->to <= GAP)
			return r->from;
		if (r->to + GAP + WAY < at)
			break;
	}
	return SIZE_MAX;
}

static void note(struct search *s, const struct way *w, size_t at)
{
	const struct pattern *p = &s->p->pattern[w->pattern];
	size_t from = begin_of(s, w, at), to = at + w->len;
	struct classify_pattern_found *f = s->found;

	if (from == SIZE_MAX || (p->question && !s->is_question))
		return;
	if (w->piece + 1 < p->n_pieces) {
		if (s->n_recent < RECENT)
			s->recent[s->n_recent++] = (struct waiting){ w->pattern, (uint32_t)from,
								     (uint32_t)to, w->piece };
		return;
	}
	while (w->open && letter_at(s->t, to))
		to++;
	if (f->n < CLASSIFY_PATTERN_HITS)
		f->at[f->n++] = (struct classify_pattern_hit){ p->value, p->scope, p->n_pieces > 1,
							       from, to };
}

void classify_pattern_find(const struct classify_patterns *p, struct text sentence,
			   bool is_question, struct classify_pattern_found *ret)
{
	struct search s; /* without `recent`, which would cost more to blank than to fill */
	struct classify_trie_walk walk;
	uint32_t value;
	size_t at;

	s.p = p;
	s.t = sentence;
	s.is_question = is_question;
	s.n_recent = 0;
	s.found = ret;
	ret->n = 0;
	classify_trie_start(&walk, p->trie, sentence);
	while (classify_trie_next(&walk, &value, &at))
		if (stands_alone(sentence, at, &p->way[value]))
			note(&s, &p->way[value], at);
}
