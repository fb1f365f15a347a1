#include "ingest/imap/imap_utf7.h"

#include <errno.h>

#define BROKEN 0xfffdu

static int add(struct buf *b, uint32_t c)
{
	char u[4];
	size_t n;

	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = BROKEN;
	if (c < 0x80) {
		n = 1;
		u[0] = (char)c;
	} else if (c < 0x800) {
		n = 2;
		u[0] = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		n = 3;
		u[0] = (char)(0xe0 | c >> 12);
	} else {
		n = 4;
		u[0] = (char)(0xf0 | c >> 18);
	}
	for (size_t i = 1; i < n; i++)
		u[i] = (char)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3f));
	return buf_add(b, u, n);
}

/* One character of UTF-8 at t.at[*i]; BROKEN and one byte further when it is none. */
static uint32_t utf8(struct text t, size_t *i)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	uint8_t first = (uint8_t)t.at[(*i)++];
	size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1, j;
	uint32_t c = first & (0x3fu >> more);

	if (first < 0x80)
		return first;
	if (first < 0xc2 || first > 0xf4)
		return BROKEN;
	for (j = 0; j < more && *i + j < t.len && ((uint8_t)t.at[*i + j] & 0xc0) == 0x80; j++)
		c = c << 6 | ((uint8_t)t.at[*i + j] & 0x3f);
	if (j < more || c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return BROKEN;
	*i += more;
	return c;
}

/* RFC 3501: base64 with "," for "/" */
static int six_bits(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == ',' ? 63 : -1;
}

/* Between "&" and "-": UTF-16, most significant byte first.  `*i` ends behind the "-". */
static int shifted(struct buf *b, struct text t, size_t *i)
{
	uint32_t bits = 0, high = 0;
	unsigned n_bits = 0;
	bool is_broken = false;
	int r = 0, six;

	for (; r == 0 && *i < t.len && (six = six_bits(t.at[*i])) >= 0; ++*i) {
		uint32_t unit;

		bits = bits << 6 | (uint32_t)six;
		n_bits += 6;
		if (n_bits < 16)
			continue;
		n_bits -= 16;
		unit = bits >> n_bits & 0xffff;
		bits &= (1u << n_bits) - 1;
		if (high && unit >= 0xdc00 && unit <= 0xdfff) {
			r = add(b, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
			high = 0;
			continue;
		}
		if (high)
			r = add(b, BROKEN);
		high = unit >= 0xd800 && unit <= 0xdbff ? unit : 0;
		if (r == 0 && !high)
			r = add(b, unit);
	}
	if (*i < t.len && t.at[*i] == '-')
		++*i;
	else
		is_broken = true;
	if (r == 0 && (high || is_broken || n_bits >= 6))
		r = add(b, BROKEN);
	return r;
}

int imap_utf7_decode(struct buf *b, struct text name, bool is_utf8)
{
	size_t was = b->len;
	int r = 0;

	for (size_t i = 0; r == 0 && i < name.len;) {
		if (name.at[i] != '&' || is_utf8) {
			r = add(b, utf8(name, &i));
		} else if (++i < name.len && name.at[i] == '-') {
			i++;
			r = add(b, '&');
		} else if (i == name.len || six_bits(name.at[i]) < 0) {
			r = add(b, '&'); /* "R&", "R& D": a server that does not encode */
		} else {
			r = shifted(b, name, &i);
		}
	}
	if (r < 0)
		buf_cut(b, was);
	return r;
}
