#include "base/json_text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

struct json_text json_text_to(struct buf *to)
{
	return (struct json_text){ .to = to };
}

int json_text_status(const struct json_text *j)
{
	return j->status;
}

static void fail(struct json_text *j, int r)
{
	if (r < 0 && !j->status)
		j->status = r;
}

static void put(struct json_text *j, const char *bytes, size_t n)
{
	fail(j, buf_add(j->to, bytes, n));
}

static void put_text(struct json_text *j, const char *s)
{
	put(j, s, strlen(s));
}

/* What comes next is a value beside the one before. */
static void comma(struct json_text *j)
{
	char last = j->to->len ? (char)j->to->data[j->to->len - 1] : '[';

	if (last != '{' && last != '[' && last != ':' && last != '\n')
		put(j, ",", 1);
}

static void name(struct json_text *j, const char *key)
{
	comma(j);
	if (!key)
		return;
	put(j, "\"", 1);
	put_text(j, key);
	put(j, "\":", 2);
}

void json_text_open(struct json_text *j, const char *key, char bracket)
{
	name(j, key);
	put(j, &bracket, 1);
}

void json_text_close(struct json_text *j, char bracket)
{
	put(j, &bracket, 1);
}

size_t json_text_utf8(const unsigned char *s, size_t n)
{
	/* lead byte from .. to, length, and the range of the second byte */
	static const struct {
		unsigned char from, to, len, second_from, second_to;
	} rows[] = {
		{ 0x01, 0x7f, 1, 0, 0 },       { 0xc2, 0xdf, 2, 0x80, 0xbf },
		{ 0xe0, 0xe0, 3, 0xa0, 0xbf }, { 0xe1, 0xec, 3, 0x80, 0xbf },
		{ 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf },
		{ 0xf0, 0xf0, 4, 0x90, 0xbf }, { 0xf1, 0xf3, 4, 0x80, 0xbf },
		{ 0xf4, 0xf4, 4, 0x80, 0x8f },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = rows[i].len;

		if (s[0] < rows[i].from || s[0] > rows[i].to)
			continue;
		if (len > n ||
		    (len > 1 && (s[1] < rows[i].second_from || s[1] > rows[i].second_to)))
			return 0;
		for (size_t k = 2; k < len; k++)
			if (s[k] < 0x80 || s[k] > 0xbf)
				return 0;
		return len;
	}
	return 0;
}

/* RFC 8259 section 7. */
static void escape(struct json_text *j, unsigned char c)
{
	char words[8];

	(void)snprintf(words, sizeof(words), c == '"' || c == '\\' ? "\\%c" : "\\u%04x", c);
	put_text(j, words);
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

void json_text_string(struct json_text *j, const char *key, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;
	size_t n = value ? strlen(value) : 0, from = 0, i = 0, len;

	if (!value) {
		json_text_null(j, key);
		return;
	}
	name(j, key);
	put(j, "\"", 1);
	while (i < n) {
		len = is_plain(s[i]) ? 1 : json_text_utf8(s + i, n - i);
		if (!len) {
			fail(j, -EILSEQ);
			return;
		}
		if (len == 1 && !is_plain(s[i])) {
			put(j, value + from, i - from);
			escape(j, s[i]);
			from = i + 1;
		}
		i += len;
	}
	put(j, value + from, n - from);
	put(j, "\"", 1);
}

void json_text_said(struct json_text *j, const char *key, const char *value)
{
	json_text_string(j, key, value && value[0] ? value : NULL);
}

void json_text_int(struct json_text *j, const char *key, int64_t n)
{
	char words[32];

	name(j, key);
	(void)snprintf(words, sizeof(words), "%lld", (long long)n);
	put_text(j, words);
}

void json_text_real(struct json_text *j, const char *key, double n)
{
	char words[32];

	name(j, key);
	(void)snprintf(words, sizeof(words), "%.15g", isfinite(n) ? n : 0.0);
	put_text(j, words);
}

void json_text_bool(struct json_text *j, const char *key, bool yes)
{
	name(j, key);
	put_text(j, yes ? "true" : "false");
}

void json_text_null(struct json_text *j, const char *key)
{
	name(j, key);
	put(j, "null", 4);
}

void json_text_time(struct json_text *j, const char *key, int64_t unix_us)
{
	char words[CLOCK_TEXT];

	if (unix_us == INT64_MIN) {
		json_text_null(j, key);
		return;
	}
	clock_rfc3339(unix_us, words);
	json_text_string(j, key, words);
}

void json_text_hex(struct json_text *j, const char *key, const uint8_t *bytes, size_t n)
{
	name(j, key);
	put(j, "\"", 1);
	fail(j, text_add_hex(j->to, bytes, n));
	put(j, "\"", 1);
}

void json_text_given(struct json_text *j, const char *key, const char *json)
{
	name(j, key);
	put_text(j, json ? json : "[]");
}

void json_text_more(struct json_text *j, struct text members)
{
	if (!members.len)
		return;
	comma(j);
	put(j, members.at, members.len);
}
