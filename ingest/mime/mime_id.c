#include <stdbool.h>
#include <string.h>

#include "ingest/mime/mime_id.h"
#include "ingest/mime/mime_utf8.h"

static bool is_blank(uint32_t c)
{
	return c <= ' ' || (c >= 0x7f && c < 0xa0);
}

/* What stands between the first '<' and the '>' after it; all of it when there is none.  A bracket
 * that is opened again was never one: the normal form of a normal form is itself. */
static struct text inside_brackets(struct text raw)
{
	const char *open = raw.len ? memchr(raw.at, '<', raw.len) : NULL;
	const char *close;

	if (open)
		raw = text_sub(raw, (size_t)(open - raw.at) + 1, raw.len);
	close = raw.len ? memchr(raw.at, '>', raw.len) : NULL;
	if (close)
		raw = text_sub(raw, 0, (size_t)(close - raw.at));
	open = raw.len ? memrchr(raw.at, '<', raw.len) : NULL;
	return open ? text_sub(raw, (size_t)(open - raw.at) + 1, raw.len) : raw;
}

size_t mime_id_normal(struct text raw, char ret[MIME_ID])
{
	size_t n = 0, domain;

	ret[0] = '\0';
	raw = inside_brackets(raw);
	while (raw.len) {
		char out[4];
		uint32_t c;
		size_t took = mime_utf8_next(raw, &c), len;

		raw = text_sub(raw, took, raw.len);
		if (is_blank(c))
			continue;
		len = mime_utf8_put(c, out);
		if (n + len > LIMIT_MIME_ID) {
			ret[0] = '\0';
			return 0;
		}
		memcpy(ret + n, out, len);
		n += len;
	}
	ret[n] = '\0';

	for (domain = n; domain > 0 && ret[domain - 1] != '@'; domain--)
		;
	for (size_t i = domain; domain > 0 && i < n; i++)
		if (ret[i] >= 'A' && ret[i] <= 'Z')
			ret[i] = (char)(ret[i] - 'A' + 'a');
	return n;
}

void mime_id_list_init(struct mime_id_list *l, struct text value)
{
	l->rest = value;
	l->bare = !value.len || !memchr(value.at, '<', value.len);
}

/* "<...>" from the front; an opening bracket that is opened again was never one. */
static bool next_bracketed(struct text *rest, struct text *ret)
{
	size_t open = SIZE_MAX;

	for (size_t i = 0; i < rest->len; i++) {
		if (rest->at[i] == '<') {
			open = i;
		} else if (rest->at[i] == '>' && open != SIZE_MAX) {
			*ret = text_sub(*rest, open + 1, i - open - 1);
			*rest = text_sub(*rest, i + 1, rest->len);
			return true;
		}
	}
	*rest = (struct text){ 0 };
	return false;
}

static bool is_between_words(char c)
{
	return (uint8_t)c <= ' ' || c == ',' || c == ';' || c == '"' || c == '(' || c == ')';
}

static bool next_word(struct text *rest, struct text *ret)
{
	while (rest->len) {
		size_t from = 0, to;
		struct text word;

		while (from < rest->len && is_between_words(rest->at[from]))
			from++;
		for (to = from; to < rest->len && !is_between_words(rest->at[to]); to++)
			;
		word = text_sub(*rest, from, to - from);
		*rest = text_sub(*rest, to, rest->len);
		if (word.len && memchr(word.at, '@', word.len)) {
			*ret = word;
			return true;
		}
	}
	return false;
}

bool mime_id_list_next(struct mime_id_list *l, char ret[MIME_ID])
{
	struct text raw;

	while (l->bare ? next_word(&l->rest, &raw) : next_bracketed(&l->rest, &raw))
		if (mime_id_normal(raw, ret))
			return true;
	ret[0] = '\0';
	return false;
}
