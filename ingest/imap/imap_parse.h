#ifndef INGEST_IMAP_IMAP_PARSE_H
#define INGEST_IMAP_IMAP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/imap/imap_fetch.h"
#include "ingest/imap/imap_verdict.h"

/*
 * One response line (imap_line.h) as a typed value.  RFC 3501 section 7, RFC
 * 9051 section 7, ESEARCH RFC 4731, VANISHED RFC 7162, NAMESPACE RFC 2342.
 *
 * Never fails: a line that is no response, or one of a kind we know with
 * contents we cannot read, is IMAP_RESP_ODD; data of kinds we have no use for
 * is IMAP_RESP_OTHER.  Either way the caller goes on with the next line.
 */
enum imap_resp_kind {
	IMAP_RESP_ODD,        /* not understood */
	IMAP_RESP_OTHER,      /* well formed, of no use to us */
	IMAP_RESP_PLUS,       /* "+ ...": `said` */
	IMAP_RESP_TAGGED,     /* `tag`, `condition`, `code`, `said` */
	IMAP_RESP_CONDITION,  /* "* OK ...": `condition`, `code`, `said` */
	IMAP_RESP_CAPABILITY, /* `words` */
	IMAP_RESP_ENABLED,    /* `words` */
	IMAP_RESP_LIST,       /* `list`; LSUB and XLIST are others */
	IMAP_RESP_STATUS,     /* `status` */
	IMAP_RESP_SEARCH,     /* `search`; also ESEARCH */
	IMAP_RESP_EXISTS,     /* `number` */
	IMAP_RESP_EXPUNGE,    /* `number` */
	IMAP_RESP_VANISHED,   /* `vanished` */
	IMAP_RESP_FETCH,      /* `number` is the sequence number; `fetch` */
	IMAP_RESP_NAMESPACE,  /* `space`: the first personal one */
};

/* "[UIDVALIDITY 3857529045]": word, then the rest of the bracket. */
struct imap_code {
	struct text word; /* empty: no code */
	struct text args;
	uint64_t number; /* of `args`, when they begin with one; else 0 */
};

struct imap_resp {
	enum imap_resp_kind kind;
	struct text line; /* all of it, as it came; escapes undone where something was read */
	struct text tag;
	enum imap_condition condition;
	struct imap_code code;
	struct text said;
	struct text words;
	uint32_t number;
	union {
		struct {
			struct text attributes, raw; /* raw: the name, unquoted */
			char separator;              /* '\0': NIL */
		} list;
		struct {
			struct text raw;
			uint64_t messages, uidnext, uidvalidity, highestmodseq; /* 0: not told */
			bool has_messages;
		} status;
		struct {
			uint64_t lowest,
				count; /* lowest 0: none found; count 0: none, or not told */
			bool has_count;
		} search;
		struct {
			struct text uids; /* a sequence set, checked: "3:7,12" */
			uint64_t count;   /* how many these are; "*" is one */
			bool is_earlier;
		} vanished;
		struct {
			struct text prefix;
			char separator;
		} space;
		struct imap_fetch fetch;
	};
};

/* Escapes in quoted strings are undone in the line itself; slices point into it. */
void imap_parse(char *line, size_t len, size_t max_literal, struct imap_resp *ret);

#endif
