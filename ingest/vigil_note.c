#include "ingest/vigil_note.h"

#include <stdio.h>

#define NAME 96 /* of a folder, as far as it is shown */

const char *vigil_note_code(enum watch_told_kind kind)
{
	switch (kind) {
	case WATCH_TOLD_NOTHING:
		break;
	case WATCH_TOLD_SET_ASIDE:
		return "mail_set_aside";
	case WATCH_TOLD_LEFT_OUT:
		return "mail_left_out";
	case WATCH_TOLD_UIDVALIDITY:
		return "uidvalidity_changed";
	case WATCH_TOLD_SHRUNK:
		return "folder_shrunk";
	case WATCH_TOLD_RESTORED:
		return "folder_restored";
	case WATCH_TOLD_TOO_MANY:
		return "too_many_folders";
	case WATCH_TOLD_SHUT:
		return "folder_shut";
	case WATCH_TOLD_DEADLY:
		return "mail_deadly";
	case WATCH_TOLD_DEAF:
		return "server_deaf";
	}
	return "";
}

void vigil_note_words(const struct watch *w, const struct watch_told *t, char ret[VIGIL_NOTE])
{
	const char *raw = t->folder < w->folders.n ? w->folders.at[t->folder].name : NULL;
	char name[NAME];

	text_printable(name, sizeof(name), text_of(raw ? raw : "a folder"));
	ret[0] = '\0';
	switch (t->kind) {
	case WATCH_TOLD_NOTHING:
		return;
	case WATCH_TOLD_SET_ASIDE:
		(void)snprintf(ret, VIGIL_NOTE,
			       "the server does not give mail %u of %s; asked for again later",
			       t->uid, name);
		return;
	case WATCH_TOLD_LEFT_OUT:
		(void)snprintf(ret, VIGIL_NOTE,
			       "mail %u of %s was refused for an hour and is left out", t->uid,
			       name);
		return;
	case WATCH_TOLD_UIDVALIDITY:
		(void)snprintf(ret, VIGIL_NOTE,
			       "the server numbered the mails of %s anew; looked back by date",
			       name);
		return;
	case WATCH_TOLD_SHRUNK:
		(void)snprintf(ret, VIGIL_NOTE, "%s ends before what was seen; looked back by date",
			       name);
		return;
	case WATCH_TOLD_RESTORED:
		(void)snprintf(ret, VIGIL_NOTE, "%s is older than it was seen; looked back by date",
			       name);
		return;
	case WATCH_TOLD_TOO_MANY:
		(void)snprintf(ret, VIGIL_NOTE, "%u folders more than the %u that are looked at",
			       t->uid, (unsigned)LIMIT_SWEEP_FOLDERS);
		return;
	case WATCH_TOLD_DEADLY:
		(void)snprintf(ret, VIGIL_NOTE,
			       "processes ended over mail %u of %s; it is not read", t->uid, name);
		return;
	case WATCH_TOLD_DEAF:
		(void)snprintf(ret, VIGIL_NOTE,
			       "the server does not tell of mails in %s while it is open; it is "
			       "opened anew for every proof",
			       name);
		return;
	case WATCH_TOLD_SHUT:
		(void)snprintf(ret, VIGIL_NOTE, "the server does not open %s%s", name,
			       t->folder < w->folders.n &&
					       watch_folder_is_judged(w->folders.at[t->folder].role)
				       ? "; nothing is proven of the inbox until it does"
				       : "; it is tried again");
		return;
	}
}

bool vigil_note_progress(const struct watch *w, struct vigil_progress *ret)
{
	unsigned at = watch_catching_up(w);
	const struct watch_folder *f;
	char name[NAME];

	if (at == WATCH_FOLDERS)
		return false;
	f = &w->folders.at[at];
	ret->of = f->due;
	ret->done = f->told < f->due ? f->told : f->due;
	text_printable(name, sizeof(name), text_of(f->name));
	(void)snprintf(ret->words, sizeof(ret->words), "%s %u of %u", name, ret->done, ret->of);
	return true;
}
