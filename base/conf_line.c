#include "base/conf_line.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool conf_line_cut(struct text line, struct text *ret_name, struct text *ret_rest)
{
	bool found = text_cut(line, '=', ret_name, ret_rest);

	*ret_name = text_trim(*ret_name);
	*ret_rest = text_trim(*ret_rest);
	return found;
}

/* A value in quotes: "" inside is one, and behind them only a comment may stand. */
static const char *unquote(struct text t, struct buf *ret)
{
	size_t i = 1;

	for (; i < t.len && (t.at[i] != '"' || (i + 1 < t.len && t.at[i + 1] == '"')); i++) {
		if (buf_add(ret, t.at + i, 1) < 0)
			return "is too long";
		i += t.at[i] == '"';
	}
	if (i == t.len)
		return "has no closing quote";
	t = text_sub(t, i + 1, SIZE_MAX);
	if (!t.len || (is_blank(t.at[0]) && text_trim(t).at[0] == '#'))
		return NULL;
	return "goes on behind its closing quote; inside quotes a quote is written twice";
}

const char *conf_line_value(struct text t, struct buf *ret)
{
	if (t.len && t.at[0] == '"')
		return unquote(t, ret);
	for (size_t i = 0; i < t.len; i++)
		if (t.at[i] == '#' && (!i || is_blank(t.at[i - 1])))
			t = text_trim(text_sub(t, 0, i));
	return text_add(ret, t) < 0 ? "is too long" : NULL;
}

int conf_line_add(struct buf *b, const char *name, const char *value)
{
	struct text t = text_of(value);
	bool plain = text_trim(t).len == t.len && (!t.len || t.at[0] != '"');
	size_t was = b->len;
	int r;

	for (size_t i = 0; i < t.len; i++)
		plain = plain && (t.at[i] != '#' || (i && !is_blank(t.at[i - 1])));
	if (plain)
		return text_addf(b, "%s = %s\n", name, value);

	r = text_addf(b, "%s = \"", name);
	for (size_t i = 0; i < t.len && r == 0; i++)
		r = text_add(b, t.at[i] == '"' ? TEXT("\"\"") : text_sub(t, i, 1));
	if (r == 0)
		r = text_add(b, TEXT("\"\n"));
	if (r < 0)
		buf_cut(b, was);
	return r;
}
