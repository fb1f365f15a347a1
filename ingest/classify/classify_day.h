#ifndef INGEST_CLASSIFY_CLASSIFY_DAY_H
#define INGEST_CLASSIFY_CLASSIFY_DAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * Days as people write them in folded text (mime_fold): ISO, with dots, with
 * slashes, with the name of a month in a dozen languages, as an ISO 8601 week.
 *
 * A day is read only when it is certain.  One without a year is the next to
 * come and at most 92 days away, one with a year at most 400; a day that has
 * passed, or that no month has, is none.
 */
#define CLASSIFY_DATE 11 /* "2026-09-12" and a NUL */

struct classify_day_reader {
	struct text t;
	int64_t today;    /* days since 1970-01-01: classify_day_today() */
	int64_t far_days; /* how far away a day without a year may be; 0: 92 */
	bool day_first;   /* the words are of a language that writes 9/8 for the ninth of August */
	size_t at;        /* where reading went on to: the end of what was found */
	int64_t days;     /* what was found, days since 1970-01-01 */
	bool week; /* what was found is a week: its Monday, which may be past while it is under way
		    */
	int64_t week_from; /* of "KW 37/38" the first; `days` is the last */
};

int64_t classify_day_today(int64_t received_at); /* unix seconds */

/*
 * The first day that begins in [from, to) of the text, its position in
 * `ret_at`.  The end of a sentence ends the search.  false: there is none.
 */
bool classify_day_find(struct classify_day_reader *r, size_t from, size_t to, size_t *ret_at);

/* Days since 1970-01-01 of a date (proleptic Gregorian), and the reverse. */
struct classify_civil {
	int y, m, d;
};
int64_t classify_day_of(struct classify_civil c);
struct classify_civil classify_day_civil(int64_t days);
/* The month that a folded word names, 1 to 12; 0: none. */
int classify_day_month(struct text word);

/* The day of the week that a folded word names, 0 Monday to 6; -1: none. */
int classify_day_weekday(struct text word);

/* "mon", "fri": days of the week in English, and other words in French and Danish.  What stands
 * behind must tell. */
bool classify_day_is_short_weekday(struct text word);

void classify_day_write(int64_t days, char ret[CLASSIFY_DATE]);

#endif
