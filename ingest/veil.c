#include "ingest/veil.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"

struct veil {
	struct secret credential, told;
	struct buf heard; /* bytes that were not given out */
	size_t given;     /* of them, those that veil_next() has just given */
	bool is_too_long; /* until the end of this line nothing is kept */
};

struct veil *veil_new(const struct secret *credential)
{
	struct veil *v = mem_new(sizeof(*v));

	secret_set(&v->credential, credential->data, credential->len);
	buf_init(&v->heard, LIMIT_CONN_READ + VEIL_LINE);
	return v;
}

void veil_free(struct veil *v)
{
	if (!v)
		return;
	secret_clear(&v->credential);
	secret_clear(&v->told);
	if (v->heard.len)
		secret_wipe(v->heard.data, v->heard.len);
	buf_clear(&v->heard);
	free(v);
}

void veil_told(struct veil *v, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0 && (at[n - 1] == '\n' || at[n - 1] == '\r'))
		n--;
	if (n > 0 && n <= LIMIT_SECRET)
		secret_set(&v->told, p, n);
}

static void drop_given(struct veil *v)
{
	buf_drop(&v->heard, v->given);
	v->given = 0;
}

void veil_add(struct veil *v, const void *p, size_t n)
{
	drop_given(v);
	if (buf_add(&v->heard, p, n) < 0) { /* nobody took the lines: cannot be, but is no leak */
		buf_cut(&v->heard, 0);
		v->is_too_long = true;
	}
}

static struct text give(struct veil *v, size_t len)
{
	char *at = (char *)v->heard.data, after = at[len];

	for (size_t i = 0; i < len; i++)
		if (!at[i])
			at[i] = '?';
	at[len] = '\0';
	secret_blank(at, &v->credential);
	secret_blank(at, &v->told);
	at[len] = after;
	v->given = len;
	return (struct text){ at, len };
}

bool veil_next(struct veil *v, struct text *ret)
{
	uint8_t *end;
	bool is_whole;

	drop_given(v);
	end = v->heard.len ? memchr(v->heard.data, '\n', v->heard.len) : NULL;
	is_whole = end && !v->is_too_long && (size_t)(end - v->heard.data) < VEIL_LINE;
	if (is_whole) {
		*ret = give(v, (size_t)(end - v->heard.data) + 1);
		return true;
	}
	if (!end && v->heard.len < VEIL_LINE && !v->is_too_long)
		return false;
	/* too long, or the rest of what was */
	v->given = end ? (size_t)(end - v->heard.data) + 1 : v->heard.len;
	v->is_too_long = !end;
	if (!end) {
		drop_given(v);
		return false;
	}
	*ret = TEXT("[a line too long]\r\n");
	return true;
}

bool veil_last(struct veil *v, struct text *ret)
{
	drop_given(v);
	if (!v->heard.len || v->is_too_long)
		return false;
	*ret = give(v, v->heard.len);
	return true;
}
