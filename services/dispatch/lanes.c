#include "services/dispatch/lanes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_text.h"
#include "base/mem.h"

#define SHARE 4 /* of what is free, nobody has more than this part */

void lanes_init(struct lanes *l, int places)
{
	map_init(&l->by_endpoint);
	l->places = places;
}

void lanes_forget(struct lanes_entry *e)
{
	for (size_t i = 0; i < LANES_HEADERS; i++) {
		if (e->headers[i])
			secret_wipe(e->headers[i], strlen(e->headers[i]));
		free(e->headers[i]);
		e->headers[i] = NULL;
	}
	secret_clear(&e->secret);
	secret_clear(&e->secret_old);
	secret_clear(&e->client);
}

static void entry_free(struct lanes_entry *e)
{
	lanes_forget(e);
	free(e->url);
	free(e);
}

void lanes_clear(struct lanes *l)
{
	struct text key;
	size_t at = 0;
	void *e;

	while (map_next(&l->by_endpoint, &at, &key, &e))
		entry_free(e);
	map_clear(&l->by_endpoint);
}

struct lanes_entry *lanes_get(struct lanes *l, const char *endpoint)
{
	return map_get(&l->by_endpoint, text_of(endpoint));
}

struct lanes_entry *lanes_put(struct lanes *l, const struct delivery_due *d)
{
	struct lanes_entry *e = lanes_get(l, d->endpoint);

	if (!e) {
		e = mem_new(sizeof(*e));
		lane_init(&e->lane, lane_state_of(d->of->state), d->of->concurrency * d->of->batch);
		(void)snprintf(e->workspace, sizeof(e->workspace), "%s", d->workspace);
		(void)snprintf(e->endpoint, sizeof(e->endpoint), "%s", d->endpoint);
		(void)map_put(&l->by_endpoint, text_of(e->endpoint), e);
	}
	if (e->url && strcmp(e->url, d->of->url) != 0 && !e->posts)
		lane_init(&e->lane, LANE_HEALTHY, d->of->concurrency * d->of->batch);
	/* A post under way has its own place in curl, but borrows this text until it starts. */
	free(e->url);
	e->url = mem_text(d->of->url);
	e->timeout_ms = d->of->timeout_ms;
	e->batch = d->of->batch;
	lane_allow(&e->lane, d->of->concurrency * d->of->batch);
	return e;
}

static void count(const struct lanes *l, int *ret_under_way, int *ret_slow)
{
	struct text key;
	size_t at = 0;
	void *p;

	*ret_under_way = *ret_slow = 0;
	while (map_next(&l->by_endpoint, &at, &key, &p)) {
		const struct lanes_entry *e = p;

		*ret_under_way += e->lane.under_way;
		if (lane_is_slow(&e->lane))
			*ret_slow += e->lane.under_way;
	}
}

int lanes_free(const struct lanes *l)
{
	int under_way, slow;

	count(l, &under_way, &slow);
	return l->places > under_way ? l->places - under_way : 0;
}

static int at_most(int n, int most)
{
	return n < most ? n : most;
}

void lanes_rooms(struct lanes *l, uint64_t now_ms, struct buf *ret, int *ret_first)
{
	struct json_text j = json_text_to(ret);
	int under_way, slow, free_places, for_slow, room;
	struct text key;
	size_t at = 0;
	void *p;

	buf_init(ret, LANES_ROOMS);
	count(l, &under_way, &slow);
	free_places = l->places > under_way ? l->places - under_way : 0;
	for_slow = l->places / 2 > slow ? l->places / 2 - slow : 0;
	for_slow = at_most(for_slow, free_places);
	json_text_open(&j, NULL, '[');
	while (map_next(&l->by_endpoint, &at, &key, &p)) {
		struct lanes_entry *e = p;

		if (!e->posts && now_ms > e->used_ms + LANES_IDLE_MS &&
		    e->lane.not_before_ms <= now_ms) {
			(void)map_remove(&l->by_endpoint, text_of(e->endpoint));
			entry_free(e);
			continue;
		}
		/* What it is to wait for stands in its row, once its receipts are kept: there its
		 * owner may have ended the wait, with another URL. */
		room = e->posts ? lane_room(&e->lane, now_ms) : e->lane.window;
		room = at_most(room, free_places / SHARE + 1);
		if (lane_is_slow(&e->lane)) {
			room = at_most(room, for_slow);
			for_slow -= room;
		}
		json_text_open(&j, NULL, '{');
		json_text_string(&j, "endpoint_id", e->endpoint);
		json_text_int(&j, "room", room);
		json_text_close(&j, '}');
	}
	json_text_close(&j, ']');
	/* Whoever is new has a place as long as there is one. */
	*ret_first = at_most(LANE_FIRST, for_slow > 0 ? for_slow : at_most(1, free_places));
}
