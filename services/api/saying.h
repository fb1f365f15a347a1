#ifndef SERVICES_API_SAYING_H
#define SERVICES_API_SAYING_H

#include "services/api/api.h"
#include "services/words/problem_words.h"

/*
 * A problem in an answer: "<what>_title", "<what>_words", "remedy" and "mended_by" ("itself",
 * "user", "admin", "operator"), in the language of Accept-Language; all "" for NULL.
 */
void saying_put(const struct request *q, json_t *j, const char *what,
		const struct problem_words *w);

#endif
