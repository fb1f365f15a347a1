#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"

void secret_wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}

void secret_set(struct secret *s, const void *p, size_t n)
{
	uint8_t *data;

	if (n > LIMIT_SECRET)
		abort();
	/* Copied before the old bytes go: `p` may be a part of them. */
	data = mem_new(n + 1);
	if (n)
		memcpy(data, p, n);
	secret_clear(s);
	*s = (struct secret){ data, n };
}

void secret_set_text(struct secret *s, struct text t)
{
	secret_set(s, t.at, t.len);
}

void secret_clear(struct secret *s)
{
	secret_wipe(s->data, s->len);
	free(s->data);
	*s = (struct secret){ NULL, 0 };
}

bool secret_eq(const struct secret *a, const struct secret *b)
{
	/* volatile: the compiler may not stop at the first difference */
	volatile uint8_t differs = 0;

	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		differs |= a->data[i] ^ b->data[i];
	return differs == 0;
}

bool secret_is_empty(const struct secret *s)
{
	return s->len == 0;
}

const char *secret_text(const struct secret *s)
{
	return s->data ? (const char *)s->data : "";
}

void secret_blank(char *text, const struct secret *s)
{
	size_t n;

	for (; s->len && *text; text += n ? n : 1) {
		for (n = 0; n < s->len && text[n] && (uint8_t)text[n] == s->data[n]; n++)
			;
		if (n < s->len && n < SECRET_TELLTALE)
			n = 0;
		memset(text, '*', n);
	}
}
