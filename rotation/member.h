#ifndef ROTATION_MEMBER_H
#define ROTATION_MEMBER_H

#include "db/quota.h"
#include "rotation/pick.h"

/* A member of a pool as PostgreSQL tells of it, as rotation/pick looks at it.  What the tables do
 * not know is as bad as can be: a state without a name is away. */
void member_read(const struct quota_member *m, struct pick_inbox *ret);
/* Of send_standing.band; an unknown word is quarantined. */
enum band member_band(const char *name);

#endif
