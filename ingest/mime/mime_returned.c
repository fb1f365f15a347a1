#include "ingest/mime/mime_returned.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define LONGEST_NAME 60 /* of a field; "X-MS-Exchange-Organization-..." has some 50 */

enum meaning {
	OTHER,
	TRACE,  /* only a mail in transport has it */
	SEEN,   /* what a person sees of a mail */
	REPORT, /* RFC 3464: this is the report itself */
};

static bool is_one_of(struct text name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text_ieq(name, text_of(names[i])))
			return true;
	return false;
}

static enum meaning meaning_of(struct text name)
{
	static const char *const trace[] = { "Received",       "Message-ID",   "Return-Path",
					     "DKIM-Signature", "MIME-Version", "X-Mailer",
					     "Content-Type" };
	static const char *const seen[] = { "Subject", "To", "From", "Date", "Sent", "Cc" };
	static const char *const report[] = { "Final-Recipient",
					      "Original-Recipient",
					      "Reporting-MTA",
					      "Action",
					      "Status",
					      "Diagnostic-Code",
					      "Remote-MTA",
					      "Last-Attempt-Date",
					      "Received-From-MTA",
					      "Arrival-Date" };

	if (is_one_of(name, trace, countof(trace)))
		return TRACE;
	if (is_one_of(name, seen, countof(seen)))
		return SEEN;
	return is_one_of(name, report, countof(report)) ? REPORT : OTHER;
}

/* What stands before the first letter: blanks, and '>' of a quote. */
static size_t margin_of(struct text line)
{
	size_t n = 0;

	while (n < line.len && (line.at[n] == ' ' || line.at[n] == '\t' || line.at[n] == '>'))
		n++;
	return n;
}

/* "Name: value" or "Name :": the length of the name; 0: no field. */
static size_t name_length(struct text line)
{
	size_t n = 0, blanks = 0;

	while (n < line.len && n < LONGEST_NAME &&
	       ((line.at[n] >= 'a' && line.at[n] <= 'z') ||
		(line.at[n] >= 'A' && line.at[n] <= 'Z') ||
		(line.at[n] >= '0' && line.at[n] <= '9') || line.at[n] == '-' || line.at[n] == '_'))
		n++;
	while (n + blanks < line.len && line.at[n + blanks] == ' ')
		blanks++;
	if (!n || n + blanks >= line.len || line.at[n + blanks] != ':')
		return 0;
	/* "550:" and "http://" are words */
	return line.at[0] >= '0' && line.at[0] <= '9'                        ? 0
	       : n + blanks + 1 < line.len && line.at[n + blanks + 1] == '/' ? 0
									     : n;
}

/* Fields that follow each other. */
struct run {
	size_t from, to, margin;
	unsigned fields, traces, seen, reports;
};

static bool is_mail(const struct run *r)
{
	return r->fields >= 3 && !r->reports && (r->traces > 0 && r->traces + r->seen >= 2);
}

static bool is_digest(const struct run *r)
{
	return r->fields >= 2 && !r->reports && r->seen >= 2;
}

static void take_field(struct run *r, struct text line, size_t n, size_t from)
{
	if (!r->fields)
		*r = (struct run){ .from = from, .margin = margin_of(line) };
	r->fields++;
	switch (meaning_of(text_sub(line, margin_of(line), n))) {
	case TRACE:
		r->traces++;
		break;
	case SEEN:
		r->seen++;
		break;
	case REPORT:
		r->reports++;
		break;
	case OTHER:
		break;
	}
}

/* The run ends: was it the headers?  true: nothing better will come. */
static bool close_run(struct run *r, struct text text, struct mime_returned *ret)
{
	bool mail = is_mail(r);

	if (mail || (is_digest(r) && !ret->head.at)) {
		ret->head = text_sub(text, r->from, r->to - r->from);
		ret->is_digest = !mail;
		ret->report = mail ? r->from : text.len;
	}
	*r = (struct run){ 0 };
	return mail;
}

bool mime_returned_find(struct text text, struct mime_returned *ret)
{
	struct run run = { 0 };
	size_t at = 0;

	*ret = (struct mime_returned){ .report = text.len };
	while (at < text.len) {
		const char *end = memchr(text.at + at, '\n', text.len - at);
		size_t next = end ? (size_t)(end - text.at) + 1 : text.len;
		struct text line = text_sub(text, at, next - at - (end ? 1 : 0));
		size_t margin = margin_of(line), n;

		n = name_length(text_sub(line, margin, line.len));
		if (n && (!run.fields || margin <= run.margin))
			take_field(&run, line, n, at);
		else if (run.fields && (margin == line.len || margin <= run.margin) &&
			 close_run(&run, text, ret))
			return true;
		at = next;
		if (run.fields)
			run.to = at;
	}
	(void)close_run(&run, text, ret);
	return ret->head.at != NULL;
}

void mime_returned_head(const struct mime_returned *r, struct buf *ret)
{
	struct text rest = r->head, line;
	size_t margin = margin_of(rest);
	bool more = rest.len > 0;

	while (more) {
		size_t cut = 0;

		more = text_cut(rest, '\n', &line, &rest);
		while (cut < margin && cut < margin_of(line))
			cut++;
		if (text_add(ret, text_sub(line, cut, line.len)) < 0 || buf_add(ret, "\n", 1) < 0)
			return;
	}
}
