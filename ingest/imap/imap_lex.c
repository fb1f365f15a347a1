#include "ingest/imap/imap_lex.h"

#include <errno.h>
#include <string.h>

void imap_lex_init(struct imap_lex *l, char *at, size_t len, size_t max_literal)
{
	l->at = at;
	l->end = len ? at + len : at;
	l->max_literal = max_literal;
}

bool imap_lex_is_end(const struct imap_lex *l)
{
	return l->at == l->end;
}

bool imap_lex_is(const struct imap_lex *l, char c)
{
	return l->at < l->end && *l->at == c;
}

bool imap_lex_eat(struct imap_lex *l, char c)
{
	if (!imap_lex_is(l, c))
		return false;
	l->at++;
	return true;
}

bool imap_lex_blanks(struct imap_lex *l)
{
	const char *was = l->at;

	while (l->at < l->end && (*l->at == ' ' || *l->at == '\t'))
		l->at++;
	return l->at != was;
}

struct text imap_lex_rest(const struct imap_lex *l)
{
	return (struct text){ l->at, (size_t)(l->end - l->at) };
}

int imap_lex_word(struct imap_lex *l, const char *stops, struct text *ret)
{
	char *at = l->at;

	while (at < l->end && *at != ' ' && *at != '\t' && *at != '(' && *at != ')' &&
	       *at != '\r' && *at != '\n' && (*at == '\0' || !strchr(stops, *at)))
		at++;
	if (at == l->at)
		return -EBADMSG;
	*ret = (struct text){ l->at, (size_t)(at - l->at) };
	l->at = at;
	return 0;
}

int imap_lex_atom(struct imap_lex *l, struct text *ret)
{
	return imap_lex_word(l, "", ret);
}

/* At '"': where the closing one stands, NULL: nowhere. */
static char *quote_end(const struct imap_lex *l)
{
	for (char *at = l->at + 1; at < l->end; at++) {
		if (*at == '\\' && at + 1 < l->end)
			at++;
		else if (*at == '"')
			return at;
	}
	return NULL;
}

static int quoted(struct imap_lex *l, struct text *ret)
{
	char *end = quote_end(l), *from, *to;

	if (!end)
		return -EBADMSG;
	*ret = (struct text){ l->at + 1, (size_t)(end - l->at - 1) };
	l->at = end + 1;
	if (!ret->len || !memchr(ret->at, '\\', ret->len))
		return IMAP_LEX_QUOTED;

	for (from = to = end - ret->len; from < end; from++) {
		if (*from == '\\' && from + 1 < end)
			from++;
		*to++ = *from;
	}
	ret->len = (size_t)(to - ret->at);
	return IMAP_LEX_QUOTED;
}

/* At '{': the literal's bytes, as far as they are kept. */
static int literal(struct imap_lex *l, struct text *ret)
{
	char *at = l->at + 1;
	uint64_t n = 0;

	while (at < l->end && *at >= '0' && *at <= '9' && n < UINT64_MAX / 100)
		n = n * 10 + (uint64_t)(*at++ - '0');
	if (at == l->at + 1)
		return -EBADMSG;
	if (at < l->end && *at == '+')
		at++;
	if (at == l->end || *at++ != '}')
		return -EBADMSG;
	if (at < l->end && *at == '\r')
		at++;
	if (at == l->end || *at++ != '\n')
		return -EBADMSG;
	if (n > l->max_literal)
		n = l->max_literal;
	if (n > (uint64_t)(l->end - at))
		return -EBADMSG;
	*ret = (struct text){ at, (size_t)n };
	l->at = at + n;
	return IMAP_LEX_LITERAL;
}

int imap_lex_string(struct imap_lex *l, struct text *ret)
{
	if (imap_lex_is(l, '"'))
		return quoted(l, ret);
	if (imap_lex_is(l, '{'))
		return literal(l, ret);
	if (imap_lex_is(l, '~') && l->end - l->at > 1 && l->at[1] == '{') {
		int r;

		l->at++; /* literal8, RFC 3516 */
		r = literal(l, ret);
		if (r < 0)
			l->at--;
		return r;
	}
	if (imap_lex_atom(l, ret) < 0)
		return -EBADMSG;
	if (!text_ieq(*ret, TEXT("NIL")))
		return IMAP_LEX_ATOM;
	*ret = (struct text){ NULL, 0 };
	return IMAP_LEX_NIL;
}

bool imap_lex_is_cut(struct text lit, const struct imap_lex *l)
{
	uint64_t n = 0;
	size_t digits = 0;
	const char *at = lit.at;

	/* back over "}\r\n" to the number; `lit` came from literal(), so they are there */
	while (*--at != '{')
		digits++;
	for (size_t i = 1; i <= digits && at[i] >= '0' && at[i] <= '9'; i++)
		n = n < UINT64_MAX / 100 ? n * 10 + (uint64_t)(at[i] - '0') : n;
	return n > l->max_literal;
}

static uint64_t times_ten(uint64_t n, unsigned digit)
{
	return n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
}

/* ".3736e+06" behind the 9 that is `n` */
static char *fraction(char *at, const char *end, uint64_t *n)
{
	int places = 0, power = 0;

	if (at < end && *at == '.')
		for (at++; at < end && *at >= '0' && *at <= '9'; at++, places++)
			*n = times_ten(*n, (unsigned)(*at - '0'));
	if (at < end && (*at == 'e' || *at == 'E')) {
		at++;
		if (at < end && *at == '+')
			at++;
		for (; at < end && *at >= '0' && *at <= '9'; at++)
			power = power < 100 ? power * 10 + (*at - '0') : power;
	}
	for (; places < power && *n != UINT64_MAX && *n != 0; places++)
		*n = times_ten(*n, 0);
	for (; places > power && *n != 0; places--)
		*n /= 10;
	return at;
}

int imap_lex_number(struct imap_lex *l, uint64_t *ret)
{
	char *at = l->at;
	const char *first;
	bool is_negative = false;
	uint64_t n = 0;

	if (at < l->end && *at == '-') {
		is_negative = true;
		at++;
	}
	for (first = at; at < l->end && *at >= '0' && *at <= '9'; at++)
		n = times_ten(n, (unsigned)(*at - '0'));
	if (at == first)
		return -EBADMSG;
	l->at = fraction(at, l->end, &n);
	*ret = is_negative ? 0 : n;
	return 0;
}

/* One leaf or parenthesis, without changing a byte. */
static int step(struct imap_lex *l, size_t *depth)
{
	struct text t;

	if (imap_lex_eat(l, '(')) {
		++*depth;
		return 0;
	}
	if (*depth && imap_lex_eat(l, ')')) {
		--*depth;
		return 0;
	}
	if (imap_lex_is(l, '"')) {
		char *end = quote_end(l);

		if (!end)
			return -EBADMSG;
		l->at = end + 1;
		return 0;
	}
	if (imap_lex_is(l, '{') && literal(l, &t) >= 0)
		return 0;
	if (imap_lex_is(l, '~') && l->end - l->at > 1 && l->at[1] == '{' &&
	    imap_lex_string(l, &t) >= 0)
		return 0;
	/* a stray line end can only stand where a literal was broken */
	return imap_lex_word(l, "\"", &t);
}

int imap_lex_skip(struct imap_lex *l)
{
	char *was = l->at;
	size_t depth = 0;

	do {
		imap_lex_blanks(l);
		if (step(l, &depth) < 0) {
			l->at = was;
			return -EBADMSG;
		}
	} while (depth);
	return 0;
}

int imap_lex_list(struct imap_lex *l, struct text *ret)
{
	char *was = l->at;
	struct text nil;

	if (imap_lex_is(l, '(')) {
		if (imap_lex_skip(l) < 0)
			return -EBADMSG;
		*ret = (struct text){ was + 1, (size_t)(l->at - was - 2) };
		return 0;
	}
	if (imap_lex_atom(l, &nil) < 0 || !text_ieq(nil, TEXT("NIL"))) {
		l->at = was;
		return -EBADMSG;
	}
	*ret = (struct text){ NULL, 0 };
	return 0;
}
