#ifndef SERVICES_API_PERSON_RIGHT_H
#define SERVICES_API_PERSON_RIGHT_H

#include "db/person.h"
#include "services/api/route.h"

/*
 * What people may do who signed in: viewers see, operators keep it running (a link to reconnect,
 * pause, probe, correct, replay), admins change how it is set up.  What hands out access to a
 * mailbox or is said of every mail is for programs with a key.
 */
bool person_right_has(enum person_role role, const struct route *route);

#endif
