#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "services/dispatch/lane.h"
#include "services/dispatch/lanes.h"

/* How much an endpoint is trusted with, and how the places are shared. */

static const struct {
	const char *name;
	const char *ends; /* one post after the other: + taken, - refused, 4 later, . nothing */
	enum lane_state state;
	int window;
	bool waits;
} rows[] = {
	{ "nothing known", "", LANE_HEALTHY, LANE_FIRST, false },
	{ "grows with what it takes", "++++", LANE_HEALTHY, LANE_FIRST + 4, false },
	{ "not beyond its own", "++++++++++++++++++++++++", LANE_HEALTHY, 16, false },
	{ "one event refused slows nobody", "++-+-+", LANE_HEALTHY, LANE_FIRST + 4, false },
	{ "ten in a row are the endpoint", "----------", LANE_PROBING, 1, true },
	{ "nine are not", "---------", LANE_HEALTHY, LANE_FIRST, false },
	{ "silence once", ".", LANE_SLOWED, LANE_FIRST / 2, false },
	{ "silence thrice", "...", LANE_PROBING, 1, true },
	{ "asked for peace", "4", LANE_SLOWED, LANE_FIRST / 2, true },
	{ "back after peace", "4+", LANE_HEALTHY, LANE_FIRST / 2 + 1, false },
	{ "back from being down", "...+", LANE_HEALTHY, LANE_FIRST + 1, false },
};

static enum lane_end end_of(char c)
{
	return c == '+' ? LANE_OK : c == '-' ? LANE_REFUSED : c == '4' ? LANE_LATER : LANE_NOTHING;
}

static void answers_make_the_state(void **state)
{
	struct rand_gen g;

	(void)state;
	rand_gen_seed(&g, 1);
	for (size_t i = 0; i < countof(rows); i++) {
		uint64_t now_ms = 1000000;
		struct lane l;

		lane_init(&l, LANE_HEALTHY, 16);
		for (const char *c = rows[i].ends; *c; c++) {
			now_ms += 2 * LANE_WAIT_MAX_MS; /* whatever it waited for is over */
			lane_began(&l, 1);
			(void)lane_ended(&l, 1, end_of(*c), 5, 0, now_ms, &g);
		}
		if (l.state != rows[i].state || l.window != rows[i].window ||
		    (lane_room(&l, now_ms) == 0) != rows[i].waits || l.under_way != 0)
			fail_msg("%s: %s, window %d, room %d", rows[i].name,
				 lane_state_word(l.state), l.window, lane_room(&l, now_ms));
	}
}

/* What went down together comes back as one: the pauses double once per round, up to a ceiling. */
static void pauses_grow_with_rounds_not_with_posts(void **state)
{
	uint64_t now_ms = 1, last = 0, wait = 0;
	struct rand_gen g;
	struct lane l;

	(void)state;
	rand_gen_seed(&g, 2);
	lane_init(&l, LANE_HEALTHY, 64);
	lane_began(&l, 64);
	for (int i = 0; i < 64; i++)
		wait = lane_ended(&l, 1, LANE_NOTHING, 15000, 0, now_ms, &g);
	assert_in_range(wait, LANE_WAIT_MS * 4 / 5, LANE_WAIT_MS);
	for (int round = 0; round < 10; round++) {
		now_ms += wait;
		assert_int_equal(lane_room(&l, now_ms), 1);
		lane_began(&l, 1);
		assert_int_equal(lane_room(&l, now_ms), 0);
		last = wait;
		wait = lane_ended(&l, 1, LANE_NOTHING, 15000, 0, now_ms, &g);
		assert_true(wait > last || wait >= LANE_WAIT_MAX_MS * 4 / 5);
		assert_true(wait <= LANE_WAIT_MAX_MS);
	}
	/* What it asks for counts, when it is longer. */
	lane_began(&l, 1);
	wait = lane_ended(&l, 1, LANE_LATER, 5, 3600000, now_ms + wait, &g);
	assert_int_equal(wait, 3600000);
}

static struct lanes_entry *meet(struct lanes *l, int n)
{
	const struct delivery_endpoint of = {
		.url = "u", .concurrency = 64, .batch = 1, .state = "healthy"
	};
	char id[RAND_UUID];
	struct delivery_due d = { .workspace = "w", .endpoint = id, .of = &of };

	(void)snprintf(id, sizeof(id), "e%d", n);
	return lanes_put(l, &d);
}

/* Endpoints that sit on their places leave at least half to those who give them back. */
static void the_slow_leave_half_to_the_quick(void **state)
{
	struct rand_gen g;
	struct lanes l;
	int slow = 0, first;

	(void)state;
	rand_gen_seed(&g, 3);
	lanes_init(&l, 100);
	for (int n = 0; n < 200; n++) {
		struct lanes_entry *e = meet(&l, n);

		e->posts = 1; /* so that it is not forgotten */
		e->used_ms = 1;
	}
	for (int turn = 0; turn < 50; turn++) {
		cleanup_buf struct buf rooms = { 0 };

		lanes_rooms(&l, 10, &rooms, &first);
		for (int n = 0; n < 200; n++) {
			char want[64];
			const char *at;
			int room;

			(void)snprintf(want, sizeof(want), "\"e%d\",\"room\":", n);
			at = strstr((const char *)rooms.data, want);
			assert_non_null(at);
			room = (int)strtol(at + strlen(want), NULL, 10);
			lane_began(&meet(&l, n)->lane, room);
			slow += room;
		}
	}
	assert_int_equal(slow, 50);
	assert_int_equal(lanes_free(&l), 50);
	assert_int_equal(first, 1); /* whoever is new has a place all the same */
	lanes_clear(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_make_the_state),
		cmocka_unit_test(pauses_grow_with_rounds_not_with_posts),
		cmocka_unit_test(the_slow_leave_half_to_the_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
