#ifndef DB_VIEW_H
#define DB_VIEW_H

#include "base/buf.h"
#include "base/mailaddr.h"
#include "db/pg.h"

/*
 * What the API shows, as JSON text made by PostgreSQL, so that the shape of a
 * resource stands in one place.  Every view sees one workspace only.
 */
struct view;
typedef void (*view_cb)(struct view *v);

struct view {
	struct pg_tx tx;
	struct outcome outcome;
	int behind;          /* private: which statement has the JSON */
	bool found;          /* false: no such row in this workspace */
	struct buf json;     /* good until view_clear */
	char next[MAILADDR]; /* of a list of inboxes: the address behind which it goes on; "": it
				does not */
	view_cb done;
};

/* As pg_tx_start.  `workspace`, ids: uuid text, already checked.  Inboxes by address, those behind
 * `after` (""). */
int view_inboxes_start(struct pg *pg, struct view *v, const char *workspace, const char *after,
		       int64_t limit, view_cb done);
int view_inbox_start(struct pg *pg, struct view *v, const char *workspace, const char *inbox,
		     view_cb done);

/* Where a page of a timeline ends; newest first. */
struct view_page {
	int64_t before_us, before_line; /* `next` of the page behind; INT64_MAX: the newest */
	int64_t limit;
};
/* {"lines":[{"at","code","words"}],"next":"<us>.<line>"} */
int view_timeline_start(struct pg *pg, struct view *v, const char *workspace, const char *inbox,
			const struct view_page *page, view_cb done);
/* Newest first, at most `limit`. */
int view_gaps_start(struct pg *pg, struct view *v, const char *workspace, const char *inbox,
		    int64_t limit, view_cb done);

/* One event with its deliveries and their attempts. */
int view_event_start(struct pg *pg, struct view *v, const char *workspace, const char *event,
		     view_cb done);
int view_connect_link_start(struct pg *pg, struct view *v, const char *workspace, const char *link,
			    view_cb done);
void view_clear(struct view *v); /* cancels, too */
/* For other files of db: start what was added to v->tx, of whose first statement the first value is
 * the JSON; no row, or null: not found. */
int view_begin(struct pg *pg, struct view *v, view_cb done);
/* The same where so many statements, which answer nothing that matters, stand in front of it. */
int view_begin_behind(struct pg *pg, struct view *v, int before, view_cb done);

/* The same statements for the command line: text parameters, one column of JSON, no row where there
 * is no such inbox. */
extern const char view_sql_inbox[];    /* $1: inbox */
extern const char view_sql_timeline[]; /* $1: inbox, $2: how many lines, newest first */
extern const char view_sql_gaps[];     /* $1: inbox, $2: how many, newest first */

#endif
