#include <stdbool.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/mime/mime_entity.h"
#include "ingest/mime/mime_html.h"
#include "ingest/mime/mime_utf8.h"

#define DEEPEST_QUOTE 8 /* deeper levels are drawn as this one */

/*
 * The writer: what is on the line so far, and what is owed before the next
 * visible character.  Line ends and spaces are owed, not written, so that runs
 * of them become one and none trails.
 */
struct writer {
	struct buf *out;
	unsigned quote; /* open blockquotes */
	unsigned pre;   /* open <pre>: white space is as typed */
	unsigned lines; /* line ends owed: 1 a new line, 2 an empty line between */
	bool space;     /* a space is owed */
	bool on_line;   /* something stands on the current line */
	bool full;      /* the ceiling was reached */
};

static void put(struct writer *w, const char *p, size_t n)
{
	if (!w->full && buf_add(w->out, p, n) < 0)
		w->full = true;
}

static void owe_lines(struct writer *w, unsigned n)
{
	w->space = false;
	if (w->lines < n)
		w->lines = n;
}

static void put_quote(struct writer *w)
{
	unsigned n = w->quote < DEEPEST_QUOTE ? w->quote : DEEPEST_QUOTE;

	for (unsigned i = 0; i < n; i++)
		put(w, "> ", 2);
}

static void put_char(struct writer *w, uint32_t c)
{
	char out[4];
	bool at_start = w->out->len == 0;

	if (w->lines || at_start) {
		for (unsigned i = 0; i < w->lines && !at_start; i++)
			put(w, "\n", 1);
		put_quote(w);
		w->lines = 0;
		w->on_line = w->space = false;
	}
	if (w->space && w->on_line)
		put(w, " ", 1);
	w->space = false;
	put(w, out, mime_utf8_put(c, out));
	w->on_line = true;
}

static void put_text_char(struct writer *w, uint32_t c)
{
	if (w->pre && c == '\n') {
		w->space = false;
		w->lines = w->lines < 2 ? w->lines + 1 : 2;
	} else if (w->pre && (c == ' ' || c == '\t')) {
		put_char(w, ' ');
	} else if (c <= ' ' || c == 0xa0) {
		w->space = true;
	} else {
		put_char(w, c);
	}
}

/* ---- tags ---- */

enum tag {
	TAG_OTHER,
	TAG_BREAK,
	TAG_BLOCK,
	TAG_PARAGRAPH,
	TAG_ITEM,
	TAG_CELL,
	TAG_RULE,
	TAG_QUOTE,
	TAG_PRE,
	TAG_SILENT
};

static const struct {
	const char *name;
	enum tag tag;
} tags[] = {
	{ "br", TAG_BREAK },         { "p", TAG_PARAGRAPH },   { "div", TAG_BLOCK },
	{ "blockquote", TAG_QUOTE }, { "td", TAG_CELL },       { "th", TAG_CELL },
	{ "tr", TAG_BLOCK },         { "table", TAG_BLOCK },   { "li", TAG_ITEM },
	{ "ul", TAG_BLOCK },         { "ol", TAG_BLOCK },      { "hr", TAG_RULE },
	{ "pre", TAG_PRE },          { "style", TAG_SILENT },  { "script", TAG_SILENT },
	{ "title", TAG_SILENT },     { "h1", TAG_PARAGRAPH },  { "h2", TAG_PARAGRAPH },
	{ "h3", TAG_PARAGRAPH },     { "h4", TAG_PARAGRAPH },  { "h5", TAG_PARAGRAPH },
	{ "h6", TAG_PARAGRAPH },     { "center", TAG_BLOCK },  { "section", TAG_BLOCK },
	{ "article", TAG_BLOCK },    { "header", TAG_BLOCK },  { "footer", TAG_BLOCK },
	{ "address", TAG_BLOCK },    { "dl", TAG_BLOCK },      { "dt", TAG_BLOCK },
	{ "dd", TAG_BLOCK },         { "form", TAG_BLOCK },    { "fieldset", TAG_BLOCK },
	{ "figure", TAG_BLOCK },     { "caption", TAG_BLOCK }, { "body", TAG_BLOCK },
};

static enum tag tag_of(struct text name)
{
	/* Outlook writes its empty paragraphs as <o:p> inside <p>: a prefix is another language,
	 * not a block */
	for (size_t i = 0; i < countof(tags); i++)
		if (text_ieq(name, text_of(tags[i].name)))
			return tags[i].tag;
	return TAG_OTHER;
}

static void rule_line(struct writer *w)
{
	owe_lines(w, 1);
	for (int i = 0; i < 32; i++)
		put_char(w, '_');
	owe_lines(w, 1);
}

static void quote_level(struct writer *w, bool closing)
{
	owe_lines(w, 1);
	if (!closing)
		w->quote++;
	else if (w->quote)
		w->quote--;
}

static void tag_seen(struct writer *w, enum tag tag, bool closing)
{
	switch (tag) {
	case TAG_BREAK:
		/* each one is a line end of its own: two of them leave a line empty */
		w->space = false;
		w->lines = w->lines < 2 ? w->lines + 1 : 2;
		break;
	case TAG_BLOCK:
	case TAG_ITEM:
		owe_lines(w, 1);
		break;
	case TAG_PARAGRAPH:
		owe_lines(w, closing ? 1 : 2);
		break;
	case TAG_CELL:
		w->space = true;
		break;
	case TAG_RULE:
		rule_line(w);
		break;
	case TAG_QUOTE:
		quote_level(w, closing);
		break;
	case TAG_PRE:
		owe_lines(w, 1);
		if (!closing)
			w->pre++;
		else if (w->pre)
			w->pre--;
		break;
	case TAG_SILENT:
	case TAG_OTHER:
		break;
	}
}

/* ---- scanner ---- */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Offset just after the '>' that ends the tag; quoted attribute values may hold one. */
static size_t tag_end(struct text t, size_t at)
{
	char quote = 0;

	for (; at < t.len; at++) {
		char c = t.at[at];

		if (quote) {
			if (c == quote)
				quote = 0;
		} else if ((c == '"' || c == '\'') && t.at[at - 1] == '=') {
			quote = c;
		} else if (c == '>') {
			return at + 1;
		}
	}
	return SIZE_MAX;
}

/* Past "</name" and its '>' from `at`: where the silent element ends; the end of the text when it
 * never does. */
static size_t silent_end(struct text t, size_t at, struct text name)
{
	while (at < t.len) {
		const char *lt = memchr(t.at + at, '<', t.len - at);
		const char *gt;

		if (!lt)
			break;
		at = (size_t)(lt - t.at) + 1;
		if (at < t.len && t.at[at] == '/' &&
		    text_istarts(text_sub(t, at + 1, t.len), name)) {
			gt = memchr(t.at + at, '>', t.len - at);
			return gt ? (size_t)(gt - t.at) + 1 : t.len;
		}
	}
	return t.len;
}

/* "<!-- ... -->", "<!doctype ...>", "<?xml ...>": says nothing. */
static size_t declaration_end(struct text t, size_t at)
{
	const char *end;

	if (text_istarts(text_sub(t, at, t.len), TEXT("<!--"))) {
		for (size_t i = at + 4; i + 2 < t.len; i++)
			if (t.at[i] == '-' && t.at[i + 1] == '-' && t.at[i + 2] == '>')
				return i + 3;
		return t.len;
	}
	end = memchr(t.at + at, '>', t.len - at);
	return end ? (size_t)(end - t.at) + 1 : t.len;
}

/* What starts with '<' at `at`: where to go on; `at` itself when it is only a "less than". */
static size_t markup(struct writer *w, struct text t, size_t at)
{
	bool closing = at + 1 < t.len && t.at[at + 1] == '/';
	size_t from = at + 1 + closing, to = from, end;
	struct text name;
	enum tag tag;

	if (at + 1 < t.len && (t.at[at + 1] == '!' || t.at[at + 1] == '?'))
		return declaration_end(t, at);
	if (from >= t.len || !is_letter(t.at[from]))
		return at;
	while (to < t.len && strchr(" \t\n/>", t.at[to]) == NULL)
		to++;
	name = text_sub(t, from, to - from);
	end = tag_end(t, to);
	if (end == SIZE_MAX) {
		/* a quote that never closes: the next '>' will have to do; none: the part was cut
		 * inside a tag */
		const char *gt = memchr(t.at + to, '>', t.len - to);

		end = gt ? (size_t)(gt - t.at) + 1 : t.len;
	}
	tag = tag_of(name);
	tag_seen(w, tag, closing);
	return tag == TAG_SILENT && !closing ? silent_end(t, end, name) : end;
}

void mime_html_text(struct text html, struct buf *ret)
{
	struct writer w = { .out = ret };
	size_t at = 0;

	while (at < html.len && !w.full) {
		size_t next = at;
		uint32_t c;

		if (html.at[at] == '<')
			next = markup(&w, html, at);
		if (next == at && html.at[at] == '&') {
			next += mime_entity_read(text_sub(html, at, html.len), &c);
			if (next != at)
				put_text_char(&w, c);
		}
		if (next == at) {
			next += mime_utf8_next(text_sub(html, at, html.len), &c);
			put_text_char(&w, c);
		}
		at = next;
	}
	if (ret->len)
		put(&w, "\n", 1);
}
