#ifndef TESTS_OAUTH_TOKENBENCH_H
#define TESTS_OAUTH_TOKENBENCH_H

#include "base/io/http_client.h"
#include "base/io/http_server.h"
#include "base/io/timer.h"
#include "db/session.h"
#include "oauth/broker.h"
#include "oauth/token_desk.h"

/*
 * A bench for everything around tokens: a real PostgreSQL, a loop, brokers and
 * desks on it, and a small authorization server that rotates refresh tokens
 * strictly: rt.<user>.<n> is good once, and the next one is rt.<user>.<n+1>.
 * Access tokens are at.<user>.<n>, codes are code.<user>.
 *
 * What it should say instead is queued with tokenbench_say().
 */
#define TOKENBENCH_USERS 32
#define TOKENBENCH_SAY   64

enum tokenbench_manner {
	TOKENBENCH_RIGHT,  /* what an authorization server does */
	TOKENBENCH_WORDS,  /* these words and nothing done */
	TOKENBENCH_HOLD,   /* done right, but the answer waits for tokenbench_release() */
	TOKENBENCH_SILENT, /* done right, and never answered */
};

struct tokenbench_saying {
	enum tokenbench_manner manner;
	int status;
	const char *body;
	const char *retry_after;
};

struct tokenbench {
	struct loop loop;
	struct timer limit;
	uint64_t limit_ms;
	const char *database;
	struct session *admin;
	char workspace[37];

	struct vault grants, tokens;
	struct secret key_private;
	uint8_t public_key[32];
	struct http_client *http;
	struct netaddr_policy policy;

	/* The authorization server. */
	struct http_server *server;
	struct oauth_provider provider, other;
	struct secret client_secret;
	char token_url[64], userinfo_url[64];
	struct {
		char name[24];
		int n; /* of the refresh token that is good */
		int code_used;
	} users[TOKENBENCH_USERS];
	int n_users;
	struct tokenbench_saying say[TOKENBENCH_SAY];
	int said, to_say;
	int asked, reused;                      /* token requests; refresh tokens that came twice */
	char asked_body[4096], asked_auth[256]; /* of the last token request */
	int expires_in;                         /* of the tokens it gives; 0: it does not say */
	bool without_refresh, without_rotation, with_id_token;
	const char *scope, *email, *issuer; /* NULL: not said; <user>@acme.test; the provider's */
	int userinfo_status;                /* 0: 200 */
	bool holds_userinfo;                /* as TOKENBENCH_HOLD */
	struct http_call *held;
	struct text held_body;
	char held_text[1024];
};

struct tokenbench_broker {
	struct pg *pg;
	struct broker *broker;
};

void tokenbench_open(struct tokenbench *b, const char *database);
void tokenbench_close(struct tokenbench *b);

/* One turn of the loop; fails the test when it has run for too long. */
void tokenbench_turn(struct tokenbench *b);
#define TOKENBENCH_UNTIL(b, what)                                                                  \
	do {                                                                                       \
		while (!(what))                                                                    \
			tokenbench_turn(b);                                                        \
	} while (0)

void tokenbench_say(struct tokenbench *b, struct tokenbench_saying s);
void tokenbench_release(struct tokenbench *b); /* answer the held call */

/* An inbox <user>@acme.test with a grant (kind "oauth" or "password") and no access token.  Returns
 * its id, good until the program ends. */
const char *tokenbench_inbox(struct tokenbench *b, const char *user, const char *kind);
/* An access token that ends in `left_s` and was obtained `age_s` ago; at.<user>.0, version 1. */
void tokenbench_token(struct tokenbench *b, const char *inbox, const char *user, int age_s,
		      int left_s);
/* A request, as a worker puts it. */
void tokenbench_ask(struct tokenbench *b, const char *inbox, int refused_version);
/* A link in 'exchanging' with code.<user>; `expected` may be NULL.  Returns its id. */
const char *tokenbench_link(struct tokenbench *b, const char *user, const char *expected);
/* A link by device code whose code (device.<user>) is shown already.  Returns its id. */
const char *tokenbench_device(struct tokenbench *b, const char *user);

/* How many grants are so, in SQL. */
int tokenbench_grants(struct tokenbench *b, const char *where);
/* The refresh token in the grant, the access token handed out; good until the next call. */
const char *tokenbench_grant_of(struct tokenbench *b, const char *inbox);
const char *tokenbench_access_of(struct tokenbench *b, const char *inbox);

/* `look_ms` 0: 50 ms; `timeout_ms` 0: 2 s. */
void tokenbench_broker_open(struct tokenbench *b, struct tokenbench_broker *br,
			    struct broker_params change);
/* As kill -9 would. */
void tokenbench_broker_kill(struct tokenbench_broker *br);

/* As by a PostgreSQL that is shutting down, the next `times` writes of rows of replyd.<table> that
 * are `when` (SQL over `new`) are refused; the bench's own too. */
void tokenbench_cut_writes(struct tokenbench *b, const char *table, const char *when, int times);

struct pg *tokenbench_pg(struct tokenbench *b, const char *role);

#endif
