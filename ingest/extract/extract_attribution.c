#include "ingest/extract/extract_attribution.h"

#include <string.h>

#define LONGEST 500 /* bytes of one, folded, on all its lines */
#define LINES   4
#define NAME    150  /* bytes of a name and an address */
#define INSIDE  2000 /* bytes of a line that is looked through for one */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_framed(struct text t)
{
	return text_istarts(t, TEXT("--")) && text_iends(t, TEXT("--"));
}

/* Is the last word "wrote"?  `ret_any`: is there one at all? */
static bool ends_with_verb(const struct extract_lines *l, struct text t, bool *ret_any)
{
	struct classify_trie_walk w;
	size_t at, len, end = 0;

	classify_marks_start(l->marks, CLASSIFY_MARK_VERB, t, &w);
	while (classify_marks_next(&w, &at, &len))
		if (at + len > end)
			end = at + len;
	*ret_any = end > 0;
	/* "napisal" stands for "napisal(a)", "wrote" for "wrote the following" */
	return end > 0 && t.len - end <= 12;
}

static bool begins_like_one(const struct extract_lines *l, size_t i, struct text t)
{
	return (t.len && is_digit(t.at[0])) || text_istarts(t, TEXT("--")) ||
	       extract_lines_has(l, i, CLASSIFY_MARK_INTRO);
}

/* `t`: the lines from `i` on, joined. */
static bool is_whole(const struct extract_lines *l, size_t i, struct text t)
{
	bool address = extract_lines_holds(t, '@'), dated = extract_lines_digits(t) >= 4, verb,
	     last;
	bool colon = t.at[t.len - 1] == ':';

	if (t.len > LONGEST || (!colon && !is_framed(t) && t.at[t.len - 1] != '>'))
		return false;
	last = ends_with_verb(l, t, &verb);
	if (verb && colon)
		return address || dated || last;
	if (verb && is_framed(t))
		return true;
	/* clients whose form has no verb: Gmail in Japanese and Russian, and the oldest one */
	if (!begins_like_one(l, i, t) || !address || !dated)
		return false;
	return text_iends(t, TEXT(">:")) || (is_digit(t.at[0]) && t.at[t.len - 1] == '>' &&
					     extract_lines_digits(text_sub(t, 0, 10)) >= 5);
}

/* Prose that ends with "he wrote:" has neither. */
static bool is_certain(struct text t)
{
	return extract_lines_holds(t, '@') ||
	       extract_lines_digits(t) >= 5; /* a year and a day, or a day and a time */
}

bool extract_attribution_at(const struct extract_lines *l, size_t i,
			    struct extract_attribution *ret)
{
	char joined[LONGEST + LINES];
	size_t len = 0;

	if (!begins_like_one(l, i, extract_lines_folded(l, i)) && l->at[i].folded_len > LONGEST / 2)
		return false;
	for (size_t n = 1; n <= LINES && i + n - 1 < l->n; n++) {
		size_t at = i + n - 1;
		struct text t = extract_lines_folded(l, at), all;

		if (!t.len || l->at[at].depth != l->at[i].depth || len + t.len + 1 > LONGEST)
			return false;
		/* one by itself does not take the line above into it */
		if (n > 1 && begins_like_one(l, at, t) && t.at[t.len - 1] == ':' && is_certain(t) &&
		    is_whole(l, at, t))
			return false;
		if (n > 1)
			joined[len++] = ' ';
		memcpy(joined + len, t.at, t.len);
		len += t.len;
		all = (struct text){ joined, len };
		if (is_whole(l, i, all)) {
			*ret = (struct extract_attribution){ n, is_certain(all) };
			return true;
		}
		/* goes on in the next line? */
		if (!begins_like_one(l, i, all) &&
		    !(extract_lines_holds(all, '<') && extract_lines_holds(all, '@')))
			return false;
	}
	return false;
}

/* ---- in the middle of a line ---- */

/* Behind the verb: the colon, or the writer and then the colon ("schrieb Bo <bo@send.example>:").
 */
static bool is_closed(struct text tail)
{
	const char *colon = tail.len ? memchr(tail.at, ':', tail.len) : NULL;

	return colon && (colon - tail.at < 12 || colon[-1] == '>' || colon[-1] == ')');
}

/* From the intro on: a date soon, then a verb, then a colon, within what one line may hold. */
static bool is_whole_inside(const struct extract_lines *l, struct text t, size_t intro)
{
	struct classify_trie_walk w;
	size_t at, len;

	if (!extract_lines_digits(text_sub(t, intro, 16)))
		return false;
	t = text_sub(t, 0, LONGEST);
	classify_marks_start(l->marks, CLASSIFY_MARK_VERB, t, &w);
	while (classify_marks_next(&w, &at, &len)) {
		struct text head = text_sub(t, 0, at + len), tail = text_sub(t, at + len, NAME);

		if (is_closed(tail) && extract_lines_digits(head) >= 5 &&
		    (extract_lines_holds(head, '@') || extract_lines_holds(head, ':')))
			return true;
	}
	return false;
}

size_t extract_attribution_inside(const struct extract_lines *l, size_t i)
{
	struct text t = text_sub(extract_lines_folded(l, i), 0, INSIDE);
	struct classify_trie_walk w;
	size_t at, len, tried = 0;

	if (l->at[i].depth || !extract_lines_holds(t, ':') || extract_lines_digits(t) < 5 ||
	    begins_like_one(l, i, t))
		return 0;
	classify_marks_start(l->marks, CLASSIFY_MARK_INTRO, t, &w);
	while (tried < 32 && classify_marks_next(&w, &at, &len)) {
		if (extract_lines_holds(text_sub(t, 0, at), '<'))
			break; /* a name and an address: it began there */
		if (at == 0 || !extract_lines_is_word_end(t, at + len))
			continue;
		tried++;
		if (is_whole_inside(l, text_sub(t, at, t.len), len)) {
			while (at > 0 && (t.at[at - 1] == '-' || t.at[at - 1] == ' '))
				at--;
			return at;
		}
	}
	return 0;
}
