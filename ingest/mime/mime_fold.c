#include <gmime/gmime.h>

#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_utf8.h"

/* Letters that have no decomposition in Unicode but that people type without their stroke, and
 * typography. */
static const struct {
	uint32_t c;
	const char *as;
} special[] = {
	{ 0xc6, "ae" },        { 0xd0, "d" },         { 0xd8, "o" },    { 0xde, "th" },
	{ 0xdf, "ss" },        { 0xe6, "ae" },        { 0xf0, "d" },    { 0xf8, "o" },
	{ 0xfe, "th" },        { 0x110, "d" },        { 0x111, "d" },   { 0x131, "i" },
	{ 0x141, "l" },        { 0x142, "l" },        { 0x152, "oe" },  { 0x153, "oe" },
	{ 0x401, "\xd0\xb5" }, { 0x451, "\xd0\xb5" }, { 0x1e9e, "ss" }, { 0x2010, "-" },
	{ 0x2011, "-" },       { 0x2012, "-" },       { 0x2013, "-" },  { 0x2014, "-" },
	{ 0x2015, "-" },       { 0x2018, "'" },       { 0x2019, "'" },  { 0x201a, "'" },
	{ 0x201b, "'" },       { 0x201c, "\"" },      { 0x201d, "\"" }, { 0x201e, "\"" },
	{ 0x2032, "'" },       { 0x2212, "-" },       { 0x3000, " " },  { 0xff1a, ":" },
};

static const char *special_of(uint32_t c)
{
	size_t lo = 0, hi = sizeof(special) / sizeof(special[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (special[mid].c == c)
			return special[mid].as;
		if (special[mid].c < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* Scripts whose accents are typed or left out as one pleases; elsewhere a mark is part of the
 * letter. */
static bool has_loose_accents(uint32_t c)
{
	return c < 0x400 || (c >= 0x1e00 && c < 0x2000) || (c >= 0xfb00 && c < 0xfb07) ||
	       (c >= 0xff01 && c < 0xff5f);
}

/* Zero width, soft hyphen, direction marks, variation selectors, byte order mark; and free-standing
 * accents. */
static bool is_invisible(uint32_t c)
{
	return c == 0xad || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x2064) || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff ||
	       (c >= 0x300 && c < 0x370);
}

static int add_char(struct buf *ret, uint32_t c)
{
	char out[4];

	return buf_add(ret, out, mime_utf8_put(c, out));
}

static int add_folded(struct buf *ret, uint32_t c)
{
	const char *as = special_of(c);
	gunichar parts[G_UNICHAR_MAX_DECOMPOSITION_LENGTH];
	gsize n;

	if (as)
		return text_add(ret, text_of(as));
	if (is_invisible(c))
		return 0;
	if (!has_loose_accents(c))
		return add_char(ret, g_unichar_tolower(c));
	n = g_unichar_fully_decompose(c, TRUE, parts, G_UNICHAR_MAX_DECOMPOSITION_LENGTH);
	for (gsize i = 0; i < n; i++)
		if (!is_invisible(parts[i]) && add_char(ret, g_unichar_tolower(parts[i])) < 0)
			return -1;
	return 0;
}

static bool is_space(uint32_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == 0xa0 || c == 0x3000 || c == 0x202f ||
	       (c >= 0x2000 && c <= 0x200a);
}

/*
 * Most text is ASCII words with a space between: folded here by the run, into `out`.  The bytes
 * taken are those written.  `*blank` as in mime_fold_add().
 */
static size_t fold_run(struct text t, char *out, size_t size, bool *blank)
{
	size_t n = 0;

	for (; n < t.len && n < size; n++) {
		char c = t.at[n];

		if (c <= ' ' || c >= 0x7f) {
			if (c != ' ' || *blank)
				break;
			*blank = true;
		} else {
			*blank = false;
		}
		out[n] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	return n;
}

/* false: the ceiling cut it. */
static bool add_run(struct buf *ret, const char *p, size_t n)
{
	size_t room = ret->max - ret->len;

	(void)buf_add(ret, p, n < room ? n : room);
	return n <= room;
}

void mime_fold_add(struct buf *ret, struct text t)
{
	bool blank = true; /* at the front, and after a space or a line feed: no space is written */

	while (t.len) {
		char run[256];
		uint32_t c;
		size_t took = fold_run(t, run, sizeof(run), &blank);
		int r;

		if (took) {
			if (!add_run(ret, run, took))
				return;
			t = text_sub(t, took, t.len);
			continue;
		}
		took = mime_utf8_next(t, &c);
		t = text_sub(t, took, t.len);
		if (is_space(c)) {
			r = blank ? 0 : buf_add(ret, " ", 1);
			blank = true;
		} else if (c == '\n') {
			if (blank && ret->len && ret->data[ret->len - 1] == ' ')
				ret->data[--ret->len] = '\0';
			r = buf_add(ret, "\n", 1);
			blank = true;
		} else {
			if (c >= 'A' && c <= 'Z')
				c += 'a' - 'A';
			r = c < 0x80 ? add_char(ret, c) : add_folded(ret, c);
			blank = blank && is_invisible(c);
		}
		if (r < 0)
			return;
	}
	if (blank && ret->len && ret->data[ret->len - 1] == ' ')
		ret->data[--ret->len] = '\0';
}

bool mime_fold_is(struct text t)
{
	cleanup_buf struct buf folded;

	buf_init(&folded, t.len * 3 + 1);
	mime_fold_add(&folded, t);
	return text_eq(text_of_buf(&folded), t);
}
