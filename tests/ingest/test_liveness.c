#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "ingest/liveness.h"

static const struct liveness_params params = { .silence_ms = 15000,
					       .grace_ms = 30000,
					       .blind_ms = 8000 };

/*
 * A play: "S:ab" a poll at second S that sees a and b, lower case with a moved
 * beat, upper case with the old one; "S:-" a poll that failed.  `dead`: who is at
 * the end.
 */
static const struct {
	const char *name, *play, *dead;
} rows[] = {
	{ "everybody beats", "0:ab 5:ab 10:ab 15:ab 20:ab", "" },
	{ "silence shorter than the lease", "0:ab 5:aB 10:aB 14:aB", "" },
	{ "fifteen seconds over polls that worked", "0:ab 5:aB 10:aB 15:aB", "b" },
	{ "a beat just before the end", "0:ab 5:aB 10:aB 14:ab 15:aB", "" },
	{ "one that was never seen to move, since it was first seen", "0:a 5:aB 10:aB 15:aB 19:aB",
	  "" },
	{ "and then long enough", "0:a 5:aB 10:aB 15:aB 20:aB", "b" },
	{ "time that we did not look does not count", "0:ab 5:aB 30:aB", "" },
	{ "nor does a failed poll in between", "0:ab 5:aB 8:- 10:aB 15:aB 20:aB", "" },
	{ "after an outage everybody gets a grace",
	  "0:ab 5:- 10:aB 15:aB 20:aB 25:aB 30:aB 35:aB 39:aB", "" },
	{ "and not more than that", "0:ab 5:- 10:aB 15:aB 20:aB 25:aB 30:aB 35:aB 40:aB", "b" },
	{ "a second outage begins the grace anew",
	  "0:ab 5:- 10:aB 15:aB 20:- 25:aB 30:aB 35:aB 40:aB 45:aB 50:aB 54:aB", "" },
	{ "we were stopped ourselves: as blind as in an outage",
	  "0:ab 5:aB 60:aB 65:aB 70:aB 75:aB 80:aB 85:aB", "" },
	{ "a row that is gone is nobody", "0:ab 5:aB 10:aB 15:a 20:a", "" },
	{ "back under the same name: a new life", "0:ab 5:aB 10:a 15:aB 20:aB 25:aB", "" },
	{ "failures before the first look are no outage", "0:- 5:- 10:ab 15:aB 20:aB 25:aB", "b" },
	{ "all of them", "0:abc 5:ABC 10:ABC 15:ABC", "abc" },
};

static void poll(struct liveness *l, const char *who, int64_t beats[26], uint64_t now_ms)
{
	liveness_begin(l, now_ms);
	for (; *who && *who != ' '; who++) {
		char id[2] = { (char)(*who | 0x20), '\0' };

		if (*who & 0x20)
			beats[id[0] - 'a']++;
		liveness_saw(l, id, beats[id[0] - 'a'], now_ms);
	}
	liveness_end(l);
}

static void plays(void **state)
{
	static struct liveness l;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		int64_t beats[26] = { 0 };
		const char *at = rows[i].play, *dead[26];
		char got[27] = "";
		uint64_t now_ms = 0;
		size_t n;

		liveness_init(&l, &params);
		while (*at) {
			now_ms = 100000 + strtoull(at, NULL, 10) * 1000;
			at = strchr(at, ':') + 1;
			if (*at == '-')
				liveness_blind(&l);
			else
				poll(&l, at, beats, now_ms);
			at += strcspn(at, " ");
			at += *at == ' ';
		}
		n = liveness_dead(&l, now_ms, dead, countof(dead));
		for (size_t k = 0; k < n; k++)
			got[k] = dead[k][0];
		if (strcmp(got, rows[i].dead) != 0)
			fail_msg("%s: \"%s\" are dead, \"%s\" should be", rows[i].name, got,
				 rows[i].dead);
		assert_int_equal(liveness_alive(&l, now_ms), l.n - n);
	}
}

/*
 * Random lives: workers beat every two seconds until they stop, polls come and
 * fail and are late.  Nobody who beats is ever dead, and who stopped is dead in
 * the end.
 */
static void never_the_living(void **state)
{
	static struct liveness l;
	enum { WORKERS = 8 };

	(void)state;
	for (unsigned seed = 1; seed <= 300; seed++) {
		uint64_t stops_ms[WORKERS], now_ms = 1000;
		struct rand_gen g;
		const char *dead[WORKERS];
		size_t n = 0;

		rand_gen_seed(&g, seed);
		liveness_init(&l, &params);
		for (size_t i = 0; i < WORKERS; i++)
			stops_ms[i] =
				rand_gen_below(&g, 4) ? UINT64_MAX : rand_gen_below(&g, 200000);
		while (now_ms < 400000) {
			bool quiet =
				now_ms >
				250000; /* then all goes well, so that the dead must be found */

			now_ms += 1500 + rand_gen_below(&g, 1000);
			if (!quiet && rand_gen_below(&g, 12) == 0)
				now_ms += rand_gen_below(
					&g, 60000); /* we are stopped, or the server is away */
			if (!quiet && rand_gen_below(&g, 10) == 0) {
				liveness_blind(&l);
				continue;
			}
			liveness_begin(&l, now_ms);
			for (size_t i = 0; i < WORKERS; i++) {
				uint64_t until_ms = now_ms < stops_ms[i] ? now_ms : stops_ms[i];
				char id[2] = { (char)('a' + i), '\0' };

				liveness_saw(&l, id, (int64_t)(until_ms / 2000), now_ms);
			}
			liveness_end(&l);
			n = liveness_dead(&l, now_ms, dead, countof(dead));
			for (size_t k = 0; k < n; k++)
				if (stops_ms[dead[k][0] - 'a'] + params.silence_ms - 2000 > now_ms)
					fail_msg("seed %u: %s is dead at %llu", seed, dead[k],
						 (unsigned long long)now_ms);
		}
		for (size_t i = 0; i < WORKERS; i++)
			n -= stops_ms[i] != UINT64_MAX;
		if (n != 0)
			fail_msg("seed %u: a dead worker was not found", seed);
	}
}

/* Who started its successor knows: neither silence nor grace is waited for. */
static void who_is_told_dead_is_dead(void **state)
{
	const struct liveness_params p = { .silence_ms = 15000,
					   .grace_ms = 30000,
					   .blind_ms = 8000 };
	const char *dead[LIVENESS_MAX];
	struct liveness l;

	(void)state;
	liveness_init(&l, &p);
	liveness_begin(&l, 1000);
	liveness_saw(&l, "one", 7, 1000);
	liveness_saw(&l, "two", 3, 1000);
	liveness_told_dead(&l, "one");
	liveness_told_dead(&l, "nobody");
	liveness_end(&l);
	assert_int_equal(liveness_dead(&l, 1000, dead, LIVENESS_MAX), 1);
	assert_string_equal(dead[0], "one");
	/* it was wrong: it beats */
	liveness_begin(&l, 2000);
	liveness_saw(&l, "one", 8, 2000);
	liveness_saw(&l, "two", 4, 2000);
	liveness_end(&l);
	assert_int_equal(liveness_dead(&l, 2000, dead, LIVENESS_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_told_dead_is_dead),
		cmocka_unit_test(plays),
		cmocka_unit_test(never_the_living),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
