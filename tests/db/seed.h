#ifndef TESTS_DB_SEED_H
#define TESTS_DB_SEED_H

#include "db/session.h"

/* Two workspaces to work in, as the administrator puts them there. */
#define SEED_WS       "10000000-0000-4000-8000-000000000001" /* "one": inboxes A and B */
#define SEED_OTHER    "10000000-0000-4000-8000-000000000002" /* "two": inbox C */
#define SEED_A        "20000000-0000-4000-8000-00000000000a"
#define SEED_B        "20000000-0000-4000-8000-00000000000b"
#define SEED_C        "20000000-0000-4000-8000-00000000000c"
#define SEED_FOLDER_A "30000000-0000-4000-8000-00000000000a" /* INBOX of A, UIDVALIDITY 7 */
#define SEED_FOLDER_B "30000000-0000-4000-8000-00000000000b"
#define SEED_FOLDER_C "30000000-0000-4000-8000-00000000000c"
#define SEED_WORKER   "40000000-0000-4000-8000-000000000001" /* has all leases, at epoch 1 */
#define SEED_ENDPOINT "50000000-0000-4000-8000-000000000001" /* of SEED_WS, all types */

/* How many events there are beside those that follow from others: a prospect stopped, an inbox
 * fares otherwise. */
#define SEED_EVENTS                                                                                \
	"select count(*) from replyd.event where type not in ('prospect.stopped', "                \
	"'inbox.state_changed', 'inbox.throttled')"

/* A database with migrations and the seed. */
const char *seed_database(const char *name);
/* The administrator's session on it, and one of a role that has named SEED_WS for all of its
 * transactions. */
struct session *seed_session(const char *database, const char *role);

#endif
