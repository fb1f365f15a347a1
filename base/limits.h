#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/*
 * Every ceiling of the program, each with its reason.  A size that a peer
 * chooses meets one of these.  Bytes unless the name says otherwise.
 * One line each, however long its reason, so that the list reads as a table.
 */
/* clang-format off */
#define LIMIT_SECRET (64 * 1024)      /* tokens exceed 2 KB, JWT-like ones 16 KB; 64 KB is nobody's token */
#define LIMIT_MIME_HEAD (256 * 1024)  /* long Received chains and ARC sets reach 30 KB; what is beyond 64 KB is asked for apart */
#define LIMIT_MIME_FIELDS 1000        /* fields of one header block; real mail has 20 to 120 */
#define LIMIT_MIME_FIELD (32 * 1024)  /* one field of addresses; more recipients tell us nothing */
#define LIMIT_MIME_ID 998             /* a Message-ID; RFC 5322 section 2.1.1: no line is longer */
#define LIMIT_MIME_IDS 100            /* ids of one References field; the last ones are the near ones */
#define LIMIT_MIME_ADDRESS 320        /* RFC 5321 section 4.5.3.1: 64 + '@' + 255 */
#define LIMIT_MIME_ADDRESSES 50       /* recipients kept of one mail, enough to know an own copy */
#define LIMIT_MIME_SUBJECT 2000       /* decoded subject */
#define LIMIT_CLASSIFY_PROSE 16000    /* words of a mail server; what is behind them is the returned mail */
#define LIMIT_MIME_RECIPIENTS 50      /* recipients of one delivery report */
#define LIMIT_MIME_PART (512 * 1024)  /* fetched bytes of one text part, still encoded */
#define LIMIT_RULES (4 * 1024 * 1024) /* a table of rules; ours are some tens of KB */
#define LIMIT_MIME_TEXT (256 * 1024)  /* text of one mail; nobody types more */
#define LIMIT_MIME_LINKS (32 * 1024)  /* links of one page; a newsletter has some hundred, an answer the few of what it quotes */
#define LIMIT_MIME_REPORT (64 * 1024) /* fetched bytes of a delivery status, or of the headers it returns */
#define LIMIT_MIME_MAIL (8 * 1024 * 1024) /* of a mail in a file; what is behind are attachments, and 32 MB of memory must do */
#define LIMIT_MIME_IDENTITY (4 * 1024) /* an id, an address, a date and a subject with their lengths */
#define LIMIT_MATCH_IDS 256           /* ids one mail names: 100 + 100, and those of a report */
#define LIMIT_EVENT (512 * 1024)      /* data of one event: 64 matches with their evidence, and a bounce's words */
#define LIMIT_MATCH_NAMES 40          /* what else it names: a thread or two, tokens, links, who wrote */
#define LIMIT_MATCH_TOKENS 12         /* addresses with a tag that one mail was sent to */
#define LIMIT_MATCH_BODY 16           /* ids, and as many links, that its text names; whoever pastes more pastes a list */
#define LIMIT_MATCHES 64              /* matches of one mail; one reply concerns a handful of outbounds */
#define LIMIT_EXTRACT_SPANS 256       /* pieces of a body: answers written between quoted lines, and the quotes */
#define LIMIT_EXTRACT_LINES 20000     /* lines of a body that are looked at one by one; the last of them is all the rest */
#define LIMIT_TLS_PENDING (256 * 1024) /* clear bytes waiting for the handshake, or cipher bytes for the wire; an engine is drained often */
#define LIMIT_TLS_CLEAR (256 * 1024)  /* decrypted and not yet taken: four read buffers */
#define LIMIT_TLS_TRUSTED 4096        /* verified chains that are remembered, 200 bytes each; providers are dozens, own domains thousands */
#define LIMIT_TLS_TICKETS 4096        /* sessions to be resumed, about 1.5 KB each, of all hosts */
#define LIMIT_TLS_TICKETS_HOST 128    /* of one host and port; each handshake takes one and is given two, 64 are under way */
#define LIMIT_CONN_READ (64 * 1024)   /* one read, shared by all connections of a process */
#define LIMIT_CONN_OUT (1024 * 1024)  /* what waits for a peer that does not read; our commands are short */
#define LIMIT_CONN_HOST 253           /* a DNS name, RFC 1035 section 2.3.4 */
#define LIMIT_CONN_TIMEOUT_MS 30000   /* lookup, TCP and TLS together when the caller names no other */
#define LIMIT_CONN_QUIET_MS 120000    /* of silence before the kernel asks whether the peer is there; NATs forget after 4 minutes */
#define LIMIT_CONN_DEAD_MS 60000      /* a peer that does not answer the kernel is given up within this time */
#define LIMIT_DNS_RECORDS 64          /* kept of one answer; real sets of MX or SRV records have fewer than 10 */
#define LIMIT_DNS_LOOKUPS 256         /* under way in one process; people ask for them one at a time */
#define LIMIT_DNS_MS 8000             /* one lookup, every try at every server; a person waits for it */
#define LIMIT_HTTP_HEAD (32 * 1024)   /* request line and headers; our longest are bearer keys and cookies of 4 KB */
#define LIMIT_HTTP_SWALLOW (1024 * 1024) /* read past the body ceiling, unkept, so that the client gets to read its 413 */
#define LIMIT_HTTP_BODY_MS 60000      /* a body takes no longer: slow senders hold no connection for ever */
#define LIMIT_HTTP_CHUNK_MS 5000      /* between two bytes of a chunked body: libmicrohttpd 0.9.75 keeps a size line it has no room for until then */
#define LIMIT_HTTP_ANSWER_HEAD (64 * 1024) /* status line and headers of an answer to us, all of them together */
#define LIMIT_HTTP_ANSWER_REST (256 * 1024) /* read past what is kept, so that the connection can be used again */
#define LIMIT_HTTP_CONNECT_MS 10000   /* lookup, TCP and TLS of a request, within its own time */
#define LIMIT_HTTP_TIMEOUT_MS 30000   /* a request whose caller names no time */
#define LIMIT_API_ANSWER (64 * 1024 * 1024) /* of our own API to the command line: a page of 1,000 events of 20 KB, and room */
#define LIMIT_HTTP_PER_HOST 64        /* connections to one host: an endpoint must not meet a thousand */
#define LIMIT_HTTP_CONNECTIONS 512    /* connections of one client, idle ones too: descriptors */
#define LIMIT_HTTP_RETRY_AFTER_S (31 * 86400) /* nobody's "later" is later than a month */
#define LIMIT_MAIL_PROBE (64 * 1024) /* all lines of a server that is only tried: greeting, capabilities, answers */
#define LIMIT_OAUTH_URL 8192          /* authorize and return URLs; browsers and proxies cut beyond 8 KB */
#define LIMIT_OAUTH_ANSWER (256 * 1024) /* a token answer: three tokens of LIMIT_SECRET and words */
#define LIMIT_OAUTH_SEALED (LIMIT_SECRET + 256) /* a sealed secret: a box adds less than 100 bytes */
#define LIMIT_OAUTH_ADDRESS 321       /* RFC 5321 section 4.5.3.1: 64 + '@' + 255, and a NUL */
#define LIMIT_VIEW (32 * 1024 * 1024) /* one API answer: 1,000 events of 20 KB, or 50,000 inboxes */
#define LIMIT_METRICS (256 * 1024)    /* /metrics: some dozens of lines */
#define LIMIT_IMAP_LINE (2 * 1024 * 1024) /* one response without what is let go: a structure of 10,000 parts is 0.8 MB, 200,000 UIDs 1.6 MB */
#define LIMIT_IMAP_LITERAL (1024 * 1024) /* kept of one literal: headers are asked for in 64 KB, text parts in LIMIT_MIME_PART */
#define LIMIT_IMAP_SKIP (256 * 1024 * 1024) /* a literal let go as it comes, from servers that ignore partial fetches; big providers stop at 150 MB */
#define LIMIT_IMAP_ODD 500            /* lines of one session that are no IMAP; a sound server sends none, Exchange a few */
#define LIMIT_IMAP_NAME 1000          /* a folder's name; RFC 2683 section 3.2.1.5 keeps whole commands near this */
#define LIMIT_IMAP_PARTS 200          /* parts listed of one mail; real mails have fewer than 50 */
#define LIMIT_IMAP_DEPTH 20           /* levels of multiparts and attached mails; real mails have fewer than 8 */
#define LIMIT_PG_QUEUE 10000          /* transactions waiting for PostgreSQL: a worker's inboxes, each with one or two */
#define LIMIT_PG_FLIGHTS 64           /* transactions under way on one connection; more only fill libpq's buffers */
#define LIMIT_PG_PARAMS (4 * 1024 * 1024) /* values of one statement: 1,000 outbounds of 1 KB are 1 MB of JSON */
#define LIMIT_PG_HOSTS 4096           /* addresses of the hosts of one conninfo, as a list */
#define LIMIT_PG_RESULT (40 * 1024 * 1024) /* rows of one statement: LIMIT_VIEW and what libpq adds */
#define LIMIT_WATCH_AGAIN 64          /* mails of one inbox waiting to be looked at again; the table keeps the rest */
#define LIMIT_RECALL_FOLDERS 16       /* folders of one inbox whose rows are read again within five minutes; more wait */
#define LIMIT_WATCH_POISON 16         /* mails of one inbox that the server does not give, asked for again; more of them mean that the server is unwell */
#define LIMIT_SWEEP_FOLDERS 2000      /* folders of one inbox that are looked at; 32 KB of memory between two looks */
#define LIMIT_PROBES 2000             /* questions of one worker under way, each looked for among all; more wait for the next poll */
#define LIMIT_INTAKE_MAILS 200        /* mails of one batch: four windows; more are asked for again in smaller ones */
#define LIMIT_CONF (256 * 1024)       /* a configuration file; ours has fewer than a hundred lines */
#define LIMIT_CRED (256 * 1024)       /* all credentials of one process: keys, and a client secret per provider */

#endif
