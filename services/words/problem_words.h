#ifndef SERVICES_WORDS_PROBLEM_WORDS_H
#define SERVICES_WORDS_PROBLEM_WORDS_H

#include <stddef.h>

#include "base/text.h"
#include "services/words/words.h"

/*
 * What can be wrong with a connection or an inbox, for people: one table of rows by code.  The
 * connect page, the API and the console say the same.  Codes are those of connect_link.problem
 * (oauth/connect, and what a worker finds) and of inbox_state.reason (ingest/plight,
 * oauth/policy); both share a row where they mean the same.
 */

/* Who mends it. */
enum problem_mender {
	MENDED_BY_ITSELF,
	MENDED_BY_USER,  /* whose mailbox it is */
	MENDED_BY_ADMIN, /* the administrator of the mailbox */
	MENDED_BY_OPERATOR,
};

/* What the connect page offers to do about it. */
enum problem_mend {
	MEND_NOTHING,  /* a new link, or somebody else; then the same once more */
	MEND_AGAIN,    /* the same once more */
	MEND_ACCOUNT,  /* with another account at the provider */
	MEND_PASSWORD, /* with an app password */
	MEND_RETYPE,   /* with the right password */
	MEND_SIGN_IN,  /* by signing in at the provider */
	MEND_SERVER,   /* other settings of the server */
	MEND_STARTTLS, /* the same server by STARTTLS on port 143 */
};

struct problem_said {
	const char *title;  /* "The password is refused" */
	const char *words;  /* what happened, a sentence or two */
	const char *remedy; /* what to do, a sentence or two */
};

struct problem_words {
	const char *code;
	enum problem_mender mender;
	enum problem_mend mend;
	struct problem_said in[WORDS_LANGS];
};

/* Of a code; a row that says only that something is wrong where it has none.  Never NULL. */
const struct problem_words *problem_words_of(struct text code);
/* Of an inbox: by its reason, else by its state.  NULL: nothing is wrong with it. */
const struct problem_words *problem_words_of_inbox(struct text state, struct text reason);
const char *problem_words_mender(enum problem_mender m); /* "itself", "user", "admin", "operator" */

/* The rows, in files by what they are about. */
extern const struct problem_words problem_words_link_rows[], problem_words_mail_rows[],
	problem_words_domain_rows[];
extern const size_t problem_words_link_n_rows, problem_words_mail_n_rows,
	problem_words_domain_n_rows;

#endif
