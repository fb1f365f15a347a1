#include <stdio.h>
#include <string.h>

#include "base/conf_name.h"

bool conf_name_cut(const char *name, struct text *ret_before, struct text *ret_after)
{
	return text_cut(text_of(name), '*', ret_before, ret_after);
}

bool conf_name_fits(const char *row_name, struct text name, struct text *ret_group)
{
	struct text before, after, group;

	if (!conf_name_cut(row_name, &before, &after)) {
		*ret_group = (struct text){ NULL, 0 };
		return text_eq(name, before);
	}
	if (name.len <= before.len + after.len || !text_eq(text_sub(name, 0, before.len), before) ||
	    !text_eq(text_sub(name, name.len - after.len, SIZE_MAX), after))
		return false;
	group = text_sub(name, before.len, name.len - before.len - after.len);
	if (memchr(group.at, '.', group.len))
		return false;
	*ret_group = group;
	return true;
}

/* Edit distance (Levenshtein) of two names. */
static size_t distance(const char *a, const char *b)
{
	size_t row[CONF_NAME + 1], n = strlen(b);

	for (size_t k = 0; k <= n; k++)
		row[k] = k;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t k = 0; k < n; k++) {
			size_t best = diagonal + (a[i] != b[k]);

			diagonal = row[k + 1];
			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (diagonal + 1 < best)
				best = diagonal + 1;
			row[k + 1] = best;
		}
	}
	return row[n];
}

static char upper(char c)
{
	if (c >= 'a' && c <= 'z')
		return (char)(c - ('a' - 'A'));
	return c == '.' || c == '-' ? '_' : c;
}

void conf_name_full(char dst[CONF_NAME], const char *row_name, struct text group, bool as_env)
{
	struct text before, after;
	bool starred = conf_name_cut(row_name, &before, &after);

	(void)snprintf(dst, CONF_NAME, "%s%.*s%.*s%.*s", as_env ? CONF_PREFIX : "",
		       TEXT_ARG(before), starred ? (int)group.len : 0, group.at, TEXT_ARG(after));
	for (size_t i = as_env ? strlen(CONF_PREFIX) : strlen(dst); dst[i]; i++)
		dst[i] = upper(dst[i]);
}

bool conf_name_meant(const struct conf_table *t, const char *name, bool as_env, char ret[CONF_NAME])
{
	char candidate[CONF_NAME];
	size_t best = SIZE_MAX;
	struct text head, group = { NULL, 0 }, rest;

	/* a second segment may be the name of a group */
	if (!text_cut(text_of(name), '.', &head, &rest) || !text_cut(rest, '.', &group, &rest))
		group = TEXT("NAME");
	for (size_t i = 0; i < t->n_rows; i++) {
		size_t d;

		conf_name_full(candidate, t->rows[i].name, group, as_env);
		d = distance(name, candidate);
		if (d < best) {
			best = d;
			memcpy(ret, candidate, CONF_NAME);
		}
	}
	return best <= 2 || best <= strlen(name) / 3;
}
