#include "services/api/person_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "oauth/link_token.h"
#include "services/api/asked.h"
#include "services/api/browser.h"
#include "services/api/handlers.h"
#include "services/api/person_right.h"
#include "services/api/once.h"

/*
 * People: a link of the command line becomes a session (POST /v1/session), whose cookie stands for
 * them from then on, until they leave (DELETE) or it ends.
 */
static void on_found(struct person_call *c);
static void on_entered(struct person_call *c);
static void on_shown(struct person_call *c);
static void on_known(struct person_call *c);
static void on_left(struct person_call *c);

#define COOKIE    "replyd_session"
#define MARK      "Replyd-Console"
#define SESSION_S (12 * 3600) /* a working day */

static bool is_token(const char *s)
{
	return s && strlen(s) == LINK_TOKEN - 1;
}

bool person_call_comes(const struct request *q)
{
	return !http_call_header(q->call, "Authorization") && is_token(browser_cookie(q, COOKIE));
}

/* Nobody else's page made this request. */
static bool is_ours(struct request *q, bool changes)
{
	if (browser_is_same_origin(q) && (!changes || http_call_header(q->call, MARK)))
		return true;
	answer_problem(q, PROBLEM_FORBIDDEN, changes ? MARK : "Origin",
		       "a session is good for the console's own pages only",
		       "other programs use an API key, in the header Authorization");
	return false;
}

static void find(struct request *q, person_cb done)
{
	uint8_t digest[SIGN_SHA256];

	if (!pg_is_up(q->api->pg)) {
		answer_busy(q);
		return;
	}
	link_token_digest(browser_cookie(q, COOKIE), digest);
	if (person_find_start(q->api->pg, &q->person, digest, done) != 0)
		answer_busy(q);
}

static bool is_there(struct request *q)
{
	if (!answer_db_ok(q, &q->person.outcome))
		return false;
	if (q->person.found)
		return true;
	browser_set_cookie(q, COOKIE, "", 0, "Strict");
	answer_problem(q, PROBLEM_UNAUTHORIZED, "Cookie", "the session has ended",
		       "sign in again by a new link: replyd console link");
	return false;
}

/* ---- any call ---- */

void person_call_admit(struct request *q)
{
	if (is_ours(q, strcmp(q->route->method, "GET") != 0))
		find(q, on_found);
}

static void on_found(struct person_call *c)
{
	struct request *q = container_of(c, struct request, person);
	char detail[96];

	if (!is_there(q))
		return;
	if (!person_right_has(c->row.role, q->route)) {
		(void)snprintf(detail, sizeof(detail), "the role `%s` may not do this",
			       person_role_name(c->row.role));
		answer_problem(q, PROBLEM_FORBIDDEN, NULL, detail,
			       "ask an admin for a link with another role");
		return;
	}
	q->is_person = true;
	memcpy(q->key.workspace, c->row.workspace, sizeof(q->key.workspace));
	memcpy(q->key.api_key, c->row.session, sizeof(q->key.api_key));
	if (asked_in_time(q))
		once_begin(q);
}

/* ---- /v1/session ---- */

static void answer_person(struct request *q, int status)
{
	const struct person_row *r = &q->person.row;
	json_t *j = json_object();

	json_put_text(j, "workspace", text_of(r->workspace));
	json_put_text(j, "person", text_of(r->name));
	json_put_text(j, "role", text_of(person_role_name(r->role)));
	json_put_time(j, "expires_at", r->expires_at_us);
	answer_json(q, status, j);
}

struct entering {
	char cookie[LINK_TOKEN];
};

static void entering_free(void *own)
{
	struct entering *e = own;

	secret_wipe(e->cookie, sizeof(e->cookie));
	free(e);
}

void person_call_enter(struct request *q)
{
	struct person_enter p = { .lasts_s = SESSION_S, .request = q->id };
	struct entering *e;
	struct json_error err;
	struct text link;
	char token[LINK_TOKEN];

	if (!is_ours(q, true) || !answer_body(q))
		return;
	if (json_only(q->body, "", (const char *const[]){ "link", NULL }, &err) != 0 ||
	    json_want_text(q->body, "", "link", LINK_TOKEN - 1, JSON_REQUIRED, &link, &err) != 0) {
		answer_problem(q, PROBLEM_BAD_FIELD, err.field, err.why, NULL);
		return;
	}
	if (!pg_is_up(q->api->pg)) {
		answer_busy(q);
		return;
	}
	e = mem_new(sizeof(*e));
	q->own = e;
	q->own_free = entering_free;
	link_token_make(e->cookie);
	link_token_digest(e->cookie, p.session_digest);
	(void)snprintf(token, sizeof(token), "%.*s", TEXT_ARG(link));
	link_token_digest(token, p.link_digest);
	secret_wipe(token, sizeof(token));
	if (person_enter_start(q->api->pg, &q->person, &p, on_entered) != 0)
		answer_busy(q);
}

static void on_entered(struct person_call *c)
{
	struct request *q = container_of(c, struct request, person);
	const struct entering *e = q->own;

	if (!answer_db_ok(q, &c->outcome))
		return;
	if (!c->found) {
		answer_problem(q, PROBLEM_GONE, "/link",
			       "the link is not known, was used, or is older than it may be",
			       "make another one: replyd console link");
		return;
	}
	browser_set_cookie(q, COOKIE, e->cookie, SESSION_S, "Strict");
	answer_person(q, 201);
}

void person_call_show(struct request *q)
{
	if (!is_token(browser_cookie(q, COOKIE)))
		answer_problem(q, PROBLEM_UNAUTHORIZED, "Cookie", "nobody is signed in",
			       "sign in by a link: replyd console link");
	else if (is_ours(q, false))
		find(q, on_shown);
}

static void on_shown(struct person_call *c)
{
	struct request *q = container_of(c, struct request, person);

	if (is_there(q))
		answer_person(q, 200);
}

void person_call_leave(struct request *q)
{
	if (!is_ours(q, true))
		return;
	if (is_token(browser_cookie(q, COOKIE)))
		find(q, on_known);
	else
		answer_problem(q, PROBLEM_UNAUTHORIZED, "Cookie", "nobody is signed in", NULL);
}

static void on_known(struct person_call *c)
{
	struct request *q = container_of(c, struct request, person);

	if (is_there(q) && person_leave_start(q->api->pg, c, &c->row, on_left) != 0)
		answer_busy(q);
}

static void on_left(struct person_call *c)
{
	struct request *q = container_of(c, struct request, person);
	json_t *j;

	if (!answer_db_ok(q, &c->outcome))
		return;
	browser_set_cookie(q, COOKIE, "", 0, "Strict");
	j = json_object();
	json_put_text(j, "state", TEXT("ended"));
	answer_json(q, 200, j);
}
