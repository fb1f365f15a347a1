#include "ingest/dialogue.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

/* Where the server's bytes stand in RFC 3501 section 9, as far as it matters here. */
enum place {
	PLACE_LINE,
	PLACE_QUOTED,  /* in a string of a FETCH */
	PLACE_ESCAPED, /* behind a backslash in one */
	PLACE_LITERAL, /* `left` bytes of one are to come */
};

#define PIECE 1024 /* of a long line: make_room() takes away by lines and halves */
#define HEAD  24   /* of a response: "* 4294967295 FETCH (" */

struct dialogue {
	struct buf text;
	char side; /* who spoke last: 'S' or 'C'; '\0': a line begins */
	enum place place;
	char head[HEAD];
	size_t n_head;
	bool is_fetch;
	uint64_t left, size; /* of the literal under way; the number behind the last '{' */
	enum { SIZE_NONE, SIZE_DIGITS, SIZE_CLOSED } sizing;
};

struct dialogue *dialogue_new(void)
{
	struct dialogue *d = mem_new(sizeof(*d));

	buf_init(&d->text, DIALOGUE_MAX);
	return d;
}

void dialogue_free(struct dialogue *d)
{
	if (!d)
		return;
	buf_clear(&d->text);
	free(d);
}

struct text dialogue_text(const struct dialogue *d)
{
	return text_of_buf(&d->text);
}

/* ---- what is kept ---- */

static void make_room(struct dialogue *d, size_t n)
{
	uint8_t *end;

	if (d->text.len + n <= DIALOGUE_MAX)
		return;
	buf_drop(&d->text, d->text.len / 2);
	end = d->text.len ? memchr(d->text.data, '\n', d->text.len) : NULL;
	if (end)
		buf_drop(&d->text, (size_t)(end - d->text.data) + 1);
}

static void put(struct dialogue *d, char side, const char *p, size_t n)
{
	const char begin[] = { side, ':', ' ' };

	if (!n)
		return;
	make_room(d, n + 4);
	if (d->side && d->side != side)
		(void)buf_add(&d->text, "\n", 1);
	if (d->side != side)
		(void)buf_add(&d->text, begin, sizeof(begin));
	(void)buf_add(&d->text, p, n < DIALOGUE_MAX / 2 ? n : DIALOGUE_MAX / 2);
	d->side = p[n - 1] == '\n' ? '\0' : side;
}

/* ---- the client's ---- */

static void put_lines(struct dialogue *d, const char *p, size_t n)
{
	while (n > 0) {
		const char *end = memchr(p, '\n', n);
		size_t len = end ? (size_t)(end - p) + 1 : n;

		put(d, 'C', p, len);
		p += len;
		n -= len;
	}
}

void dialogue_out(struct dialogue *d, const void *p, size_t n, size_t secret_from,
		  size_t secret_len)
{
	size_t end = secret_from + secret_len;

	if (!secret_len || secret_from >= n) {
		put_lines(d, p, n);
		return;
	}
	put_lines(d, p, secret_from);
	put(d, 'C', "[secret]", 8);
	if (end < n)
		put_lines(d, (const char *)p + end, n - end);
}

/* ---- the server's ---- */

static void begin_response(struct dialogue *d)
{
	d->n_head = 0;
	d->is_fetch = false;
}

static void look_for_fetch(struct dialogue *d, char c)
{
	static const struct text word = TEXT(" FETCH");

	if (d->n_head == HEAD)
		return;
	d->head[d->n_head++] = c;
	if (d->n_head >= word.len && (c | 0x20) == 'h')
		d->is_fetch |=
			text_ieq((struct text){ d->head + d->n_head - word.len, word.len }, word);
}

/* "{123}", "{123+}", "~{123}" before the end of a line announce a literal. */
static void look_for_size(struct dialogue *d, char c)
{
	if (c == '{') {
		d->sizing = SIZE_DIGITS;
		d->size = 0;
	} else if (d->sizing == SIZE_DIGITS && c >= '0' && c <= '9') {
		d->size = d->size > UINT64_MAX / 20 ? d->size : d->size * 10 + (uint64_t)(c - '0');
	} else if (d->sizing == SIZE_DIGITS && c == '}') {
		d->sizing = SIZE_CLOSED;
	} else if (c != '\r' && c != '+') {
		d->sizing = SIZE_NONE;
	}
}

static void end_line(struct dialogue *d)
{
	char said[48];
	int n;

	if (d->sizing != SIZE_CLOSED) {
		begin_response(d);
		return;
	}
	n = snprintf(said, sizeof(said), "[literal, %llu bytes]", (unsigned long long)d->size);
	put(d, 'S', said, (size_t)n);
	d->left = d->size;
	d->sizing = SIZE_NONE;
	d->place = d->left ? PLACE_LITERAL : PLACE_LINE;
}

/* One byte outside of literals, and no end of a line.  Is it kept? */
static bool hear(struct dialogue *d, char c)
{
	switch (d->place) {
	case PLACE_ESCAPED:
		d->place = PLACE_QUOTED;
		return false;
	case PLACE_QUOTED:
		if (c == '\\')
			d->place = PLACE_ESCAPED;
		if (c != '"')
			return false;
		d->place = PLACE_LINE;
		break;
	case PLACE_LINE:
		if (c == '"' && d->is_fetch)
			d->place = PLACE_QUOTED;
		break;
	case PLACE_LITERAL:
		return false;
	}
	look_for_fetch(d, c);
	look_for_size(d, c);
	return true;
}

/* Up to the next byte that is not kept, and with it; how many that were. */
static size_t hear_some(struct dialogue *d, const char *p, size_t n)
{
	size_t kept = 0;

	if (n > PIECE)
		n = PIECE;
	while (kept < n && p[kept] != '\n' && hear(d, p[kept]))
		kept++;
	put(d, 'S', p, kept);
	if (kept == n)
		return n;
	if (p[kept] == '\n') { /* also in a string, where it has no business */
		d->place = PLACE_LINE;
		put(d, 'S', "\n", 1);
		end_line(d);
	}
	return kept + 1;
}

void dialogue_in(struct dialogue *d, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		size_t took;

		if (d->place == PLACE_LITERAL) {
			took = d->left < n ? (size_t)d->left : n;
			d->left -= took;
			if (!d->left)
				d->place = PLACE_LINE;
		} else {
			took = hear_some(d, at, n);
		}
		at += took;
		n -= took;
	}
}
