#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ingest/mime/mime_head.h"
#include "ingest/mime/mime_utf8.h"

#define READ(h, literal) mime_head_read((h), (literal), sizeof(literal) - 1)

static void same(const char *row, const char *got, const char *want)
{
	if (!got != !want || (got && strcmp(got, want) != 0))
		fail_msg("%s: got \"%s\", want \"%s\"", row, got ? got : "(null)",
			 want ? want : "(null)");
}

/* Everything that leaves the room can be stored: valid UTF-8, no control bytes. */
static void is_clean(const char *s)
{
	if (!s)
		return;
	assert_true(mime_utf8_is_valid(text_of(s)));
	for (; *s; s++)
		assert_true((uint8_t)*s >= 0x20 && *s != 0x7f);
}

static void head_is_clean(const struct mime_head *h)
{
	is_clean(h->message_id);
	is_clean(h->subject);
	is_clean(h->from.address);
	is_clean(h->from.name);
	is_clean(h->auto_submitted);
	is_clean(h->type.charset);
	is_clean(h->type.boundary);
	for (size_t i = 0; i < h->references.n; i++)
		is_clean(h->references.at[i]);
	for (size_t i = 0; i < h->to.n; i++)
		is_clean(h->to.at[i].address);
}

static const char reply[] =
	"Return-Path: <Ann.Archer@Mail.EXAMPLE>\r\n"
	"Message-ID: <CAx1.Yz@Mail.EXAMPLE>\r\n"
	"In-Reply-To: <step-2.77@send.example>\r\n"
	"References: <step-1.77@send.example> <step-2.77@send.example>\r\n"
	"From: =?utf-8?q?Ann_Archer=2C_=C3=9Cber?= <Ann.Archer@Mail.EXAMPLE>\r\n"
	"To: \"Bo, the seller\" <bo@send.example>, cy@send.example\r\n"
	"Cc: Team: dee@send.example, ed@send.example;\r\n"
	"Subject: =?utf-8?B?UmU6IErDpGdlcg==?= und\r\n Sammler\r\n"
	"Date: Mon, 14 Sep 2026 10:02:11 +0200\r\n"
	"Auto-Submitted: Auto-Replied (vacation)\r\n"
	"Precedence: Bulk\r\n"
	"X-Auto-Response-Suppress: All\r\n"
	"Content-Type: multipart/REPORT; "
	"report-type=\"Delivery-Status\";\r\n\tboundary=\"=_aB1\"\r\n"
	"X-Failed-Recipients: x@gone.example, y@gone.example\r\n"
	"\r\nSubject: not a header\r\n";

static void assert_reply(const char *row, const struct mime_head *h)
{
	same(row, h->message_id, "CAx1.Yz@mail.example");
	assert_int_equal(h->in_reply_to.n, 1);
	same(row, h->in_reply_to.at[0], "step-2.77@send.example");
	assert_int_equal(h->references.n, 2);
	same(row, h->references.at[0], "step-1.77@send.example");
	same(row, h->references.at[1], "step-2.77@send.example");
	same(row, h->from.address, "Ann.Archer@mail.example");
	same(row, h->from.name, "Ann Archer, Über");
	assert_int_equal(h->to.n, 4);
	same(row, h->to.at[0].address, "bo@send.example");
	same(row, h->to.at[3].address, "ed@send.example");
	same(row, h->subject, "Re: Jäger und Sammler");
	assert_int_equal(h->date, 1789372931);
	assert_int_equal(h->return_path, MIME_PATH_ADDRESS);
	same(row, h->auto_submitted, "auto-replied (vacation)");
	same(row, h->precedence, "bulk");
	same(row, h->auto_suppress, "all");
	assert_true(mime_head_is_type(h, "multipart", "report", "delivery-status"));
	assert_false(mime_head_is_type(h, "multipart", "report", "feedback-report"));
	same(row, h->type.boundary, "=_aB1");
	assert_int_equal(h->failed.n, 2);
	same(row, h->failed.at[1].address, "y@gone.example");
}

static void reads_what_is_there(void **state)
{
	struct mime_head h;

	(void)state;
	mime_head_init(&h);
	READ(&h, reply);
	assert_reply("CRLF", &h);
	mime_head_clear(&h);
	mime_head_clear(&h);
}

/* The same block with LF, and with CR alone as old Macs wrote it. */
static void any_line_end(void **state)
{
	static const char *const ends[] = { "\n", "\r" };
	struct mime_head h;

	(void)state;
	mime_head_init(&h);
	for (size_t e = 0; e < countof(ends); e++) {
		struct buf b;

		buf_init(&b, sizeof(reply));
		for (const char *p = reply; *p; p++)
			assert_int_equal(buf_add(&b, *p == '\r' ? ends[e] : p, *p == '\n' ? 0 : 1),
					 0);
		mime_head_read(&h, b.data, b.len);
		assert_reply(ends[e][0] == '\r' ? "CR" : "LF", &h);
		buf_clear(&b);
	}
	mime_head_clear(&h);
}

/* RFC 5322 section 2.2.3: wherever a blank stands, a line may be folded there. */
static void every_fold(void **state)
{
	struct mime_head h;
	char *folded = mem_new(sizeof(reply) + 2);

	(void)state;
	mime_head_init(&h);
	for (size_t i = 1; i + 1 < sizeof(reply); i++) {
		if (reply[i] != ' ' || reply[i - 1] == '\n')
			continue;
		memcpy(folded, reply, i);
		memcpy(folded + i, "\r\n", 2);
		memcpy(folded + i + 2, reply + i, sizeof(reply) - i);
		mime_head_read(&h, folded, sizeof(reply) + 1);
		assert_reply("folded", &h);
	}
	free(folded);
	mime_head_clear(&h);
}

/* Cut anywhere: what is there is clean, and a whole field is never lost to a later cut. */
static void every_cut(void **state)
{
	struct mime_head h;
	size_t id_ends = (size_t)(strstr(reply, "In-Reply-To") - reply);

	(void)state;
	mime_head_init(&h);
	for (size_t n = 0; n < sizeof(reply); n++) {
		mime_head_read(&h, reply, n);
		head_is_clean(&h);
		if (n >= id_ends)
			same("cut", h.message_id, "CAx1.Yz@mail.example");
	}
	mime_head_clear(&h);
}

static const struct {
	const char *name, *in, *subject, *from, *id;
} broken[] = {
	{ "empty", "", "", NULL, NULL },
	{ "no colon anywhere", "hello\r\nthere\r\n", "", NULL, NULL },
	{ "mbox line in front", "From ann Mon Sep 14\r\nSubject: s\r\n", "s", NULL, NULL },
	{ "blank before the colon", "Subject : s\r\nFrom\t: a@b.example\r\n", "s", "a@b.example",
	  NULL },
	{ "continuation of nothing", " lost\r\nSubject: s\r\n", "s", NULL, NULL },
	{ "line of rubbish in the middle",
	  "Subject: s\r\nrubbish\r\n of two lines\r\nFrom: a@b.example\r\n", "s", "a@b.example",
	  NULL },
	{ "encoded word without an end", "Subject: =?utf-8?q?half\r\n", "=?utf-8?q?half", NULL,
	  NULL },
	{ "encoded word in an unknown charset", "Subject: =?x-nowhere?q?abc?=\r\n", "abc", NULL,
	  NULL },
	{ "encoded word with broken base64", "Subject: =?utf-8?B?SGk*?= there\r\n", NULL, NULL,
	  NULL },
	{ "a character split over two words", "Subject: =?utf-8?B?w6TD?= =?utf-8?B?pA==?=\r\n",
	  "ää", NULL, NULL },
	{ "raw UTF-8", "Subject: J\xc3\xa4ger\r\n", "Jäger", NULL, NULL },
	{ "raw latin-1", "Subject: J\xe4ger\r\n", "Jäger", NULL, NULL },
	{ "iso-2022-jp", "Subject: =?ISO-2022-JP?B?GyRCJDMkcyRLJEEkTxsoQg==?=\r\n", "こんにちは",
	  NULL, NULL },
	{ "from without brackets", "From: ann@b.example (Ann)\r\n", "", "ann@b.example", NULL },
	{ "from in letters of its own", "From: Ann <Ann@M\xc3\xbcller.example>\r\n", "",
	  "Ann@xn--mller-kva.example", NULL },
	{ "the same in ASCII", "From: Ann <Ann@XN--mller-kva.example>\r\n", "",
	  "Ann@xn--mller-kva.example", NULL },
	{ "from with an open quote", "From: \"Ann <ann@b.example>\r\n", "", "ann@b.example", NULL },
	{ "from that is no address", "From: Ann\r\nSender: bo@b.example\r\n", "", NULL, NULL },
	{ "no from but a sender", "Sender: Bo <bo@B.example>\r\n", "", "bo@b.example", NULL },
	{ "id without brackets", "Message-ID: a.1@B.example\r\n", "", NULL, "a.1@b.example" },
	{ "id folded in the middle", "Message-ID: <a.1\r\n @B.example>\r\n", "", NULL,
	  "a.1@b.example" },
	{ "id on the next line", "Message-ID:\r\n <a.1@B.example>\r\n", "", NULL, "a.1@b.example" },
	{ "id without a domain", "Message-ID: <2026.77>\r\n", "", NULL, "2026.77" },
	{ "empty id", "Message-ID: <>\r\n", "", NULL, NULL },
};

static void broken_heads(void **state)
{
	struct mime_head h;

	(void)state;
	mime_head_init(&h);
	for (size_t i = 0; i < countof(broken); i++) {
		mime_head_read(&h, broken[i].in, strlen(broken[i].in));
		head_is_clean(&h);
		if (broken[i].subject)
			same(broken[i].name, h.subject, broken[i].subject);
		if (broken[i].from)
			same(broken[i].name, h.from.address, broken[i].from);
		same(broken[i].name, h.message_id, broken[i].id);
	}
	mime_head_clear(&h);
}

static const struct {
	const char *name, *in;
	size_t n;
	const char *first;
} id_lists[] = {
	{ "two", "<a@x> <b@x>", 2, "a@x" },
	{ "no blank between", "<a@x><b@x>", 2, "a@x" },
	{ "commas", "<a@x>, <b@x>", 2, "a@x" },
	{ "a phrase in front", "Your message of \"Mon\" ann@y <a@x>", 1, "a@x" },
	{ "words only", "a@x b@x", 2, "a@x" },
	{ "words without an at", "hello there", 0, NULL },
	{ "open bracket", "<a@x", 0, NULL },
	{ "opened twice", "<a@x <b@x>", 1, "b@x" },
	{ "empty brackets", "<> <a@x>", 1, "a@x" },
	{ "spaces inside", "< a @ X >", 1, "a@x" },
};

static void id_list_forms(void **state)
{
	struct mime_head h;
	char line[256];

	(void)state;
	mime_head_init(&h);
	for (size_t i = 0; i < countof(id_lists); i++) {
		(void)snprintf(line, sizeof(line), "References: %s\r\n\r\n", id_lists[i].in);
		mime_head_read(&h, line, strlen(line));
		if (h.references.n != id_lists[i].n)
			fail_msg("%s: %zu ids", id_lists[i].name, h.references.n);
		if (id_lists[i].n)
			same(id_lists[i].name, h.references.at[0], id_lists[i].first);
	}
	mime_head_clear(&h);
}

static void keeps_the_last_references(void **state)
{
	struct mime_head h;
	struct buf b;
	char last[64];
	int n = 0;

	(void)state;
	mime_head_init(&h);
	buf_init(&b, LIMIT_MIME_HEAD - 2);
	(void)text_add(&b, TEXT("References:"));
	while (text_addf(&b, " <%d@x>", n) == 0)
		n++;
	assert_true(n > 5000);
	b.max += 2;
	(void)text_add(&b, TEXT("\r\n"));
	mime_head_read(&h, b.data, b.len);
	assert_int_equal(h.references.n, LIMIT_MIME_IDS);
	(void)snprintf(last, sizeof(last), "%d@x", n - 1);
	same("last", h.references.at[LIMIT_MIME_IDS - 1], last);
	buf_clear(&b);
	mime_head_clear(&h);
}

/* Half an id is another id: the field in which the ceiling falls is not believed. */
static void the_ceiling_cuts_no_field_in_half(void **state)
{
	struct mime_head h;
	char *block = mem_new(1 << 20);
	size_t n = (size_t)snprintf(block, 64, "Message-ID: <whole@x>\r\nReferences: <a@x> ");

	(void)state;
	memset(block + n, 'b', (1 << 20) - n);
	mime_head_init(&h);
	mime_head_read(&h, block, 1 << 20);
	same("before", h.message_id, "whole@x");
	assert_int_equal(h.references.n, 0);
	free(block);
	mime_head_clear(&h);
}

static void too_long_an_id_is_none(void **state)
{
	struct mime_head h;
	char line[LIMIT_MIME_ID + 40];

	(void)state;
	mime_head_init(&h);
	for (int over = 0; over < 2; over++) {
		(void)snprintf(line, sizeof(line), "Message-ID: <%0*d@x>\r\n",
			       LIMIT_MIME_ID - 2 + over, 7);
		mime_head_read(&h, line, strlen(line));
		assert_int_equal(h.message_id != NULL, over == 0);
	}
	mime_head_clear(&h);
}

static const struct {
	const char *name, *value;
	enum mime_path path;
} paths[] = {
	{ "null", "<>", MIME_PATH_NULL },
	{ "null with a blank", "< >", MIME_PATH_NULL },
	{ "empty", "", MIME_PATH_NULL },
	{ "address", "<a@b.example>", MIME_PATH_ADDRESS },
	{ "address without brackets", "a@b.example", MIME_PATH_ADDRESS },
};

static void return_paths(void **state)
{
	struct mime_head h;
	char line[64];

	(void)state;
	mime_head_init(&h);
	READ(&h, "Subject: s\r\n");
	assert_int_equal(h.return_path, MIME_PATH_ABSENT);
	for (size_t i = 0; i < countof(paths); i++) {
		(void)snprintf(line, sizeof(line), "Return-Path: %s\r\n", paths[i].value);
		mime_head_read(&h, line, strlen(line));
		if (h.return_path != paths[i].path)
			fail_msg("%s: %d", paths[i].name, (int)h.return_path);
	}
	mime_head_clear(&h);
}

static void dates_that_are_none(void **state)
{
	static const char *const bad[] = { "Date: yesterday\r\n", "Date:\r\n",
					   "Date: Mon, 14 Sep 0001 10:00:00 +0000\r\n",
					   "Date: Mon, 99 Foo 20266 99:99:99 +9999\r\n",
					   "Subject: s\r\n" };
	struct mime_head h;

	(void)state;
	mime_head_init(&h);
	for (size_t i = 0; i < countof(bad); i++) {
		mime_head_read(&h, bad[i], strlen(bad[i]));
		assert_true(h.date == MIME_NO_DATE ||
			    (h.date >= 0 && h.date < INT64_C(7258118400)));
	}
	mime_head_clear(&h);
}

/* Whatever one repeats for 64 KB, it is read in a moment: under a second even with sanitizers. */
static void hostile_blocks(void **state)
{
	static const struct {
		const char *name, *first, *repeated;
	} rows[] = {
		{ "groups in groups", "To: ", "a:" },
		{ "angle brackets", "From: ", "<" },
		{ "open quotes", "From: ", "\"" },
		{ "comments in comments", "From: a@b.example ", "(" },
		{ "backslashes", "From: \"", "\\" },
		{ "routes", "From: <", "@a," },
		{ "addresses", "To: ", "a@b.example," },
		{ "encoded words", "Subject: ", "=?utf-8?q?=C3?= " },
		{ "half encoded words", "Subject: ", "=?utf-8?b?" },
		{ "question marks", "Subject: ", "=?" },
		{ "open ids", "References: ", "<a" },
		{ "bare ids", "References: ", "a@b " },
		{ "parameters", "Content-Type: text/plain", "; a=b" },
		{ "continued parameters", "Content-Type: text/plain", "; a*0*=utf-8''x" },
		{ "digits", "Date: ", "1 " },
		{ "fields", "", "A: b\r\n" },
		{ "folds", "Subject: s", "\r\n " },
		{ "empty lines in CR", "Subject: s\r", "a\r" },
	};
	struct mime_head h;

	(void)state;
	mime_head_init(&h);
	for (size_t i = 0; i < countof(rows); i++) {
		struct buf b;
		clock_t began;

		buf_init(&b, LIMIT_MIME_HEAD);
		(void)text_add(&b, text_of(rows[i].first));
		while (text_add(&b, text_of(rows[i].repeated)) == 0)
			;
		began = clock();
		mime_head_read(&h, b.data, b.len);
		if ((clock() - began) / CLOCKS_PER_SEC >= 1)
			fail_msg("%s: %ld ms", rows[i].name,
				 (long)(clock() - began) * 1000 / CLOCKS_PER_SEC);
		head_is_clean(&h);
		assert_true(h.to.n <= LIMIT_MIME_ADDRESSES);
		assert_true(h.fields.n <= LIMIT_MIME_FIELDS);
		buf_clear(&b);
	}
	mime_head_clear(&h);
}

static void nul_bytes_are_no_text(void **state)
{
	struct mime_head h;

	(void)state;
	mime_head_init(&h);
	READ(&h,
	     "Sub\0ject: x\r\nSubject: a\0b\r\nMessage-ID: <a\0b@c>\r\nFrom: a\0@b.example\r\n");
	same("subject", h.subject, "ab");
	same("id", h.message_id, "ab@c");
	head_is_clean(&h);
	mime_head_clear(&h);
}

static void fields_by_name(void **state)
{
	struct mime_head h;

	(void)state;
	mime_head_init(&h);
	READ(&h, "X-Loop: one\r\nx-loop: two\r\nX-Empty:\r\n");
	assert_true(text_eq(mime_head_field(&h, "X-LOOP", 0), TEXT("one")));
	assert_true(text_eq(mime_head_field(&h, "X-Loop", 1), TEXT("two")));
	assert_null(mime_head_field(&h, "X-Loop", 2).at);
	assert_true(mime_head_has(&h, "x-empty"));
	assert_false(mime_head_has(&h, "X-Loo"));
	mime_head_clear(&h);
}

/* What a glance tells is what reading tells, as far as it goes. */
static void a_glance_names_what_reading_names(void **state)
{
	static const char *const heads[] = {
		reply,
		"From: \"Ann @ work\" <ann@mail.example>\r\nSubject: Re: plain\r\n\r\n",
		"From: ann@mail.example\nIn-Reply-To: bare@send.example\n",
		"Auto-Submitted: auto-replied\r\nReturn-Path: <>\r\n",
		"Subject\r\n: x\r\nReferences: <<<>>> <a@b> \r\n <c@D>\r\n",
		"",
	};
	struct mime_head read, seen;

	(void)state;
	mime_head_init(&read);
	mime_head_init(&seen);
	for (size_t i = 0; i < countof(heads); i++) {
		mime_head_read(&read, heads[i], strlen(heads[i]));
		mime_head_glance(&seen, heads[i], strlen(heads[i]));
		head_is_clean(&seen);
		same(heads[i], seen.message_id, read.message_id);
		same(heads[i], seen.from.address, read.from.address);
		same(heads[i], seen.auto_submitted, read.auto_submitted);
		assert_int_equal(seen.return_path, read.return_path);
		assert_int_equal(seen.in_reply_to.n, read.in_reply_to.n);
		assert_int_equal(seen.references.n, read.references.n);
		for (size_t k = 0; k < seen.references.n; k++)
			same(heads[i], seen.references.at[k], read.references.at[k]);
		if (!strstr(heads[i], "=?"))
			same(heads[i], seen.subject, read.subject);
	}
	mime_head_clear(&read);
	mime_head_clear(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_is_there),
		cmocka_unit_test(any_line_end),
		cmocka_unit_test(every_fold),
		cmocka_unit_test(every_cut),
		cmocka_unit_test(broken_heads),
		cmocka_unit_test(id_list_forms),
		cmocka_unit_test(keeps_the_last_references),
		cmocka_unit_test(the_ceiling_cuts_no_field_in_half),
		cmocka_unit_test(too_long_an_id_is_none),
		cmocka_unit_test(return_paths),
		cmocka_unit_test(dates_that_are_none),
		cmocka_unit_test(hostile_blocks),
		cmocka_unit_test(nul_bytes_are_no_text),
		cmocka_unit_test(fields_by_name),
		cmocka_unit_test(a_glance_names_what_reading_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
