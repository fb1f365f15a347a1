#include "ingest/provider/provider.h"

/* Names end in the root's dot where they come from DNS, and in none where people write them. */
static struct text without_root(struct text name)
{
	return name.len && name.at[name.len - 1] == '.' ? text_sub(name, 0, name.len - 1) : name;
}

const struct provider_row *provider_find(struct text name)
{
	size_t n;
	const struct provider_row *rows = provider_rows(&n);

	for (size_t i = 0; i + 1 < n; i++)
		if (text_eq(text_of(rows[i].name), name))
			return &rows[i];
	return &rows[n - 1];
}

/* ".google.com" is everything below it, whole labels only ("evilgoogle.com" is somebody else);
 * "gmail.com" is just this. */
static bool fits(struct text host, struct text name)
{
	if (name.at[0] == '.')
		return host.len > name.len && text_iends(host, name);
	return text_ieq(host, name);
}

/* The longest of a list's names that fits; 0: none. */
static size_t fit_of(struct text host, const char *const *names)
{
	size_t longest = 0;

	for (; *names; names++)
		if (fits(host, text_of(*names)) && text_of(*names).len > longest)
			longest = text_of(*names).len;
	return longest;
}

const struct provider_row *provider_nearest(const struct provider_row *rows, size_t n,
					    enum provider_by by, struct text host)
{
	const struct provider_row *found = NULL;
	size_t longest = 0;

	host = without_root(host);
	for (size_t i = 0; i < n; i++) {
		size_t fit =
			fit_of(host, by == PROVIDER_BY_MX ? rows[i].mx_suffixes : rows[i].domains);

		if (fit > longest) {
			found = &rows[i];
			longest = fit;
		}
	}
	return found;
}

const struct provider_row *provider_of_domain(struct text domain)
{
	size_t n;
	const struct provider_row *rows = provider_rows(&n);

	return provider_nearest(rows, n, PROVIDER_BY_DOMAIN, domain);
}

const struct provider_row *provider_of_mx(struct text host)
{
	size_t n;
	const struct provider_row *rows = provider_rows(&n);

	return provider_nearest(rows, n, PROVIDER_BY_MX, host);
}
