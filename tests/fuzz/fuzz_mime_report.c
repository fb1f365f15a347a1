#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/mime/mime_report.h"
#include "ingest/mime/mime_utf8.h"

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void clean(const char *s)
{
	need(mime_utf8_is_valid(text_of(s)));
}

/* First byte: the transfer encoding.  As a complaint, a receipt, an answer to an invitation and a
 * delivery report: clean words, ids in their normal form, and the same again. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const enum mime_want wants[] = { MIME_WANT_FEEDBACK, MIME_WANT_RECEIPT,
						MIME_WANT_CALENDAR, MIME_WANT_STATUS,
						MIME_WANT_ORIGINAL };
	struct mime_report first = { 0 }, again = { 0 };
	struct text bytes;
	struct mime_dsn d[2];
	char id[MIME_ID];

	if (!n)
		return 0;
	bytes = (struct text){ (const char *)p + 1, n - 1 };
	mime_dsn_init(&d[0]);
	mime_dsn_init(&d[1]);
	for (size_t i = 0; i < 2 * countof(wants); i++) {
		struct mime_pick_item item = { .want = wants[i % countof(wants)] };

		item.part.encoding = (enum mime_encoding)(p[0] % 4);
		mime_report_read(i < countof(wants) ? &first : &again, &d[i / countof(wants)],
				 TEXT("ann@mail.example"), &item, bytes);
	}
	need(first.arf.type == again.arf.type && first.mdn.disposition == again.mdn.disposition &&
	     first.calendar.answer == again.calendar.answer &&
	     strcmp(first.calendar.starts_at, again.calendar.starts_at) == 0);
	clean(first.arf.recipient);
	clean(first.mdn.original_id);
	need(strlen(first.calendar.starts_at) < MIME_CALENDAR_TIME);
	for (const char *c = first.calendar.starts_at; *c; c++)
		need(strchr("0123456789-:TZ", *c) != NULL);
	if (first.mdn.original_id[0])
		need(mime_id_normal(text_of(first.mdn.original_id), id) &&
		     strcmp(id, first.mdn.original_id) == 0);
	need(d[0].n_rcpt <= LIMIT_MIME_RECIPIENTS && d[0].n_rcpt == d[1].n_rcpt);
	mime_dsn_clear(&d[0]);
	mime_dsn_clear(&d[1]);
	return 0;
}
