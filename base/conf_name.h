#ifndef BASE_CONF_NAME_H
#define BASE_CONF_NAME_H

#include "base/conf.h"

/* The names of settings: with a group's name for the star, as environment variables, and misspelt.
 */

#define CONF_NAME 128 /* of a full name, with its NUL; longer ones are cut */

/*
 * What stands before and after the "*" of a row's name.  false: it has none, all is in
 * `ret_before`.
 */
bool conf_name_cut(const char *row_name, struct text *ret_before, struct text *ret_after);

/* Is `name` this row, and with which group in the star's place? */
bool conf_name_fits(const char *row_name, struct text name, struct text *ret_group);

/* The row as the operator would write it: `group` for the star; as a variable of the environment.
 */
void conf_name_full(char dst[CONF_NAME], const char *row_name, struct text group, bool as_env);

/* The known name that is nearest to `name`.  false: none is like it. */
bool conf_name_meant(const struct conf_table *t, const char *name, bool as_env,
		     char ret[CONF_NAME]);

#endif
