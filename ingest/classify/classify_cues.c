#include "ingest/classify/classify_cues.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ingest/classify/classify_phrase.h"

#define ROOM 32 /* words by which a list grows */

struct classify_cues {
	const char **word[CLASSIFY_CUES];
	size_t n[CLASSIFY_CUES];
};

static const char *const names[] = { "contact",      "title",        "particle",  "inclusive",
				     "day-name",     "until",        "stand-in",  "span-before",
				     "month-before", "month-middle", "month-end", "abbreviation",
				     "past",         "device",       NULL };

_Static_assert(countof(names) == CLASSIFY_CUES + 1, "a name each");

const char *const *classify_cues_names(void)
{
	return names;
}

struct classify_cues *classify_cues_new(void)
{
	return mem_new(sizeof(struct classify_cues));
}

void classify_cues_free(struct classify_cues *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CLASSIFY_CUES; i++)
		free(c->word[i]);
	free(c);
}

void classify_cues_add(struct classify_cues *c, enum classify_cue which, const char *word)
{
	if (c->n[which] % ROOM == 0)
		c->word[which] =
			mem_resize(c->word[which], (c->n[which] + ROOM) * sizeof(*c->word[which]));
	c->word[which][c->n[which]++] = word;
}

const char *const *classify_cues_of(const struct classify_cues *c, enum classify_cue which,
				    size_t *ret_n)
{
	*ret_n = c->n[which];
	return c->word[which];
}

bool classify_cues_is(const struct classify_cues *c, enum classify_cue which, struct text t)
{
	for (size_t i = 0; i < c->n[which]; i++)
		if (text_eq(t, text_of(c->word[which][i])))
			return true;
	return false;
}

bool classify_cues_starts(const struct classify_cues *c, enum classify_cue which, struct text t)
{
	for (size_t i = 0; i < c->n[which]; i++)
		if (text_istarts(t, text_of(c->word[which][i])))
			return true;
	return false;
}

bool classify_cues_in(const struct classify_cues *c, enum classify_cue which, struct text t)
{
	for (size_t i = 0; i < c->n[which]; i++)
		if (classify_phrase_in(t, c->word[which][i]))
			return true;
	return false;
}
