#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "oauth/forecast.h"

#define DAY      ((int64_t)24 * 3600)
#define NOW      ((int64_t)1800000000)
#define AGO(d)   (NOW - (int64_t)((d)*24 * 3600))
#define AHEAD(d) (NOW + (int64_t)((d)*24 * 3600))

#define GOOGLE    "https://oauth2.googleapis.com/token"
#define MICROSOFT "https://login.microsoftonline.com/common/oauth2/v2.0/token"
#define OTHER     "https://login.acme.test:8443/token"

static const struct {
	const char *name, *token_url;
	bool testing;
	struct forecast_grant g;
	enum forecast_stage stage;
	const char *reason;
	int64_t dies_at, again_least_s, again_most_s;
} rows[] = {
	{ "Google, in use",
	  GOOGLE,
	  false,
	  { AGO(400), AGO(0.1), 0, 1 },
	  FORECAST_NONE,
	  "",
	  0,
	  DAY,
	  DAY },
	{ "Google, 6 months unused in 20 days",
	  GOOGLE,
	  false,
	  { AGO(300), AGO(160), 0, 1 },
	  FORECAST_NONE,
	  "",
	  0,
	  DAY,
	  DAY },
	{ "Google, in 14.5 days: looked at when it is 14",
	  GOOGLE,
	  false,
	  { AGO(300), AGO(165.5), 0, 1 },
	  FORECAST_NONE,
	  "",
	  0,
	  DAY / 2,
	  DAY / 2 },
	{ "Google, 6 months unused in 13 days",
	  GOOGLE,
	  false,
	  { AGO(300), AGO(167), 0, 1 },
	  FORECAST_FAR,
	  "unused",
	  AHEAD(13),
	  DAY,
	  DAY },
	{ "Google, 6 months unused in 2 days",
	  GOOGLE,
	  false,
	  { AGO(300), AGO(178), 0, 1 },
	  FORECAST_NEAR,
	  "unused",
	  AHEAD(2),
	  DAY,
	  DAY },
	{ "Google, never refreshed since consent",
	  GOOGLE,
	  false,
	  { AGO(170), INT64_MIN, 0, 1 },
	  FORECAST_FAR,
	  "unused",
	  AHEAD(10),
	  DAY,
	  DAY },
	{ "Google testing, new",
	  GOOGLE,
	  true,
	  { AGO(0), AGO(0), 0, 1 },
	  FORECAST_NONE,
	  "",
	  0,
	  DAY,
	  DAY },
	{ "Google testing, half of it over",
	  GOOGLE,
	  true,
	  { AGO(3.6), AGO(0), 0, 1 },
	  FORECAST_FAR,
	  "testing_ends",
	  AHEAD(3.4),
	  DAY,
	  DAY },
	{ "Google testing, a day left",
	  GOOGLE,
	  true,
	  { AGO(6), AGO(0), 0, 1 },
	  FORECAST_NEAR,
	  "testing_ends",
	  AHEAD(1),
	  DAY,
	  DAY },
	{ "Google testing, over and not noticed",
	  GOOGLE,
	  true,
	  { AGO(8), AGO(0), 0, 1 },
	  FORECAST_NEAR,
	  "testing_ends",
	  AGO(1),
	  DAY,
	  DAY },
	{ "Google, consent for a time",
	  GOOGLE,
	  false,
	  { AGO(80), AGO(0), AHEAD(10), 1 },
	  FORECAST_NONE,
	  "",
	  0,
	  DAY,
	  DAY },
	{ "Google, consent for a time, said long ago",
	  GOOGLE,
	  false,
	  { AGO(80), AGO(20), AHEAD(10), 1 },
	  FORECAST_FAR,
	  "refresh_token_ends",
	  AHEAD(10),
	  DAY,
	  DAY },
	{ "Google, 89 tokens of one account",
	  GOOGLE,
	  false,
	  { AGO(80), AGO(0), 0, 89 },
	  FORECAST_NONE,
	  "",
	  0,
	  DAY,
	  DAY },
	{ "Google, 90 tokens of one account",
	  GOOGLE,
	  false,
	  { AGO(80), AGO(0), 0, 90 },
	  FORECAST_FAR,
	  "token_limit",
	  0,
	  DAY,
	  DAY },
	{ "Google, 90 tokens, and an end in sight",
	  GOOGLE,
	  true,
	  { AGO(6), AGO(0), 0, 90 },
	  FORECAST_NEAR,
	  "testing_ends",
	  AHEAD(1),
	  DAY,
	  DAY },
	{ "Microsoft, in use",
	  MICROSOFT,
	  false,
	  { AGO(400), AGO(0.05), 0, 500 },
	  FORECAST_NONE,
	  "",
	  0,
	  DAY,
	  DAY },
	{ "Microsoft, 90 days unused in 10",
	  MICROSOFT,
	  false,
	  { AGO(400), AGO(80), 0, 1 },
	  FORECAST_FAR,
	  "unused",
	  AHEAD(10),
	  DAY,
	  DAY },
	{ "Microsoft, 90 days unused in an hour",
	  MICROSOFT,
	  false,
	  { AGO(400), AGO(90) + 3600, 0, 1 },
	  FORECAST_NEAR,
	  "unused",
	  NOW + 3600,
	  DAY,
	  DAY },
	{ "the nearer of two ends is told",
	  GOOGLE,
	  true,
	  { AGO(6), AGO(6), AHEAD(0.5), 1 },
	  FORECAST_NEAR,
	  "refresh_token_ends",
	  AHEAD(0.5),
	  DAY,
	  DAY },
	{ "another, nothing known",
	  OTHER,
	  false,
	  { AGO(4000), AGO(4000), 0, 4000 },
	  FORECAST_NONE,
	  "",
	  0,
	  DAY,
	  DAY },
	{ "another, a rolling half hour in use",
	  OTHER,
	  false,
	  { AGO(40), NOW - 120, NOW + 1680, 1 },
	  FORECAST_NONE,
	  "",
	  0,
	  60,
	  800 },
	{ "another, a rolling half hour not rolled on",
	  OTHER,
	  false,
	  { AGO(40), NOW - 1700, NOW + 100, 1 },
	  FORECAST_NEAR,
	  "refresh_token_ends",
	  NOW + 100,
	  DAY,
	  DAY },
};

static void each_end_is_seen_coming(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct oauth_provider p = { .name = "p",
						  .token_url = rows[i].token_url,
						  .testing = rows[i].testing };
		struct forecast f;

		forecast_of(&p, &rows[i].g, NOW, &f);
		if (f.stage != rows[i].stage || strcmp(f.reason, rows[i].reason) != 0 ||
		    f.dies_at != rows[i].dies_at || f.again_s < rows[i].again_least_s ||
		    f.again_s > rows[i].again_most_s)
			fail_msg("%s: %s \"%s\" in %lld s, again in %lld s", rows[i].name,
				 forecast_stage_name(f.stage), f.reason,
				 (long long)(f.dies_at - NOW), (long long)f.again_s);
	}
}

/* However often one looks: each stage comes, in its order, and is not missed by sleeping. */
static void looking_when_told_misses_no_stage(void **state)
{
	const struct oauth_provider p = { .name = "p", .token_url = MICROSOFT };
	const struct forecast_grant g = { NOW, NOW, 0, 1 };
	enum forecast_stage before = FORECAST_NONE;
	int64_t far_at = 0, near_at = 0;

	(void)state;
	for (int64_t now = NOW; now < NOW + 90 * DAY;) {
		struct forecast f;

		forecast_of(&p, &g, now, &f);
		assert_true(f.stage >= before);
		assert_in_range(f.again_s, 60, DAY);
		if (f.stage == FORECAST_FAR && !far_at)
			far_at = now;
		if (f.stage == FORECAST_NEAR && !near_at)
			near_at = now;
		before = f.stage;
		now += f.again_s;
	}
	assert_in_range(NOW + 90 * DAY - far_at, FORECAST_FAR_S - 61, FORECAST_FAR_S);
	assert_in_range(NOW + 90 * DAY - near_at, FORECAST_NEAR_S - 61, FORECAST_NEAR_S);
}

static void a_secret_that_ends_is_the_operators(void **state)
{
	static const struct {
		int64_t ends_at;
		enum forecast_stage stage;
	} cases[] = {
		{ 0, FORECAST_NONE },          { AHEAD(20), FORECAST_NONE },
		{ AHEAD(13.9), FORECAST_FAR }, { AHEAD(2.9), FORECAST_NEAR },
		{ AGO(3), FORECAST_NEAR },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		const struct oauth_provider p = { .client_secret_ends_at = cases[i].ends_at };
		struct forecast f;

		forecast_secret(&p, NOW, &f);
		assert_int_equal(f.stage, cases[i].stage);
		assert_string_equal(f.reason, f.stage ? "client_secret_ends" : "");
	}
}

static void rules_go_by_the_host(void **state)
{
	(void)state;
	assert_int_equal(forecast_rules_of("https://OAUTH2.googleapis.com:443/token")->token_limit,
			 100);
	assert_int_equal(forecast_rules_of("https://login.microsoftonline.us/x/token")->unused_s,
			 90 * DAY);
	assert_int_equal(forecast_rules_of("https://evil.test/login.microsoftonline.com")->unused_s,
			 0);
	assert_int_equal(forecast_rules_of("https://oauth2.googleapis.com.evil.test/")->unused_s,
			 0);
	assert_int_equal(forecast_rules_of(NULL)->token_limit, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_is_seen_coming),
		cmocka_unit_test(looking_when_told_misses_no_stage),
		cmocka_unit_test(a_secret_that_ends_is_the_operators),
		cmocka_unit_test(rules_go_by_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
