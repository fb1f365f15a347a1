#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gmime/gmime.h>

#include "base/mem.h"
#include "ingest/mime/mime_lib.h"
#include "ingest/mime/mime_mail.h"
#include "ingest/mime/mime_utf8.h"

void mime_mail_init(struct mime_mail *m)
{
	*m = (struct mime_mail){ 0 };
	mime_head_init(&m->head);
	buf_init(&m->bytes, LIMIT_MIME_MAIL);
}

void mime_mail_clear(struct mime_mail *m)
{
	mime_head_clear(&m->head);
	free(m->leaf);
	free(m->info);
	buf_clear(&m->bytes);
	mime_mail_init(m);
}

/* ---- the bytes, with line ends that the library knows ---- */

/* "From someone Mon Nov 23 ...": a mailbox file's line, no header (RFC 4155). */
static struct text without_mbox_line(struct text t)
{
	const char *end;

	if (t.len < 5 || memcmp(t.at, "From ", 5) != 0)
		return t;
	end = memchr(t.at, '\n', t.len);
	if (!end)
		end = memchr(t.at, '\r', t.len);
	return end ? text_sub(t, (size_t)(end - t.at) + 1, t.len) : t;
}

static void keep(struct mime_mail *m, struct text bytes)
{
	bool is_mac = bytes.len && !memchr(bytes.at, '\n', bytes.len);

	bytes = without_mbox_line(bytes);
	(void)buf_add(&m->bytes, bytes.at, bytes.len < m->bytes.max ? bytes.len : m->bytes.max);
	for (size_t i = 0; is_mac && i < m->bytes.len; i++)
		if (m->bytes.data[i] == '\r')
			m->bytes.data[i] = '\n';
}

/* Lines that could begin a part: each may become an object of the library. */
static bool has_too_many_marks(struct text t)
{
	size_t n = 0;
	const char *at = t.at, *end = t.at + t.len;

	while (at < end && n <= LIMIT_MIME_MARKS) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));

		if (end - at >= 2 && at[0] == '-' && at[1] == '-')
			n++;
		at = lf ? lf + 1 : end;
	}
	return n > LIMIT_MIME_MARKS;
}

/* ---- leaves ---- */

static void copy(char *dst, size_t size, const char *s)
{
	mime_utf8_copy(dst, size, text_of(s));
}

static struct mime_leaf *add_leaf(struct mime_mail *m, const char *section)
{
	struct mime_leaf *leaf;

	if (m->n == LIMIT_IMAP_PARTS) {
		m->is_partial = true;
		return NULL;
	}
	if (m->n % 16 == 0)
		m->leaf = mem_resize(m->leaf, (m->n + 16) * sizeof(*m->leaf));
	leaf = &m->leaf[m->n++];
	*leaf = (struct mime_leaf){ 0 };
	copy(leaf->section, sizeof(leaf->section), section);
	return leaf;
}

static void describe(struct mime_leaf *leaf, GMimeObject *o)
{
	GMimeContentType *type = g_mime_object_get_content_type(o);
	GMimeContentDisposition *d = g_mime_object_get_content_disposition(o);

	copy(leaf->type, sizeof(leaf->type), g_mime_content_type_get_media_type(type));
	copy(leaf->subtype, sizeof(leaf->subtype), g_mime_content_type_get_media_subtype(type));
	copy(leaf->charset, sizeof(leaf->charset),
	     g_mime_content_type_get_parameter(type, "charset"));
	copy(leaf->encoding, sizeof(leaf->encoding),
	     g_mime_object_get_header(o, "Content-Transfer-Encoding"));
	if (d)
		copy(leaf->disposition, sizeof(leaf->disposition),
		     g_mime_content_disposition_get_disposition(d));
}

static struct text slice(const struct mime_mail *m, gint64 from, gint64 to)
{
	struct text all = text_of_buf(&m->bytes);

	if (from < 0 || (size_t)from > all.len)
		return (struct text){ 0 };
	if (to < from || (size_t)to > all.len)
		to = (gint64)all.len;
	return text_sub(all, (size_t)from, (size_t)(to - from));
}

static void add_part(struct mime_mail *m, GMimeObject *o, const char *section)
{
	struct mime_leaf *leaf = add_leaf(m, section);
	GMimeDataWrapper *content =
		GMIME_IS_PART(o) ? g_mime_part_get_content(GMIME_PART(o)) : NULL;
	GMimeStream *stream = content ? g_mime_data_wrapper_get_stream(content) : NULL;

	if (!leaf)
		return;
	describe(leaf, o);
	if (stream)
		leaf->bytes = slice(m, stream->bound_start, stream->bound_end);
}

static void add_message(struct mime_mail *m, GMimeObject *o, const char *section)
{
	struct mime_leaf *leaf = add_leaf(m, section);
	GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(o));
	GMimeHeaderList *headers =
		inner ? g_mime_object_get_header_list(GMIME_OBJECT(inner)) : NULL;

	if (!leaf)
		return;
	describe(leaf, o);
	if (headers && g_mime_header_list_get_count(headers) > 0)
		leaf->bytes = slice(
			m, g_mime_header_get_offset(g_mime_header_list_get_header_at(headers, 0)),
			-1);
}

static void walk(struct mime_mail *m, GMimeObject *o, const char *section, int depth)
{
	char below[MIME_SECTION];
	int n;

	if (depth > LIMIT_IMAP_DEPTH) {
		m->is_partial = true;
	} else if (GMIME_IS_MULTIPART(o)) {
		n = g_mime_multipart_get_count(GMIME_MULTIPART(o));
		for (int i = 0; i < n && !m->is_partial; i++) {
			(void)snprintf(below, sizeof(below), "%s%s%d", section, *section ? "." : "",
				       i + 1);
			walk(m, g_mime_multipart_get_part(GMIME_MULTIPART(o), i), below, depth + 1);
		}
	} else if (GMIME_IS_MESSAGE_PART(o)) {
		add_message(m, o, *section ? section : "1");
	} else {
		add_part(m, o, *section ? section : "1");
	}
}

static size_t head_length(struct text all)
{
	struct mime_fields fields;
	size_t n;

	mime_fields_init(&fields);
	n = mime_fields_read(&fields, all);
	mime_fields_clear(&fields);
	return n;
}

/* What the headers say is all there is: the body is one part. */
static void add_body(struct mime_mail *m)
{
	struct text all = text_of_buf(&m->bytes);
	struct mime_leaf *leaf = add_leaf(m, "1");
	const struct mime_type *t = &m->head.type;
	bool is_text = t->type && strcmp(t->type, "text") == 0;

	copy(leaf->type, sizeof(leaf->type), "text");
	copy(leaf->subtype, sizeof(leaf->subtype), is_text ? t->subtype : "plain");
	copy(leaf->charset, sizeof(leaf->charset), t->charset);
	copy(leaf->encoding, sizeof(leaf->encoding), m->head.encoding);
	leaf->bytes = text_sub(all, head_length(all), all.len);
}

static void take_apart(struct mime_mail *m)
{
	GMimeStream *stream =
		g_mime_stream_mem_new_with_buffer((const char *)m->bytes.data, m->bytes.len);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *message;

	g_mime_parser_set_persist_stream(parser, TRUE);
	message = g_mime_parser_construct_message(parser, NULL);
	if (message && g_mime_message_get_mime_part(message))
		walk(m, g_mime_message_get_mime_part(message), "", 0);
	if (message)
		g_object_unref(message);
	g_object_unref(parser);
	g_object_unref(stream);
}

/* Most mails are one text, and the headers say all there is to know of it: the library would make
 * a dozen objects of them. */
static bool is_one_text(const struct mime_head *h)
{
	return (!h->type.type || strcmp(h->type.type, "text") == 0) &&
	       !mime_head_field(h, "Content-Disposition", 0).len;
}

void mime_mail_read(struct mime_mail *m, struct text bytes)
{
	struct text all;

	mime_lib_need();
	mime_mail_clear(m);
	keep(m, bytes);
	all = text_of_buf(&m->bytes);
	mime_head_read(&m->head, all.at, all.len);
	if (has_too_many_marks(all))
		m->is_partial = true;
	else if (all.len && !is_one_text(&m->head))
		take_apart(m);
	if (m->n == 0 && all.len)
		add_body(m);
	m->info = mem_new((m->n + 1) * sizeof(*m->info));
	for (size_t i = 0; i < m->n; i++)
		m->info[i] = (struct mime_part_info){
			.section = text_of(m->leaf[i].section),
			.type = text_of(m->leaf[i].type),
			.subtype = text_of(m->leaf[i].subtype),
			.charset = text_of(m->leaf[i].charset),
			.encoding = text_of(m->leaf[i].encoding),
			.disposition = text_of(m->leaf[i].disposition),
			.size = m->leaf[i].bytes.len,
		};
}

struct text mime_mail_part(const struct mime_mail *m, const struct mime_pick_item *item)
{
	struct text section = text_of(item->section);

	if (text_iends(section, TEXT(".HEADER")))
		section.len -= 7;
	for (size_t i = 0; i < m->n; i++)
		if (text_eq(section, text_of(m->leaf[i].section)))
			return text_sub(m->leaf[i].bytes, 0, item->max_bytes);
	return (struct text){ 0 };
}
