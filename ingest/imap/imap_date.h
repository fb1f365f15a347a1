#ifndef INGEST_IMAP_IMAP_DATE_H
#define INGEST_IMAP_IMAP_DATE_H

#include <stdint.h>

#include "base/text.h"

/* IMAP's two ways to write an instant.  RFC 3501 section 9: date-time, date. */

/* "17-Jul-1996 02:44:25 -0700", day and zone as loosely as servers write them.  -EBADMSG: not one.
 */
int imap_date_parse(struct text t, int64_t *ret_unix_s);

/* "17-Jul-1996", the day of `unix_s` in UTC.  -EINVAL: before 1970 or after 9999. */
#define IMAP_DATE_DAY 12
int imap_date_day(int64_t unix_s, char dst[IMAP_DATE_DAY]);

#endif
