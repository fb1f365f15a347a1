#ifndef DB_API_KEY_H
#define DB_API_KEY_H

#include "base/sign.h"
#include "db/pg.h"
#include "db/presented.h"

/*
 * API keys.  The whole key is never stored: its SHA-256 opens its own row and no
 * other (policy `presented` in the schema).
 */
#define API_KEY_SCOPES 8

struct api_key_find {
	struct pg_tx tx;
	char presented[PRESENTED]; /* private */
	struct outcome outcome;
	enum { API_KEY_UNKNOWN, API_KEY_REVOKED, API_KEY_EXPIRED, API_KEY_GOOD } is;
	char workspace[37], api_key[37];
	char scopes[256]; /* " connect read gate " */
	void (*done)(struct api_key_find *q);
};
int api_key_find_start(struct pg *pg, struct api_key_find *q, const uint8_t digest[SIGN_SHA256],
		       void (*done)(struct api_key_find *));

/* It was used now.  Written once a minute at the most, whoever says so, and not waited for to be on
 * the disk. */
struct api_key_used {
	struct pg_tx tx;
	struct outcome outcome;
	void (*done)(struct api_key_used *q);
};
int api_key_used_start(struct pg *pg, struct api_key_used *q, const char *workspace,
		       const char *api_key, void (*done)(struct api_key_used *));
bool api_key_may(const struct api_key_find *q, const char *scope);

#endif
