#ifndef SERVICES_KEYHOLDER_H
#define SERVICES_KEYHOLDER_H

#include <sys/stat.h>

#include "base/io/timer.h"
#include "db/master_key.h"
#include "services/resealer.h"
#include "services/role.h"

/*
 * The master keys of a role: what it was given (`key.<group>` is number 1,
 * `key.<group>.2` and on the others), and which of them seals, which PostgreSQL
 * says (db/master_key).  Until that is known its vaults open and do not close.
 *
 * New keys come while it runs: on the descriptor of --keys, or in its credential
 * file, which is read again when it has changed.  A process that lacks the key
 * that seals, or holds another one under its number, ends: it would only find
 * grants that do not open.
 */
enum keyholder_part {
	KEYHOLDER_OPENS,
	KEYHOLDER_CLOSES,
	KEYHOLDER_RESEALS, /* closes, and seals anew when a key is rotated */
	KEYHOLDER_KEEPS,   /* opens only, and seals anew */
};

#define KEYHOLDER_GROUPS 2

struct keyholder;
struct keyholder_group {
	struct keyholder *holder;
	struct vault vault;
	enum keyholder_part part;
	bool is_joined; /* at least once */
	uint64_t joined_ms;
	enum { KEYHOLDER_WAITING, KEYHOLDER_JOINING, KEYHOLDER_ASKED } state;
	bool is_rotating;
	struct master_key_join join;
	struct resealer resealer;
	struct reseal_count count;
	size_t counted; /* places */
};

struct keyholder {
	struct role *role;
	struct pg *pg; /* NULL: not started */
	struct timer timer;
	struct keyholder_group groups[KEYHOLDER_GROUPS];
	size_t n;
	struct stat file; /* the credential file as it was read */
	char host[128];
	bool has_failed;
	void (*ready)(void *owner);
	void *owner;
};

void keyholder_init(struct keyholder *k, struct role *r);
/* The vault of a group; it lives in `k`.  NULL after a line on stderr: no key of it was given, or a
 * wrong one. */
struct vault *keyholder_take(struct keyholder *k, const char *group, enum keyholder_part part);
/* `ready` is called once, when all groups know which key seals; may be NULL. */
void keyholder_start(struct keyholder *k, struct pg *pg, void (*ready)(void *owner), void *owner);
void keyholder_drop(struct keyholder *k);  /* safe when it was not started */
void keyholder_clear(struct keyholder *k); /* wipes the keys; after the loop has run out */
/* What the role ends with: `code`, or EX_CONFIG when it ended over its keys. */
int keyholder_code(const struct keyholder *k, int code);

#endif
