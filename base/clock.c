#include <errno.h>
#include <stdbool.h>
#include <time.h>

#include "base/clock.h"

#define US_PER_S  INT64_C(1000000)
#define S_PER_DAY INT64_C(86400)
#define FIRST_S   INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define LAST_S    INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

uint64_t clock_mono_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int64_t clock_unix_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

int64_t clock_unix_s(void)
{
	return clock_unix_us() / US_PER_S;
}

/*
 * Days and dates.  A year is counted from 1 March, so that the leap day is its
 * last day and months are a straight line; an era is 400 years, 146097 days.
 */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*ret_day = (int)(of_year - (153 * m + 2) / 5 + 1);
	*ret_month = (int)(m < 10 ? m + 3 : m - 9);
	*ret_year = (int)(years + era * 400 + (*ret_month <= 2));
}

static char *put_digits(char *to, int64_t value, int n, char after)
{
	for (int i = n - 1; i >= 0; i--, value /= 10)
		to[i] = (char)('0' + value % 10);
	to[n] = after;
	return to + n + 1;
}

void clock_rfc3339(int64_t unix_us, char dst[CLOCK_TEXT])
{
	int64_t s = unix_us / US_PER_S, us = unix_us % US_PER_S, day, second;
	int year, month, mday;

	if (us < 0) {
		s--;
		us += US_PER_S;
	}
	if (s < FIRST_S) {
		s = FIRST_S;
		us = 0;
	}
	if (s > LAST_S) {
		s = LAST_S;
		us = US_PER_S - 1;
	}
	day = s / S_PER_DAY;
	second = s % S_PER_DAY;
	if (second < 0) {
		day--;
		second += S_PER_DAY;
	}
	date_of(day, &year, &month, &mday);
	dst = put_digits(dst, year, 4, '-');
	dst = put_digits(dst, month, 2, '-');
	dst = put_digits(dst, mday, 2, 'T');
	dst = put_digits(dst, second / 3600, 2, ':');
	dst = put_digits(dst, second / 60 % 60, 2, ':');
	dst = put_digits(dst, second % 60, 2, '.');
	dst = put_digits(dst, us, 6, 'Z');
	*dst = '\0';
}

/* Exactly `n` digits; the NUL ends it as any other stranger does. */
static bool take_digits(const char **s, int n, int *ret)
{
	int value = 0;

	for (; n; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		value = value * 10 + (**s - '0');
	}
	*ret = value;
	return true;
}

static bool take_char(const char **s, char upper)
{
	if (**s != upper && !(upper == 'T' && **s == 't') && !(upper == 'Z' && **s == 'z'))
		return false;
	(*s)++;
	return true;
}

/* Digits after a point, cut to microseconds; none at all is not a fraction. */
static bool take_fraction(const char **s, int64_t *ret_us)
{
	int64_t us = 0, unit = US_PER_S / 10;

	if (**s < '0' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; (*s)++, unit /= 10)
		us += unit * (**s - '0');
	*ret_us = us;
	return true;
}

static bool take_offset(const char **s, int *ret_minutes)
{
	int sign = **s == '-' ? -1 : 1, hours, minutes;

	if (take_char(s, 'Z')) {
		*ret_minutes = 0;
		return true;
	}
	if (!take_char(s, '+') && !take_char(s, '-'))
		return false;
	if (!take_digits(s, 2, &hours) || !take_char(s, ':') || !take_digits(s, 2, &minutes))
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return hours <= 23 && minutes <= 59;
}

static int month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* RFC 3339 section 5.6, with the restrictions of 5.7: days of the month, leap seconds in UTC. */
int clock_from_rfc3339(const char *s, int64_t *ret_unix_us)
{
	int year, month, day, hour, minute, second, offset;
	int64_t us = 0, unix_s;

	if (!take_digits(&s, 4, &year) || !take_char(&s, '-') || !take_digits(&s, 2, &month) ||
	    !take_char(&s, '-') || !take_digits(&s, 2, &day) || !take_char(&s, 'T') ||
	    !take_digits(&s, 2, &hour) || !take_char(&s, ':') || !take_digits(&s, 2, &minute) ||
	    !take_char(&s, ':') || !take_digits(&s, 2, &second))
		return -EINVAL;
	if (take_char(&s, '.') && !take_fraction(&s, &us))
		return -EINVAL;
	if (!take_offset(&s, &offset) || *s)
		return -EINVAL;
	if (month < 1 || month > 12 || day < 1 || day > month_days(year, month) || hour > 23 ||
	    minute > 59 || second > 60)
		return -EINVAL;

	unix_s = days_of(year, month, day) * S_PER_DAY + hour * INT64_C(3600) + minute * 60 +
		 second - offset * INT64_C(60);
	/* Unix time has no leap seconds: it is the second after, and that is midnight. */
	if (second == 60 && unix_s % S_PER_DAY != 0)
		return -EINVAL;
	*ret_unix_us = unix_s * US_PER_S + us;
	return 0;
}
