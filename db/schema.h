#ifndef DB_SCHEMA_H
#define DB_SCHEMA_H

#include <stddef.h>

/*
 * The migrations, as they stand in db/schema/, inside the binary: what is
 * installed is what was built and tested, and no file has to be found.
 */
struct schema_step {
	int number;       /* from 1, rising; holes are allowed */
	const char *name; /* "workspace" of 0001_workspace.sql */
	const char *text; /* the SQL; NUL-terminated */
	size_t len;       /* bytes, without the NUL */
};

/* All of them, by number. */
const struct schema_step *schema_steps(size_t *ret_n);

#endif
