#ifndef DB_LEASE_H
#define DB_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "db/pg.h"

/*
 * Which worker watches which inbox: whoever is named in its lease, at the epoch
 * that the taking raised.  Across workspaces, as replyd_ingest.
 *
 * All requests are embedded by the caller, zeroed before their first use, and
 * may be used again after `done`; 0 and -errno as pg_tx_start().
 */
#define LEASE_UUID 37

/* ---- inboxes ---- */

/* One inbox with its lease; texts are good inside the call only. */
struct lease_inbox {
	bool is_ours;    /* leased to the asker */
	bool is_claimed; /* the asker is named as its successor */
	bool is_leaving; /* somebody is */
	const char *workspace,
		*inbox; /* uuid; of one that is neither ours nor claimed only `inbox` */
	int64_t epoch;
	const char *admin_state; /* "enabled", "paused", "removed" */
	const char *address, *provider;
	const char *imap_host, *imap_security; /* "tls", "starttls" */
	int64_t imap_port;
	const char *login_name;
	int64_t token_version; /* of what there is to log in with; 0: nothing yet */
	bool is_live;          /* its worker says so */
	bool has_session;      /* he says, or said a moment ago, that he is in or on the way in */
	bool is_bereft;        /* who had it before died */
	int64_t retry_in_ms;   /* its server is not to be connected to before; 0: whenever */
};

/* What a worker's leases add up to: equal sums, equal leases. */
struct lease_sum {
	int64_t n, epochs, bits;
};
/* Add one lease to it. */
void lease_sum_add(struct lease_sum *sum, const char *inbox, int64_t epoch);

struct lease_list {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t free;    /* lease_walk: enabled inboxes of nobody, LEASE_FREE_MAX at the most */
	int64_t dead;    /* lease_walk: enabled inboxes of those that it names as dead */
	int64_t horizon; /* lease_walk: `since` of the next one */
	struct lease_sum sum; /* lease_walk with `with_sum` */
	void (*each)(struct lease_list *q,
		     const struct lease_inbox *i); /* before `done`, per row */
	void (*done)(struct lease_list *q);
};

#define LEASE_FREE_MAX 1000
struct lease_walk {
	const char *worker; /* the asker */
	/*
	 * 0: everything that is leased to the asker or claimed by it.  Else the horizon
	 * of an earlier walk: everything that changed since, whosever it is now; what was
	 * told before may be told again, nothing is left out.
	 */
	int64_t since;
	const char *const *also; /* inboxes of ours that are told in any case */
	size_t n_also;
	const char *const *dead; /* workers */
	size_t n_dead;
	bool with_sum;
};
/* The truth: what is leased to the asker now. */
int lease_walk_start(struct pg *pg, struct lease_list *q, const struct lease_walk *walk,
		     void (*each)(struct lease_list *, const struct lease_inbox *),
		     void (*done)(struct lease_list *));
/*
 * Take at most `most` inboxes that are enabled and nobody's, or of a worker named
 * in `dead` (n uuids).  Rows that somebody holds right now are passed over.  Rows of
 * dead workers that have nothing left are removed.
 */
int lease_take_start(struct pg *pg, struct lease_list *q, const char *worker,
		     const char *const *dead, size_t n_dead, int64_t most,
		     void (*each)(struct lease_list *, const struct lease_inbox *),
		     void (*done)(struct lease_list *));

struct lease_release {
	struct pg_tx tx;
	struct outcome outcome;
	bool is_all; /* and the others are told */
	void (*done)(struct lease_release *q);
};
/* Give `inbox` back, which is said of it as "unwatched"; NULL: all of them, the worker's row goes
 * too, and the others are told ("replyd_lease") before `done`.  What failed is asked for again. */
int lease_release_start(struct pg *pg, struct lease_release *q, const char *worker,
			const char *inbox, void (*done)(struct lease_release *));

/* ---- handover: the successor connects while the predecessor still watches ---- */

/*
 * Become the successor of at most `most` enabled inboxes of `donor`: of those that
 * nobody wanted to take over within the last LEASE_CLAIM_AGAIN_S seconds; `must_go`:
 * also of those where that has failed since; else the donor is left at least `keep`
 * that nobody claims.  A claim as old as that is no claim.
 */
#define LEASE_CLAIM_AGAIN_S 600
int lease_claim_start(struct pg *pg, struct lease_list *q, const char *worker, const char *donor,
		      bool must_go, int64_t keep, int64_t most,
		      void (*each)(struct lease_list *, const struct lease_inbox *),
		      void (*done)(struct lease_list *));

struct lease_succeed {
	struct pg_tx tx;
	struct outcome outcome;
	char inbox[LEASE_UUID];
	int64_t epoch; /* ours from here on; 0: the claim was void, nothing has changed */
	void (*won)(struct lease_succeed *q, const struct lease_inbox *i); /* before `done` */
	void (*done)(struct lease_succeed *q);
};
/* The lease of an inbox that `worker` is the successor of.  Waits for what its predecessor is
 * writing. */
int lease_succeed_start(struct pg *pg, struct lease_succeed *q, const char *worker,
			const char *inbox,
			void (*won)(struct lease_succeed *, const struct lease_inbox *),
			void (*done)(struct lease_succeed *));
/* Not the successor any more. */
int lease_unclaim_start(struct pg *pg, struct lease_release *q, const char *worker,
			const char *inbox, void (*done)(struct lease_release *));

/* ---- mails to look at again, of all inboxes of a worker ---- */

struct lease_recheck {
	const char *inbox, *folder; /* uuid */
	int64_t uidvalidity, uid;
};
struct lease_rechecks {
	struct pg_tx tx;
	struct outcome outcome;
	void (*each)(struct lease_rechecks *q, const struct lease_recheck *r);
	void (*done)(struct lease_rechecks *q);
};
int lease_rechecks_start(struct pg *pg, struct lease_rechecks *q, const char *worker,
			 void (*each)(struct lease_rechecks *, const struct lease_recheck *),
			 void (*done)(struct lease_rechecks *));

/* ---- for other files of db/ ---- */

/* "{uuid,uuid}", for a buffer with this ceiling. */
size_t lease_array_size(size_t n);
void lease_array(struct buf *b, const char *const *ids, size_t n);

#endif
