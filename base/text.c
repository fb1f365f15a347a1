#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static unsigned char fold(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool same_folded(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fold(a[i]) != fold(b[i]))
			return false;
	return true;
}

struct text text_of(const char *s)
{
	return (struct text){ s, s ? strlen(s) : 0 };
}

struct text text_of_buf(const struct buf *b)
{
	return (struct text){ (const char *)b->data, b->len };
}

struct text text_sub(struct text t, size_t from, size_t n)
{
	if (from >= t.len)
		return (struct text){ NULL, 0 };
	return (struct text){ t.at + from, n < t.len - from ? n : t.len - from };
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct text text_trim(struct text t)
{
	while (t.len && is_space(t.at[0])) {
		t.at++;
		t.len--;
	}
	while (t.len && is_space(t.at[t.len - 1]))
		t.len--;
	return t;
}

bool text_eq(struct text a, struct text b)
{
	return a.len == b.len && (!a.len || memcmp(a.at, b.at, a.len) == 0);
}

bool text_ieq(struct text a, struct text b)
{
	return a.len == b.len && same_folded(a.at, b.at, a.len);
}

bool text_istarts(struct text t, struct text with)
{
	return t.len >= with.len && same_folded(t.at, with.at, with.len);
}

bool text_iends(struct text t, struct text with)
{
	return t.len >= with.len &&
	       (!with.len || same_folded(t.at + (t.len - with.len), with.at, with.len));
}

size_t text_ifind(struct text t, struct text what)
{
	if (!what.len)
		return 0;
	for (size_t i = 0; i + what.len <= t.len; i++)
		if (same_folded(t.at + i, what.at, what.len))
			return i;
	return SIZE_MAX;
}

bool text_cut(struct text t, char sep, struct text *ret_head, struct text *ret_tail)
{
	const char *at = t.len ? memchr(t.at, sep, t.len) : NULL;

	if (!at) {
		*ret_head = t;
		*ret_tail = (struct text){ NULL, 0 };
		return false;
	}
	*ret_head = (struct text){ t.at, (size_t)(at - t.at) };
	*ret_tail = (struct text){ at + 1, t.len - ret_head->len - 1 };
	return true;
}

int text_u64(struct text t, uint64_t max, uint64_t *ret_n)
{
	uint64_t n = 0;

	if (!t.len)
		return -EINVAL;
	for (size_t i = 0; i < t.len; i++) {
		unsigned digit = (unsigned)(unsigned char)t.at[i] - '0';

		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return -EINVAL;
		n = n * 10 + digit;
	}
	if (n > max)
		return -EINVAL;
	*ret_n = n;
	return 0;
}

int text_add(struct buf *b, struct text t)
{
	return buf_add(b, t.at, t.len);
}

int text_addf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	int n, r;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		return -EINVAL;

	r = buf_reserve(b, (size_t)n);
	if (r < 0)
		return r;
	va_start(args, fmt);
	(void)vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, args);
	va_end(args);
	b->len += (size_t)n;
	return 0;
}

/* The two alphabets of RFC 4648 differ in their last two letters. */
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static char letter(unsigned six, const char last_two[2])
{
	six &= 63;
	return six < 62 ? alphabet[six] : last_two[six - 62];
}

static int six_bits(char c, const char last_two[2])
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == last_two[0])
		return 62;
	return c == last_two[1] ? 63 : -1;
}

static int add_64(struct buf *b, const uint8_t *p, size_t n, const char last_two[2], bool pad)
{
	size_t rest = n % 3, out;
	char *to;
	int r;

	/* No encodable length overflows: the ceiling of `b` is met first. */
	if (n > SIZE_MAX / 2)
		return -ENOBUFS;
	out = n / 3 * 4 + (rest ? (pad ? 4 : rest + 1) : 0);
	r = buf_reserve(b, out);
	if (r < 0)
		return r;

	to = (char *)b->data + b->len;
	for (; n; p += n < 3 ? n : 3, n -= n < 3 ? n : 3) {
		unsigned bits = (unsigned)p[0] << 16;

		if (n > 1)
			bits |= (unsigned)p[1] << 8;
		if (n > 2)
			bits |= p[2];
		*to++ = letter(bits >> 18, last_two);
		*to++ = letter(bits >> 12, last_two);
		if (n > 1 || pad)
			*to++ = n > 1 ? letter(bits >> 6, last_two) : '=';
		if (n > 2 || pad)
			*to++ = n > 2 ? letter(bits, last_two) : '=';
	}
	b->len += out;
	b->data[b->len] = '\0';
	return 0;
}

int text_add_base64(struct buf *b, const void *p, size_t n)
{
	return add_64(b, p, n, "+/", /* pad= */ true);
}

int text_add_base64url(struct buf *b, const void *p, size_t n)
{
	return add_64(b, p, n, "-_", /* pad= */ false);
}

/* `t` has no padding any more. */
static int from_64(struct buf *b, struct text t, const char last_two[2])
{
	size_t rest = t.len % 4, out = t.len / 4 * 3 + (rest ? rest - 1 : 0);
	unsigned bits = 0, n_bits = 0;
	uint8_t *to;
	int r;

	if (rest == 1)
		return -EINVAL;
	r = buf_reserve(b, out);
	if (r < 0)
		return r;

	to = b->data + b->len;
	for (size_t i = 0; i < t.len; i++) {
		int six = six_bits(t.at[i], last_two);

		if (six < 0) {
			buf_cut(b, b->len);
			return -EINVAL;
		}
		bits = (bits << 6 | (unsigned)six) & 0xffff;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			*to++ = (uint8_t)(bits >> n_bits);
		}
	}
	if (bits & ((1U << n_bits) - 1)) {
		buf_cut(b, b->len);
		return -EINVAL;
	}
	b->len += out;
	b->data[b->len] = '\0';
	return 0;
}

int text_from_base64(struct buf *b, struct text t)
{
	if (t.len % 4)
		return -EINVAL;
	/* At most two: a third '=' stays and is a foreign byte. */
	for (int i = 0; i < 2 && t.len && t.at[t.len - 1] == '='; i++)
		t.len--;
	return from_64(b, t, "+/");
}

int text_from_base64url(struct buf *b, struct text t)
{
	return from_64(b, t, "-_");
}

static const char hex_digits[] = "0123456789abcdef";

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int text_add_hex(struct buf *b, const void *p, size_t n)
{
	const uint8_t *from = p;
	int r = n > SIZE_MAX / 2 ? -ENOBUFS : buf_reserve(b, n * 2);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		b->data[b->len++] = (uint8_t)hex_digits[from[i] >> 4];
		b->data[b->len++] = (uint8_t)hex_digits[from[i] & 15];
	}
	b->data[b->len] = '\0';
	return 0;
}

int text_from_hex(struct buf *b, struct text t)
{
	size_t was = b->len;
	int r = t.len % 2 ? -EINVAL : buf_reserve(b, t.len / 2);

	if (r < 0)
		return r;
	for (size_t i = 0; i < t.len; i += 2) {
		int high = hex_value(t.at[i]), low = hex_value(t.at[i + 1]);

		if (high < 0 || low < 0) {
			buf_cut(b, was);
			return -EINVAL;
		}
		b->data[b->len++] = (uint8_t)(high << 4 | low);
	}
	b->data[b->len] = '\0';
	return 0;
}

/* RFC 3986 section 2.3 */
static bool is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

int text_add_percent(struct buf *b, struct text t)
{
	/* RFC 3986 section 2.1: upper case for consistency */
	static const char upper[] = "0123456789ABCDEF";
	size_t out = 0;
	int r;

	for (size_t i = 0; i < t.len; i++)
		out += is_unreserved(t.at[i]) ? 1 : 3;
	r = buf_reserve(b, out);
	if (r < 0)
		return r;
	for (size_t i = 0; i < t.len; i++) {
		uint8_t c = (uint8_t)t.at[i];

		if (is_unreserved(t.at[i])) {
			b->data[b->len++] = c;
			continue;
		}
		b->data[b->len++] = '%';
		b->data[b->len++] = (uint8_t)upper[c >> 4];
		b->data[b->len++] = (uint8_t)upper[c & 15];
	}
	b->data[b->len] = '\0';
	return 0;
}

int text_from_percent(struct buf *b, struct text t)
{
	size_t was = b->len;
	int r = 0;

	for (size_t i = 0; i < t.len && r == 0; i++) {
		char c = t.at[i] == '+' ? ' ' : t.at[i];

		if (t.at[i] == '%') {
			int high = i + 2 < t.len ? hex_value(t.at[i + 1]) : -1;
			int low = high < 0 ? -1 : hex_value(t.at[i + 2]);

			c = (char)(low < 0 ? 0 : high << 4 | low);
			i += 2;
		}
		/* A NUL is a bad escape, or one that would cut the text short in a C library. */
		r = c ? buf_add(b, &c, 1) : -EINVAL;
	}
	if (r < 0)
		buf_cut(b, was);
	return r;
}

void text_printable(char *dst, size_t size, struct text t)
{
	size_t n;

	assert(size);
	n = t.len < size - 1 ? t.len : size - 1;
	for (size_t i = 0; i < n; i++)
		dst[i] = t.at[i] >= ' ' && t.at[i] <= '~' ? t.at[i] : '?';
	dst[n] = '\0';
}
