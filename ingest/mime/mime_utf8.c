#include <string.h>

#include "ingest/mime/mime_utf8.h"

#include "base/mem.h"

#define REPLACEMENT 0xfffdU

/* RFC 3629 section 4: what the second byte may be depends on the first (no overlong forms, no
 * surrogates). */
static bool second_fits(uint8_t first, uint8_t second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0 && second <= 0xbf;
	case 0xed:
		return second >= 0x80 && second <= 0x9f;
	case 0xf0:
		return second >= 0x90 && second <= 0xbf;
	case 0xf4:
		return second >= 0x80 && second <= 0x8f;
	default:
		return second >= 0x80 && second <= 0xbf;
	}
}

size_t mime_utf8_next(struct text t, uint32_t *ret_char)
{
	uint8_t first = (uint8_t)t.at[0];
	uint32_t c;
	size_t n;

	*ret_char = REPLACEMENT;
	if (first < 0x80) {
		*ret_char = first;
		return 1;
	}
	if (first < 0xc2 || first > 0xf4)
		return 1;
	n = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (t.len < n || !second_fits(first, (uint8_t)t.at[1]))
		return 1;
	c = first & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		uint8_t b = (uint8_t)t.at[i];

		if ((b & 0xc0) != 0x80)
			return 1;
		c = c << 6 | (b & 0x3f);
	}
	*ret_char = c;
	return n;
}

size_t mime_utf8_put(uint32_t c, char ret[4])
{
	if (c < 0x80) {
		ret[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		ret[0] = (char)(0xc0 | c >> 6);
		ret[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		ret[0] = (char)(0xe0 | c >> 12);
		ret[1] = (char)(0x80 | (c >> 6 & 0x3f));
		ret[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	ret[0] = (char)(0xf0 | c >> 18);
	ret[1] = (char)(0x80 | (c >> 12 & 0x3f));
	ret[2] = (char)(0x80 | (c >> 6 & 0x3f));
	ret[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

size_t mime_utf8_ascii(struct text t)
{
	size_t n = 0;

	while (n < t.len && (uint8_t)t.at[n] < 0x80)
		n++;
	return n;
}

bool mime_utf8_is_valid(struct text t)
{
	for (t = text_sub(t, mime_utf8_ascii(t), t.len); t.len;) {
		uint32_t c;
		size_t n = mime_utf8_next(t, &c);

		if (c == REPLACEMENT && n == 1)
			return false;
		t = text_sub(t, n, t.len);
		t = text_sub(t, mime_utf8_ascii(t), t.len);
	}
	return true;
}

struct text mime_utf8_cut(struct text valid, size_t max)
{
	if (valid.len <= max)
		return valid;
	while (max && ((uint8_t)valid.at[max] & 0xc0) == 0x80)
		max--;
	return text_sub(valid, 0, max);
}

/* C0, DEL and C1: none of them is text. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* The bytes from the front that can be copied as they are. */
static size_t plain_run(struct text t, bool lines)
{
	size_t n = 0;

	while (n < t.len) {
		uint8_t b = (uint8_t)t.at[n];

		if (b >= 0x7f || (b < 0x20 && !(lines && (b == '\n' || b == '\t'))))
			break;
		n++;
	}
	return n;
}

/* One character that is not plain: what is written for it (0: nothing), and the bytes it took. */
static size_t clean_one(struct text t, bool lines, char out[4], size_t *ret_len)
{
	uint32_t c;
	size_t took = mime_utf8_next(t, &c);

	*ret_len = 0;
	if (lines && c == '\r') {
		if (t.len > 1 && t.at[1] == '\n')
			return took;
		c = '\n';
	} else if (c == 0) {
		return took;
	} else if (is_control(c)) {
		c = ' ';
	}
	*ret_len = mime_utf8_put(c, out);
	return took;
}

bool mime_utf8_add(struct buf *ret, struct text bytes, bool lines)
{
	while (bytes.len) {
		size_t run = plain_run(bytes, lines), n;
		char out[4];

		if (run) {
			size_t room = ret->max - ret->len;

			(void)buf_add(ret, bytes.at, run < room ? run : room);
			if (run > room)
				return false;
			bytes = text_sub(bytes, run, bytes.len);
			continue;
		}
		run = clean_one(bytes, lines, out, &n);
		if (n && buf_add(ret, out, n) < 0)
			return false;
		bytes = text_sub(bytes, run, bytes.len);
	}
	return true;
}

void mime_utf8_copy(char *dst, size_t size, struct text bytes)
{
	size_t at = 0;

	while (bytes.len) {
		char out[4];
		size_t n, took = clean_one(bytes, false, out, &n);

		if (at + n >= size)
			break;
		memcpy(dst + at, out, n);
		at += n;
		bytes = text_sub(bytes, took, bytes.len);
	}
	dst[at] = '\0';
}

char *mime_utf8_line(struct text t, size_t max)
{
	struct buf b;
	char *s;

	buf_init(&b, max);
	(void)mime_utf8_add(&b, t, /* lines= */ false);
	t = text_trim((struct text){ (const char *)b.data, b.len });
	s = t.len ? mem_text_n(t.at, t.len) : NULL;
	buf_clear(&b);
	return s;
}

char *mime_utf8_lower(struct text t, size_t max)
{
	char *s = mime_utf8_line(t, max);

	for (char *p = s; p && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return s;
}
