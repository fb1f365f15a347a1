#ifndef SERVICES_WORDS_HOWTO_H
#define SERVICES_WORDS_HOWTO_H

#include <stdbool.h>

#include "base/text.h"
#include "services/words/words.h"

/*
 * How a person makes an app password at a provider, as data: the provider's own page for it and
 * the steps there, and what the provider calls itself on a button.  Rows are by the names of the
 * provider table; a provider without one of its own gets the last.
 */
#define HOWTO_STEPS 4

struct howto {
	const char
		*provider; /* "icloud"; a row also fits names that go on behind a '-' ("zoho-eu") */
	const char *brand; /* "Apple"; NULL: the provider's own title */
	const char *url;   /* where the password is made; NULL: nobody knows */
	bool has_gaps; /* it is shown in groups: spaces that were copied along are no part of it */
	const char *steps[WORDS_LANGS][HOWTO_STEPS + 1]; /* NULL-ended */
};

/* Never NULL. */
const struct howto *howto_of(struct text provider);
/* All rows, the one for everybody else last. */
const struct howto *howto_rows(size_t *ret_n);

#endif
