#ifndef OAUTH_BOOKS_H
#define OAUTH_BOOKS_H

#include "oauth/broker_env.h"

/*
 * Every few seconds what was counted since the last time is added to the sums of
 * all brokers, and what alarms this one is told anew: a fuse that is not closed,
 * a client's secret that will end.  What PostgreSQL did not take is counted the
 * next time.
 */
struct books;

struct books *books_open(struct broker_env *env);
void books_drop(struct books *b); /* NULL: nothing */

#endif
