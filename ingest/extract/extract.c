#include "ingest/extract/extract.h"

#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_rules.h"
#include "ingest/extract/extract_attribution.h"
#include "ingest/extract/extract_signature.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_subject.h"

#define SUBJECT_LOOKED_AT 200 /* bytes: tags of gateways and the first "Re:" */

/*
 * Walks the lines once; what it looks at ahead is bounded, so time is linear.
 */
enum answers { ANSWERS_UNKNOWN, ANSWERS_REPLY, ANSWERS_FORWARD }; /* what the subject says */

struct walk {
	struct extract_lines l;
	struct extract *out;
	enum answers answers;
	bool has_new;   /* new text stands above */
	size_t forward; /* first line of the mail passed on; SIZE_MAX: none */
};

/* ---- the subject ---- */

static enum answers answers_of(struct text subject)
{
	cleanup_buf struct buf folded;

	buf_init(&folded, SUBJECT_LOOKED_AT * 3);
	mime_fold_add(&folded, text_sub(subject, 0, SUBJECT_LOOKED_AT));
	switch (mime_subject_front(text_of_buf(&folded), NULL)) {
	case MIME_SUBJECT_RE:
		return ANSWERS_REPLY;
	case MIME_SUBJECT_FW:
		return ANSWERS_FORWARD;
	case MIME_SUBJECT_AUTO:
	case MIME_SUBJECT_PLAIN:
		break;
	}
	return ANSWERS_UNKNOWN;
}

/* ---- what begins a quote ---- */

static bool is_framed(const struct extract_lines *l, size_t i)
{
	struct text t = extract_lines_folded(l, i);

	return l->at[i].bare >= 2 && (t.at[0] == '-' || t.at[0] == '_' || t.at[0] == '*' ||
				      t.at[0] == '=' || t.at[0] == '#');
}

/* Does nothing but ornaments, or a header block's first label, follow the phrase? */
static bool is_separator(const struct extract_lines *l, size_t i, enum classify_mark what,
			 bool *ret_more)
{
	struct text t = extract_lines_bare(l, i), rest;
	struct classify_marks_front f;
	bool colon;

	*ret_more = false;
	if (!extract_lines_has(l, i, what))
		return false;
	classify_marks_front(l->marks, t, &f);
	rest = text_sub(t, f.len[what], t.len);
	colon = text_eq(text_trim(rest), TEXT(":"));
	if (!is_framed(l, i))
		return what == CLASSIFY_MARK_FORWARD && colon;
	while (rest.len && strchr("-_=*#: ", rest.at[0]))
		rest = text_sub(rest, 1, rest.len);
	*ret_more = memchr(rest.at ? rest.at : "", ':', rest.len) != NULL;
	return rest.len == 0 || *ret_more || rest.len < 40;
}

static bool is_underscores(const struct extract_lines *l, size_t i)
{
	struct text t = extract_lines_folded(l, i);

	for (size_t k = 0; k < t.len; k++)
		if (t.at[k] != '_' && t.at[k] != '-')
			return false;
	return t.len >= 5;
}

/* ---- forwards ---- */

/* From line `i` on it is a mail passed on, whose header block ends before `body`. */
static void begin_forward(struct walk *w, size_t i, size_t body)
{
	extract_lines_mark(&w->l, i, body, EXTRACT_FORWARDED_HEADER);
	extract_lines_mark(&w->l, body, w->l.n, EXTRACT_FORWARDED);
	w->out->is_forward = true;
	w->forward = i;
}

/* "---------- Forwarded message ---------" or "Begin forwarded message:" at line `i`. */
static bool take_forward(struct walk *w, size_t i)
{
	struct extract_lines *l = &w->l;
	struct extract_header h;
	size_t next;
	bool more;

	if (!is_separator(l, i, CLASSIFY_MARK_FORWARD, &more))
		return false;
	next = extract_lines_next(l, i + 1);
	h.end = i + 1;
	if (!(more && extract_forward_of_line(l, i, &w->out->forward)) &&
	    extract_header_at(l, next, /* sure= */ true, &h))
		extract_forward_of_header(l, &h, &w->out->forward);
	begin_forward(w, i, h.end);
	return true;
}

/* ---- the walk ---- */

/* Is the line between quoted ones a piece of theirs that a server wrapped? */
static bool is_wrapped(const struct extract_lines *l, size_t i)
{
	struct text above, raw = extract_lines_raw(l, i), folded = extract_lines_folded(l, i);
	bool open;

	if (i == 0 || !l->at[i - 1].depth || !folded.len)
		return false;
	above = extract_lines_folded(l, i - 1);
	open = above.len && (text_ifind(above, TEXT("http")) != SIZE_MAX);
	if (folded.at[0] == '(' || folded.at[0] == '<')
		return text_istarts(text_sub(folded, 1, 4), TEXT("http"));
	if (open && i + 1 < l->n && l->at[i + 1].depth && !memchr(folded.at, ' ', folded.len))
		return true;
	return above.len >= 60 && i + 1 < l->n && l->at[i + 1].depth && raw.at[0] >= 'a' &&
	       raw.at[0] <= 'z';
}

/* Quoted lines from `i` on: the line behind them. */
static size_t take_quoted(struct walk *w, size_t i)
{
	struct extract_lines *l = &w->l;

	for (; i < l->n; i++) {
		if (extract_lines_is_blank(l, i) && !l->at[i].depth) {
			size_t next = extract_lines_next(l, i);

			if (next == l->n || !l->at[next].depth)
				break;
			continue;
		}
		if (!l->at[i].depth && !is_wrapped(l, i))
			break;
		l->at[i].kind = EXTRACT_QUOTED;
	}
	return i;
}

/* From line `i` to the end nothing is new. */
static size_t take_rest(struct walk *w, size_t i)
{
	extract_lines_mark(&w->l, i, w->l.n, EXTRACT_QUOTED);
	return w->l.n;
}

static bool quote_follows(const struct extract_lines *l, size_t i)
{
	i = extract_lines_next(l, i);
	return i < l->n && l->at[i].depth;
}

/* Behind a header block that is no forward's: what it quotes. */
static size_t take_quote(struct walk *w, size_t from, size_t body)
{
	extract_lines_mark(&w->l, from, body, EXTRACT_QUOTED);
	if (quote_follows(&w->l, body))
		return take_quoted(w, extract_lines_next(&w->l, body));
	return take_rest(w, body);
}

/*
 * A header block at `at`, with what stands over it from `i` on: of an answer, or of a mail passed
 * on. Without "Re:" in the subject and without any '>' below nobody answered.
 */
static size_t take_header(struct walk *w, size_t i, size_t at, const struct extract_header *h)
{
	bool forward = w->answers == ANSWERS_FORWARD ||
		       (w->answers == ANSWERS_UNKNOWN &&
			(w->l.at[at].depth || !quote_follows(&w->l, h->end)));

	if (!forward)
		return take_quote(w, i, h->end);
	extract_forward_of_header(&w->l, h, &w->out->forward);
	w->out->is_bare = !w->has_new && w->answers == ANSWERS_UNKNOWN;
	begin_forward(w, i, h->end);
	return w->l.n;
}

/* A separator or a header block at line `i`: the line behind what it brings; `i` itself: none. */
static size_t take_block(struct walk *w, size_t i)
{
	struct extract_lines *l = &w->l;
	struct extract_header h;
	bool more;
	size_t next;

	if (take_forward(w, i))
		return l->n;
	if (is_separator(l, i, CLASSIFY_MARK_ORIGINAL, &more)) {
		next = extract_lines_next(l, i + 1);
		if (extract_header_at(l, next, /* sure= */ true, &h))
			return take_header(w, i, next, &h);
		return l->at[i].depth ? i : take_quote(w, i, i + 1);
	}
	if (l->at[i].label != CLASSIFY_MARKS && (i == 0 || l->at[i - 1].label == CLASSIFY_MARKS) &&
	    extract_header_at(l, i, /* sure= */ false, &h))
		return take_header(w, i, i, &h);
	if (is_underscores(l, i)) {
		next = extract_lines_next(l, i + 1);
		if (extract_header_at(l, next, /* sure= */ false, &h))
			return take_header(w, i, next, &h);
	}
	return i;
}

/* The line over a quote at line `i`, likewise. */
static size_t take_attribution(struct walk *w, size_t i)
{
	struct extract_lines *l = &w->l;
	struct extract_attribution a;
	bool quoted;

	if (!extract_attribution_at(l, i, &a))
		return i;
	quoted = quote_follows(l, i + a.lines);
	if (!quoted && !a.is_certain)
		return i;
	if (w->answers == ANSWERS_FORWARD ||
	    (w->answers == ANSWERS_UNKNOWN && !w->has_new && !quoted)) {
		w->out->is_bare = w->answers == ANSWERS_UNKNOWN;
		extract_forward_of_attribution(l, i, a.lines, &w->out->forward);
		begin_forward(w, i, i + a.lines);
		return l->n;
	}
	return take_quote(w, i, i + a.lines);
}

/* Behind "-- ": to the next quote. */
static size_t take_signature(struct walk *w, size_t i)
{
	struct extract_lines *l = &w->l;
	size_t from = i++;

	while (i < l->n && !l->at[i].depth) {
		struct extract_attribution a;

		if (!extract_lines_is_blank(l, i) &&
		    (extract_attribution_at(l, i, &a) || l->at[i].label == CLASSIFY_MARK_FROM ||
		     is_underscores(l, i) || extract_lines_has(l, i, CLASSIFY_MARK_ORIGINAL) ||
		     extract_lines_has(l, i, CLASSIFY_MARK_FORWARD)))
			break;
		i++;
	}
	extract_lines_mark(l, from, i, EXTRACT_SIGNATURE);
	return i;
}

/* "Yes. On Mon ... wrote: > Hi": made two lines, so that the next line is the one over the quote.
 */
static void split(struct walk *w, size_t i)
{
	size_t at = extract_attribution_inside(&w->l, i);

	if (at)
		(void)extract_lines_split(&w->l, i, at);
}

/* A line with the one over a quote and the quote in one. */
static bool is_all_in_one(const struct extract_lines *l, size_t i)
{
	return l->at[i].is_split;
}

/* Line `i`, which is not blank: the line to go on with. */
static size_t take_line(struct walk *w, size_t i)
{
	struct extract_lines *l = &w->l;
	size_t next;

	if (l->at[i].depth) {
		next = take_block(w, i);
		return next > i ? next : take_quoted(w, i);
	}
	split(w, i);
	next = take_block(w, i);
	if (next == i)
		next = take_attribution(w, i);
	if (next > i)
		return next;
	if (is_all_in_one(l, i))
		return take_quote(w, i, i + 1);
	if (extract_signature_is_mark(l, i))
		return take_signature(w, i);
	w->has_new = true;
	return i + 1;
}

/* ---- banners ---- */

#define BANNER_LINES 8

/* Gateways write above everything else: the paragraphs that begin so. */
static size_t take_banners(struct walk *w)
{
	struct extract_lines *l = &w->l;
	size_t i = extract_lines_next(l, 0);

	while (i < l->n && extract_lines_has(l, i, CLASSIFY_MARK_BANNER) && !l->at[i].depth) {
		size_t end = i + 1;

		while (end < l->n && end < i + BANNER_LINES && !extract_lines_is_blank(l, end))
			end++;
		/* no empty line below: the banner is this line alone */
		if (end < l->n && !extract_lines_is_blank(l, end))
			end = i + 1;
		extract_lines_mark(l, i, end, EXTRACT_BANNER);
		i = extract_lines_next(l, end);
		if (i < l->n && is_underscores(l, i)) /* a rule below it */
			l->at[i++].kind = EXTRACT_BANNER;
		i = extract_lines_next(l, i);
	}
	return i;
}

/* ---- signatures ---- */

static bool is_new(const struct extract_lines *l, size_t i)
{
	return !extract_lines_is_blank(l, i) && l->at[i].kind == EXTRACT_NEW;
}

/* The last run of new lines before `to`: [*ret_from, result). */
static size_t last_run(const struct extract_lines *l, size_t to, size_t *ret_from)
{
	size_t from;

	while (to > 0 && !is_new(l, to - 1))
		to--;
	for (from = to; from > 0; from--)
		if (!is_new(l, from - 1) && !extract_lines_is_blank(l, from - 1))
			break;
	*ret_from = from;
	return to;
}

static bool has_new(const struct extract_lines *l, size_t from, size_t to)
{
	while (from < to && !is_new(l, from))
		from++;
	return from < to;
}

static bool has_quote(const struct extract_lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i].kind == EXTRACT_QUOTED || l->at[i].kind == EXTRACT_FORWARDED)
			return true;
	return false;
}

/* From the last run upward, as long as a run was all signature. */
static void cut_signatures(struct walk *w, struct text sender)
{
	struct extract_lines *l = &w->l;
	cleanup_buf struct buf folded;
	size_t from, to = l->n;

	buf_init(&folded, 256);
	mime_fold_add(&folded, text_sub(sender, 0, 256 / 3));
	for (int runs = 0; runs < 3; runs++) {
		to = last_run(l, to, &from);
		if (to == 0)
			return;
		extract_signature_cut(l, from, to, text_of_buf(&folded),
				      /* bare= */ !has_new(l, 0, from), has_quote(l));
		if (has_new(l, from, to))
			return;
		to = from;
	}
}

/* ---- spans ---- */

static void put(struct extract *e, enum extract_kind kind, struct text t)
{
	t = text_trim(t);
	if (!t.len)
		return;
	if (e->n < countof(e->at))
		e->at[e->n++] = (struct extract_span){ kind, t };
}

static void put_spans(struct walk *w)
{
	struct extract_lines *l = &w->l;
	struct text run = { 0 };
	enum extract_kind kind = EXTRACT_NEW;

	for (size_t i = 0; i < l->n; i++) {
		struct text raw = extract_lines_raw(l, i);
		enum extract_kind now = (enum extract_kind)l->at[i].kind;

		if (extract_lines_is_blank(l, i) && !l->at[i].depth)
			continue;
		if (run.at && now != kind) {
			put(w->out, kind, run);
			run = (struct text){ 0 };
		}
		kind = now;
		if (!run.at)
			run.at = raw.at;
		run.len = (size_t)(raw.at + raw.len - run.at);
	}
	if (run.at)
		put(w->out, kind, run);
}

static bool holds(const struct extract *e, enum extract_kind kind)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->at[i].kind == kind)
			return true;
	return false;
}

/* Nothing is new, and nothing was quoted either: what looked like a signature is the text. */
static void keep_whole(struct extract *e, struct text body)
{
	if (!e->n || holds(e, EXTRACT_NEW) || holds(e, EXTRACT_QUOTED) ||
	    holds(e, EXTRACT_FORWARDED) || holds(e, EXTRACT_FORWARDED_HEADER))
		return;
	e->n = 0;
	put(e, EXTRACT_NEW, body);
}

struct extract_about extract_about_of(const struct mime_head *h)
{
	return (struct extract_about){ text_of(h->subject), text_of(h->from.name) };
}

void extract_cut(struct text body, const struct extract_about *about, struct extract *ret)
{
	struct walk w = { .out = ret, .forward = SIZE_MAX };
	size_t i;

	ret->n = 0;
	ret->is_forward = ret->is_bare = false;
	ret->forward = (struct extract_forward){ 0 };
	if (!body.len)
		return;
	extract_lines_read(&w.l, body);
	if (about)
		w.answers = answers_of(about->subject);
	i = take_banners(&w);
	while ((i = extract_lines_next(&w.l, i)) < w.l.n)
		i = take_line(&w, i);
	cut_signatures(&w, about ? about->sender : (struct text){ 0 });
	put_spans(&w);
	keep_whole(ret, body);
	extract_lines_clear(&w.l);
}

void extract_join(const struct extract *e, enum extract_kind kind, struct buf *ret)
{
	bool first = true;

	for (size_t i = 0; i < e->n; i++) {
		if (e->at[i].kind != kind)
			continue;
		if (ret->max - ret->len < e->at[i].text.len + (first ? 0 : 2))
			return;
		if (!first)
			(void)text_add(ret, TEXT("\n\n"));
		(void)text_add(ret, e->at[i].text);
		first = false;
	}
}

void extract_new(const struct extract *e, struct buf *ret)
{
	struct extract inner;

	if (holds(e, EXTRACT_NEW) || !e->is_forward) {
		extract_join(e, EXTRACT_NEW, ret);
		return;
	}
	for (size_t i = 0; i < e->n; i++) {
		if (e->at[i].kind != EXTRACT_FORWARDED)
			continue;
		if (e->is_bare) {
			extract_cut(e->at[i].text, NULL, &inner);
			extract_join(&inner, EXTRACT_NEW, ret);
			return;
		}
	}
	extract_join(e, EXTRACT_FORWARDED_HEADER, ret);
	if (ret->len)
		(void)text_add(ret, TEXT("\n\n"));
	extract_join(e, EXTRACT_FORWARDED, ret);
}

void extract_body(const struct extract *e, struct buf *ret)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->at[i].kind == EXTRACT_FORWARDED)
			extract_forward_body(e->at[i].text, ret);
}

void extract_subject(const struct extract *e, struct text subject, struct buf *ret)
{
	struct text prefix, rest;

	extract_forward_value(e->forward.subject, ret);
	if (ret->len || e->forward.subject.at)
		return;
	if (!text_cut(subject, ':', &prefix, &rest) || prefix.len > 12)
		rest = subject;
	(void)text_add(ret, text_trim(rest));
}
