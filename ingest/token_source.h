#ifndef INGEST_TOKEN_SOURCE_H
#define INGEST_TOKEN_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/outcome.h"
#include "base/secret.h"

/*
 * What a mailbox needs and does not know how to get: a credential.  A seam:
 * services/ingest plugs oauth/token_desk in, tests plug in three lines.
 */
struct token_ask;

/* Good inside the callback only.  Blames as plight_of_token() reads them. */
struct token_answer {
	struct outcome outcome;
	bool is_password;            /* else an access token; known when it was refused, too */
	const struct secret *secret; /* NULL unless the outcome is fine */
	int64_t version;             /* name it as refused_version when the server refuses it */
	int64_t expires_at;          /* unix seconds; INT64_MAX: never */
	const char *reason;          /* why the user must consent again; "" */
};

typedef void (*token_ask_cb)(struct token_ask *a, const struct token_answer *answer);

/* Embedded by the asker; zeroed before its first use. */
struct token_ask {
	const char *workspace, *inbox; /* uuid; borrowed until the answer */
	int64_t refused_version;       /* what the server refused; 0: nothing */
	token_ask_cb answered;
	void *ticket; /* of the source; NULL: not asked */
};

struct token_source {
	void *owner;
	/* 0: `answered` comes exactly once, later; -errno: it never comes. */
	int (*ask)(void *owner, struct token_ask *a);
	/* `answered` is not called.  Safe at any time. */
	void (*cancel)(void *owner, struct token_ask *a);
};

#endif
