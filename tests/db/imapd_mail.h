#ifndef TESTS_DB_IMAPD_MAIL_H
#define TESTS_DB_IMAPD_MAIL_H

#include <stdbool.h>
#include <stdint.h>

/* A mail as the small server of imapd.h holds it, and what is written into it. */
#define IMAPD_PARTS 3

struct imapd_mail {
	uint32_t uid;       /* 0: there is none */
	bool is_old;        /* came long before any lookback */
	const char *labels; /* X-GM-LABELS, as on the wire; NULL: none */
	char header[2048];
	char structure[1024];
	struct {
		const char *section;
		char bytes[2048];
	} parts[IMAPD_PARTS];
};

struct imapd_mail_words {
	bool is_own;    /* from the inbox to the prospect, under another address of its own */
	const char *id; /* Message-ID */
	const char *in_reply_to; /* NULL: nothing */
	const char *more;        /* header lines; NULL: none */
	const char *text;
};

void imapd_mail_plain(struct imapd_mail *m, const struct imapd_mail_words *w);
/* A delivery report; `original_id` is only in the headers that it returns. */
void imapd_mail_bounce(struct imapd_mail *m, const char *id, const char *original_id,
		       const char *recipient);
/* X-GM-MSGID: the same for each copy of a mail, however many folders it lies in. */
uint64_t imapd_mail_number(const struct imapd_mail *m);

#endif
