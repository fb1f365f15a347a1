#ifndef TESTS_DB_STAGE_H
#define TESTS_DB_STAGE_H

#include "base/io/timer.h"
#include "base/netaddr.h"
#include "base/rand.h"
#include "db/gather.h"
#include "db/pg.h"
#include "db/session.h"
#include "ingest/mailbox.h"
#include "ingest/token_source.h"
#include "tests/db/imapd.h"
#include "tests/db/seed.h"

/*
 * Everything a mailbox needs, real but small: a seeded database, a pg as
 * replyd_ingest, an IMAP server that does what it is told, a token source of
 * three lines.  The inbox is SEED_A, leased at epoch 1 to SEED_WORKER.
 *
 * Events of the play are awaited as SQL: stage_until() runs the loop until a
 * query says "t".
 */
struct stage {
	struct loop loop;
	struct pg *pg;
	struct gather *gather;
	struct session *admin, *api;
	struct imapd imapd;
	struct netaddr_policy policy;
	struct rand_gen rand;
	struct secret master, workspace_key;
	struct log log;

	struct token_source tokens;
	const char *token; /* what it answers with */
	int64_t token_version;
	int64_t token_life_s; /* 0: for ever */
	int asked;
	int64_t asked_refused;  /* refused_version of the last ask */
	enum blame token_blame; /* BLAME_NONE: it answers fine */
	struct stage_ask *asks;

	struct mailbox *mailbox;
	struct folder_proofs proofs; /* they are written as they come */
	struct folder_proof proof;
	bool is_proving;
	struct mailbox_params mp; /* what stage_watch() gave it */
	struct provider_table providers;
	const char *host;     /* of the inbox; NULL: the imapd's */
	const char *provider; /* NULL: one that nobody knows */
	bool is_bereft;       /* who had it before died */
	bool is_wanting;      /* to be admitted */
	int wants, settled, losts, standbys;
	char settled_for[32]; /* reason of the last that settled badly; "" for good */
	char lost_for[32];
	char notes[2048]; /* codes of what it told, each with a blank behind it */
	char words[256];  /* of the last note */

	struct timer poll, limit;
	const char *awaited; /* SQL */
	bool (*holds)(struct stage *s);
	/* as the test wrote it */
	const char *holds_name;
	const char *(*tells)(struct stage *s); /* what else is said of one that fails; may be NULL
						*/
};

/* `database`: a name of its own per test. */
void stage_open(struct stage *s, const char *database);
/* On a database that another stage has opened, perhaps another process. */
void stage_join(struct stage *s, const char *database);
void stage_close(struct stage *s);

/* What a mailbox is given; the callbacks are the stage's. */
struct mailbox_params stage_params(struct stage *s);
/* Open the mailbox of SEED_A at this epoch, and admit it whenever it wants. */
void stage_watch(struct stage *s, int64_t epoch);
/* The same with other parameters. */
void stage_watch_as(struct stage *s, int64_t epoch, const struct mailbox_params *p);
/* The row of its provider, to be changed before that. */
struct provider_row *stage_provider(struct stage *s);

/* Run the loop until the query's first value is "t" (as the administrator, SEED_WS named). */
void stage_until(struct stage *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define stage_until_holds(s, holds) stage_until_named(s, holds, #holds)
void stage_until_named(struct stage *s, bool (*holds)(struct stage *s), const char *name);
void stage_for(struct stage *s, uint64_t ms); /* turns of the loop; only for "nothing happens" */
const char *stage_value(struct stage *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Register an outbound of SEED_A through the API's own statement. */
void stage_register(struct stage *s, const char *message_id, const char *prospect);

#endif
