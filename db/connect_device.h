#ifndef DB_CONNECT_DEVICE_H
#define DB_CONNECT_DEVICE_H

#include "db/connect_link.h"

/*
 * Links by device code (RFC 8628), the broker's side of them.  They have no page: whoever made
 * one is shown the code that the broker got for it.
 *
 *   open -- the broker has a code --> started -- asked again and again, until the person has
 *   typed it in --> checking, as any other (connect_link_settle_start), or failed
 */
struct connect_device_code {
	const char *workspace, *id, *claim;
	const char *user_code, *uri, *uri_complete;
	const void *sealed; /* by the broker for itself: purpose "device", subject the link's id */
	size_t sealed_len;
	int64_t expires_in_s;
	int interval_s;
};
/* version 1: written; 0: the claim is somebody else's. */
int connect_device_code_start(struct pg *pg, struct connect_link_write *q,
			      const struct connect_device_code *c,
			      void (*done)(struct connect_link_write *));
/* The person has not typed it yet: asked again in `interval_s`, and the claim goes back. */
int connect_device_wait_start(struct pg *pg, struct connect_link_write *q, const char *workspace,
			      const char *id, const char *claim, int interval_s,
			      void (*done)(struct connect_link_write *));

/* For the command line, in a session that has named its workspace: id, provider, address. */
extern const char connect_device_sql_new[];
/* id; (state, user_code, uri, uri_complete, problem, detail, inbox, is it too late) */
extern const char connect_device_sql_look[];

#endif
