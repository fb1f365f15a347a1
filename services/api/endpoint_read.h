#ifndef SERVICES_API_ENDPOINT_READ_H
#define SERVICES_API_ENDPOINT_READ_H

#include <jansson.h>

#include "base/json.h"
#include "base/secret.h"

/* What somebody says of an endpoint, read strictly.  Pure. */
struct endpoint_read {
	json_t *fields;  /* as db/endpoint.h wants them */
	struct text url; /* empty: not given */
	bool has_headers, has_client;
	struct secret headers; /* JSON; empty: to be cleared */
	struct secret client;  /* PEM of certificate and key; empty: to be cleared */
};

/*
 * `is_new`: a URL is asked for, a state is not taken.  -EINVAL and `err`; `*ret` is to be cleared
 * in either case.
 */
int endpoint_read(const json_t *body, bool is_new, bool allow_http, struct endpoint_read *ret,
		  struct json_error *err);
void endpoint_read_clear(struct endpoint_read *r);
/* `types` alone, at `key` of `body`: names, and beginnings like "reply.*".  NULL where none are
 * given. */
int endpoint_read_types(const json_t *body, const char *key, const json_t **ret,
			struct json_error *err);

#endif
