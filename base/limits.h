#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/*
 * Every ceiling of the program, each with its reason.  A size that a peer
 * chooses meets one of these.  Bytes unless the name says otherwise.
 */
#define LIMIT_SECRET (64 * 1024)      /* tokens exceed 2 KB, JWT-like ones 16 KB; 64 KB is nobody's token */
#define LIMIT_MIME_HEAD (64 * 1024)   /* long Received chains and ARC sets reach 30 KB */
#define LIMIT_MIME_FIELDS 1000        /* fields of one header block; real mail has 20 to 120 */
#define LIMIT_MIME_FIELD (32 * 1024)  /* one field of addresses; more recipients tell us nothing */
#define LIMIT_MIME_ID 998             /* a Message-ID; RFC 5322 section 2.1.1: no line is longer */
#define LIMIT_MIME_IDS 100            /* ids of one References field; the last ones are the near ones */
#define LIMIT_MIME_ADDRESS 320        /* RFC 5321 section 4.5.3.1: 64 + '@' + 255 */
#define LIMIT_MIME_ADDRESSES 50       /* recipients kept of one mail, enough to know an own copy */
#define LIMIT_MIME_SUBJECT 2000       /* decoded subject */
#define LIMIT_MIME_RECIPIENTS 50      /* recipients of one delivery report */
#define LIMIT_MIME_PART (512 * 1024)  /* fetched bytes of one text part, still encoded */
#define LIMIT_MIME_TEXT (256 * 1024)  /* text of one mail; nobody types more */
#define LIMIT_MIME_REPORT (64 * 1024) /* fetched bytes of a delivery status, or of the headers it returns */
#define LIMIT_MIME_IDENTITY (4 * 1024) /* an id, an address, a date and a subject with their lengths */
#define LIMIT_MATCH_IDS 256           /* ids one mail names: 100 + 100, and those of a report */
#define LIMIT_MATCHES 64              /* matches of one mail; one reply concerns a handful of outbounds */
#define LIMIT_QUOTE_SLICES 64         /* pieces of an answer written between quoted lines */
#define LIMIT_TLS_PENDING (256 * 1024) /* clear bytes waiting for the handshake, or cipher bytes for the wire; an engine is drained often */
#define LIMIT_TLS_CLEAR (256 * 1024)  /* decrypted and not yet taken: four read buffers */
#define LIMIT_CONN_READ (64 * 1024)   /* one read, shared by all connections of a process */
#define LIMIT_CONN_OUT (1024 * 1024)  /* what waits for a peer that does not read; our commands are short */
#define LIMIT_CONN_HOST 253           /* a DNS name, RFC 1035 section 2.3.4 */
#define LIMIT_CONN_TIMEOUT_MS 30000   /* lookup, TCP and TLS together when the caller names no other */
#define LIMIT_CONN_DEAD_MS 60000      /* a vanished peer is noticed: 30 s idle, then probes every 10 s */

#endif
