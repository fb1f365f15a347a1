#include "ingest/watch_folder.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const struct {
	enum imap_role role;
	const char *name;
} names[] = {
	{ IMAP_ROLE_INBOX, "inbox" },
	{ IMAP_ROLE_JUNK, "junk" },
	{ IMAP_ROLE_SENT, "sent" },
	{ IMAP_ROLE_ALL, "all" },
};

bool watch_folder_is_watched(enum imap_role role)
{
	return role == IMAP_ROLE_INBOX || role == IMAP_ROLE_JUNK;
}

const char *watch_folder_role_name(enum imap_role role)
{
	for (size_t i = 0; i < countof(names); i++)
		if (names[i].role == role)
			return names[i].name;
	return "other";
}

enum imap_role watch_folder_role_of(const char *name)
{
	for (size_t i = 0; i < countof(names); i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].role;
	return IMAP_ROLE_NONE;
}

void watch_folder_init(struct watch_folders *f)
{
	*f = (struct watch_folders){ 0 };
}

static void let_go(struct watch_folder *at)
{
	free(at->raw);
	free(at->name);
	*at = (struct watch_folder){ .shown_us = INT64_MIN, .proven_us = INT64_MIN };
}

void watch_folder_clear(struct watch_folders *f)
{
	for (unsigned i = 0; i < f->n; i++)
		let_go(&f->at[i]);
	f->n = 0;
}

static struct watch_folder *by_raw(struct watch_folders *f, struct text raw)
{
	for (unsigned i = 0; i < f->n; i++)
		if (text_eq(text_of(f->at[i].raw), raw))
			return &f->at[i];
	return NULL;
}

static struct watch_folder *append(struct watch_folders *f, struct text raw, struct text name)
{
	struct watch_folder *at;

	if (f->n == WATCH_FOLDERS)
		return NULL;
	at = &f->at[f->n++];
	*at = (struct watch_folder){ .shown_us = INT64_MIN, .proven_us = INT64_MIN };
	at->raw = mem_text_n(raw.at, raw.len);
	at->name = mem_text_n(name.at, name.len);
	return at;
}

void watch_folder_know(struct watch_folders *f, const struct watch_folder_known *k)
{
	struct watch_folder *at = by_raw(f, k->raw);

	if (!at)
		at = append(f, k->raw, k->name);
	if (!at)
		return;
	memcpy(at->folder, k->folder, strnlen(k->folder, sizeof(at->folder) - 1));
	at->role = at->row_role = k->role;
	at->uidvalidity = k->uidvalidity;
	at->uid_gated = k->uid_gated;
	at->uid_ingested = k->uid_ingested;
}

void watch_folder_forget(struct watch_folders *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		f->at[i].is_here = f->at[i].is_proven = false;
		f->at[i].view = WATCH_VIEW_NONE;
		f->at[i].shown_us = INT64_MIN;
	}
}

void watch_folder_list_begin(struct watch_folders *f)
{
	for (unsigned i = 0; i < f->n; i++)
		f->at[i].is_here = false;
}

/* The one that has this role on this connection so far. */
static struct watch_folder *holder(struct watch_folders *f, enum imap_role role)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->at[i].is_here && f->at[i].role == role)
			return &f->at[i];
	return NULL;
}

void watch_folder_listed(struct watch_folders *f, const struct imap_folder *l)
{
	struct watch_folder *now, *at;

	if (!watch_folder_is_watched(l->role) || !l->is_selectable || !l->raw.len)
		return;
	now = holder(f, l->role);
	if (now && (l->is_guess || !now->is_guess))
		return;
	at = by_raw(f, l->raw);
	if (!at)
		at = append(f, l->raw, l->name);
	if (!at)
		return;
	if (now)
		now->is_here = false;
	at->role = l->role;
	at->is_guess = l->is_guess;
	at->is_here = true;
}

void watch_folder_list_over(struct watch_folders *f)
{
	struct watch_folder *inbox = holder(f, IMAP_ROLE_INBOX);
	struct watch_folder first;

	if (!inbox) {
		struct imap_folder told = { .name = TEXT("INBOX"),
					    .raw = TEXT("INBOX"),
					    .is_selectable = true };

		told.role = IMAP_ROLE_INBOX;
		if (f->n == WATCH_FOLDERS && !by_raw(f, told.raw))
			let_go(&f->at[--f->n]);
		watch_folder_listed(f, &told);
		inbox = holder(f, IMAP_ROLE_INBOX);
	}
	first = *inbox;
	*inbox = f->at[0];
	f->at[0] = first;
}

unsigned watch_folder_find(const struct watch_folders *f, const char *folder)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->at[i].folder[0] && strcmp(f->at[i].folder, folder) == 0)
			return i;
	return WATCH_FOLDERS;
}
