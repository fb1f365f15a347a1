#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/mime/mime_mail.h"
#include "ingest/mime/mime_utf8.h"

void mime_mail_init(struct mime_mail *m)
{
	*m = (struct mime_mail){ 0 };
	mime_head_init(&m->head);
	buf_init(&m->own, LIMIT_MIME_MAIL);
}

void mime_mail_clear(struct mime_mail *m)
{
	mime_head_clear(&m->head);
	free(m->leaf);
	free(m->info);
	buf_clear(&m->own);
	mime_mail_init(m);
}

/* ---- the bytes ---- */

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

/* The caller's bytes; of a mail whose lines end with CR alone, a copy in which they end with LF. */
static struct text lines_of(struct mime_mail *m, struct text bytes)
{
	bytes = text_sub(without_mbox_line(bytes), 0, LIMIT_MIME_MAIL);
	if (!bytes.len || memchr(bytes.at, '\n', bytes.len))
		return bytes;
	(void)buf_add(&m->own, bytes.at, bytes.len);
	for (size_t i = 0; i < m->own.len; i++)
		if (m->own.data[i] == '\r')
			m->own.data[i] = '\n';
	return text_of_buf(&m->own);
}

/* ---- lines that part a multipart (RFC 2046 section 5.1.1) ---- */

struct mark {
	size_t from, to; /* of the line, its end included */
	bool is_last;
};

/* Is "--boundary" all that its line says, besides blanks, or the "--" that ends the multipart? */
static bool ends_line(struct text rest, struct mark *ret)
{
	size_t n = 0;

	ret->is_last = text_istarts(rest, TEXT("--"));
	if (ret->is_last)
		n = 2;
	while (n < rest.len && strchr(" \t\r", rest.at[n]) && rest.at[n])
		n++;
	if (n < rest.len && rest.at[n] != '\n')
		return false;
	ret->to += n < rest.len ? n + 1 : n;
	return true;
}

/* The next one at or behind `at`.  `dashed`: the boundary with its dashes. */
static bool next_mark(struct text body, struct text dashed, size_t at, struct mark *ret)
{
	while (at < body.len) {
		const char *hit = memmem(body.at + at, body.len - at, dashed.at, dashed.len);

		if (!hit)
			return false;
		ret->from = (size_t)(hit - body.at);
		ret->to = at = ret->from + dashed.len;
		if ((ret->from == 0 || body.at[ret->from - 1] == '\n') &&
		    ends_line(text_sub(body, at, body.len), ret))
			return true;
	}
	return false;
}

/* What stands from `from` to a mark at `to`, whose line end before it is its own. */
static struct text between(struct text body, size_t from, size_t to)
{
	if (to > from && body.at[to - 1] == '\n')
		to--;
	if (to > from && body.at[to - 1] == '\r')
		to--;
	return text_sub(body, from, to - from);
}

/* ---- parts ---- */

struct part {
	const struct mime_fields *fields;
	const struct mime_type *type;
	struct text body;
	char section[MIME_SECTION]; /* "": the mail itself */
	int depth;
	bool in_digest; /* without a type it is a mail (RFC 2046 section 5.1.5) */
};

static bool is_multipart(const struct mime_type *t)
{
	return t->type && strcmp(t->type, "multipart") == 0;
}

static bool is_message(const struct mime_type *t)
{
	return t->type && strcmp(t->type, "message") == 0 && t->subtype &&
	       (strcmp(t->subtype, "rfc822") == 0 || strcmp(t->subtype, "global") == 0);
}

static void name_type(struct mime_leaf *leaf, const struct part *p)
{
	const struct mime_type *t = p->type;
	bool is_known = t->type && t->subtype && !is_multipart(t);
	bool is_mail = !t->type && p->in_digest;

	(void)snprintf(leaf->type, sizeof(leaf->type), "%s",
		       is_known  ? t->type
		       : is_mail ? "message"
				 : "text");
	(void)snprintf(leaf->subtype, sizeof(leaf->subtype), "%s",
		       is_known  ? t->subtype
		       : is_mail ? "rfc822"
				 : "plain");
	(void)snprintf(leaf->charset, sizeof(leaf->charset), "%s", t->charset ? t->charset : "");
}

/* Of a multipart that has no part, its body is a text. */
static void add_leaf(struct mime_mail *m, const struct part *p)
{
	struct text disposition, parameters;
	struct mime_leaf *leaf;

	if (m->n == LIMIT_IMAP_PARTS) {
		m->is_partial = true;
		return;
	}
	if (m->n % 16 == 0)
		m->leaf = mem_resize(m->leaf, (m->n + 16) * sizeof(*m->leaf));
	leaf = &m->leaf[m->n++];
	*leaf = (struct mime_leaf){ .bytes = p->body };
	(void)snprintf(leaf->section, sizeof(leaf->section), "%s", *p->section ? p->section : "1");
	name_type(leaf, p);
	mime_utf8_copy(leaf->encoding, sizeof(leaf->encoding),
		       mime_fields_get(p->fields, "Content-Transfer-Encoding", 0));
	(void)text_cut(mime_fields_get(p->fields, "Content-Disposition", 0), ';', &disposition,
		       &parameters);
	mime_utf8_copy(leaf->disposition, sizeof(leaf->disposition), text_trim(disposition));
	while (is_message(p->type) && leaf->bytes.len && strchr("\r\n", leaf->bytes.at[0]))
		leaf->bytes = text_sub(leaf->bytes, 1, leaf->bytes.len); /* to its first header */
}

static void take(struct mime_mail *m, const struct part *p);

/* The nth part of `outer`, from 1. */
static void take_inner(struct mime_mail *m, const struct part *outer, struct text bytes, int nth)
{
	struct mime_fields fields;
	struct mime_type type;
	struct part p = {
		.fields = &fields,
		.type = &type,
		.depth = outer->depth + 1,
		.in_digest = outer->type->subtype && strcmp(outer->type->subtype, "digest") == 0,
	};
	int n = snprintf(p.section, sizeof(p.section), "%s%s%d", outer->section,
			 *outer->section ? "." : "", nth);

	if (n >= (int)sizeof(p.section) || p.depth > LIMIT_IMAP_DEPTH) {
		m->is_partial = true;
		return;
	}
	mime_fields_init(&fields);
	p.body = text_sub(bytes, mime_fields_read(&fields, bytes), bytes.len);
	mime_type_read(mime_fields_get(&fields, "Content-Type", 0), &type);
	take(m, &p);
	mime_type_clear(&type);
	mime_fields_clear(&fields);
}

/* How many parts it has between lines that say `dashed`. */
static int take_parts(struct mime_mail *m, const struct part *p, struct text dashed)
{
	struct mark mark, next;
	int n = 0;

	if (dashed.len < 3 || !next_mark(p->body, dashed, 0, &mark))
		return 0;
	while (!mark.is_last && !m->is_partial) {
		bool more = next_mark(p->body, dashed, mark.to, &next);

		if (!more)
			next = (struct mark){ p->body.len, p->body.len, true };
		take_inner(m, p,
			   more ? between(p->body, mark.to, next.from)
				: text_sub(p->body, mark.to, p->body.len),
			   ++n);
		mark = next;
	}
	return n;
}

static int take_named(struct mime_mail *m, const struct part *p)
{
	struct text boundary = text_of(p->type->boundary);
	cleanup_buf struct buf dashed;

	buf_init(&dashed, boundary.len + 2);
	(void)text_addf(&dashed, "--%.*s", TEXT_ARG(boundary));
	return take_parts(m, p, text_of_buf(&dashed));
}

/*
 * Programs that fold headers without a blank lose the boundary, and gateways write another.  The
 * first line of two dashes and a word is it, where a field of a part follows.
 */
static struct text guessed_mark(struct text body)
{
	struct text line;

	while (body.len) {
		(void)text_cut(body, '\n', &line, &body);
		line = text_trim(line);
		if (text_istarts(line, TEXT("--")) && text_istarts(body, TEXT("Content-")) &&
		    !memchr(line.at, ' ', line.len))
			return line;
	}
	return (struct text){ 0 };
}

static bool has_status(const struct mime_mail *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->leaf[i].subtype, "delivery-status") == 0)
			return true;
	return false;
}

/* Gateways wrap a delivery report into a mail of their own: its parts are listed behind it. */
static void take_wrapped(struct mime_mail *m, const struct part *wrapper)
{
	struct part p = { .depth = wrapper->depth + 1 };
	struct text bytes = m->leaf[m->n - 1].bytes;
	struct mime_fields fields;
	struct mime_type type;

	(void)snprintf(p.section, sizeof(p.section), "%s", wrapper->section);
	mime_fields_init(&fields);
	p.fields = &fields;
	p.body = text_sub(bytes, mime_fields_read(&fields, bytes), bytes.len);
	mime_type_read(mime_fields_get(&fields, "Content-Type", 0), &type);
	p.type = &type;
	if (is_multipart(&type) && type.subtype && strcmp(type.subtype, "report") == 0)
		(void)take_named(m, &p);
	mime_type_clear(&type);
	mime_fields_clear(&fields);
}

static void take(struct mime_mail *m, const struct part *p)
{
	if (is_multipart(p->type) && (take_named(m, p) || take_parts(m, p, guessed_mark(p->body))))
		return;
	add_leaf(m, p);
	if (is_message(p->type) && *p->section && !m->is_partial && p->depth < LIMIT_IMAP_DEPTH &&
	    !has_status(m))
		take_wrapped(m, p);
}

/* ---- the whole ---- */

static void list(struct mime_mail *m)
{
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

void mime_mail_read(struct mime_mail *m, struct text bytes)
{
	struct part whole = { .fields = &m->head.fields, .type = &m->head.type };

	mime_mail_clear(m);
	bytes = lines_of(m, bytes);
	mime_head_read(&m->head, bytes.at, bytes.len);
	whole.body = text_sub(bytes, m->head.length, bytes.len);
	if (bytes.len)
		take(m, &whole);
	if (bytes.len && m->n == 0) /* too deep */
		add_leaf(m, &whole);
	list(m);
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
