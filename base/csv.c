#include <errno.h>
#include <string.h>

#include "base/csv.h"
#include "base/mem.h"

static char separator_of(struct text in)
{
	static const char candidates[] = { ',', ';', '\t' };
	size_t n[countof(candidates)] = { 0 }, best = 0;
	bool quoted = false;

	for (size_t i = 0; i < in.len && (quoted || in.at[i] != '\n'); i++) {
		if (in.at[i] == '"')
			quoted = !quoted;
		for (size_t k = 0; !quoted && k < countof(candidates); k++)
			n[k] += in.at[i] == candidates[k];
	}
	for (size_t k = 1; k < countof(candidates); k++)
		if (n[k] > n[best])
			best = k;
	return candidates[best];
}

void csv_init(struct csv *c, char *bytes, size_t n)
{
	static const char mark[] = "\xef\xbb\xbf";

	*c = (struct csv){ .at = bytes, .end = bytes + n, .line = 1 };
	if (n >= 3 && memcmp(bytes, mark, 3) == 0)
		c->at += 3;
	c->separator = separator_of((struct text){ c->at, (size_t)(c->end - c->at) });
}

/* CRLF, LF, or a lone CR. */
static void eat_break(struct csv *c)
{
	if (c->at < c->end && *c->at == '\r')
		c->at++;
	if (c->at < c->end && *c->at == '\n')
		c->at++;
	c->line++;
}

static bool is_over(const struct csv *c)
{
	return c->at == c->end || *c->at == c->separator || *c->at == '\r' || *c->at == '\n';
}

/* RFC 4180 section 2, rules 5 to 7. */
static int quoted_field(struct csv *c, struct text *ret)
{
	char *begin = ++c->at, *to = begin;

	for (; c->at < c->end; c->at++) {
		if (*c->at == '"' && (c->at + 1 == c->end || c->at[1] != '"'))
			break;
		if (*c->at == '"')
			c->at++;
		c->line += *c->at == '\n';
		*to++ = *c->at;
	}
	if (c->at == c->end)
		return -EBADMSG;
	c->at++;
	*ret = (struct text){ begin, (size_t)(to - begin) };
	return is_over(c) ? 0 : -EBADMSG;
}

static int field(struct csv *c, struct text *ret)
{
	char *begin = c->at;

	if (c->at < c->end && *c->at == '"')
		return quoted_field(c, ret);
	while (!is_over(c))
		c->at++;
	*ret = text_trim((struct text){ begin, (size_t)(c->at - begin) });
	return 0;
}

static int read_row(struct csv *c, struct csv_row *ret)
{
	ret->line = c->line;
	ret->n = 0;
	for (;;) {
		int r = ret->n == CSV_FIELDS ? -E2BIG : field(c, &ret->fields[ret->n]);

		if (r)
			return r;
		ret->n++;
		if (c->at == c->end || *c->at != c->separator)
			break;
		c->at++;
	}
	eat_break(c);
	return 1;
}

int csv_next(struct csv *c, struct csv_row *ret)
{
	while (c->at < c->end) {
		int r = read_row(c, ret);

		if (r < 0 || ret->n > 1 || ret->fields[0].len > 0)
			return r;
	}
	return 0;
}
