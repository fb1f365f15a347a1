#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/classify/classify_date.h"
#include "ingest/classify/classify_followup.h"
#include "ingest/mime/mime_fold.h"

#define FRIDAY_4_SEPTEMBER_2026   INT64_C(1788516000)
#define THE_28TH_OF_DECEMBER_2026 INT64_C(1798452000)

static const struct {
	const char *in, *want; /* "" where nothing is certain */
} rows[] = {
	/* forms */
	{ "I am back on 2026-09-14.", "2026-09-14" },
	{ "I am back on 14 September 2026.", "2026-09-14" },
	{ "I am back on September 14, 2026.", "2026-09-14" },
	{ "I am back on Monday, September 14th.", "2026-09-14" },
	{ "I will return on the 14th of September", "2026-09-14" },
	{ "Back: 14.09.2026", "2026-09-14" },
	{ "Back: 14.9.", "2026-09-14" },
	{ "Back 14/9", "2026-09-14" },
	{ "Back on 24/09/2026", "2026-09-24" },
	{ "Back on 09/24/2026", "2026-09-24" },
	{ "Back on 10/10/2026", "2026-10-10" },
	{ "Back on 9/10/2026", "" },
	{ "back on 14 Sept", "2026-09-14" },
	{ "back in October 2026", "" },
	{ "back on Monday", "" },
	{ ". back on Monday", "" },
	{ "back at 17.30", "" },
	{ "back on 31 September", "" },
	{ "back on 0 September", "" },
	{ "back on 99999999999999999999 September", "" },
	/* the end of an absence */
	{ "I am away until 14 September.", "2026-09-14" },
	{ "I am away through 11 September.", "2026-09-12" },
	{ "away from 5 to 11 September", "2026-09-12" },
	{ "away until 11 September and back on 14 September", "2026-09-14" },
	{ "back on 14 September, away until 11 September", "2026-09-14" },
	{ "away until 30 September included", "2026-10-01" },
	/* languages */
	{ "Ich bin bis zum 11.09.2026 nicht im Büro.", "2026-09-11" },
	{ "Ich bin bis einschließlich 11.09. nicht im Büro.", "2026-09-12" },
	{ "Ab dem 14. September bin ich wieder da.", "2026-09-14" },
	{ "Am 14.09.2026 bin ich wieder erreichbar.", "2026-09-14" },
	{ "Ich bin wieder da ab KW 38.", "2026-09-14" },
	{ "Bis KW 37 bin ich im Urlaub.", "2026-09-14" },
	{ "Bis einschließlich KW 37/38 im Urlaub.", "2026-09-21" },
	{ "Ab dem 14.9. wieder da, bis zum 30.9. nur halbtags.", "2026-09-14" },
	{ "wieder am 9/10/2026", "2026-10-09" },
	{ "Je serai de retour le 14 septembre 2026.", "2026-09-14" },
	{ "Absent jusqu'au 11 septembre inclus.", "2026-09-12" },
	{ "absente du 5 au 11 septembre", "2026-09-12" },
	{ "de retour le 1er octobre", "2026-10-01" },
	{ "Estaré fuera hasta el 14 de septiembre de 2026", "2026-09-14" },
	{ "Me reincorporo el lunes 14 de septiembre", "2026-09-14" },
	{ "Rientrerò il 14 settembre", "2026-09-14" },
	{ "Sono in ferie fino al 11/09/2026 compreso", "2026-09-12" },
	{ "Estarei de volta a 14 de setembro", "2026-09-14" },
	{ "Ik ben terug op 14 september", "2026-09-14" },
	{ "afwezig t/m 11 september", "2026-09-12" },
	{ "Jag är tillbaka den 14 september", "2026-09-14" },
	{ "Jeg er tilbage den 14. september", "2026-09-14" },
	{ "Palaan 14.9.2026", "2026-09-14" },
	{ "Wracam 14 września", "2026-09-14" },
	/* nothing is guessed */
	{ "I was back on 2026-08-01.", "" },
	{ "until 1 July 2028", "" },
	{ "until 3 September", "" },
	{ "I will get back to you by 14 September.", "" },
	{ "Our fair is on 14 September.", "" },
	{ "until further notice. The fair is on 14 September", "" },
	{ "tomorrow 14 September", "" },
	{ "", "" },
};

static bool find(const char *in, int64_t received_at, struct classify_date *ret)
{
	struct buf b;
	bool found;

	buf_init(&b, 1000);
	mime_fold_add(&b, text_of(in));
	found = classify_date_return((struct text){ (const char *)b.data, b.len }, received_at,
				     ret);
	if (found)
		assert_true(ret->where.at >= (const char *)b.data &&
			    ret->where.at + ret->where.len <= (const char *)b.data + b.len);
	buf_clear(&b);
	return found;
}

static void first_day_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct classify_date d = { .day = "" };

		if (!find(rows[i].in, FRIDAY_4_SEPTEMBER_2026, &d))
			d.day[0] = '\0';
		if (strcmp(d.day, rows[i].want) != 0)
			fail_msg("\"%s\": \"%s\", want \"%s\"", rows[i].in, d.day, rows[i].want);
	}
}

/* A day without a year is the next one: in December that is next year's January. */
static void the_turn_of_the_year(void **state)
{
	static const struct {
		const char *in, *want;
	} turn[] = {
		{ "back on 4 January", "2027-01-04" },
		{ "zurück ab KW 1", "2027-01-04" },
		{ "back on 29 February", "" }, /* 2027 has none */
		{ "away until 31 December inclusive", "2027-01-01" },
		{ "back on 27 December", "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(turn); i++) {
		struct classify_date d = { .day = "" };

		if (!find(turn[i].in, THE_28TH_OF_DECEMBER_2026, &d))
			d.day[0] = '\0';
		if (strcmp(d.day, turn[i].want) != 0)
			fail_msg("\"%s\": \"%s\"", turn[i].in, d.day);
	}
}

static void a_plain_date(void **state)
{
	struct classify_date d;

	(void)state;
	assert_true(classify_date_plain(TEXT("2026-09-10t14:59:59z"), FRIDAY_4_SEPTEMBER_2026,
					false, &d));
	assert_string_equal(d.day, "2026-09-10");
	assert_false(classify_date_plain(TEXT("2020-01-10t14:59:59z"), FRIDAY_4_SEPTEMBER_2026,
					 false, &d));
}

static void any_clock(void **state)
{
	static const int64_t clocks[] = {
		0, -1, INT64_C(-62135596800), INT64_C(253402300799), INT64_MIN + 1, INT64_MAX
	};
	struct classify_date d;

	(void)state;
	for (size_t i = 0; i < countof(clocks); i++)
		(void)find("back on 14 September, or KW 38, or 2026-09-14", clocks[i], &d);
	/* a mail that nothing dates */
	assert_false(find("back on 14 September", INT64_MIN, &d));
	assert_false(classify_date_plain(TEXT("2026-09-14"), INT64_MIN, false, &d));
	assert_false(classify_followup_of(TEXT("call me in november"), INT64_MIN, &d));
}

static void hostile_texts(void **state)
{
	static const char *const repeated[] = { "back ",  "until 1.", "bis kw ", "1/",
						"1.1.1.", "14 sep ",  "to 1 ",   "-" };

	(void)state;
	for (size_t i = 0; i < countof(repeated); i++) {
		struct classify_date d;
		struct buf b;
		clock_t began;

		buf_init(&b, LIMIT_MIME_TEXT);
		while (text_add(&b, text_of(repeated[i])) == 0)
			;
		began = clock();
		(void)classify_date_return((struct text){ (const char *)b.data, b.len },
					   FRIDAY_4_SEPTEMBER_2026, &d);
		if ((clock() - began) / CLOCKS_PER_SEC >= 1)
			fail_msg("\"%s\": %ld ms", repeated[i],
				 (long)(clock() - began) * 1000 / CLOCKS_PER_SEC);
		buf_clear(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_day_back), cmocka_unit_test(the_turn_of_the_year),
		cmocka_unit_test(a_plain_date),   cmocka_unit_test(any_clock),
		cmocka_unit_test(hostile_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
