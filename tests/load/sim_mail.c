#include "tests/load/sim_mail.h"

#include <stdio.h>
#include <string.h>

#define BOUNDARY "=-load-simulator-0001"

/* %1$u inbox, %2$u uid, %3$lld push, %4$u outbound */
static const char header[] =
	"Delivered-To: u%1$08u@load.example\r\n"
	"Received: by 192.0.2.17 with SMTP id q7csp000000000%1$08u;\r\n"
	"        Mon, 23 Nov 2026 09:02:11 +0000 (UTC)\r\n"
	"X-Received: by 192.0.2.18 with SMTP id f11mr00000000%2$08u.12.1795424531112;\r\n"
	"        Mon, 23 Nov 2026 09:02:11 +0000 (UTC)\r\n"
	"Return-Path: <p%1$08u.%4$04u@prospect.example>\r\n"
	"Received: from mail.prospect.example (mail.prospect.example. [198.51.100.9])\r\n"
	"        by mx.load.example with ESMTPS id d2sor00000%2$08u.3.2026.11.23.01.02.10\r\n"
	"        for <u%1$08u@load.example>\r\n"
	"        (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128);\r\n"
	"        Mon, 23 Nov 2026 09:02:10 +0000 (UTC)\r\n"
	"Authentication-Results: mx.load.example;\r\n"
	"        dkim=pass header.i=@prospect.example header.s=s2026 header.b=aB3dE5gH;\r\n"
	"        spf=pass (load.example: domain of p%1$08u.%4$04u@prospect.example designates\r\n"
	"        198.51.100.9 as permitted sender) smtp.mailfrom=prospect.example;\r\n"
	"        dmarc=pass (p=QUARANTINE sp=QUARANTINE dis=NONE) header.from=prospect.example\r\n"
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=prospect.example; s=s2026;\r\n"
	"        h=to:subject:message-id:date:from:in-reply-to:references:mime-version;\r\n"
	"        bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
	"        b=aB3dE5gHiJ7kLmN9oPqRsT1uVwXyZ0123456789abcdefghijklmnopqrstuvwxyzABCD\r\n"
	"         EFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL\r\n"
	"         MNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST\r\n"
	"         UVWXYZ0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX==\r\n"
	"X-Mailer: Example Mail 16.4\r\n"
	"MIME-Version: 1.0\r\n"
	"References: <o%1$08u.%4$04u@load.example>\r\n"
	"In-Reply-To: <o%1$08u.%4$04u@load.example>\r\n"
	"From: Pat Example <p%1$08u.%4$04u@prospect.example>\r\n"
	"Date: Mon, 23 Nov 2026 10:02:09 +0100\r\n"
	"Message-ID: <r%1$08u.%2$08u.%3$016lld@mail.prospect.example>\r\n"
	"Subject: Re: your question about the load test\r\n"
	"To: Sam Sender <u%1$08u@load.example>\r\n"
	"Content-Type: multipart/alternative; boundary=\"" BOUNDARY "\"\r\n"
	"\r\n";

static const char plain_head[] = "Content-Type: text/plain; charset=\"utf-8\"\r\n"
				 "Content-Transfer-Encoding: quoted-printable\r\n"
				 "\r\n";

static const char plain[] =
	"Hello Sam,\r\n"
	"\r\n"
	"thank you for writing. This is of interest to us: could you send a price for=\r\n"
	" two hundred seats, and say which day next week would suit for a short call?=\r\n"
	"\r\n"
	"\r\n"
	"Kind regards\r\n"
	"Pat Example\r\n"
	"Head of operations, Prospect Example Ltd.\r\n"
	"\r\n"
	"On Fri, Nov 20, 2026 at 9:14 AM Sam Sender <sam@load.example> wrote:\r\n"
	"\r\n"
	"> Dear Pat,\r\n"
	">\r\n"
	"> your team answers several thousand mails a week, and we would like to show\r\n"
	"> you how other teams of your size have halved the time they need for it.\r\n"
	"> Would a call of fifteen minutes be of use?\r\n"
	">\r\n"
	"> Best wishes\r\n"
	"> Sam\r\n";

static const char html_head[] = "Content-Type: text/html; charset=\"utf-8\"\r\n"
				"Content-Transfer-Encoding: quoted-printable\r\n"
				"\r\n";

static const char html[] =
	"<html><head></head><body><div dir=3D\"ltr\"><p>Hello Sam,</p><p>thank you for=\r\n"
	" writing. This is of interest to us: could you send a price for two hundred =\r\n"
	"seats, and say which day next week would suit for a short call?</p><p>Kind r=\r\n"
	"egards<br>Pat Example<br>Head of operations, Prospect Example Ltd.</p></div>=\r\n"
	"<br><div class=3D\"quote\"><div dir=3D\"ltr\">On Fri, Nov 20, 2026 at 9:14 AM=\r\n"
	" Sam Sender &lt;<a href=3D\"mailto:sam@load.example\">sam@load.example</a>&gt=\r\n"
	"; wrote:<br></div><blockquote style=3D\"margin:0 0 0 .8ex;border-left:1px sol=\r\n"
	"id rgb(204,204,204);padding-left:1ex\"><p>Dear Pat,</p><p>your team answers s=\r\n"
	"everal thousand mails a week, and we would like to show you how other teams =\r\n"
	"of your size have halved the time they need for it. Would a call of fifteen =\r\n"
	"minutes be of use?</p><p>Best wishes<br>Sam</p></blockquote></div></body></h=\r\n"
	"tml>\r\n";

#define OPENING    "--" BOUNDARY "\r\n"
#define BETWEEN    "\r\n--" BOUNDARY "\r\n"
#define CLOSING    "\r\n--" BOUNDARY "--\r\n"
#define LEN(words) (sizeof(words) - 1)

static void add_header(struct buf *to, uint32_t inbox, uint32_t uid, const struct sim_mail *m)
{
	/* text_addf() writes twice, to measure first; the length here is always the same */
	char words[4096];
	int n = snprintf(words, sizeof(words), header, inbox, uid, (long long)m->push_us,
			 m->outbound);

	(void)buf_add(to, words, (size_t)n);
}

static void add_text(struct buf *to)
{
	(void)text_add(to, TEXT(OPENING));
	(void)text_add(to, TEXT(plain_head));
	(void)text_add(to, TEXT(plain));
	(void)text_add(to, TEXT(BETWEEN));
	(void)text_add(to, TEXT(html_head));
	(void)text_add(to, TEXT(html));
	(void)text_add(to, TEXT(CLOSING));
}

bool sim_mail_section(struct buf *to, uint32_t inbox, uint32_t uid, const struct sim_mail *m,
		      struct text section)
{
	bool all = section.len == 0;

	if (text_ieq(section, TEXT("1")))
		(void)text_add(to, TEXT(plain));
	else if (text_ieq(section, TEXT("2")))
		(void)text_add(to, TEXT(html));
	else if (text_ieq(section, TEXT("1.MIME")))
		(void)text_add(to, TEXT(plain_head));
	else if (text_ieq(section, TEXT("2.MIME")))
		(void)text_add(to, TEXT(html_head));
	else if (all || text_istarts(section, TEXT("HEADER")))
		add_header(to, inbox, uid, m);
	else if (!text_ieq(section, TEXT("TEXT")))
		return false;
	if (all || text_ieq(section, TEXT("TEXT")))
		add_text(to);
	return true;
}

static unsigned lines_of(const char *words)
{
	unsigned n = 0;

	for (const char *at = words; (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

const char *sim_mail_structure(void)
{
	static char words[512];

	if (!words[0])
		(void)snprintf(
			words, sizeof(words),
			"((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL "
			"\"quoted-printable\" %zu %u NIL NIL NIL NIL)(\"text\" \"html\" "
			"(\"charset\" \"utf-8\") NIL NIL \"quoted-printable\" %zu %u NIL NIL "
			"NIL NIL) \"alternative\" (\"boundary\" \"" BOUNDARY "\") NIL NIL NIL)",
			LEN(plain), lines_of(plain), LEN(html), lines_of(html));
	return words;
}

unsigned sim_mail_size(void)
{
	static unsigned size;

	if (!size) {
		struct buf b = { .max = 65536 };
		const struct sim_mail m = { .push_us = 1790000000000000 };

		(void)sim_mail_section(&b, 1, SIM_MAIL_UID, &m, TEXT(""));
		size = (unsigned)b.len;
		buf_clear(&b);
	}
	return size;
}
