#ifndef SERVICES_API_KEY_USE_H
#define SERVICES_API_KEY_USE_H

#include "base/list.h"
#include "base/map.h"
#include "db/api_key.h"

/*
 * When each API key was last used, written beside the requests and never before their answers: at
 * most once a minute per key, one at a time, without waiting for the disk.  A crash costs the last
 * second of it.
 */
#define KEY_USE_EVERY_MS 60000
#define KEY_USE_KEYS     4096 /* remembered; beyond that all are forgotten, and written once more */

struct key_use {
	struct pg *pg;
	struct map keys; /* key_used, by id */
	struct list due;
	struct api_key_used write;
	bool is_writing;
};

void key_use_init(struct key_use *u, struct pg *pg);
/* A request with this key was let in. */
void key_use_note(struct key_use *u, const struct api_key_find *key, uint64_t now_ms);
/* From time to time: begin to write what was noted. */
void key_use_write(struct key_use *u);
void key_use_clear(struct key_use *u); /* safe on zeros */

#endif
