#include <stdbool.h>
#include <string.h>

#include <libxml/HTMLparser.h>
#include <libxml/parserInternals.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/mime/mime_entity.h"
#include "ingest/mime/mime_html.h"
#include "ingest/mime/mime_lib.h"
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
	size_t room = w->out->max - w->out->len;

	if (w->full)
		return;
	w->full = n > room;
	/* a character of several bytes is written whole or not at all */
	(void)buf_add(w->out, p, n <= room ? n : (uint8_t)p[0] < 0x80 ? room : 0);
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

/* "&#146;" means what Windows has there: an apostrophe (HTML 5 section 13.2.5.80). */
static uint32_t windows_char(uint32_t c)
{
	static const uint16_t table[32] = {
		0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021,
		0x2c6,  0x2030, 0x160,  0x2039, 0x152,  0x8d,   0x17d,  0x8f,
		0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
		0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178,
	};

	return c >= 0x80 && c < 0xa0 ? table[c - 0x80] : c;
}

static void put_text_char(struct writer *w, uint32_t c)
{
	c = windows_char(c);
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

/* A run of ASCII without blanks, when nothing is owed before it: the bytes taken. */
static size_t put_word(struct writer *w, struct text t)
{
	size_t n = 0;

	if (w->lines || w->space || !w->on_line)
		return 0;
	while (n < t.len && t.at[n] > ' ' && t.at[n] < 0x7f)
		n++;
	if (n)
		put(w, t.at, n);
	return n;
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

/* `name` as the parser gives it, in lower case. */
static enum tag tag_of(const char *name)
{
	/* Outlook writes its empty paragraphs as <o:p> inside <p>: a prefix is another language,
	 * not a block */
	for (size_t i = 0; i < countof(tags); i++)
		if (name[0] == tags[i].name[0] && strcmp(name, tags[i].name) == 0)
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

/* ---- what the parser tells ---- */

/* Characters that the parser gives alone, and what follows them decides. */
enum held {
	HELD_NONE,
	HELD_AMPERSAND,   /* may begin an entity that lacks its ';' */
	HELD_DECLARATION, /* "<![if !mso]>": the parser takes it for text up to its '>' */
};

struct page {
	struct writer w;
	struct buf *links; /* NULL: not wanted */
	htmlParserCtxtPtr parser;
	unsigned depth;    /* open elements, as this parser counts them */
	unsigned unseen;   /* the depth of the element whose inside is not shown; 0: all is */
	bool shows_hidden; /* a second look, at a page that says nothing otherwise */
	bool has_hidden;
	enum held held;
	bool is_stopped;   /* at `stopped_at`, inside a tag: too deep, or nothing more has room */
	size_t stopped_at; /* bytes given to the parser before, FRONT among them */
};

/* Is `word` in `value`, blanks and case aside? */
static bool says(const char *value, const char *word)
{
	while ((value = strpbrk(value, (char[]){ word[0], (char)(word[0] & ~0x20), '\0' }))) {
		const char *v = value++, *w = word;

		while (*v && *w) {
			if (*v == ' ' || *v == '\t' || *v == '\n') {
				v++;
				continue;
			}
			if ((*v >= 'A' && *v <= 'Z' ? *v | 0x20 : *v) != *w)
				break;
			v++;
			w++;
		}
		if (!*w)
			return true;
	}
	return false;
}

/* What senders hide from readers: the line shown in a list of mails, texts for machines. */
static bool is_hidden(const xmlChar **attributes)
{
	for (; attributes && attributes[0]; attributes += 2) {
		const char *name = (const char *)attributes[0];
		const char *value = (const char *)attributes[1];

		if (strcmp(name, "hidden") == 0)
			return true;
		if (value && strcmp(name, "style") == 0 &&
		    (says(value, "display:none") || says(value, "mso-hide:all")))
			return true;
	}
	return false;
}

/* Where an anchor goes; its text mostly says another thing. */
static void note_link(struct page *p, const xmlChar **attributes)
{
	for (; attributes && attributes[0]; attributes += 2) {
		struct text to = text_of((const char *)attributes[1]);

		if (strcmp((const char *)attributes[0], "href") != 0 ||
		    !text_istarts(to, TEXT("http")) || p->links->len + to.len + 1 > p->links->max)
			continue;
		(void)text_add(p->links, to);
		(void)text_add(p->links, TEXT("\n"));
	}
}

/* A tag came: an "&" began nothing, a declaration had no end. */
static void settle(struct page *p)
{
	if (p->held == HELD_AMPERSAND)
		put_text_char(&p->w, '&');
	p->held = HELD_NONE;
}

/*
 * The parser looks through its open elements at many a tag, so that endless
 * nesting would cost it the square of the input.  At this depth it is left, and
 * the next one goes on where it stood.
 */
#define DEEPEST_ELEMENT 256

static void stop_if_deep(struct page *p)
{
	long at = xmlByteConsumed(p->parser);

	if (p->depth < DEEPEST_ELEMENT && !p->w.full)
		return;
	p->is_stopped = true;
	p->stopped_at = at > 0 ? (size_t)at : SIZE_MAX;
	xmlStopParser(p->parser);
}

static void on_start(void *owner, const xmlChar *name, const xmlChar **attributes)
{
	struct page *p = owner;
	enum tag tag = tag_of((const char *)name);

	p->depth++;
	settle(p);
	if (p->links && name[0] == 'a' && !name[1])
		note_link(p, attributes);
	if (p->unseen) {
		/* nothing of it is shown */
	} else if (!p->shows_hidden && is_hidden(attributes)) {
		p->has_hidden = true;
		p->unseen = p->depth;
	} else if (tag == TAG_SILENT) {
		p->unseen = p->depth;
	} else {
		tag_seen(&p->w, tag, /* closing= */ false);
	}
	stop_if_deep(p);
}

/* Ends are told of every element, also of those that never had an end of their own. */
static void on_end(void *owner, const xmlChar *name)
{
	struct page *p = owner;
	enum tag tag = tag_of((const char *)name);

	settle(p);
	if (!p->unseen && tag != TAG_BREAK && tag != TAG_RULE)
		tag_seen(&p->w, tag, /* closing= */ true);
	if (p->unseen == p->depth)
		p->unseen = 0;
	if (p->depth)
		p->depth--;
}

/* The parser knows entities that end in ';'; "&nbsp" and "&copy" without one are as common as they
 * are wrong. */
static struct text put_entity(struct page *p, struct text t)
{
	char name[16] = "&";
	size_t n = t.len < sizeof(name) - 2 ? t.len : sizeof(name) - 2, took;
	uint32_t c;

	memcpy(name + 1, t.at, n);
	took = mime_entity_read((struct text){ name, 1 + n }, &c);
	put_text_char(&p->w, took ? c : '&');
	return text_sub(t, took ? took - 1 : 0, t.len);
}

static struct text skip_declaration(struct page *p, struct text t)
{
	const char *gt = t.len ? memchr(t.at, '>', t.len) : NULL;

	if (!gt)
		return (struct text){ 0 };
	p->held = HELD_NONE;
	return text_sub(t, (size_t)(gt - t.at) + 1, t.len);
}

/* Is it the "<" of "<!", and not one that was written "&lt;"? */
static bool is_declaration(const struct page *p, struct text t)
{
	const xmlChar *cur = p->parser->input->cur;

	return text_eq(t, TEXT("<")) &&
	       ((cur[0] == '<' && cur[1] == '!') || (cur[-1] == '<' && cur[0] == '!'));
}

static void on_text(void *owner, const xmlChar *bytes, int n)
{
	struct page *p = owner;
	struct text t = { (const char *)bytes, n > 0 ? (size_t)n : 0 };

	if (p->unseen || p->is_stopped)
		return;
	if (p->held == HELD_DECLARATION) {
		t = skip_declaration(p, t);
	} else if (p->held == HELD_AMPERSAND) {
		p->held = HELD_NONE;
		t = put_entity(p, t);
	}
	if (p->held == HELD_NONE && text_eq(t, TEXT("&")))
		p->held = HELD_AMPERSAND;
	else if (p->held == HELD_NONE && is_declaration(p, t))
		p->held = HELD_DECLARATION;
	while (t.len && p->held == HELD_NONE) {
		uint32_t c;
		size_t took = put_word(&p->w, t);

		t = text_sub(t, took, t.len);
		if (took)
			continue;
		took = mime_utf8_next(t, &c);
		put_text_char(&p->w, c);
		t = text_sub(t, took, t.len);
	}
}

/* ---- the parser ---- */

/* What every page is taken to be inside of, so that the parser adds no paragraphs of its own. */
#define FRONT "<html><body>"

/*
 * Names of elements and attributes that one page may have, in bytes: the parser
 * compares each attribute of a tag with those before it.  Real mail has less
 * than 2 KB of different ones.
 */
#define NAMES_MAX 4096

static const htmlSAXHandler ears = {
	.startElement = on_start,
	.endElement = on_end,
	.characters = on_text,
	.ignorableWhitespace = on_text,
	.cdataBlock = on_text,
};

/* Reads `page`, which begins with FRONT, to its end or to where the parser is stopped. */
static void parse(struct page *p, struct text page)
{
	p->depth = p->unseen = 0;
	p->is_stopped = false;
	p->parser = htmlCreateMemoryParserCtxt(page.at, (int)page.len);
	if (!p->parser)
		return;
	*p->parser->sax = ears;
	p->parser->userData = p;
	/* nothing is fetched and no tree is built; what the page says of its charset is over: it is
	 * UTF-8 by now */
	(void)htmlCtxtUseOptions(p->parser, HTML_PARSE_RECOVER | HTML_PARSE_NOERROR |
						    HTML_PARSE_NOWARNING | HTML_PARSE_NONET |
						    HTML_PARSE_IGNORE_ENC);
	(void)xmlSwitchEncoding(p->parser, XML_CHAR_ENCODING_UTF8);
	(void)xmlDictSetLimit(p->parser->dict, NAMES_MAX);
	(void)htmlParseDocument(p->parser);
	settle(p);
	htmlFreeParserCtxt(p->parser);
	p->parser = NULL;
}

static void render(struct page *p, struct text html)
{
	cleanup_buf struct buf page;

	buf_init(&page, sizeof(FRONT) + html.len);
	(void)buf_reserve(&page, page.max - 1);
	while (html.len && !p->w.full) {
		const char *gt = NULL;

		buf_cut(&page, 0);
		(void)text_add(&page, TEXT(FRONT));
		(void)text_add(&page, html);
		parse(p, text_of_buf(&page));
		/* stopped inside a tag, and nobody knows how far */
		if (p->is_stopped && p->stopped_at < page.len)
			gt = memchr(page.data + p->stopped_at, '>', page.len - p->stopped_at);
		html = gt ? text_sub(html,
				     (size_t)(gt - (char *)page.data) + 1 - (sizeof(FRONT) - 1),
				     html.len)
			  : (struct text){ 0 };
	}
}

void mime_html_text(struct text html, struct buf *ret, struct buf *links)
{
	struct page p = { .w = { .out = ret }, .links = links };
	size_t began = ret->len;

	mime_lib_need();
	html = text_sub(html, 0, LIMIT_MIME_PART * 3);
	render(&p, html);
	if (ret->len == began && p.has_hidden) {
		p = (struct page){ .w = { .out = ret }, .shows_hidden = true };
		render(&p, html);
	}
	if (ret->len)
		put(&p.w, "\n", 1);
}
