#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/*
 * The two clocks, and the only file that reads them.  Engines are given the
 * time; drivers take it from here.
 *
 *   mono   milliseconds since some start, never goes back: durations, deadlines
 *   unix   microseconds since 1970-01-01 UTC: instants that are stored or shown
 */
#define CLOCK_NEVER UINT64_MAX

uint64_t clock_mono_ms(void);
int64_t clock_unix_us(void);
int64_t clock_unix_s(void);

/*
 * "2026-11-23T09:02:11.123456Z" (RFC 3339).  What lies outside the years 0000 to 9999
 * becomes their first or last instant.
 */
#define CLOCK_TEXT 32
void clock_rfc3339(int64_t unix_us, char dst[CLOCK_TEXT]);
/*
 * The reverse; offsets and fractions of a second are understood, digits below a
 * microsecond are dropped, a leap second is the second after.  -EINVAL: not an
 * RFC 3339 instant, or one that the calendar does not have.
 */
int clock_from_rfc3339(const char *s, int64_t *ret_unix_us);

#endif
