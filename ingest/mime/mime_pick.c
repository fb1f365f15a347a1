#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "ingest/mime/mime_pick.h"
#include "ingest/mime/mime_utf8.h"

static bool is(const struct mime_part_info *p, const char *type, const char *subtype)
{
	return text_ieq(p->type, text_of(type)) && text_ieq(p->subtype, text_of(subtype));
}

static bool is_attachment(const struct mime_part_info *p)
{
	return text_ieq(p->disposition, TEXT("attachment"));
}

static bool is_message(const struct mime_part_info *p)
{
	return is(p, "message", "rfc822") || is(p, "message", "global");
}

static bool is_original(const struct mime_part_info *p)
{
	return is_message(p) || is(p, "text", "rfc822-headers") || is(p, "text", "rfc822-header") ||
	       is(p, "message", "rfc822-headers") || is(p, "message", "global-headers");
}

static bool is_receipt(const struct mime_part_info *p)
{
	return is(p, "message", "disposition-notification") ||
	       is(p, "message", "global-disposition-notification");
}

/* Google sends the same once as text/calendar and once as the file "invite.ics". */
static bool is_calendar(const struct mime_part_info *p)
{
	return is(p, "text", "calendar") || is(p, "application", "ics");
}

static bool is_status(const struct mime_part_info *p)
{
	return is(p, "message", "delivery-status") || is(p, "message", "global-delivery-status");
}

/* Does `p` lie inside the embedded message `outer` ("2.1" in "2")? */
static bool is_inside(const struct mime_part_info *p, const struct mime_part_info *outer)
{
	return outer && p->section.len > outer->section.len &&
	       memcmp(p->section.at, outer->section.at, outer->section.len) == 0 &&
	       p->section.at[outer->section.len] == '.';
}

struct choice {
	const struct mime_part_info *plain, *html, *status, *original, *feedback, *receipt,
		*calendar;
};

static void look_at(struct choice *c, const struct mime_part_info *p)
{
	if (is_status(p) && !c->status)
		c->status = p;
	else if (is_original(p) && !c->original)
		c->original = p;
	else if (is(p, "message", "feedback-report") && !c->feedback)
		c->feedback = p;
	else if (is_receipt(p) && !c->receipt)
		c->receipt = p;
	else if (is_calendar(p) && !c->calendar)
		c->calendar = p;
	else if (is(p, "text", "plain") && !is_attachment(p) && p->size && !c->plain)
		c->plain = p;
	else if (is(p, "text", "html") && !is_attachment(p) && p->size && !c->html)
		c->html = p;
}

static void add(struct mime_pick *ret, enum mime_want want, const struct mime_part_info *p,
		size_t max_bytes)
{
	struct mime_pick_item *item = &ret->at[ret->n];
	enum mime_encoding encoding = mime_part_encoding(p->encoding);
	/* RFC 3501 section 6.4.5: HEADER of an embedded message spares us its body; only if it is
	 * not encoded */
	bool head = want == MIME_WANT_ORIGINAL && is_message(p) && encoding == MIME_PLAIN;
	int n = snprintf(item->section, sizeof(item->section), "%.*s%s", TEXT_ARG(p->section),
			 head ? ".HEADER" : "");

	if (!p->section.len || n < 0 || (size_t)n >= sizeof(item->section))
		return; /* nested deeper than anything a person or a mail server builds */
	item->want = want;
	item->part = (struct mime_part){ .encoding = encoding, .html = is(p, "text", "html") };
	mime_utf8_copy(item->part.charset, sizeof(item->part.charset), p->charset);
	item->max_bytes = p->size && p->size < max_bytes && !head ? (size_t)p->size : max_bytes;
	ret->n++;
}

static bool is_report(enum mime_pick_as as, const struct choice *c)
{
	switch (as) {
	case MIME_PICK_AS_MAIL:
		return false;
	case MIME_PICK_AS_REPORT:
		return true;
	case MIME_PICK_AS_SERVERS:
		break;
	}
	return c->status != NULL;
}

void mime_pick_parts(const struct mime_part_info *parts, size_t n, enum mime_pick_as as,
		     struct mime_pick *ret)
{
	const struct mime_part_info *message = NULL;
	struct choice c = { 0 }, inner = { 0 };
	bool report;

	*ret = (struct mime_pick){ 0 };
	for (size_t i = 0; i < n; i++) {
		if (is_inside(&parts[i], message)) {
			/* the words of the returned or attached mail are not this mail's */
			look_at(&inner, &parts[i]);
			continue;
		}
		look_at(&c, &parts[i]);
		if (is_message(&parts[i]))
			message = &parts[i];
	}
	if (as != MIME_PICK_AS_MAIL && !c.status && inner.status) { /* a gateway wrapped a report */
		c.status = inner.status;
		c.original = inner.original ? inner.original : c.original;
	}
	report = is_report(as, &c);
	if (c.plain || c.html)
		add(ret, MIME_WANT_TEXT, c.plain ? c.plain : c.html, LIMIT_MIME_PART);
	/* a mail or a report that a person attached is no evidence of anything, so outside
	 * reports it is not read */
	if (report && c.status)
		add(ret, MIME_WANT_STATUS, c.status, LIMIT_MIME_REPORT);
	if (report && c.original)
		add(ret, MIME_WANT_ORIGINAL, c.original, LIMIT_MIME_REPORT);
	if (report && c.feedback)
		add(ret, MIME_WANT_FEEDBACK, c.feedback, LIMIT_MIME_REPORT);
	if (report && c.receipt)
		add(ret, MIME_WANT_RECEIPT, c.receipt, LIMIT_MIME_REPORT);
	if (c.calendar)
		add(ret, MIME_WANT_CALENDAR, c.calendar, LIMIT_MIME_REPORT);
}
