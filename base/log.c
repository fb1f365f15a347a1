#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

/*
 * The format is ours, its values may be a stranger's.  So the format is read
 * here and not by printf: where a field begins and ends is decided by the
 * format alone, and a value can neither end its field nor begin another.
 *
 *   key US value RS key US value RS ...
 *
 * GS stands for US when the value is a number (in JSON it goes without quotes;
 * the conversion decides that, so a key has one type).  In a value the three
 * become '?'.
 */
#define END_KEY   '\x1f'
#define IS_NUMBER '\x1d'
#define END_VALUE '\x1e'
#define PAIRS     2048
#define LINE      4096 /* POSIX: a write to a pipe of at most PIPE_BUF bytes is not torn */
#define CLOSING   8    /* kept free in a line for its last quote, brace and break */

struct pairs {
	char *at;
	size_t len, size;
};

static struct {
	const char *role;
	enum log_level least;
	enum log_format format;
} setup = { NULL, LOG_INFO, LOG_KEY_VALUE };

void log_setup(const char *role, enum log_level least, enum log_format format)
{
	setup.role = role;
	setup.least = least;
	setup.format = format;
}

static void put(struct pairs *p, char c)
{
	/*
	 * The last byte is the NUL's; the one before it is kept for the END_VALUE of a
	 * field cut short.
	 */
	if (p->len + 2 < p->size || (c == END_VALUE && p->len + 1 < p->size)) {
		p->at[p->len++] = c;
		p->at[p->len] = '\0';
	}
}

static void put_value(struct pairs *p, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(p, s[i] == END_KEY || s[i] == END_VALUE || s[i] == IS_NUMBER ? '?' : s[i]);
}

/* One conversion of printf, as far as log lines use it. */
struct spec {
	char flag;     /* '0' or NUL */
	int width;     /* 0: none */
	int precision; /* -1: none */
	char size;     /* NUL, 'l', 'L' (ll), 'z', 'j', 't', 'h' */
	char what;     /* 'd', 's', ... */
};

static const char *read_number(const char *f, int *ret)
{
	for (*ret = 0; *f >= '0' && *f <= '9' && *ret < 1000; f++)
		*ret = *ret * 10 + (*f - '0');
	return f;
}

/*
 * `f` is after the '%'.  What is behind the conversion, with what '*' took from `args`
 * already taken.
 */
static const char *read_spec(const char *f, struct spec *s, va_list *args)
{
	*s = (struct spec){ .precision = -1 };
	if (*f == '0')
		s->flag = *f++;
	f = read_number(f, &s->width);
	if (*f == '.' && f[1] == '*') {
		s->precision = va_arg(*args, int);
		f += 2;
	} else if (*f == '.') {
		f = read_number(f + 1, &s->precision);
	}
	if (*f && strchr("lzjth", *f)) {
		s->size = *f++;
		if (*f == s->size) {
			s->size = *f == 'l' ? 'L' : 'h';
			f++;
		}
	}
	s->what = *f;
	return *f ? f + 1 : f;
}

/* Four of the sizes are one on the machines we run on; `long` stands for them. */
_Static_assert(sizeof(size_t) == sizeof(long) && sizeof(ptrdiff_t) == sizeof(long) &&
		       sizeof(intmax_t) == sizeof(long),
	       "LP64");

static intmax_t take_signed(char size, va_list *args)
{
	if (size == 'L')
		return va_arg(*args, long long);
	return size && size != 'h' ? va_arg(*args, long) : va_arg(*args, int);
}

static uintmax_t take_unsigned(char size, va_list *args)
{
	if (size == 'L')
		return va_arg(*args, unsigned long long);
	return size && size != 'h' ? va_arg(*args, unsigned long) : va_arg(*args, unsigned);
}

static void put_string(struct pairs *p, const struct spec *s, const char *value)
{
	if (!value)
		value = "-";
	put_value(p, value,
		  s->precision >= 0 ? strnlen(value, (size_t)s->precision) : strlen(value));
}

enum piece {
	PIECE_TEXT,
	PIECE_NUMBER,
	PIECE_UNKNOWN, /* not for log lines; what follows in the arguments cannot be known */
};

static enum piece put_conversion(struct pairs *p, const struct spec *s, va_list *args)
{
	char number[64];
	int zeros = s->flag == '0' ? s->width : 1, blanks = s->flag == '0' ? 0 : s->width;

	switch (s->what) {
	case 's':
		put_string(p, s, va_arg(*args, const char *));
		return PIECE_TEXT;
	case 'c':
		number[0] = (char)va_arg(*args, int);
		put_value(p, number, 1);
		return PIECE_TEXT;
	case '%':
		put_value(p, "%", 1);
		return PIECE_TEXT;
	case 'd':
	case 'i':
		(void)snprintf(number, sizeof(number), "%*.*jd", blanks, zeros,
			       take_signed(s->size, args));
		break;
	case 'u':
		(void)snprintf(number, sizeof(number), "%*.*ju", blanks, zeros,
			       take_unsigned(s->size, args));
		break;
	case 'x':
		(void)snprintf(number, sizeof(number), "%*.*jx", blanks, zeros,
			       take_unsigned(s->size, args));
		break;
	case 'f':
		(void)snprintf(number, sizeof(number), "%*.*f", blanks,
			       s->precision < 0 ? 6 : s->precision, va_arg(*args, double));
		break;
	default:
		put_value(p, "%?", 2);
		return PIECE_UNKNOWN;
	}
	/* A number cut short would be another number. */
	if (p->len + strlen(number) + 2 >= p->size) {
		put_value(p, "?", 1);
		return PIECE_TEXT;
	}
	put_value(p, number, strlen(number));
	/* "inf", a hexadecimal and a padded number are no numbers in JSON */
	return !s->width && s->what != 'x' && !strpbrk(number, "in") ? PIECE_NUMBER : PIECE_TEXT;
}

/* The field that is being read from a format. */
struct field {
	size_t start;
	size_t key_end;           /* where its END_KEY stands; 0: still in the key */
	unsigned numbers, others; /* pieces of the value */
};

static void end_key(struct pairs *p, struct field *f)
{
	/* A key may have come from a conversion: it stays one word. */
	for (size_t i = f->start; i < p->len; i++)
		if (p->at[i] <= ' ' || p->at[i] > '~' || strchr("\"=\\", p->at[i]))
			p->at[i] = '_';
	f->key_end = p->len;
	put(p, END_KEY);
}

/* A word that is no field becomes a key without a value; one that found no room is left out. */
static void end_field(struct pairs *p, struct field *f)
{
	if (p->len > f->start && !f->key_end && p->len + 4 < p->size)
		end_key(p, f);
	if (f->key_end) {
		if (f->numbers == 1 && !f->others)
			p->at[f->key_end] = IS_NUMBER;
		put(p, END_VALUE);
	} else {
		p->len = f->start;
		p->at[p->len] = '\0';
	}
	*f = (struct field){ .start = p->len };
}

/*
 * Turn "key=%d other=\"%s\" third=x" into pairs.  Quotes in the format only keep its
 * blanks together.
 */
static void put_fields(struct pairs *p, const char *fmt, va_list *args)
{
	struct field field = { .start = p->len };
	enum piece piece = PIECE_TEXT;
	bool quoted = false;

	for (const char *f = fmt; *f && piece != PIECE_UNKNOWN;) {
		struct spec s;

		if (*f == '"') {
			quoted = !quoted;
			f++;
		} else if (*f == ' ' && !quoted) {
			end_field(p, &field);
			f++;
		} else if (*f == '=' && !field.key_end) {
			if (p->len + 4 >= p->size)
				break;
			end_key(p, &field);
			f++;
		} else if (*f == '%') {
			f = read_spec(f + 1, &s, args);
			piece = put_conversion(p, &s, args);
			*(piece == PIECE_NUMBER ? &field.numbers : &field.others) += 1;
		} else {
			put_value(p, f++, 1);
			field.others += field.key_end != 0;
		}
	}
	end_field(p, &field);
}

static void put_pair(struct pairs *p, const char *key, const char *value)
{
	for (; *key; key++)
		put(p, *key);
	put(p, END_KEY);
	put_value(p, value, strlen(value));
	put(p, END_VALUE);
}

static void put_parents(struct pairs *p, const struct log *l)
{
	if (!l)
		return;
	put_parents(p, l->parent);
	for (const char *c = l->fields; *c; c++)
		put(p, *c);
}

void log_child(struct log *l, const struct log *parent, const char *fmt, ...)
{
	struct pairs p = { l->fields, 0, sizeof(l->fields) };
	va_list args;

	*l = (struct log){ .parent = parent };
	va_start(args, fmt);
	put_fields(&p, fmt, &args);
	va_end(args);
}

/*
 * What JSON (RFC 8259 section 7) wants escaped, and logfmt likewise; other bytes than
 * ASCII become '?'.
 */
static void add_escaped(struct pairs *line, const char *s, size_t n)
{
	for (size_t i = 0; i < n && line->len + 6 + CLOSING < line->size; i++) {
		char *to = line->at + line->len;
		const char *named;

		if (s[i] == '"' || s[i] == '\\') {
			to[0] = '\\';
			to[1] = s[i];
			line->len += 2;
		} else if (s[i] >= ' ' && s[i] <= '~') {
			to[0] = s[i];
			line->len++;
		} else if (s[i] && (named = strchr("\nn\rr\tt", s[i])) && s[i] < ' ') {
			to[0] = '\\';
			to[1] = named[1];
			line->len += 2;
		} else if (s[i] > 0 && s[i] < ' ') {
			line->len += (size_t)snprintf(to, 7, "\\u%04x", (unsigned)s[i]);
		} else {
			to[0] = '?';
			line->len++;
		}
	}
}

static void add_raw(struct pairs *line, const char *s, size_t n)
{
	if (line->len + n + CLOSING < line->size) {
		memcpy(line->at + line->len, s, n);
		line->len += n;
	}
}

/* A value that reads the same without quotes. */
static bool is_plain(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '=' || s[i] == '\\')
			return false;
	return n > 0;
}

/* A pair that finds no room is left out whole, a long value is cut: the line stays readable. */
static void add_pair(struct pairs *line, bool json, struct text key, struct text value, bool number)
{
	bool quoted = json ? !number : !is_plain(value.at, value.len);

	if (line->len + key.len * 6 + 32 > line->size)
		return;
	if (line->len > (json ? 1 : 0))
		add_raw(line, json ? "," : " ", 1);
	if (json)
		add_raw(line, "\"", 1);
	add_escaped(line, key.at, key.len);
	add_raw(line, json ? "\":" : "=", json ? 2 : 1);
	if (quoted)
		line->at[line->len++] = '"';
	add_escaped(line, value.at, value.len);
	if (quoted)
		line->at[line->len++] = '"';
}

static void write_line(const struct pairs *fields, bool json)
{
	static const char ends[] = { END_KEY, IS_NUMBER, '\0' };
	char text[LINE];
	struct pairs line = { text, 0, sizeof(text) };

	if (json)
		add_raw(&line, "{", 1);
	for (const char *at = fields->at; *at;) {
		const char *key_end = strpbrk(at, ends);
		const char *end = key_end ? strchr(key_end, END_VALUE) : NULL;

		if (!end)
			break;
		add_pair(&line, json, (struct text){ at, (size_t)(key_end - at) },
			 (struct text){ key_end + 1, (size_t)(end - key_end - 1) },
			 *key_end == IS_NUMBER);
		at = end + 1;
	}
	if (json)
		line.at[line.len++] = '}';
	line.at[line.len++] = '\n';
	/* Once: a log that cannot be written is no reason to stop or to wait. */
	while (write(STDERR_FILENO, line.at, line.len) < 0 && errno == EINTR)
		;
}

static void say(enum log_level level, const struct log *l, const char *event, const char *fmt,
		va_list *args)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	char pairs[PAIRS] = "", ts[CLOCK_TEXT];
	struct pairs p = { pairs, 0, sizeof(pairs) };

	if (level < setup.least)
		return;
	clock_rfc3339(clock_unix_us(), ts);
	memcpy(ts + strlen("2026-11-23T09:02:11.123"), "Z", 2);
	put_pair(&p, "ts", ts);
	put_pair(&p, "level", names[level]);
	if (setup.role)
		put_pair(&p, "role", setup.role);
	put_pair(&p, "event", event);
	put_parents(&p, l);
	put_fields(&p, fmt, args);
	write_line(&p, setup.format == LOG_JSON);
}

void log_debug(const struct log *l, const char *event, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(LOG_DEBUG, l, event, fmt, &args);
	va_end(args);
}

void log_info(const struct log *l, const char *event, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(LOG_INFO, l, event, fmt, &args);
	va_end(args);
}

void log_warn(const struct log *l, const char *event, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(LOG_WARN, l, event, fmt, &args);
	va_end(args);
}

void log_error(const struct log *l, const char *event, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(LOG_ERROR, l, event, fmt, &args);
	va_end(args);
}
