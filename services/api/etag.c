#include "services/api/etag.h"

/* The next tag of a list: `W/"x", "y"`.  False: there is none, or it is no list of tags. */
static bool next(struct text *list, bool *ret_weak, struct text *ret)
{
	struct text t = text_trim(*list);
	size_t n = 0;

	while (t.len && t.at[0] == ',')
		t = text_trim(text_sub(t, 1, t.len));
	*ret_weak = text_istarts(t, TEXT("W/"));
	if (*ret_weak)
		t = text_sub(t, 2, t.len);
	if (!t.len || t.at[0] != '"')
		return false;
	t = text_sub(t, 1, t.len);
	while (n < t.len && t.at[n] != '"')
		n++;
	if (n == t.len)
		return false;
	*ret = text_sub(t, 0, n);
	*list = text_sub(t, n + 1, t.len);
	return true;
}

bool etag_wanted(const char *if_match, struct buf *ret)
{
	struct text list = text_of(if_match), tag;
	bool weak;

	if (!if_match || text_eq(text_trim(list), TEXT("*")))
		return false;
	while (next(&list, &weak, &tag))
		if (!weak && tag.len && ret->len + tag.len + 1 <= ret->max)
			(void)text_addf(ret, "%s%.*s", ret->len ? " " : "", TEXT_ARG(tag));
	return true;
}

bool etag_is_known(const char *if_none_match, const char *shown)
{
	struct text list = text_of(if_none_match), one;
	bool weak;

	if (if_none_match && text_eq(text_trim(list), TEXT("*")))
		return true;
	while (next(&list, &weak, &one))
		if (text_eq(one, text_of(shown)))
			return true;
	return false;
}
