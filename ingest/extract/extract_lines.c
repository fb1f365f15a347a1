#include "ingest/extract/extract_lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/classify/classify_rules.h"
#include "ingest/mime/mime_fold.h"

#define SPLITS 8 /* lines that hold text and the line over a quote in one */

static size_t count_lines(struct text t)
{
	size_t n = 1;
	const char *at = t.at, *end = t.at + t.len;

	while (at < end && n < LIMIT_EXTRACT_LINES && (at = memchr(at, '\n', (size_t)(end - at)))) {
		at++;
		n++;
	}
	return n;
}

/* "> > text": how deep, and where the text begins. */
static uint8_t depth_of(struct text folded, size_t *ret_front)
{
	size_t i = 0;
	uint8_t depth = 0;

	for (; i < folded.len && (folded.at[i] == '>' || folded.at[i] == ' '); i++)
		if (folded.at[i] == '>')
			depth += depth < UINT8_MAX;
	/* ">>> Click here <<<" is drawn, not quoted */
	if (depth && text_iends(folded, TEXT("<<"))) {
		*ret_front = 0;
		return 0;
	}
	*ret_front = depth ? i : 0;
	return depth;
}

static bool is_ornament(char c)
{
	return c == '-' || c == '_' || c == '*' || c == '=' || c == '#' || c == '|' || c == ' ';
}

/* "From :", "*Von:*": the label whose colon follows. */
static uint8_t label_of(struct text bare, const struct classify_marks_front *f)
{
	for (unsigned i = CLASSIFY_MARK_FROM; i <= CLASSIFY_MARK_OTHER; i++) {
		size_t at = f->len[i];

		if (!(f->set & 1U << i))
			continue;
		while (at < bare.len &&
		       (bare.at[at] == ' ' || bare.at[at] == '*' || bare.at[at] == '_'))
			at++;
		if (at < bare.len && bare.at[at] == ':')
			return (uint8_t)i;
	}
	return CLASSIFY_MARKS;
}

/* Of an alphabet that parts words by blanks: Latin, folded, or two bytes in UTF-8. */
static bool is_of_word(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 0xc3 && c <= 0xdb);
}

bool extract_lines_is_word_end(struct text folded, size_t at)
{
	size_t last = at - 1;

	if (at >= folded.len || !is_of_word((unsigned char)folded.at[at]))
		return true;
	while (last > 0 && ((unsigned char)folded.at[last] & 0xc0) == 0x80)
		last--;
	return !is_of_word((unsigned char)folded.at[last]);
}

/* What can be seen of line `i`, whose folded text is known. */
static void look(struct extract_lines *l, size_t i)
{
	struct extract_line *line = &l->at[i];
	struct classify_marks_front f = { .set = 0 };
	struct text folded = extract_lines_folded(l, i);
	size_t bare = 0;

	while (bare < folded.len && bare < UINT16_MAX && is_ornament(folded.at[bare]))
		bare++;
	line->bare = (uint16_t)bare;
	line->label = CLASSIFY_MARKS;
	line->marks = 0;
	if (bare == folded.len)
		return;
	folded = text_sub(folded, bare, folded.len);
	classify_marks_front(l->marks, folded, &f);
	/* a day of the week is a word, not the front of one */
	if (f.set & 1U << CLASSIFY_MARK_INTRO &&
	    !extract_lines_is_word_end(folded, f.len[CLASSIFY_MARK_INTRO]))
		f.set &= ~(1U << CLASSIFY_MARK_INTRO);
	line->marks = f.set;
	line->label = label_of(folded, &f);
}

static struct text cut_line(struct text *rest, bool is_last)
{
	struct text line = *rest;

	if (!rest->len)
		return line;
	if (is_last)
		*rest = (struct text){ rest->at + rest->len, 0 };
	else
		(void)text_cut(*rest, '\n', &line, rest);
	return line;
}

void extract_lines_read(struct extract_lines *l, struct text body)
{
	struct text rest = body, folded;

	*l = (struct extract_lines){ .body = body,
				     .marks = classify_rules_marks(classify_rules_now()) };
	buf_init(&l->folded, body.len * 3 + 1); /* folding makes three bytes of one at most */
	mime_fold_add(&l->folded, body);
	folded = text_of_buf(&l->folded);
	l->room = count_lines(body) + SPLITS;
	l->at = mem_new(l->room * sizeof(*l->at));
	while (rest.len) {
		bool is_last = l->n + SPLITS + 1 >= l->room;
		struct extract_line *line = &l->at[l->n];
		struct text raw = cut_line(&rest, is_last), fold = cut_line(&folded, is_last);
		size_t front;

		line->depth = depth_of(fold, &front);
		fold = text_sub(fold, front, fold.len);
		line->at = (uint32_t)(raw.at - body.at);
		line->len = (uint32_t)raw.len;
		line->folded_at = fold.len ? (uint32_t)(fold.at - (char *)l->folded.data) : 0;
		line->folded_len = (uint32_t)fold.len;
		line->kind = line->depth ? EXTRACT_QUOTED : EXTRACT_NEW;
		look(l, l->n++);
	}
}

void extract_lines_clear(struct extract_lines *l)
{
	free(l->at);
	buf_clear(&l->folded);
	*l = (struct extract_lines){ 0 };
}

struct text extract_lines_raw(const struct extract_lines *l, size_t i)
{
	return (struct text){ l->body.at + l->at[i].at, l->at[i].len };
}

struct text extract_lines_folded(const struct extract_lines *l, size_t i)
{
	if (!l->at[i].folded_len)
		return (struct text){ 0 };
	return (struct text){ (const char *)l->folded.data + l->at[i].folded_at,
			      l->at[i].folded_len };
}

struct text extract_lines_bare(const struct extract_lines *l, size_t i)
{
	struct text t = extract_lines_folded(l, i);

	return text_sub(t, l->at[i].bare, t.len);
}

bool extract_lines_is_blank(const struct extract_lines *l, size_t i)
{
	return !l->at[i].folded_len;
}

size_t extract_lines_next(const struct extract_lines *l, size_t i)
{
	while (i < l->n && extract_lines_is_blank(l, i))
		i++;
	return i;
}

bool extract_lines_has(const struct extract_lines *l, size_t i, enum classify_mark what)
{
	return l->at[i].marks & 1U << what;
}

/* Bytes of `raw` whose folding is `want` bytes long. */
static size_t raw_at(struct text raw, size_t want)
{
	size_t lo = 0, hi = raw.len;

	while (lo < hi) {
		size_t mid = (lo + hi + 1) / 2;
		cleanup_buf struct buf b;

		buf_init(&b, mid * 3 + 1);
		mime_fold_add(&b, text_sub(raw, 0, mid));
		if (b.len <= want)
			lo = mid;
		else
			hi = mid - 1;
	}
	while (lo > 0 && lo < raw.len && ((unsigned char)raw.at[lo] & 0xc0) == 0x80)
		lo--;
	return lo;
}

bool extract_lines_holds(struct text t, char c)
{
	return t.len && memchr(t.at, c, t.len);
}

size_t extract_lines_digits(struct text t)
{
	size_t n = 0;

	for (size_t i = 0; i < t.len; i++)
		n += t.at[i] >= '0' && t.at[i] <= '9';
	return n;
}

bool extract_lines_split(struct extract_lines *l, size_t i, size_t at)
{
	struct extract_line *line = &l->at[i];
	size_t raw = raw_at(extract_lines_raw(l, i), at);

	if (l->n == l->room || raw == 0 || raw >= line->len || line->depth)
		return false;
	memmove(line + 1, line, (l->n - i) * sizeof(*line));
	l->n++;
	line[1].at += (uint32_t)raw;
	line[1].len -= (uint32_t)raw;
	line[1].folded_at += (uint32_t)at;
	line[1].folded_len -= (uint32_t)at;
	line[1].is_split = true;
	line->len = (uint32_t)raw;
	line->folded_len = (uint32_t)at;
	while (line->folded_len && l->folded.data[line->folded_at + line->folded_len - 1] == ' ')
		line->folded_len--;
	look(l, i);
	look(l, i + 1);
	return true;
}

void extract_lines_mark(struct extract_lines *l, size_t from, size_t to, enum extract_kind kind)
{
	for (size_t i = from; i < to && i < l->n; i++)
		l->at[i].kind = (uint8_t)kind;
}
