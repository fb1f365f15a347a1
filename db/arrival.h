#ifndef DB_ARRIVAL_H
#define DB_ARRIVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_text.h"
#include "db/folder.h"
#include "db/gather.h"
#include "db/pg.h"

/*
 * What a worker asks of PostgreSQL about mails that arrived: whom do they
 * concern, remember that they concerned nobody, close the gates (transaction
 * 1), settle message and event (transaction 2).  One workspace at a time.
 *
 * Requests are embedded by the caller, zeroed before their first use, and may
 * be used again after `done`; 0 and -errno as pg_tx_start(); -EINVAL: a text is not
 * UTF-8.  `fenced`: the lease is lost, nothing was written.  All of them may be repeated: what was
 * done is not done twice.
 */
#define ARRIVAL_DIGEST 32 /* bytes, of keyed_id_digest() */

/* ---- which outbounds do these ids and names name? ---- */

/* An id belongs to one outbound (also one that the provider gave it); a name (who was
 * written to, a thread, a reply token) to many, of which the last ones are found.  Borrowed. */
struct arrival_keys {
	uint8_t (*ids)[ARRIVAL_DIGEST];
	size_t n_ids;
	uint8_t (*names)[ARRIVAL_DIGEST];
	size_t n_names;
};

struct arrival_outbound {
	uint8_t digest[ARRIVAL_DIGEST]; /* by which it was found */
	char *outbound, *inbox;         /* uuid */
	char *sequence, *step, *prospect, *address, *message_id;
	int64_t sent_at_us;
};
struct arrival_find {
	struct pg_tx tx;
	struct gather_ask ask; /* instead, when it is asked by db/arrival_group.h */
	struct outcome outcome;
	struct arrival_outbound *found; /* owned: arrival_find_clear() */
	size_t n_found;
	void (*done)(struct arrival_find *q);
};
int arrival_find_start(struct pg *pg, struct arrival_find *q, const char *workspace,
		       const struct arrival_keys *keys, void (*done)(struct arrival_find *));
void arrival_find_clear(struct arrival_find *q); /* what was found; and cancels */

/* For db/ only: one row, whose columns begin with `first`; false: it is none. */
bool arrival_outbound_read(const struct pg_answer *a, int st, int row, int first,
			   struct arrival_outbound *ret);
/* Rows of outbound_find(), its nine columns first.  For db/ only; the array is the caller's. */
size_t arrival_outbounds(const struct pg_answer *a, int st, struct arrival_outbound **ret);
void arrival_outbounds_free(struct arrival_outbound *at, size_t n);

/* ---- they concern nobody: keyed digests only ---- */

struct arrival_trace {
	uint8_t digest[ARRIVAL_DIGEST];
	int64_t uid;
	bool is_sender; /* of who wrote it, or a token in its recipient; else of an id it names */
	int64_t received_us;
};
struct arrival_keep {
	struct pg_tx tx;
	struct outcome outcome;
	bool fenced;
	void (*late)(
		struct arrival_keep *q,
		int64_t uid); /* before `done`: registered meanwhile, it does concern somebody */
	void (*done)(struct arrival_keep *q);
};
int arrival_keep_start(struct pg *pg, struct arrival_keep *q, const struct folder_lease *l,
		       const char *folder, int64_t uidvalidity, const struct arrival_trace *traces,
		       size_t n, void (*late)(struct arrival_keep *, int64_t uid),
		       void (*done)(struct arrival_keep *));

/* ---- transaction 1 ---- */

struct arrival_item {
	const char *message;          /* uuid, derived from the mail's identity */
	const char *const *prospects; /* keys; the first is the message's own */
	size_t n_prospects;
	int64_t uid;
	const char *header_message_id, *sender, *subject; /* "" when there is none */
	int64_t internal_at_us;
	uint64_t size_bytes;
	const char *matches; /* json */
	int64_t detected_at_us;
	bool recovered;
};
enum arrival_was { ARRIVAL_NEW, ARRIVAL_PENDING, ARRIVAL_DONE };
/* Where a folder's watermarks go with a transaction. */
struct arrival_mark {
	const char *folder; /* uuid */
	int64_t uidvalidity;
	int64_t uid_gated, uid_ingested;     /* they never go back; 0 leaves it */
	int64_t gated_at_us, ingested_at_us; /* INT64_MIN leaves it */
};
struct arrival_close {
	struct pg_tx tx;
	struct gather_ask ask;
	struct outcome outcome;
	bool fenced;
	bool moved; /* the folder was not under another UIDVALIDITY by now */
	void (*was)(struct arrival_close *q, int64_t uid,
		    enum arrival_was was); /* per item, before `done` */
	void (*done)(struct arrival_close *q);
};
/* Close the gates of `items` and move the watermark, in one transaction; `mark` NULL: it stays.  n
 * == 0: only the watermark. */
int arrival_close_start(struct pg *pg, struct arrival_close *q, const struct folder_lease *l,
			const char *folder, int64_t uidvalidity, const struct arrival_item *items,
			size_t n, const struct arrival_mark *mark,
			void (*was)(struct arrival_close *, int64_t uid, enum arrival_was),
			void (*done)(struct arrival_close *));

/* ---- transaction 2 ---- */

struct arrival_verdict {
	const char *message; /* uuid */
	const char *const *prospects;
	size_t n_prospects;
	bool text_unavailable;
	const char *kind;
	double confidence;
	const char *snippet;
	const char *evidence, *matches; /* json */
	int64_t return_at_us;           /* INT64_MIN: none */
	int level;                      /* of the gate, 0..6 */
	const char *reason;
	int64_t hold_until_us; /* INT64_MIN: none */
	const char *event;     /* uuid */
	const char *event_type, *event_data;
};
struct arrival_settle {
	struct pg_tx tx;
	struct gather_ask ask;
	struct outcome outcome;
	bool fenced;
	bool moved;   /* as in arrival_close */
	bool was_new; /* false: somebody has settled it before */
	bool is_odd;  /* private */
	void (*done)(struct arrival_settle *q);
};
int arrival_settle_start(struct pg *pg, struct arrival_settle *q, const struct folder_lease *l,
			 const struct arrival_verdict *v, const struct arrival_mark *mark,
			 void (*done)(struct arrival_settle *));

/* ---- for db/ only ---- */

/* Members of an object; json_text_status() tells whether all texts were UTF-8. */
void arrival_item_json(struct json_text *to, const struct arrival_item *i, const char *folder,
		       int64_t uidvalidity);
void arrival_verdict_json(struct json_text *to, const struct arrival_verdict *v);
enum arrival_was arrival_was_of(const char *word);

#endif
