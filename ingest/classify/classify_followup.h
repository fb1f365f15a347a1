#ifndef INGEST_CLASSIFY_CLASSIFY_FOLLOWUP_H
#define INGEST_CLASSIFY_CLASSIFY_FOLLOWUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/classify/classify_date.h"

/*
 * The first day on which somebody who said "not now" may be written to again.
 *
 *   "on 5 October", "ab dem 15.10."      that day, at most 400 days away
 *   "in November", "mid-January"         the first of the month; the 15th; "end of": the 25th
 *   "in Q1", "next quarter"              the first day of the quarter
 *   "second half of the year"            1 July
 *   "in two weeks", "in six months"      so many weeks, months of the calendar
 *   "KW 46", "next week", "next month"   its Monday, its first day
 *   "in the new year", "next year"       1 January
 *   "after the summer"                   1 September
 *   "after Christmas", "the holidays"    7 January; "after Easter": the Tuesday behind it
 *
 * "Later", "next summer", "in a few weeks" name no day.  Of several the first in
 * a sentence that speaks of getting in touch, else the first.  `received_at`: unix
 * seconds; INT64_MIN: not known, no day is read.
 */
bool classify_followup_of(struct text folded, int64_t received_at, struct classify_date *ret);

/* Is at least one day named, and none that is further away than `days`? */
bool classify_followup_within(struct text folded, int64_t received_at, int64_t days);

#endif
