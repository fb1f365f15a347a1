#ifndef INGEST_IMAP_IMAP_CAPS_H
#define INGEST_IMAP_IMAP_CAPS_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * What a server says it can do, as bits of a uint64_t.  Only the words that
 * change what we do, or that a person asks about; all others are passed over.
 * RFC 3501 section 7.2.1; the list grows at the end.
 */
#define IMAP_CAPS(X)                                                                               \
	X(IMAP4REV1, "IMAP4rev1")                                                                  \
	X(IMAP4REV2, "IMAP4rev2")                                                                  \
	X(STARTTLS, "STARTTLS")                                                                    \
	X(LOGINDISABLED, "LOGINDISABLED")                                                          \
	X(AUTH_PLAIN, "AUTH=PLAIN")                                                                \
	X(AUTH_XOAUTH2, "AUTH=XOAUTH2")                                                            \
	X(AUTH_OAUTHBEARER, "AUTH=OAUTHBEARER")                                                    \
	X(SASL_IR, "SASL-IR")                                                                      \
	X(ID, "ID")                                                                                \
	X(NAMESPACE, "NAMESPACE")                                                                  \
	X(IDLE, "IDLE")                                                                            \
	X(ENABLE, "ENABLE")                                                                        \
	X(CONDSTORE, "CONDSTORE")                                                                  \
	X(QRESYNC, "QRESYNC")                                                                      \
	X(ESEARCH, "ESEARCH")                                                                      \
	X(LIST_EXTENDED, "LIST-EXTENDED")                                                          \
	X(LIST_STATUS, "LIST-STATUS")                                                              \
	X(SPECIAL_USE, "SPECIAL-USE")                                                              \
	X(XLIST, "XLIST")                                                                          \
	X(NOTIFY, "NOTIFY")                                                                        \
	X(UIDPLUS, "UIDPLUS")                                                                      \
	X(UNSELECT, "UNSELECT")                                                                    \
	X(LITERAL_PLUS, "LITERAL+")                                                                \
	X(LITERAL_MINUS, "LITERAL-")                                                               \
	X(OBJECTID, "OBJECTID")                                                                    \
	X(UIDONLY, "UIDONLY")                                                                      \
	X(PARTIAL, "PARTIAL")                                                                      \
	X(BINARY, "BINARY")                                                                        \
	X(UTF8_ACCEPT, "UTF8=ACCEPT")                                                              \
	X(COMPRESS, "COMPRESS=DEFLATE")                                                            \
	X(GMAIL, "X-GM-EXT-1")                                                                     \
	X(MESSAGELIMIT, "MESSAGELIMIT")

enum imap_cap_bit {
#define IMAP_CAP_BIT(name, word) IMAP_CAP_BIT_##name,
	IMAP_CAPS(IMAP_CAP_BIT)
#undef IMAP_CAP_BIT
		IMAP_CAP_BITS /* how many */
};

#define IMAP_CAP(name) (UINT64_C(1) << IMAP_CAP_BIT_##name) /* IMAP_CAP(IDLE) */

/* Odd behaviour of a provider, from its row in the provider table. */
#define IMAP_QUIRK_NO_PARTIAL     (1u << 0) /* <0.n> answers are wrong: ask for whole sections */
#define IMAP_QUIRK_NO_ID          (1u << 1) /* never send ID although offered */
#define IMAP_QUIRK_NO_ESEARCH     (1u << 2) /* SEARCH RETURN is answered wrongly */
#define IMAP_QUIRK_NO_OAUTHBEARER (1u << 3) /* offered, but XOAUTH2 is what works */
#define IMAP_QUIRK_NO_QRESYNC     (1u << 4) /* VANISHED is malformed (iCloud) */
#define IMAP_QUIRK_NO_ENABLE      (1u << 5) /* never send ENABLE although offered */
#define IMAP_QUIRK_NO_PIPELINE    (1u << 6) /* one command at a time, in writing too (iCloud) */
#define IMAP_QUIRK_NO_NOTIFY      (1u << 7) /* offered, but it does not tell everything */
#define IMAP_QUIRK_NO_IDLE        (1u << 8) /* offered, but deaf: look by polling */

/* What may be said to a server. */
struct imap_means {
	uint64_t caps;    /* IMAP_CAP() bits: what it offers, without what a quirk forbids */
	uint64_t enabled; /* IMAP_CAP() bits that ENABLE switched on, RFC 5161; UTF8_ACCEPT: names
			     are UTF-8 both ways (RFC 6855, RFC 9051 section 5.1) */
	unsigned quirks;  /* IMAP_QUIRK_* */
};

/*
 * The bits of a list of words with blanks between: what follows "CAPABILITY ".
 * A word with a value, "MESSAGELIMIT=1000", counts by what stands before the
 * "=" where the value says nothing to us.  A server that speaks IMAP4rev2
 * offers what rev2 contains (RFC 9051 appendix E), in full if it speaks
 * nothing else, and ENABLE in any case.
 */
uint64_t imap_caps_parse(struct text words);
/* What follows "ENABLED ": QRESYNC brings CONDSTORE, IMAP4rev2 brings UTF-8 names. */
uint64_t imap_caps_parse_enabled(struct text words);
/* What is left to be used of `caps` once quirks and what was enabled are counted in. */
uint64_t imap_caps_usable(uint64_t caps, uint64_t enabled, unsigned quirks);
/* The word of a bit, for people; NULL past the last. */
const char *imap_caps_name(unsigned bit);

#endif
