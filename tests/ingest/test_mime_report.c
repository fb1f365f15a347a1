#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/mime/mime_report.h"

static const struct {
	const char *name, *part;
	enum mime_arf_type type;
	const char *recipient;
} complaints[] = {
	{ "as the RFC has it",
	  "Feedback-Type: abuse\r\nUser-Agent: X/1\r\nVersion: 1\r\n"
	  "Original-Rcpt-To: <ann@mail.example>\r\n",
	  MIME_ARF_ABUSE, "ann@mail.example" },
	{ "a type in front, other cases",
	  "\r\nfeedback-type: Fraud (phish)\n"
	  "original-rcpt-to: rfc822; ann@mail.example\n",
	  MIME_ARF_FRAUD, "ann@mail.example" },
	{ "blacked out", "Feedback-Type: abuse\nOriginal-Rcpt-To: redacted\n", MIME_ARF_ABUSE, "" },
	{ "the first of several",
	  "Feedback-Type: abuse\nOriginal-Rcpt-To: a@x.example\nOriginal-Rcpt-To: b@x.example\n",
	  MIME_ARF_ABUSE, "a@x.example" },
	{ "wants no more", "Feedback-Type: opt-out\nRemoval-Recipient: ann@mail.example\n",
	  MIME_ARF_OPT_OUT, "ann@mail.example" },
	{ "wants no more of this list", "Feedback-Type: opt-out-list\n", MIME_ARF_OPT_OUT, "" },
	{ "no complaint", "Feedback-Type: not-spam\n", MIME_ARF_NOT_SPAM, "" },
	{ "about signatures", "Feedback-Type: auth-failure\n", MIME_ARF_AUTH_FAILURE, "" },
	{ "a type of next year", "Feedback-Type: miscategorized\n", MIME_ARF_OTHER, "" },
	{ "no type", "Source-IP: 192.0.2.1\n", MIME_ARF_OTHER, "" },
	{ "nothing", "", MIME_ARF_NONE, "" },
	{ "no fields", "\r\n\r\nwords\r\n", MIME_ARF_NONE, "" },
};

static void what_a_complaint_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(complaints); i++) {
		struct mime_arf a;

		mime_arf_read(&a, MIME_PLAIN, complaints[i].part, strlen(complaints[i].part));
		if (a.type != complaints[i].type ||
		    strcmp(a.recipient, complaints[i].recipient) != 0)
			fail_msg("%s: %s \"%s\"", complaints[i].name, mime_arf_type_name(a.type),
				 a.recipient);
	}
}

/* Microsoft's have no part of their own; and a mail that somebody attached is no complaint. */
static void what_the_returned_mail_says(void **state)
{
	static const char jmrp[] =
		"X-HmXmrOriginalRecipient: ann@mail.example\r\nTo: x@x.example\r\n";
	static const char plain[] = "To: <ann@mail.example>\r\nSubject: Offer\r\n";
	struct mime_head h;
	struct mime_arf a = { 0 };

	(void)state;
	mime_head_init(&h);
	mime_head_read(&h, plain, sizeof(plain) - 1);
	mime_arf_read_original(&a, &h);
	assert_int_equal(a.type, MIME_ARF_NONE);
	assert_string_equal(a.recipient, "");
	a.type = MIME_ARF_ABUSE;
	mime_arf_read_original(&a, &h);
	assert_string_equal(a.recipient, "ann@mail.example");
	a = (struct mime_arf){ 0 };
	mime_head_read(&h, jmrp, sizeof(jmrp) - 1);
	mime_arf_read_original(&a, &h);
	assert_int_equal(a.type, MIME_ARF_ABUSE);
	assert_string_equal(a.recipient, "ann@mail.example");
	mime_head_clear(&h);
}

static const struct {
	const char *name, *part;
	enum mime_mdn_disposition disposition;
	const char *id;
} receipts[] = {
	{ "as the RFC has it",
	  "Reporting-UA: x; y\r\nFinal-Recipient: rfc822;a@x.example\r\n"
	  "Original-Message-ID: <S1@Send.Example>\r\n"
	  "Disposition: manual-action/MDN-sent-manually; displayed\r\n",
	  MIME_MDN_DISPLAYED, "S1@send.example" },
	{ "deleted", "Disposition: automatic-action/MDN-sent-automatically; deleted/error\n",
	  MIME_MDN_DELETED, "" },
	{ "no mode", "Disposition: displayed\n", MIME_MDN_DISPLAYED, "" },
	{ "denied", "Disposition: manual-action/MDN-sent-manually; denied\n", MIME_MDN_OTHER, "" },
	{ "not said", "Reporting-UA: x\n", MIME_MDN_OTHER, "" },
	{ "nothing", "", MIME_MDN_NONE, "" },
};

static void what_a_receipt_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(receipts); i++) {
		struct mime_mdn m;

		mime_mdn_read(&m, MIME_PLAIN, receipts[i].part, strlen(receipts[i].part));
		if (m.disposition != receipts[i].disposition ||
		    strcmp(m.original_id, receipts[i].id) != 0)
			fail_msg("%s: %s \"%s\"", receipts[i].name, mime_mdn_name(m.disposition),
				 m.original_id);
	}
}

#define ANSWER(method, event)                                                                      \
	"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:" method "\r\nBEGIN:VEVENT\r\n" event            \
	"END:VEVENT\r\nEND:VCALENDAR\r\n"
#define ANN(partstat) "ATTENDEE;CN=\"Ann: a;b\";PARTSTAT=" partstat ":mailto:Ann@mail.example\r\n"
#define BO(partstat)  "ATTENDEE;PARTSTAT=" partstat ":mailto:bo@mail.example\r\n"

static const struct {
	const char *name, *part;
	enum mime_calendar_answer answer;
	const char *starts_at;
} answers[] = {
	{ "accepted", ANSWER("REPLY", "DTSTART:20260922T190000Z\r\n" ANN("ACCEPTED")),
	  MIME_CALENDAR_ACCEPTED, "2026-09-22T19:00:00Z" },
	{ "declined, small letters",
	  ANSWER("reply", "dtstart:20260922t190000z\r\n" ANN("declined")), MIME_CALENDAR_DECLINED,
	  "2026-09-22T19:00:00Z" },
	{ "perhaps, in a zone of its own",
	  ANSWER("REPLY",
		 "DTSTART;TZID=W. Europe Standard Time:20260922T190000\r\n" ANN("TENTATIVE")),
	  MIME_CALENDAR_TENTATIVE, "2026-09-22T19:00:00" },
	{ "a whole day", ANSWER("REPLY", "DTSTART;VALUE=DATE:20260922\r\n" ANN("ACCEPTED")),
	  MIME_CALENDAR_ACCEPTED, "2026-09-22" },
	{ "another time", ANSWER("COUNTER", "DTSTART:20260923T080000Z\r\n" ANN("TENTATIVE")),
	  MIME_CALENDAR_COUNTER, "2026-09-23T08:00:00Z" },
	{ "the organiser keeps his time", ANSWER("DECLINECOUNTER", "DTSTART:20260923T080000Z\r\n"),
	  MIME_CALENDAR_DECLINED, "2026-09-23T08:00:00Z" },
	{ "the sender's, of two", ANSWER("REPLY", BO("DECLINED") ANN("ACCEPTED") BO("DECLINED")),
	  MIME_CALENDAR_ACCEPTED, "" },
	{ "another's, sent for him", ANSWER("REPLY", BO("DECLINED")), MIME_CALENDAR_DECLINED, "" },
	{ "folded",
	  ANSWER("REPLY",
		 "DTSTART:202609\r\n 22T190000Z\r\nATTENDEE;PARTS\r\n\tTAT=ACCEPTED:mailto:\r\n"
		 " ann@mail.example\r\n"),
	  MIME_CALENDAR_ACCEPTED, "2026-09-22T19:00:00Z" },
	{ "not decided", ANSWER("REPLY", ANN("NEEDS-ACTION")), MIME_CALENDAR_NONE, "" },
	{ "an invitation", ANSWER("REQUEST", "DTSTART:20260922T190000Z\r\n" ANN("ACCEPTED")),
	  MIME_CALENDAR_NONE, "" },
	{ "called off", ANSWER("CANCEL", ANN("ACCEPTED")), MIME_CALENDAR_NONE, "" },
	{ "the zone's own start",
	  "BEGIN:VCALENDAR\nMETHOD:REPLY\nBEGIN:VTIMEZONE\nBEGIN:STANDARD\nDTSTART:"
	  "16010101T030000\n"
	  "END:STANDARD\nEND:VTIMEZONE\nBEGIN:VEVENT\nDTSTART:20260922T190000Z\n" ANN(
		  "ACCEPTED") "END:VEVENT\n",
	  MIME_CALENDAR_ACCEPTED, "2026-09-22T19:00:00Z" },
	{ "cut in the middle",
	  "BEGIN:VCALENDAR\nMETHOD:REPLY\nBEGIN:VEVENT\nATTENDEE;PARTSTAT=ACCEPTED",
	  MIME_CALENDAR_ACCEPTED, "" },
	{ "no date", ANSWER("REPLY", "DTSTART:tomorrow at nine!\r\n" ANN("ACCEPTED")),
	  MIME_CALENDAR_ACCEPTED, "" },
	{ "nothing", "", MIME_CALENDAR_NONE, "" },
};

static void how_an_invitation_is_answered(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(answers); i++) {
		struct mime_calendar c;

		mime_calendar_read(&c, MIME_PLAIN, answers[i].part, strlen(answers[i].part),
				   TEXT("ann@mail.example"));
		if (c.answer != answers[i].answer || strcmp(c.starts_at, answers[i].starts_at) != 0)
			fail_msg("%s: %s \"%s\"", answers[i].name,
				 mime_calendar_answer_name(c.answer), c.starts_at);
	}
}

/* A receipt names the mail that it is about as a delivery report does. */
static void a_receipt_names_its_original(void **state)
{
	static const char part[] =
		"Original-Message-ID: <s1@send.example>\nDisposition: x; displayed\n";
	const struct mime_pick_item item = { .want = MIME_WANT_RECEIPT };
	struct mime_report r = { 0 };
	struct mime_dsn d;

	(void)state;
	mime_dsn_init(&d);
	mime_report_read(&r, &d, TEXT("ann@mail.example"), &item,
			 (struct text){ part, sizeof(part) - 1 });
	assert_string_equal(d.original_id, "s1@send.example");
	assert_int_equal(r.mdn.disposition, MIME_MDN_DISPLAYED);
	mime_dsn_clear(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_complaint_says),
		cmocka_unit_test(what_the_returned_mail_says),
		cmocka_unit_test(what_a_receipt_says),
		cmocka_unit_test(how_an_invitation_is_answered),
		cmocka_unit_test(a_receipt_names_its_original),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
