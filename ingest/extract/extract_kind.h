#ifndef INGEST_EXTRACT_EXTRACT_KIND_H
#define INGEST_EXTRACT_EXTRACT_KIND_H

/* What a piece of a body is. */
enum extract_kind {
	EXTRACT_NEW,       /* newly written by the sender */
	EXTRACT_QUOTED,    /* of a mail before it, with the line or header block over it */
	EXTRACT_SIGNATURE, /* closing formula, name, address block, "Sent from my ..." */
	EXTRACT_FORWARDED_HEADER,
	EXTRACT_FORWARDED, /* the mail that is passed on */
	EXTRACT_BANNER,    /* a warning that a gateway wrote over it */
	EXTRACT_DISCLAIMER,
};

const char *extract_kind_name(enum extract_kind kind);

#endif
