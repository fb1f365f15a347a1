#ifndef SERVICES_API_ROUTE_H
#define SERVICES_API_ROUTE_H

#include "services/api/api.h"

/*
 * The table of everything the API answers: method, pattern, scope, handler.
 * `{}` in a pattern stands for one segment, kept decoded in request.params.
 */
struct route {
	const char *method, *pattern;
	const char *scope; /* NULL: no key is asked for */
	void (*handle)(struct request *q);
};

/* The i-th row; NULL: there are no more.  docs/openapi.json says the same of each. */
const struct route *route_at(size_t i);

/*
 * Find the route and fill in q->params.  NULL: no such path, or one with other
 * methods, which are then named in `allow` ("GET, POST").  An encoded NUL in a segment finds
 * nothing.
 */
const struct route *route_find(struct request *q, const char *method, const char *path,
			       char allow[64]);

#endif
