#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/mime/mime_fields.h"

void mime_fields_init(struct mime_fields *f)
{
	*f = (struct mime_fields){ 0 };
}

void mime_fields_clear(struct mime_fields *f)
{
	free(f->block);
	free(f->at);
	mime_fields_init(f);
}

/* The line at `at`, without its end; `ret_next`: where the next one starts. */
static struct text line_at(struct text block, size_t at, bool cr_only, size_t *ret_next)
{
	const char *end = memchr(block.at + at, cr_only ? '\r' : '\n', block.len - at);
	size_t len = end ? (size_t)(end - block.at) - at : block.len - at;

	*ret_next = end ? at + len + 1 : block.len;
	if (!cr_only && len && block.at[at + len - 1] == '\r')
		len--;
	return text_sub(block, at, len);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* "Name:" and also "Name :"; 0: the line is no field. */
static size_t name_length(struct text line, size_t *ret_colon)
{
	size_t n = 0, colon;

	while (n < line.len && (uint8_t)line.at[n] > ' ' && (uint8_t)line.at[n] < 0x7f &&
	       line.at[n] != ':')
		n++;
	for (colon = n; colon < line.len && is_blank(line.at[colon]); colon++)
		;
	*ret_colon = colon;
	return colon < line.len && line.at[colon] == ':' ? n : 0;
}

struct cutter {
	struct mime_fields *f;
	size_t used;   /* bytes of the block */
	size_t room;   /* fields allocated */
	bool in_field; /* a continuation line belongs to the last field */
};

/* NUL and stray CR are no text; everything else is kept as it came. */
static struct text append(struct cutter *c, struct text t)
{
	struct text kept = { c->f->block + c->used, 0 };

	for (size_t i = 0; i < t.len; i++)
		if (t.at[i] != '\0' && t.at[i] != '\r')
			c->f->block[c->used++] = t.at[i];
	kept.len = (size_t)(c->f->block + c->used - kept.at);
	return kept;
}

static void start_field(struct cutter *c, struct text name, struct text value)
{
	struct mime_field *field;

	if (c->f->n == c->room) {
		c->room = c->room ? c->room * 2 : 32;
		c->f->at = mem_resize(c->f->at, c->room * sizeof(*c->f->at));
	}
	field = &c->f->at[c->f->n++];
	field->name = append(c, name);
	field->value = append(c, value);
}

static void take_line(struct cutter *c, struct text line)
{
	size_t name_len, colon;

	if (is_blank(line.at[0])) {
		/* RFC 5322 section 2.2.3: unfolding takes the line end away and leaves the blanks
		 */
		if (c->in_field)
			c->f->at[c->f->n - 1].value.len += append(c, line).len;
		return;
	}
	name_len = name_length(line, &colon);
	c->in_field = name_len > 0 && c->f->n < LIMIT_MIME_FIELDS;
	if (c->in_field)
		start_field(c, text_sub(line, 0, name_len), text_sub(line, colon + 1, line.len));
}

/* The bytes of the first block, its empty line included; so that reading many small blocks costs
 * what they hold. */
static struct text first_block(struct text bytes, bool cr_only, bool *ret_ended)
{
	struct text block = text_sub(bytes, 0, LIMIT_MIME_HEAD);
	size_t at = 0, next;

	for (*ret_ended = false; at < block.len && !*ret_ended; at = next)
		*ret_ended = line_at(block, at, cr_only, &next).len == 0;
	return text_sub(block, 0, at);
}

size_t mime_fields_read(struct mime_fields *f, struct text bytes)
{
	size_t look = bytes.len < LIMIT_MIME_HEAD ? bytes.len : LIMIT_MIME_HEAD;
	/* old Macs ended lines with CR; in a block that has LFs a CR is only a stray byte */
	bool cr_only = look && !memchr(bytes.at, '\n', look), ended;
	struct text block = first_block(bytes, cr_only, &ended);
	struct mime_fields fresh = { 0 };
	struct cutter c = { .f = &fresh };

	fresh.block = mem_new(block.len + 1);
	for (size_t at = 0, next; at < block.len; at = next) {
		struct text line = line_at(block, at, cr_only, &next);

		if (line.len)
			take_line(&c, line);
	}
	/* the ceiling fell inside a field: half an id is another id */
	if (!ended && bytes.len >= LIMIT_MIME_HEAD && c.in_field)
		fresh.n--;
	for (size_t i = 0; i < fresh.n; i++)
		fresh.at[i].value = text_trim(fresh.at[i].value);
	mime_fields_clear(f);
	*f = fresh;
	return block.len;
}

void mime_fields_read_part(struct mime_fields *f, enum mime_encoding encoding, const void *bytes,
			   size_t n)
{
	cleanup_buf struct buf plain;
	struct text rest;

	buf_init(&plain, LIMIT_MIME_REPORT);
	mime_part_bytes(encoding, bytes, n, &plain);
	rest = text_of_buf(&plain);
	while (rest.len && (rest.at[0] == '\r' || rest.at[0] == '\n'))
		rest = text_sub(rest, 1, rest.len);
	(void)mime_fields_read(f, rest);
}

struct text mime_fields_get(const struct mime_fields *f, const char *name, size_t nth)
{
	struct text want = text_of(name);

	for (size_t i = 0; i < f->n; i++)
		if (f->at[i].name.len == want.len && text_ieq(f->at[i].name, want) && nth-- == 0)
			return f->at[i].value;
	return (struct text){ 0 };
}
