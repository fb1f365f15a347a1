#ifndef INGEST_IMAP_IMAP_SESSION_H
#define INGEST_IMAP_IMAP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"
#include "base/text.h"
#include "ingest/imap/imap_body.h"
#include "ingest/imap/imap_caps.h"
#include "ingest/imap/imap_folder.h"
#include "ingest/imap/imap_verdict.h"

/*
 * One IMAP connection's life, as a client.  RFC 3501 and 9051, IDLE RFC 2177,
 * SASL-IR RFC 4959, OAUTHBEARER RFC 7628, XOAUTH2 as Google and Microsoft
 * describe it, SPECIAL-USE RFC 6154, ESEARCH RFC 4731, ID RFC 2971, ENABLE RFC
 * 5161, CONDSTORE and QRESYNC RFC 7162, LIST-STATUS RFC 5819, NOTIFY RFC 5465,
 * UTF-8 names RFC 6855, MESSAGELIMIT RFC 9738, UIDONLY RFC 9586.
 *
 *   greeting -> capability -> [STARTTLS -> capability] -> login -> capability
 *            -> [ID] -> [ENABLE] -> [NAMESPACE] -> READY -> one command after
 *            another, or IDLE, with proofs in between -> LOGOUT, BYE or FAILED
 *
 * Sans-IO: bytes and the time come in, events and bytes go out.  No socket, no
 * clock, no log, no callback.  The driver's pump, after bytes came, a timer
 * fired or a command was asked for:
 *
 *	while (imap_session_next(s, &ev))
 *		heard(&ev);                       may ask for the next command
 *	while ((n = imap_session_send(s, &p)) > 0)
 *		imap_session_sent(s, written(p, n));
 *	timer_at(imap_session_deadline(s));       then imap_session_tick()
 *	if (imap_session_done(s))
 *		drop();
 *
 * Harmless by construction: every command is worded in imap_command.c from the
 * closed list of verbs in imap_text.h.  Mailboxes are opened with EXAMINE and
 * read with BODY.PEEK; there is no way to say SELECT, STORE, COPY, MOVE,
 * APPEND, EXPUNGE, DELETE, RENAME, CREATE, SUBSCRIBE or SETACL.
 * imap_session_verbs_sent() is what the audit records.
 *
 * An idle session holds no buffers, no events and no names: it is one
 * allocation of 560 bytes (tests/ingest/test_imap_session.c watches it).
 */

/* ---- what a session is given ---- */

enum imap_tls {
	IMAP_TLS_IMPLICIT, /* port 993: bytes are protected from the first one */
	IMAP_TLS_STARTTLS, /* port 143: IMAP_EV_STARTTLS_NOW comes before anything secret is said */
};

enum imap_credential {
	IMAP_CREDENTIAL_TOKEN,    /* OAuth access token: OAUTHBEARER where offered, else XOAUTH2 */
	IMAP_CREDENTIAL_PASSWORD, /* AUTHENTICATE PLAIN where offered, else LOGIN */
};

#define IMAP_ID_PAIRS 4

struct imap_params {
	enum imap_tls tls;
	enum imap_credential kind;
	const struct secret *credential; /* copied; wiped inside as soon as the login is over */
	struct text user;                /* copied, as are all slices here */
	struct text host; /* as really connected to: OAUTHBEARER says it (RFC 7628 3.1) */
	uint16_t port;
	unsigned quirks; /* IMAP_QUIRK_*, imap_caps.h */

	/* What ID tells them, RFC 2971; pairs end at the first empty field. */
	struct {
		struct text field, value;
	} id[IMAP_ID_PAIRS];

	/* Milliseconds, up to 49 days; 0: the default, in parentheses. */
	uint64_t greeting_ms; /* from new to the greeting (30 s) */
	uint64_t command_ms;  /* from a command, or the last progress of its answer, to its end (60
				 s) */
	uint64_t idle_renew_ms; /* leave IDLE and enter it again, the proof of life (9 min; RFC
				   2177: < 29) */
	uint64_t idle_done_ms;  /* from DONE to its tagged answer (30 s) */

	/* Bytes; 0: the default from base/limits.h. */
	size_t max_line;    /* one response with what is kept of its literals */
	size_t max_literal; /* kept of one literal; the rest is skipped as it comes */
	size_t max_skip;    /* a literal announced as longer ends the session */
};

/* ---- what it tells ---- */

enum imap_command {
	IMAP_COMMAND_NONE,
	IMAP_COMMAND_LIST,
	IMAP_COMMAND_EXAMINE,
	IMAP_COMMAND_SEARCH,
	IMAP_COMMAND_FETCH_HEADERS,
	IMAP_COMMAND_FETCH_PART,
	IMAP_COMMAND_STATUS,
	IMAP_COMMAND_NOOP,
	IMAP_COMMAND_IDLE,
	IMAP_COMMAND_LOGOUT,
	IMAP_COMMAND_LIST_STATUS,
	IMAP_COMMAND_NOTIFY,
	IMAP_COMMAND_PROOF, /* only one asked for outside IDLE; inside it is a part of IDLE */
};

enum imap_event_kind {
	IMAP_EV_STARTTLS_NOW, /* shake hands on this connection, then imap_session_tls_up() */
	IMAP_EV_READY,        /* logged in; commands may be asked for              -> ready */
	IMAP_EV_FOLDER,       /* one folder, during LIST                           -> folder */
	IMAP_EV_EXAMINED,     /* the folder is open, before its DONE               -> examined */
	IMAP_EV_LOWEST_UID,   /* what SEARCH found, once, before its DONE          -> lowest */
	IMAP_EV_MESSAGE,      /* one mail's headers and shape, during FETCH        -> message */
	IMAP_EV_PART,         /* one section's bytes, during FETCH                 -> part */
	IMAP_EV_STATUS,       /* any time: counters of a folder that is not open   -> status */
	IMAP_EV_EXISTS,       /* any time: the open folder holds so many now       -> exists */
	IMAP_EV_EXPUNGE,      /* any time: one mail of the open folder is gone     -> expunge */
	IMAP_EV_VANISHED,     /* any time: mails of the open folder are gone       -> vanished */
	IMAP_EV_IDLING, /* the server took our IDLE, at first and at each renewal: proof of life */
	IMAP_EV_PROVEN, /* all of imap_session_proof() is answered           -> proven */
	IMAP_EV_NOTIFY_OVER, /* any time: NOTIFY tells of nothing any more: look at all folders */
	IMAP_EV_ALERT,       /* any time: a text for the operator            -> alert */
	IMAP_EV_ODD,         /* any time: a line we could not use was skipped     -> odd */
	IMAP_EV_DONE,        /* the command asked for is over                     -> done */
	IMAP_EV_BYE,         /* the last event: the server ends the session       -> over */
	IMAP_EV_FAILED, /* the last event: login refused, protocol broken, too slow, cut -> over */
};

/* What a MESSAGE brought; a server may leave things out, or tell one mail in two events. */
#define IMAP_HAS_DATE   (1u << 0)
#define IMAP_HAS_SIZE   (1u << 1)
#define IMAP_HAS_FLAGS  (1u << 2)
#define IMAP_HAS_HEADER (1u << 3)
#define IMAP_HAS_BODY   (1u << 4)

struct imap_message {
	uint32_t uid;        /* never 0, inside the range that was asked for */
	unsigned has;        /* IMAP_HAS_* */
	int64_t date_unix_s; /* INTERNALDATE: when it came into this mailbox */
	uint64_t size;     /* RFC822.SIZE, bytes; an estimate on Exchange: never a length to read */
	struct text flags; /* "\Seen $Junk", without the parentheses */
	struct text header;           /* raw, at most IMAP_HEADER_MAX bytes */
	bool is_header_cut;           /* it may go on */
	const struct imap_body *body; /* never NULL; n_parts == 0 without IMAP_HAS_BODY */
	uint64_t modseq;              /* RFC 7162; 0: not told */
	uint64_t gmail_msgid;         /* X-GM-MSGID, X-GM-THRID; 0: not told */
	uint64_t gmail_thrid;
	struct text gmail_labels; /* raw list, without the parentheses; modified UTF-7, or UTF-8
				     after ENABLE (imap_session_enabled()) */
	struct text emailid;      /* RFC 8474; empty: not told, or NIL */
	struct text threadid;
};

#define IMAP_HEADER_MAX 65536 /* bytes of a header we ask for; real ones have 5 to 20 KB */

/*
 * Slices and pointers are good until the next call of next, recv, tick, eof or
 * free; asking for a command leaves them alone.
 */
struct imap_event {
	enum imap_event_kind kind;
	union {
		struct {
			uint64_t caps;      /* IMAP_CAP() bits, after login */
			struct text prefix; /* of personal folders: "", "INBOX."; raw */
			char separator;     /* '\0': not told */
			bool was_preauth;   /* the server knew us already */
		} ready;
		struct imap_folder folder;
		struct {
			uint32_t uidvalidity; /* 0: the server has none, UIDs cannot be trusted */
			uint32_t uidnext;     /* 0: not told */
			uint32_t exists;
			uint64_t highestmodseq; /* 0: none */
			bool is_uid_unsticky;   /* UIDNOTSTICKY: UIDs die with the session */
		} examined;
		struct {
			uint32_t uid;   /* 0: nothing found */
			uint32_t found; /* how many; 0 with uid > 0: not told */
		} lowest;
		struct imap_message message;
		struct {
			uint32_t uid;
			struct text section; /* as asked for */
			struct text data;    /* still transfer-encoded, at most max_bytes */
			bool is_cut;         /* it may go on after these bytes */
			bool is_nil;         /* the server has no such section */
		} part;
		struct {
			struct text raw; /* the folder, as in imap_folder.raw */
			uint32_t messages, uidnext, uidvalidity; /* 0: not told; NOTIFY often does
								    not tell all */
			uint64_t highestmodseq;                  /* 0: not told, or none */
			bool has_messages; /* messages == 0 means: it is empty */
		} status;
		struct {
			uint32_t count;
		} exists;
		struct {
			uint32_t seq; /* message sequence number, meaningless after the next one */
			uint32_t exists; /* what is left */
		} expunge;
		struct {
			struct text uids; /* "3:7,12", checked */
			uint32_t count;   /* how many these are */
			uint32_t exists;  /* what is left; unchanged by earlier ones */
			bool is_earlier;  /* before this session (RFC 7162) */
		} vanished;
		struct {
			bool is_alive;    /* NOOP was answered OK: the open folder is proven */
			uint32_t refused; /* bit i: STATUS of side[i] was */
			/* Of the first part that was refused; BLAME_NONE: none was. */
			const struct imap_verdict *verdict;
		} proven;
		struct {
			struct text said; /* untrusted; text_printable() before it is shown */
		} alert, odd;
		struct {
			enum imap_command command;
			const struct imap_verdict *verdict; /* outcome BLAME_NONE: it worked */
			unsigned lost; /* answers to a FETCH that were not understood */
			bool is_short; /* SEARCH, FETCH: cut by the server's MESSAGELIMIT */
		} done;
		struct {
			const struct imap_verdict
				*verdict; /* says whom to blame, what cures it, how long to wait */
		} over;
	};
};

/* ---- calls ---- */

struct imap_session;

/* The deadline for the greeting runs from `now_ms`.  `p` may go away after the call. */
struct imap_session *imap_session_new(const struct imap_params *p, uint64_t now_ms);
void imap_session_free(struct imap_session *s); /* NULL is nothing; wipes what is secret */

/*
 * Bytes from the server.  All are taken; what the peer does wrong comes out as
 * IMAP_EV_FAILED.  -ENOBUFS: more than IMAP_RECV_MAX bytes, or the events of
 * the last call were not drained.  After the last event bytes are ignored.
 */
#define IMAP_RECV_MAX (256 * 1024)
int imap_session_recv(struct imap_session *s, const uint8_t *in, size_t n, uint64_t now_ms);

/* The server closed the connection: FAILED follows, unless the session was over or logging out. */
void imap_session_eof(struct imap_session *s, uint64_t now_ms);

/* The handshake asked for by STARTTLS_NOW is done and the certificate was verified. */
void imap_session_tls_up(struct imap_session *s, uint64_t now_ms);

bool imap_session_next(struct imap_session *s, struct imap_event *ret);

/* Bytes waiting for the wire, good until the next call on `s`; `n` of them were written. */
size_t imap_session_send(struct imap_session *s, const uint8_t **ret);
void imap_session_sent(struct imap_session *s, size_t n);
/*
 * Of the bytes that imap_session_send() gives now, [from, from + len) are
 * secret: a raw log writes something else there.  false: none are.
 */
bool imap_session_secret(const struct imap_session *s, size_t *ret_from, size_t *ret_len);

uint64_t imap_session_deadline(const struct imap_session *s); /* monotonic ms; UINT64_MAX: none */
void imap_session_tick(struct imap_session *s, uint64_t now_ms);
bool imap_session_done(
	const struct imap_session *s); /* nothing more in or out: drop the connection */

/* "greeting", "login", "tagged answer to FETCH", "mail (IDLE)": for timeouts and the admin view. */
const char *imap_session_waiting_for(const struct imap_session *s);
/* IMAP_CAP() bits: what the server offers and the provider's quirks do not forbid. */
uint64_t imap_session_caps(const struct imap_session *s);
uint64_t imap_session_enabled(const struct imap_session *s); /* IMAP_CAP() bits: what ENABLE did */
uint32_t
imap_session_verbs_sent(const struct imap_session *s); /* 1u << enum imap_verb (imap_text.h) */

/*
 * Commands, one at a time.  0: on its way, IMAP_EV_DONE will end it.
 *   -EBUSY     a command runs, or we idle (imap_session_end_idle() first)
 *   -ENOTCONN  before IMAP_EV_READY, or after the last event
 *   -EINVAL    an argument that cannot be said in IMAP: CR, LF, NUL, an empty or backward range,
 *              a name over 1000 bytes, a section that is not one
 *   -EOPNOTSUPP  the server does not offer it (IDLE, LIST_STATUS, NOTIFY), or a quirk forbids it
 *   -EDOM      no folder is open (SEARCH, FETCH)
 */

/* All folders: FOLDER each. */
int imap_session_list(struct imap_session *s, uint64_t now_ms);
/*
 * The same with counters, RFC 5819: FOLDER each, and STATUS for those that can
 * be opened, in any order.  -EOPNOTSUPP: list, then status one by one.
 */
int imap_session_list_status(struct imap_session *s, uint64_t now_ms);
/*
 * From now on STATUS comes for every personal folder in which mail arrives or
 * vanishes, at any time, also in IDLE (RFC 5465), with whatever counters the
 * server likes to tell; the open folder tells as ever.  At first STATUS of each,
 * before DONE.  A refusal is in DONE; a server that gives up later makes
 * NOTIFY_OVER.  A name that was in no list is a folder made since.
 */
int imap_session_notify(struct imap_session *s, uint64_t now_ms);

/* What is known of a folder from before, for QRESYNC (RFC 7162 section 3.2.5). */
struct imap_known {
	uint32_t uidvalidity;
	uint32_t uid_from; /* what vanished below is of no interest; 0: all is */
	uint64_t modseq;   /* 0: not known */
};
/*
 * Open `raw` read-only: EXAMINED.  A refused EXAMINE leaves no folder open.
 * With `known` (NULL: nothing) and where QRESYNC is on, VANISHED (is_earlier)
 * tells what went since then, before EXAMINED, unless UIDVALIDITY has changed.
 */
int imap_session_examine(struct imap_session *s, struct text raw, const struct imap_known *known,
			 uint64_t now_ms);
/* The lowest UID that came on or after the day before `unix_s` (SEARCH knows days, in their zone).
 */
int imap_session_search_since(struct imap_session *s, int64_t unix_s, uint64_t now_ms);
/*
 * MESSAGE for each mail with uid_from <= UID <= uid_to; UINT32_MAX: to the last.
 * What is not there is passed over in silence (RFC 3501 6.4.8): the caller
 * counts.  UIDs below uid_from, which "n:*" brings, are dropped here.
 */
int imap_session_fetch_headers(struct imap_session *s, uint32_t uid_from, uint32_t uid_to,
			       uint64_t now_ms);
/* One section ("1.2", "2.MIME", "HEADER", "TEXT"), its first `max_bytes`: PART, or none if it is
 * gone. */
int imap_session_fetch_part(struct imap_session *s, uint32_t uid, struct text section,
			    uint32_t max_bytes, uint64_t now_ms);
/* Counters of a folder that is not the open one (RFC 3501 6.3.10): STATUS. */
int imap_session_status(struct imap_session *s, struct text raw, uint64_t now_ms);
int imap_session_noop(struct imap_session *s, uint64_t now_ms);
/*
 * The proof of freshness, as one step: NOOP for the open folder and STATUS of
 * `n` others, and, when asked for while idling, DONE before and IDLE after
 * them, in one write where the server may be told so much at once
 * (IMAP_QUIRK_NO_PIPELINE), else one after the other.
 *
 *   idling    STATUS..., PROVEN, IDLING: the IDLE asked for goes on, or ends
 *             with its DONE if the server takes it no more
 *   at rest   STATUS..., PROVEN, DONE
 *
 * A STATUS refused is in PROVEN and ends nothing.  imap_session_end_idle()
 * meanwhile: the proof is finished first.  `side` may go away after the call.
 *   -EBUSY   a command runs, or IDLE is beginning, being renewed or ending
 *   -EINVAL  more than IMAP_PROOF_SIDES folders, or a name that cannot be said
 */
#define IMAP_PROOF_SIDES 16
int imap_session_proof(struct imap_session *s, const struct text *side, unsigned n,
		       uint64_t now_ms);
/*
 * Wait for mail.  IDLING when the server took it, and again at each renewal,
 * which goes by itself at the deadline.  Ends with DONE after
 * imap_session_end_idle(), or when the server refuses it.
 */
int imap_session_idle(struct imap_session *s, uint64_t now_ms);
/* Leave IDLE: at once, or as soon as the server took it.  -ENOTCONN: not idling; twice is once. */
int imap_session_end_idle(struct imap_session *s, uint64_t now_ms);
/* Say goodbye: DONE, then imap_session_done().  Not while a command runs; just drop then. */
int imap_session_logout(struct imap_session *s, uint64_t now_ms);

#endif
