#ifndef INGEST_CLASSIFY_CLASSIFY_DATE_H
#define INGEST_CLASSIFY_CLASSIFY_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/classify/classify_day.h"

/*
 * The first day back that an absence notice names.
 *
 *   "back on 12 September"        2026-09-12    a return word names the day itself
 *   "until 12.09.2026"            2026-09-12    so does "until"
 *   "bis einschließlich 11.9."    2026-09-12    an inclusive end: the day after
 *   "wieder da ab KW 38"          2026-09-14    an ISO week: its Monday
 *
 * A return word wins over the end of a range.  Nothing is guessed: 9/8/2026
 * says nothing unless the words around it are of a language that writes the day
 * first; a day without a year is the next such day and at most 92 days away,
 * one with a year at most 400; a day that has passed is none.
 */
struct classify_date {
	char day[CLASSIFY_DATE];
	struct text where; /* the words it was read from, in the folded text */
	bool named;        /* a return word named it; false: it is the end of an absence */
};

/* `folded`: text by mime_fold.  `received_at`: unix seconds; INT64_MIN: not known, no day is
 * read.  false: no return day is named for certain. */
bool classify_date_return(struct text folded, int64_t received_at, struct classify_date *ret);

/* The first such day in `text` ("2020-01-10T..." of a header, "12/09/2026" after a day-first word),
 * whatever stands before it. */
bool classify_date_plain(struct text folded, int64_t received_at, bool day_first,
			 struct classify_date *ret);

#endif
