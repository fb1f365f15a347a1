#include "ingest/backlog.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void backlog_init(struct backlog *b)
{
	*b = (struct backlog){ 0 };
}

/* The texts of a row, for copying and freeing them all alike. */
#define TEXTS 8
static void texts_of(struct folder_pending *p, const char **ret[TEXTS])
{
	const char **all[TEXTS] = { &p->message,           &p->folder, &p->role,    &p->prospect,
				    &p->header_message_id, &p->sender, &p->subject, &p->matches };

	memcpy(ret, all, sizeof(all));
}

static void let_go(struct folder_pending *p)
{
	const char **texts[TEXTS];

	texts_of(p, texts);
	for (size_t i = 0; i < TEXTS; i++) {
		char *text; /* ours: backlog_add() made it */

		memcpy(&text, texts[i], sizeof(text));
		free(text);
	}
}

void backlog_clear(struct backlog *b)
{
	for (size_t i = 0; i < b->n; i++)
		let_go(&b->at[i]);
	free(b->at);
	backlog_init(b);
}

void backlog_add(struct backlog *b, const struct folder_pending *p)
{
	const char **texts[TEXTS];

	b->at = mem_resize(b->at, (b->n + 1) * sizeof(*b->at));
	b->at[b->n] = *p;
	texts_of(&b->at[b->n], texts);
	for (size_t i = 0; i < TEXTS; i++)
		*texts[i] = mem_text(*texts[i]);
	b->n++;
}

const struct folder_pending *backlog_find(const struct backlog *b, const char *folder,
					  int64_t uidvalidity, int64_t uid)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->at[i].uid == uid && b->at[i].uidvalidity == uidvalidity &&
		    strcmp(b->at[i].folder, folder) == 0)
			return &b->at[i];
	return NULL;
}

void backlog_remove(struct backlog *b, const struct folder_pending *p)
{
	size_t i = (size_t)(p - b->at);

	let_go(&b->at[i]);
	memmove(&b->at[i], &b->at[i + 1], (b->n - i - 1) * sizeof(*b->at));
	b->n--;
}

bool backlog_has(const struct backlog *b, const char *folder)
{
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->at[i].folder, folder) == 0)
			return true;
	return false;
}
