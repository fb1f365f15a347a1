#ifndef BASE_CONF_VALUE_H
#define BASE_CONF_VALUE_H

#include "base/conf.h"

/* The kinds of settings: how each is written, what is stored, and what is said when it is wrong. */

#define CONF_VALUE_MAX 4096 /* bytes of one value; the longest are lists of scopes */
#define CONF_VALUE_WHY                                                                             \
	352 /* what is said: 64 bytes of the value, a sentence, the words of a row                 \
	     */

/*
 * Read `t` as the value of `row` and store it at `at`.  For the kinds that are
 * text nothing is stored: the caller keeps the text.  -EINVAL: `why` continues
 * "name: ", and `at` is unchanged.
 */
int conf_value_read(const struct conf_row *row, struct text t, void *at, char why[CONF_VALUE_WHY]);
bool conf_value_is_text(enum conf_kind kind);
int conf_value_duration(struct text t, uint64_t *ret_ms);

#endif
