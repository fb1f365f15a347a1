#ifndef SERVICES_CLI_FIELDS_H
#define SERVICES_CLI_FIELDS_H

#include <jansson.h>
#include <stdbool.h>

/* An answer of the API on a terminal: every field that says something, as `name  value`, inner ones
 * as `name.inner`; `as_json`: the answer as it came, on one line. */
void fields_print(json_t *answer, bool as_json);

#endif
