#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_quote.h"
#include "ingest/classify/classify_quote_words.h"
#include "ingest/mime/mime_fold.h"

/*
 * Walks the body and its folded copy line by line, side by side: the folded
 * line is what is judged, the line itself is what is cut out.  It never looks
 * further ahead than AHEAD lines, so time is linear.
 */
#define AHEAD               8
#define LONGEST_ATTRIBUTION 500 /* bytes, folded */

struct cursor {
	struct text body, folded; /* what is still to come */
};

struct line {
	struct text raw, folded;
	bool quoted; /* "> ..." */
	bool blank;
};

static struct text cut_line(struct text *rest)
{
	struct text line;

	(void)text_cut(*rest, '\n', &line, rest);
	return line;
}

static bool next_line(struct cursor *c, struct line *ret)
{
	if (!c->body.len)
		return false;
	ret->raw = cut_line(&c->body);
	ret->folded = text_trim(cut_line(&c->folded));
	ret->quoted = ret->folded.len && ret->folded.at[0] == '>';
	ret->blank = !ret->folded.len;
	return true;
}

static bool ends_with_colon(struct text t)
{
	return t.len && t.at[t.len - 1] == ':';
}

/* ---- attribution lines ---- */

static size_t count_digits(struct text t)
{
	size_t n = 0;

	for (size_t i = 0; i < t.len; i++)
		n += t.at[i] >= '0' && t.at[i] <= '9';
	return n;
}

static bool has(struct text t, char c)
{
	return t.len && memchr(t.at, c, t.len);
}

/* "---- On ... Ann wrote ----" of Zoho has dashes where others have a colon. */
static bool has_attribution_end(struct text t)
{
	return ends_with_colon(t) || (text_istarts(t, TEXT("--")) && text_iends(t, TEXT("--")));
}

/*
 * Somebody wrote something at some time: a verb, and an address or a date.
 * Gmail in Japanese and in Russian has no verb, only "<date> <name> <address>:".
 */
static bool is_attribution(struct text t)
{
	bool address = has(t, '@'), dated = count_digits(t) >= 4;

	if (t.len > LONGEST_ATTRIBUTION || !has_attribution_end(t))
		return false;
	if (classify_quote_words_has_verb(t))
		return address || dated;
	return address && dated && text_iends(t, TEXT(">:")) && classify_quote_words_is_intro(t);
}

/* May an attribution that goes on in the next line begin with this one? */
static bool can_begin_attribution(struct text t)
{
	return t.len < LONGEST_ATTRIBUTION &&
	       (classify_quote_words_is_intro(t) || (has(t, '<') && has(t, '@')));
}

/*
 * Lines of the attribution that begins with `first` (1 to 3); 0: none does.
 * `after`: what follows `first`.
 */
static size_t attribution_lines(const struct line *first, struct cursor after)
{
	char joined[LONGEST_ATTRIBUTION * 3 + 4];
	size_t len = first->folded.len;
	struct line next;

	if (first->blank || first->quoted || len > LONGEST_ATTRIBUTION)
		return 0;
	if (is_attribution(first->folded))
		return 1;
	if (!can_begin_attribution(first->folded))
		return 0;
	memcpy(joined, first->folded.at, len);
	for (size_t n = 2; n <= 3 && next_line(&after, &next); n++) {
		if (next.blank || next.quoted || next.folded.len > LONGEST_ATTRIBUTION)
			return 0;
		/* a line that is one by itself does not take the line above into it */
		if (classify_quote_words_is_intro(next.folded) && is_attribution(next.folded))
			return 0;
		joined[len++] = ' ';
		memcpy(joined + len, next.folded.at, next.folded.len);
		len += next.folded.len;
		if (is_attribution((struct text){ joined, len }))
			return n;
	}
	return 0;
}

/* Is the next line with anything on it a quoted one? */
static bool quote_follows(struct cursor after)
{
	struct line l;

	for (int i = 0; i < AHEAD && next_line(&after, &l); i++)
		if (!l.blank)
			return l.quoted;
	return false;
}

/* An attribution without '>' behind it ends the new text; prose that only sounds like one must not.
 */
static bool is_certain(struct text first, struct cursor after)
{
	size_t digits = count_digits(first);
	struct line l;
	bool address = has(first, '@');

	for (int i = 0; i < 2 && !address && next_line(&after, &l) && !l.blank; i++) {
		address = has(l.folded, '@');
		digits += count_digits(l.folded);
	}
	return address || digits >= 5; /* a year and a day, or a day and a time */
}

/* ---- header blocks ---- */

/* Outlook: three different labels within a few lines, From among them (RFC 5322 names, localised).
 */
static bool is_header_block(const struct line *first, struct cursor after)
{
	unsigned seen = 0, n = 0;
	struct line l = *first;

	for (int i = 0; i < AHEAD; i++) {
		enum classify_label label = classify_quote_words_label(l.folded);

		if (i == 0 && label == CLASSIFY_LABEL_NONE)
			return false;
		if (label != CLASSIFY_LABEL_NONE && !(seen & 1U << label)) {
			seen |= 1U << label;
			n++;
		}
		if (n >= 3 && seen & 1U << CLASSIFY_LABEL_FROM)
			return true;
		if (!next_line(&after, &l))
			return false;
	}
	return false;
}

static bool is_underscores(struct text t)
{
	size_t n = 0;

	while (n < t.len && (t.at[n] == '_' || t.at[n] == '-'))
		n++;
	return t.len >= 10 && n == t.len;
}

/* ---- the walk ---- */

enum part {
	PART_BANNER, /* at the front: a warning of the gateway, until an empty line */
	PART_NEW,
	PART_QUOTED,    /* between '>' lines: new text may follow */
	PART_SIGNATURE, /* until a quote begins */
};

struct cutter {
	struct classify_quote *out;
	enum part part;
	struct text slice; /* the new text gathered; at == NULL: none */
	bool forward;      /* what follows is a mail passed on, not answered */
	bool in_labels;    /* the line above was "Word: ..." too: a block would have begun there */
};

static void end_slice(struct cutter *c)
{
	struct text t = text_trim(c->slice);

	c->slice = (struct text){ 0 };
	if (t.len && c->out->n < countof(c->out->at))
		c->out->at[c->out->n++] = t;
}

static void take(struct cutter *c, const struct line *l)
{
	if (!c->slice.at)
		c->slice.at = l->raw.at;
	c->slice.len = (size_t)(l->raw.at + l->raw.len - c->slice.at);
}

static bool is_signature_mark(const struct line *l)
{
	struct text t = l->raw;

	if (t.len && t.at[t.len - 1] == '\r')
		t.len--;
	return text_eq(t, TEXT("-- ")) ||
	       text_eq(t, TEXT("--")); /* the blank is often lost on the way */
}

/* From here to the end it is quoted, and nothing in it is marked by '>'. */
static bool ends_new_text(struct cutter *c, const struct line *l, struct cursor after)
{
	if (classify_quote_words_is_forward(l->folded)) {
		c->forward = true;
		return true;
	}
	if (classify_quote_words_is_original(l->folded))
		return true;
	if (is_underscores(l->folded)) {
		struct line next;

		while (next_line(&after, &next))
			if (!next.blank)
				return is_header_block(&next, after);
		return false;
	}
	if (!c->in_labels && is_header_block(l, after)) {
		c->forward = c->out->n == 0 && !text_trim(c->slice).len;
		return true;
	}
	return false;
}

/* Attribution lines taken away; `ret_end`: and everything after them too. */
static bool take_attribution(struct cutter *c, const struct line *l, struct cursor *at,
			     bool *ret_end)
{
	size_t n = attribution_lines(l, *at);
	bool certain = n && is_certain(l->folded, *at);
	struct cursor after = *at;
	struct line skipped;

	for (size_t i = 1; i < n; i++)
		(void)next_line(&after, &skipped);
	if (!n || (!certain && !quote_follows(after)))
		return false;
	*ret_end = !quote_follows(after);
	*at = after;
	end_slice(c);
	c->part = PART_QUOTED;
	return true;
}

/* Gateways write above everything else; the same words further down are a person's. */
static bool is_banner(const struct cutter *c, const struct line *l)
{
	return c->part == PART_NEW && !c->out->n && !text_trim(c->slice).len &&
	       classify_quote_words_is_banner(l->folded);
}

static void blank_line(struct cutter *c, const struct line *l)
{
	if (c->part == PART_NEW)
		take(c, l);
	if (c->part == PART_BANNER)
		c->part = PART_NEW;
}

static void walk(struct cutter *c, struct cursor at)
{
	struct line l;
	bool end = false;

	while (!end && next_line(&at, &l)) {
		if (l.quoted) {
			end_slice(c);
			c->part = PART_QUOTED;
		} else if (l.blank) {
			blank_line(c, &l);
		} else if (c->part == PART_BANNER || is_banner(c, &l)) {
			c->part = PART_BANNER;
		} else if (ends_new_text(c, &l, at)) {
			return end_slice(c);
		} else if (take_attribution(c, &l, &at, &end)) {
			continue;
		} else if (is_signature_mark(&l)) {
			end_slice(c);
			c->part = PART_SIGNATURE;
		} else if (c->part != PART_SIGNATURE && !classify_quote_words_is_mobile(l.folded)) {
			c->part = PART_NEW;
			take(c, &l);
		} else {
			end_slice(c);
		}
		c->in_labels = classify_quote_words_label(l.folded) != CLASSIFY_LABEL_NONE;
	}
	end_slice(c);
}

void classify_quote_cut(struct text body, struct classify_quote *ret)
{
	struct cutter c = { .out = ret, .part = PART_NEW };
	struct text whole = text_trim(body);
	cleanup_buf struct buf folded;

	ret->n = 0;
	buf_init(&folded,
		 (size_t)LIMIT_MIME_TEXT * 3); /* folding makes three bytes of one at most */
	mime_fold_add(&folded, body);
	walk(&c, (struct cursor){ body, { (const char *)folded.data, folded.len } });
	if (!ret->n && (c.forward || c.part == PART_BANNER) && whole.len)
		ret->at[ret->n++] = whole;
}

void classify_quote_join(const struct classify_quote *q, struct buf *ret)
{
	for (size_t i = 0; i < q->n; i++) {
		size_t room = ret->max - ret->len, need = q->at[i].len + (i ? 2 : 0);

		if (need > room)
			break;
		if (i)
			(void)text_add(ret, TEXT("\n\n"));
		(void)text_add(ret, q->at[i]);
	}
}
