#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/classify/classify.h"

#define HUMAN    CLASSIFY_REPLY
#define AR       "Authentication-Results: "
#define FORGED   "From: ann@mail.example\r\n"
#define FEEDBACK FORGED "Content-Type: multipart/report; report-type=feedback-report\r\n"

/* Who vouches for a sender, and for whom. */
static const struct {
	const char *name, *authserv, *head;
	enum classify_kind kind;
	const char *rule, *text;
} vouched[] = {
	{ "nobody", "mx.example", FEEDBACK, HUMAN, "complaint.unproven",
	  "dkim=none spf=none dmarc=none" },
	{ "the provider", "mx.example", AR "mx.example; dkim=pass; dmarc=pass\r\n" FEEDBACK,
	  CLASSIFY_COMPLAINT, "auth.pass", "dkim=pass spf=none dmarc=pass" },
	{ "one of its hosts", ".mx.example", AR "a7.mx.example 1; dmarc=pass\r\n" FEEDBACK,
	  CLASSIFY_COMPLAINT, "auth.pass", NULL },
	{ "a provider that has no name", "",
	  AR "spf=pass smtp.mailfrom=x; dkim=none;dmarc=pass action=none\r\n" FEEDBACK,
	  CLASSIFY_COMPLAINT, "auth.pass", "dkim=none spf=pass dmarc=pass" },
	{ "a provider that nobody knows", NULL, AR "mx.example; dmarc=pass\r\n" FEEDBACK, HUMAN,
	  "complaint.unproven", NULL },
	{ "the sender itself, below what the provider found", "mx.example",
	  AR "mx.example; dmarc=fail\r\n" AR "mx.example; dmarc=pass\r\n" FEEDBACK, HUMAN,
	  "complaint.unproven", "dkim=none spf=none dmarc=fail" },
	{ "another host", "mx.example", AR "not-mx.example; dmarc=pass\r\n" FEEDBACK, HUMAN,
	  "complaint.unproven", NULL },
	{ "a host whose name ends alike", ".mx.example",
	  AR "evilmx.example; dmarc=pass\r\n" FEEDBACK, HUMAN, "complaint.unproven", NULL },
	{ "words in a comment", "mx.example",
	  AR "mx.example; spf=fail (x; dmarc=pass) smtp.mailfrom=\"; dmarc=pass\"\r\n" FEEDBACK,
	  HUMAN, "complaint.unproven", "dkim=none spf=fail dmarc=none" },
	{ "a signature of somebody else", "mx.example",
	  AR "mx.example; dkim=pass header.d=other.example; dmarc=fail\r\n" FEEDBACK, HUMAN,
	  "complaint.unproven", "dkim=pass spf=none dmarc=fail" },
};

static void only_the_provider_vouches(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(vouched); i++) {
		struct mime_head h;
		struct classify_verdict v;
		struct classify_input in = { .head = &h,
					     .matched = true,
					     .authserv = vouched[i].authserv };
		const struct classify_evidence *last;

		mime_head_init(&h);
		mime_head_read(&h, vouched[i].head, strlen(vouched[i].head));
		classify_full(&in, &v);
		last = &v.evidence[v.n_evidence - 1];
		if (v.kind != vouched[i].kind || strcmp(last->rule, vouched[i].rule) != 0 ||
		    (vouched[i].text && strcmp(last->text, vouched[i].text) != 0))
			fail_msg("%s: %s, %s %s", vouched[i].name, classify_kind_name(v.kind),
				 last->rule, last->text);
		in.is_known = true;
		classify_full(&in, &v);
		assert_int_equal(v.kind, CLASSIFY_COMPLAINT);
		mime_head_clear(&h);
	}
}

static struct classify_verdict judge_as(const char *head, const char *body, bool matched,
					bool known)
{
	struct mime_head h;
	struct classify_verdict v;
	struct classify_input in = { .head = &h,
				     .body = text_of(body),
				     .fresh = text_of(body),
				     .matched = matched,
				     .is_known = known };

	mime_head_init(&h);
	mime_head_read(&h, head, strlen(head));
	classify_full(&in, &v);
	mime_head_clear(&h);
	return v;
}

/* The verdict on headers and a text; `known`: an id names one of ours. */
static struct classify_verdict judge(const char *head, const char *body, bool known)
{
	return judge_as(head, body, known, known);
}

static void a_forged_wish_is_doubted(void **state)
{
	static const char head[] = FORGED "X-Apple-Unsubscribe: true\r\n";
	struct classify_verdict v = judge(head, "", /* known= */ false);

	(void)state;
	assert_int_equal(v.kind, CLASSIFY_REPLY);
	assert_int_equal(v.intent, CLASSIFY_INTENT_UNSUBSCRIBE);
	assert_true(v.is_unproven);
	assert_string_equal(v.evidence[v.n_evidence - 1].rule, "unsubscribe.unproven");
	assert_false(judge(head, "", true).is_unproven);
}

/* Nothing in the event says what the verdict takes back. */
static void what_is_doubted_is_doubted_everywhere(void **state)
{
	static const char bounce[] =
		"From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered Mail Returned to Sender\r\n"
		"Content-Type: multipart/report; report-type=delivery-status\r\n";
	static const char fields[] =
		"Final-Recipient: rfc822; ann@mail.example\r\nAction: failed\r\nStatus: "
		"5.1.1\r\n\r\n"
		"Final-Recipient: rfc822; bo@mail.example\r\nAction: failed\r\nStatus: 5.1.1\r\n";
	struct mime_head h;
	struct mime_dsn d;
	struct classify_verdict v;
	struct classify_input in = { .head = &h, .dsn = &d };

	(void)state;
	mime_head_init(&h);
	mime_dsn_init(&d);
	mime_head_read(&h, bounce, strlen(bounce));
	mime_dsn_read_status(&d, MIME_PLAIN, fields, strlen(fields));
	classify_full(&in, &v);
	assert_int_equal(v.kind, CLASSIFY_BOUNCE_SOFT);
	assert_int_equal(v.bounce.kind, CLASSIFY_BOUNCE_SOFT);
	assert_int_equal(v.n_recipients, 2);
	for (size_t i = 0; i < v.n_recipients; i++)
		assert_int_equal(v.recipients[i].kind, CLASSIFY_BOUNCE_SOFT);
	in.is_known = true;
	classify_full(&in, &v);
	assert_int_equal(v.kind, CLASSIFY_BOUNCE_HARD);
	assert_int_equal(v.recipients[1].kind, CLASSIFY_BOUNCE_HARD);
	mime_dsn_clear(&d);
	mime_head_clear(&h);
	v = judge(FEEDBACK, "", /* known= */ false);
	assert_int_equal(v.kind, CLASSIFY_REPLY);
	assert_null(v.complaint.type);
	assert_non_null(judge(FEEDBACK, "", true).complaint.type);
}

static void a_newsletter_is_no_answer(void **state)
{
	static const char head[] = FORGED "Subject: News\r\nList-Unsubscribe: <mailto:x@y>\r\n";
	static const char answer[] = "In-Reply-To: <ours@x.example>\r\n" FORGED
				     "Subject: News\r\nList-Unsubscribe: <mailto:x@y>\r\n";

	(void)state;
	assert_int_equal(judge(head, "Interested?", /* known= */ false).kind, CLASSIFY_LIST_MAIL);
	assert_int_equal(judge(head, "Interested?", true).kind, CLASSIFY_LIST_MAIL);
	assert_int_equal(judge(answer, "Interested?", true).kind, CLASSIFY_REPLY);
}

/* Somebody on a list answers: by hand, whatever stands before the "Re:". */
static void an_answer_through_a_list_is_an_answer(void **state)
{
	static const char *const subjects[] = { "Re: Offer", "[list-name] Re: Offer",
						"[EXTERNAL EMAIL] RE: Offer",
						"=?utf-8?B?5Zue5aSN77yaT2ZmZXI=?=" };

	(void)state;
	for (size_t i = 0; i < countof(subjects); i++) {
		cleanup_buf struct buf head;

		buf_init(&head, 400);
		assert_int_equal(text_addf(&head,
					   FORGED "Subject: %s\r\nList-Id: <l.x.example>\r\n",
					   subjects[i]),
				 0);
		assert_int_equal(text_add(&head, (struct text){ "", 1 }), 0);
		assert_int_equal(judge_as((const char *)head.data, "Yes please.", true, false).kind,
				 CLASSIFY_REPLY);
	}
}

static void a_gateways_tag_hides_no_answer(void **state)
{
	static const char head[] =
		FORGED "Subject: [ACME external] AW: Angebot\r\nX-Auto-Response-Suppress: All\r\n";

	(void)state;
	assert_int_equal(
		judge(head, "Ich bin ab Montag im Urlaub, rufen Sie vorher an.", true).kind,
		CLASSIFY_REPLY);
}

/* Many words of absence leave room for what decides. */
static void what_decides_is_told(void **state)
{
	static const char head[] = FORGED "Subject: Re: Offer\r\nAuto-Submitted: no\r\n";
	struct classify_verdict v = judge(
		head,
		"vacation, on vacation, im Urlaub, out of the office, en vacances, de vacaciones, "
		"in ferie, de férias, op vakantie, na urlopie, on leave, away from my desk.\n\n"
		"Please remove me from your list.",
		true);
	size_t same = 0;

	(void)state;
	assert_int_equal(v.kind, CLASSIFY_REPLY);
	assert_string_equal(v.evidence[v.n_evidence - 1].rule, "unsubscribe.en");
	for (size_t i = 0; i < v.n_evidence; i++)
		same += strncmp(v.evidence[i].rule, "text.", 5) == 0;
	assert_in_range(same, 1, CLASSIFY_HINTS);
}

/* A shop's receipt is sent by a machine, and answers nothing of ours. */
static void a_notice_about_nothing_is_unrelated(void **state)
{
	static const char head[] =
		FORGED "Subject: Your order\r\nAuto-Submitted: auto-generated\r\n";
	static const char body[] = "Thank you for your payment.";

	(void)state;
	assert_int_equal(judge(head, body, /* known= */ false).kind, CLASSIFY_UNRELATED);
	assert_int_equal(judge(head, body, true).kind, CLASSIFY_AUTO_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_provider_vouches),
		cmocka_unit_test(a_forged_wish_is_doubted),
		cmocka_unit_test(what_is_doubted_is_doubted_everywhere),
		cmocka_unit_test(a_newsletter_is_no_answer),
		cmocka_unit_test(an_answer_through_a_list_is_an_answer),
		cmocka_unit_test(a_gateways_tag_hides_no_answer),
		cmocka_unit_test(what_decides_is_told),
		cmocka_unit_test(a_notice_about_nothing_is_unrelated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
