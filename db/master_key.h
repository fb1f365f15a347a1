#ifndef DB_MASTER_KEY_H
#define DB_MASTER_KEY_H

#include "base/vault.h"
#include "db/pg.h"

/*
 * Master keys as PostgreSQL knows them (0010_vault.sql): numbers and check
 * values, never keys.  As any role that holds some of the group.
 */
enum master_key_state { MASTER_KEY_HELD, MASTER_KEY_SEALING, MASTER_KEY_RETIRED };

struct master_key {
	unsigned id;
	enum master_key_state state;
	bool is_same; /* false: the one that was shown under this number is another key */
};

struct master_key_holder {
	const char *instance, *role, *host; /* uuid; "broker"; borrowed during the call */
	int pid;
	bool closes; /* boxes, not only opens them */
};

/* Say what `v` holds, and hear what all the keys of its group are for. */
struct master_key_join {
	struct pg_tx tx;
	struct outcome outcome;
	struct master_key keys[VAULT_KEYS * 2];
	size_t n;
	bool is_rotating;
	void (*done)(struct master_key_join *q);
};
int master_key_join_start(struct pg *pg, struct master_key_join *q, const struct vault *v,
			  const struct master_key_holder *h,
			  void (*done)(struct master_key_join *));

#endif
