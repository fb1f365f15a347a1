#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/classify/classify.h"
#include "ingest/extract/extract.h"
#include "ingest/classify/classify_rules.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_utf8.h"

#define FRIDAY_4_SEPTEMBER_2026 INT64_C(1788516000)

#define HUMAN  CLASSIFY_REPLY
#define AWAY   CLASSIFY_OUT_OF_OFFICE
#define AUTO   CLASSIFY_AUTO_OTHER
#define HARD   CLASSIFY_BOUNCE_HARD
#define SOFT   CLASSIFY_BOUNCE_SOFT
#define LATE   CLASSIFY_BOUNCE_DELAYED
#define FROM   "From: Ann <ann@mail.example>\r\nIn-Reply-To: <s1@send.example>\r\n"
#define DAEMON "From: Mail Delivery System <MAILER-DAEMON@mx.example>\r\nReturn-Path: <>\r\n"

struct mail {
	const char *name, *head, *body, *status; /* status: a delivery-status part, or NULL */
	enum classify_kind kind;
	const char *rule; /* one that must be among the evidence; NULL: any */
	const char *return_at;
};

static struct classify_verdict judge(const struct mail *m, bool matched)
{
	struct mime_head h;
	struct mime_dsn d;
	struct classify_verdict v;
	struct extract cut;
	struct buf fresh;
	struct classify_input in = {
		.head = &h,
		.dsn = &d,
		.matched = matched,
		.is_known = matched,
		.received_at = FRIDAY_4_SEPTEMBER_2026,
	};

	mime_head_init(&h);
	mime_dsn_init(&d);
	mime_head_read(&h, m->head, strlen(m->head));
	if (m->status)
		mime_dsn_read_status(&d, MIME_PLAIN, m->status, strlen(m->status));
	in.body = text_of(m->body);
	buf_init(&fresh, 4096);
	extract_cut(in.body, NULL, &cut);
	extract_join(&cut, EXTRACT_NEW, &fresh);
	in.fresh = text_of_buf(&fresh);
	classify_full(&in, &v);
	mime_dsn_clear(&d);
	mime_head_clear(&h);
	buf_clear(&fresh);
	return v;
}

static bool has_rule(const struct classify_verdict *v, const char *rule)
{
	for (size_t i = 0; i < v->n_evidence; i++)
		if (strcmp(v->evidence[i].rule, rule) == 0)
			return true;
	return false;
}

/* A verdict can always be asked "why?", and its answer can be stored. */
static void can_be_explained(const char *name, const struct classify_verdict *v)
{
	if (!v->n_evidence || v->n_evidence > CLASSIFY_EVIDENCE)
		fail_msg("%s: %zu lines of evidence", name, v->n_evidence);
	if (!(v->confidence > 0.0 && v->confidence <= 1.0))
		fail_msg("%s: confidence %f", name, v->confidence);
	for (size_t i = 0; i < v->n_evidence; i++)
		assert_true(mime_utf8_is_valid(text_of(v->evidence[i].text)));
	assert_true(mime_utf8_is_valid(text_of(v->bounce.diagnostic)));
}

static void check(const struct mail *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct classify_verdict v = judge(&rows[i], /* matched= */ true);
		const char *day = rows[i].return_at ? rows[i].return_at : "";

		if (v.kind != rows[i].kind)
			fail_msg("%s: %s", rows[i].name, classify_kind_name(v.kind));
		if (rows[i].rule && !has_rule(&v, rows[i].rule))
			fail_msg("%s: no evidence %s", rows[i].name, rows[i].rule);
		if (strcmp(v.return_at, day) != 0)
			fail_msg("%s: back on \"%s\"", rows[i].name, v.return_at);
		can_be_explained(rows[i].name, &v);
	}
}

/* The worst error is to take one of these for a machine. */
static const struct mail humans[] = {
	{ "a plain answer", FROM "Subject: Re: Offer\r\n", "Yes, Friday at ten.", NULL, HUMAN,
	  "reply.human", NULL },
	{ "away next week, writes today", FROM "Subject: Re: Offer\r\n",
	  "I'm on holiday next week and out of the office until 14 September, call me then.", NULL,
	  HUMAN, NULL, NULL },
	{ "was away", FROM "Subject: Re: Offer\r\nX-Auto-Response-Suppress: All\r\n",
	  "Sorry, I was out of the office.", NULL, HUMAN, NULL, NULL },
	{ "our subject speaks of absence", FROM "Subject: Re: Out of office replies, sorted\r\n",
	  "Interesting.", NULL, HUMAN, NULL, NULL },
	{ "our subject sounds automatic", FROM "Subject: AW: Automatische Antwort: wie oft?\r\n",
	  "Ja, gern.", NULL, HUMAN, NULL, NULL },
	{ "suppress alone", FROM "Subject: Re: Offer\r\nX-Auto-Response-Suppress: All\r\n",
	  "No, thank you.", NULL, HUMAN, "header.auto-response-suppress", NULL },
	{ "suppress and bulk, but no words",
	  FROM "Subject: Re: Offer\r\nX-Auto-Response-Suppress: DR\r\nPrecedence: bulk\r\n",
	  "No, thank you.", NULL, HUMAN, NULL, NULL },
	{ "says no", FROM "Subject: Re: Offer\r\nAuto-Submitted: no\r\nPrecedence: bulk\r\n",
	  "I am out of the office.", NULL, HUMAN, "header.auto-submitted-no", NULL },
	{ "quotes a notice", FROM "Subject: Re: Offer\r\nPrecedence: bulk\r\n",
	  "Call me.\n\nOn Mon, 31 Aug 2026, Cy <cy@mail.example> wrote:\n> This is an automatic "
	  "reply. I am out of the office.\n",
	  NULL, HUMAN, NULL, NULL },
	{ "speaks of a bounce", FROM "Subject: Undeliverable: your offer\r\n",
	  "Your mail bounced with Status: 5.1.1, user unknown.", NULL, HUMAN, NULL, NULL },
	{ "a postmaster who is a person", "From: postmaster@mail.example\r\nSubject: Re: Offer\r\n",
	  "Please call me.", NULL, HUMAN, NULL, NULL },
	{ "a postmaster who counts", "From: postmaster@mail.example\r\nSubject: Re: Offer\r\n",
	  "We are 500 employees on 450 sites, and run version 5.1.1.", NULL, HUMAN, NULL, NULL },
	{ "a postmaster who counts, and begins no answer",
	  "From: postmaster@mail.example\r\nSubject: Your offer\r\n",
	  "550 people would use it, please call me.", NULL, HUMAN, NULL, NULL },
	{ "a postmaster who quotes us", "From: postmaster@mail.example\r\nSubject: Re: Offer\r\n",
	  "Call me.\n\nOn Mon, 31 Aug 2026, Cy <cy@mail.example> wrote:\n> 550 5.1.1 User unknown "
	  "is "
	  "what your mails may get back.\n",
	  NULL, HUMAN, NULL, NULL },
	{ "her name is Postmaster",
	  "From: Ann Postmaster <ann@mail.example>\r\nSubject: Your offer\r\n",
	  "We use 5.1.1 of it.", NULL, HUMAN, NULL, NULL },
	{ "attaches a bounce", FROM "Subject: Re: Offer\r\n", "Is this yours?",
	  "Final-Recipient: rfc822; bo@mail.example\r\nAction: failed\r\nStatus: 5.1.1\r\n", HUMAN,
	  "reply.human", NULL },
	{ "a postmaster attaches a bounce",
	  "From: postmaster@mail.example\r\nSubject: Fwd: Undeliverable\r\n", "Is this yours?",
	  "Final-Recipient: rfc822; bo@mail.example\r\nAction: failed\r\nStatus: 5.1.1\r\n", HUMAN,
	  NULL, NULL },
	{ "asks by Apple Mail to be left alone",
	  FROM
	  "Subject: unsubscribe\r\nAuto-Submitted: auto-replied\r\nX-Apple-Unsubscribe: true\r\n",
	  "", NULL, HUMAN, "header.apple-unsubscribe", NULL },
	{ "an empty answer", FROM "Subject: Re: Offer\r\n", "", NULL, HUMAN, NULL, NULL },
	{ "through a mailing list", FROM "Subject: Re: Offer\r\nList-Id: <buyers.mail.example>\r\n",
	  "Yes please.", NULL, HUMAN, "header.list-id", NULL },
	{ "a successor is named by a colleague",
	  FROM "Subject: AW: Angebot\r\nX-Auto-Response-Suppress: DR, OOF, AutoReply\r\n",
	  "Frau Ott ist nicht mehr bei uns, ich mache das jetzt. Rufen Sie an?", NULL, HUMAN, NULL,
	  NULL },
	{ "sorry for the automatic answer", FROM "Subject: Re: Oferta\r\n",
	  "Perdone la respuesta automática, estaba de vacaciones. ¿Hablamos?", NULL, HUMAN, NULL,
	  NULL },
	{ "typed in a help desk's window",
	  FROM "Subject: Re: Offer\r\nAuto-Submitted: auto-generated\r\nX-Mailer: Zendesk "
	       "Mailer\r\n",
	  "Yes, we would like to see that. Is Tuesday fine?", NULL, HUMAN, NULL, NULL },
	{ "has a ticket for the fair", FROM "Subject: Re: Fair\r\n",
	  "I have your ticket here and will be away from the office on Monday.", NULL, HUMAN, NULL,
	  NULL },
	{ "angry, but a person", FROM "Subject: spam complaint\r\n",
	  "Your mails are spam. I reported your message as spam.", NULL, HUMAN, NULL, NULL },
	{ "read and accepted, says a person", FROM "Subject: Accepted: your offer\r\n",
	  "We take it. Send the contract.", NULL, HUMAN, NULL, NULL },
	{ "a heading that sounds like a receipt", FROM "Subject: Read: this is why\r\n",
	  "Have a look at page 4, then call me.", NULL, HUMAN, NULL, NULL },
	{ "an old colleague writes by hand", FROM "Subject: No longer with Example Ltd\r\n", "",
	  NULL, HUMAN, NULL, NULL },
	{ "an address that only begins with no-reply",
	  "From: no-reply-needed@mail.example\r\nSubject: Re: Offer\r\n",
	  "I am on vacation, but yes.", NULL, HUMAN, NULL, NULL },
};

static const struct mail machines[] = {
	{ "Exchange in English",
	  FROM "Subject: Automatic reply: Offer\r\nAuto-Submitted: auto-generated\r\n",
	  "I am out of the office and back on Monday, September 14.", NULL, AWAY,
	  "header.auto-generated", "2026-09-14" },
	{ "old Exchange in German", FROM "Subject: Automatische Antwort: Angebot\r\n",
	  "Ich bin bis einschließlich 11.09. nicht im Büro.", NULL, AWAY, "subject.auto.de",
	  "2026-09-12" },
	{ "French", FROM "Subject: =?utf-8?q?R=C3=A9ponse_automatique_=3A?= Offre\r\n",
	  "Je suis absente jusqu'au 14 septembre.", NULL, AWAY, "subject.auto.fr", "2026-09-14" },
	{ "Spanish", FROM "Subject: Respuesta =?utf-8?q?autom=C3=A1tica?=: Oferta\r\n",
	  "Estoy de vacaciones.", NULL, AWAY, "subject.auto.es", NULL },
	{ "Italian", FROM "Subject: Risposta automatica: Offerta\r\n",
	  "Sono in ferie fino al 14/09/2026.", NULL, AWAY, "subject.auto.it", "2026-09-14" },
	{ "Dutch", FROM "Subject: Automatisch antwoord: Aanbod\r\n",
	  "Ik ben op vakantie en terug op 14 september.", NULL, AWAY, "subject.auto.nl",
	  "2026-09-14" },
	{ "Portuguese", FROM "Subject: Resposta =?utf-8?q?autom=C3=A1tica?=: Proposta\r\n",
	  "Estou de férias.", NULL, AWAY, "subject.auto.pt", NULL },
	{ "Polish", FROM "Subject: Odpowied=?utf-8?q?=C5=BA?= automatyczna: Oferta\r\n",
	  "Jestem na urlopie.", NULL, AWAY, NULL, NULL },
	{ "Japanese", FROM "Subject: =?utf-8?b?6Ieq5YuV6L+U5L+h?=: offer\r\n",
	  "不在にしております。", NULL, AWAY, "subject.auto.ja", NULL },
	{ "nothing but the words", FROM "Subject: Automatisch antwoord\r\n", "", NULL, AWAY,
	  "subject.auto.nl", NULL },
	{ "behind a gateway's tag", FROM "Subject: [EXTERNAL] Automatic reply: Offer\r\n",
	  "I am away.", NULL, AWAY, "subject.auto.en", NULL },
	{ "behind two", FROM "Subject: ***SPAM*** [EXT] Automatic reply: Offer\r\n", "I am away.",
	  NULL, AWAY, NULL, NULL },
	{ "Gmail vacation",
	  FROM "Subject: Out of office Re: Offer\r\nX-Autoreply: yes\r\nPrecedence: bulk\r\n"
	       "Auto-Submitted: auto-replied\r\n",
	  "Gone fishing, back 14 September 2026!", NULL, AWAY, "header.x-autoreply", "2026-09-14" },
	{ "iCloud",
	  FROM "Subject: Re: Offer\r\nAuto-Submitted: auto-replied\r\nX-Apple-Action: VACATION\r\n"
	       "X-Apple-Criteria: "
	       "{kind=VACATION,startDate=2026-09-01T00:00:00Z,endDate=2026-09-10T14:59:59Z}\r\n",
	  "Thanks for writing.", NULL, AWAY, "return.apple", "2026-09-10" },
	{ "Zimbra",
	  FROM "Subject: Re: Offer\r\nAuto-Submitted: auto-replied (zimbra; vacation)\r\n",
	  "Thanks.", NULL, AWAY, "header.auto-submitted-vacation", NULL },
	{ "an Exchange rule",
	  FROM "Subject: Offer\r\nX-Auto-Response-Suppress: All\r\n"
	       "X-MS-Exchange-Inbox-Rules-Loop: ann@mail.example\r\n",
	  "Thanks.", NULL, AWAY, "header.exchange-rule-reply", NULL },
	{ "a weak subject and words", FROM "Subject: Nicht im Haus\r\n",
	  "Ich bin derzeit im Urlaub.", NULL, AWAY, "text.absence.de", NULL },
	{ "a weak header and words", FROM "Subject: Offer\r\nPrecedence: junk\r\n",
	  "I am on vacation.", NULL, AWAY, "header.precedence-junk", NULL },
	{ "it says so itself", FROM "Subject: Offer\r\n",
	  "This is an automatic reply. I am on vacation.", NULL, AWAY, "text.auto.en", NULL },
	{ "null return path", FROM "Return-Path: <>\r\nSubject: Your mail\r\n",
	  "We will answer soon.", NULL, AUTO, "header.null-path", NULL },
	{ "a ticket", FROM "Subject: [Ticket #4711] Offer\r\nAuto-Submitted: auto-generated\r\n",
	  "We have received your request.", NULL, CLASSIFY_TICKET, "subject.ticket", NULL },
	{ "left the company",
	  FROM "Subject: Automatic reply: Offer\r\nAuto-Submitted: auto-generated\r\n",
	  "Ann is no longer with Example Ltd. Please write to Bo.", NULL, CLASSIFY_LEFT_COMPANY,
	  "text.left.en", NULL },
	{ "a read receipt",
	  FROM "Subject: Read: Offer\r\nContent-Type: multipart/report; "
	       "report-type=disposition-notification\r\n",
	  "Your message was read.", NULL, CLASSIFY_READ_RECEIPT, "header.read-receipt", NULL },
	{ "a read receipt without a report", FROM "Subject: Gelesen: Angebot\r\n",
	  "Ihre Nachricht wurde gelesen am 4. September 2026 um 10:00 Uhr.", NULL,
	  CLASSIFY_READ_RECEIPT, "subject.read.de", NULL },
	{ "a complaint",
	  FROM
	  "Subject: Abuse report\r\nContent-Type: multipart/report; report-type=feedback-report\r\n"
	  "Auto-Submitted: auto-generated\r\n",
	  "", NULL, CLASSIFY_COMPLAINT, "header.feedback-report", NULL },
	{ "an invitation is answered, and its part is not to be had",
	  FROM "Subject: Zugesagt: Vorführung\r\nX-MS-Exchange-Calendar-Originator-Id: x\r\n", "",
	  NULL, CLASSIFY_CALENDAR_REPLY, "subject.accepted.de", NULL },
	{ "left, in a vacation notice",
	  FROM "Subject: Afwezig\r\nAuto-Submitted: auto-replied (vacation)\r\n",
	  "Ik ben sinds 1 september niet meer werkzaam bij Voorbeeld BV.", NULL,
	  CLASSIFY_LEFT_COMPANY, "text.left.nl", NULL },
	{ "a mailbox that is given up",
	  FROM "Subject: Re: Offre\r\nAuto-Submitted: auto-replied\r\n",
	  "Cette adresse n'est plus utilisée.", NULL, CLASSIFY_LEFT_COMPANY, "text.left.fr", NULL },
	{ "left, in Finnish", FROM "Subject: Automaattinen vastaus: Tarjous\r\n",
	  "En työskentele enää Esimerkki Oy:ssä.", NULL, CLASSIFY_LEFT_COMPANY, "text.left.fi",
	  NULL },
	{ "a ticket without a mark in its headers", FROM "Subject: Ticket Received - Offer\r\n",
	  "A ticket has been opened, Ticket ID 471.", NULL, CLASSIFY_TICKET, NULL, NULL },
	{ "a ticket in Swedish", FROM "Subject: Nytt ärende\r\nAuto-Submitted: auto-generated\r\n",
	  "Ditt ärende har nummer 12.", NULL, CLASSIFY_TICKET, NULL, NULL },
	{ "a challenge", FROM "Subject: Please confirm your message\r\nPrecedence: bulk\r\n",
	  "Click to prove that you are human.", NULL, CLASSIFY_CHALLENGE, NULL, NULL },
	{ "a challenge in German",
	  FROM "Subject: Bitte bestätigen: Angebot\r\nAuto-Submitted: auto-replied\r\n",
	  "Bitte klicken Sie hier, damit Ihre Nachricht zugestellt wird.", NULL, CLASSIFY_CHALLENGE,
	  NULL, NULL },
	{ "received with thanks",
	  FROM "Subject: Tak for din henvendelse\r\nAuto-Submitted: auto-replied (vacation)\r\n",
	  "Vi har modtaget din mail.", NULL, AUTO, NULL, NULL },
	{ "nobody reads it, says the mailbox", FROM "Subject: RE: Offer\r\n",
	  "This mailbox is only for invoices. Other messages are not read and are deleted.", NULL,
	  AUTO, "text.auto.en", NULL },
	{ "away, in Polish", FROM "Subject: Oferta\r\nPrecedence: bulk\r\n",
	  "Przebywam na urlopie do 11.09.2026.", NULL, AWAY, "text.absence.pl", "2026-09-11" },
	{ "away, in Norwegian", FROM "Subject: Automatisk svar: Tilbud\r\n",
	  "Jeg er på ferie og har begrenset tilgang til e-post.", NULL, AWAY, "text.absence.da",
	  NULL },
	{ "automatic, about nothing known",
	  FROM "Subject: Re: Offer\r\nAuto-Submitted: auto-replied\r\n", "Thanks!", NULL, AUTO,
	  NULL, NULL },
};

#define REPORT                                                                                     \
	DAEMON "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\n"  \
	       "Content-Type: multipart/report; report-type=delivery-status\r\n"
#define RCPT "Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; ann@mail.example\r\n"

static const struct mail bounces[] = {
	{ "user unknown", REPORT, "",
	  RCPT
	  "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 user unknown\r\n",
	  HARD, "bounce.dsn", NULL },
	{ "by its code alone", REPORT, "", RCPT "Action: failed\r\nStatus: 5.1.1\r\n", HARD,
	  "bounce.dsn", NULL },
	{ "no words, no code", REPORT, "", RCPT "Action: failed\r\nStatus: 5.0.0\r\n", SOFT, NULL,
	  NULL },
	{ "a better code in the words", REPORT, "",
	  RCPT "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550 5.1.1 rejected\r\n",
	  HARD, NULL, NULL },
	{ "the words are in the text", REPORT,
	  "The following failed: ann@mail.example: no such user here\n",
	  RCPT "Action: failed\r\nStatus: 5.0.0\r\n", HARD, "bounce.words", NULL },
	{ "mailbox full", REPORT, "",
	  RCPT "Action: failed\r\nStatus: 5.2.2\r\nDiagnostic-Code: smtp; 552 5.2.2 over quota\r\n",
	  SOFT, NULL, NULL },
	{ "a policy", REPORT, "", RCPT "Action: failed\r\nStatus: 5.7.1\r\n", SOFT, NULL, NULL },
	{ "a block list", REPORT, "",
	  RCPT "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 blocked using a "
	       "blacklist\r\n",
	  SOFT, "bounce.words", NULL },
	{ "about the sender", REPORT, "", RCPT "Action: failed\r\nStatus: 5.1.8\r\n", SOFT, NULL,
	  NULL },
	{ "given up", REPORT, "", RCPT "Action: failed\r\nStatus: 4.4.7\r\n", SOFT, NULL, NULL },
	{ "delayed", REPORT, "", RCPT "Action: delayed\r\nStatus: 4.4.1\r\n", LATE, NULL, NULL },
	{ "delayed although the words are hard", REPORT, "",
	  RCPT "Action: delayed\r\nStatus: 4.1.1\r\nDiagnostic-Code: smtp; 450 user unknown\r\n",
	  LATE, NULL, NULL },
	{ "the worst of two", REPORT, "",
	  "Final-Recipient: rfc822; a@x.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n\r\n"
	  "Final-Recipient: rfc822; b@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
	  HARD, NULL, NULL },
	{ "delivered", REPORT, "", RCPT "Action: delivered\r\nStatus: 2.0.0\r\n", AUTO,
	  "dsn.delivered", NULL },
	{ "relayed", REPORT, "", RCPT "Action: relayed\r\nStatus: 2.0.0\r\n", AUTO, "dsn.delivered",
	  NULL },
	{ "marked as an automatic reply too",
	  REPORT "X-Auto-Response-Suppress: All\r\nPrecedence: bulk\r\n", "I am out of the office.",
	  RCPT "Action: failed\r\nStatus: 5.1.1\r\n", HARD, NULL, NULL },
	{ "qmail", DAEMON "Subject: failure notice\r\n",
	  "Hi. I'm afraid I wasn't able to deliver your message.\n\n<ann@mail.example>:\nSorry, no "
	  "mailbox here by that name. (#5.1.1)\n",
	  NULL, HARD, "bounce.words", NULL },
	{ "Exim",
	  DAEMON "Subject: Mail delivery failed: returning message to "
		 "sender\r\nX-Failed-Recipients: ann@mail.example\r\n",
	  "  ann@mail.example\n    host mx said: 550 5.2.2 mailbox is full\n", NULL, SOFT,
	  "bounce.failed-recipients", NULL },
	{ "words of the returned mail do not count", DAEMON "Subject: failure notice\r\n",
	  "<ann@mail.example>: 552 try again later\n\n--- Below this line is a copy of the "
	  "message.\n\nNo such user? Ask us.\n",
	  NULL, SOFT, NULL, NULL },
	{ "a warning", DAEMON "Subject: Warning: could not send message for past 4 hours\r\n",
	  "It will be retried. user unknown", NULL, LATE, "ndr.delay.en", NULL },
	{ "a daemon without an address",
	  "From: MAILER-DAEMON <>\r\nSubject: Mail delivery failed\r\n", "550 5.1.1 user unknown",
	  NULL, HARD, NULL, NULL },
	{ "Exchange in German",
	  "From: postmaster@mail.example\r\nSubject: Unzustellbar: "
	  "Angebot\r\nX-MS-Exchange-Message-Is-Ndr:\r\n",
	  "RecipientNotFound 550 5.1.10", NULL, HARD, "ndr.de", NULL },
	{ "a report of unknown kind", REPORT, "", NULL, SOFT, NULL, NULL },
};

static void humans_are_humans(void **state)
{
	(void)state;
	check(humans, countof(humans));
}

static void machines_are_machines(void **state)
{
	(void)state;
	check(machines, countof(machines));
}

static void bounces_are_bounces(void **state)
{
	(void)state;
	check(bounces, countof(bounces));
}

static void what_a_bounce_tells(void **state)
{
	static const struct mail m = {
		"all of it",
		REPORT,
		"",
		"Original-Recipient: rfc822; ann@mail.example\r\nFinal-Recipient: rfc822; "
		"a7@inner.example\r\nAction: failed\r\n"
		"Status: 5.0.0\r\nDiagnostic-Code: smtp; 550-5.1.1 no such user\xff\r\n",
		HARD,
		NULL,
		NULL
	};
	struct classify_verdict v = judge(&m, true);

	(void)state;
	assert_int_equal(v.kind, CLASSIFY_BOUNCE_HARD);
	assert_string_equal(v.bounce.recipient, "ann@mail.example");
	assert_int_equal(v.bounce.action, MIME_ACTION_FAILED);
	assert_string_equal(v.bounce.status, "5.1.1");
	assert_int_equal(v.bounce.smtp_code, 550);
	assert_string_equal(v.bounce.reason, "userunknown");
	assert_string_equal(v.bounce.diagnostic, "550-5.1.1 no such user\xef\xbf\xbd");
}

/* Anybody can write a report: what returns no mail of ours is not believed far. */
static void an_unproven_bounce_is_doubted(void **state)
{
	struct classify_verdict v = judge(&bounces[0], /* matched= */ false);

	(void)state;
	assert_int_equal(v.kind, CLASSIFY_BOUNCE_SOFT);
	assert_true(v.confidence <= 0.5);
	assert_true(has_rule(&v, "bounce.unproven"));
	assert_true(judge(&bounces[0], true).confidence > 0.9);
}

static void nobodys_mail_is_unrelated(void **state)
{
	struct classify_verdict v = judge(&humans[0], /* matched= */ false);

	(void)state;
	assert_int_equal(v.kind, CLASSIFY_UNRELATED);
	assert_true(has_rule(&v, "match.none"));
}

/* From headers alone: a human is never held for a machine, and no address is dead yet. */
static void heads_alone(void **state)
{
	static const struct {
		const struct mail *rows;
		size_t n;
	} all[] = { { humans, countof(humans) },
		    { machines, countof(machines) },
		    { bounces, countof(bounces) } };

	(void)state;
	for (size_t a = 0; a < countof(all); a++) {
		for (size_t i = 0; i < all[a].n; i++) {
			struct mime_head h;
			struct classify_verdict v;

			mime_head_init(&h);
			mime_head_read(&h, all[a].rows[i].head, strlen(all[a].rows[i].head));
			classify_head(&h, &v);
			assert_int_not_equal(v.kind, CLASSIFY_UNRELATED);
			assert_int_not_equal(v.kind, CLASSIFY_BOUNCE_HARD);
			if (all[a].rows == humans && strstr(all[a].rows[i].head, "auto-generated"))
				assert_false(classify_kind_is_bounce(v.kind)); /* its text tells */
			else if (all[a].rows == humans && v.kind != CLASSIFY_REPLY)
				fail_msg("%s: %s", all[a].rows[i].name, classify_kind_name(v.kind));
			if (all[a].rows == bounces && v.kind != SOFT && v.kind != LATE)
				fail_msg("%s: %s", all[a].rows[i].name, classify_kind_name(v.kind));
			can_be_explained(all[a].rows[i].name, &v);
			mime_head_clear(&h);
		}
	}
}

/* ---- rules as data ---- */

/* The kind that a subject of this saying gives, with any second signal; and such a signal. */
static const struct {
	enum classify_kind kind;
	const char *head, *status;
} of_saying[CLASSIFY_SAYINGS] = {
	[CLASSIFY_SAYS_AUTO] = { AWAY, "Precedence: bulk\r\n" },
	[CLASSIFY_SAYS_ABSENCE] = { AWAY, "Precedence: bulk\r\n" },
	[CLASSIFY_SAYS_LEFT] = { CLASSIFY_LEFT_COMPANY, "Precedence: bulk\r\n" },
	[CLASSIFY_SAYS_TICKET] = { CLASSIFY_TICKET, "Precedence: bulk\r\n" },
	[CLASSIFY_SAYS_CHALLENGE] = { CLASSIFY_CHALLENGE, "Precedence: bulk\r\n" },
	[CLASSIFY_SAYS_OTHER] = { AUTO, "Precedence: bulk\r\n" },
	[CLASSIFY_SAYS_READ] = { CLASSIFY_READ_RECEIPT, "Return-Path: <>\r\n" },
	[CLASSIFY_SAYS_ACCEPTED] = { CLASSIFY_CALENDAR_REPLY,
				     "Content-Class: urn:content-classes:calendarmessage\r\n" },
	[CLASSIFY_SAYS_DECLINED] = { CLASSIFY_CALENDAR_REPLY,
				     "Sender: calendar-notification@cal.example\r\n" },
	[CLASSIFY_SAYS_TENTATIVE] = { CLASSIFY_CALENDAR_REPLY,
				      "Content-Type: text/calendar; method=REPLY\r\n" },
	[CLASSIFY_SAYS_COUNTER] = { CLASSIFY_CALENDAR_REPLY,
				    "X-MS-Exchange-Calendar-Originator-Id: x\r\n" },
	[CLASSIFY_SAYS_COMPLAINT] = { CLASSIFY_COMPLAINT, "Auto-Submitted: auto-generated\r\n",
				      "X-Original-Message-ID: <s1@send.example>\r\n" },
};

/* Every subject rule is reached by a mail that bears it, in whatever case; and "Re:" in front of it
 * is a person. */
static void every_subject_rule_is_reached(void **state)
{
	size_t n;
	const struct classify_word_rule *r = classify_rules_words(classify_rules_now(), &n);
	char head[300];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct mail m = { .name = r[i].phrase,
				  .head = head,
				  .body = "",
				  .status = of_saying[r[i].says].status };
		struct classify_verdict v;

		if (r[i].place != CLASSIFY_IN_SUBJECT)
			continue;
		(void)snprintf(head, sizeof(head), "From: a@b.example\r\nSubject: %s Offer\r\n%s",
			       r[i].phrase, of_saying[r[i].says].head);
		v = judge(&m, true);
		if (v.kind != of_saying[r[i].says].kind)
			fail_msg("%s: %s", r[i].phrase, classify_kind_name(v.kind));
		(void)snprintf(head, sizeof(head),
			       "From: a@b.example\r\nSubject: Re: %s Offer\r\nPrecedence: bulk\r\n",
			       r[i].phrase);
		v = judge(&m, true);
		if (v.kind != CLASSIFY_REPLY)
			fail_msg("Re: %s: %s", r[i].phrase, classify_kind_name(v.kind));
	}
}

static void hostile_bodies(void **state)
{
	static const char *const repeated[] = { "out of office ",   "a",  "\xff",
						"5.1.1 ",           "@",  "a@b ",
						"was on vacation ", "> ", "\n" };
	static const char *const heads[] = {
		REPORT, FROM "Subject: Automatic reply: x\r\nPrecedence: bulk\r\n"
	};

	(void)state;
	for (size_t i = 0; i < countof(repeated) * countof(heads); i++) {
		struct mail m = { .name = "hostile", .head = heads[i % countof(heads)] };
		struct classify_verdict v;
		struct buf b;
		clock_t began;

		buf_init(&b, LIMIT_MIME_TEXT);
		while (text_add(&b, text_of(repeated[i / countof(heads)])) == 0)
			;
		m.body = (const char *)b.data;
		began = clock();
		v = judge(&m, true);
		if ((clock() - began) / CLOCKS_PER_SEC >= 2)
			fail_msg("row %zu: %ld ms", i,
				 (long)(clock() - began) * 1000 / CLOCKS_PER_SEC);
		can_be_explained("hostile", &v);
		buf_clear(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(humans_are_humans),
		cmocka_unit_test(machines_are_machines),
		cmocka_unit_test(bounces_are_bounces),
		cmocka_unit_test(what_a_bounce_tells),
		cmocka_unit_test(an_unproven_bounce_is_doubted),
		cmocka_unit_test(nobodys_mail_is_unrelated),
		cmocka_unit_test(heads_alone),
		cmocka_unit_test(every_subject_rule_is_reached),
		cmocka_unit_test(hostile_bodies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
