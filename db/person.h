#ifndef DB_PERSON_H
#define DB_PERSON_H

#include "base/rand.h"
#include "base/sign.h"
#include "db/pg.h"
#include "db/presented.h"
#include "db/view.h"

/*
 * People who sign in: a link that is good once becomes a session, whose cookie comes with every
 * call.  Of either only the SHA-256 is stored, and opens its own row and no other.
 */
enum person_role { PERSON_VIEWER, PERSON_OPERATOR, PERSON_ADMIN };

const char *person_role_name(enum person_role r); /* "viewer", "operator", "admin" */
int person_role_of(const char *name);             /* -EINVAL: none of them */

/* Name, link or session: what is known of whoever comes. */
#define PERSON_NAME 481 /* 120 characters */
struct person_row {
	char workspace[37], session[37], name[PERSON_NAME];
	enum person_role role;
	int64_t expires_at_us;
};

struct person_call {
	struct pg_tx tx;
	char presented[PRESENTED]; /* private */
	struct outcome outcome;
	bool found; /* and neither used nor ended nor expired */
	struct person_row row;
	void (*done)(struct person_call *c);
};
typedef void (*person_cb)(struct person_call *c);

/* Whose session is it?  As pg_tx_start. */
int person_find_start(struct pg *pg, struct person_call *c, const uint8_t digest[SIGN_SHA256],
		      person_cb done);
/*
 * The link is used up, and a session begins that lasts so long; the audit says so. `session_digest`
 * is of the cookie, `request` the id of the request.
 */
struct person_enter {
	uint8_t link_digest[SIGN_SHA256], session_digest[SIGN_SHA256];
	int64_t lasts_s;
	const char *request;
};
int person_enter_start(struct pg *pg, struct person_call *c, const struct person_enter *e,
		       person_cb done);
/* It ends now.  `found`: it had not ended before. */
int person_leave_start(struct pg *pg, struct person_call *c, const struct person_row *who,
		       person_cb done);

#endif
