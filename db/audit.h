#ifndef DB_AUDIT_H
#define DB_AUDIT_H

#include "db/pg.h"
#include "db/view.h"

/*
 * Who changed what.  A line is written before the change is begun, so that none is made without
 * one, and says afterwards how it was answered.
 */
struct audit_line {
	const char *workspace;
	const char *actor_kind; /* "key", "person" */
	const char *actor_id;   /* uuid */
	const char *actor;      /* of a person his name, "": as the key's label says */
	const char *what;       /* "POST /v1/inboxes/{}/pause" */
	const char *about;      /* JSON array of what stood for each {} */
	const char *fields;     /* JSON array of the names of the fields that were given */
	const char *request;    /* uuid */
};

struct audit_note {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t line;
	void (*done)(struct audit_note *n);
};
/* As pg_tx_start. */
int audit_note_start(struct pg *pg, struct audit_note *n, const struct audit_line *l,
		     void (*done)(struct audit_note *));
/* What was done about it was answered with this HTTP status. */
int audit_settle_start(struct pg *pg, struct audit_note *n, const char *workspace, int64_t line,
		       int status, void (*done)(struct audit_note *));

/* {"lines": [...], "next"}, newest first; `before`: the `next` of the page behind, INT64_MAX: the
 * newest. */
int audit_list_start(struct pg *pg, struct view *v, const char *workspace, int64_t before,
		     int64_t limit, view_cb done);

#endif
