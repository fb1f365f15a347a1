#ifndef TESTS_DB_IMAPD_H
#define TESTS_DB_IMAPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/io/loop.h"
#include "base/list.h"
#include "tests/db/imapd_mail.h"

/*
 * A small IMAP server on loopback, in the clear, for tests: two folders, or those
 * of Gmail, IDLE, and manners that can be made bad.  It knows what our client says
 * and nothing else.
 */
#define IMAPD_MAILS   64
#define IMAPD_FOLDERS 14

/* Where mails lie, as imapd_gmail() has it; the first two are there without it. */
enum imapd_place {
	IMAPD_INBOX,
	IMAPD_JUNK,
	IMAPD_ALL,
	IMAPD_SENT,
	IMAPD_TRASH,
	IMAPD_LABEL, /* a folder of the user's: a view of all mail */
};

struct imapd_folder {
	const char *name, *attributes;
	uint32_t uidvalidity, uidnext;
	struct imapd_mail *mails; /* IMAPD_MAILS of them, in the order of their UIDs */
	size_t n;
};

struct imapd {
	uv_tcp_t listener;
	uint16_t port;
	struct list conns;
	struct imapd_folder folders[IMAPD_FOLDERS];
	size_t n_folders; /* 2: INBOX, Bulk */
	bool is_gmail;    /* X-GM-EXT-1 */

	/* Manners. */
	size_t step;         /* bytes of one write; 0: all at once */
	uint64_t drip_ms;    /* and so long between two of them */
	const char *hush_at; /* a command with this text is not answered, nor anything after it; the
				connection stays.  "greeting": never greets */
	int hushes;          /* so many times */
	const char *say_at,
		*say;         /* before the answer to a command with this text, these very bytes */
	const char *greeting; /* instead of ours, without CRLF */
	const char *cut_at; /* a command with this text is not answered, the connection is cut... */
	int cuts;           /* ...so many times */
	const char *refuse; /* a command with this text is answered... */
	const char *refuse_with; /* ...so: "NO [UNAVAILABLE] later" */
	int refusals;
	uint32_t poison;      /* a FETCH of headers with this UID is refused; 0: none is */
	const char *password; /* what AUTHENTICATE must bring; NULL: anything */
	bool is_mute;         /* no EXISTS is pushed: a deaf IDLE */
	bool is_deaf;         /* nor with NOOP */

	int logins;      /* that were let in */
	int connections; /* ever */
	int open, most;  /* at the same time, and at the most so far */
	struct buf said; /* every command line, each with its LF */
};

void imapd_open(struct imapd *d, struct loop *l);
/* It is Gmail from here on: INBOX and the labels are views of All Mail, so a mail is put into each
 * of its folders. */
void imapd_gmail(struct imapd *d);
/* One more folder; its place.  `name` stays the caller's, is in no other one's and in no command.
 */
unsigned imapd_add(struct imapd *d, const char *name);
void imapd_drop(struct imapd *d);
void imapd_cut_all(struct imapd *d); /* connections only */
void imapd_cut_oldest(struct imapd *d);
void imapd_speak(struct imapd *d); /* what was hushed is answered now */

/* Mails; they are announced at once to whoever idles in that folder.  `folder`: a place. */
struct imapd_mail *imapd_reply(struct imapd *d, unsigned folder, const char *id,
			       const char *in_reply_to, const char *text);
/* What the inbox itself sent to that prospect, under another address of its own. */
struct imapd_mail *imapd_own(struct imapd *d, unsigned folder, const char *id,
			     const char *in_reply_to, const char *text);
struct imapd_mail *imapd_absence(struct imapd *d, unsigned folder, const char *id,
				 const char *in_reply_to);
/* A delivery report; the id is only in the headers that it returns. */
struct imapd_mail *imapd_bounce(struct imapd *d, unsigned folder, const char *id,
				const char *original_id, const char *recipient);
void imapd_expunge(struct imapd *d, unsigned folder, uint32_t uid);

#endif
