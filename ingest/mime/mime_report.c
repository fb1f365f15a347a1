#include "ingest/mime/mime_report.h"

void mime_report_read(struct mime_report *r, struct mime_dsn *dsn, struct text sender,
		      const struct mime_pick_item *item, struct text bytes)
{
	enum mime_encoding encoding = item->part.encoding;

	switch (item->want) {
	case MIME_WANT_TEXT:
		break;
	case MIME_WANT_STATUS:
		mime_dsn_read_status(dsn, encoding, bytes.at, bytes.len);
		break;
	case MIME_WANT_ORIGINAL:
		mime_dsn_read_original(dsn, encoding, bytes.at, bytes.len);
		mime_arf_read_original(&r->arf, &dsn->original);
		break;
	case MIME_WANT_FEEDBACK:
		mime_arf_read(&r->arf, encoding, bytes.at, bytes.len);
		if (dsn->has_original)
			mime_arf_read_original(&r->arf, &dsn->original);
		break;
	case MIME_WANT_RECEIPT:
		mime_mdn_read(&r->mdn, encoding, bytes.at, bytes.len);
		mime_dsn_name_original(dsn, text_of(r->mdn.original_id));
		break;
	case MIME_WANT_CALENDAR:
		mime_calendar_read(&r->calendar, encoding, bytes.at, bytes.len, sender);
		break;
	}
}
