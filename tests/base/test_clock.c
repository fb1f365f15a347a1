#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

static const struct {
	const char *in;
	int64_t us;
	const char *back; /* NULL: the same text with six digits */
} instants[] = {
	{ "1970-01-01T00:00:00.000000Z", 0, NULL },
	{ "1969-12-31T23:59:59.999999Z", -1, NULL },
	{ "2026-11-23T09:02:11.123456Z", 1795424531123456, NULL },
	{ "2000-02-29T00:00:00.000000Z", 951782400000000, NULL },
	{ "2024-02-29T12:00:00.000000Z", 1709208000000000, NULL },
	{ "1900-03-01T00:00:00.000000Z", -2203891200000000, NULL },
	{ "0000-01-01T00:00:00.000000Z", -62167219200000000, NULL },
	{ "9999-12-31T23:59:59.999999Z", 253402300799999999, NULL },
	/* lower case, fractions of other lengths, offsets */
	{ "2026-11-23t09:02:11z", 1795424531000000, "2026-11-23T09:02:11.000000Z" },
	{ "2026-11-23T09:02:11.5Z", 1795424531500000, "2026-11-23T09:02:11.500000Z" },
	{ "2026-11-23T09:02:11.1234567899Z", 1795424531123456, "2026-11-23T09:02:11.123456Z" },
	{ "2026-11-23T10:02:11+01:00", 1795424531000000, "2026-11-23T09:02:11.000000Z" },
	{ "2026-11-23T03:32:11-05:30", 1795424531000000, "2026-11-23T09:02:11.000000Z" },
	{ "2026-11-23T09:02:11-00:00", 1795424531000000, "2026-11-23T09:02:11.000000Z" },
	{ "2026-01-01T00:30:00+01:00", 1767223800000000, "2025-12-31T23:30:00.000000Z" },
	/* RFC 3339 section 5.8 */
	{ "1985-04-12T23:20:50.52Z", 482196050520000, "1985-04-12T23:20:50.520000Z" },
	{ "1996-12-19T16:39:57-08:00", 851042397000000, "1996-12-20T00:39:57.000000Z" },
	{ "1990-12-31T23:59:60Z", 662688000000000, "1991-01-01T00:00:00.000000Z" },
	{ "1990-12-31T15:59:60-08:00", 662688000000000, "1991-01-01T00:00:00.000000Z" },
	{ "1937-01-01T12:00:27.87+00:20", -1041337172130000, "1937-01-01T11:40:27.870000Z" },
};

static void instants_are_read_and_written(void **state)
{
	char s[CLOCK_TEXT];

	(void)state;
	for (size_t i = 0; i < countof(instants); i++) {
		const char *want = instants[i].back ? instants[i].back : instants[i].in;
		int64_t us = 42;

		if (clock_from_rfc3339(instants[i].in, &us) != 0 || us != instants[i].us)
			fail_msg("%s: %lld", instants[i].in, (long long)us);
		clock_rfc3339(us, s);
		if (strcmp(s, want) != 0)
			fail_msg("%s: written as %s", want, s);
	}
}

static void bad_ones_are_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"2026",
		"2026-11-23",
		"2026-11-23T09:02:11",
		"2026-11-23T09:02:11.Z",
		"2026-11-23T09:02:11,5Z",
		"2026-11-23T09:02Z",
		"2026-11-23 09:02:11Z",
		"2026-11-23T09:02:11Z ",
		" 2026-11-23T09:02:11Z",
		"2026-11-23T09:02:11ZZ",
		"2026-11-23T09:02:11+1:00",
		"2026-11-23T09:02:11+0100",
		"2026-11-23T09:02:11+01",
		"2026-11-23T09:02:11+24:00",
		"2026-11-23T09:02:11+00:60",
		"2026-11-23T24:00:00Z",
		"2026-11-23T23:60:00Z",
		"2026-11-23T23:59:61Z",
		"2026-11-23T12:00:60Z",
		"1990-12-31T23:59:60-08:00",
		"2026-00-01T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-32T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"2024-02-30T00:00:00Z",
		"26-11-23T09:02:11Z",
		"02026-11-23T09:02:11Z",
		"-026-11-23T09:02:11Z",
		"2026-1-23T09:02:11Z",
		"2026/11/23T09:02:11Z",
		"2026-11-23T9:02:11Z",
		"2026-11-23T09:02: 1Z",
		"20z6-11-23T09:02:11Z",
		"Mon, 23 Nov 2026 09:02:11 GMT",
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		int64_t us = 42;

		if (clock_from_rfc3339(rows[i], &us) != -EINVAL || us != 42)
			fail_msg("\"%s\" was taken", rows[i]);
	}
	for (size_t n = 0; n < strlen(instants[2].in); n++) {
		cleanup_free char *cut = mem_text_n(instants[2].in, n);
		int64_t us;

		if (clock_from_rfc3339(cut, &us) != -EINVAL)
			fail_msg("\"%s\" was taken", cut);
	}
}

/*
 * Against the C library, a day at a time with a drifting time of day, over leap years
 * and centuries.
 */
static void agrees_with_the_calendar(void **state)
{
	(void)state;
	for (int64_t s = INT64_C(-5364662400); s < INT64_C(7258118400); s += 86400 + 311) {
		char ours[CLOCK_TEXT], theirs[CLOCK_TEXT];
		time_t t = (time_t)s;
		struct tm tm;
		int64_t back;

		clock_rfc3339(s * 1000000, ours);
		assert_non_null(gmtime_r(&t, &tm));
		assert_true(strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S.000000Z", &tm));
		assert_string_equal(ours, theirs);
		assert_int_equal(clock_from_rfc3339(ours, &back), 0);
		assert_true(back == s * 1000000);
	}
}

static void far_instants_are_clipped(void **state)
{
	char s[CLOCK_TEXT];

	(void)state;
	clock_rfc3339(INT64_MAX, s);
	assert_string_equal(s, "9999-12-31T23:59:59.999999Z");
	clock_rfc3339(INT64_MIN, s);
	assert_string_equal(s, "0000-01-01T00:00:00.000000Z");
}

static void the_clocks_run(void **state)
{
	uint64_t was = clock_mono_ms();
	int64_t s = (int64_t)time(NULL);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_mono_ms();

		assert_true(now >= was);
		was = now;
	}
	assert_in_range(clock_unix_s() - s + 5, 0, 10);
	assert_in_range(clock_unix_us() / 1000000 - s + 5, 0, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instants_are_read_and_written),
		cmocka_unit_test(bad_ones_are_refused),
		cmocka_unit_test(agrees_with_the_calendar),
		cmocka_unit_test(far_instants_are_clipped),
		cmocka_unit_test(the_clocks_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
