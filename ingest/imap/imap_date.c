#include "ingest/imap/imap_date.h"

#include <errno.h>
#include <stdio.h>

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days since 1970-01-01; years begin in March, so that the odd day comes last. */
static int64_t day_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = y / 400;
	int64_t in_era = y - era * 400;
	int64_t in_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static int month_of(struct text t)
{
	for (unsigned m = 0; m < 12; m++)
		if (text_ieq(t, (struct text){ months + (size_t)3 * m, 3 }))
			return (int)m + 1;
	return -EBADMSG;
}

/* "02:44:25" or "02:44" in seconds of the day */
static int clock_of(struct text t, int64_t *ret)
{
	struct text hour, minute, second, rest;
	uint64_t h, m, s = 0;

	text_cut(t, ':', &hour, &rest);
	if (text_cut(rest, ':', &minute, &second) && text_u64(second, 60, &s) < 0)
		return -EBADMSG;
	if (text_u64(hour, 23, &h) < 0 || text_u64(minute, 59, &m) < 0)
		return -EBADMSG;
	*ret = (int64_t)(h * 3600 + m * 60 + s);
	return 0;
}

/* "-0700"; a zone that is a name or missing counts as UTC */
static int64_t zone_of(struct text t)
{
	uint64_t hhmm;
	int64_t s;

	if (t.len != 5 || text_u64(text_sub(t, 1, 4), 9999, &hhmm) < 0)
		return 0;
	s = (int64_t)(hhmm / 100 * 3600 + hhmm % 100 * 60);
	return t.at[0] == '-' ? -s : s;
}

int imap_date_parse(struct text t, int64_t *ret_unix_s)
{
	struct text date, clock, zone, day, month, year, rest;
	uint64_t d, y;
	int64_t s;
	int m;

	t = text_trim(t); /* the day may be written " 7" */
	text_cut(t, ' ', &date, &rest);
	text_cut(text_trim(rest), ' ', &clock, &zone);
	text_cut(date, '-', &day, &rest);
	text_cut(rest, '-', &month, &year);
	m = month_of(month);
	if (m < 0 || text_u64(day, 31, &d) < 0 || d == 0 || text_u64(year, 9999, &y) < 0 ||
	    clock_of(clock, &s) < 0)
		return -EBADMSG;
	*ret_unix_s =
		day_of((int64_t)y, (unsigned)m, (unsigned)d) * 86400 + s - zone_of(text_trim(zone));
	return 0;
}

int imap_date_day(int64_t unix_s, char dst[IMAP_DATE_DAY])
{
	int64_t days, era, in_era, y, in_year, m;

	if (unix_s < 0 || unix_s >= INT64_C(253402300800))
		return -EINVAL;
	days = unix_s / 86400 + 719468;
	era = days / 146097;
	in_era = days % 146097;
	y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	in_year = in_era - (365 * y + y / 4 - y / 100);
	m = (5 * in_year + 2) / 153;
	y += era * 400 + (m >= 10);
	(void)snprintf(dst, IMAP_DATE_DAY, "%u-%.3s-%04u",
		       (unsigned)(in_year - (153 * m + 2) / 5 + 1) % 100U,
		       months + 3 * (m < 10 ? m + 2 : m - 10), (unsigned)y % 10000U);
	return 0;
}
