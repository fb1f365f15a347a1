#ifndef INGEST_INTAKE_MAIL_H
#define INGEST_INTAKE_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/secret.h"
#include "base/text.h"
#include "db/arrival.h"
#include "db/event_id.h"
#include "db/folder_load.h"
#include "ingest/imap/imap_session.h"
#include "ingest/match/match_ids.h"
#include "ingest/match/match_pick.h"
#include "ingest/mime/mime_dsn.h"
#include "ingest/mime/mime_head.h"
#include "ingest/mime/mime_pick.h"
#include "ingest/mime/mime_report.h"

/*
 * One mail on its way through the intake: what it names, whom it concerns,
 * which parts of it are wanted, and what it turned out to be.  Pure.
 *
 *   NEW -> (looked up) -> MATCHED -> (transaction 1) -> GATED -> (parts) -> READ -> (transaction 2)
 * -> OVER |  \----> INSIDE  -> (a part is read)  -> NEW again
 *               \-------> STRANGER -> (digests kept)  -> OVER, or NEW again: registered meanwhile
 *               \-------> OWN -> (noted) -> OVER
 *   CUT -> (more of its headers) -> NEW
 *   UNREAD -> (an attempt is written down) -> as if it were told now
 */
#define INTAKE_MAIL_STATES(X)                                                                      \
	X(NEW, "new")           /* its ids are to be looked up */                                  \
	X(MATCHED, "matched")   /* the gates are to be closed */                                   \
	X(UNREAD, "unread")     /* its headers may be deadly: none of them was looked at */        \
	X(CUT, "cut")           /* its headers are longer than what was told */                    \
	X(INSIDE, "inside")     /* the ids are inside: to be read before it is nobody's */         \
	X(STRANGER, "stranger") /* concerns nobody: digests are to be kept */                      \
	X(OWN, "own")           /* the inbox itself sent it: to be noted */                        \
	X(GATED, "gated")       /* its text is to be read */                                       \
	X(READ, "read")         /* its event is to be written */                                   \
	X(OVER, "over")

enum intake_mail_state {
#define INTAKE_MAIL_STATE(name, word) INTAKE_MAIL_##name,
	INTAKE_MAIL_STATES(INTAKE_MAIL_STATE)
#undef INTAKE_MAIL_STATE
};

/* What all mails of an inbox have in common; borrowed. */
struct intake_mail_place {
	const char *workspace, *inbox, *address; /* the inbox's own address */
	const char *folder_role;
	const char *folder; /* uuid */
	int64_t uidvalidity;
	const struct secret *key; /* of the workspace, keyed_workspace_key() */
	const char *authserv;     /* struct provider_row; NULL: not known */
	size_t text_max;          /* bytes of a text part that are asked for */
	bool opens_answers;       /* the text of an answer to nobody knows what is looked into */
};

struct intake_mail {
	enum intake_mail_state state;
	uint32_t uid;
	bool has_head;     /* the server gave it */
	bool is_last_look; /* nobody's after this look: no digests are kept (again) */
	bool is_recovered; /* registered late, or looked at again */
	bool is_head_cut;  /* it may go on */
	bool is_draft;
	bool is_sent;       /* the server says so, by label */
	bool is_suspicious; /* its structure passed a ceiling, or was not understood */
	bool is_set_aside;  /* it took the process down too often: its parts stay unread */
	int64_t internal_us, detected_us, gated_us;
	uint64_t size;
	uint64_t gmail_thread; /* X-GM-THRID; 0: not told */
	struct buf raw;        /* the headers of one that is UNREAD */
	struct mime_head head;
	struct mime_dsn dsn;
	struct mime_report report;
	struct mime_pick pick;
	enum { INTAKE_PART_UNREAD, INTAKE_PART_READ, INTAKE_PART_GONE } parts[MIME_PICK_MAX];
	struct buf text, links; /* and what it links to without showing it, one a line */
	bool is_opened;         /* what its text names is looked up, too */
	/* once it is matched */
	char message[EVENT_ID];
	char *matches; /* json */
	char *about;   /* members of its event, event_json_about() */
	char *prospects[LIMIT_MATCHES];
	size_t n_prospects;
	char *header_message_id, *sender, *subject; /* never NULL then */
	bool is_by_dsn;                             /* the original inside the report is ours */
	bool is_weak; /* only who wrote and the subject speak for it: match_ids_is_weak() */
};

void intake_mail_init(struct intake_mail *m, uint32_t uid);
void intake_mail_clear(struct intake_mail *m);
/* A message whose gate is closed and whose mail is no more: it begins as READ. */
void intake_mail_gone(struct intake_mail *m, const struct folder_pending *p);

/* What the session told; a mail may come in two pieces. */
void intake_mail_told(struct intake_mail *m, const struct imap_message *told);
/* The same for one that may be deadly: it becomes UNREAD, and the MIME library sees nothing of it
 * before intake_mail_read(). */
void intake_mail_held(struct intake_mail *m, const struct imap_message *told);
void intake_mail_read(struct intake_mail *m); /* UNREAD becomes NEW */
/* Of a mail that was looked at again and is gone: the outbounds that it named (recheck_take());
 * it begins as MATCHED. */
void intake_mail_lost(struct intake_mail *m, const struct intake_mail_place *p,
		      const struct arrival_outbound *found, size_t n, int64_t seen_us);
/* All has been told: which parts are wanted, and is it one that the inbox itself sent? */
void intake_mail_begin(struct intake_mail *m, const struct intake_mail_place *p);

/* Its ids were looked up: NEW becomes MATCHED, INSIDE, STRANGER or OVER; READ, if its gate is
 * closed and nothing surer was found. */
void intake_mail_found(struct intake_mail *m, const struct intake_mail_place *p,
		       const struct arrival_outbound *found, size_t n);

/* The part it wants next, in the states CUT, INSIDE and GATED; NULL: none. */
const struct mime_pick_item *intake_mail_wants(const struct intake_mail *m);
/* It came; `bytes.at` NULL: it is not to be had.  CUT and INSIDE become NEW, GATED becomes READ
 * after the last one, or NEW: what the text names is to be looked up. */
void intake_mail_part(struct intake_mail *m, struct text bytes);

/* Nothing more of it is read: CUT and INSIDE become NEW, GATED becomes READ; of one that is UNREAD
 * what it names is read without the MIME library, and it goes on as if it were told now. */
void intake_mail_set_aside(struct intake_mail *m, const struct intake_mail_place *p);
/* UNREAD becomes OVER: not even that may be looked at, and nobody knows whom it concerns. */
void intake_mail_give_up(struct intake_mail *m);

/* May it concern somebody yet whose gate is not closed for it? */
bool intake_mail_is_open(const struct intake_mail *m);

/* The digests of a stranger are kept; `is_late`: an outbound registered meanwhile names it after
 * all. */
void intake_mail_kept(struct intake_mail *m, bool is_late);

/* For transaction 1; borrows from `m`.  Committed: MATCHED becomes GATED, or OVER when it was
 * settled before. */
struct arrival_item intake_mail_item(const struct intake_mail *m);
void intake_mail_gated(struct intake_mail *m, enum arrival_was was, int64_t now_us);

/* The id of its message, from its identity: the same for whoever sees it, wherever. */
void intake_mail_name(struct intake_mail *m, const struct intake_mail_place *p);

/* Transaction 2 is committed, or the own copy is noted. */
void intake_mail_settled(struct intake_mail *m);

/* Parts were wanted and not one of them was read. */
bool intake_mail_is_unreadable(const struct intake_mail *m);

/* Texts that a database or a reader chokes on, made printable ASCII: the last resort before a mail
 * would hold up all others. */
void intake_mail_plain(struct intake_mail *m);

const char *intake_mail_state_name(enum intake_mail_state s);

#endif
