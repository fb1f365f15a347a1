#ifndef BASE_CONF_LINE_H
#define BASE_CONF_LINE_H

#include "base/conf.h"

/* One line of a configuration file, `name = value # comment`: how it is read and written. */

/* The name, and what stands behind the '='.  false: there is none. */
bool conf_line_cut(struct text line, struct text *ret_name, struct text *ret_rest);

/*
 * What that rest says: up to a '#' in front or after a blank, or what stands
 * inside quotes, is appended to `ret`.  NULL: done; else what is wrong with the
 * value, continuing "the value ".
 */
const char *conf_line_value(struct text rest, struct buf *ret);

/* See conf_add_line(). */
int conf_line_add(struct buf *b, const char *name, const char *value);

#endif
