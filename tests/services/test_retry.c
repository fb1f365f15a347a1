#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "services/dispatch/retry.h"

static const uint64_t schedule[] = { 0, 5000, 300000, 1800000 };

static const struct {
	const char *name;
	enum blame blame;
	const char *what;
	long status;
	int64_t retry_after_s;
	int try;
	enum receipt_fate fate;
	const char *word;
	uint64_t least_ms, most_ms;
} rows[] = {
	{ "200", BLAME_NONE, "ok", 200, -1, 1, RECEIPT_DELIVERED, "delivered", 0, 0 },
	{ "204", BLAME_NONE, "ok", 204, -1, 3, RECEIPT_DELIVERED, "delivered", 0, 0 },
	{ "a redirect is no success", BLAME_NONE, "ok", 301, -1, 1, RECEIPT_AGAIN, "refused", 4000,
	  6000 },
	{ "404", BLAME_NONE, "ok", 404, -1, 1, RECEIPT_AGAIN, "refused", 4000, 6000 },
	{ "500, second try", BLAME_NONE, "ok", 500, -1, 2, RECEIPT_AGAIN, "refused", 240000,
	  360000 },
	{ "410 ends it", BLAME_NONE, "ok", 410, -1, 1, RECEIPT_GONE, "gone", 0, 0 },
	{ "429 waits as told", BLAME_NONE, "ok", 429, 60, 1, RECEIPT_AGAIN, "refused", 60000,
	  60000 },
	{ "429 told less than the schedule", BLAME_NONE, "ok", 429, 1, 2, RECEIPT_AGAIN, "refused",
	  240000, 360000 },
	{ "503 told a year", BLAME_NONE, "ok", 503, 31536000, 1, RECEIPT_AGAIN, "refused",
	  RETRY_AFTER_MAX_MS, RETRY_AFTER_MAX_MS },
	{ "500 may not say when", BLAME_NONE, "ok", 500, 3600, 1, RECEIPT_AGAIN, "refused", 4000,
	  6000 },
	{ "connection refused", BLAME_NET, "tcp connect", 0, -1, 1, RECEIPT_AGAIN, "network", 4000,
	  6000 },
	{ "no answer in time", BLAME_NET, "timeout", 0, -1, 1, RECEIPT_AGAIN, "timeout", 4000,
	  6000 },
	{ "address not allowed", BLAME_REFUSED, "address not allowed", 0, -1, 1, RECEIPT_AGAIN,
	  "not_allowed", 4000, 6000 },
	{ "bad certificate", BLAME_PEER, "tls", 0, -1, 3, RECEIPT_AGAIN, "network", 1440000,
	  2160000 },
	{ "the schedule ends", BLAME_NONE, "ok", 500, -1, 4, RECEIPT_DEAD, "refused", 0, 0 },
	{ "beyond its end", BLAME_NONE, "ok", 500, -1, 9, RECEIPT_DEAD, "refused", 0, 0 },
};

static void table(void **state)
{
	struct rand_gen g;

	(void)state;
	rand_gen_seed(&g, 1);
	for (size_t i = 0; i < countof(rows); i++) {
		for (int k = 0; k < 100; k++) { /* the jitter stays inside */
			const struct retry_answer a = { outcome_of(rows[i].blame, rows[i].what,
								   TEXT("")),
							rows[i].status, rows[i].retry_after_s };
			struct retry_verdict v =
				retry_decide(&a, rows[i].try, schedule, countof(schedule), &g);

			if (v.fate != rows[i].fate || strcmp(v.word, rows[i].word) != 0 ||
			    v.wait_ms < rows[i].least_ms || v.wait_ms > rows[i].most_ms)
				fail_msg("%s: fate %d word %s wait %llu", rows[i].name, (int)v.fate,
					 v.word, (unsigned long long)v.wait_ms);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(table) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
