#include "ingest/classify/classify_rules.h"
#include "ingest/extract/extract_signature.h"

#include <string.h>

#include "ingest/mime/mime_utf8.h"

#define DEEPEST     30   /* lines with text of a signature, the small print apart */
#define SHORT       100  /* bytes: a line of an address block; longer ones are prose */
#define SMALL_PRINT 3000 /* bytes of a paragraph that are looked at */
#define PARAGRAPH   100  /* lines of it */
#define FARTHEST    600  /* lines from the end that are looked at */
#define NAMES       8    /* words of a sender's name */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool extract_signature_is_mark(const struct extract_lines *l, size_t i)
{
	struct text t = extract_lines_raw(l, i);

	if (l->at[i].depth)
		return false;
	while (t.len && (t.at[t.len - 1] == '\r' || t.at[t.len - 1] == ' '))
		t.len--;
	return text_eq(t, TEXT("--")) || text_eq(t, TEXT("\xe2\x80\x94"));
}

/* ---- words ---- */

/* The next word of letters and digits of `t`; false: none. */
static bool next_word(struct text *t, struct text *ret)
{
	size_t from = 0, to;

	while (from < t->len && !is_letter(t->at[from]) && !is_digit(t->at[from]))
		from++;
	for (to = from; to < t->len && (is_letter(t->at[to]) || is_digit(t->at[to]));)
		to++;
	*ret = text_sub(*t, from, to - from);
	*t = text_sub(*t, to, t->len);
	return ret->len > 0;
}

static size_t count_words(struct text t)
{
	struct text word;
	size_t n = 0;

	while (n < 20 && next_word(&t, &word))
		n++;
	return n;
}

/* What stands behind a phrase of `what` at the front of line `i`; at == NULL: none stands there. */
static struct text behind(const struct extract_lines *l, size_t i, enum classify_mark what)
{
	struct text bare = extract_lines_bare(l, i);
	struct classify_marks_front f;

	if (!extract_lines_has(l, i, what))
		return (struct text){ 0 };
	classify_marks_front(l->marks, bare, &f);
	if (!extract_lines_is_word_end(bare, f.len[what]))
		return (struct text){ 0 }; /* the word goes on */
	return (struct text){ bare.at + f.len[what], bare.len - f.len[what] };
}

/* ---- lines of programs ---- */

static bool names_device(struct text rest)
{
	struct text word;

	for (size_t n = 0; n < 4 && next_word(&rest, &word); n++)
		if (classify_cues_starts(classify_rules_cues(classify_rules_now()),
					 CLASSIFY_CUE_DEVICE, word))
			return true;
	return false;
}

/* "Sent from my phone", "Get Outlook for iOS": a program wrote it. */
static bool is_device(const struct extract_lines *l, size_t i)
{
	struct text rest = behind(l, i, CLASSIFY_MARK_DEVICE), phrase;
	size_t link;

	if (!rest.at || l->at[i].folded_len > 200)
		return false;
	phrase = extract_lines_bare(l, i);
	if (names_device(rest) || names_device(text_sub(phrase, 0, phrase.len - rest.len)))
		return count_words(rest) <= 12;
	link = text_ifind(rest, TEXT("<"));
	if (link == SIZE_MAX)
		link = text_ifind(rest, TEXT("("));
	if (link != SIZE_MAX)
		rest = text_sub(rest, 0, link);
	rest = text_trim(rest);
	return count_words(rest) <= 2 && !memchr(rest.at, ',', rest.len);
}

/* ---- the small print ---- */

/* Behind the lines of one paragraph, as far as they are not known for small print yet. */
static size_t paragraph_end(const struct extract_lines *l, size_t i, size_t to)
{
	for (to = to < i + PARAGRAPH ? to : i + PARAGRAPH; i < to; i++)
		if (extract_lines_is_blank(l, i) || l->at[i].kind == EXTRACT_DISCLAIMER)
			break;
	return i;
}

/* Does the small print begin with line `i`? */
static bool is_small_print(const struct extract_lines *l, size_t i, size_t end)
{
	struct text first = extract_lines_bare(l, i), last, t;
	struct classify_trie_walk w;
	size_t at, len, n = 0;

	if (!extract_lines_has(l, i, CLASSIFY_MARK_DISCLAIMER))
		return false;
	last = extract_lines_folded(l, end - 1);
	t = (struct text){ first.at, (size_t)(last.at + last.len - first.at) };
	classify_marks_start(l->marks, CLASSIFY_MARK_LEGAL, text_sub(t, 0, SMALL_PRINT), &w);
	while (n < 2 && classify_marks_next(&w, &at, &len))
		n++;
	/* a heading, "Disclaimer:", is by itself */
	return n >= 2 || (n == 1 && t.len > 60) || (count_words(t) <= 3 && i + 1 == end);
}

/* ---- names ---- */

static bool is_among(struct text word, const struct text *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text_eq(word, name[i]) || (word.len == 1 && name[i].at[0] == word.at[0]))
			return true;
	return false;
}

/* Is line `i` the sender's name and nothing else?  "- Ann", "B. Aubin", "i. A. Ann Archer". */
static bool is_sender(const struct extract_lines *l, size_t i, struct text sender)
{
	struct text t = extract_lines_bare(l, i), name[NAMES], word;
	size_t n = 0, hits = 0, words = 0;

	while (n < NAMES && next_word(&sender, &name[n]))
		n++;
	if (!n || t.len > SHORT)
		return false;
	while (next_word(&t, &word)) {
		if (++words > 6)
			return false;
		if (!is_among(word, name, n)) {
			if (word.len > 3 || words > 2) /* Dr., i. A., Ms */
				return false;
			continue;
		}
		hits += word.len > 1;
	}
	return hits > 0;
}

static bool is_upper(uint32_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde) || c == 0x110 || c == 0x141 ||
	       c == 0x15a || c == 0x160 || c == 0x17b || c == 0x17d || c == 0x10c || c == 0x106 ||
	       (c >= 0x391 && c <= 0x3a9) || (c >= 0x400 && c <= 0x42f) || c >= 0x3000;
}

/* Could line `i` be anybody's name: one to four words, each with a capital, nothing else? */
static bool is_anyones(const struct extract_lines *l, size_t i)
{
	struct text t = text_trim(extract_lines_raw(l, i));
	size_t words = 0;
	bool in_word = false;

	if (!t.len || t.len > 50)
		return false;
	while (t.len) {
		uint32_t c;
		size_t took = mime_utf8_next(t, &c);
		bool gap = c == ' ' || c == '-' || c == '.' || c == '*' || c == '/';

		if ((c < 0x80 && is_digit((char)c)) || c == '?' || c == '!' || c == ':' || c == '@')
			return false;
		if (!in_word && !gap) {
			if (!is_upper(c) && words != 1) /* "Ann van Archer" */
				return false;
			words++;
		}
		in_word = !gap;
		t = text_sub(t, took, t.len);
	}
	return words >= 1 && words <= 4;
}

/* ---- the closing formula ---- */

static bool is_end(const struct extract_lines *l, size_t i, size_t to)
{
	while (i < to && extract_lines_is_blank(l, i))
		i++;
	return i >= to;
}

static size_t next_text(const struct extract_lines *l, size_t i, size_t to)
{
	while (i < to && extract_lines_is_blank(l, i))
		i++;
	return i;
}

static bool is_question(struct text t)
{
	return t.len && (t.at[t.len - 1] == '?' || t.at[t.len - 1] == ':');
}

/* "Kind regards", and then a name, or nothing. */
static bool is_closing(const struct extract_lines *l, size_t i, size_t to)
{
	struct text rest = behind(l, i, CLASSIFY_MARK_CLOSING), t = extract_lines_folded(l, i);
	size_t next;

	if (!rest.at || is_question(t))
		return false;
	/* "Je vous prie d'agreer, Madame, l'expression de ..." is as long as it likes */
	if (count_words(rest) > (extract_lines_bare(l, i).len - rest.len > 14 ? 12U : 5U))
		return false;
	next = next_text(l, i + 1, to);
	return next == to || l->at[next].folded_len <= SHORT;
}

/* "Thanks" ends a letter only when whose letter it was stands below, or behind it. */
static bool is_thanks(const struct extract_lines *l, size_t i, size_t to, struct text sender)
{
	struct text rest = behind(l, i, CLASSIFY_MARK_THANKS);
	size_t next = next_text(l, i + 1, to);

	if (!rest.at || is_question(extract_lines_folded(l, i)) || count_words(rest) > 4)
		return false;
	if (next == to)
		return false;
	return is_sender(l, next, sender) || is_anyones(l, next);
}

/* "-Ann", "/Ann", "- Ann Archer", as the last line. */
static bool is_dashed_name(const struct extract_lines *l, size_t i, size_t to)
{
	struct text raw = text_trim(extract_lines_raw(l, i));

	return is_end(l, i + 1, to) && raw.len > 2 && (raw.at[0] == '-' || raw.at[0] == '/') &&
	       is_anyones(l, i) && (i == 0 || extract_lines_is_blank(l, i - 1));
}

/* A rule over the footer of a list or of a company. */
static bool is_rule(const struct extract_lines *l, size_t i)
{
	struct text t = extract_lines_folded(l, i);

	for (size_t k = 0; k < t.len; k++)
		if (t.at[k] != '_' && t.at[k] != '-' && t.at[k] != '=' && t.at[k] != '*')
			return false;
	return t.len >= 2;
}

/* `cut`: where it begins as far as was seen, or `to`. */
static bool begins_signature(const struct extract_lines *l, size_t i, size_t to, size_t cut,
			     struct text sender)
{
	if (is_closing(l, i, to) || is_thanks(l, i, to, sender) || is_dashed_name(l, i, cut))
		return true;
	if (is_rule(l, i))
		return !is_end(l, i + 1, to);
	return is_sender(l, i, sender);
}

static bool is_postscript(const struct extract_lines *l, size_t i)
{
	struct text t = extract_lines_bare(l, i);

	return text_istarts(t, TEXT("p.s")) || text_istarts(t, TEXT("ps:")) ||
	       text_istarts(t, TEXT("ps.")) || text_istarts(t, TEXT("ps ")) ||
	       text_istarts(t, TEXT("ps,")) || text_istarts(t, TEXT("pd:"));
}

void extract_signature_cut(struct extract_lines *l, size_t from, size_t to, struct text sender,
			   bool bare, bool may_empty)
{
	size_t cut = SIZE_MAX, first = next_text(l, from, to), end = to, seen = 0;

	for (size_t i = to; i-- > from && seen < DEEPEST && to - i < FARTHEST;) {
		size_t below;

		if (extract_lines_is_blank(l, i))
			continue;
		below = paragraph_end(l, i, to);
		if (is_small_print(l, i, below) && (i > first || !bare)) {
			extract_lines_mark(l, i, below, EXTRACT_DISCLAIMER);
			end = i < end ? end : i;
			continue;
		}
		if (l->at[i].kind == EXTRACT_DISCLAIMER)
			continue;
		seen++;
		if (is_device(l, i)) {
			l->at[i].kind = EXTRACT_SIGNATURE;
			continue;
		}
		if (is_postscript(l, i)) {
			cut = SIZE_MAX;
			end = i;
			continue;
		}
		if (begins_signature(l, i, end, end < cut ? end : cut, sender)) {
			cut = i;
			continue;
		}
		if (l->at[i].folded_len > SHORT)
			break;
		/* the lines of a sentence, wrapped: prose */
		if (cut != SIZE_MAX && i + 1 < to && !extract_lines_is_blank(l, i + 1) &&
		    l->at[i].folded_len > 60)
			break;
	}
	if (cut == SIZE_MAX || (bare && cut <= first && (!may_empty || !is_closing(l, cut, end))))
		return;
	for (size_t i = cut; i < end; i++)
		if (l->at[i].kind == EXTRACT_NEW)
			l->at[i].kind = EXTRACT_SIGNATURE;
}
