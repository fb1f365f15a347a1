#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"
#include "ingest/imap/imap_body.h"

/* "section type/subtype size" and what else is known; "|" between parts. */
static void tell(const struct imap_body *body, struct buf *b)
{
	for (size_t i = 0; i < body->n_parts; i++) {
		const struct imap_part *p = &body->parts[i];
		const struct {
			const char *name;
			struct text value;
		} fields[] = {
			{ "in", p->multipart },      { "charset", p->charset },
			{ "encoding", p->encoding }, { "disposition", p->disposition },
			{ "name", p->name },         { "id", p->id },
		};

		(void)text_addf(b, "%s%s %.*s/%.*s %llu", i ? "|" : "", p->section,
				TEXT_ARG(p->type), TEXT_ARG(p->subtype),
				(unsigned long long)p->size);
		for (size_t j = 0; j < countof(fields); j++)
			if (fields[j].value.len)
				(void)text_addf(b, " %s=%.*s", fields[j].name,
						TEXT_ARG(fields[j].value));
		if (p->inside)
			(void)text_addf(b, " inside=%u", p->inside);
	}
	if (body->is_partial)
		(void)text_add(b, TEXT(" partial"));
}

static const struct {
	const char *name, *in, *want;
} rows[] = {
	{ "one text",
	  "(\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"base64\" 120 2 NIL NIL NIL NIL)",
	  "1 text/plain 120 charset=utf-8 encoding=base64" },
	{ "without extensions", "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 3028 92)",
	  "1 TEXT/PLAIN 3028 encoding=7BIT" },
	{ "alternative",
	  "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 1)(\"text\" \"html\" NIL \"<c@d>\" NIL "
	  "\"8bit\" 2 1) "
	  "\"alternative\" (\"boundary\" \"x\") NIL NIL)",
	  "1 text/plain 1 in=alternative encoding=7bit|2 text/html 2 in=alternative encoding=8bit "
	  "id=<c@d>" },
	{ "nested multiparts",
	  "(((\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 1)(\"text\" \"html\" NIL NIL NIL \"7bit\" "
	  "2 1) "
	  "\"alternative\")(\"application\" \"pdf\" (\"name\" \"a.pdf\") NIL NIL \"base64\" 3 NIL "
	  "(\"attachment\" (\"filename\" \"b.pdf\")) NIL NIL) \"mixed\")",
	  "1.1 text/plain 1 in=alternative encoding=7bit|1.2 text/html 2 in=alternative "
	  "encoding=7bit|2 application/pdf 3 in=mixed encoding=base64 disposition=attachment "
	  "name=b.pdf" },
	{ "a report",
	  "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 1)(\"message\" \"delivery-status\" NIL NIL "
	  "NIL "
	  "\"7bit\" 2)(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 9 (\"d\" \"s\" NIL NIL NIL NIL "
	  "NIL NIL "
	  "NIL \"<i>\") (\"text\" \"plain\" NIL NIL NIL \"7bit\" 3 1) 20 NIL NIL) \"report\" "
	  "(\"report-type\" \"delivery-status\"))",
	  "1 text/plain 1 in=report encoding=7bit|2 message/delivery-status 2 in=report "
	  "encoding=7bit|3 message/rfc822 9 in=report encoding=7bit|3.1 text/plain 3 encoding=7bit "
	  "inside=1" },
	{ "an attached mail of several parts",
	  "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 9 (\"d\" NIL) ((\"text\" \"plain\" NIL NIL "
	  "NIL "
	  "\"7bit\" 1 1)((\"text\" \"html\" NIL NIL NIL \"7bit\" 2 1) \"related\") \"mixed\") 20)",
	  "1 message/rfc822 9 encoding=7bit|1.1 text/plain 1 in=mixed encoding=7bit inside=1|1.2.1 "
	  "text/html 2 in=related encoding=7bit inside=1" },
	{ "disposition of an attached mail",
	  "(\"message\" \"rfc822\" (\"name\" \"n\") NIL NIL \"7bit\" 9 NIL (\"text\" \"plain\" NIL "
	  "NIL NIL "
	  "\"7bit\" 1 1) 5 NIL (\"attachment\" (\"filename\" \"f.eml\")))",
	  "1 message/rfc822 9 encoding=7bit disposition=attachment name=f.eml|1.1 text/plain 1 "
	  "encoding=7bit inside=1" },
	{ "literals and escapes",
	  "(\"text\" \"plain\" (\"name\" {5}\r\na\"b)c) NIL NIL \"7bit\" 1 1 NIL (\"inline\" "
	  "(\"filename\" "
	  "\"x\\\"y\")))",
	  "1 text/plain 1 encoding=7bit disposition=inline name=x\"y" },
	{ "blanks between parts",
	  "( (\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 1) (\"text\" \"html\" NIL NIL NIL \"7bit\" "
	  "2 1) "
	  "\"mixed\" )",
	  "1 text/plain 1 in=mixed encoding=7bit|2 text/html 2 in=mixed encoding=7bit" },
	/* rude shapes */
	{ "Gmail: a multipart it found nothing in", "(\"ALTERNATIVE\")", " partial" },
	{ "Gmail: the same, inside",
	  "((\"ALTERNATIVE\")(\"text\" \"html\" NIL NIL NIL \"7bit\" 2 1) \"MIXED\")",
	  "2 text/html 2 in=MIXED encoding=7bit partial" },
	{ "Exchange: disposition as a word",
	  "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 1 NIL \"inline\" NIL NIL)(\"text\" \"html\" "
	  "NIL NIL "
	  "NIL \"7bit\" 2 1) \"mixed\")",
	  "1 text/plain 1 in=mixed encoding=7bit disposition=inline|2 text/html 2 in=mixed "
	  "encoding=7bit" },
	{ "Exchange: disposition of nothing",
	  "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 1 NIL (NIL NIL) NIL NIL)",
	  "1 text/plain 1 encoding=7bit" },
	{ "Exchange: a stray word behind a multipart",
	  "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 1) \"mixed\" (\"boundary\" \"b\") \"stray\" "
	  "NIL)",
	  "1 text/plain 1 in=mixed encoding=7bit" },
	{ "parameters of a disposition without their parentheses",
	  "(\"application\" \"pdf\" (\"name\" \"x\") NIL NIL \"base64\" 900 NIL (\"attachment\" "
	  "\"filename\" "
	  "\"a.pdf\") NIL)",
	  "1 application/pdf 900 encoding=base64 disposition=attachment name=a.pdf" },
	{ "neither lines nor MD5",
	  "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 (\"inline\" (\"filename\" \"a.txt\")) NIL)",
	  "1 text/plain 1 encoding=7bit disposition=inline name=a.txt" },
	{ "an attached mail without envelope and body",
	  "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 9 NIL (\"attachment\" (\"filename\" "
	  "\"a\")) NIL)"
	  "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 1) \"mixed\")",
	  "1 message/rfc822 9 in=mixed encoding=7bit disposition=attachment name=a|2 text/plain 1 "
	  "in=mixed encoding=7bit" },
	{ "fields missing at the end", "(\"text\" \"plain\")", "1 text/plain 0" },
	{ "a list where a word should be", "(\"text\" (\"plain\") NIL NIL NIL \"7bit\" 1 1)",
	  "1 text/ 1 encoding=7bit partial" },
	{ "a parameter without a value", "(\"text\" \"plain\" (\"charset\") NIL NIL \"7bit\" 1 1)",
	  "1 text/plain 1 encoding=7bit" },
	{ "size is NIL", "(\"text\" \"plain\" NIL NIL NIL \"7bit\" NIL 1)",
	  "1 text/plain 0 encoding=7bit" },
	{ "RFC 2231 names",
	  "(\"text\" \"plain\" (\"name*\" \"utf-8''a%20b\") NIL NIL \"7bit\" 1 1)",
	  "1 text/plain 1 encoding=7bit name=utf-8''a%20b" },
	{ "nothing", "", " partial" },
	{ "NIL", "NIL", " partial" },
	{ "empty", "()", " partial" },
	{ "cut off", "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 1)(\"text\" \"html",
	  "1 text/plain 1 encoding=7bit|2 text/ 0 partial" },
};

static void parse(struct text in, struct buf *ret)
{
	/* memory of its own size, so that the sanitizer sees a byte too far */
	cleanup_free char *at = mem_copy(in.at, in.len);
	struct imap_body body;

	imap_body_init(&body);
	imap_body_parse(&body, at, in.len, 1 << 20);
	tell(&body, ret);
	imap_body_clear(&body);
}

static void every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct buf b;

		buf_init(&b, 4096);
		parse(text_of(rows[i].in), &b);
		if (!text_eq(text_of_buf(&b), text_of(rows[i].want)))
			fail_msg("%s\n  want: %s\n  got:  %.*s", rows[i].name, rows[i].want,
				 TEXT_ARG(text_of_buf(&b)));
		buf_clear(&b);
	}
}

static void every_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		for (size_t len = 0; len < strlen(rows[i].in); len++) {
			struct buf b;

			buf_init(&b, 4096);
			parse(text_sub(text_of(rows[i].in), 0, len), &b);
			buf_clear(&b);
		}
	}
}

/* 10,000 parts: 200 are listed, the rest costs nothing. */
static void many_parts(void **state)
{
	struct text part = TEXT("(\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 1)");
	struct imap_body body;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	(void)text_add(&b, TEXT("("));
	for (int i = 0; i < 10000; i++)
		(void)text_add(&b, part);
	(void)text_add(&b, TEXT(" \"mixed\")"));
	imap_body_init(&body);
	imap_body_parse(&body, (char *)b.data, b.len, 100);
	assert_int_equal(body.n_parts, LIMIT_IMAP_PARTS);
	assert_true(body.is_partial);
	assert_string_equal(body.parts[LIMIT_IMAP_PARTS - 1].section, "200");
	imap_body_clear(&body);
	buf_clear(&b);
}

/* Parts that lie too deep are left out; their neighbours are not. */
static void deep_parts(void **state)
{
	enum { DEPTH = 2000 };
	struct imap_body body;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	(void)text_add(&b, TEXT("("));
	for (int i = 0; i < DEPTH; i++)
		(void)text_add(&b, TEXT("("));
	(void)text_add(&b, TEXT("\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 1"));
	for (int i = 0; i < DEPTH - 1; i++)
		(void)text_add(&b, TEXT(") \"mixed\""));
	(void)text_add(&b, TEXT(")(\"text\" \"html\" NIL NIL NIL \"7bit\" 1 1) \"mixed\")"));
	imap_body_init(&body);
	imap_body_parse(&body, (char *)b.data, b.len, 100);
	assert_true(body.is_partial);
	assert_int_equal(body.n_parts, 1);
	assert_string_equal(body.parts[0].section, "2");
	imap_body_clear(&body);
	buf_clear(&b);
}

static void find_text(void **state)
{
	struct text in =
		TEXT("((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 9 NIL (\"text\" \"plain\" NIL "
		     "NIL NIL \"7bit\" 1 1) 5)(\"TEXT\" \"Plain\" NIL NIL NIL \"7bit\" 2 1) "
		     "\"mixed\")");
	cleanup_free char *at = mem_copy(in.at, in.len);
	struct imap_body body;
	const struct imap_part *p;

	(void)state;
	imap_body_init(&body);
	imap_body_parse(&body, at, in.len, 100);
	p = imap_body_find(&body, TEXT("text"), TEXT("plain"));
	assert_non_null(p);
	/* not the one of the attached mail */
	assert_string_equal(p->section, "2");
	assert_null(imap_body_find(&body, TEXT("text"), TEXT("html")));
	imap_body_clear(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),  cmocka_unit_test(every_prefix),
		cmocka_unit_test(many_parts), cmocka_unit_test(deep_parts),
		cmocka_unit_test(find_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
