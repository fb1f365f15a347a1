#ifndef INGEST_PROVIDER_PROVIDER_TABLE_H
#define INGEST_PROVIDER_PROVIDER_TABLE_H

#include <stddef.h>

#include "ingest/provider/provider.h"

/*
 * The rows as this installation wants them: what the operator said of a provider
 * (`provider.<name>.*`) lies over the static row of that name, or over "generic"
 * for a name of his own.  Filled once at start and then only read.
 *
 * Zeros, and NULL wherever a table is asked: the static rows as they are.
 */
#define PROVIDER_TABLE_ROWS 32 /* as many names as a configuration can hold */

struct provider_table {
	struct provider_row rows[PROVIDER_TABLE_ROWS];
	size_t n;
};

/*
 * The row of that name, to be changed: a copy of the static one.  `name` is
 * borrowed, as is every text put into the row.  NULL: the table is full.
 */
struct provider_row *provider_table_row(struct provider_table *t, const char *name);

/* By name; "generic" where there is none.  Never NULL. */
const struct provider_row *provider_table_find(const struct provider_table *t, struct text name);
/* By the domain of an address, by the host of an MX record; the operator's rows first.  NULL: no
 * row names it. */
const struct provider_row *provider_table_of_domain(const struct provider_table *t,
						    struct text domain);
const struct provider_row *provider_table_of_mx(const struct provider_table *t, struct text host);
/* By its IMAP server; NULL: it is nobody's that is described. */
const struct provider_row *provider_table_of_server(const struct provider_table *t,
						    struct text host, uint16_t port);
/* Is it described: by a static row, or by the operator? */
bool provider_table_has(const struct provider_table *t, struct text name);

#endif
