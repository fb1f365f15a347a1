#include "ingest/provider/provider_table.h"

static const struct provider_row *changed(const struct provider_table *t, struct text name)
{
	for (size_t i = 0; t && i < t->n; i++)
		if (text_eq(text_of(t->rows[i].name), name))
			return &t->rows[i];
	return NULL;
}

struct provider_row *provider_table_row(struct provider_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (text_eq(text_of(t->rows[i].name), text_of(name)))
			return &t->rows[i];
	if (t->n == PROVIDER_TABLE_ROWS)
		return NULL;
	t->rows[t->n] = *provider_find(text_of(name));
	if (!text_eq(text_of(t->rows[t->n].name), text_of(name))) {
		t->rows[t->n].name = name;
		t->rows[t->n].title = name;
	}
	return &t->rows[t->n++];
}

const struct provider_row *provider_table_find(const struct provider_table *t, struct text name)
{
	const struct provider_row *row = changed(t, name), *fixed;

	if (row)
		return row;
	/* A name that nobody knows is generic as the operator wants it. */
	fixed = provider_find(name);
	row = changed(t, text_of(fixed->name));
	return row ? row : fixed;
}

bool provider_table_has(const struct provider_table *t, struct text name)
{
	return changed(t, name) || text_eq(text_of(provider_find(name)->name), name);
}

/* The static row's name leads to the operator's. */
static const struct provider_row *over(const struct provider_table *t,
				       const struct provider_row *fixed)
{
	return fixed ? provider_table_find(t, text_of(fixed->name)) : NULL;
}

static const struct provider_row *nearest(const struct provider_table *t, enum provider_by by,
					  struct text host)
{
	return t ? provider_nearest(t->rows, t->n, by, host) : NULL;
}

const struct provider_row *provider_table_of_domain(const struct provider_table *t,
						    struct text domain)
{
	const struct provider_row *row = nearest(t, PROVIDER_BY_DOMAIN, domain);

	return row ? row : over(t, provider_of_domain(domain));
}

const struct provider_row *provider_table_of_mx(const struct provider_table *t, struct text host)
{
	const struct provider_row *row = nearest(t, PROVIDER_BY_MX, host);

	return row ? row : over(t, provider_of_mx(host));
}

static const struct provider_row *server_of(const struct provider_row *rows, size_t n,
					    struct text host, uint16_t port)
{
	for (size_t i = 0; i < n; i++)
		if (*rows[i].imap.host && rows[i].imap.port == port &&
		    text_ieq(text_of(rows[i].imap.host), host))
			return &rows[i];
	return NULL;
}

const struct provider_row *provider_table_of_server(const struct provider_table *t,
						    struct text host, uint16_t port)
{
	const struct provider_row *row = t ? server_of(t->rows, t->n, host, port) : NULL, *rows;
	size_t n;

	rows = provider_rows(&n);
	return row ? row : over(t, server_of(rows, n, host, port));
}
