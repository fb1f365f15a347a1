#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/mime/mime_mail.h"

#define MIXED "Content-Type: multipart/mixed; boundary=a\r\n\r\n"
#define PLAIN "Content-Type: text/plain; charset=utf-8\r\n\r\n"

static const struct {
	const char *name, *in;
	const char *want; /* "section type/subtype [bytes]" per leaf, ';' between; CR is left out */
} rows[] = {
	{ "plain", "Subject: s\r\n\r\nhello\r\n", "1 text/plain [hello\n]" },
	{ "no body", "Subject: s\r\n\r\n", "1 text/plain []" },
	{ "nothing", "", "" },
	{ "mixed",
	  MIXED "--a\r\n" PLAIN "one\r\n--a\r\nContent-Type: text/html\r\n\r\n<p>\r\n--a--\r\n",
	  "1 text/plain [one];2 text/html [<p>]" },
	{ "alternatives inside",
	  MIXED
	  "--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n" PLAIN
	  "one\r\n--b\r\nContent-Type: text/html\r\n\r\ntwo\r\n--b--\r\n--a\r\n"
	  "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--a--\r\n",
	  "1.1 text/plain [one];1.2 text/html [two];2 image/png [AAAA]" },
	{ "a mail inside is one leaf",
	  MIXED "--a\r\n" PLAIN
		"see\r\n--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n" MIXED
		"--a--\r\n",
	  "1 text/plain [see];2 message/rfc822 *Subject: inner" },
	{ "a report inside another is listed",
	  MIXED "--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n"
		"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n" PLAIN
		"one\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\ntwo\r\n"
		"--b--\r\n--a--\r\n",
	  "1 message/rfc822 *Subject: inner;1.1 text/plain [one];1.2 message/delivery-status "
	  "*two" },
	{ "cut in the middle", MIXED "--a\r\n" PLAIN "one\r\n--a\r\nContent-Type: te",
	  "1 text/plain [one];2 application/octet-stream []" },
	{ "a boundary that never comes", MIXED "no part at all\r\n",
	  "1 text/plain [no part at all\n]" },
	{ "a multipart without a part inside another", MIXED "--a\r\n" MIXED "hello\r\n--a--\r\n",
	  "1 text/plain [hello]" },
	{ "a boundary that begins like another",
	  MIXED "--ab\r\n\r\nno part\r\n--a \r\n" PLAIN "one\r\n--ab\r\n--a--\r\n",
	  "1 text/plain [one\n--ab]" },
	{ "the end of the outer one ends the inner",
	  MIXED "--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n" PLAIN
		"one\r\n--a\r\n" PLAIN "two\r\n--a--\r\nnot this\r\n--a\r\n\r\nnor this",
	  "1.1 text/plain [one];2 text/plain [two]" },
	{ "a boundary lost by bad folding",
	  "Content-Type: multipart/mixed;\r\nboundary=a\r\n\r\n-- \r\n--a\r\n" PLAIN
	  "one\r\n--a\r\nContent-Type: text/html\r\n\r\ntwo\r\n--a--\r\n",
	  "1 text/plain [one];2 text/html [two]" },
	{ "dashes alone are no boundary", "Content-Type: multipart/mixed\r\n\r\n--x\r\nhello\r\n",
	  "1 text/plain [--x\nhello\n]" },
	{ "parts of a digest are mails",
	  "Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\nSubject: inner\r\n\r\nx\r\n"
	  "--a--\r\n",
	  "1 message/rfc822 *Subject: inner" },
	{ "a part of nothing", MIXED "--a\r\n--a--\r\n", "1 text/plain []" },
	{ "line ends of old Macs", "Subject: s\rContent-Type: text/html\r\rhello\r",
	  "1 text/html [hello\n]" },
	{ "a mailbox file's line", "From x Mon Nov 23 09:00:00 2026\nSubject: s\n\nhello\n",
	  "1 text/plain [hello\n]" },
};

static void print_leaf(struct buf *b, const struct mime_leaf *leaf)
{
	bool is_message = strcmp(leaf->type, "message") == 0;
	struct text t = is_message ? text_sub(leaf->bytes, 0, 14) : leaf->bytes;

	(void)text_addf(b, "%s%s %s/%s %s", b->len ? ";" : "", leaf->section, leaf->type,
			leaf->subtype, is_message ? "*" : "[");
	for (size_t i = 0; i < t.len; i++)
		if (t.at[i] != '\r')
			(void)buf_add(b, &t.at[i], 1);
	if (!is_message)
		(void)text_add(b, TEXT("]"));
}

static void leaves_are_as_bodystructure_lists_them(void **state)
{
	struct mime_mail m;

	(void)state;
	mime_mail_init(&m);
	for (size_t i = 0; i < countof(rows); i++) {
		cleanup_buf struct buf got;

		buf_init(&got, 1000);
		mime_mail_read(&m, text_of(rows[i].in));
		for (size_t k = 0; k < m.n; k++)
			print_leaf(&got, &m.leaf[k]);
		if (!text_eq(text_of_buf(&got), text_of(rows[i].want)))
			fail_msg("%s: got \"%.*s\", want \"%s\"", rows[i].name,
				 TEXT_ARG(text_of_buf(&got)), rows[i].want);
	}
	mime_mail_clear(&m);
}

static void what_is_picked_is_there(void **state)
{
	struct mime_mail m;
	struct mime_pick pick;

	(void)state;
	mime_mail_init(&m);
	mime_mail_read(&m, text_of(rows[5].in));
	mime_pick_parts(m.info, m.n, MIME_PICK_AS_REPORT, &pick);
	assert_int_equal(pick.n, 2);
	assert_true(text_eq(mime_mail_part(&m, &pick.at[0]), TEXT("see")));
	assert_true(text_istarts(mime_mail_part(&m, &pick.at[1]), TEXT("Subject: inner\r\n")));
	mime_mail_clear(&m);
}

/* ---- hostile ones ---- */

static void repeat(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(text_add(b, text_of(s)), 0);
}

static void many_parts_and_deep_ones_have_a_ceiling(void **state)
{
	cleanup_buf struct buf b;
	struct mime_mail m;

	(void)state;
	buf_init(&b, LIMIT_MIME_MAIL);
	repeat(&b, MIXED, 1);
	repeat(&b, "--a\r\n\r\nx\r\n", LIMIT_IMAP_PARTS + 50);
	mime_mail_init(&m);
	mime_mail_read(&m, text_of_buf(&b));
	assert_true(m.is_partial);
	assert_int_equal(m.n, LIMIT_IMAP_PARTS);

	buf_clear(&b);
	buf_init(&b, LIMIT_MIME_MAIL);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(
			text_addf(&b,
				  "%sContent-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n",
				  i ? "" : "Subject: s\r\n", i, i),
			0);
	mime_mail_read(&m, text_of_buf(&b));
	assert_true(m.n <= 1);
	mime_mail_clear(&m);
}

static void a_date_is_read_or_is_none(void **state)
{
	(void)state;
	assert_int_equal(mime_head_date(TEXT("Mon, 23 Nov 2026 09:00:00 +0100")), 1795420800);
	assert_true(mime_head_date(TEXT("yesterday")) == MIME_NO_DATE);
	assert_true(mime_head_date(TEXT("")) == MIME_NO_DATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_are_as_bodystructure_lists_them),
		cmocka_unit_test(what_is_picked_is_there),
		cmocka_unit_test(many_parts_and_deep_ones_have_a_ceiling),
		cmocka_unit_test(a_date_is_read_or_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
