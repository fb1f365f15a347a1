#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/mime/mime_html.h"
#include "ingest/mime/mime_part.h"
#include "ingest/mime/mime_utf8.h"

static const struct {
	const char *name;
	enum mime_encoding encoding;
	bool html;
	const char *charset, *in, *want;
} rows[] = {
	{ "plain", MIME_PLAIN, false, "", "Hello\r\nAnn\r\n", "Hello\nAnn\n" },
	{ "utf-8", MIME_PLAIN, false, "utf-8", "J\xc3\xa4ger", "Jäger" },
	{ "latin-1", MIME_PLAIN, false, "ISO-8859-1", "J\xe4ger", "Jäger" },
	{ "latin-1 with a Windows quote", MIME_PLAIN, false, "iso-8859-1", "it\x92s", "it’s" },
	{ "ascii that is utf-8", MIME_PLAIN, false, "us-ascii", "J\xc3\xa4ger", "Jäger" },
	{ "latin-1 that is utf-8", MIME_PLAIN, false, "iso-8859-1", "J\xc3\xa4ger", "Jäger" },
	{ "utf-8 that is latin-1", MIME_PLAIN, false, "utf-8", "J\xe4ger", "Jäger" },
	{ "utf-8 with one bad byte", MIME_PLAIN, false, "utf-8", "J\xc3\xa4ger\xff",
	  "Jäger\xef\xbf\xbd" },
	{ "no such charset", MIME_PLAIN, false, "x-nowhere", "J\xe4ger", "Jäger" },
	{ "no such charset, utf-8", MIME_PLAIN, false, "x-nowhere", "J\xc3\xa4ger", "Jäger" },
	{ "koi8-r", MIME_PLAIN, false, "koi8-r", "\xf0\xd2\xc9\xd7\xc5\xd4", "Привет" },
	{ "shift_jis", MIME_PLAIN, false, "shift_jis", "\x93\xfa\x96\x7b", "日本" },
	{ "iso-2022-jp", MIME_PLAIN, false, "iso-2022-jp", "\x1b$BF|K\\\x1b(B", "日本" },
	{ "gb2312", MIME_PLAIN, false, "gb2312", "\xd6\xd0\xce\xc4", "中文" },
	{ "bad byte in shift_jis", MIME_PLAIN, false, "shift_jis", "a\xff\x93\xfa",
	  "a\xef\xbf\xbd日" },
	{ "charset cut inside a character", MIME_PLAIN, false, "shift_jis", "\x93\xfa\x96", "日" },
	{ "base64", MIME_BASE64, false, "utf-8", "SGVsbG8sIEFubg==", "Hello, Ann" },
	{ "base64 in lines", MIME_BASE64, false, "utf-8", "SGVs\r\nbG8s\r\nIEFubg==\r\n",
	  "Hello, Ann" },
	{ "base64 with rubbish", MIME_BASE64, false, "utf-8", "SG!Vs*bG8s", "Hello," },
	{ "base64 cut", MIME_BASE64, false, "utf-8", "SGVsbG8sIE", "Hello," },
	{ "quoted-printable", MIME_QUOTED, false, "utf-8", "J=C3=A4ger =\r\nund", "Jäger und" },
	{ "quoted-printable, lower case and broken", MIME_QUOTED, false, "utf-8",
	  "J=c3=a4=ZZger=", "Jä=ZZger" },
	{ "decomposed", MIME_PLAIN, false, "utf-8", "e\xcc\x81t\xc3\xa9", "été" },
	{ "decomposed Hangul", MIME_PLAIN, false, "utf-8", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab",
	  "한" },
	{ "bell and NEL", MIME_PLAIN, false, "utf-8", "a\ab\xc2\x85z", "a b z" },
	{ "html", MIME_PLAIN, true, "utf-8", "<p>Hi <b>Ann</b></p><p>Bye</p>", "Hi Ann\n\nBye\n" },
	{ "html in quoted-printable latin-1", MIME_QUOTED, true, "iso-8859-1", "<p>J=E4ger</p>",
	  "Jäger\n" },
};

static void text_of_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct mime_part p = { .encoding = rows[i].encoding, .html = rows[i].html };
		struct buf b;

		(void)strncat(p.charset, rows[i].charset, sizeof(p.charset) - 1);
		buf_init(&b, LIMIT_MIME_TEXT);
		mime_part_text(&p, rows[i].in, strlen(rows[i].in), &b, NULL);
		if (!text_eq((struct text){ (const char *)b.data, b.len }, text_of(rows[i].want)))
			fail_msg("%s: \"%s\"", rows[i].name, b.data ? (const char *)b.data : "");
		buf_clear(&b);
	}
}

static const struct {
	const char *name, *in, *want;
} pages[] = {
	{ "no markup", "a b", "a b\n" },
	{ "white space", "  a \n\t b  ", "a b\n" },
	{ "line breaks", "a<br>b<br/>c<BR />d", "a\nb\nc\nd\n" },
	{ "an empty line", "a<br><br>b", "a\n\nb\n" },
	{ "divs", "<div>a</div><div>b</div>", "a\nb\n" },
	{ "nested divs make one line end", "<div><div>a</div></div><div><div>b</div></div>",
	  "a\nb\n" },
	{ "Outlook paragraphs",
	  "<p class=MsoNormal>a<o:p></o:p></p><p class=MsoNormal><o:p>&nbsp;</o:p></p>"
	  "<p class=MsoNormal>b</p>",
	  "a\n\nb\n" },
	{ "quote", "new<blockquote>old<br>older</blockquote>below",
	  "new\n> old\n> older\nbelow\n" },
	{ "quote in quote", "<blockquote>a<blockquote>b</blockquote>c</blockquote>d",
	  "> a\n> > b\n> c\nd\n" },
	{ "more closed than opened", "</blockquote></blockquote>a", "a\n" },
	{ "rule", "a<hr>b", "a\n________________________________\nb\n" },
	{ "table", "<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc\n" },
	{ "list", "<ul><li>a<li>b</ul>c", "a\nb\nc\n" },
	{ "preformatted", "<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc\n" },
	{ "style and script", "<style>p{}</style>a<script>if(a<b){}</script>b", "ab\n" },
	{ "title", "<head><title>t</title></head><body>a</body>", "a\n" },
	{ "a style that never ends", "a<style>b", "a\n" },
	{ "comments", "a<!-- <b> -- > -->b<!-- ", "ab\n" },
	{ "conditional comments", "<!--[if mso]><p>x</p><![endif]-->a<![if !mso]>b<![endif]>",
	  "ab\n" },
	{ "entities",
	  "&lt;a&gt; &amp;&eacute;&#233;&#xe9;&nbsp;&euro;&copy b&not;&nosuch;&;&#;&#x;&#xd800;",
	  "<a> &ééé €© b¬&nosuch;&;\n" },
	{ "attributes with brackets", "<a title=\"x > y\" href='>'>b</a>", "b\n" },
	{ "an open quote in a tag", "a<a title=\"x>b</a>c", "a\n" },
	{ "characters of Windows by number", "don&#146;t &#150; &#133;", "don’t – …\n" },
	{ "a written declaration", "a &lt;![if]> b", "a <![if]> b\n" },
	{ "after the end", "<html><body>a</body></html>b", "ab\n" },
	{ "crossed tags", "<b><div>x</b>y</div>z", "xy\nz\n" },
	{ "another charset named", "<meta charset=iso-8859-1>\xc3\xa9", "é\n" },
	{ "hidden", "<div class=preheader style='font-size:1px; DISPLAY : none;'>x<p>y</div>a",
	  "a\n" },
	{ "hidden from Outlook", "<p style=\"mso-hide:\tall\">x</p>a<i hidden>b</i>", "a\n" },
	{ "nothing but hidden", "<div style=display:none>a</div>", "a\n" },
	{ "hidden without an end", "a<div hidden>b", "a\n" },
	{ "cut inside a tag", "a<b", "a\n" },
	{ "cut inside an entity", "a&am", "a&am\n" },
	{ "less than", "1 < 2 <3 a<", "1 < 2 <3 a<\n" },
	{ "nothing", "", "" },
	{ "only tags", "<p><br></p>", "" },
};

static void lines_of_html(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(pages); i++) {
		struct buf b;

		buf_init(&b, 4096);
		mime_html_text(text_of(pages[i].in), &b, NULL);
		if (!text_eq((struct text){ (const char *)b.data, b.len }, text_of(pages[i].want)))
			fail_msg("%s: \"%s\"", pages[i].name, b.data ? (const char *)b.data : "");
		buf_clear(&b);
	}
}

/* Cut anywhere and held at any ceiling, a part gives valid text. */
static void every_cut(void **state)
{
	static const char in[] = "<p>J\xc3\xa4ger &eacute;&#8364; <b "
				 "title='\xf0\x9f\x98\x80'>e\xcc\x81</b><blockquote>"
				 "\xf0\x9f\x98\x80</blockquote><!-- c --><style>s</style>";

	(void)state;
	for (size_t n = 0; n < sizeof(in); n++) {
		for (int html = 0; html < 2; html++) {
			struct mime_part p = { .html = html, .charset = "utf-8" };
			struct buf b;

			buf_init(&b, n % 40);
			mime_part_text(&p, in, n, &b, NULL);
			assert_true(
				mime_utf8_is_valid((struct text){ (const char *)b.data, b.len }));
			buf_clear(&b);
		}
	}
}

/* Half a megabyte of anything takes a moment and no more than the ceiling: under 3 s even with
 * sanitizers. */
static void hostile_parts(void **state)
{
	static const struct {
		const char *name, *repeated;
		bool html;
		const char *charset;
		enum mime_encoding encoding;
	} hostile[] = {
		{ "open tags", "<", true, "utf-8", MIME_PLAIN },
		{ "deep nesting", "<div><blockquote>", true, "utf-8", MIME_PLAIN },
		{ "deep nesting with text", "<blockquote>a", true, "utf-8", MIME_PLAIN },
		{ "deep nesting, ends of others", "<b></i><p>", true, "utf-8", MIME_PLAIN },
		{ "ends alone", "</b>", true, "utf-8", MIME_PLAIN },
		{ "tables", "<table><tr><td>", true, "utf-8", MIME_PLAIN },
		{ "hidden", "<a hidden>x", true, "utf-8", MIME_PLAIN },
		{ "declarations", "<![", true, "utf-8", MIME_PLAIN },
		{ "ampersands", "&", true, "utf-8", MIME_PLAIN },
		{ "styles", "<p style='d d d di dis disp'>", true, "utf-8", MIME_PLAIN },
		{ "open quotes", "<a b=\">", true, "utf-8", MIME_PLAIN },
		{ "mixed quotes", "<a b='><a b=\">", true, "utf-8", MIME_PLAIN },
		{ "open comments", "<!--", true, "utf-8", MIME_PLAIN },
		{ "open styles", "<style>", true, "utf-8", MIME_PLAIN },
		{ "rules", "<hr>", true, "utf-8", MIME_PLAIN },
		{ "entities", "&#x10ffff", true, "utf-8", MIME_PLAIN },
		{ "marks out of order", "\xcc\x81\xcc\xa3", false, "utf-8", MIME_PLAIN },
		{ "one base and marks", "a\xcd\xa1\xcc\x95\xcc\x80\xcd\xa2\xcc\x95", false, "utf-8",
		  MIME_PLAIN },
		{ "bad bytes", "\xff\xfe", false, "shift_jis", MIME_PLAIN },
		{ "euro signs in windows-1252", "\x80", false, "windows-1252", MIME_PLAIN },
		{ "escapes", "\x1b$B", false, "iso-2022-jp", MIME_PLAIN },
		{ "equals", "=", false, "utf-8", MIME_QUOTED },
		{ "padding", "=", false, "utf-8", MIME_BASE64 },
		{ "uuencode", "begin 644 a\nM", false, "utf-8", MIME_UUENCODED },
		{ "ligatures", "\xef\xb7\xba", false, "utf-8", MIME_PLAIN },
	};

	(void)state;
	for (size_t i = 0; i < countof(hostile); i++) {
		struct mime_part p = { .encoding = hostile[i].encoding, .html = hostile[i].html };
		struct buf in, out;
		clock_t began;

		(void)strncat(p.charset, hostile[i].charset, sizeof(p.charset) - 1);
		buf_init(&in, LIMIT_MIME_PART);
		buf_init(&out, LIMIT_MIME_TEXT);
		while (text_add(&in, text_of(hostile[i].repeated)) == 0)
			;
		began = clock();
		mime_part_text(&p, in.data, in.len, &out, NULL);
		if ((clock() - began) / CLOCKS_PER_SEC >= 3)
			fail_msg("%s: %ld ms", hostile[i].name,
				 (long)(clock() - began) * 1000 / CLOCKS_PER_SEC);
		assert_true(out.len <= LIMIT_MIME_TEXT);
		assert_true(mime_utf8_is_valid((struct text){ (const char *)out.data, out.len }));
		buf_clear(&in);
		buf_clear(&out);
	}
}

/* What stands deeper than the parser goes is read all the same, in time that is linear. */
static void deep_pages(void **state)
{
	struct buf in, out;
	clock_t began;

	(void)state;
	buf_init(&in, LIMIT_MIME_PART);
	buf_init(&out, LIMIT_MIME_TEXT);
	for (int i = 0; i < 100000; i++)
		(void)text_add(&in, TEXT("<p>"));
	(void)text_add(&in, TEXT("<div>above"));
	for (int i = 0; i < 10000; i++)
		(void)text_add(&in, TEXT("<div title='>'>"));
	(void)text_add(&in, TEXT("below"));
	for (int i = 0; i < 10000; i++)
		(void)text_add(&in, TEXT("</div>"));
	mime_html_text(text_of_buf(&in), &out, NULL);
	assert_true(text_eq(text_of_buf(&out), TEXT("above\nbelow\n")));

	/* one tag of attributes that all differ */
	buf_cut(&in, 0);
	buf_cut(&out, 0);
	(void)text_add(&in, TEXT("a<p"));
	for (int i = 0; text_addf(&in, " a%x", i) == 0; i++)
		;
	buf_cut(&in, in.len - 5);
	(void)text_add(&in, TEXT(">b"));
	began = clock();
	mime_html_text(text_of_buf(&in), &out, NULL);
	assert_true((clock() - began) / CLOCKS_PER_SEC < 3);
	assert_true(text_eq(text_of_buf(&out), TEXT("a\n\nb\n")));
	buf_clear(&in);
	buf_clear(&out);
}

static void names_of_encodings(void **state)
{
	(void)state;
	assert_int_equal(mime_part_encoding(TEXT("BASE64")), MIME_BASE64);
	assert_int_equal(mime_part_encoding(TEXT(" quoted-printable ")), MIME_QUOTED);
	assert_int_equal(mime_part_encoding(TEXT("x-uuencode")), MIME_UUENCODED);
	assert_int_equal(mime_part_encoding(TEXT("8bit")), MIME_PLAIN);
	assert_int_equal(mime_part_encoding(TEXT("")), MIME_PLAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_parts), cmocka_unit_test(lines_of_html),
		cmocka_unit_test(every_cut),     cmocka_unit_test(hostile_parts),
		cmocka_unit_test(deep_pages),    cmocka_unit_test(names_of_encodings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
