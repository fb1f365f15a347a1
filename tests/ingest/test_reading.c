#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/classify/classify_rules.h"
#include "ingest/mime/mime_utf8.h"
#include "ingest/reading.h"
#include "ingest/reading_json.h"

/*
 * Mails that somebody made to be dear.  What four times the mail costs is compared with what
 * the mail costs, by the processor's time of this thread: a machine that is busy with
 * other things changes neither, and quadratic work makes it sixteen times as much.
 */

#define HEAD       "From: ann@mail.example\r\nIn-Reply-To: <step-1@shop.example>\r\nSubject: Re: x\r\n"
#define TEXT_PLAIN HEAD "Content-Type: text/plain; charset=utf-8\r\n\r\n"
#define TEXT_HTML  HEAD "Content-Type: text/html; charset=utf-8\r\n\r\n"
#define MIXED      HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
#define FAILED                                                                                     \
	"Return-Path: <>\r\nFrom: mailer-daemon@mx.example\r\n"                                    \
	"Subject: Undelivered Mail Returned to Sender\r\n"

static const struct {
	const char *name, *front, *again, *end;
} rows[] = {
	{ "one line", TEXT_PLAIN, "x", "\r\n" },
	{ "one line of words", TEXT_PLAIN, "on and back to ", "\r\n" },
	{ "depth of quotes", TEXT_PLAIN, ">", " hi\r\n" },
	{ "lines over quotes", TEXT_PLAIN, "On Mon, 3 Mar 2025, Ann <ann@mail.example> wrote:\r\n",
	  "" },
	{ "their fronts in one line", TEXT_PLAIN, "On Mon, 3 Mar 2025 ", "wrote:\r\n" },
	{ "their words", TEXT_PLAIN, "on ... wrote: ", "\r\n" },
	{ "header blocks", TEXT_PLAIN, "From: a\r\nSent: b\r\nTo: c\r\nSubject: d\r\n\r\n", "" },
	{ "half header blocks", TEXT_PLAIN, "From: a@b.example\r\n", "" },
	{ "forwards", TEXT_PLAIN, "---------- Forwarded message ----------\r\nFrom: a\r\n", "" },
	{ "signatures", TEXT_PLAIN, "-- \r\n", "" },
	{ "closing formulas", TEXT_PLAIN, "Regards,\r\nAnn\r\n\r\n", "" },
	{ "dates", TEXT_PLAIN, "back until 12/09/ ", "\r\n" },
	{ "addresses", TEXT_PLAIN, "ask bo@mail.example ", "\r\n" },
	{ "letters in two steps", TEXT_PLAIN, "a\xcc\x81\xcc\xa3", "\r\n" },
	{ "marks on one letter", TEXT_PLAIN, "\xcc\x81", "\r\n" },
	{ "letters that fold to many", TEXT_PLAIN, "\xef\xb7\xba", "\r\n" },
	{ "fields", HEAD, "X-Field: y\r\n", "\r\nhi\r\n" },
	{ "lines of one field", HEAD "References: ", "<a@b.example>\r\n ", "\r\n\r\nhi\r\n" },
	{ "addressees", HEAD "To: ", "a@b.example, ", "\r\n\r\nhi\r\n" },
	{ "encoded words", HEAD "Subject: ", "=?utf-8?Q?=41?= ", "\r\n\r\nhi\r\n" },
	{ "parts", MIXED, "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n", "" },
	{ "parts of parts", MIXED, "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n", "" },
	{ "reports in reports", MIXED,
	  "--b\r\nContent-Type: message/rfc822\r\n\r\n"
	  "Content-Type: multipart/report; boundary=b\r\n\r\n",
	  "" },
	{ "parts without parts", MIXED, "--b\r\nContent-Type: multipart/x\r\n\r\n", "" },
	{ "lines that look like a boundary", MIXED, "--bx\r\n", "" },
	{ "boundaries that are lost", HEAD "Content-Type: multipart/mixed\r\n\r\n",
	  "--b\r\nContent-\r\n\r\n--c\r\n", "" },
	{ "open elements", TEXT_HTML, "<div>", "hi" },
	{ "quotes in quotes", TEXT_HTML, "<blockquote>", "hi" },
	{ "quotes that never hold", TEXT_HTML, "<blockquote>a", "" },
	{ "elements", TEXT_HTML, "<div>a</div>", "" },
	{ "attributes", TEXT_HTML "<p ", "a=b ", ">hi</p>" },
	{ "tables in tables", TEXT_HTML, "<table><tr><td>", "hi" },
	{ "entities", TEXT_HTML, "&amp;", "" },
	{ "brackets", TEXT_HTML, "<", "" },
	{ "comments", TEXT_HTML, "<!--", "" },
	{ "what mail servers say", FAILED "\r\n", "550 5.1.1 <a@b.example> user unknown\r\n", "" },
	{ "recipients in words", FAILED "\r\n", "<a@b.example>: ", "" },
	{ "recipients in fields",
	  FAILED "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
		 "--b\r\nContent-Type: message/delivery-status\r\n\r\n",
	  "Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\n\r\n", "--b--\r\n" },
	{ "events", HEAD "Content-Type: text/calendar; method=REPLY\r\n\r\n",
	  "BEGIN:VEVENT\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:a@b.example\r\n", "" },
};

static int64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void write_mail(struct buf *b, size_t row, size_t bytes)
{
	buf_cut(b, 0);
	assert_int_equal(text_add(b, text_of(rows[row].front)), 0);
	while (b->len < bytes)
		assert_int_equal(text_add(b, text_of(rows[row].again)), 0);
	assert_int_equal(text_add(b, text_of(rows[row].end)), 0);
}

/* The best of three: what it costs when nothing disturbs. */
static int64_t cost_of(struct reading *r, const struct buf *mail)
{
	int64_t best = INT64_MAX;

	for (unsigned i = 0; i < 3; i++) {
		int64_t began = cpu_ns(), took;

		reading_of(r, text_of_buf(mail), 1741082405);
		took = cpu_ns() - began;
		best = took < best ? took : best;
	}
	return best;
}

#define SMALL     ((size_t)60 * 1024) /* below all ceilings, so that none hides what grows */
#define LITTLE_NS 3000000             /* what is no work: clocks are coarse */

/* linear: 4; quadratic: 16 */
static bool is_linear(struct reading *r, struct buf *mail, size_t row)
{
	int64_t once, four;

	write_mail(mail, row, SMALL);
	once = cost_of(r, mail);
	write_mail(mail, row, 4 * SMALL);
	four = cost_of(r, mail);
	return four <= LITTLE_NS + 10 * once;
}

static void four_times_the_mail_costs_four_times_as_much(void **state)
{
	struct reading *r = mem_new(sizeof(*r));
	struct buf mail;

	(void)state;
	(void)classify_rules_now();
	reading_init(r);
	buf_init(&mail, LIMIT_MIME_MAIL);
	for (size_t i = 0; i < countof(rows); i++) {
		unsigned tries = 0;

		/* a neighbour may take the caches for a while, quadratic work stays */
		while (!is_linear(r, &mail, i))
			if (++tries == 5)
				fail_msg("%s: the work grows faster than the mail", rows[i].name);
	}
	buf_clear(&mail);
	reading_clear(r);
	free(r);
}

/* Whatever their size: what is said of them is within its ceilings, and valid. */
static void large_ones_are_read(void **state)
{
	struct reading *r = mem_new(sizeof(*r));
	struct buf mail;

	(void)state;
	reading_init(r);
	buf_init(&mail, LIMIT_MIME_MAIL);
	for (size_t i = 0; i < countof(rows); i++) {
		write_mail(&mail, i, (size_t)1024 * 1024);
		reading_of(r, text_of_buf(&mail), 1741082405);
		assert_true(mime_utf8_is_valid(text_of_buf(&r->text)));
		assert_true(r->text.len <= LIMIT_MIME_TEXT);
		assert_true(r->cut.n <= LIMIT_EXTRACT_SPANS);
		assert_true(r->mail.n <= LIMIT_IMAP_PARTS);
		assert_true(r->verdict.n_recipients <= CLASSIFY_RECIPIENTS);
	}
	buf_clear(&mail);
	reading_clear(r);
	free(r);
}

static void names_are_told(void **state)
{
	static const char mail[] =
		"From: Ann <ann@prospect.example>\r\nTo: bo+tok12345@send.example\r\n"
		"Message-ID: <own@prospect.example>\r\nSubject: Re: Your pallets\r\n\r\nhi\r\n";
	static const char *const want[][2] = {
		{ "tok12345", "reply_token" },      { "your pallets", "from_subject" },
		{ "ann@prospect.example", "from" }, { "your pallets", "company_subject" },
		{ "prospect.example", "company" },
	};
	struct reading r;
	json_t *said, *names;

	(void)state;
	reading_init(&r);
	reading_of(&r, text_of(mail), 1);
	said = reading_json(&r);
	names = json_object_get(said, "names");
	assert_int_equal(json_array_size(names), countof(want));
	for (size_t i = 0; i < countof(want); i++) {
		json_t *n = json_array_get(names, i);

		assert_string_equal(json_string_value(json_object_get(n, "name")), want[i][0]);
		assert_string_equal(json_string_value(json_object_get(n, "where")), want[i][1]);
	}
	json_decref(said);
	reading_clear(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_times_the_mail_costs_four_times_as_much),
		cmocka_unit_test(large_ones_are_read),
		cmocka_unit_test(names_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
