#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "ingest/classify/classify_contact.h"
#include "ingest/classify/classify_date.h"
#include "ingest/classify/classify_followup.h"
#include "ingest/classify/classify_language.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_utf8.h"

#define RECEIVED_AT 1741082405 /* 2025-03-04 */

static void need(bool holds)
{
	if (!holds)
		abort();
}

/* A day that is none of those that have passed, nor far away, and words of the text that say so. */
static void is_sound(const struct classify_date *d, struct text t)
{
	need(strlen(d->day) == 10 && strcmp(d->day, "2025-03-04") >= 0 &&
	     strcmp(d->day, "2028-01-01") < 0);
	need(d->where.len > 0 && d->where.at >= t.at && d->where.at + d->where.len <= t.at + t.len);
}

/* Any text, folded: days of return, days to write again, and whom it names. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct classify_contact contact = { 0 };
	struct classify_date day;
	struct mime_head head;
	struct buf raw, folded;
	struct text t;

	buf_init(&raw, 8192);
	buf_init(&folded, 8192 * 3);
	(void)mime_utf8_add(&raw, (struct text){ (const char *)p, n }, /* lines= */ true);
	mime_fold_add(&folded, text_of_buf(&raw));
	t = text_of_buf(&folded);
	if (classify_date_return(t, RECEIVED_AT, &day))
		is_sound(&day, t);
	if (classify_date_plain(t, RECEIVED_AT, /* day_first= */ n & 1, &day))
		is_sound(&day, t);
	if (classify_followup_of(t, RECEIVED_AT, &day))
		is_sound(&day, t);
	need(strlen(classify_language_of(text_of_buf(&raw))) < 4);
	mime_head_init(&head);
	if (classify_contact_of(text_of_buf(&raw), &head, &contact))
		need(contact.name[0] || contact.address[0]);
	need(mime_utf8_is_valid(text_of(contact.name)) &&
	     mime_utf8_is_valid(text_of(contact.address)));
	mime_head_clear(&head);
	buf_clear(&raw);
	buf_clear(&folded);
	return 0;
}
