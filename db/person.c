#include "db/person.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static void on_person(struct pg_tx *tx, const struct pg_answer *a);
static void on_left(struct pg_tx *tx, const struct pg_answer *a);

static const char *const names[] = {
	[PERSON_VIEWER] = "viewer", [PERSON_OPERATOR] = "operator", [PERSON_ADMIN] = "admin"
};

/* clang-format off */
#define US(t) "(extract(epoch from " t ") * 1000000)::bigint"
static const struct pg_stmt find = {
	"person_find",
	"select workspace_id, session_id, person, role, " US("expires_at") " from person_session"
	" where digest = presented_now() and ended_at is null and expires_at > now()",
};
static const struct pg_stmt enter = {
	"person_enter",
	"select workspace, $1::uuid, who, may, " US("until")
	" from person_enter($1::uuid, $2::bytea, make_interval(secs => $3::bigint), $4::uuid)",
};
static const struct pg_stmt leave = {
	"person_leave",
	"update person_session set ended_at = now() where workspace_id = workspace_now() and session_id = $1"
	" and ended_at is null",
};
/* clang-format on */

const char *person_role_name(enum person_role r)
{
	return names[r];
}

int person_role_of(const char *name)
{
	for (size_t i = 0; i < countof(names); i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -EINVAL;
}

static void present(struct person_call *c, const uint8_t digest[SIGN_SHA256], person_cb done)
{
	c->done = done;
	c->found = false;
	pg_tx_init(&c->tx, NULL);
	presented_set(&c->tx, c->presented, digest);
}

int person_find_start(struct pg *pg, struct person_call *c, const uint8_t digest[SIGN_SHA256],
		      person_cb done)
{
	present(c, digest, done);
	pg_tx_add(&c->tx, &find, "");
	return pg_tx_start(pg, &c->tx, on_person);
}

int person_enter_start(struct pg *pg, struct person_call *c, const struct person_enter *e,
		       person_cb done)
{
	char session[RAND_UUID];

	rand_uuid(session);
	present(c, e->link_digest, done);
	pg_tx_add(&c->tx, &enter, "ubiu", session, (const void *)e->session_digest,
		  (size_t)SIGN_SHA256, e->lasts_s, e->request);
	return pg_tx_start(pg, &c->tx, on_person);
}

static void on_person(struct pg_tx *tx, const struct pg_answer *a)
{
	struct person_call *c = container_of(tx, struct person_call, tx);
	struct person_row *r = &c->row;
	int role;

	c->outcome = a->outcome;
	if (outcome_ok(&a->outcome) && pg_rows(a, 0) == 1) {
		(void)snprintf(r->workspace, sizeof(r->workspace), "%s", pg_row_text(a, 0, 0, 0));
		(void)snprintf(r->session, sizeof(r->session), "%s", pg_row_text(a, 0, 0, 1));
		(void)snprintf(r->name, sizeof(r->name), "%s", pg_row_text(a, 0, 0, 2));
		role = person_role_of(pg_row_text(a, 0, 0, 3));
		r->role = role < 0 ? PERSON_VIEWER : (enum person_role)role;
		r->expires_at_us = pg_row_time(a, 0, 0, 4);
		c->found = true;
	}
	c->done(c);
}

int person_leave_start(struct pg *pg, struct person_call *c, const struct person_row *who,
		       person_cb done)
{
	c->done = done;
	c->found = false;
	pg_tx_init(&c->tx, who->workspace);
	pg_tx_add(&c->tx, &leave, "u", who->session);
	return pg_tx_start(pg, &c->tx, on_left);
}

static void on_left(struct pg_tx *tx, const struct pg_answer *a)
{
	struct person_call *c = container_of(tx, struct person_call, tx);

	c->outcome = a->outcome;
	c->found = outcome_ok(&a->outcome) && pg_affected(a, 0) == 1;
	c->done(c);
}
