#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "ingest/imap/imap_caps.h"
#include "ingest/imap/imap_date.h"
#include "ingest/imap/imap_folder.h"
#include "ingest/imap/imap_utf7.h"
#include "ingest/imap/imap_verdict.h"

/* The small words of IMAP: dates, folder names and roles, capabilities, and what a refusal means.
 */

static void dates_are_read(void **state)
{
	static const struct {
		const char *in;
		int r;
		int64_t s;
	} rows[] = {
		{ "17-Jul-1996 02:44:25 -0700", 0, 837596665 },
		{ "01-Jan-1970 00:00:00 +0000", 0, 0 },
		{ " 3-Nov-2025 09:00:00 +0100", 0, 1762156800 },
		{ "3-nov-2025 9:00 +0100", 0, 1762156800 },
		{ "29-Feb-2024 23:59:60 +0000", 0, 1709251200 },
		{ "31-Dec-9999 23:59:59 +0000", 0, 253402300799 },
		{ "31-Dec-1969 23:59:59 +0000", 0, -1 },
		{ "03-Nov-2025 09:00:00 GMT", 0, 1762160400 },
		{ "03-Nov-2025 09:00:00", 0, 1762160400 },
		{ "03-Nov-2025", -EBADMSG, 0 },
		{ "00-Nov-2025 09:00:00 +0000", -EBADMSG, 0 },
		{ "32-Nov-2025 09:00:00 +0000", -EBADMSG, 0 },
		{ "03-Nop-2025 09:00:00 +0000", -EBADMSG, 0 },
		{ "03-Nov-20250 09:00:00 +0000", -EBADMSG, 0 },
		{ "03-Nov-2025 24:00:00 +0000", -EBADMSG, 0 },
		{ "", -EBADMSG, 0 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		int64_t s = 0;
		int r = imap_date_parse(text_of(rows[i].in), &s);

		if (r != rows[i].r || s != rows[i].s)
			fail_msg("%s: %d, %lld", rows[i].in, r, (long long)s);
	}
}

/* Every day of 150 years, there and back. */
static void days_are_written(void **state)
{
	char day[IMAP_DATE_DAY], whole[64];
	int64_t s;

	(void)state;
	assert_int_equal(imap_date_day(1763856000, day), 0);
	assert_string_equal(day, "23-Nov-2025");
	assert_int_equal(imap_date_day(1761955200, day), 0);
	assert_string_equal(day, "1-Nov-2025");
	for (int64_t d = 0; d < 150 * 366; d++) {
		struct buf b;

		assert_int_equal(imap_date_day(d * 86400 + 86399, day), 0);
		buf_init(&b, sizeof(whole));
		assert_int_equal(text_addf(&b, "%s 00:00:00 +0000", day), 0);
		assert_int_equal(imap_date_parse(text_of_buf(&b), &s), 0);
		assert_int_equal(s, d * 86400);
		buf_clear(&b);
	}
	assert_int_equal(imap_date_day(-1, day), -EINVAL);
	assert_int_equal(imap_date_day(INT64_C(253402300800), day), -EINVAL);
}

static void names_become_utf8(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "INBOX", "INBOX" },
		{ "Entw&APw-rfe", "Entwürfe" },
		{ "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-", "Отправленные" },
		{ "&j9mJxA-", "这规" },
		{ "R&-D", "R&D" },
		{ "&2D3cBw-!", "🐇!" },
		{ "~peter/mail/&ZeVnLIqe-/&U,BTFw-", "~peter/mail/日本語/台北" },
		{ "Gelöscht", "Gelöscht" },
		/* broken ones */
		{ "R& D", "R& D" },
		{ "R&", "R&" },
		{ "&AOk", "é�" },
		{ "&AO!", "�!" },
		{ "&2D0-", "�" },
		{ "&3AfYPQ-", "��" },
		{ "&AAA-", "�" },
		{ "a\xff"
		  "b",
		  "a�b" },
		{ "\xc3", "�" },
		{ "\xc0\xaf", "��" },
		{ "\xed\xa0\x80", "���" },
		{ "\xf4\x90\x80\x80", "����" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct buf b;

		buf_init(&b, 256);
		assert_int_equal(imap_utf7_decode(&b, text_of(rows[i].in), false), 0);
		if (!text_eq(text_of_buf(&b), text_of(rows[i].want)))
			fail_msg("%s: %.*s", rows[i].in, TEXT_ARG(text_of_buf(&b)));
		buf_clear(&b);
	}
}

/* RFC 6855: asked for, "&" is a letter; bytes that are none of it are still made so. */
static void names_in_utf8(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	assert_int_equal(imap_utf7_decode(&b, TEXT("R&D-&AOk-Gelöscht\xff"), true), 0);
	assert_true(text_eq(text_of_buf(&b), TEXT("R&D-&AOk-Gelöscht�")));
	buf_clear(&b);
}

static void names_have_a_ceiling(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	assert_int_equal(buf_add(&b, "abc", 3), 0);
	assert_int_equal(imap_utf7_decode(&b, TEXT("&APw-&APw-"), false), -ENOBUFS);
	assert_int_equal(b.len, 3);
	buf_clear(&b);
}

static void folders_have_roles(void **state)
{
	static const struct {
		const char *raw, *name, *attributes;
		enum imap_role role;
		bool is_guess, is_selectable;
	} rows[] = {
		{ "INBOX", "INBOX", "\\HasNoChildren", IMAP_ROLE_INBOX, false, true },
		{ "Inbox", "Inbox", "", IMAP_ROLE_INBOX, false, true },
		{ "a", "a", "\\HasNoChildren \\junk", IMAP_ROLE_JUNK, false, true },
		{ "a", "a", "\\Spam", IMAP_ROLE_JUNK, false, true },
		{ "a", "a", "\\Important \\Sent", IMAP_ROLE_SENT, false, true },
		/* the attribute beats the name */
		{ "Spam", "Spam", "\\Archive", IMAP_ROLE_ARCHIVE, false, true },
		{ "INBOX/Spam", "INBOX/Spam", "", IMAP_ROLE_JUNK, true, true },
		{ "Junk Email", "Junk Email", "", IMAP_ROLE_JUNK, true, true },
		{ "x", "Courrier indésirable", "", IMAP_ROLE_JUNK, true, true },
		{ "x", "Отправленные", "", IMAP_ROLE_SENT, true, true },
		{ "x", "Spam 2024", "", IMAP_ROLE_NONE, false, true },
		{ "x", "Sent/2024", "", IMAP_ROLE_NONE, false, true },
		{ "x", "INBOX/", "", IMAP_ROLE_NONE, false, true },
		{ "[Gmail]", "[Gmail]", "\\Noselect \\HasChildren", IMAP_ROLE_NONE, false, false },
		{ "x", "x", "\\NonExistent", IMAP_ROLE_NONE, false, false },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct imap_folder f = { .raw = text_of(rows[i].raw),
					 .name = text_of(rows[i].name),
					 .separator = '/' };

		imap_folder_judge(&f, text_of(rows[i].attributes));
		if (f.role != rows[i].role || f.is_guess != rows[i].is_guess ||
		    f.is_selectable != rows[i].is_selectable)
			fail_msg("%s %s: %s", rows[i].name, rows[i].attributes,
				 imap_folder_role_name(f.role));
	}
}

static void capabilities_are_bits(void **state)
{
	uint64_t caps = imap_caps_parse(TEXT("imap4rev1 SASL-IR  AUTH=xoauth2 UNKNOWN idle"));

	(void)state;
	assert_int_equal(caps, IMAP_CAP(IMAP4REV1) | IMAP_CAP(SASL_IR) | IMAP_CAP(AUTH_XOAUTH2) |
				       IMAP_CAP(IDLE));
	assert_int_equal(imap_caps_parse(TEXT("")), 0);
	assert_string_equal(imap_caps_name(IMAP_CAP_BIT_COMPRESS), "COMPRESS=DEFLATE");
	assert_null(imap_caps_name(IMAP_CAP_BITS));
}

/* What is offered, what is on, and what a provider's row forbids. */
static void capabilities_are_weighed(void **state)
{
	uint64_t rev2 = imap_caps_parse(TEXT("IMAP4rev2"));
	uint64_t both = imap_caps_parse(TEXT("IMAP4rev1 IMAP4rev2"));
	uint64_t all = ~UINT64_C(0);

	(void)state;
	/* RFC 9051 appendix E; without it nothing is taken for granted but ENABLE */
	assert_true(rev2 & IMAP_CAP(IDLE) && rev2 & IMAP_CAP(LIST_STATUS) &&
		    rev2 & IMAP_CAP(LITERAL_MINUS));
	assert_false(rev2 & (IMAP_CAP(QRESYNC) | IMAP_CAP(CONDSTORE) | IMAP_CAP(OBJECTID)));
	assert_int_equal(both, IMAP_CAP(IMAP4REV1) | IMAP_CAP(IMAP4REV2) | IMAP_CAP(ENABLE));
	assert_int_equal(imap_caps_usable(both, IMAP_CAP(IMAP4REV2), 0),
			 rev2 | IMAP_CAP(IMAP4REV1));
	assert_int_equal(imap_caps_usable(both, 0, 0), both);

	assert_int_equal(imap_caps_parse_enabled(TEXT("qresync X")),
			 IMAP_CAP(QRESYNC) | IMAP_CAP(CONDSTORE));
	assert_int_equal(imap_caps_parse_enabled(TEXT("IMAP4rev2")),
			 IMAP_CAP(IMAP4REV2) | IMAP_CAP(UTF8_ACCEPT));
	assert_int_equal(imap_caps_parse(TEXT("UTF8=ONLY")), IMAP_CAP(UTF8_ACCEPT));
	assert_int_equal(imap_caps_parse(TEXT("MESSAGELIMIT=1000 UIDONLY")),
			 IMAP_CAP(MESSAGELIMIT) | IMAP_CAP(UIDONLY));
	assert_int_equal(imap_caps_parse(TEXT("APPENDLIMIT=35651584 STATUS=SIZE")), 0);

	assert_int_equal(imap_caps_usable(all, 0, IMAP_QUIRK_NO_IDLE), ~IMAP_CAP(IDLE));
	assert_int_equal(imap_caps_usable(all, 0, IMAP_QUIRK_NO_NOTIFY | IMAP_QUIRK_NO_QRESYNC),
			 ~(IMAP_CAP(NOTIFY) | IMAP_CAP(QRESYNC)));
	assert_int_equal(imap_caps_usable(all, 0, IMAP_QUIRK_NO_PARTIAL | IMAP_QUIRK_NO_PIPELINE),
			 all);
}

/* The strings of the providers, each as one was seen to say it. */
static void refusals_are_sorted(void **state)
{
	static const struct {
		enum imap_phase phase;
		enum imap_condition condition;
		const char *code, *said;
		enum blame blame;
		enum imap_remedy remedy;
		uint64_t backoff_ms;
	} rows[] = {
#define LOGIN_NO IMAP_PHASE_LOGIN, IMAP_CONDITION_NO
		{ LOGIN_NO, "AUTHENTICATIONFAILED", "Invalid credentials (Failure)", BLAME_AUTH,
		  IMAP_REMEDY_FRESH_TOKEN, 0 },
		{ LOGIN_NO, "", "AUTHENTICATE failed.", BLAME_AUTH, IMAP_REMEDY_FRESH_TOKEN, 0 },
		{ LOGIN_NO, "AUTHENTICATIONFAILED", "(#AUTH901) The provided token is invalid",
		  BLAME_AUTH, IMAP_REMEDY_FRESH_TOKEN, 0 },
		{ IMAP_PHASE_LOGIN, IMAP_CONDITION_BAD, "", "Command Error. 10", BLAME_AUTH,
		  IMAP_REMEDY_FRESH_TOKEN, 0 },
		{ LOGIN_NO, "WEBALERT", "Web login required.", BLAME_AUTH, IMAP_REMEDY_USER, 0 },
		{ LOGIN_NO, "ALERT", "Please log in via your web browser", BLAME_AUTH,
		  IMAP_REMEDY_USER, 0 },
		{ LOGIN_NO, "ALERT", "You are yet to enable IMAP for your account.", BLAME_AUTH,
		  IMAP_REMEDY_USER, 0 },
		{ LOGIN_NO, "", "IMAP access is disabled for your domain.", BLAME_AUTH,
		  IMAP_REMEDY_ADMIN, 0 },
		{ LOGIN_NO, "", "Lookup failed", BLAME_AUTH, IMAP_REMEDY_ADMIN, 0 },
#define COMMAND_NO IMAP_PHASE_COMMAND, IMAP_CONDITION_NO
		/* RFC 5530 and the extensions: this folder or command, not the session */
		{ COMMAND_NO, "NONEXISTENT", "gone", BLAME_REFUSED, IMAP_REMEDY_SKIP, 0 },
		{ COMMAND_NO, "TRYCREATE", "gone", BLAME_REFUSED, IMAP_REMEDY_SKIP, 0 },
		{ COMMAND_NO, "NOPERM", "no", BLAME_REFUSED, IMAP_REMEDY_SKIP, 0 },
		{ COMMAND_NO, "CANNOT", "no", BLAME_REFUSED, IMAP_REMEDY_SKIP, 0 },
		{ COMMAND_NO, "EXPUNGEISSUED", "no", BLAME_REFUSED, IMAP_REMEDY_SKIP, 0 },
		{ COMMAND_NO, "NOTIFICATIONOVERFLOW", "x", BLAME_REFUSED, IMAP_REMEDY_SKIP, 0 },
		{ COMMAND_NO, "BADEVENT", "x", BLAME_REFUSED, IMAP_REMEDY_SKIP, 0 },
		{ COMMAND_NO, "MESSAGELIMIT", "x", BLAME_REFUSED, IMAP_REMEDY_SKIP, 0 },
		{ COMMAND_NO, "UNKNOWN-CTE", "x", BLAME_REFUSED, IMAP_REMEDY_SKIP, 0 },
		{ IMAP_PHASE_COMMAND, IMAP_CONDITION_BAD, "UIDREQUIRED", "x", BLAME_US,
		  IMAP_REMEDY_OURS, 0 },
		{ COMMAND_NO, "ALREADYEXISTS", "x", BLAME_REFUSED, IMAP_REMEDY_SKIP, 0 },
		{ COMMAND_NO, "CORRUPTION", "x", BLAME_REFUSED, IMAP_REMEDY_SKIP, 0 },
		{ COMMAND_NO, "LIMIT", "x", BLAME_REFUSED, IMAP_REMEDY_WAIT, 900000 },
		{ COMMAND_NO, "INUSE", "x", BLAME_REFUSED, IMAP_REMEDY_WAIT, 60000 },
		{ LOGIN_NO, "ALERT", "Too many simultaneous connections. (Failure)", BLAME_REFUSED,
		  IMAP_REMEDY_WAIT, 120000 },
		{ LOGIN_NO, "AUTHENTICATIONFAILED", "Login Rate Limit Hit", BLAME_REFUSED,
		  IMAP_REMEDY_WAIT, 1800000 },
		{ LOGIN_NO, "", "Too many bad auth attempts", BLAME_REFUSED, IMAP_REMEDY_WAIT,
		  1800000 },
		{ LOGIN_NO, "UNAVAILABLE", "Temporary authentication failure.", BLAME_REFUSED,
		  IMAP_REMEDY_WAIT, 60000 },
		{ LOGIN_NO, "INUSE", "", BLAME_REFUSED, IMAP_REMEDY_WAIT, 60000 },
		{ LOGIN_NO, "LIMIT", "", BLAME_REFUSED, IMAP_REMEDY_WAIT, 900000 },
		{ LOGIN_NO, "AUTHORIZATIONFAILED", "", BLAME_AUTH, IMAP_REMEDY_ADMIN, 0 },
		{ LOGIN_NO, "EXPIRED", "", BLAME_AUTH, IMAP_REMEDY_FRESH_TOKEN, 0 },
		{ LOGIN_NO, "PRIVACYREQUIRED", "", BLAME_US, IMAP_REMEDY_OURS, 0 },
		{ LOGIN_NO, "", "{\"status\":\"invalid_request\"}", BLAME_US, IMAP_REMEDY_OURS, 0 },
#define COMMAND_NO  IMAP_PHASE_COMMAND, IMAP_CONDITION_NO
#define COMMAND_BAD IMAP_PHASE_COMMAND, IMAP_CONDITION_BAD
		{ COMMAND_BAD, "", "User is authenticated but not connected.", BLAME_REFUSED,
		  IMAP_REMEDY_WAIT, 600000 },
		{ COMMAND_NO, "",
		  "Request is throttled. Suggested Backoff Time: 92415 milliseconds", BLAME_REFUSED,
		  IMAP_REMEDY_WAIT, 92415 },
		{ COMMAND_BAD, "", "Request is throttled. Suggested Backoff Time: soon",
		  BLAME_REFUSED, IMAP_REMEDY_WAIT, 300000 },
		{ COMMAND_BAD, "", "throttled, Suggested Backoff Time: 99999999999 milliseconds",
		  BLAME_REFUSED, IMAP_REMEDY_WAIT, 300000 },
		{ COMMAND_NO, "", "Server Unavailable. 15", BLAME_REFUSED, IMAP_REMEDY_WAIT,
		  60000 },
		{ COMMAND_NO, "OVERQUOTA", "Account exceeded command or bandwidth limits.",
		  BLAME_REFUSED, IMAP_REMEDY_WAIT, 14400000 },
		{ COMMAND_NO, "UNAVAILABLE", "UID FETCH Server error while fetching messages",
		  BLAME_REFUSED, IMAP_REMEDY_SKIP, 0 },
		{ COMMAND_BAD, "CLIENTBUG", "FETCH Command arguments invalid", BLAME_US,
		  IMAP_REMEDY_SKIP, 0 },
		{ COMMAND_NO, "NONEXISTENT", "No such mailbox", BLAME_REFUSED, IMAP_REMEDY_SKIP,
		  0 },
		{ COMMAND_NO, "", "SELECT Unsafe Login. Please contact kefu", BLAME_US,
		  IMAP_REMEDY_OURS, 0 },
		{ COMMAND_BAD, "", "Command received in Invalid state.", BLAME_NET,
		  IMAP_REMEDY_RETRY, 0 },
		{ COMMAND_BAD, "", "Unknown argument", BLAME_US, IMAP_REMEDY_OURS, 0 },
		{ IMAP_PHASE_IDLE, IMAP_CONDITION_BYE, "", "Session expired, please login again.",
		  BLAME_NET, IMAP_REMEDY_RETRY, 0 },
		{ IMAP_PHASE_IDLE, IMAP_CONDITION_BYE, "",
		  "Session invalidated - AccessTokenExpired", BLAME_NET, IMAP_REMEDY_FRESH_TOKEN,
		  0 },
		{ IMAP_PHASE_IDLE, IMAP_CONDITION_BYE, "", "Autologout; idle for too long",
		  BLAME_NET, IMAP_REMEDY_RETRY, 0 },
		{ IMAP_PHASE_GREETING, IMAP_CONDITION_BYE, "", "Come back tomorrow", BLAME_REFUSED,
		  IMAP_REMEDY_WAIT, 60000 },
		{ IMAP_PHASE_COMMAND, IMAP_CONDITION_OK, "ALERT", "too many connections",
		  BLAME_NONE, IMAP_REMEDY_NONE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct imap_verdict v =
			imap_verdict_of(rows[i].phase, rows[i].condition, text_of(rows[i].code),
					text_of(rows[i].said));

		if (v.outcome.blame != rows[i].blame || v.remedy != rows[i].remedy ||
		    v.backoff_ms != rows[i].backoff_ms)
			fail_msg("[%s] %s: %s %s %llu", rows[i].code, rows[i].said,
				 outcome_blame_name(v.outcome.blame),
				 imap_verdict_remedy_name(v.remedy),
				 (unsigned long long)v.backoff_ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_read),           cmocka_unit_test(days_are_written),
		cmocka_unit_test(names_become_utf8),        cmocka_unit_test(names_have_a_ceiling),
		cmocka_unit_test(folders_have_roles),       cmocka_unit_test(capabilities_are_bits),
		cmocka_unit_test(capabilities_are_weighed), cmocka_unit_test(names_in_utf8),
		cmocka_unit_test(refusals_are_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
