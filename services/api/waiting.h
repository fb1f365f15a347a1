#ifndef SERVICES_API_WAITING_H
#define SERVICES_API_WAITING_H

#include "services/api/api.h"

/*
 * Requests that wait for something to happen, in a list of the API by their `waiting`.  Something
 * did: each of them looks whether it was for it.  `look` may answer, which takes the request out of
 * the list, and others with it whose people hang up; or it takes it out to put it in again later.
 */
void waiting_look(struct list *all, void (*look)(struct request *q));

#endif
