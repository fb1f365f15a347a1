#include "ingest/watch_folder.h"

#include <assert.h>
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
	return watch_folder_is_judged(role) || role == IMAP_ROLE_SENT;
}

bool watch_folder_is_judged(enum imap_role role)
{
	return role == IMAP_ROLE_INBOX || role == IMAP_ROLE_ALL || role == IMAP_ROLE_JUNK;
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

static const char *const by_names[] = { "", "push", "poll", "sweep" };

const char *watch_folder_by_name(enum watch_folder_by by)
{
	return by_names[by];
}

enum watch_folder_by watch_folder_by_of(const char *name)
{
	for (size_t i = 0; i < countof(by_names); i++)
		if (strcmp(by_names[i], name) == 0)
			return (enum watch_folder_by)i;
	return WATCH_FOLDER_UNSAID;
}

void watch_folder_init(struct watch_folders *f)
{
	*f = (struct watch_folders){ 0 };
}

void watch_folder_leave(struct watch_folder *at)
{
	free(at->raw);
	free(at->name);
	*at = (struct watch_folder){ .shown_us = INT64_MIN,
				     .proven_us = INT64_MIN,
				     .held = UINT32_MAX };
}

void watch_folder_clear(struct watch_folders *f)
{
	for (unsigned i = 0; f->at && i < f->n; i++)
		watch_folder_leave(&f->at[i]);
	free(f->at);
	watch_folder_init(f);
}

unsigned watch_folder_of_raw(const struct watch_folders *f, struct text raw)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->at[i].raw && text_eq(text_of(f->at[i].raw), raw))
			return i;
	return WATCH_FOLDERS;
}

/* Nobody needs it: it is not here, and its row says so. */
static bool is_dead(const struct watch_folder *at)
{
	return !at->is_here && !at->is_listed && !watch_folder_is_watched(at->row_role);
}

/* An empty place, a new one, or that of a folder which is no more. */
static struct watch_folder *place(struct watch_folders *f)
{
	for (unsigned i = 0; f->at && i < f->n; i++)
		if (!f->at[i].raw)
			return &f->at[i];
	if (f->n < WATCH_FOLDERS) {
		f->at = mem_resize(f->at, (f->n + 1) * sizeof(*f->at));
		f->at[f->n] = (struct watch_folder){ .raw = NULL };
		return &f->at[f->n++];
	}
	for (unsigned i = 0; f->at && i < f->n; i++)
		if (is_dead(&f->at[i]))
			return &f->at[i];
	return NULL;
}

bool watch_folder_has_place(const struct watch_folders *f)
{
	for (unsigned i = 0; i < f->n; i++)
		if (!f->at[i].raw || is_dead(&f->at[i]))
			return true;
	return f->n < WATCH_FOLDERS;
}

static struct watch_folder *settle(struct watch_folders *f, struct text raw, struct text name)
{
	struct watch_folder *at = place(f);

	if (!at)
		return NULL;
	watch_folder_leave(at);
	at->raw = mem_text_n(raw.at, raw.len);
	at->name = mem_text_n(name.at, name.len);
	return at;
}

static struct watch_folder *of_raw(struct watch_folders *f, struct text raw)
{
	unsigned i = watch_folder_of_raw(f, raw);

	return i == WATCH_FOLDERS ? NULL : &f->at[i];
}

struct watch_folder *watch_folder_know(struct watch_folders *f, const struct watch_folder_known *k)
{
	struct watch_folder *at = of_raw(f, k->raw);

	if (!at)
		at = settle(f, k->raw, k->name);
	if (!at)
		return NULL;
	memcpy(at->folder, k->folder, strnlen(k->folder, sizeof(at->folder) - 1));
	at->role = at->row_role = k->role;
	at->is_recalled = !watch_folder_is_watched(k->role);
	at->by = at->row_by = k->by;
	at->uidvalidity = k->uidvalidity;
	at->uid_gated = k->uid_gated;
	at->uid_ingested = k->uid_ingested;
	at->modseq = at->row_modseq = k->modseq;
	return at;
}

struct watch_folder *watch_folder_visit(struct watch_folders *f, struct text raw, struct text name)
{
	struct watch_folder *at = of_raw(f, raw);

	if (!at)
		at = settle(f, raw, name);
	if (!at)
		return NULL;
	at->role = IMAP_ROLE_NONE;
	at->by = WATCH_FOLDER_SWEEP;
	at->is_here = true;
	at->view = WATCH_VIEW_MOVED;
	return at;
}

void watch_folder_forget(struct watch_folders *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		f->at[i].is_here = f->at[i].is_there = f->at[i].is_listed = false;
		f->at[i].is_proven = f->at[i].is_counted = false;
		f->at[i].view = WATCH_VIEW_NONE;
		f->at[i].shown_us = INT64_MIN;
	}
}

void watch_folder_list_begin(struct watch_folders *f)
{
	for (unsigned i = 0; i < f->n; i++)
		f->at[i].is_listed = false;
}

/* The one that has this role in the list so far. */
static struct watch_folder *holder(struct watch_folders *f, enum imap_role role)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->at[i].is_listed && f->at[i].role == role)
			return &f->at[i];
	return NULL;
}

void watch_folder_listed(struct watch_folders *f, const struct imap_folder *l, bool watches_all)
{
	struct watch_folder *now = holder(f, l->role), *at;

	if (!l->is_selectable || !l->raw.len)
		return;
	at = of_raw(f, l->raw);
	if (!watch_folder_is_watched(l->role) || (l->role == IMAP_ROLE_ALL && !watches_all)) {
		/* Something in it is to be seen again: it stays until that is done. */
		if (at && !watch_folder_is_watched(at->row_role)) {
			at->role = IMAP_ROLE_NONE;
			at->is_listed = true;
		}
		return;
	}
	if (now && (l->is_guess || !now->is_guess))
		return;
	if (!at)
		at = settle(f, l->raw, l->name);
	if (!at)
		return;
	now = holder(f, l->role); /* settling may have moved it */
	if (now)
		now->is_listed = false;
	at->role = l->role;
	at->is_guess = l->is_guess;
	at->is_listed = true;
}

static unsigned put_first(struct watch_folders *f, struct watch_folder *main)
{
	struct watch_folder first = *main;
	unsigned was = (unsigned)(main - f->at);

	*main = f->at[0];
	f->at[0] = first;
	return was;
}

/* A view of all mail is not watched; what it held from before is seen again there. */
static void stand_back(struct watch_folders *f, enum imap_role role)
{
	struct watch_folder *at = holder(f, role);

	if (at && at->is_recalled)
		at->role = IMAP_ROLE_NONE;
	else if (at)
		at->is_listed = false;
}

unsigned watch_folder_list_over(struct watch_folders *f)
{
	struct watch_folder *main = holder(f, IMAP_ROLE_ALL);

	if (main) {
		stand_back(f, IMAP_ROLE_INBOX);
		stand_back(f, IMAP_ROLE_SENT);
	}
	if (!main)
		main = holder(f, IMAP_ROLE_INBOX);
	if (!main) {
		struct imap_folder told = { .name = TEXT("INBOX"),
					    .raw = TEXT("INBOX"),
					    .is_selectable = true };

		told.role = IMAP_ROLE_INBOX;
		if (f->at && f->n == WATCH_FOLDERS && !of_raw(f, told.raw))
			watch_folder_leave(&f->at[f->n - 1]);
		watch_folder_listed(f, &told, false);
		main = holder(f, IMAP_ROLE_INBOX);
	}
	assert(main); /* there was a place for it */
	for (unsigned i = 0; i < f->n; i++)
		f->at[i].is_here = f->at[i].is_there = f->at[i].is_listed;
	return put_first(f, main);
}

unsigned watch_folder_find(const struct watch_folders *f, const char *folder)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->at[i].folder[0] && strcmp(f->at[i].folder, folder) == 0)
			return i;
	return WATCH_FOLDERS;
}

bool watch_folder_is_unknown(const struct watch_folders *f, const char *folder)
{
	unsigned i = watch_folder_find(f, folder);

	return i == WATCH_FOLDERS || (!f->at[i].is_here && !f->at[i].is_recalled &&
				      !watch_folder_is_watched(f->at[i].row_role));
}
