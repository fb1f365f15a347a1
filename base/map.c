#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"

struct map_item {
	char *key; /* NULL: a hole */
	size_t len;
	uint64_t hash;
	void *value;
};

#define SMALLEST 16 /* places in the table; half of them can be items */

/*
 * What stands in the table: nothing yet, nothing any more, or the index of an item
 * behind these two.
 */
#define FREE  0U
#define GONE  1U
#define FIRST 2U

static uint64_t turn(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = turn(v[1], 13) ^ v[0];
	v[0] = turn(v[0], 32);
	v[2] += v[3];
	v[3] = turn(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = turn(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = turn(v[1], 17) ^ v[2];
	v[2] = turn(v[2], 32);
}

/* Little-endian, whatever the machine is. */
static uint64_t word_of(const uint8_t *p, size_t n)
{
	uint64_t w = 0;

	for (size_t i = 0; i < n; i++)
		w |= (uint64_t)p[i] << 8 * i;
	return w;
}

uint64_t map_hash(const uint8_t seed[16], struct text t)
{
	uint64_t k0 = word_of(seed, 8), k1 = word_of(seed + 8, 8);
	uint64_t v[4] = {
		k0 ^ UINT64_C(0x736f6d6570736575),
		k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261),
		k1 ^ UINT64_C(0x7465646279746573),
	};
	size_t whole = t.len / 8 * 8;

	for (size_t i = 0; i <= whole; i += 8) {
		size_t n = i < whole ? 8 : t.len - whole;
		uint64_t w = n ? word_of((const uint8_t *)t.at + i, n) : 0;

		if (i == whole)
			w |= (uint64_t)t.len << 56;
		v[3] ^= w;
		sip_round(v);
		sip_round(v);
		v[0] ^= w;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m)
{
	*m = (struct map){ 0 };
}

void map_clear(struct map *m)
{
	for (size_t i = 0; i < m->n_items; i++)
		free(m->items[i].key);
	free(m->items);
	free(m->table);
	map_init(m);
}

size_t map_count(const struct map *m)
{
	return m->n;
}

/* Room for `n_table` / 2 items, holes closed, every key in its place of a new table. */
static void rebuild(struct map *m, size_t n_table)
{
	struct map_item *items = mem_new(n_table / 2 * sizeof(*items));
	uint32_t *table = mem_new(n_table * sizeof(*table));
	size_t n = 0;

	assert(n_table / 2 < UINT32_MAX - FIRST);
	for (size_t i = 0; i < m->n_items; i++) {
		size_t place = m->items[i].hash & (n_table - 1);

		if (!m->items[i].key)
			continue;
		while (table[place] != FREE)
			place = (place + 1) & (n_table - 1);
		table[place] = (uint32_t)n + FIRST;
		items[n++] = m->items[i];
	}
	free(m->items);
	free(m->table);
	m->items = items;
	m->table = table;
	m->n_items = n;
	m->n_table = n_table;
}

/* Where in the table this key stands; SIZE_MAX: nowhere. */
static size_t find(const struct map *m, struct text key)
{
	uint64_t hash;
	size_t place;

	if (!m->n)
		return SIZE_MAX;
	hash = map_hash(m->seed, key);
	/* Ends: at most half of the places are or were items. */
	for (place = hash & (m->n_table - 1); m->table[place] != FREE;
	     place = (place + 1) & (m->n_table - 1)) {
		const struct map_item *item;

		if (m->table[place] == GONE)
			continue;
		item = &m->items[m->table[place] - FIRST];
		if (item->hash == hash && text_eq((struct text){ item->key, item->len }, key))
			return place;
	}
	return SIZE_MAX;
}

void *map_get(const struct map *m, struct text key)
{
	size_t place = find(m, key);

	return place == SIZE_MAX ? NULL : m->items[m->table[place] - FIRST].value;
}

void *map_put(struct map *m, struct text key, void *value)
{
	size_t place = find(m, key);
	struct map_item *item;
	void *was;

	assert(value);
	if (place != SIZE_MAX) {
		item = &m->items[m->table[place] - FIRST];
		was = item->value;
		item->value = value;
		return was;
	}
	if (!m->n_table)
		rand_bytes(m->seed, sizeof(m->seed));
	/* Every place that is not free is an item or the hole of one, so this bounds both. */
	if (m->n_items == m->n_table / 2) {
		size_t n_table = SMALLEST;

		while (n_table / 4 < m->n + 1)
			n_table *= 2;
		rebuild(m, n_table);
	}
	item = &m->items[m->n_items];
	*item = (struct map_item){
		.key = mem_text_n(key.at, key.len),
		.len = key.len,
		.hash = map_hash(m->seed, key),
		.value = value,
	};
	for (place = item->hash & (m->n_table - 1); m->table[place] != FREE;)
		place = (place + 1) & (m->n_table - 1);
	m->table[place] = (uint32_t)m->n_items + FIRST;
	m->n_items++;
	m->n++;
	return NULL;
}

void *map_remove(struct map *m, struct text key)
{
	size_t place = find(m, key);
	struct map_item *item;
	void *value;

	if (place == SIZE_MAX)
		return NULL;
	item = &m->items[m->table[place] - FIRST];
	value = item->value;
	free(item->key);
	*item = (struct map_item){ 0 };
	m->table[place] = GONE;
	m->n--;
	if (!m->n && m->n_table > SMALLEST)
		map_clear(m);
	return value;
}

bool map_next(const struct map *m, size_t *at, struct text *ret_key, void **ret_value)
{
	while (*at < m->n_items) {
		const struct map_item *item = &m->items[(*at)++];

		if (!item->key)
			continue;
		*ret_key = (struct text){ item->key, item->len };
		*ret_value = item->value;
		return true;
	}
	return false;
}
