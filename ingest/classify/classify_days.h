#ifndef INGEST_CLASSIFY_CLASSIFY_DAYS_H
#define INGEST_CLASSIFY_CLASSIFY_DAYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/*
 * The words of days to come: rules/days.tsv, of all languages together.
 * classify_followup reads days with them.
 */
enum classify_when {
	CLASSIFY_WHEN_NEXT_WEEK,
	CLASSIFY_WHEN_NEXT_MONTH,
	CLASSIFY_WHEN_NEXT_QUARTER,
	CLASSIFY_WHEN_NEXT_YEAR,
	CLASSIFY_WHEN_Q1,
	CLASSIFY_WHEN_Q2,
	CLASSIFY_WHEN_Q3,
	CLASSIFY_WHEN_Q4,
	CLASSIFY_WHEN_HALF,      /* the second half of the year */
	CLASSIFY_WHEN_HALF_YEAR, /* half a year from now */
	CLASSIFY_WHEN_SUMMER,    /* after it; so are the next two */
	CLASSIFY_WHEN_CHRISTMAS,
	CLASSIFY_WHEN_EASTER,
};

enum classify_unit {
	CLASSIFY_UNIT_NONE,
	CLASSIFY_UNIT_DAY,
	CLASSIFY_UNIT_WEEK,
	CLASSIFY_UNIT_MONTH,
	CLASSIFY_UNIT_YEAR,
};

struct classify_days;

struct classify_days *classify_days_new(void);
void classify_days_free(struct classify_days *d); /* NULL is fine */

/* A row of the table: "when", "next week|nachste woche", "next-week".  NULL, or what is wrong. */
const char *classify_days_add(struct classify_days *d, const char *what, const char *words,
			      const char *value);

/* The time that stands at the front of `folded`, and how long its words are; 0: none does. */
size_t classify_days_when(const struct classify_days *d, struct text folded,
			  enum classify_when *ret);

/* What a whole word says: "two", "2"; 0: no number from 1 to 60. */
int classify_days_number(const struct classify_days *d, struct text folded);
enum classify_unit classify_days_unit(const struct classify_days *d, struct text folded);

/* Does the text speak of getting in touch? */
bool classify_days_touch(const struct classify_days *d, struct text folded);

#endif
