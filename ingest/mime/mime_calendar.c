#include "ingest/mime/mime_calendar.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"

static const char *const answer_names[] = {
	[MIME_CALENDAR_NONE] = "",
	[MIME_CALENDAR_ACCEPTED] = "accepted",
	[MIME_CALENDAR_DECLINED] = "declined",
	[MIME_CALENDAR_TENTATIVE] = "tentative",
	[MIME_CALENDAR_COUNTER] = "counter",
};

const char *mime_calendar_answer_name(enum mime_calendar_answer a)
{
	return answer_names[a];
}

/* RFC 5546 section 1.4: what the whole object is for. */
enum method { METHOD_OTHER, METHOD_REPLY, METHOD_COUNTER, METHOD_DECLINECOUNTER };

struct reader {
	struct mime_calendar *c;
	struct text sender;
	enum method method;
	bool in_event; /* of the first VEVENT; a VTIMEZONE has a DTSTART of its own */
	bool is_over;
	bool is_senders; /* the answer is the sender's own */
};

/* RFC 5545 section 3.1: NAME;PARAM=VALUE;PARAM="quoted: value":value */
struct line {
	struct text name, params, value;
};

static struct line line_of(struct text t)
{
	struct line l = { 0 };
	size_t name = 0, colon;
	bool quoted = false;

	while (name < t.len && t.at[name] != ';' && t.at[name] != ':')
		name++;
	for (colon = name; colon < t.len && (quoted || t.at[colon] != ':'); colon++)
		quoted ^= t.at[colon] == '"';
	l.name = text_trim(text_sub(t, 0, name));
	l.params = text_sub(t, name, colon - name);
	l.value = text_trim(text_sub(t, colon + 1, t.len));
	return l;
}

/* "...;PARTSTAT=ACCEPTED;..." -> "ACCEPTED" */
static struct text parameter(struct text params, struct text name)
{
	struct text one;

	while (params.len) {
		struct text key, value;

		(void)text_cut(params, ';', &one, &params);
		if (text_cut(one, '=', &key, &value) && text_ieq(text_trim(key), name))
			return text_trim(value);
	}
	return (struct text){ 0 };
}

static enum mime_calendar_answer answer_of(struct text partstat)
{
	for (size_t i = MIME_CALENDAR_ACCEPTED; i <= MIME_CALENDAR_TENTATIVE; i++)
		if (text_ieq(partstat, text_of(answer_names[i])))
			return (enum mime_calendar_answer)i;
	return MIME_CALENDAR_NONE;
}

static void take_attendee(struct reader *r, const struct line *l)
{
	enum mime_calendar_answer answer = answer_of(parameter(l->params, TEXT("PARTSTAT")));
	struct text who = l->value;
	bool is_senders;

	if (text_istarts(who, TEXT("mailto:")))
		who = text_sub(who, 7, who.len);
	is_senders = r->sender.len && text_ieq(who, r->sender);
	if (answer == MIME_CALENDAR_NONE || r->is_senders ||
	    (r->c->answer != MIME_CALENDAR_NONE && !is_senders))
		return;
	r->c->answer = answer;
	r->is_senders = is_senders;
}

static bool all_digits(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if (t.at[i] < '0' || t.at[i] > '9')
			return false;
	return t.len > 0;
}

/* "20261002T140000Z", "20261002T140000", "20261002" (RFC 5545 sections 3.3.4, 3.3.5) */
static void take_start(struct reader *r, struct text v)
{
	char *ret = r->c->starts_at;
	const char *d = v.at;
	bool is_utc = v.len == 16 && (v.at[15] == 'Z' || v.at[15] == 'z');
	bool is_day = v.len == 8;

	if (ret[0] || !all_digits(text_sub(v, 0, 8)) || (!is_day && v.len != 15 && !is_utc))
		return;
	if (is_day) {
		(void)snprintf(ret, MIME_CALENDAR_TIME, "%.4s-%.2s-%.2s", d, d + 4, d + 6);
	} else if ((d[8] == 'T' || d[8] == 't') && all_digits(text_sub(v, 9, 6))) {
		(void)snprintf(ret, MIME_CALENDAR_TIME, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s%s", d, d + 4,
			       d + 6, d + 9, d + 11, d + 13, is_utc ? "Z" : "");
	}
}

static void take_line(struct reader *r, struct text t)
{
	struct line l = line_of(t);
	bool is_event = text_ieq(l.value, TEXT("VEVENT"));

	if (text_ieq(l.name, TEXT("METHOD"))) {
		r->method = text_ieq(l.value, TEXT("REPLY"))            ? METHOD_REPLY
			    : text_ieq(l.value, TEXT("COUNTER"))        ? METHOD_COUNTER
			    : text_ieq(l.value, TEXT("DECLINECOUNTER")) ? METHOD_DECLINECOUNTER
									: METHOD_OTHER;
	} else if (text_ieq(l.name, TEXT("BEGIN"))) {
		r->in_event = is_event;
	} else if (text_ieq(l.name, TEXT("END"))) {
		r->is_over |= is_event;
		r->in_event = false;
	} else if (r->in_event && text_ieq(l.name, TEXT("ATTENDEE"))) {
		take_attendee(r, &l);
	} else if (r->in_event && text_ieq(l.name, TEXT("DTSTART"))) {
		take_start(r, l.value);
	}
}

/* Long lines are folded: what goes on begins with a blank (RFC 5545 section 3.1). */
static void take_lines(struct reader *r, struct buf *text)
{
	size_t from = 0, to = 0, n = text->len;
	char *at = (char *)text->data;

	for (size_t i = 0; i < n && !r->is_over; i++) {
		if (at[i] == '\r')
			continue;
		if (at[i] != '\n') {
			at[to++] = at[i];
		} else if (i + 1 < n && (at[i + 1] == ' ' || at[i + 1] == '\t')) {
			i++;
		} else {
			take_line(r, (struct text){ at + from, to - from });
			from = to;
		}
	}
	if (!r->is_over && to > from)
		take_line(r, (struct text){ at + from, to - from });
}

void mime_calendar_read(struct mime_calendar *c, enum mime_encoding encoding, const void *bytes,
			size_t n, struct text sender)
{
	cleanup_buf struct buf plain;
	struct reader r = { .c = c, .sender = sender };

	*c = (struct mime_calendar){ 0 };
	buf_init(&plain, LIMIT_MIME_REPORT);
	mime_part_bytes(encoding, bytes, n, &plain);
	take_lines(&r, &plain);
	switch (r.method) {
	case METHOD_OTHER:
		*c = (struct mime_calendar){ 0 };
		break;
	case METHOD_REPLY:
		break;
	case METHOD_COUNTER:
		c->answer = MIME_CALENDAR_COUNTER;
		break;
	case METHOD_DECLINECOUNTER: /* the organiser keeps his time: the proposal is declined */
		c->answer = MIME_CALENDAR_DECLINED;
		break;
	}
}
