#include <stdbool.h>

#include "base/mem.h"
#include "ingest/mime/mime_entity.h"

static const struct {
	const char *name;
	uint32_t c;
} names[] = {
	{ "nbsp", ' ' },      { "amp", '&' },       { "lt", '<' },        { "gt", '>' },
	{ "quot", '"' },      { "apos", '\'' },     { "rsquo", 0x2019 },  { "lsquo", 0x2018 },
	{ "rdquo", 0x201d },  { "ldquo", 0x201c },  { "bdquo", 0x201e },  { "sbquo", 0x201a },
	{ "ndash", 0x2013 },  { "mdash", 0x2014 },  { "hellip", 0x2026 }, { "bull", 0x2022 },
	{ "euro", 0x20ac },   { "trade", 0x2122 },  { "laquo", 0xab },    { "raquo", 0xbb },
	{ "lsaquo", 0x2039 }, { "rsaquo", 0x203a }, { "zwnj", 0x200c },   { "zwj", 0x200d },
	{ "lrm", 0x200e },    { "rlm", 0x200f },    { "ensp", ' ' },      { "emsp", ' ' },
	{ "thinsp", ' ' },    { "shy", 0xad },      { "rarr", 0x2192 },   { "larr", 0x2190 },
	{ "tilde", 0x2dc },   { "circ", 0x2c6 },    { "OElig", 0x152 },   { "oelig", 0x153 },
	{ "Scaron", 0x160 },  { "scaron", 0x161 },  { "Yuml", 0x178 },    { "iexcl", 0xa1 },
	{ "cent", 0xa2 },     { "pound", 0xa3 },    { "curren", 0xa4 },   { "yen", 0xa5 },
	{ "brvbar", 0xa6 },   { "sect", 0xa7 },     { "uml", 0xa8 },      { "copy", 0xa9 },
	{ "ordf", 0xaa },     { "not", 0xac },      { "reg", 0xae },      { "macr", 0xaf },
	{ "deg", 0xb0 },      { "plusmn", 0xb1 },   { "sup2", 0xb2 },     { "sup3", 0xb3 },
	{ "acute", 0xb4 },    { "micro", 0xb5 },    { "para", 0xb6 },     { "middot", 0xb7 },
	{ "cedil", 0xb8 },    { "sup1", 0xb9 },     { "ordm", 0xba },     { "frac14", 0xbc },
	{ "frac12", 0xbd },   { "frac34", 0xbe },   { "iquest", 0xbf },   { "Agrave", 0xc0 },
	{ "Aacute", 0xc1 },   { "Acirc", 0xc2 },    { "Atilde", 0xc3 },   { "Auml", 0xc4 },
	{ "Aring", 0xc5 },    { "AElig", 0xc6 },    { "Ccedil", 0xc7 },   { "Egrave", 0xc8 },
	{ "Eacute", 0xc9 },   { "Ecirc", 0xca },    { "Euml", 0xcb },     { "Igrave", 0xcc },
	{ "Iacute", 0xcd },   { "Icirc", 0xce },    { "Iuml", 0xcf },     { "ETH", 0xd0 },
	{ "Ntilde", 0xd1 },   { "Ograve", 0xd2 },   { "Oacute", 0xd3 },   { "Ocirc", 0xd4 },
	{ "Otilde", 0xd5 },   { "Ouml", 0xd6 },     { "times", 0xd7 },    { "Oslash", 0xd8 },
	{ "Ugrave", 0xd9 },   { "Uacute", 0xda },   { "Ucirc", 0xdb },    { "Uuml", 0xdc },
	{ "Yacute", 0xdd },   { "THORN", 0xde },    { "szlig", 0xdf },    { "agrave", 0xe0 },
	{ "aacute", 0xe1 },   { "acirc", 0xe2 },    { "atilde", 0xe3 },   { "auml", 0xe4 },
	{ "aring", 0xe5 },    { "aelig", 0xe6 },    { "ccedil", 0xe7 },   { "egrave", 0xe8 },
	{ "eacute", 0xe9 },   { "ecirc", 0xea },    { "euml", 0xeb },     { "igrave", 0xec },
	{ "iacute", 0xed },   { "icirc", 0xee },    { "iuml", 0xef },     { "eth", 0xf0 },
	{ "ntilde", 0xf1 },   { "ograve", 0xf2 },   { "oacute", 0xf3 },   { "ocirc", 0xf4 },
	{ "otilde", 0xf5 },   { "ouml", 0xf6 },     { "divide", 0xf7 },   { "oslash", 0xf8 },
	{ "ugrave", 0xf9 },   { "uacute", 0xfa },   { "ucirc", 0xfb },    { "uuml", 0xfc },
	{ "yacute", 0xfd },   { "thorn", 0xfe },    { "yuml", 0xff },
};

#define LONGEST_NAME 8

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The value of a digit in `base`, or -1. */
static int digit(char c, unsigned base)
{
	int v = c >= '0' && c <= '9'   ? c - '0'
		: c >= 'a' && c <= 'f' ? c - 'a' + 10
		: c >= 'A' && c <= 'F' ? c - 'A' + 10
				       : -1;

	return v < (int)base ? v : -1;
}

static size_t read_number(struct text t, uint32_t *ret_char)
{
	unsigned base = t.len > 2 && (t.at[2] == 'x' || t.at[2] == 'X') ? 16 : 10;
	size_t at = base == 16 ? 3 : 2, from = at;
	uint32_t c = 0;

	for (; at < t.len && digit(t.at[at], base) >= 0; at++)
		if (c < 0x110000)
			c = c * base + (uint32_t)digit(t.at[at], base);
	if (at == from)
		return 0;
	if (c == 0 || c >= 0x110000 || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	*ret_char = c == 0xa0 ? ' ' : c;
	return at < t.len && t.at[at] == ';' ? at + 1 : at;
}

size_t mime_entity_read(struct text t, uint32_t *ret_char)
{
	struct text name;
	size_t n = 1;

	if (t.len > 2 && t.at[1] == '#')
		return read_number(t, ret_char);
	while (n < t.len && n <= LONGEST_NAME && is_alnum(t.at[n]))
		n++;
	name = text_sub(t, 1, n - 1);
	for (size_t i = 0; name.len && i < countof(names); i++) {
		if (text_eq(name, text_of(names[i].name))) {
			*ret_char = names[i].c;
			return n < t.len && t.at[n] == ';' ? n + 1 : n;
		}
	}
	return 0;
}
