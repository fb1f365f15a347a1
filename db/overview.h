#ifndef DB_OVERVIEW_H
#define DB_OVERVIEW_H

#include "db/view.h"

/*
 * One look at a workspace:
 *
 *   counts     [{provider, state, n}], every inbox in one of them
 *   needs      {inboxes: [...], more, endpoints: [...], unread: [...], domains: [...]}: what
 * somebody has to mend, worst first; `more` says that there are others changed    inboxes whose
 * state changed within the last hour, newest first hours      [{at, types: {type: n}}] of the last
 * 24 h, of the newest 50,000 events latency    [{at, n, arrived_to_detected, detected_to_delivered:
 * {p50, p95}}] in ms, of the newest 1,000
 */
int overview_start(struct pg *pg, struct view *v, const char *workspace, view_cb done);

#endif
