#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gmime/gmime.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/mime/mime_html.h"
#include "ingest/mime/mime_lib.h"
#include "ingest/mime/mime_part.h"
#include "ingest/mime/mime_utf8.h"

enum mime_encoding mime_part_encoding(struct text name)
{
	static const struct {
		const char *name;
		enum mime_encoding encoding;
	} known[] = {
		{ "base64", MIME_BASE64 },        { "quoted-printable", MIME_QUOTED },
		{ "x-uuencode", MIME_UUENCODED }, { "uuencode", MIME_UUENCODED },
		{ "x-uue", MIME_UUENCODED },
	};

	name = text_trim(name);
	for (size_t i = 0; i < countof(known); i++)
		if (text_ieq(name, text_of(known[i].name)))
			return known[i].encoding;
	return MIME_PLAIN;
}

static GMimeContentEncoding gmime_encoding(enum mime_encoding e)
{
	switch (e) {
	case MIME_BASE64:
		return GMIME_CONTENT_ENCODING_BASE64;
	case MIME_QUOTED:
		return GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
	case MIME_UUENCODED:
		return GMIME_CONTENT_ENCODING_UUENCODE;
	case MIME_PLAIN:
		break;
	}
	return GMIME_CONTENT_ENCODING_DEFAULT;
}

static void add_cut(struct buf *ret, const void *p, size_t n)
{
	size_t room = ret->max - ret->len;

	(void)buf_add(ret, p, n < room ? n : room);
}

/* In steps, so that no buffer of the size of the part is needed beside `ret`. */
#define STEP 4096

void mime_part_bytes(enum mime_encoding encoding, const void *bytes, size_t n, struct buf *ret)
{
	char out[STEP * 2];
	GMimeEncoding state;

	if (encoding == MIME_PLAIN) {
		add_cut(ret, bytes, n);
		return;
	}
	mime_lib_need();
	g_mime_encoding_init_decode(&state, gmime_encoding(encoding));
	for (size_t at = 0, step; at < n && ret->len < ret->max; at += step) {
		step = n - at < STEP ? n - at : STEP;
		add_cut(ret, out,
			g_mime_encoding_step(&state, (const char *)bytes + at, step, out));
	}
	add_cut(ret, out, g_mime_encoding_flush(&state, "", 0, out));
}

/* ---- charset ---- */

/* Charsets of one byte per character: what claims one of them but is clean UTF-8 with long
 * characters is UTF-8. */
static bool is_single_byte(const char *charset)
{
	return !charset[0] || text_istarts(text_of(charset), TEXT("iso-8859")) ||
	       text_istarts(text_of(charset), TEXT("windows-12")) ||
	       text_istarts(text_of(charset), TEXT("cp12")) ||
	       text_ieq(text_of(charset), TEXT("us-ascii")) ||
	       text_ieq(text_of(charset), TEXT("ascii")) ||
	       text_ieq(text_of(charset), TEXT("latin1"));
}

static bool is_utf8(const char *charset)
{
	return text_ieq(text_of(charset), TEXT("utf-8")) ||
	       text_ieq(text_of(charset), TEXT("utf8"));
}

/* What iconv is asked for.  Mail that says latin-1 or ASCII means what Windows calls so: quotes and
 * dashes live at 0x80. */
static const char *source_charset(const char *charset)
{
	if (!charset[0] || text_ieq(text_of(charset), TEXT("iso-8859-1")) ||
	    text_ieq(text_of(charset), TEXT("us-ascii")) ||
	    text_ieq(text_of(charset), TEXT("ascii")))
		return "windows-1252";
	return charset;
}

/* Does a character of several bytes stand anywhere?  Then bytes outside UTF-8 are damage, not
 * another charset. */
static bool has_long_character(struct text t)
{
	while ((t = text_sub(t, mime_utf8_ascii(t), t.len)).len) {
		uint32_t c;
		size_t n = mime_utf8_next(t, &c);

		if (n > 1)
			return true;
		t = text_sub(t, n, t.len);
	}
	return false;
}

static void convert(iconv_t cd, struct text in, struct buf *ret)
{
	char *from = mem_text_n(in.at, in.len), *at = from;
	size_t left = in.len;

	while (left && ret->len < ret->max) {
		char out[STEP], *to = out;
		size_t room = sizeof(out), r;
		int why;

		r = g_mime_iconv(cd, &at, &left, &to, &room);
		why = errno;
		add_cut(ret, out, sizeof(out) - room);
		if (r != (size_t)-1)
			break;
		if (why == E2BIG && room < sizeof(out))
			continue;
		if (why != EILSEQ && why != E2BIG)
			break; /* EINVAL: the part was cut inside a character */
		add_cut(ret, "\xef\xbf\xbd", 3);
		at++;
		left--;
	}
	free(from);
}

static bool is_open(iconv_t cd)
{
	return (intptr_t)cd != -1;
}

/* Bytes in the named charset -> bytes that are UTF-8 or nearly so; mime_utf8_add() does the rest.
 */
static void to_utf8(const char *charset, struct text in, struct buf *ret)
{
	bool as_it_is = is_utf8(charset) ? mime_utf8_is_valid(in) || has_long_character(in)
					 : is_single_byte(charset) && mime_utf8_is_valid(in);
	iconv_t cd;

	if (as_it_is) {
		add_cut(ret, in.at, in.len);
		return;
	}
	mime_lib_need();
	cd = g_mime_iconv_open("UTF-8",
			       is_utf8(charset) ? "windows-1252" : source_charset(charset));
	if (!is_open(cd) && mime_utf8_is_valid(in)) {
		add_cut(ret, in.at, in.len);
		return;
	}
	if (!is_open(cd))
		cd = g_mime_iconv_open("UTF-8", "windows-1252");
	if (!is_open(cd))
		return;
	convert(cd, in, ret);
	g_mime_iconv_close(cd);
}

/* ---- NFC ---- */

/*
 * Composition (UAX 15) by clusters: a character and the marks after it.  Not
 * the whole text in one call: canonical ordering of an endless run of marks is
 * quadratic.  A cluster holds MARKS marks, as UAX 15 section 13 (stream-safe
 * text) allows; what comes after them starts a new one.
 */
#define MARKS 30

struct cluster {
	char bytes[(MARKS + 1) * 4];
	size_t len, marks;
};

/* false: the ceiling cut it, and nothing may follow. */
static bool flush(struct cluster *c, struct buf *ret)
{
	char *nfc = c->marks ? g_utf8_normalize(c->bytes, (gssize)c->len, G_NORMALIZE_NFC) : NULL;
	struct text t = nfc ? text_of(nfc) : (struct text){ c->bytes, c->len };
	bool fits = mime_utf8_add(ret, t, /* lines= */ true);

	g_free(nfc);
	c->len = c->marks = 0;
	return fits;
}

static bool is_mark(uint32_t c)
{
	/* vowels and finals of Hangul, which macOS writes apart, compose too */
	return c >= 0x300 && (g_unichar_combining_class(c) != 0 || (c >= 0x1160 && c < 0x1200));
}

static void add_composed(struct text t, struct buf *ret)
{
	struct cluster c = { .len = 0 };

	while (t.len) {
		uint32_t ch;
		size_t n = mime_utf8_next(t, &ch);

		if (c.len && (!is_mark(ch) || c.marks == MARKS) && !flush(&c, ret))
			return;
		c.marks += c.len > 0;
		memcpy(c.bytes + c.len, t.at, n);
		c.len += n;
		t = text_sub(t, n, t.len);
	}
	if (c.len)
		(void)flush(&c, ret);
}

static bool has_marks(struct text t)
{
	while ((t = text_sub(t, mime_utf8_ascii(t), t.len)).len) {
		uint32_t c;
		size_t n = mime_utf8_next(t, &c);

		if (is_mark(c))
			return true;
		t = text_sub(t, n, t.len);
	}
	return false;
}

void mime_part_text(const struct mime_part *p, const void *bytes, size_t n, struct buf *ret,
		    struct buf *links)
{
	cleanup_buf struct buf raw, utf8, clean, plain;
	struct text t;

	buf_init(&raw, LIMIT_MIME_PART);
	buf_init(&utf8, LIMIT_MIME_PART * 3); /* a byte of windows-1252 makes three at most */
	buf_init(&clean, LIMIT_MIME_PART * 3);
	buf_init(&plain, LIMIT_MIME_TEXT);

	t = text_sub((struct text){ bytes, n }, 0, LIMIT_MIME_PART);
	if (p->encoding != MIME_PLAIN) {
		mime_part_bytes(p->encoding, bytes, n, &raw);
		t = text_of_buf(&raw);
	}
	to_utf8(p->charset, t, &utf8);
	buf_clear(&raw);
	(void)mime_utf8_add(&clean, (struct text){ (const char *)utf8.data, utf8.len },
			    /* lines= */ true);
	t = (struct text){ (const char *)clean.data, clean.len };
	if (p->html) {
		mime_html_text(t, &plain, links);
		t = (struct text){ (const char *)plain.data, plain.len };
	}
	if (has_marks(t))
		add_composed(t, ret);
	else
		(void)mime_utf8_add(ret, t, /* lines= */ true);
}
