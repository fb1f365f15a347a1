#include "services/api/key_use.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

struct key_used {
	struct list due;
	char workspace[37], key[37];
	uint64_t noted_ms; /* 0: never */
};

static void on_written(struct api_key_used *q);

void key_use_init(struct key_use *u, struct pg *pg)
{
	*u = (struct key_use){ .pg = pg };
	map_init(&u->keys);
	list_init(&u->due);
}

void key_use_clear(struct key_use *u)
{
	struct text id;
	void *used;

	if (!u->pg)
		return;
	for (size_t at = 0; map_next(&u->keys, &at, &id, &used);)
		free(used);
	map_clear(&u->keys);
	list_init(&u->due);
}

void key_use_note(struct key_use *u, const struct api_key_find *key, uint64_t now_ms)
{
	struct text id = text_of(key->api_key);
	struct key_used *k = map_get(&u->keys, id);

	if (k && now_ms - k->noted_ms < KEY_USE_EVERY_MS)
		return;
	if (!k) {
		if (map_count(&u->keys) >= KEY_USE_KEYS)
			key_use_clear(u);
		k = mem_new(sizeof(*k));
		list_init(&k->due);
		(void)snprintf(k->workspace, sizeof(k->workspace), "%s", key->workspace);
		(void)snprintf(k->key, sizeof(k->key), "%s", key->api_key);
		map_put(&u->keys, id, k);
	}
	k->noted_ms = now_ms;
	list_remove(&k->due);
	list_append(&u->due, &k->due);
}

void key_use_write(struct key_use *u)
{
	struct key_used *k;

	if (u->is_writing || list_is_empty(&u->due))
		return;
	k = container_of(list_first(&u->due), struct key_used, due);
	u->is_writing = api_key_used_start(u->pg, &u->write, k->workspace, k->key, on_written) == 0;
	if (u->is_writing)
		list_remove(&k->due);
}

/* One that failed is noted again with its next request, a minute later. */
static void on_written(struct api_key_used *q)
{
	struct key_use *u = container_of(q, struct key_use, write);

	u->is_writing = false;
	if (outcome_ok(&q->outcome))
		key_use_write(u);
}
