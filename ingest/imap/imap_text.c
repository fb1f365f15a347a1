#include "ingest/imap/imap_text.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
/* The longest thing we say is a token in base64, which is 4/3 of it, with names around it. */
#define TEXT_MAX (2 * LIMIT_SECRET)
#define WORDS    256

const char *imap_text_verb(unsigned verb)
{
	static const char *const words[] = {
#define IMAP_VERB_WORD(name, word) word,
		IMAP_VERBS(IMAP_VERB_WORD)
#undef IMAP_VERB_WORD
	};

	return verb < IMAP_VERBS_N ? words[verb] : NULL;
}

void imap_text_verbs(uint32_t verbs, char *ret, size_t size)
{
	size_t n = 0;

	ret[0] = '\0';
	for (unsigned v = 0; v < IMAP_VERBS_N && n < size; v++)
		if (verbs >> v & 1)
			n += (size_t)snprintf(ret + n, size - n, "%s%s", n ? ", " : "",
					      imap_text_verb(v));
}

void imap_text_init(struct imap_text *t)
{
	*t = (struct imap_text){ 0 };
	buf_init(&t->data, TEXT_MAX);
}

void imap_text_clear(struct imap_text *t)
{
	uint32_t verbs = t->verbs;

	if (t->secret_len)
		secret_wipe(t->data.data, t->data.cap);
	buf_clear(&t->data);
	imap_text_init(t);
	t->verbs = verbs;
}

/*
 * Commands go one at a time and every argument has its own ceiling, so running
 * out of room would be a mistake of this file.
 */
static void put(struct imap_text *t, const void *p, size_t n)
{
	int r = buf_add(&t->data, p, n);

	assert(r == 0);
	(void)r;
}

static void put_text(struct imap_text *t, const char *s)
{
	put(t, s, strlen(s));
}

void imap_text_begin(struct imap_text *t, uint32_t tag, enum imap_verb verb)
{
	char words[WORDS];
	int n = snprintf(words, sizeof(words), "r%u %s", tag, imap_text_verb(verb));

	assert(n > 0 && n < WORDS);
	t->begun = t->data.len;
	put(t, words, (size_t)n);
	t->verbs |= 1u << verb;
}

/* Between arguments, but not behind a "(". */
static void blank(struct imap_text *t)
{
	if (t->data.len && t->data.data[t->data.len - 1] != '(')
		put(t, " ", 1);
}

void imap_text_open(struct imap_text *t)
{
	blank(t);
	put(t, "(", 1);
}

void imap_text_close(struct imap_text *t)
{
	put(t, ")", 1);
}

void imap_text_words(struct imap_text *t, const char *fmt, ...)
{
	char words[WORDS];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(words, sizeof(words), fmt, args);
	va_end(args);
	assert(n >= 0 && n < WORDS);
	blank(t);
	put(t, words, (size_t)n);
}

/* How many bytes at `p` are one character of UTF-8; 0: none.  RFC 3629 section 4. */
static size_t utf8_at(const uint8_t *p, size_t n)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (p[0] > 0xf4 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

/*
 * RFC 3501 section 9: TEXT-CHAR may be quoted, CHAR8 only sent as a literal.
 * RFC 6855 section 3: once enabled, UTF-8 may be quoted too.
 */
static bool is_quotable(struct text s, bool is_utf8)
{
	size_t len;

	for (size_t i = 0; i < s.len; i += len) {
		len = utf8_at((const uint8_t *)s.at + i, s.len - i);
		if (!len || (len > 1 && !is_utf8))
			return false;
	}
	return true;
}

static bool has_any(struct text s, const char *bytes, size_t n)
{
	for (size_t i = 0; i < s.len; i++)
		if (memchr(bytes, s.at[i], n))
			return true;
	return false;
}

static void quote(struct imap_text *t, struct text s)
{
	blank(t);
	put(t, "\"", 1);
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '"' || s.at[i] == '\\')
			put(t, "\\", 1);
		put(t, s.at + i, 1);
	}
	put(t, "\"", 1);
}

int imap_text_astring(struct imap_text *t, struct text s, const struct imap_means *means)
{
	if (s.len > LIMIT_IMAP_NAME || has_any(s, "\r\n\0", 3))
		return -EINVAL;
	if (is_quotable(s, (means->enabled & IMAP_CAP(UTF8_ACCEPT)) != 0)) {
		quote(t, s);
		return 0;
	}
	/* LITERAL- allows up to 4096 bytes, more than LIMIT_IMAP_NAME */
	if (means->caps & (IMAP_CAP(LITERAL_PLUS) | IMAP_CAP(LITERAL_MINUS))) {
		imap_text_words(t, "{%zu+}\r\n", s.len);
	} else {
		imap_text_words(t, "{%zu}\r\n", s.len);
		assert(t->n_stops < IMAP_TEXT_STOPS);
		t->stop[t->n_stops++] = t->data.len;
	}
	put(t, s.at, s.len);
	return 0;
}

bool imap_text_is_stopped(const struct imap_text *t)
{
	return t->n_stops > 0;
}

void imap_text_secret(struct imap_text *t, size_t n)
{
	/* all at once: a buffer that grows later would leave a copy behind */
	int r = buf_reserve(&t->data, n + WORDS);

	assert(r == 0);
	(void)r;
	t->secret = t->data.len;
	t->secret_len = SIZE_MAX; /* until imap_text_end() */
}

void imap_text_end(struct imap_text *t)
{
	if (t->secret_len == SIZE_MAX)
		t->secret_len = t->data.len - t->secret;
	put(t, "\r\n", 2);
}

/* All that is left to send was sent: the buffer goes. */
static void settle(struct imap_text *t)
{
	if (t->sent == t->data.len)
		imap_text_clear(t);
}

void imap_text_take_back(struct imap_text *t)
{
	assert(t->sent <= t->begun);
	secret_wipe(t->data.data + t->begun, t->data.len - t->begun);
	buf_cut(&t->data, t->begun);
	t->n_stops = 0;
	t->secret_len = 0;
	settle(t);
}

void imap_text_line(struct imap_text *t, const char *words)
{
	put_text(t, words);
	put(t, "\r\n", 2);
}

bool imap_text_go_on(struct imap_text *t)
{
	if (!t->n_stops)
		return false;
	t->n_stops--;
	memmove(t->stop, t->stop + 1, t->n_stops * sizeof(t->stop[0]));
	return true;
}

void imap_text_give_up(struct imap_text *t)
{
	if (!t->n_stops)
		return;
	secret_wipe(t->data.data + t->stop[0], t->data.len - t->stop[0]);
	buf_cut(&t->data, t->stop[0]);
	t->n_stops = 0;
	settle(t);
}

size_t imap_text_ready(const struct imap_text *t, const uint8_t **ret)
{
	size_t end = t->n_stops ? t->stop[0] : t->data.len;

	if (end == t->sent)
		return 0;
	*ret = t->data.data + t->sent;
	return end - t->sent;
}

bool imap_text_ready_secret(const struct imap_text *t, size_t *ret_from, size_t *ret_len)
{
	const uint8_t *p;
	size_t ready_end = t->sent + imap_text_ready(t, &p);
	size_t from = t->secret > t->sent ? t->secret : t->sent;
	size_t end = t->secret + t->secret_len;

	if (end > ready_end)
		end = ready_end;
	if (!t->secret_len || from >= end)
		return false;
	*ret_from = from - t->sent;
	*ret_len = end - from;
	return true;
}

void imap_text_sent(struct imap_text *t, size_t n)
{
	t->sent += n;
	assert(t->sent <= (t->n_stops ? t->stop[0] : t->data.len));
	settle(t);
}

const char *imap_text_sasl_name(enum imap_sasl mechanism)
{
	switch (mechanism) {
	case IMAP_SASL_PLAIN:
		return "PLAIN";
	case IMAP_SASL_XOAUTH2:
		return "XOAUTH2";
	case IMAP_SASL_OAUTHBEARER:
		return "OAUTHBEARER";
	}
	return NULL;
}

/* RFC 5801 section 4, saslname: "," is "=2C" and "=" is "=3D". */
static void add_saslname(struct buf *b, struct text s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == ',')
			(void)text_add(b, TEXT("=2C"));
		else if (s.at[i] == '=')
			(void)text_add(b, TEXT("=3D"));
		else
			(void)buf_add(b, s.at + i, 1);
	}
}

/* RFC 6750 section 2.1: a token is visible ASCII. */
static bool is_token(const struct secret *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->data[i] <= ' ' || s->data[i] > '~')
			return false;
	return s->len > 0;
}

static void compose(struct buf *b, const struct imap_sasl_input *in)
{
	struct text secret = { (const char *)in->credential->data, in->credential->len };

	switch (in->mechanism) {
	case IMAP_SASL_PLAIN:
		(void)buf_add(b, "\0", 1);
		(void)text_add(b, in->user);
		(void)buf_add(b, "\0", 1);
		(void)text_add(b, secret);
		return;
	case IMAP_SASL_XOAUTH2:
		(void)text_add(b, TEXT("user="));
		(void)text_add(b, in->user);
		break;
	case IMAP_SASL_OAUTHBEARER:
		(void)text_add(b, TEXT("n,a="));
		add_saslname(b, in->user);
		(void)text_add(b, TEXT(",\001host="));
		(void)text_add(b, in->host);
		(void)text_addf(b, "\001port=%u", (unsigned)in->port);
		break;
	}
	(void)text_add(b, TEXT("\001auth=Bearer "));
	(void)text_add(b, secret);
	(void)text_add(b, TEXT("\001\001"));
}

int imap_text_sasl(struct imap_text *t, const struct imap_sasl_input *in)
{
	static const char foreign[] = { '\r', '\n', '\0', '\001' };
	size_t n = 3 * in->user.len + in->host.len + in->credential->len + WORDS;
	struct buf plain;
	int r;

	if (in->user.len > LIMIT_IMAP_NAME || in->host.len > LIMIT_IMAP_NAME ||
	    has_any(in->user, foreign, sizeof(foreign)) ||
	    has_any(in->host, foreign, sizeof(foreign)))
		return -EINVAL;
	if (in->mechanism == IMAP_SASL_PLAIN
		    ? memchr(secret_text(in->credential), '\0', in->credential->len) != NULL
		    : !is_token(in->credential))
		return -EINVAL;

	imap_text_secret(t, n / 3 * 4 + 4);
	/* reserved in full, so that it never moves and one wipe is enough */
	buf_init(&plain, n);
	r = buf_reserve(&plain, n);
	if (r == 0) {
		compose(&plain, in);
		r = text_add_base64(&t->data, plain.data, plain.len);
	}
	if (plain.data)
		secret_wipe(plain.data, plain.cap);
	buf_clear(&plain);
	return r;
}
