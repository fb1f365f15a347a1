#ifndef INGEST_SWEEP_H
#define INGEST_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/text.h"
#include "ingest/imap/imap_folder.h"

/*
 * All the folders of an inbox that are not watched: a rule of the server may file
 * a reply anywhere, a person drags one to the trash.
 *
 *   LIST [with counters] -> sweep_listed, sweep_counted ... sweep_list_over
 *     -> what has no counters is asked for (STATUS), a few with each proof
 *     -> what has moved is visited (EXAMINE, FETCH) -> sweep_saw -> nothing
 *
 * Between two sweeps only `seen` is kept: 16 bytes per folder, sorted by name.
 * Names live while there is something to do.  Pure.
 */
struct sweep_seen {
	uint64_t name;                 /* hash of the raw name: two that meet only cost visits */
	uint32_t uidvalidity, uidnext; /* everything below uidnext is dealt with */
};

enum sweep_todo {
	SWEEP_LISTED, /* the list is not over */
	SWEEP_ASK,    /* no counters are known */
	SWEEP_VISIT,  /* it moved, or was never looked at */
	SWEEP_DONE,
};

struct sweep_folder {
	char *raw, *name;
	enum imap_role role;
	enum sweep_todo todo;
	bool has_counts, is_empty;
	uint32_t uidvalidity, uidnext; /* as counted; 0: not told */
};

struct sweep {
	struct sweep_seen *seen;
	struct sweep_folder *at; /* NULL: nothing is to be done */
	uint32_t n_seen, n, room;
	uint32_t beyond; /* folders past LIMIT_SWEEP_FOLDERS that the last LIST told */
	uint32_t done;   /* no folder before this one is to be asked or visited */
};

void sweep_init(struct sweep *s);
void sweep_clear(struct sweep *s);

/* Everything up to this UID is dealt with: from a row, or after a visit. */
void sweep_saw(struct sweep *s, struct text raw, uint32_t uidvalidity, uint32_t uidnext);
/* What is known of a folder; NULL: nothing. */
const struct sweep_seen *sweep_known(const struct sweep *s, struct text raw);

/* LIST: what was to be done before is found again by it. */
void sweep_list_begin(struct sweep *s);
/* A folder that can be opened.  Texts are copied; past the ceiling it is only counted. */
void sweep_listed(struct sweep *s, const struct imap_folder *l);
/*
 * The list is whole and what is watched was taken out (sweep_drop): decide what is to
 * be done.  Folders that are not there any more are forgotten.
 */
void sweep_list_over(struct sweep *s);
/* Index of a name in `at`; `n`: it is not there. */
uint32_t sweep_find(const struct sweep *s, struct text raw);
/* It is watched: not ours. */
void sweep_drop(struct sweep *s, uint32_t at);
/* Nobody looks at it, and what is pushed about it is no news. */
void sweep_ignore(struct sweep *s, uint32_t at);

/* Counters of a folder in `at`, during LIST or as the answer to STATUS.  Zeros: not told. */
void sweep_counted(struct sweep *s, struct text raw, uint32_t uidvalidity, uint32_t uidnext,
		   bool is_empty);
/* Counters pushed by the server (NOTIFY), zeros as above: worth a LIST? */
bool sweep_is_news(const struct sweep *s, struct text raw, uint32_t uidvalidity, uint32_t uidnext);

/* The next one with this to do; `n`: none. */
uint32_t sweep_next(const struct sweep *s, enum sweep_todo todo, uint32_t from);
bool sweep_has(const struct sweep *s, enum sweep_todo todo);
/* Done with it: names are let go with the last. */
void sweep_done(struct sweep *s, uint32_t at);

#endif
