#ifndef SERVICES_API_POOL_CALL_H
#define SERVICES_API_POOL_CALL_H

#include "base/json.h"
#include "db/pool.h"
#include "services/api/api.h"

/* Something of a pool or a policy is set by this request. */
struct pool_setting {
	struct request *q;
	struct pool_call call;
	int status;       /* of a success */
	const char *what; /* "no pool", where there is none */
};
/* The request's own from here on. */
struct pool_setting *pool_call_setting(struct request *q, int status, const char *what);
/* `done` of its call: answers. */
void pool_call_on_set(struct pool_call *c);

/* A field of the body's that reading refused. */
void pool_call_refuse(struct request *q, const struct json_error *err);
/* A whole number that may be null where `may_be_null`, taken over into `fields`. */
int pool_call_number(const json_t *body, const char *key, int64_t min, int64_t max,
		     bool may_be_null, json_t *fields, struct json_error *err);
/* One of `words`, taken over. */
int pool_call_word(const json_t *body, const char *key, const char *const *words, json_t *fields,
		   struct json_error *err);

#endif
