#include "ingest/chronicle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define ADDED                                                                                      \
	200 /* the words that a note brings; timeline_note cuts them behind those of the table */

static const struct {
	const char *code, *words;
} codes[] = {
#define CHRONICLE_CODE(name, code, words) { code, words },
	CHRONICLE_CODES(CHRONICLE_CODE)
#undef CHRONICLE_CODE
};

struct chronicle_page {
	unsigned n, dropped; /* dropped: since the last that was taken */
	struct {
		const char *code, *words; /* static; words: NULL: all of them are in `added` */
		int64_t at_us;
		char *added; /* NULL: nothing */
	} notes[CHRONICLE_MAX];
};

void chronicle_clear(struct chronicle *c)
{
	for (unsigned i = 0; c->page && i < c->page->n; i++)
		free(c->page->notes[i].added);
	free(c->page);
	c->page = NULL;
}

static void forget(struct chronicle_page *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(p->notes[i].added);
	memmove(p->notes, p->notes + n, (p->n - n) * sizeof(p->notes[0]));
	p->n -= (unsigned)n;
}

static void put(struct chronicle *c, const char *code, const char *words, int64_t at_us,
		const char *said)
{
	struct chronicle_page *p = c->page;
	char added[ADDED];

	if (!p)
		p = c->page = mem_new(sizeof(*p));
	if (p->n == CHRONICLE_MAX) {
		forget(p, 1);
		p->dropped++;
	}
	text_printable(added, sizeof(added), text_of(said));
	p->notes[p->n].code = code;
	p->notes[p->n].words = words;
	p->notes[p->n].at_us = at_us;
	p->notes[p->n].added = added[0] ? mem_text(added) : NULL;
	p->n++;
}

void chronicle_note(struct chronicle *c, enum chronicle_code code, int64_t at_us, const char *fmt,
		    ...)
{
	char said[ADDED];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
	put(c, codes[code].code, codes[code].words, at_us, said);
}

void chronicle_add(struct chronicle *c, const char *code, int64_t at_us, const char *words)
{
	put(c, code, NULL, at_us, words);
}

bool chronicle_has(const struct chronicle *c)
{
	return c->page != NULL;
}

size_t chronicle_take(struct chronicle *c, const char *workspace, const char *inbox,
		      struct timeline_note *ret, size_t max)
{
	struct chronicle_page *p = c->page;
	size_t n;

	if (!p)
		return 0;
	n = p->n < max ? p->n : max;
	for (size_t i = 0; i < n; i++) {
		const char *words = p->notes[i].words ? p->notes[i].words : "";
		const char *added = p->notes[i].added ? p->notes[i].added : "";
		struct timeline_note *t = &ret[i];
		char lost[48] = "";

		if (strcmp(p->notes[i].code, TIMELINE_COMMANDS) != 0) {
			if (p->dropped)
				(void)snprintf(lost, sizeof(lost), " (%u earlier notes were lost)",
					       p->dropped);
			p->dropped = 0;
		}
		*t = (struct timeline_note){ .at_us = p->notes[i].at_us };
		(void)snprintf(t->workspace, sizeof(t->workspace), "%s", workspace);
		(void)snprintf(t->inbox, sizeof(t->inbox), "%s", inbox);
		(void)snprintf(t->code, sizeof(t->code), "%s", p->notes[i].code);
		(void)snprintf(t->words, sizeof(t->words), "%s%s%s%s", words,
			       words[0] && added[0] ? ": " : "", added, lost);
	}
	forget(p, n);
	if (p->n == 0)
		chronicle_clear(c);
	return n;
}
