#ifndef INGEST_IMAP_IMAP_FETCH_H
#define INGEST_IMAP_IMAP_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/imap/imap_lex.h"

/*
 * What one FETCH response brought.  RFC 3501 section 7.4.2; MODSEQ RFC 7162,
 * EMAILID RFC 8474, BINARY RFC 3516, X-GM-* as Google describes them.  Items
 * come in any order, and not always those that were asked for.
 */
#define IMAP_FETCH_SECTIONS 4 /* kept of one response; we never ask for more than one */

struct imap_section {
	struct text name; /* "1.2", "HEADER"; of RFC822.HEADER also "HEADER" */
	struct text data;
	bool has_origin; /* answered as a part of it: <0> */
	bool is_nil;     /* no such section, or the value is missing (Yandex) */
	bool is_cut;     /* longer than what is kept of a literal */
};

struct imap_fetch {
	uint32_t uid;          /* 0: not told */
	uint64_t size, modseq; /* 0: not told */
	bool has_size, has_flags, has_date;
	int64_t date_unix_s;
	struct text flags; /* without the parentheses */
	struct {
		char *at; /* for imap_body_parse() */
		size_t len;
	} bodystructure; /* with its parentheses; empty: not told */
	uint64_t gmail_msgid, gmail_thrid;
	struct text gmail_labels;
	struct text emailid, threadid; /* empty: not told, or NIL */
	struct imap_section sections[IMAP_FETCH_SECTIONS];
	size_t n_sections;
	bool is_partial; /* something could not be understood; what stood before it is here */
};

/* Read "( ... )", and what is behind it is left alone.  Never fails: see is_partial. */
void imap_fetch_parse(struct imap_lex *l, struct imap_fetch *ret);

#endif
