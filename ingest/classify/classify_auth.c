#include "ingest/classify/classify_auth.h"

#include <stdio.h>
#include <string.h>

static const char *const result_names[] = {
	[CLASSIFY_AUTH_NONE] = "none",
	[CLASSIFY_AUTH_FAIL] = "fail",
	[CLASSIFY_AUTH_PASS] = "pass",
};

static bool is_authserv(struct text id, const char *authserv)
{
	struct text want = text_of(authserv);

	return want.len && want.at[0] == '.' ? text_iends(id, want) : text_ieq(id, want);
}

/* Comments hold what a forger may have chosen, like addresses (RFC 8601 section 2.2). */
static size_t past_comment(struct text t, size_t at)
{
	size_t depth = 0;

	do {
		if (t.at[at] == '\\')
			at++;
		else if (t.at[at] == '(')
			depth++;
		else if (t.at[at] == ')')
			depth--;
		at++;
	} while (at < t.len && depth);
	return at;
}

static size_t past_string(struct text t, size_t at)
{
	for (at++; at < t.len && t.at[at] != '"'; at++)
		if (t.at[at] == '\\')
			at++;
	return at < t.len ? at + 1 : t.len;
}

/* The bytes up to the next ';' outside comments and strings; `rest` stands behind it. */
static struct text next_part(struct text *rest)
{
	struct text all = *rest;
	size_t at = 0;

	while (at < all.len && all.at[at] != ';')
		at = all.at[at] == '('   ? past_comment(all, at)
		     : all.at[at] == '"' ? past_string(all, at)
					 : at + 1;
	if (at > all.len)
		at = all.len;
	*rest = text_sub(all, at + 1, all.len);
	return text_trim(text_sub(all, 0, at));
}

/* "dkim=pass header.d=..." : the method and its result stand in front (section 2.2, resinfo). */
static void take(struct text part, struct classify_auth *ret)
{
	struct text method, value;
	enum classify_auth_result result, *slot;
	size_t n = 0;

	if (!text_cut(part, '=', &method, &value))
		return;
	method = text_trim(method);
	value = text_trim(value);
	while (n < value.len && !strchr(" \t(;", value.at[n]))
		n++;
	value = text_sub(value, 0, n);
	if (text_ieq(value, TEXT("pass")))
		result = CLASSIFY_AUTH_PASS;
	else
		result = text_ieq(value, TEXT("none")) ? CLASSIFY_AUTH_NONE : CLASSIFY_AUTH_FAIL;
	slot = text_ieq(method, TEXT("dkim"))    ? &ret->dkim
	       : text_ieq(method, TEXT("spf"))   ? &ret->spf
	       : text_ieq(method, TEXT("dmarc")) ? &ret->dmarc
						 : NULL;
	if (slot && result > *slot)
		*slot = result;
}

void classify_auth_read(const struct mime_head *head, const char *authserv,
			struct classify_auth *ret)
{
	struct text rest = mime_head_field(head, "Authentication-Results", 0), id;
	size_t n = 0;

	*ret = (struct classify_auth){ CLASSIFY_AUTH_NONE, CLASSIFY_AUTH_NONE, CLASSIFY_AUTH_NONE };
	if (!authserv || !rest.len)
		return;
	if (authserv[0]) {
		id = next_part(&rest);
		while (n < id.len && !strchr(" \t(/", id.at[n]))
			n++; /* a version may follow the name */
		if (!is_authserv(text_sub(id, 0, n), authserv))
			return;
	}
	while (rest.len)
		take(next_part(&rest), ret);
}

bool classify_auth_proves(const struct classify_auth *a)
{
	return a->dmarc == CLASSIFY_AUTH_PASS;
}

void classify_auth_text(const struct classify_auth *a, char ret[CLASSIFY_AUTH_TEXT])
{
	(void)snprintf(ret, CLASSIFY_AUTH_TEXT, "dkim=%s spf=%s dmarc=%s", result_names[a->dkim],
		       result_names[a->spf], result_names[a->dmarc]);
}
