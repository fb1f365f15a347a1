#ifndef INGEST_INTAKE_ASK_H
#define INGEST_INTAKE_ASK_H

#include "ingest/intake_inside.h"

/*
 * The questions of the intake to PostgreSQL, one function each; the answers are dealt with
 * here, then the intake goes on.  A part of intake.c.
 */
void intake_ask_take(struct intake *in); /* what is it looked at again for? */
void intake_ask_find(struct intake *in); /* whom do the NEW mails concern? */
void intake_ask_keep(struct intake *in); /* nobody: digests of the STRANGERs */
void intake_ask_sent(struct intake *in); /* own copies */
/* Transaction 1: the gates of what is known to concern somebody; the watermark too unless
 * something `is_open` that it would pass. */
void intake_ask_close(struct intake *in, bool is_open);
void intake_ask_attempt(struct intake *in, struct intake_mail *m); /* a part of it is next */
/* Transaction 2 of one mail, and with the last one the other watermark. */
void intake_ask_settle(struct intake *in, struct intake_mail *m);
void intake_ask_end(struct intake *in);     /* attempts that went well */
void intake_ask_recheck(struct intake *in); /* it was looked at again */
void intake_ask_cancel(struct intake *in);  /* all of them */

#endif
