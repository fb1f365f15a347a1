#ifndef INGEST_REMEDY_H
#define INGEST_REMEDY_H

#include "base/text.h"

/*
 * What to do about the state of an inbox, in a sentence for people; by its reason
 * (ingest/plight), else by its state.  "" where nothing is to be done.  Never NULL, static.
 */
const char *remedy_of(struct text state, struct text reason);

#endif
