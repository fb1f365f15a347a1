#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "ingest/classify/classify.h"
#include "ingest/classify/classify_codes.h"
#include "ingest/classify/classify_reason.h"
#include "ingest/mime/mime_returned.h"

#define HUMAN CLASSIFY_REPLY
#define AUTO  CLASSIFY_AUTO_OTHER
#define HARD  CLASSIFY_BOUNCE_HARD
#define SOFT  CLASSIFY_BOUNCE_SOFT
#define LATE  CLASSIFY_BOUNCE_DELAYED
#define DAEMON                                                                                     \
	"From: Mail Delivery System <MAILER-DAEMON@mx.send.example>\r\nReturn-Path: <>\r\n"        \
	"To: bo@send.example\r\n"
#define REPORT                                                                                     \
	DAEMON                                                                                     \
	"Subject: Mail delivery failed\r\n"                                                        \
	"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n"
#define ANN "Final-Recipient: rfc822; ann@mail.example\r\nAction: failed\r\n"

/* One mail: its headers, its text, its delivery-status part or NULL, and what is to be said of it.
 */
struct row {
	const char *name, *head, *body, *fields;
	enum classify_kind kind;
	const char *recipients; /* "ann@mail.example/userunknown ...", in order; NULL: any */
	const char *status;     /* of the worst; NULL: any */
};

static struct classify_verdict judge(const struct row *r)
{
	struct mime_head h;
	struct mime_dsn d;
	struct classify_verdict v;
	struct classify_input in = { .head = &h, .dsn = &d, .matched = true, .is_known = true };

	mime_head_init(&h);
	mime_dsn_init(&d);
	mime_head_read(&h, r->head, strlen(r->head));
	if (r->fields)
		mime_dsn_read_status(&d, MIME_PLAIN, r->fields, strlen(r->fields));
	mime_dsn_read_text(&d, text_of(r->body));
	in.body = text_of(r->body);
	classify_full(&in, &v);
	mime_dsn_clear(&d);
	mime_head_clear(&h);
	return v;
}

static void recipients_of(const struct classify_verdict *v, char *ret, size_t size)
{
	size_t n = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < v->n_recipients && n < size; i++)
		n += (size_t)snprintf(ret + n, size - n, "%s%s/%s", i ? " " : "",
				      v->recipients[i].recipient, v->recipients[i].reason);
}

static void check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct classify_verdict v = judge(&rows[i]);
		char said[2000];

		recipients_of(&v, said, sizeof(said));
		if (v.kind != rows[i].kind)
			fail_msg("%s: %s (%s)", rows[i].name, classify_kind_name(v.kind), said);
		if (rows[i].recipients && strcmp(said, rows[i].recipients) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, said);
		if (rows[i].status && strcmp(v.bounce.status, rows[i].status) != 0)
			fail_msg("%s: status %s", rows[i].name, v.bounce.status);
		if (v.n_recipients && classify_kind_is_bounce(v.kind) && !v.bounce.reason)
			fail_msg("%s: no reason", rows[i].name);
	}
}

/* ---- RFC 3464 ---- */

#define SESSION                                                                                    \
	"   ----- The following addresses had permanent fatal errors -----\n<ann@mail.example>\n"  \
	"   ----- Transcript of session follows -----\n... while talking to mx.mail.example.:\n"   \
	"<<< 554 mx.mail.example ESMTP not accepting connections\n>>> QUIT\n"                      \
	"<<< 421 4.7.0 mx.mail.example Error: too many errors\n554 5.0.0 Service unavailable\n"

static const struct row reports[] = {
	{ "a status made up here gives way to what servers said in the session", REPORT, SESSION,
	  ANN "Status: 5.5.0\r\nDiagnostic-Code: smtp; 554 mx.mail.example ESMTP not accepting "
	      "connections\r\n",
	  SOFT, NULL, "4.7.0" },
	{ "one that the other server gave does not", REPORT, SESSION,
	  ANN "Status: 5.5.0\r\nDiagnostic-Code: smtp; 554 5.5.0 mx.mail.example ESMTP not "
	      "accepting connections\r\n",
	  SOFT, NULL, "5.5.0" },
	{ "a status in the words beats a generic field", REPORT, "",
	  ANN "Status: 5.0.0\r\nDiagnostic-Code: smtp; 550 5.2.1 account disabled\r\n", SOFT,
	  "ann@mail.example/suspend", "5.2.1" },
	{ "the other server's status beats that time ran out", REPORT, "",
	  ANN "Status: 4.4.7\r\nDiagnostic-Code: smtp; 450 4.2.2 mailbox full\r\n", SOFT,
	  "ann@mail.example/mailboxfull", "4.2.2" },
	{ "a generic status in the words does not beat the field", REPORT, "",
	  ANN "Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.0.0 no\r\n", HARD,
	  "ann@mail.example/userunknown", "5.1.1" },
	{ "the comment of the status is all that is said", REPORT, "",
	  ANN "Status: 5.1.10 (domain does not accept mail)\r\n", HARD,
	  "ann@mail.example/notaccept", "5.1.10" },
	{ "a host that takes no mail (RFC 7504)", REPORT, "",
	  ANN "Status: 5.3.2\r\nDiagnostic-Code: smtp; 521 5.3.2 mx.mail.example: go away\r\n",
	  HARD, "ann@mail.example/notaccept", "5.3.2" },
	{ "words beat what a reply code says", REPORT, "",
	  ANN "Status: 5.0.0\r\nDiagnostic-Code: smtp; 521 mailbox full\r\n", SOFT,
	  "ann@mail.example/mailboxfull", NULL },
	{ "a code that says who is not on the list", REPORT, "",
	  ANN "Status: 5.0.0\r\nDiagnostic-Code: smtp; 542 ann@mail.example Rejected\r\n", HARD,
	  "ann@mail.example/userunknown", NULL },
	{ "a gateway's words say nothing of the answer that they wrap", REPORT, "",
	  ANN "Status: 5.1.0\r\nDiagnostic-Code: smtp; 5.1.0 - Unknown address error "
	      "550-'5.7.1 <ann@mail.example>: Access denied' (delivery attempts: 0)\r\n",
	  SOFT, "ann@mail.example/securityerror", "5.7.1" },
	{ "any refusal may call a mailbox unavailable", REPORT, "",
	  ANN "Status: 5.0.0\r\nDiagnostic-Code: smtp; 550 Requested action not taken: mailbox "
	      "unavailable\r\n",
	  SOFT, "ann@mail.example/filtered", NULL },
	{ "whom the sender wrote to", REPORT, "",
	  "Original-Recipient: rfc822;ann@mail.example\r\nFinal-Recipient: "
	  "rfc822;a77@hidden.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
	  HARD, "ann@mail.example/userunknown", "5.1.1" },
	{ "three, each with what happened to him", REPORT, "",
	  "Final-Recipient: rfc822; ann@mail.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n\r\n"
	  "Final-Recipient: rfc822; bob@mail.example\r\nAction: failed\r\nStatus: 5.2.2\r\n\r\n"
	  "Final-Recipient: rfc822; cy@mail.example\r\nAction: delivered\r\nStatus: 2.0.0\r\n",
	  SOFT, "ann@mail.example/expired bob@mail.example/mailboxfull", "5.2.2" },
	{ "all wait", REPORT, "",
	  "Final-Recipient: rfc822; ann@mail.example\r\nAction: delayed\r\n"
	  "Status: 4.4.1\r\nWill-Retry-Until: Fri, 4 Sep 2026 10:00:00 +0000\r\n",
	  LATE, "ann@mail.example/expired", "4.4.1" },
	{ "a server is not found, and that is nobody's name", REPORT, "",
	  ANN "Status: 5.0.0\r\nDiagnostic-Code: smtp; Der Mailserver mx.mail.example konnte nicht "
	      "gefunden werden\r\n",
	  SOFT, "ann@mail.example/filtered", NULL },
	{ "there is no room, in Portuguese", REPORT, "",
	  ANN "Status: 4.3.1\r\nDiagnostic-Code: smtp; 452 nao existe espaco suficiente\r\n", SOFT,
	  "ann@mail.example/mailboxfull", "4.3.1" },
	{ "a mailbox that does not exist, in German", REPORT, "",
	  ANN "Status: 5.0.0\r\nDiagnostic-Code: smtp; 550 Das Postfach existiert nicht\r\n", HARD,
	  "ann@mail.example/userunknown", NULL },
	{ "refused when named, in words that leave open what", REPORT, "",
	  ANN "Status: 5.0.0\r\nDiagnostic-Code: smtp; 550 no existe (in reply to RCPT TO command)"
	      "\r\n",
	  HARD, "ann@mail.example/userunknown", NULL },
	{ "unknown, but it may pass", REPORT, "",
	  ANN "Status: 4.3.0\r\nDiagnostic-Code: smtp; 451 No such user here, lookup is down\r\n",
	  SOFT, NULL, NULL },
	{ "unknown for good, and greylisted", REPORT, "", ANN "Status: 4.1.1\r\n", HARD,
	  "ann@mail.example/userunknown", "4.1.1" },
	{ "shut down for maintenance", REPORT, "", ANN "Status: 5.3.2\r\n", SOFT,
	  "ann@mail.example/systemerror", "5.3.2" },
	{ "a domain that takes no mail", REPORT, "", ANN "Status: 5.7.27\r\n", HARD,
	  "ann@mail.example/notaccept", "5.7.27" },
	{ "failed after all, with a status of class 4", REPORT, "",
	  ANN "Status: 4.4.1\r\nDiagnostic-Code: smtp; connect to mx: Connection timed out\r\n",
	  SOFT, "ann@mail.example/expired", "4.4.1" },
	{ "relayed", REPORT, "",
	  "Final-Recipient: rfc822; ann@mail.example\r\nAction: relayed\r\nStatus: 2.0.0\r\n", AUTO,
	  NULL, NULL },
	{ "still trying, and no more is said", REPORT, "",
	  "Final-Recipient: rfc822; ann@mail.example\r\nAction: delayed\r\nStatus: 4.4.0\r\n", LATE,
	  "ann@mail.example/expired", NULL },
	{ "the diagnostic before the address", REPORT, "",
	  "Diagnostic-Code: smtp; 550 mailbox full\r\nStatus: 5.0.0\r\n" ANN, SOFT,
	  "ann@mail.example/mailboxfull", NULL },
	{ "the fields name a folder", REPORT, "<ann@mail.example>: disk quota\n",
	  "Final-Recipient: rfc822;/var/mail/ann\r\nAction: failed\r\nStatus: 5.2.2\r\n", SOFT,
	  "ann@mail.example/mailboxfull", NULL },
	{ "could be delivered, says a server that was asked", REPORT, "",
	  "Final-Recipient: rfc822; ann@mail.example\r\nAction: deliverable\r\nStatus: 2.1.5\r\n",
	  AUTO, NULL, NULL },
	{ "a source route", REPORT, "",
	  "Final-Recipient: rfc822; @mx.send.example:ann@mail.example\r\nAction: failed\r\nStatus: "
	  "5.1.1\r\n",
	  HARD, "ann@mail.example/userunknown", NULL },
	{ "piped to a command", REPORT, "",
	  "Final-Recipient: rfc822;|/usr/bin/sort ann@mail.example\r\nAction: failed\r\n", SOFT,
	  NULL, NULL },
	{ "the fields stand in the text", DAEMON "Subject: Undeliverable mail\r\n",
	  "Your mail came back.\n\nAction: failed\nFinal-Recipient: rfc822; ann@mail.example\n"
	  "Status: 5.1.1\n",
	  NULL, HARD, "ann@mail.example/userunknown", "5.1.1" },
	{ "an answer of several lines", REPORT, "",
	  ANN "Status: 5.7.1\r\nDiagnostic-Code: smtp; 550-5.7.1 Messages with multiple 550-5.7.1 "
	      "addresses in 550 5.7.1 From: are not taken\r\n",
	  SOFT, "ann@mail.example/notcompliantrfc", "5.7.1" },
};

/* ---- whose fault ---- */

#define SAYS(status, words) ANN "Status: " status "\r\nDiagnostic-Code: smtp; " words "\r\n"

static const struct row reasons[] = {
	{ "refused when she was named", REPORT, "",
	  SAYS("5.0.0", "550 no such user (in reply to RCPT TO command)"), HARD,
	  "ann@mail.example/userunknown", NULL },
	{ "taken, and then refused", REPORT, "",
	  SAYS("5.0.0", "550 no such user (in reply to end of DATA command)"), SOFT,
	  "ann@mail.example/filtered", NULL },
	{ "nobody had been named: it is our domain that is not there", REPORT, "",
	  SAYS("5.0.0", "553 domain does not exist (in reply to MAIL FROM command)"), SOFT,
	  "ann@mail.example/rejected", NULL },
	{ "refused at the door", REPORT, "",
	  SAYS("5.7.1", "host mx refused to talk to me: 554 access denied"), SOFT,
	  "ann@mail.example/blocked", NULL },
	{ "full beats unknown", REPORT, "",
	  SAYS("5.1.1", "550 user ann has exceeded quota, mailbox full"), SOFT,
	  "ann@mail.example/mailboxfull", NULL },
	{ "5.2.3 is about her limit", REPORT, "", SAYS("5.2.3", "552 message too large"), SOFT,
	  "ann@mail.example/exceedlimit", NULL },
	{ "5.1.8 is about us", REPORT, "", SAYS("5.1.8", "553 unknown user bo@send.example"), SOFT,
	  "ann@mail.example/rejected", NULL },
	{ "DMARC", REPORT, "", SAYS("5.7.1", "550 rejected by the DMARC policy of send.example"),
	  SOFT, "ann@mail.example/authfailure", NULL },
	{ "a blocklist", REPORT, "", SAYS("5.7.1", "554 203.0.113.7 is listed by spamhaus"), SOFT,
	  "ann@mail.example/blocked", NULL },
	{ "spam", REPORT, "", SAYS("5.7.1", "554 message identified as SPAM"), SOFT,
	  "ann@mail.example/spamdetected", NULL },
	{ "a domain without mail", REPORT, "", SAYS("5.0.0", "556 nullMX: no mail here"), HARD,
	  "ann@mail.example/notaccept", NULL },
	{ "a domain that is not there", REPORT, "",
	  SAYS("5.4.4", "Host or domain name not found. type=A: Host not found"), HARD,
	  "ann@mail.example/hostunknown", NULL },
	{ "a domain that is not there today", REPORT, "",
	  SAYS("4.4.3", "host not found, try again"), SOFT, "ann@mail.example/networkerror", NULL },
	{ "words that nobody understands", REPORT, "", SAYS("5.0.0", "550 computer says no"), SOFT,
	  "ann@mail.example/onhold", NULL },
	{ "nothing", REPORT, "", ANN "Status: 5.0.0\r\n", SOFT, "ann@mail.example/undefined",
	  "5.0.0" },
};

/* ---- servers that know no RFC 3464 ---- */

#define RETURNED                                                                                   \
	"Return-Path: <bo@send.example>\nReceived: from pc by mx.send.example; Fri, 4 Sep 2026 "   \
	"10:00:00 +0000\nMessage-ID: <s1@send.example>\nFrom: bo@send.example\n"                   \
	"To: ann@mail.example\nSubject: Offer\n\nBuy, or write to zoe@mail.example.\n"

static const struct row proses[] = {
	{ "qmail", DAEMON "Subject: failure notice\r\n",
	  "Hi. This is the qmail-send program at "
	  "mx.send.example.\n\n<ann@mail.example>:\n203.0.113.9 "
	  "does not like recipient.\nRemote host said: 550 5.2.1 unknown user\nGiving up.\n\n"
	  "<bob@mail.example>:\nThe mailbox is full.\n\n--- Below this line is a copy of the "
	  "message.\n\n" RETURNED,
	  NULL, HARD, "ann@mail.example/userunknown bob@mail.example/mailboxfull", "5.2.1" },
	{ "Exim",
	  DAEMON "X-Failed-Recipients: ann@mail.example\r\nSubject: Mail delivery failed\r\n",
	  "A message that you sent could not be delivered.\n\n  ann@mail.example\n    host "
	  "mx.mail.example [203.0.113.9]: 550 relaying denied\n\n------ This is a copy of the "
	  "message "
	  "------\n\n" RETURNED,
	  NULL, SOFT, "ann@mail.example/norelaying", NULL },
	{ "Exim, a warning", DAEMON "Subject: Warning: message 1 delayed 24 hours\r\n",
	  "A message has not yet been delivered:\n\n  ann@mail.example\n    Delay reason: "
	  "connection "
	  "refused\n\nNo action is required on your part.\n",
	  NULL, LATE, NULL, NULL },
	{ "an old sendmail", DAEMON "Subject: Returned mail: Host unknown\r\n",
	  "   ----- Transcript of session follows -----\nWhile talking to mx.mail.example:\n>>> "
	  "RCPT "
	  "To:<ann@mail.example>\n<<< 550 no mailbox here\n550 <ann@mail.example>... User unknown\n"
	  "554 <bob@gone.example>... 550 Host unknown\n\n   ----- Unsent message follows "
	  "-----\n" RETURNED,
	  NULL, HARD, "ann@mail.example/userunknown bob@gone.example/hostunknown", NULL },
	{ "Exchange of 2003", DAEMON "Subject: Undeliverable: Offer\r\n",
	  "Your message\n\n  To:      ann@mail.example\n  Subject: Offer\n  Sent:    Fri, 4 Sep "
	  "2026\n\ndid not reach the following recipient(s):\n\nann@mail.example on Fri, 4 Sep "
	  "2026 "
	  "12:00\n    The recipient name is not recognized\n",
	  NULL, HARD, "ann@mail.example/userunknown", NULL },
	{ "named in a sentence, and whom to ask", DAEMON "Subject: Delivery failure\r\n",
	  "We could not deliver your mail to ann@mail.example: over quota.\nFor help contact "
	  "help@mx.send.example\n",
	  NULL, SOFT, "ann@mail.example/mailboxfull", NULL },
	{ "whom to ask stands alone on a line", DAEMON "Subject: Delivery failure\r\n",
	  "The recipient ann@mail.example is unknown here (#5.1.1).\nFor help "
	  "contact:\nhelp@mx.example\n",
	  NULL, HARD, "ann@mail.example/userunknown", NULL },
	{ "only the returned mail tells for whom it was", DAEMON "Subject: Undelivered mail\r\n",
	  "No such user.\n\n" RETURNED, NULL, SOFT, "ann@mail.example/filtered", NULL },
	{ "only words, and no code says that they are an answer", DAEMON "Subject: Undelivered\r\n",
	  "ann@mail.example [User unknown]\n", NULL, SOFT, "ann@mail.example/filtered", NULL },
	{ "nothing but that it failed", DAEMON "Subject: Undelivered mail\r\n",
	  "Delivery to the following recipients failed:\n\n  * ann@mail.example\n", NULL, SOFT,
	  "ann@mail.example/undefined", NULL },
	{ "an address says no reason", DAEMON "Subject: Undelivered mail\r\n",
	  "<mailbox-full@mail.example>: 550 refused\n", NULL, SOFT,
	  "mailbox-full@mail.example/onhold", NULL },
	{ "a list, and one reason for all", DAEMON "Subject: Delivery failure\r\n",
	  "Not delivered to the following recipients:\n\n  <ann@mail.example>\n  "
	  "<bob@mail.example>\n\n"
	  "Reason: mailbox quota exceeded\n",
	  NULL, SOFT, "ann@mail.example/mailboxfull bob@mail.example/mailboxfull", NULL },
	{ "the answer stands further down",
	  DAEMON "X-Failed-Recipients: ann@mail.example\r\nSubject: Delivery failure\r\n",
	  "Your mail to ann@mail.example could not be delivered: the address couldn't be found.\n\n"
	  "The response was:\n\n550 5.1.1 no such account\n",
	  NULL, HARD, "ann@mail.example/userunknown", "5.1.1" },
	{ "to herself", DAEMON "Subject: failure notice\r\n",
	  "<bo@send.example>:\nThe mailbox is full.\n", NULL, SOFT, "bo@send.example/mailboxfull",
	  NULL },
	{ "German, no codes", DAEMON "Subject: Unzustellbar: Angebot\r\n",
	  "Die Nachricht an ann@mail.example konnte nicht zugestellt werden.\nDas Postfach ist "
	  "voll: Postfach voll.\n",
	  NULL, SOFT, "ann@mail.example/mailboxfull", NULL },
	{ "Polish, still trying", DAEMON "Subject: Op\xc3\xb3\xc5\xbaniona dostawa\r\n",
	  "Wiadomo\xc5\x9b\xc4\x87 do ann@mail.example nie zosta\xc5\x82\x61 jeszcze "
	  "dostarczona.\n",
	  NULL, LATE, "ann@mail.example/expired", NULL },
	{ "Japanese", DAEMON "Subject: =?utf-8?B?6YWN5L+h5LiN6IO9?=\r\n",
	  "\xe9\x80\x81\xe4\xbf\xa1\xe3\x81\xa7\xe3\x81\x8d\xe3\x81\xbe\xe3\x81\x9b\xe3\x82\x93\xe3"
	  "\x81\xa7\xe3\x81\x97\xe3\x81\x9f\n<ann@mail.example>: mailbox full\n",
	  NULL, SOFT, "ann@mail.example/mailboxfull", NULL },
	{ "to a robot's address, with codes",
	  "From: no-reply@mail.example\r\nSubject: Mail\r\nReturn-Path: <>\r\n",
	  "Your mail could not be delivered to: <ann@mail.example>\nAs their mailbox is full.\n",
	  NULL, SOFT, "ann@mail.example/mailboxfull", NULL },
};

/* Nothing failed. */
static const struct row delivered[] = {
	{ "in words", "From: postmaster@mail.example\r\nSubject: Relayed: Offer\r\n",
	  "Your message has been delivered to the following recipients:\n\nann@mail.example\n",
	  NULL, AUTO, NULL, NULL },
	{ "by a person", "From: Ann <ann@mail.example>\r\nSubject: Re: Offer\r\n",
	  "Your message was delivered to the following people, all of whom like it.\n", NULL, HUMAN,
	  NULL, NULL },
};

/* People who forward, quote and speak of them. */
static const struct row people[] = {
	{ "forwards one",
	  "From: Ann <ann@mail.example>\r\nSubject: Fwd: Undelivered Mail Returned to Sender\r\n",
	  "Your last one came back, see below.\n\n---------- Forwarded message ----------\nFrom: "
	  "MAILER-DAEMON@mx.mail.example\nSubject: Undelivered Mail Returned to Sender\n\n"
	  "<ann@old.example>: host mx said: 550 5.1.1 user unknown\n",
	  NULL, HUMAN, NULL, NULL },
	{ "quotes one", "From: Ann <ann@mail.example>\r\nSubject: Re: failure notice\r\n",
	  "What is this?\n> Hi. This is the qmail-send program.\n> <bo@send.example>:\n> 550 "
	  "5.1.1\n",
	  NULL, HUMAN, NULL, NULL },
	{ "a postmaster who is a person", "From: postmaster@mail.example\r\nSubject: Re: Offer\r\n",
	  "Thank you, write to ann@mail.example.\n", NULL, HUMAN, NULL, NULL },
	{ "an administrator who is a person",
	  "From: Administrator <administrator@mail.example>\r\nSubject: Re: Offer\r\n",
	  "Your invitation bounced, user unknown it says. Send it again?\n", NULL, HUMAN, NULL,
	  NULL },
	{ "says that it is sent by hand",
	  "From: noreply@mail.example\r\nAuto-Submitted: no\r\nSubject: Returned mail\r\n",
	  "It came back: 550 5.1.1 user unknown.\n", NULL, HUMAN, NULL, NULL },
};

static void reports_are_read(void **state)
{
	(void)state;
	check(reports, countof(reports));
}

static void reasons_are_told(void **state)
{
	(void)state;
	check(reasons, countof(reasons));
}

static void prose_is_read(void **state)
{
	(void)state;
	check(proses, countof(proses));
}

static void what_was_delivered_is_no_bounce(void **state)
{
	(void)state;
	check(delivered, countof(delivered));
}

static void people_are_no_servers(void **state)
{
	(void)state;
	check(people, countof(people));
}

/* ---- parts ---- */

static void faults(void **state)
{
	static const struct {
		const char *reason;
		enum classify_fault fault;
	} rows[] = {
		{ "userunknown", CLASSIFY_FAULT_RECIPIENT },
		{ "authfailure", CLASSIFY_FAULT_SENDER },
		{ "spamdetected", CLASSIFY_FAULT_CONTENT },
		{ "expired", CLASSIFY_FAULT_INFRASTRUCTURE },
		{ "undefined", CLASSIFY_FAULT_NONE },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		assert_int_equal(classify_fault_of(rows[i].reason), rows[i].fault);
}

static void the_status_that_says_most(void **state)
{
	static const struct {
		const char *in, *status;
	} rows[] = {
		{ "550 5.0.0 failed: 5.1.1", "5.1.1" },
		{ "554 4.4.7 too old (421 4.4.2 timeout)", "4.4.2" },
		{ "450 4.7.1 denied 554 5.5.1 no valid recipients", "4.7.1" },
		{ "5.1.0 unknown '5.2.2 full'", "5.2.2" },
		{ "exim 4.92.3", "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char status[MIME_STATUS] = "";
		unsigned code = 0;

		classify_codes_find(text_of(rows[i].in), &code, status);
		assert_string_equal(status, rows[i].status);
	}
}

static void lines_of_an_answer_are_joined(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "550-5.7.1 one 550-5.7.1 two 550 5.7.1 three", "550-5.7.1 one two three" },
		{ "550 5.7.1 one 550 5.1.1 two", "550 5.7.1 one 550 5.1.1 two" },
		{ "550-5.7.1", "550-5.7.1" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char words[200];

		(void)snprintf(words, sizeof(words), "%s", rows[i].in);
		words[classify_codes_join(words, strlen(words))] = '\0';
		assert_string_equal(words, rows[i].out);
	}
}

static void returned_mails_are_found(void **state)
{
	static const struct {
		const char *name, *in;
		const char *report, *head; /* head NULL: none */
	} rows[] = {
		{ "indented",
		  "Sorry.\n\n  Received: by mx\n  Message-ID: <a@b>\n  Subject: x\n   y\n\nhi",
		  "Sorry.\n\n", "Received: by mx\nMessage-ID: <a@b>\nSubject: x\n y\n" },
		{ "quoted", "Sorry.\n> Received: by mx\n> Message-ID: <a@b>\n> To: c@d\n>\n> hi",
		  "Sorry.\n", "Received: by mx\nMessage-ID: <a@b>\nTo: c@d\n" },
		{ "a digest does not end the report",
		  "To: a@b\nSubject: x\nSent: now\n\nis unknown",
		  "To: a@b\nSubject: x\nSent: now\n\nis unknown",
		  "To: a@b\nSubject: x\nSent: now\n" },
		{ "the fields of the report are none",
		  "Reporting-MTA: dns; mx\nFinal-Recipient: rfc822; a@b\nDate: x\nTo: y\n",
		  "Reporting-MTA: dns; mx\nFinal-Recipient: rfc822; a@b\nDate: x\nTo: y\n", NULL },
		{ "words with colons", "Note: no.\nRemember: never.\nhttp://x\n550: no\n",
		  "Note: no.\nRemember: never.\nhttp://x\n550: no\n", NULL },
		{ "nothing", "", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct mime_returned r;
		cleanup_buf struct buf head;

		buf_init(&head, 1000);
		if (mime_returned_find(text_of(rows[i].in), &r) != (rows[i].head != NULL))
			fail_msg("%s", rows[i].name);
		assert_int_equal(r.report, strlen(rows[i].report));
		mime_returned_head(&r, &head);
		if (rows[i].head &&
		    !text_eq(text_trim(text_of_buf(&head)), text_trim(text_of(rows[i].head))))
			fail_msg("%s: %.*s", rows[i].name, (int)head.len, (char *)head.data);
	}
}

static void codes_in_words(void **state)
{
	static const struct {
		const char *in;
		unsigned smtp;
		const char *status;
	} rows[] = {
		{ "550 5.1.1 no", 550, "5.1.1" },
		{ "550-5.1.1 no", 550, "5.1.1" },
		{ "said: 452 4.2.2 (#4.2.2)", 452, "4.2.2" },
		{ "(#5.1.1)", 0, "5.1.1" },
		{ "the end of 5.1.1.", 0, "5.1.1" },
		{ "192.5.1.1 said 599", 0, "" },
		{ "5.1.1.1", 0, "" },
		{ "5500 units, 5.1", 0, "" },
		{ "smtp;550", 550, "" },
		{ "", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char status[MIME_STATUS] = "";
		unsigned smtp = 0;

		classify_codes_find(text_of(rows[i].in), &smtp, status);
		if (smtp != rows[i].smtp || strcmp(status, rows[i].status) != 0)
			fail_msg("\"%s\": %u \"%s\"", rows[i].in, smtp, status);
	}
}

static void answers_are_unwrapped(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "5.1.0 - unknown address error 550-'5.2.2 ann... full' (delivery attempts: 0)",
		  "5.2.2 ann... full" },
		{ "554-'can't do that' (delivery attempts: 0)", "can't do that" },
		{ "550-'", "550-'" },
		{ "550-''", "550-''" },
		{ "550-'cut off", "550-'cut off" },
		{ "size 1550-'no code'", "size 1550-'no code'" },
		{ "-'no code'", "-'no code'" },
		{ "550-5.1.1 no quotes", "550-5.1.1 no quotes" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct text out = classify_codes_unwrap(text_of(rows[i].in));

		if (!text_eq(out, text_of(rows[i].out)))
			fail_msg("\"%s\": \"%.*s\"", rows[i].in, TEXT_ARG(out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_in_words),
		cmocka_unit_test(answers_are_unwrapped),
		cmocka_unit_test(reports_are_read),
		cmocka_unit_test(reasons_are_told),
		cmocka_unit_test(prose_is_read),
		cmocka_unit_test(what_was_delivered_is_no_bounce),
		cmocka_unit_test(people_are_no_servers),
		cmocka_unit_test(faults),
		cmocka_unit_test(the_status_that_says_most),
		cmocka_unit_test(lines_of_an_answer_are_joined),
		cmocka_unit_test(returned_mails_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
