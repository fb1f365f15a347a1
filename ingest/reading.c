#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_part.h"
#include "ingest/mime/mime_subject.h"
#include "ingest/reading.h"

void reading_init(struct reading *r)
{
	mime_mail_init(&r->mail);
	mime_dsn_init(&r->dsn);
	r->report = (struct mime_report){ 0 };
	buf_init(&r->text, LIMIT_MIME_TEXT);
	buf_init(&r->links, LIMIT_MIME_LINKS);
	r->ids.n = 0;
	r->body.n_ids = r->body.n_called = r->body.n_links = 0;
	r->cut.n = 0;
	r->cut.is_forward = r->cut.is_bare = false;
	buf_init(&r->fresh, (size_t)LIMIT_MIME_TEXT * 2);
	classify_verdict_init(&r->verdict, CLASSIFY_REPLY);
}

void reading_clear(struct reading *r)
{
	mime_mail_clear(&r->mail);
	mime_dsn_clear(&r->dsn);
	buf_clear(&r->text);
	buf_clear(&r->links);
	buf_clear(&r->fresh);
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

static enum mime_pick_as read_parts(struct reading *r)
{
	enum mime_pick_as as = classify_head_pick_as(&r->mail.head);
	struct mime_pick pick;

	mime_pick_parts(r->mail.info, r->mail.n, as, &pick);
	for (size_t i = 0; i < pick.n; i++) {
		struct text bytes = mime_mail_part(&r->mail, &pick.at[i]);

		if (pick.at[i].want == MIME_WANT_TEXT)
			mime_part_text(&pick.at[i].part, bytes.at, bytes.len, &r->text, &r->links);
		else
			mime_report_read(&r->report, &r->dsn, text_of(r->mail.head.from.address),
					 &pick.at[i], bytes);
	}
	if (as == MIME_PICK_AS_REPORT || !mime_dsn_is_empty(&r->dsn))
		mime_dsn_read_text(&r->dsn, text_of_buf(&r->text));
	return as;
}

/*
 * It came through a discussion list and is addressed to nobody else: whatever it
 * answers is the list's (RFC 2919 section 3: the id is mostly the address with a dot).
 */
static bool is_for_list(const struct mime_head *h)
{
	struct text id = mime_head_field(h, "List-Id", 0), to = mime_head_field(h, "To", 0);
	struct text own = mime_head_field(h, "Delivered-To", 0);
	bool is_named = false;

	for (size_t i = 0; id.len && i < h->to.n; i++) {
		cleanup_buf struct buf dotted;

		buf_init(&dotted, LIMIT_MIME_ADDRESS + 2);
		(void)text_addf(&dotted, "%s", h->to.at[i].address);
		for (size_t k = 0; k < dotted.len; k++)
			if (dotted.data[k] == '@')
				dotted.data[k] = '.';
		is_named |= dotted.len && text_ifind(id, text_of_buf(&dotted)) != SIZE_MAX;
	}
	return is_named && own.len && text_ifind(to, own) == SIZE_MAX &&
	       text_ifind(mime_head_field(h, "Cc", 0), own) == SIZE_MAX;
}

/* Does anything say that it answers a mail? */
static bool is_answer(const struct reading *r)
{
	const struct mime_head *h = &r->mail.head;
	cleanup_buf struct buf subject;

	buf_init(&subject, LIMIT_MIME_SUBJECT);
	if (is_for_list(h))
		return false;
	mime_fold_add(&subject, text_of(h->subject));
	return r->ids.n > 0 || mime_subject_is_answer(text_of_buf(&subject)) || r->cut.is_forward ||
	       r->fresh.len + 80 < text_trim(text_of_buf(&r->text)).len;
}

/*
 * No database tells which mails are ours: one that is named or returned, or that a
 * report was made about, in parts or in words, is taken for ours.
 */
static bool names_mail(const struct reading *r)
{
	const struct mime_head *h = &r->mail.head;

	if (is_for_list(h))
		return false;
	return r->ids.n > 0 || r->dsn.n_rcpt > 0 || h->failed.n > 0 ||
	       r->report.arf.type != MIME_ARF_NONE;
}

static void judge(struct reading *r, enum mime_pick_as as, int64_t received_at)
{
	struct extract_about about = extract_about_of(&r->mail.head);

	extract_cut(text_of_buf(&r->text), &about, &r->cut);
	extract_join(&r->cut, EXTRACT_NEW, &r->fresh);

	const struct classify_input in = {
		.head = &r->mail.head,
		.body = text_of_buf(&r->text),
		.fresh = text_of_buf(&r->fresh),
		.dsn = mime_dsn_is_empty(&r->dsn) ? NULL : &r->dsn,
		.matched = is_answer(r),
		.report = &r->report,
		.matched_by_dsn = r->dsn.has_original || as != MIME_PICK_AS_MAIL,
		.is_known = names_mail(r),
		.received_at = received_at,
	};

	classify_full(&in, &r->verdict);
}

void reading_of(struct reading *r, struct text mail, int64_t received_at)
{
	enum mime_pick_as as;

	reading_clear(r);
	mime_mail_read(&r->mail, mail);
	as = read_parts(r);
	match_ids_of(&r->mail.head, mime_dsn_is_empty(&r->dsn) ? NULL : &r->dsn, &r->ids);
	match_body_of(text_of_buf(&r->text), text_of_buf(&r->links), &r->mail.head, &r->body);
	judge(r, as, received_at ? received_at : time_of_arrival(&r->mail.head));
}

void reading_of_text(struct reading *r, struct text text, int64_t received_at)
{
	const struct mime_part plain = { .charset = "utf-8" };

	reading_clear(r);
	mime_head_read(&r->mail.head, "\n", 1);
	mime_part_text(&plain, text.at, text.len, &r->text, NULL);
	judge(r, MIME_PICK_AS_MAIL, received_at);
}
