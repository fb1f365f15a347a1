#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mailaddr.h"
#include "base/mem.h"
#include "ingest/mime/mime_dsn.h"
#include "ingest/mime/mime_id.h"
#include "ingest/mime/mime_returned.h"
#include "ingest/mime/mime_utf8.h"

static const char *const action_names[] = {
	[MIME_ACTION_NONE] = "",           [MIME_ACTION_FAILED] = "failed",
	[MIME_ACTION_DELAYED] = "delayed", [MIME_ACTION_DELIVERED] = "delivered",
	[MIME_ACTION_RELAYED] = "relayed", [MIME_ACTION_EXPANDED] = "expanded",
};

const char *mime_dsn_action_name(enum mime_action action)
{
	return action_names[action];
}

void mime_dsn_init(struct mime_dsn *d)
{
	*d = (struct mime_dsn){ 0 };
	mime_head_init(&d->original);
}

static void clear_recipients(struct mime_dsn *d)
{
	for (size_t i = 0; i < d->n_rcpt; i++) {
		free(d->rcpt[i].final);
		free(d->rcpt[i].original);
		free(d->rcpt[i].diagnostic);
		free(d->rcpt[i].comment);
	}
	free(d->rcpt);
	d->rcpt = NULL;
	d->n_rcpt = 0;
}

void mime_dsn_clear(struct mime_dsn *d)
{
	clear_recipients(d);
	free(d->reporting_mta);
	free(d->original_id);
	mime_head_clear(&d->original);
	mime_dsn_init(d);
}

bool mime_dsn_is_empty(const struct mime_dsn *d)
{
	return !d->n_rcpt && !d->reporting_mta && !d->original_id && !d->has_original;
}

/* ---- field values ---- */

/* "type; value" -> value; without a type, or where the ';' belongs to the words, all of it. */
static struct text after_type(struct text v)
{
	struct text head, tail;

	if (!text_cut(v, ';', &head, &tail))
		return v;
	head = text_trim(head);
	for (size_t i = 0; i < head.len; i++)
		if (head.at[i] == ' ' || head.at[i] == '@' || head.at[i] == '<')
			return v;
	return text_trim(tail);
}

/* The length of a quoted string that an '@' follows; 0: it is something else. */
static size_t quoted_length(struct text v)
{
	const char *end = memchr(v.at + 1, '"', v.len - 1);
	size_t n = end ? (size_t)(end - v.at) + 1 : 0;

	return n && n < v.len && v.at[n] == '@' ? n : 0;
}

/* The next word of an address field, and what is behind it; empty: none. */
static struct text next_word(struct text *rest)
{
	struct text v = *rest, word;
	size_t n = 0;

	while (v.len && strchr(" \t<>'(;,", v.at[0]))
		v = text_sub(v, 1, v.len);
	if (v.len && v.at[0] == '"') /* RFC 5321 section 4.1.2: a local part may be quoted */
		n = quoted_length(v);
	if (v.len && v.at[0] == '"' && !n)
		v = text_sub(v, 1, v.len);
	while (n < v.len && !strchr(" \t<>\"'(;,", v.at[n]))
		n++;
	word = text_sub(v, 0, n);
	*rest = text_sub(v, n, v.len);
	return word;
}

/*
 * "rfc822; <ann@mail.example> (expanded from ...)" -> "ann@mail.example", also out of a source
 * route (RFC 5321 appendix C) or a command it was piped to; NULL: no address in it.
 */
static char *address_of(struct text v)
{
	struct text rest = after_type(v), word, route, mailbox;

	while ((word = next_word(&rest)).len) {
		if (word.at[0] == '@' && text_cut(word, ':', &route, &mailbox))
			word = mailbox;
		if (word.len && word.at[0] != '@' && memchr(word.at, '@', word.len))
			return mailaddr_own(mime_utf8_line(word, LIMIT_MIME_ADDRESS));
	}
	return NULL;
}

/* The first word; some MTAs write "failed (bounced by ...)". */
static enum mime_action action_of(struct text v)
{
	size_t n = 0;

	while (n < v.len && strchr(" \t(;,", v.at[n]) == NULL)
		n++;
	v = text_sub(v, 0, n);
	/* not in the RFC, but written: */
	if (text_ieq(v, TEXT("expired")) || text_ieq(v, TEXT("failure")) ||
	    text_ieq(v, TEXT("undeliverable")))
		return MIME_ACTION_FAILED;
	if (text_ieq(v, TEXT("deliverable"))) /* Postfix, asked whether it could */
		return MIME_ACTION_DELIVERED;
	if (text_ieq(v, TEXT("delay")))
		return MIME_ACTION_DELAYED;
	for (size_t i = MIME_ACTION_FAILED; i < countof(action_names); i++)
		if (text_ieq(v, text_of(action_names[i])))
			return (enum mime_action)i;
	return MIME_ACTION_NONE;
}

/* RFC 3463 section 2: class "." subject "." detail, 1 to 3 digits in the last two.  Comments after
 * it are passed over. */
static void status_of(struct text v, char ret[MIME_STATUS])
{
	size_t n = 0, dots = 0, digits = 0;

	ret[0] = '\0';
	while (n < v.len && n + 1 < MIME_STATUS) {
		if (v.at[n] >= '0' && v.at[n] <= '9' && digits < 3)
			digits++;
		else if (v.at[n] == '.' && digits && dots < 2)
			dots++, digits = 0;
		else
			break;
		n++;
	}
	if (dots != 2 || !digits || v.at[1] != '.' ||
	    (v.at[0] != '2' && v.at[0] != '4' && v.at[0] != '5'))
		return;
	memcpy(ret, v.at, n);
	ret[n] = '\0';
}

/* ---- blocks ---- */

struct reader {
	struct mime_dsn *d;
	struct mime_dsn_recipient
		*cur; /* the recipient the fields speak of; NULL: of the message */
};

/* The recipient a field belongs to; a new one when there is none yet, or when `taken` says this one
 * is told already. */
static struct mime_dsn_recipient *recipient(struct reader *r, bool taken)
{
	struct mime_dsn *d = r->d;

	if (r->cur && !taken)
		return r->cur;
	if (d->n_rcpt == LIMIT_MIME_RECIPIENTS)
		return NULL;
	if (!d->rcpt)
		d->rcpt = mem_new(LIMIT_MIME_RECIPIENTS * sizeof(*d->rcpt));
	r->cur = &d->rcpt[d->n_rcpt++];
	return r->cur;
}

static void take_address(struct reader *r, struct text v, bool final)
{
	struct mime_dsn_recipient *c =
		recipient(r, r->cur && (final ? r->cur->final : r->cur->original));

	if (c && final)
		c->final = address_of(v);
	else if (c)
		c->original = address_of(v);
}

/* A recipient told before any address is named, or after a blank line that does not belong there.
 */
static struct mime_dsn_recipient *recipient_of_report(struct reader *r)
{
	struct mime_dsn *d = r->d;
	struct mime_dsn_recipient *last = d->n_rcpt ? &d->rcpt[d->n_rcpt - 1] : NULL;

	if (!r->cur && last && last->action == MIME_ACTION_NONE && !last->status[0])
		r->cur = last;
	return recipient(r, /* taken= */ false);
}

/* "5.1.10 (host/domain does not accept mail)": the comment is all the diagnostic some give. */
static void take_status(struct mime_dsn_recipient *c, struct text v)
{
	const char *comment = v.len ? memchr(v.at, '(', v.len) : NULL;

	status_of(v, c->status);
	if (comment && !c->comment)
		c->comment = mime_utf8_line(text_sub(v, (size_t)(comment - v.at), v.len),
					    LIMIT_MIME_SUBJECT);
}

static void take_recipient_field(struct reader *r, struct text name, struct text v)
{
	bool action = text_ieq(name, TEXT("Action")), status = text_ieq(name, TEXT("Status"));
	bool said = text_ieq(name, TEXT("Diagnostic-Code"));
	struct mime_dsn_recipient *c = action || status || said ? recipient_of_report(r) : r->cur;

	if (!c)
		return;
	if (action && c->action == MIME_ACTION_NONE)
		c->action = action_of(v);
	else if (status && !c->status[0])
		take_status(c, v);
	else if (said && !c->diagnostic)
		c->diagnostic = mime_utf8_line(after_type(v), LIMIT_MIME_SUBJECT);
	else if (text_ieq(name, TEXT("Will-Retry-Until")))
		c->will_retry = true;
}

static void take_field(struct reader *r, struct text name, struct text v)
{
	struct mime_dsn *d = r->d;
	char id[MIME_ID];

	if (text_ieq(name, TEXT("Final-Recipient"))) {
		take_address(r, v, /* final= */ true);
	} else if (text_ieq(name, TEXT("Original-Recipient"))) {
		take_address(r, v, /* final= */ false);
	} else if (text_ieq(name, TEXT("Reporting-MTA")) && !d->reporting_mta) {
		d->reporting_mta = mime_utf8_line(after_type(v), LIMIT_MIME_ADDRESS);
	} else if (text_ieq(name, TEXT("X-Original-Message-ID")) && !d->original_id) {
		if (mime_id_normal(v, id))
			d->original_id = mem_text(id);
	} else {
		take_recipient_field(r, name, v);
	}
}

static void decode(enum mime_encoding encoding, const void *bytes, size_t n, struct buf *ret)
{
	buf_init(ret, LIMIT_MIME_REPORT);
	mime_part_bytes(encoding, bytes, n, ret);
}

static void read_blocks(struct mime_dsn *d, struct text rest)
{
	struct mime_fields block;

	mime_fields_init(&block);
	while (rest.len) {
		struct reader r = { .d = d };

		if (rest.at[0] == '\r' || rest.at[0] == '\n') {
			rest = text_sub(rest, 1, rest.len);
			continue;
		}
		rest = text_sub(rest, mime_fields_read(&block, rest), rest.len);
		for (size_t i = 0; i < block.n; i++)
			take_field(&r, block.at[i].name, block.at[i].value);
	}
	mime_fields_clear(&block);
}

void mime_dsn_read_status(struct mime_dsn *d, enum mime_encoding encoding, const void *bytes,
			  size_t n)
{
	cleanup_buf struct buf plain;

	clear_recipients(d);
	decode(encoding, bytes, n, &plain);
	read_blocks(d, text_of_buf(&plain));
}

void mime_dsn_read_original(struct mime_dsn *d, enum mime_encoding encoding, const void *bytes,
			    size_t n)
{
	cleanup_buf struct buf plain;

	decode(encoding, bytes, n, &plain);
	mime_head_read(&d->original, plain.data, plain.len);
	d->has_original = d->original.fields.n > 0;
}

void mime_dsn_name_original(struct mime_dsn *d, struct text id)
{
	char normal[MIME_ID];

	if (!d->original_id && mime_id_normal(id, normal))
		d->original_id = mem_text(normal);
}

/* The first "Message-ID:" of the words, where no block of headers was found. */
static void read_id(struct mime_dsn *d, struct text text)
{
	struct text line;
	bool more = text.len > 0;
	char id[MIME_ID];

	while (more && !d->original_id && !d->original.message_id) {
		more = text_cut(text, '\n', &line, &text);
		while (line.len && strchr("> \t", line.at[0]))
			line = text_sub(line, 1, line.len);
		if (!text_istarts(line, TEXT("message-id:")))
			continue;
		line = text_sub(line, sizeof("message-id:") - 1, line.len);
		if (!text_trim(line).len && more) /* folded: the id stands on the next line */
			more = text_cut(text, '\n', &line, &text);
		if (mime_id_normal(line, id))
			d->original_id = mem_text(id);
	}
}

/* Some write the fields of RFC 3464 into the text itself. */
static void read_fields(struct mime_dsn *d, struct text text)
{
	size_t at = text_ifind(text, TEXT("\nFinal-Recipient:"));

	if (at == SIZE_MAX)
		return;
	while (at > 0 && !(text.at[at - 1] == '\n' && text.at[at] == '\n'))
		at--; /* to where its block begins */
	read_blocks(d, text_sub(text, at, LIMIT_MIME_REPORT));
}

void mime_dsn_read_text(struct mime_dsn *d, struct text text)
{
	struct mime_returned returned;
	cleanup_buf struct buf head;

	buf_init(&head, LIMIT_MIME_REPORT);
	if (!d->n_rcpt)
		read_fields(d, text);
	if (!d->has_original && mime_returned_find(text, &returned)) {
		mime_returned_head(&returned, &head);
		mime_head_read(&d->original, head.data, head.len);
		d->has_original = !returned.is_digest;
	}
	read_id(d, text);
}
