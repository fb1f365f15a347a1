#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/pg_tx.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"

/*
 * Values wait in one buffer per statement, each as
 *
 *   kind  length       bytes         NUL
 *   1     4, ours      0 .. length   1, since libpq wants strings for text
 */
#define HEAD (1 + sizeof(uint32_t))

void pg_tx_init(struct pg_tx *tx, const char *workspace)
{
	memset(tx, 0, sizeof(*tx));
	list_init(&tx->link);
	if (workspace)
		(void)snprintf(tx->workspace, sizeof(tx->workspace), "%s", workspace);
}

void pg_tx_clear(struct pg_tx *tx)
{
	for (int i = 0; tx->said && i < tx->n; i++)
		buf_clear(&tx->said->st[i].params);
	free(tx->said);
	tx->said = NULL;
	tx->error = 0;
	tx->flight = NULL;
	tx->state = PG_TX_IDLE;
}

static int put(struct buf *b, enum pg_tx_kind kind, const void *p, size_t n)
{
	uint8_t head[HEAD] = { (uint8_t)kind };
	uint32_t len = (uint32_t)n;
	int r;

	if (n > LIMIT_PG_PARAMS)
		return -EMSGSIZE;
	memcpy(head + 1, &len, sizeof(len));
	r = buf_reserve(b, HEAD + n + 1);
	if (r < 0)
		return -EMSGSIZE;
	(void)buf_add(b, head, sizeof(head));
	(void)buf_add(b, p, n);
	return buf_add(b, "", 1);
}

static int put_string(struct buf *b, const char *s)
{
	return s ? put(b, PG_TX_TEXT, s, strlen(s)) : put(b, PG_TX_NULL, NULL, 0);
}

/* PostgreSQL's text cannot hold a NUL, and libpq would end the string there: U+FFFD stands for it.
 */
static int put_slice(struct buf *b, struct text t)
{
	cleanup_buf struct buf whole = { .max = LIMIT_PG_PARAMS };
	struct text part;
	int r = 0;

	if (!t.len || !memchr(t.at, '\0', t.len))
		return put(b, PG_TX_TEXT, t.at, t.len);
	while (r == 0 && text_cut(t, '\0', &part, &t)) {
		r = text_add(&whole, part);
		if (r == 0)
			r = buf_add(&whole, "\xef\xbf\xbd", 3);
	}
	if (r == 0)
		r = text_add(&whole, part);
	return r < 0 ? -EMSGSIZE : put(b, PG_TX_TEXT, whole.data, whole.len);
}

static int put_time(struct buf *b, int64_t unix_us)
{
	char text[CLOCK_TEXT];

	if (unix_us == INT64_MIN)
		return put_string(b, NULL);
	clock_rfc3339(unix_us, text);
	return put_string(b, text);
}

static int put_number(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int put_number(struct buf *b, const char *fmt, ...)
{
	char text[40];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return put_string(b, text);
}

static int put_value(struct buf *b, char type, va_list *args)
{
	const void *bytes;

	switch (type) {
	case 't':
	case 'u':
	case 'j':
		return put_string(b, va_arg(*args, const char *));
	case 'x':
		return put_slice(b, va_arg(*args, struct text));
	case 'i':
		return put_number(b, "%" PRId64, va_arg(*args, int64_t));
	case 'd':
		return put_number(b, "%.17g", va_arg(*args, double));
	case 'B':
		return put_string(b, va_arg(*args, int) ? "t" : "f");
	case 'T':
		return put_time(b, va_arg(*args, int64_t));
	case 'b':
		bytes = va_arg(*args, const void *);
		return put(b, PG_TX_BYTES, bytes, va_arg(*args, size_t));
	}
	abort(); /* a letter that the header does not know */
}

void pg_tx_add(struct pg_tx *tx, const struct pg_stmt *stmt, const char *types, ...)
{
	va_list args;
	int i = tx->n, r = 0;

	assert(tx->state == PG_TX_IDLE && tx->n < PG_STATEMENTS && strlen(types) <= PG_TX_PARAMS);
	if (!tx->said)
		tx->said = mem_new(sizeof(*tx->said));
	tx->n++;
	tx->said->st[i].stmt = stmt;
	tx->said->st[i].n_params = (int)strlen(types);
	buf_init(&tx->said->st[i].params, LIMIT_PG_PARAMS);
	va_start(args, types);
	for (; *types && r == 0; types++)
		r = put_value(&tx->said->st[i].params, *types, &args);
	va_end(args);
	if (r < 0 && tx->error == 0)
		tx->error = r;
}

void pg_tx_params(const struct pg_tx *tx, int st, struct pg_tx_params *ret)
{
	const uint8_t *at = tx->said->st[st].params.data;

	ret->n = tx->said->st[st].n_params;
	for (int i = 0; i < ret->n; i++) {
		uint32_t len;

		memcpy(&len, at + 1, sizeof(len));
		ret->values[i] = *at == PG_TX_NULL ? NULL : (const char *)at + HEAD;
		ret->lengths[i] = (int)len;
		ret->formats[i] = *at == PG_TX_BYTES;
		at += HEAD + len + 1;
	}
}
