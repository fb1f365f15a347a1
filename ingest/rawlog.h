#ifndef INGEST_RAWLOG_H
#define INGEST_RAWLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * The raw dialogue of one connection in a file, as transcripts have it:
 *
 *   S: * OK ready
 *   C: A1 AUTHENTICATE XOAUTH2 [secret, 214 bytes]
 *
 * Credentials are blanked by whoever knows which bytes they are.  An operator's
 * tool: it holds headers and texts of mails, so it is off unless a folder is named.
 */
struct rawlog;

/* `dir` NULL or "": NULL, and all other calls are nothing.  NULL also when the file cannot be made.
 */
struct rawlog *rawlog_open(const char *dir, const char *inbox);
void rawlog_close(struct rawlog *r);
void rawlog_in(struct rawlog *r, const void *p, size_t n);
/* [secret_from, secret_from + secret_len) is blanked. */
void rawlog_out(struct rawlog *r, const void *p, size_t n, size_t secret_from, size_t secret_len);

/*
 * Write one dialogue (dialogue.h) into a file of its own, "<inbox>-<when>.kept.imap".
 * false: `dir` is NULL or "", or it cannot be written.
 */
bool rawlog_keep(const char *dir, const char *inbox, struct text dialogue);

#endif
