#ifndef DB_INBOX_LIST_H
#define DB_INBOX_LIST_H

#include "db/view.h"

/*
 * Inboxes page by page, however many there are: each order goes along an index, and a page begins
 * behind the last line of the one before.
 *
 *   address   by address
 *   state     worst first: consent needed, held, turned away, unwatched ... live; in each the
 * longest since     what changed last first
 */
enum inbox_list_order { INBOX_LIST_ADDRESS, INBOX_LIST_STATE, INBOX_LIST_SINCE };

struct inbox_list {
	enum inbox_list_order order;
	const char *state;    /* NULL: all.  "paused" goes by address, the others by state */
	const char *provider; /* NULL: all */
	const char *has;      /* a part of the address, in small letters; NULL: all */
	/* Behind: an address; or rank, instant and id.  NULL and "": from the beginning. */
	const char *after_address;
	int64_t after_rank, after_us;
	const char *after_id; /* uuid text */
	int64_t limit;
};

/* {"inboxes": [...], "next": text or null}; `next`: an address, or "<rank>~<us>~<id>". */
int inbox_list_start(struct pg *pg, struct view *v, const char *workspace,
		     const struct inbox_list *l, view_cb done);

/* Newest first, without their texts: {"messages": [...], "next": "<us>~<id>" or null}. */
int inbox_list_messages_start(struct pg *pg, struct view *v, const char *workspace,
			      const char *inbox, int64_t before_us, const char *before_id,
			      int64_t limit, view_cb done);

/* The statements, for who looks at their plans. */
extern const char inbox_list_by_address_sql[], inbox_list_by_state_sql[], inbox_list_by_since_sql[];

#endif
