#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/classify/classify_auto.h"
#include "ingest/mime/mime_part.h"
#include "ingest/reading.h"

void reading_init(struct reading *r)
{
	*r = (struct reading){ 0 };
	mime_mail_init(&r->mail);
	mime_dsn_init(&r->dsn);
	buf_init(&r->text, LIMIT_MIME_TEXT);
}

void reading_clear(struct reading *r)
{
	mime_mail_clear(&r->mail);
	mime_dsn_clear(&r->dsn);
	buf_clear(&r->text);
	reading_init(r);
}

/* The time behind the last ';' of a Received field (RFC 5321 section 4.4). */
static int64_t time_of_arrival(const struct mime_head *h)
{
	struct text received = mime_head_field(h, "Received", 0);
	size_t at = received.len;
	int64_t when;

	while (at && received.at[at - 1] != ';')
		at--;
	when = at ? mime_head_date(text_sub(received, at, received.len)) : MIME_NO_DATE;
	return when != MIME_NO_DATE ? when : h->date;
}

static void read_parts(struct reading *r)
{
	struct classify_verdict looks;
	struct mime_pick pick;
	bool report;

	classify_head(&r->mail.head, &looks);
	report = mime_head_is_type(&r->mail.head, "multipart", "report", NULL) ||
		 classify_kind_is_bounce(looks.kind);
	mime_pick_parts(r->mail.info, r->mail.n, report, &pick);
	for (size_t i = 0; i < pick.n; i++) {
		struct text bytes = mime_mail_part(&r->mail, &pick.at[i]);

		switch (pick.at[i].want) {
		case MIME_WANT_TEXT:
			mime_part_text(&pick.at[i].part, bytes.at, bytes.len, &r->text);
			break;
		case MIME_WANT_STATUS:
			mime_dsn_read_status(&r->dsn, pick.at[i].part.encoding, bytes.at,
					     bytes.len);
			break;
		case MIME_WANT_ORIGINAL:
			mime_dsn_read_original(&r->dsn, pick.at[i].part.encoding, bytes.at,
					       bytes.len);
			break;
		}
	}
	if (report || !mime_dsn_is_empty(&r->dsn))
		mime_dsn_read_text(&r->dsn, text_of_buf(&r->text));
}

/* Does anything say that it answers a mail? */
static bool is_answer(const struct reading *r)
{
	const struct mime_head *h = &r->mail.head;
	struct text whole = text_trim(text_of_buf(&r->text));
	size_t kept = 0;

	for (size_t i = 0; i < r->cut.n; i++)
		kept += r->cut.at[i].len;
	return r->ids.n > 0 || classify_auto_is_answer(text_of(h->subject)) ||
	       kept + 80 < whole.len;
}

static void judge(struct reading *r, int64_t received_at)
{
	const struct classify_input in = {
		.head = &r->mail.head,
		.body = text_of_buf(&r->text),
		.dsn = mime_dsn_is_empty(&r->dsn) ? NULL : &r->dsn,
		.matched = is_answer(r),
		.matched_by_dsn = r->dsn.has_original,
		.received_at = received_at,
	};

	classify_full(&in, &r->verdict);
}

void reading_of(struct reading *r, struct text mail, int64_t received_at)
{
	reading_clear(r);
	mime_mail_read(&r->mail, mail);
	read_parts(r);
	match_ids_of(&r->mail.head, mime_dsn_is_empty(&r->dsn) ? NULL : &r->dsn, &r->ids);
	classify_quote_cut(text_of_buf(&r->text), &r->cut);
	judge(r, received_at ? received_at : time_of_arrival(&r->mail.head));
}

void reading_of_text(struct reading *r, struct text text, int64_t received_at)
{
	const struct mime_part plain = { .charset = "utf-8" };

	reading_clear(r);
	mime_head_read(&r->mail.head, "\n", 1);
	mime_part_text(&plain, text.at, text.len, &r->text);
	classify_quote_cut(text_of_buf(&r->text), &r->cut);
	judge(r, received_at);
}
