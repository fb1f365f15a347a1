#ifndef SERVICES_API_PROBLEM_H
#define SERVICES_API_PROBLEM_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * Refusals as RFC 9457 problem documents: what is wrong, where, and what to do
 * about it.  The table of codes is the whole vocabulary; clients switch on `code`.
 */
enum problem_code {
	PROBLEM_BAD_REQUEST,
	PROBLEM_BAD_JSON,
	PROBLEM_BAD_FIELD,
	PROBLEM_UNAUTHORIZED,
	PROBLEM_FORBIDDEN,
	PROBLEM_NOT_FOUND,
	PROBLEM_METHOD_NOT_ALLOWED,
	PROBLEM_CONFLICT,
	PROBLEM_GONE,
	PROBLEM_TOO_LARGE,
	PROBLEM_UNSUPPORTED_MEDIA_TYPE,
	PROBLEM_UNAVAILABLE,
	PROBLEM_PROOF_NOT_IN_TIME,
	PROBLEM_CANNOT_PROVE,
	PROBLEM_INTERNAL,
	PROBLEM_NO_SETTINGS,
	PROBLEM_LOOKUP_FAILED,
	PROBLEM_IS_PASSWORD,
	PROBLEM_IS_APP_ONLY,
	PROBLEM_REAUTH_REQUIRED,
	PROBLEM_TOO_MANY,
	PROBLEM_TOKEN_NOT_IN_TIME,
	PROBLEM_KEY_REUSED,
	PROBLEM_IN_FLIGHT,
	PROBLEM_OUTCOME_UNKNOWN,
	PROBLEM_CHANGED,
	PROBLEM_STOPPED,
	PROBLEM_ON_HOLD,
	PROBLEM_NO_SLOT,
	PROBLEM_SLOT_OVER,
	PROBLEM_FENCED,
};

struct problem {
	enum problem_code code;
	const char *field;     /* JSON pointer, header or parameter; NULL: none */
	const char *detail;    /* what is wrong with it */
	const char *remedy;    /* what to do; NULL: the code's usual one */
	json_t *more;          /* borrowed: members beside the common ones; NULL: none */
	const int64_t *oldest; /* of `gone`: the oldest cursor that works; NULL: not said */
};

int problem_status(enum problem_code code);
/* "bad_field"; NULL beyond the last one. */
const char *problem_name(enum problem_code code);
/* The code that goes with a status which the HTTP server refused by itself. */
enum problem_code problem_of_status(int status);
/* The document; -ENOBUFS. */
int problem_write(const struct problem *p, const char *request_id, struct buf *ret);

#endif
