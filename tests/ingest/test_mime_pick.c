#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/mime/mime_identity.h"
#include "ingest/mime/mime_pick.h"

#define AS_MAIL    MIME_PICK_AS_MAIL
#define AS_REPORT  MIME_PICK_AS_REPORT
#define AS_SERVERS MIME_PICK_AS_SERVERS

/* "section type/subtype [attachment] [base64] [empty]", one per line. */
static size_t parse(const char *spec, struct mime_part_info *parts, size_t max)
{
	struct text rest = text_of(spec), line;
	size_t n = 0;

	while (rest.len && n < max) {
		struct text section, type, tail;

		(void)text_cut(rest, '\n', &line, &rest);
		(void)text_cut(line, ' ', &section, &tail);
		(void)text_cut(tail, ' ', &type, &tail);
		parts[n] = (struct mime_part_info){ .section = section,
						    .size = 900,
						    .charset = TEXT("utf-8") };
		(void)text_cut(type, '/', &parts[n].type, &parts[n].subtype);
		if (text_ifind(tail, TEXT("attachment")) != SIZE_MAX)
			parts[n].disposition = TEXT("ATTACHMENT");
		if (text_ifind(tail, TEXT("base64")) != SIZE_MAX)
			parts[n].encoding = TEXT("BASE64");
		if (text_ifind(tail, TEXT("empty")) != SIZE_MAX)
			parts[n].size = 0;
		if (text_ifind(tail, TEXT("huge")) != SIZE_MAX)
			parts[n].size = UINT64_C(9000000000);
		n++;
	}
	return n;
}

static const struct {
	const char *name;
	enum mime_pick_as as;
	const char *parts, *want; /* "T1 S2 O3.HEADER" */
} rows[] = {
	{ "plain mail", AS_MAIL, "1 text/plain", "T1" },
	{ "html only", AS_MAIL, "1 TEXT/HTML", "H1" },
	{ "alternatives", AS_MAIL, "1 text/plain\n2 text/html", "T1" },
	{ "html first", AS_MAIL, "1 text/html\n2 text/plain", "T2" },
	{ "empty plain part", AS_MAIL, "1 text/plain empty\n2 text/html", "H2" },
	{ "attached text", AS_MAIL, "1 text/html\n2 text/plain attachment", "H1" },
	{ "pictures only", AS_MAIL, "1 image/png", "" },
	{ "nothing", AS_MAIL, "", "" },
	{ "a report", AS_REPORT,
	  "1 text/plain\n2 message/delivery-status\n3 message/rfc822\n3.1 text/plain",
	  "T1 S2 O3.HEADER" },
	{ "a report with headers only", AS_REPORT,
	  "1 text/plain\n2 message/delivery-status\n3 text/rfc822-headers", "T1 S2 O3" },
	{ "an original that is encoded", AS_REPORT,
	  "1 text/plain\n2 message/delivery-status base64\n3 message/rfc822 base64", "T1 S2 O3" },
	{ "a report without words", AS_REPORT,
	  "1 message/delivery-status\n2 message/rfc822\n2.1 text/plain", "S1 O2.HEADER" },
	{ "a report in UTF-8", AS_REPORT,
	  "1 text/plain\n2 message/global-delivery-status\n3 message/global", "T1 S2 O3.HEADER" },
	{ "a complaint", AS_REPORT, "1 text/plain\n2 message/feedback-report\n3 message/rfc822",
	  "T1 O3.HEADER F2" },
	{ "a read receipt", AS_REPORT, "1 text/plain\n2 message/disposition-notification",
	  "T1 R2" },
	{ "a bounce that a person attached", AS_MAIL,
	  "1 text/plain\n2 message/delivery-status attachment\n3 message/rfc822 attachment", "T1" },
	{ "a bounce that a person forwards whole", AS_MAIL,
	  "1 text/plain\n2 message/delivery-status\n3 message/rfc822", "T1" },
	{ "a server's status in a mixed mail", AS_SERVERS,
	  "1 text/plain\n2 message/delivery-status\n3 message/rfc822", "T1 S2 O3.HEADER" },
	{ "a server's mail without a status", AS_SERVERS, "1 text/plain\n2 message/rfc822", "T1" },
	{ "a report that a gateway wrapped", AS_SERVERS,
	  "1 text/plain\n2 message/rfc822\n2.1 text/plain\n2.2 message/delivery-status\n"
	  "2.3 message/rfc822",
	  "T1 S2.2 O2.3.HEADER" },
	{ "a report inside the mail that a report returns", AS_REPORT,
	  "1 text/plain\n2 message/delivery-status\n3 message/rfc822\n3.1 text/plain\n"
	  "3.2 message/delivery-status",
	  "T1 S2 O3.HEADER" },
	{ "a report inside a mail that a person attached", AS_MAIL,
	  "1 text/plain\n2 message/rfc822\n2.1 text/plain\n2.2 message/delivery-status", "T1" },
	{ "a receipt that a person attached", AS_MAIL,
	  "1 text/plain\n2 message/disposition-notification", "T1" },
	{ "an answer to an invitation", AS_MAIL,
	  "1.1 text/plain\n1.2 text/html\n1.3 text/calendar\n2 application/ics attachment",
	  "T1.1 C1.3" },
	{ "nothing but an answer to an invitation", AS_MAIL, "1 text/calendar base64", "C1" },
	{ "an invitation inside a returned mail", AS_REPORT,
	  "1 text/plain\n2 message/rfc822\n2.1 text/calendar", "T1 O2.HEADER" },
	{ "a person attached a mail", AS_MAIL, "1 text/plain\n2 message/rfc822\n2.1 text/html",
	  "T1" },
	{ "nothing but an attached mail", AS_MAIL, "1 message/rfc822\n1.1 text/plain", "" },
	{ "part 20 is not inside part 2", AS_MAIL, "2 message/rfc822\n20 text/plain", "T20" },
	{ "nested alternatives", AS_MAIL, "1.1.1 text/plain\n1.1.2 text/html\n1.2 image/png",
	  "T1.1.1" },
	{ "a section nobody builds", AS_MAIL, "1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1 text/plain",
	  "" },
};

static void picks(void **state)
{
	static const char letters[] = {
		[MIME_WANT_TEXT] = 'T',     [MIME_WANT_STATUS] = 'S',  [MIME_WANT_ORIGINAL] = 'O',
		[MIME_WANT_FEEDBACK] = 'F', [MIME_WANT_RECEIPT] = 'R', [MIME_WANT_CALENDAR] = 'C'
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct mime_part_info parts[8];
		struct mime_pick pick;
		char got[128] = "";
		size_t n = parse(rows[i].parts, parts, countof(parts)), len = 0;

		mime_pick_parts(parts, n, rows[i].as, &pick);
		for (size_t k = 0; k < pick.n; k++)
			len += (size_t)snprintf(
				got + len, sizeof(got) - len, "%s%c%s", k ? " " : "",
				pick.at[k].part.html ? 'H' : letters[pick.at[k].want],
				pick.at[k].section);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, got);
	}
}

static void fetches_no_more_than_the_ceiling(void **state)
{
	struct mime_part_info parts[3];
	struct mime_pick pick;

	(void)state;
	mime_pick_parts(
		parts,
		parse("1 text/plain huge\n2 message/delivery-status huge\n3 text/rfc822-headers",
		      parts, 3),
		AS_REPORT, &pick);
	assert_int_equal(pick.n, 3);
	assert_int_equal(pick.at[0].max_bytes, LIMIT_MIME_PART);
	assert_int_equal(pick.at[1].max_bytes, LIMIT_MIME_REPORT);
	assert_int_equal(pick.at[2].max_bytes, 900);
	assert_string_equal(pick.at[0].part.charset, "utf-8");
}

static void a_hundred_parts(void **state)
{
	struct mime_part_info parts[100];
	struct mime_pick pick;

	(void)state;
	for (size_t i = 0; i < countof(parts); i++)
		parts[i] = (struct mime_part_info){ TEXT("1"), TEXT("message"), TEXT("rfc822"),
						    { 0 },     { 0 },           { 0 },
						    9 };
	mime_pick_parts(parts, countof(parts), AS_REPORT, &pick);
	assert_int_equal(pick.n, 1);
}

/* ---- identity ---- */

static struct buf identity(const char *head, int64_t internal_date, uint64_t size)
{
	struct mime_head h;
	struct buf b;

	mime_head_init(&h);
	mime_head_read(&h, head, strlen(head));
	buf_init(&b, LIMIT_MIME_IDENTITY);
	mime_identity_bytes(&h, internal_date, size, &b);
	mime_head_clear(&h);
	return b;
}

#define ID      "Message-ID: <a@b>\r\n"
#define FROM    "From: Ann <ann@x.example>\r\n"
#define DATE    "Date: Mon, 14 Sep 2026 10:00:00 +0000\r\n"
#define SUBJECT "Subject: Out of office\r\n"

static const struct {
	const char *name, *a, *b;
	bool same;
} pairs[] = {
	{ "two folders", ID FROM DATE SUBJECT,
	  "Received: from x\r\nX-Folder: Junk\r\n" SUBJECT DATE FROM ID, true },
	{ "folded and encoded otherwise", ID FROM DATE SUBJECT,
	  "Message-ID:\r\n <a@B>\r\nFrom: \"Ann\" <ANN@x.EXAMPLE>\r\nDate: Mon, 14 Sep 2026 "
	  "12:00:00 +0200\r\n"
	  "Subject: =?utf-8?q?Out_of?=\r\n office\r\n",
	  true },
	{ "an id used again another day", ID FROM DATE SUBJECT,
	  ID FROM "Date: Tue, 15 Sep 2026 10:00:00 +0000\r\n" SUBJECT, false },
	{ "an id used again by another", ID FROM DATE SUBJECT,
	  ID "From: bo@x.example\r\n" DATE SUBJECT, false },
	{ "an id used again on another subject", ID FROM DATE SUBJECT,
	  ID FROM DATE "Subject: Back\r\n", false },
	{ "another id", ID FROM DATE SUBJECT, "Message-ID: <a@c>\r\n" FROM DATE SUBJECT, false },
	{ "one field empty, the other not", ID "Subject: a@x\r\n", ID "From: a@x\r\n", false },
	{ "words moved between fields", "Message-ID: <a@b,3:c@d>\r\n",
	  "Message-ID: <a@b>\r\nFrom: c@d\r\n", false },
};

static void identities(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(pairs); i++) {
		struct buf a = identity(pairs[i].a, 1, 100), b = identity(pairs[i].b, 2, 200);
		bool same = a.len == b.len && memcmp(a.data, b.data, a.len) == 0;

		if (same != pairs[i].same)
			fail_msg("%s: %s / %s", pairs[i].name, (const char *)a.data,
				 (const char *)b.data);
		buf_clear(&a);
		buf_clear(&b);
	}
}

static void without_an_id_the_server_tells_them_apart(void **state)
{
	static const struct {
		int64_t date;
		uint64_t size;
		bool same;
	} others[] = { { 1, 100, true }, { 2, 100, false }, { 1, 101, false } };
	struct buf a = identity(FROM DATE SUBJECT, 1, 100);

	(void)state;
	for (size_t i = 0; i < countof(others); i++) {
		struct buf b = identity(FROM DATE SUBJECT, others[i].date, others[i].size);

		assert_int_equal(a.len == b.len && memcmp(a.data, b.data, a.len) == 0,
				 others[i].same);
		buf_clear(&b);
	}
	buf_clear(&a);
}

/* The longest fields there can be fit, so that nothing that tells two mails apart is ever cut off.
 */
static void the_longest_identity_fits(void **state)
{
	struct buf head, b;

	(void)state;
	buf_init(&head, 16384);
	(void)text_addf(&head, "Message-ID: <%0*d>\r\n", LIMIT_MIME_ID, 7);
	(void)text_addf(&head, "From: %0*d@x.example\r\n", LIMIT_MIME_ADDRESS + 100, 7);
	(void)text_addf(&head, "Subject: %0*d\r\n", LIMIT_MIME_SUBJECT + 100, 7);
	b = identity((const char *)head.data, 1, 1);
	assert_true(b.len > LIMIT_MIME_ID + LIMIT_MIME_SUBJECT);
	assert_int_equal(b.data[b.len - 1], ',');
	buf_clear(&b);
	buf_clear(&head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(picks),
		cmocka_unit_test(fetches_no_more_than_the_ceiling),
		cmocka_unit_test(a_hundred_parts),
		cmocka_unit_test(identities),
		cmocka_unit_test(without_an_id_the_server_tells_them_apart),
		cmocka_unit_test(the_longest_identity_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
