#include <stdio.h>
#include <string.h>

#include "tests/db/imapd_mail.h"

#define THEIRS "From: Pat Prospect <pat@prospect.test>\r\nTo: a@example.test\r\n"
#define OURS   "From: A Seller <alias@example.test>\r\nTo: pat@prospect.test\r\n"

void imapd_mail_plain(struct imapd_mail *m, const struct imapd_mail_words *w)
{
	snprintf(m->header, sizeof(m->header),
		 "%sSubject: Re: a question\r\n"
		 "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: "
		 "<%s>\r\n%s%s%s%sContent-Type: text/plain; charset=utf-8\r\n\r\n",
		 w->is_own ? OURS : THEIRS, w->id, w->in_reply_to ? "In-Reply-To: <" : "",
		 w->in_reply_to ? w->in_reply_to : "", w->in_reply_to ? ">\r\n" : "",
		 w->more ? w->more : "");
	snprintf(m->structure, sizeof(m->structure),
		 "(\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" %zu 1)",
		 strlen(w->text));
	m->parts[0].section = "1";
	snprintf(m->parts[0].bytes, sizeof(m->parts[0].bytes), "%s", w->text);
}

void imapd_mail_bounce(struct imapd_mail *m, const char *id, const char *original_id,
		       const char *recipient)
{
	snprintf(m->header, sizeof(m->header),
		 "Return-Path: <>\r\nFrom: Mail Delivery System <MAILER-DAEMON@mx.test>\r\nTo: "
		 "a@example.test\r\n"
		 "Subject: Undelivered Mail Returned to Sender\r\nDate: Mon, 23 Nov 2026 10:00:00 "
		 "+0000\r\nMessage-ID: <%s>\r\n"
		 "Auto-Submitted: auto-replied\r\nContent-Type: multipart/report; "
		 "report-type=delivery-status; boundary=b\r\n\r\n",
		 id);
	snprintf(m->structure, sizeof(m->structure),
		 "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 40 1)"
		 "(\"message\" \"delivery-status\" NIL NIL NIL \"7bit\" 200)"
		 "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 300 (NIL NIL NIL NIL NIL NIL NIL "
		 "NIL NIL NIL)"
		 " (\"text\" \"plain\" NIL NIL NIL \"7bit\" 5 1) 9) \"report\" (\"report-type\" "
		 "\"delivery-status\" \"boundary\" \"b\"))");
	m->parts[0].section = "1";
	snprintf(m->parts[0].bytes, sizeof(m->parts[0].bytes),
		 "Your mail could not be delivered: no such user.\r\n");
	m->parts[1].section = "2";
	snprintf(m->parts[1].bytes, sizeof(m->parts[1].bytes),
		 "Reporting-MTA: dns; mx.test\r\n\r\nFinal-Recipient: rfc822; %s\r\nAction: "
		 "failed\r\nStatus: 5.1.1\r\n"
		 "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n",
		 recipient);
	m->parts[2].section = "3.HEADER";
	snprintf(
		m->parts[2].bytes, sizeof(m->parts[2].bytes),
		"From: a@example.test\r\nTo: %s\r\nSubject: a question\r\nMessage-ID: <%s>\r\n\r\n",
		recipient, original_id);
}

uint64_t imapd_mail_number(const struct imapd_mail *m)
{
	const char *id = strstr(m->header, "Message-ID:");
	uint64_t n = UINT64_C(1278455344230334865);

	for (; id && *id && *id != '\r'; id++)
		n = n * 31 + (uint8_t)*id;
	return n >> 1;
}
