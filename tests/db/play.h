#ifndef TESTS_DB_PLAY_H
#define TESTS_DB_PLAY_H

#include "ingest/intake.h"
#include "tests/db/stage.h"

/*
 * The intake on a stage, without a mail server: batches are told as a session would
 * tell them.  The folder is SEED_FOLDER_A of SEED_A, UIDVALIDITY 7, under whichever role.
 */
#define PLAY_OWN "From: a@example.test\r\n"
#define PLAY_PAT "From: Pat <pat@prospect.test>\r\n"

struct play_mail {
	uint32_t uid;
	const char *head, *text;
	const char *flags, *labels;
	uint64_t gmail_thread;
	int64_t date_s;                     /* 0: now */
	bool is_head_cut, is_partial, dies; /* the process, when its text is asked for */
};

struct play {
	struct stage s;
	struct intake *in;
	const struct play_mail *mails;
	size_t n; /* of them, whose texts are given */
	int64_t epoch;
	bool is_over, is_careful;
};

/* `database`: a name of its own per test; the inbox was connected an hour ago. */
void play_open(struct play *p, const char *database);

struct intake_batch play_batch(const char *role);
struct imap_message play_message(const struct play_mail *t); /* good until the next one */
/* They arrive in a folder of that role, and are worked on to the end. */
void play_arrive(struct play *p, const char *role, const struct play_mail *mails, size_t n);
/* The one mail is looked at again; NULL: it is gone. */
void play_again(struct play *p, uint32_t uid, const struct play_mail *t);
/* By hand: p->in is open and empty; then run it with `b`, and have texts served now. */
void play_begin(struct play *p);
void play_serve(struct play *p);
bool play_is_over(struct stage *s); /* for stage_until_holds() */

const char *play_value(struct play *p, const char *sql);

#endif
