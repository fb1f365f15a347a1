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
	X(GMAIL, "X-GM-EXT-1")

enum imap_cap_bit {
#define IMAP_CAP_BIT(name, word) IMAP_CAP_BIT_##name,
	IMAP_CAPS(IMAP_CAP_BIT)
#undef IMAP_CAP_BIT
		IMAP_CAP_BITS /* how many */
};

#define IMAP_CAP(name) (UINT64_C(1) << IMAP_CAP_BIT_##name) /* IMAP_CAP(IDLE) */

/* The bits of a list of words with blanks between: what follows "CAPABILITY ". */
uint64_t imap_caps_parse(struct text words);
/* The word of a bit, for people; NULL past the last. */
const char *imap_caps_name(unsigned bit);

#endif
