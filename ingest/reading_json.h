#ifndef INGEST_READING_JSON_H
#define INGEST_READING_JSON_H

#include <jansson.h>

#include "ingest/reading.h"

/*
 * What a reading says, as one object; the field names are those of events
 * (docs/interfaces.md), where an event has them.  The caller's to json_decref().
 */
json_t *reading_json(const struct reading *r);

#endif
