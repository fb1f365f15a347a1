#ifndef SERVICES_CLI_EVENT_LINE_H
#define SERVICES_CLI_EVENT_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "services/cli/forward.h"

/*
 * One event, one line: for people when, what, who, what of it, and what became of
 * the forward; for programs the event as the feed gives it, with `forward` added.
 * `f` is NULL where nothing is forwarded.  What strangers wrote is made printable.
 */
void event_line_head(FILE *out, bool with_forward);
void event_line_print(FILE *out, json_t *event, const struct forward *f, bool as_json);

/* The same words by themselves, in `dst`. */
#define EVENT_LINE_WORD 200
void event_line_who(const json_t *event, char dst[EVENT_LINE_WORD]);
void event_line_what(const json_t *event, char dst[EVENT_LINE_WORD]);

#endif
