#ifndef DB_SENT_H
#define DB_SENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/arrival.h"
#include "db/folder.h"
#include "db/pg.h"

/*
 * Mails that an inbox itself sent: copies of outbounds are noted, with the
 * thread they lie in and the Message-ID that the provider gave them
 * (sent_copied() in the schema); what was written by hand to a prospect is told
 * when nobody has registered it within its time (sent_seen(), manual_tell()).
 * Requests as in db/arrival.h.
 */
struct sent_item {
	const char *message; /* uuid, derived from the mail's identity */
	int64_t uid;
	bool has_digest; /* it has a Message-ID */
	uint8_t digest[ARRIVAL_DIGEST];
	const uint8_t (*answers)[ARRIVAL_DIGEST]; /* of the ids that it answers */
	const char *const *answers_ids;           /* and those ids */
	size_t n_answers;
	/* What it says of the outbound whose copy it may be: its threads; the Message-ID it had
	 * before the provider gave it another; to whom it went under which subject. */
	const uint8_t (*names)[ARRIVAL_DIGEST];
	size_t n_names;
	bool has_original;
	uint8_t original[ARRIVAL_DIGEST];
	const uint8_t (*copies)[ARRIVAL_DIGEST];
	size_t n_copies;
	const char *const *addresses; /* whom it is addressed to */
	size_t n_addresses;
	const char *header_message_id, *subject;
	int64_t internal_at_us, detected_at_us;
	bool recovered;
	bool by_person; /* no machine's answer */
};

struct sent_seen {
	struct pg_tx tx;
	struct outcome outcome;
	bool fenced;
	void (*done)(struct sent_seen *q);
};
/* `grace_ms`: within this time an outbound is registered, or the mail was written by hand. */
int sent_seen_start(struct pg *pg, struct sent_seen *q, const struct folder_lease *l,
		    const char *folder, int64_t uidvalidity, const char *role, uint64_t grace_ms,
		    const struct sent_item *items, size_t n, void (*done)(struct sent_seen *));

/* ---- written by hand, and due: of all workspaces ---- */

#define SENT_DUE_MAX 100 /* in one answer */

struct sent_due {
	const char *workspace, *inbox, *inbox_address, *message; /* uuid, but the address */
	const char *digest;                                      /* hex; "" when it has none */
	const char *prospects; /* json: [{key, address, outbound_id, message_id}] */
	const char *header_message_id, *subject, *folder_role;
	int64_t sent_us, detected_us;
	bool recovered;
};
struct sent_dues {
	struct pg_tx tx;
	struct outcome outcome;
	int rows;
	/* Per row, by workspace; texts are good inside the call only. */
	void (*each)(struct sent_dues *q, const struct sent_due *d);
	void (*done)(struct sent_dues *q);
};
int sent_dues_start(struct pg *pg, struct sent_dues *q,
		    void (*each)(struct sent_dues *, const struct sent_due *),
		    void (*done)(struct sent_dues *));

struct sent_tell {
	struct pg_tx tx;
	struct outcome outcome;
	int events; /* that are new */
	void (*done)(struct sent_tell *q);
};
/* `items`: json, as manual_tell() in the schema wants them. */
int sent_tell_start(struct pg *pg, struct sent_tell *q, const char *workspace, const char *items,
		    void (*done)(struct sent_tell *));

#endif
