#include <stdlib.h>
#include <string.h>

#include <gmime/gmime.h>

#include "base/buf.h"
#include "base/mailaddr.h"
#include "base/mem.h"
#include "ingest/mime/mime_head.h"
#include "ingest/mime/mime_id.h"
#include "ingest/mime/mime_lib.h"
#include "ingest/mime/mime_utf8.h"

/*
 * mime_fields cuts the block (GMime's own parser wants a stream, and stops at
 * what real mail does to headers); what stands in a field is read by GMime:
 * encoded words, addresses, dates, parameters.
 */

struct text mime_head_field(const struct mime_head *h, const char *name, size_t nth)
{
	return mime_fields_get(&h->fields, name, nth);
}

bool mime_head_has(const struct mime_head *h, const char *name)
{
	return mime_head_field(h, name, 0).at != NULL;
}

/* ---- values ---- */

static char *lower_field(const struct mime_head *h, const char *name)
{
	return mime_utf8_lower(mime_head_field(h, name, 0), LIMIT_MIME_SUBJECT);
}

/* RFC 2047; white space runs become one space, as folding leaves them in any number. */
static char *decoded(struct text raw, size_t max)
{
	cleanup_free char *in =
		mem_text_n(raw.at, raw.len < LIMIT_MIME_FIELD ? raw.len : LIMIT_MIME_FIELD);
	char *utf8 = g_mime_utils_header_decode_text(NULL, in);
	char *s = mime_utf8_line(text_of(utf8), max), *to = s;

	g_free(utf8);
	for (const char *p = s; p && *p; p++)
		if (*p != ' ' || to[-1] != ' ') /* mime_utf8_line() trimmed: p[0] is no space */
			*to++ = *p;
	if (to)
		*to = '\0';
	return s;
}

static char *own_address(struct text raw)
{
	return mailaddr_own(mime_utf8_line(raw, LIMIT_MIME_ADDRESS));
}

static void add_address(struct mime_addresses *to, struct mime_address one)
{
	if (to->n % 8 == 0)
		to->at = mem_resize(to->at, (to->n + 8) * sizeof(*to->at));
	to->at[to->n++] = one;
}

/* The mailboxes of one parsed list, groups opened; GMime does not nest groups. */
static void add_mailboxes(struct mime_addresses *to, InternetAddressList *list, int depth)
{
	int n = list ? internet_address_list_length(list) : 0;

	for (int i = 0; i < n && to->n < LIMIT_MIME_ADDRESSES; i++) {
		InternetAddress *a = internet_address_list_get_address(list, i);
		struct mime_address one = { 0 };

		if (INTERNET_ADDRESS_IS_GROUP(a) && depth == 0)
			add_mailboxes(to,
				      internet_address_group_get_members(INTERNET_ADDRESS_GROUP(a)),
				      1);
		if (!INTERNET_ADDRESS_IS_MAILBOX(a))
			continue;
		one.address = own_address(
			text_of(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a))));
		if (!one.address)
			continue;
		one.name =
			mime_utf8_line(text_of(internet_address_get_name(a)), LIMIT_MIME_SUBJECT);
		add_address(to, one);
	}
}

/* What no parser understood may still hold an address: the first word with an '@'. */
static void add_by_eye(struct mime_addresses *to, struct text raw)
{
	size_t from, end, i;
	char *own;

	for (i = 0; i < raw.len && raw.at[i] != '@'; i++)
		;
	if (i == raw.len)
		return;
	for (from = i; from && !strchr(" \t<>()\",;:[]", raw.at[from - 1]); from--)
		;
	for (end = i + 1; end < raw.len && !strchr(" \t<>()\",;:[]", raw.at[end]); end++)
		;
	own = from < i && end > i + 1 ? own_address(text_sub(raw, from, end - from)) : NULL;
	if (own)
		add_address(to, (struct mime_address){ .address = own });
}

static void read_addresses(const struct mime_head *h, const char *name, struct mime_addresses *to)
{
	struct text raw;

	for (size_t nth = 0;
	     to->n < LIMIT_MIME_ADDRESSES && (raw = mime_head_field(h, name, nth)).at; nth++) {
		cleanup_free char *in =
			mem_text_n(raw.at, raw.len < LIMIT_MIME_FIELD ? raw.len : LIMIT_MIME_FIELD);
		InternetAddressList *list = internet_address_list_parse(NULL, in);
		size_t before = to->n;

		add_mailboxes(to, list, 0);
		if (to->n == before)
			add_by_eye(to, raw);
		if (list)
			g_object_unref(list);
	}
}

static void clear_addresses(struct mime_addresses *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->at[i].address);
		free(a->at[i].name);
	}
	free(a->at);
	*a = (struct mime_addresses){ 0 };
}

static void read_from(struct mime_head *h)
{
	static const char *const names[] = { "From", "Sender" };
	struct mime_addresses all = { 0 };

	for (size_t i = 0; i < countof(names) && !all.n; i++)
		read_addresses(h, names[i], &all);
	if (all.n) {
		h->from = all.at[0];
		all.at[0] = (struct mime_address){ 0 };
	}
	clear_addresses(&all);
}

static size_t count_ids(const struct mime_head *h, const char *name)
{
	char id[MIME_ID];
	size_t n = 0;
	struct text value;

	for (size_t nth = 0; (value = mime_head_field(h, name, nth)).at; nth++) {
		struct mime_id_list l;

		for (mime_id_list_init(&l, value); mime_id_list_next(&l, id);)
			n++;
	}
	return n;
}

/* The last LIMIT_MIME_IDS: the newest stand at the end (RFC 5322 section 3.6.4). */
static void read_ids(const struct mime_head *h, const char *name, struct mime_ids *ret)
{
	size_t all = count_ids(h, name), keep = all < LIMIT_MIME_IDS ? all : LIMIT_MIME_IDS, i = 0;
	char id[MIME_ID];
	struct text value;

	if (!keep)
		return;
	ret->at = mem_new(keep * sizeof(*ret->at));
	for (size_t nth = 0; (value = mime_head_field(h, name, nth)).at; nth++) {
		struct mime_id_list l;

		for (mime_id_list_init(&l, value); mime_id_list_next(&l, id);)
			if (i++ >= all - keep)
				ret->at[ret->n++] = mem_text(id);
	}
}

static void read_message_id(struct mime_head *h)
{
	char id[MIME_ID];

	if (mime_id_normal(mime_head_field(h, "Message-ID", 0), id))
		h->message_id = mem_text(id);
}

/* Dates that a timestamp column and a reader can live with: 1970 to 2200. */
int64_t mime_head_date(struct text raw)
{
	cleanup_free char *in = mem_text_n(raw.at, raw.len < 200 ? raw.len : 200);
	GDateTime *when = raw.len ? g_mime_utils_header_decode_date(in) : NULL;
	int64_t at = when ? g_date_time_to_unix(when) : MIME_NO_DATE;

	if (when)
		g_date_time_unref(when);
	return at >= 0 && at < INT64_C(7258118400) ? at : MIME_NO_DATE;
}

static enum mime_path read_return_path(const struct mime_head *h)
{
	struct text path = mime_head_field(h, "Return-Path", 0);

	if (!path.at)
		return MIME_PATH_ABSENT;
	for (size_t i = 0; i < path.len; i++)
		if (!strchr("<> \t", path.at[i]))
			return MIME_PATH_ADDRESS;
	return MIME_PATH_NULL;
}

/* ---- the whole ---- */

void mime_head_init(struct mime_head *h)
{
	*h = (struct mime_head){ .date = MIME_NO_DATE };
}

static void clear_ids(struct mime_ids *ids)
{
	for (size_t i = 0; i < ids->n; i++)
		free(ids->at[i]);
	free(ids->at);
}

void mime_head_clear(struct mime_head *h)
{
	mime_fields_clear(&h->fields);
	free(h->message_id);
	clear_ids(&h->in_reply_to);
	clear_ids(&h->references);
	free(h->from.address);
	free(h->from.name);
	clear_addresses(&h->reply_to);
	clear_addresses(&h->to);
	clear_addresses(&h->failed);
	free(h->subject);
	free(h->auto_submitted);
	free(h->precedence);
	free(h->auto_suppress);
	mime_type_clear(&h->type);
	free(h->encoding);
	mime_head_init(h);
}

void mime_head_read(struct mime_head *h, const void *bytes, size_t n)
{
	static const char *const to[] = { "To", "Cc", "Delivered-To", "X-Original-To" };

	mime_lib_need();
	mime_head_clear(h);
	h->length = mime_fields_read(&h->fields, (struct text){ bytes, n });

	read_message_id(h);
	read_ids(h, "In-Reply-To", &h->in_reply_to);
	read_ids(h, "References", &h->references);
	read_from(h);
	read_addresses(h, "Reply-To", &h->reply_to);
	for (size_t i = 0; i < countof(to); i++)
		read_addresses(h, to[i], &h->to);
	read_addresses(h, "X-Failed-Recipients", &h->failed);
	h->subject = decoded(mime_head_field(h, "Subject", 0), LIMIT_MIME_SUBJECT);
	if (!h->subject)
		h->subject = mem_text("");
	h->date = mime_head_date(mime_head_field(h, "Date", 0));
	h->return_path = read_return_path(h);
	h->auto_submitted = lower_field(h, "Auto-Submitted");
	h->precedence = lower_field(h, "Precedence");
	h->auto_suppress = lower_field(h, "X-Auto-Response-Suppress");
	mime_type_read(mime_head_field(h, "Content-Type", 0), &h->type);
	h->encoding = lower_field(h, "Content-Transfer-Encoding");
}

static void glance_addresses(const struct mime_head *h, const char *name, struct mime_addresses *to)
{
	struct text raw = mime_head_field(h, name, 0);
	const char *angle = raw.len ? memrchr(raw.at, '<', raw.len) : NULL;
	size_t before = to->n, from = angle ? (size_t)(angle - raw.at) : 0;

	if (angle)
		add_by_eye(to, text_sub(raw, from, raw.len - from));
	if (to->n == before)
		add_by_eye(to, raw);
}

void mime_head_glance(struct mime_head *h, const void *bytes, size_t n)
{
	struct mime_addresses from = { 0 };
	struct text subject;

	mime_head_clear(h);
	(void)mime_fields_read(&h->fields, (struct text){ bytes, n });
	read_message_id(h);
	read_ids(h, "In-Reply-To", &h->in_reply_to);
	read_ids(h, "References", &h->references);
	glance_addresses(h, "From", &from);
	if (from.n) {
		h->from = from.at[0];
		from.at[0] = (struct mime_address){ 0 };
	}
	clear_addresses(&from);
	glance_addresses(h, "To", &h->to);
	glance_addresses(h, "Delivered-To", &h->to);
	subject = mime_head_field(h, "Subject", 0);
	if (text_ifind(subject, TEXT("=?")) == SIZE_MAX)
		h->subject = mime_utf8_line(subject, LIMIT_MIME_SUBJECT);
	if (!h->subject)
		h->subject = mem_text("");
	h->return_path = read_return_path(h);
	h->auto_submitted = lower_field(h, "Auto-Submitted");
	h->precedence = lower_field(h, "Precedence");
	h->auto_suppress = lower_field(h, "X-Auto-Response-Suppress");
}

bool mime_head_is_type(const struct mime_head *h, const char *type, const char *subtype,
		       const char *report_type)
{
	const struct mime_type *t = &h->type;

	return t->type && t->subtype && strcmp(t->type, type) == 0 &&
	       strcmp(t->subtype, subtype) == 0 &&
	       (!report_type || (t->report_type && strcmp(t->report_type, report_type) == 0));
}
