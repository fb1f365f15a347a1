#ifndef OAUTH_HANDOUT_DESK_H
#define OAUTH_HANDOUT_DESK_H

#include "oauth/broker_env.h"

/*
 * The broker's side of handing access tokens to senders: a token that is there
 * is opened and sealed to the public half that came with the request; one that
 * is not is asked for like any worker asks, so that many senders cost one
 * refresh.  Nothing is claimed: two brokers that seal the same request write it
 * once.
 */
struct handout_desk;

struct handout_desk *handout_desk_open(struct broker_env *env);
/* Something may have changed: a request came, or a token. */
void handout_desk_look(struct handout_desk *d);
/* A token was saved: looks only when somebody waits. */
void handout_desk_saved(struct handout_desk *d);
void handout_desk_drop(struct handout_desk *d); /* at once; NULL: nothing */

#endif
