#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/mime/mime_dsn.h"

static void same(const char *row, const char *got, const char *want)
{
	if (!got != !want || (got && strcmp(got, want) != 0))
		fail_msg("%s: got \"%s\", want \"%s\"", row, got ? got : "(null)",
			 want ? want : "(null)");
}

static void read_status(struct mime_dsn *d, const char *in)
{
	mime_dsn_read_status(d, MIME_PLAIN, in, strlen(in));
}

#define MTA                                                                                        \
	"Reporting-MTA: dns; mx.send.example\r\nArrival-Date: Mon, 14 Sep 2026 10:00:00 "          \
	"+0000\r\n\r\n"

static const struct {
	const char *name, *in, *final, *original;
	enum mime_action action;
	const char *status, *diagnostic;
} rows[] = {
	{ "as in the RFC",
	  MTA "Final-Recipient: rfc822; ann@gone.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
	      "Diagnostic-Code: smtp; 550 5.1.1 no\r\n such user\r\n",
	  "ann@gone.example", NULL, MIME_ACTION_FAILED, "5.1.1", "550 5.1.1 no such user" },
	{ "original recipient",
	  MTA
	  "Original-Recipient: rfc822;Ann@Old.EXAMPLE\r\nFinal-Recipient: rfc822;a7@new.example\r\n"
	  "Action: failed\r\nStatus: 5.2.2\r\n",
	  "a7@new.example", "Ann@old.example", MIME_ACTION_FAILED, "5.2.2", NULL },
	{ "a slash in the type",
	  MTA "Final-Recipient: rfc/822; a@b.example\r\nAction: failed\r\nStatus: 5.0.0\r\n",
	  "a@b.example", NULL, MIME_ACTION_FAILED, "5.0.0", NULL },
	{ "no type, brackets, blank before the colon",
	  MTA "Final-Recipient : <a@b.example>\r\nAction : failed\r\nStatus : 5.0.0\r\n",
	  "a@b.example", NULL, MIME_ACTION_FAILED, "5.0.0", NULL },
	{ "nobody", MTA "Final-Recipient: system;<>\r\nAction: failed\r\nStatus: 5.0.0\r\n", NULL,
	  NULL, MIME_ACTION_FAILED, "5.0.0", NULL },
	{ "words behind the address",
	  MTA "Final-Recipient: rfc822; a@b.example (expanded from list)\r\nAction: "
	      "delayed\r\nStatus: 4.4.1 (timed out)\r\n",
	  "a@b.example", NULL, MIME_ACTION_DELAYED, "4.4.1", NULL },
	{ "action in capitals with a comment",
	  MTA "Final-Recipient: rfc822; a@b.example\r\nAction: FAILED (bounced)\r\n", "a@b.example",
	  NULL, MIME_ACTION_FAILED, "", NULL },
	{ "expired",
	  MTA "Final-Recipient: rfc822; a@b.example\r\nAction: expired\r\nStatus: 4.4.7\r\n",
	  "a@b.example", NULL, MIME_ACTION_FAILED, "4.4.7", NULL },
	{ "unknown action", MTA "Final-Recipient: rfc822; a@b.example\r\nAction: exploded\r\n",
	  "a@b.example", NULL, MIME_ACTION_NONE, "", NULL },
	{ "delivered",
	  MTA "Final-Recipient: rfc822; a@b.example\r\nAction: delivered\r\nStatus: 2.0.0\r\n",
	  "a@b.example", NULL, MIME_ACTION_DELIVERED, "2.0.0", NULL },
	{ "no blank line between the blocks",
	  "Reporting-MTA: dns; x\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: "
	  "failed\r\nStatus: 5.1.1\r\n",
	  "a@b.example", NULL, MIME_ACTION_FAILED, "5.1.1", NULL },
	{ "a blank line too many",
	  MTA "Final-Recipient: rfc822; a@b.example\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n",
	  "a@b.example", NULL, MIME_ACTION_FAILED, "5.1.1", NULL },
	{ "action before the address",
	  MTA "Action: failed\r\nStatus: 5.1.1\r\nFinal-Recipient: rfc822; a@b.example\r\n",
	  "a@b.example", NULL, MIME_ACTION_FAILED, "5.1.1", NULL },
	{ "status with long numbers",
	  MTA "Final-Recipient: rfc822; a@b.example\r\nStatus: 5.4.310\r\n", "a@b.example", NULL,
	  MIME_ACTION_NONE, "5.4.310", NULL },
	{ "status that is none", MTA "Final-Recipient: rfc822; a@b.example\r\nStatus: 5\r\n",
	  "a@b.example", NULL, MIME_ACTION_NONE, "", NULL },
	{ "status of class 3", MTA "Final-Recipient: rfc822; a@b.example\r\nStatus: 3.1.1\r\n",
	  "a@b.example", NULL, MIME_ACTION_NONE, "", NULL },
	{ "status with four digits",
	  MTA "Final-Recipient: rfc822; a@b.example\r\nStatus: 5.1111.1\r\n", "a@b.example", NULL,
	  MIME_ACTION_NONE, "", NULL },
	{ "diagnostic without a type",
	  MTA "Final-Recipient: rfc822; a@b.example\r\nDiagnostic-Code: 550 no; really, no\r\n",
	  "a@b.example", NULL, MIME_ACTION_NONE, "", "550 no; really, no" },
};

static void one_recipient(void **state)
{
	struct mime_dsn d;

	(void)state;
	mime_dsn_init(&d);
	for (size_t i = 0; i < countof(rows); i++) {
		read_status(&d, rows[i].in);
		if (d.n_rcpt != 1)
			fail_msg("%s: %zu recipients", rows[i].name, d.n_rcpt);
		same(rows[i].name, d.rcpt[0].final, rows[i].final);
		same(rows[i].name, d.rcpt[0].original, rows[i].original);
		same(rows[i].name, d.rcpt[0].status, rows[i].status);
		same(rows[i].name, d.rcpt[0].diagnostic, rows[i].diagnostic);
		if (d.rcpt[0].action != rows[i].action)
			fail_msg("%s: action %d", rows[i].name, (int)d.rcpt[0].action);
	}
	mime_dsn_clear(&d);
}

static void several_recipients(void **state)
{
	struct mime_dsn d;

	(void)state;
	mime_dsn_init(&d);
	read_status(
		&d, MTA
		"Final-Recipient: rfc822; a@x.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n"
		"Will-Retry-Until: Tue, 15 Sep 2026 10:00:00 +0000\r\n\r\n"
		"Final-Recipient: rfc822; b@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
		"Final-Recipient: rfc822; c@x.example\r\nFinal-Recipient: rfc822; d@x.example\r\n");
	assert_int_equal(d.n_rcpt, 4);
	same("mta", d.reporting_mta, "mx.send.example");
	assert_true(d.rcpt[0].will_retry);
	assert_false(d.rcpt[1].will_retry);
	same("b", d.rcpt[1].final, "b@x.example");
	same("d", d.rcpt[3].final, "d@x.example");
	mime_dsn_clear(&d);
	assert_true(mime_dsn_is_empty(&d));
}

static void no_more_recipients_than_the_ceiling(void **state)
{
	struct mime_dsn d;
	struct buf b;

	(void)state;
	mime_dsn_init(&d);
	buf_init(&b, LIMIT_MIME_REPORT);
	for (int i = 0; i < 10000 && text_addf(&b, "Final-Recipient: rfc822; a%d@x\n\n", i) == 0;
	     i++)
		;
	mime_dsn_read_status(&d, MIME_PLAIN, b.data, b.len);
	assert_int_equal(d.n_rcpt, LIMIT_MIME_RECIPIENTS);
	buf_clear(&b);
	mime_dsn_clear(&d);
}

static void encoded_parts(void **state)
{
	static const char status[] =
		"RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGFubkBnb25lLmV4YW1wbGUKQWN0aW9uOiBmYWlsZWQK\r\n"
		"U3RhdHVzOiA1LjEuMQo=\r\n";
	static const char original[] =
		"Message-ID: <step-1=2E77@send.example>\r\nSubject: J=C3=A4ger\r\n\r\nbody";
	struct mime_dsn d;

	(void)state;
	mime_dsn_init(&d);
	mime_dsn_read_status(&d, MIME_BASE64, status, sizeof(status) - 1);
	assert_int_equal(d.n_rcpt, 1);
	same("recipient", d.rcpt[0].final, "ann@gone.example");
	same("status", d.rcpt[0].status, "5.1.1");
	assert_false(d.has_original);
	mime_dsn_read_original(&d, MIME_QUOTED, original, sizeof(original) - 1);
	assert_true(d.has_original);
	same("original", d.original.message_id, "step-1.77@send.example");
	same("subject", d.original.subject, "Jäger");
	mime_dsn_clear(&d);
}

static const struct {
	const char *name, *in, *id;
} texts[] = {
	{ "qmail",
	  "Hi. This is the program.\n\n--- Below this line is a copy of the message.\n\n"
	  "Return-Path: <bo@send.example>\nMessage-ID: <step-1@SEND.example>\nSubject: s\n",
	  "step-1@send.example" },
	{ "quoted", "failed\n> Message-Id: <a@b>\n", "a@b" },
	{ "folded", "failed\nMessage-ID:\n\t<a@b>\n", "a@b" },
	{ "the first one", "Message-ID: <a@b>\nMessage-ID: <c@d>\n", "a@b" },
	{ "without a line end", "Message-ID: <a@b>", "a@b" },
	{ "none", "there is no message-id here\n", NULL },
	{ "empty", "Message-ID:\n", NULL },
	{ "nothing", "", NULL },
};

static void id_in_prose(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		struct mime_dsn d;

		mime_dsn_init(&d);
		mime_dsn_read_text(&d, text_of(texts[i].in));
		same(texts[i].name, d.original.message_id ? d.original.message_id : d.original_id,
		     texts[i].id);
		mime_dsn_clear(&d);
	}
}

/* The embedded original is the better witness. */
static void prose_does_not_overrule_the_original(void **state)
{
	struct mime_dsn d;

	(void)state;
	mime_dsn_init(&d);
	mime_dsn_read_original(&d, MIME_PLAIN, "Message-ID: <a@b>\n\n", 19);
	mime_dsn_read_text(&d, TEXT("Message-ID: <c@d>\n\nFinal-Recipient: rfc822; a@b\n"));
	assert_int_equal(d.n_rcpt, 1);
	assert_null(d.original_id);
	mime_dsn_clear(&d);
}

static void hostile_reports(void **state)
{
	static const char *const repeated[] = { "\n",
						"\r",
						"a\r\r",
						"a:\n\n",
						"Final-Recipient: rfc822;a@b\n",
						"Action: failed\n\n",
						"Status: 5.1.1\n\n",
						":",
						"Diagnostic-Code: ;",
						"Diagnostic-Code: x\n ",
						"\xff" };

	(void)state;
	for (size_t i = 0; i < countof(repeated); i++) {
		struct mime_dsn d;
		struct buf b;
		clock_t began;

		mime_dsn_init(&d);
		buf_init(&b, LIMIT_MIME_REPORT);
		while (text_add(&b, text_of(repeated[i])) == 0)
			;
		began = clock();
		mime_dsn_read_status(&d, MIME_PLAIN, b.data, b.len);
		mime_dsn_read_original(&d, MIME_PLAIN, b.data, b.len);
		if ((clock() - began) / CLOCKS_PER_SEC >= 1)
			fail_msg("row %zu: %ld ms", i,
				 (long)(clock() - began) * 1000 / CLOCKS_PER_SEC);
		buf_clear(&b);
		mime_dsn_clear(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_recipient),
		cmocka_unit_test(several_recipients),
		cmocka_unit_test(no_more_recipients_than_the_ceiling),
		cmocka_unit_test(encoded_parts),
		cmocka_unit_test(id_in_prose),
		cmocka_unit_test(prose_does_not_overrule_the_original),
		cmocka_unit_test(hostile_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
