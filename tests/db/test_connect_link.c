#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "base/sign.h"
#include "db/connect_link.h"
#include "tests/db/pgtest.h"
#include "tests/oauth/tokenbench.h"

/* One call, and what came of it. */
struct call {
	struct connect_link_call q;
	bool over, found;
	enum blame blame;
	char state[16], problem[32], detail[64], redirect[64], id[37], workspace[37], address[64];
	bool expired;
	int64_t life_us;
};

static void on_called(struct connect_link_call *q)
{
	struct call *c = container_of(q, struct call, q);

	c->over = true;
	c->blame = q->outcome.blame;
	c->found = q->found;
	if (!q->found)
		return;
	snprintf(c->state, sizeof(c->state), "%s", q->link.state);
	snprintf(c->problem, sizeof(c->problem), "%s", q->link.problem);
	snprintf(c->detail, sizeof(c->detail), "%s", q->link.problem_detail);
	snprintf(c->redirect, sizeof(c->redirect), "%s", q->link.redirect_uri);
	snprintf(c->id, sizeof(c->id), "%s", q->link.id);
	snprintf(c->workspace, sizeof(c->workspace), "%s", q->link.workspace);
	snprintf(c->address, sizeof(c->address), "%s", q->link.address);
	c->expired = q->link.expired;
	c->life_us = q->link.expires_at_us - q->link.created_at_us;
}

/* Evaluates `start` (a call into connect_link that returns 0) and waits for it. */
#define DO(b, c, start)                                                                            \
	do {                                                                                       \
		memset(&(c), 0, sizeof(c));                                                        \
		assert_int_equal(start, 0);                                                        \
		TOKENBENCH_UNTIL(b, (c).over);                                                     \
		assert_int_equal((c).blame, BLAME_NONE);                                           \
	} while (0)

struct desk {
	struct tokenbench b;
	struct pg *pg;
	uint8_t token[SIGN_SHA256], state[SIGN_SHA256], browser[SIGN_SHA256], other[SIGN_SHA256];
	char id[37];
};

static void create(struct desk *d, struct call *c, int64_t life_s, const char *password)
{
	struct connect_link_new n = {
		.workspace = d->b.workspace,
		.id = d->id,
		.provider = "acme",
		.address = "Anna@Acme.test",
		.return_url = "https://app.test/done",
		.expires_in_s = life_s,
		.sealed_secret = password,
		.sealed_secret_len = password ? strlen(password) : 0,
	};

	rand_uuid(d->id);
	rand_bytes(d->token, sizeof(d->token));
	memcpy(n.token_digest, d->token, sizeof(n.token_digest));
	DO(&d->b, *c, connect_link_create(d->pg, &c->q, &n, on_called));
	assert_true(c->found);
}

static void open_desk(struct desk *d, const char *database)
{
	memset(d, 0, sizeof(*d));
	tokenbench_open(&d->b, database);
	d->pg = tokenbench_pg(&d->b, "replyd_api");
	rand_bytes(d->state, sizeof(d->state));
	rand_bytes(d->browser, sizeof(d->browser));
	rand_bytes(d->other, sizeof(d->other));
}

static void close_desk(struct desk *d)
{
	pg_drop(d->pg);
	tokenbench_close(&d->b);
}

static void start(struct desk *d, struct call *c)
{
	struct connect_link_started s = {
		.redirect_uri = "https://r.test/oauth/callback",
		.sealed_verifier = "sealed",
		.sealed_verifier_len = 6,
	};

	memcpy(s.token_digest, d->token, SIGN_SHA256);
	memcpy(s.state_digest, d->state, SIGN_SHA256);
	memcpy(s.browser_digest, d->browser, SIGN_SHA256);
	DO(&d->b, *c, connect_link_start(d->pg, &c->q, &s, on_called));
}

static void exchange(struct desk *d, struct call *c, const uint8_t browser[SIGN_SHA256])
{
	DO(&d->b, *c, connect_link_exchange(d->pg, &c->q, d->state, browser, "code", 4, on_called));
}

static void a_link_lives_step_by_step(void **state)
{
	struct desk d;
	struct call c;

	(void)state;
	open_desk(&d, "link_life");
	create(&d, &c, 600, NULL);
	assert_string_equal(c.state, "open");
	assert_string_equal(c.address, "anna@acme.test");
	assert_true(c.life_us == INT64_C(600000000));
	assert_false(c.expired);

	/* Seen by its id in its workspace, by its token, and by nothing else. */
	DO(&d.b, c, connect_link_get(d.pg, &c.q, d.b.workspace, d.id, on_called));
	assert_true(c.found);
	DO(&d.b, c,
	   connect_link_get(d.pg, &c.q, "00000000-0000-4000-8000-000000000000", d.id, on_called));
	assert_false(c.found);
	DO(&d.b, c, connect_link_by_token(d.pg, &c.q, d.token, on_called));
	assert_true(c.found);
	assert_string_equal(c.workspace, d.b.workspace);
	DO(&d.b, c, connect_link_by_token(d.pg, &c.q, d.other, on_called));
	assert_false(c.found);
	DO(&d.b, c, connect_link_by_state(d.pg, &c.q, d.state, on_called));
	assert_false(c.found);

	/* A code for a link that nobody started. */
	exchange(&d, &c, d.browser);
	assert_false(c.found);

	start(&d, &c);
	assert_true(c.found);
	assert_string_equal(c.state, "started");
	assert_string_equal(c.redirect, "https://r.test/oauth/callback");
	rand_bytes(d.state, sizeof(d.state)); /* started once more, in another tab */
	start(&d, &c);
	assert_true(c.found);
	DO(&d.b, c, connect_link_by_state(d.pg, &c.q, d.state, on_called));
	assert_string_equal(c.id, d.id);

	/* Another browser brings the state: refused, and the link goes on waiting. */
	exchange(&d, &c, d.other);
	assert_false(c.found);
	exchange(&d, &c, d.browser);
	assert_true(c.found);
	assert_string_equal(c.state, "exchanging");
	/* Once. */
	exchange(&d, &c, d.browser);
	assert_false(c.found);
	start(&d, &c);
	assert_false(c.found);
	assert_string_equal(pgtest_value(d.b.admin, "select convert_from(sealed_code, 'UTF8') ||"
						    " convert_from(sealed_verifier, 'UTF8') from"
						    " replyd.connect_link"),
			    "codesealed");
	close_desk(&d);
}

static void a_refusal_ends_it(void **state)
{
	struct desk d;
	struct call c;

	(void)state;
	open_desk(&d, "link_refused");
	create(&d, &c, 600, NULL);
	start(&d, &c);
	DO(&d.b, c,
	   connect_link_refuse(d.pg, &c.q, d.state, d.other, "consent_declined", "no", on_called));
	assert_false(c.found);
	DO(&d.b, c,
	   connect_link_refuse(d.pg, &c.q, d.state, d.browser, "consent_declined", "no",
			       on_called));
	assert_true(c.found);
	assert_string_equal(c.state, "failed");
	assert_string_equal(c.problem, "consent_declined");
	assert_string_equal(c.detail, "no");
	exchange(&d, &c, d.browser);
	assert_false(c.found);
	assert_string_equal(pgtest_value(d.b.admin, "select sealed_verifier is null from"
						    " replyd.connect_link"),
			    "t");
	close_desk(&d);
}

static void time_ends_it(void **state)
{
	struct desk d;
	struct call c;

	(void)state;
	open_desk(&d, "link_expired");
	create(&d, &c, 600, NULL);
	start(&d, &c);
	pgtest_exec(d.b.admin, "update replyd.connect_link set expires_at = now()");
	exchange(&d, &c, d.browser);
	assert_false(c.found);
	start(&d, &c);
	assert_false(c.found);
	DO(&d.b, c, connect_link_refuse(d.pg, &c.q, d.state, d.browser, "x", "", on_called));
	assert_false(c.found);
	DO(&d.b, c, connect_link_by_state(d.pg, &c.q, d.state, on_called));
	assert_true(c.found && c.expired);
	close_desk(&d);
}

static void a_password_is_born_exchanging(void **state)
{
	struct desk d;
	struct call c;

	(void)state;
	open_desk(&d, "link_password");
	create(&d, &c, 600, "box");
	assert_string_equal(c.state, "exchanging");
	assert_string_equal(pgtest_value(d.b.admin, "select sealed_verifier is null and imap_port"
						    " is null and claim_id is null from"
						    " replyd.connect_link"),
			    "t");
	close_desk(&d);
}

/* A token digest opens its own row for change too, and no other. */
static void presenting_one_opens_no_other(void **state)
{
	struct desk d;
	struct call c;
	uint8_t first[SIGN_SHA256];
	char hex[2 * SIGN_SHA256 + 1];
	struct session *api;

	(void)state;
	open_desk(&d, "link_walls");
	create(&d, &c, 600, NULL);
	memcpy(first, d.token, sizeof(first));
	create(&d, &c, 600, NULL);
	for (size_t i = 0; i < SIGN_SHA256; i++)
		snprintf(hex + 2 * i, 3, "%02x", first[i]);
	api = pgtest_session(d.b.database, "replyd_api");
	assert_string_equal(pgtest_value(api, "select count(*) from connect_link"), "0");
	pgtest_exec(api, "begin; select set_config('replyd.presented', '%s', true)", hex);
	assert_string_equal(pgtest_value(api, "select count(*) from connect_link"), "1");
	pgtest_exec(api, "update connect_link set problem_detail = 'mine'; commit");
	assert_string_equal(pgtest_value(d.b.admin, "select count(*) from replyd.connect_link"
						    " where problem_detail = 'mine'"),
			    "1");
	session_close(api);
	close_desk(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_lives_step_by_step),
		cmocka_unit_test(a_refusal_ends_it),
		cmocka_unit_test(time_ends_it),
		cmocka_unit_test(a_password_is_born_exchanging),
		cmocka_unit_test(presenting_one_opens_no_other),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
