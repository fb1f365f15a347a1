#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/oauth/tokenbench.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/seal.h"
#include "tests/db/pgtest.h"

#define LIMIT_MS 20000

/* --- The authorization server. --- */

/* One field of a form; "" when it is not there.  Good until the next call. */
static const char *field(struct text body, const char *name)
{
	static char value[512];
	cleanup_buf struct buf b;
	struct text pair, rest = body, key, enc;

	value[0] = '\0';
	while (rest.len > 0) {
		(void)text_cut(rest, '&', &pair, &rest);
		if (!text_cut(pair, '=', &key, &enc) || !text_eq(key, text_of(name)))
			continue;
		buf_init(&b, sizeof(value) - 1);
		assert_int_equal(text_from_percent(&b, enc), 0);
		snprintf(value, sizeof(value), "%s", b.data ? (char *)b.data : "");
		return value;
	}
	buf_init(&b, 1);
	return value;
}

static int user_of(struct tokenbench *b, const char *name)
{
	for (int i = 0; i < b->n_users; i++)
		if (strcmp(b->users[i].name, name) == 0)
			return i;
	assert_in_range(b->n_users, 0, TOKENBENCH_USERS - 1);
	snprintf(b->users[b->n_users].name, sizeof(b->users[0].name), "%s", name);
	return b->n_users++;
}

static void put_id_token(struct tokenbench *b, const char *user, struct buf *out)
{
	cleanup_buf struct buf claims;

	buf_init(&claims, 1024);
	text_addf(&claims,
		  "{\"iss\":\"%s\",\"aud\":\"%s\",\"exp\":%lld,\"sub\":\"%s\",\"email\":\"",
		  b->issuer ? b->issuer : b->provider.issuer, b->provider.client_id,
		  (long long)clock_unix_s() + 60, user);
	text_addf(&claims, b->email ? "%s%.0s\"}" : "%.0s%s@Acme.test\"}", b->email, user);
	text_add(out, TEXT(",\"id_token\":\"e30."));
	text_add_base64url(out, claims.data, claims.len);
	text_add(out, TEXT(".c2ln\""));
}

static void put_tokens(struct tokenbench *b, int user, struct buf *out)
{
	text_addf(out, "{\"token_type\":\"Bearer\",\"access_token\":\"at.%s.%d\"",
		  b->users[user].name, b->users[user].n);
	if (!b->without_refresh)
		text_addf(out, ",\"refresh_token\":\"rt.%s.%d\"", b->users[user].name,
			  b->users[user].n);
	if (b->expires_in > 0)
		text_addf(out, ",\"expires_in\":%d", b->expires_in);
	if (b->scope)
		text_addf(out, ",\"scope\":\"%s\"", b->scope);
	if (b->with_id_token)
		put_id_token(b, b->users[user].name, out);
	text_add(out, TEXT("}"));
}

static int refuse(struct buf *out, int status, const char *error)
{
	text_addf(out, "{\"error\":\"%s\",\"error_description\":\"refused by the bench\"}", error);
	return status;
}

static int serve_right(struct tokenbench *b, const struct http_call *c, struct buf *out)
{
	struct text body = http_call_body(c);
	const char *auth = http_call_header(c, "Authorization");
	char name[24], rest[8];
	int user, n;

	/* Basic replyd%20%26%20co:s%3Ecret%25, in base64 */
	if (!auth || strcmp(auth, "Basic cmVwbHlkJTIwJTI2JTIwY286cyUzRWNyZXQlMjU=") != 0)
		return refuse(out, 401, "invalid_client");
	if (strcmp(field(body, "grant_type"), "refresh_token") == 0) {
		const char *token = field(body, "refresh_token");

		if (sscanf(token, "rt.%23[^.].%d%7s", name, &n, rest) != 2) /* house: ok, a test */
			return refuse(out, 400, "invalid_grant");
		user = user_of(b, name);
		if (n != b->users[user].n) {
			b->reused++;
			return refuse(out, 400, "invalid_grant");
		}
	} else {
		const char *code = field(body, "code");

		if (sscanf(code, "code.%23s", name) != 1) /* house: ok, a test */
			return refuse(out, 400, "invalid_grant");
		user = user_of(b, name);
		if (b->users[user].code_used++ ||
		    strcmp(field(body, "code_verifier"), "the-verifier") != 0 ||
		    strcmp(field(body, "redirect_uri"), "https://r.test/oauth/callback") != 0)
			return refuse(out, 400, "invalid_grant");
	}
	if (!b->without_rotation)
		b->users[user].n++;
	put_tokens(b, user, out);
	return 200;
}

static void serve_userinfo(struct tokenbench *b, struct http_call *c)
{
	const char *auth = http_call_header(c, "Authorization");
	char name[24] = "", body[128];
	int n;

	if (!auth || sscanf(auth, "Bearer at.%23[^.].%d", name, &n) != 2) { /* house: ok, a test */
		http_call_answer(c, 401, "text/plain", TEXT("who?"));
		return;
	}
	if (b->holds_userinfo) {
		assert_null(b->held);
		b->held = c;
		snprintf(b->held_text, sizeof(b->held_text), "{}");
		return;
	}
	if (b->email)
		snprintf(body, sizeof(body), "{\"sub\":\"%s\",\"email\":\"%s\"}", name, b->email);
	else
		snprintf(body, sizeof(body), "{\"sub\":\"%s\",\"email\":\"%s@Acme.test\"}", name,
			 name);
	http_call_answer(c, b->userinfo_status ? b->userinfo_status : 200, "application/json",
			 text_of(body));
}

static void on_request(void *owner, struct http_call *c)
{
	struct tokenbench *b = owner;
	struct tokenbench_saying s = { TOKENBENCH_RIGHT, 0, NULL, NULL };
	cleanup_buf struct buf out;
	int status = 0;

	buf_init(&out, 8192);
	if (strcmp(http_call_path(c), "/userinfo") == 0) {
		serve_userinfo(b, c);
		return;
	}
	b->asked++;
	snprintf(b->asked_body, sizeof(b->asked_body), "%.*s", TEXT_ARG(http_call_body(c)));
	snprintf(b->asked_auth, sizeof(b->asked_auth), "%s",
		 http_call_header(c, "Authorization") ? http_call_header(c, "Authorization") : "");
	if (b->said < b->to_say)
		s = b->say[b->said++];
	if (s.manner == TOKENBENCH_WORDS) {
		if (s.retry_after)
			http_call_set_header(c, "Retry-After", s.retry_after);
		http_call_answer(c, s.status, "application/json", text_of(s.body));
		return;
	}
	status = serve_right(b, c, &out);
	if (s.manner == TOKENBENCH_RIGHT) {
		http_call_answer(c, status, "application/json", text_of_buf(&out));
		return;
	}
	assert_null(b->held);
	b->held = c;
	snprintf(b->held_text, sizeof(b->held_text), "%s", (char *)out.data);
}

static void on_refused(void *owner, struct http_call *c, int status, const char *why)
{
	(void)owner;
	(void)why;
	http_call_answer(c, status, "text/plain", TEXT("refused"));
}

void tokenbench_say(struct tokenbench *b, struct tokenbench_saying s)
{
	assert_in_range(b->to_say, 0, TOKENBENCH_SAY - 1);
	b->say[b->to_say++] = s;
}

void tokenbench_release(struct tokenbench *b)
{
	struct http_call *c = b->held;

	assert_non_null(c);
	b->held = NULL;
	http_call_answer(c, strstr(b->held_text, "\"error\"") ? 400 : 200, "application/json",
			 text_of(b->held_text));
}

/* --- Opening and closing. --- */

static void on_limit(struct timer *t)
{
	(void)t;
}

static void make_vault(struct vault *v, const char *group)
{
	cleanup_secret struct secret k = { 0 };
	uint8_t bytes[SEAL_KEY];

	rand_bytes(bytes, sizeof(bytes));
	secret_set(&k, bytes, sizeof(bytes));
	vault_init(v, group);
	assert_int_equal(vault_add(v, 1, &k), 0);
}

void tokenbench_open(struct tokenbench *b, const char *database)
{
	struct http_server_params sp = { .address = "127.0.0.1",
					 .max_body = 65536,
					 .max_connections = 64,
					 .idle_timeout_ms = 30000,
					 .owner = b,
					 .on_request = on_request,
					 .on_refused = on_refused };

	*b = (struct tokenbench){ .expires_in = 3600 };
	b->database = pgtest_database(database);
	b->admin = pgtest_session(b->database, PGTEST_ADMIN);
	/* As every role of ours has it: what triggers run finds its tables. */
	pgtest_exec(b->admin, "set search_path = replyd, pg_temp");
	loop_init(&b->loop, NULL, b);
	timer_open(&b->limit, &b->loop, on_limit);
	b->limit_ms = clock_mono_ms() + LIMIT_MS;
	timer_in(&b->limit, LIMIT_MS);
	make_vault(&b->grants, "grant");
	make_vault(&b->tokens, "token");
	seal_pair(&b->key_private, b->public_key);
	assert_int_equal(netaddr_policy_parse(&b->policy, TEXT("127.0.0.0/8")), 0);
	assert_int_equal(http_client_open(&b->loop, NULL, &b->policy, &b->http), 0);
	assert_int_equal(http_server_open(&b->loop, &sp, &b->server), 0);
	snprintf(b->token_url, sizeof(b->token_url), "http://127.0.0.1:%u/token",
		 http_server_port(b->server));
	snprintf(b->userinfo_url, sizeof(b->userinfo_url), "http://127.0.0.1:%u/userinfo",
		 http_server_port(b->server));
	secret_set_text(&b->client_secret, TEXT("s>cret%"));
	b->provider = (struct oauth_provider){
		.name = "acme",
		.auth = "oauth",
		.authorize_url = "https://login.acme.test/authorize",
		.token_url = b->token_url,
		.userinfo_url = b->userinfo_url,
		.issuer = "https://login.acme.test",
		.client_id = "replyd & co",
		.scopes = "openid email mail",
		.required_scope = "mail",
		.imap_host = "imap.acme.test",
		.imap_security = "tls",
		.imap_port = 993,
	};
	rand_uuid(b->workspace);
	pgtest_exec(b->admin, "insert into replyd.workspace values ('%s', 'acme')", b->workspace);
}

void tokenbench_close(struct tokenbench *b)
{
	if (b->held)
		tokenbench_release(b);
	http_client_drop(b->http);
	http_server_drop(b->server);
	timer_drop(&b->limit, NULL);
	loop_stop(&b->loop);
	loop_run(&b->loop);
	loop_clear(&b->loop);
	session_close(b->admin);
	vault_clear(&b->grants);
	vault_clear(&b->tokens);
	secret_clear(&b->key_private);
	secret_clear(&b->client_secret);
}

void tokenbench_turn(struct tokenbench *b)
{
	if (clock_mono_ms() > b->limit_ms)
		fail_msg("waited too long: %d token requests, %d reused", b->asked, b->reused);
	(void)uv_run(&b->loop.uv, UV_RUN_ONCE);
}

/* --- What is in the database. --- */

/* Ids that callers keep; a test program makes a few hundred at the most. */
static const char *new_id(void)
{
	static char ids[1000][RAND_UUID];
	static size_t n;

	assert_in_range(n, 0, countof(ids) - 1);
	rand_uuid(ids[n]);
	return ids[n++];
}

static void seal_hex(struct vault *v, const char *purpose, const char *workspace,
		     const char *subject, const char *plain, struct buf *ret)
{
	const struct seal_bind bind = { text_of(purpose), text_of(workspace), text_of(subject) };
	cleanup_secret struct secret s = { 0 };
	cleanup_buf struct buf box;

	buf_init(&box, 4096);
	buf_init(ret, 8192);
	secret_set_text(&s, text_of(plain));
	assert_int_equal(vault_close(v, &bind, &s, &box), 0);
	text_add_hex(ret, box.data, box.len);
}

const char *tokenbench_inbox(struct tokenbench *b, const char *user, const char *kind)
{
	const char *id = new_id();
	cleanup_buf struct buf box;
	char plain[64];

	snprintf(plain, sizeof(plain), strcmp(kind, "oauth") == 0 ? "rt.%s.0" : "pw of %s", user);
	seal_hex(&b->grants, "grant", b->workspace, id, plain, &box);
	pgtest_exec(b->admin,
		    "insert into replyd.inbox values ('%s', '%s', '%s@acme.test', 'acme',"
		    "  'imap.acme.test', 993, 'tls', '%s@acme.test');"
		    "insert into replyd.inbox_state (workspace_id, inbox_id) values ('%s', '%s');"
		    "insert into replyd.lease (workspace_id, inbox_id) values ('%s', '%s');"
		    "insert into replyd.inbox_grant (workspace_id, inbox_id, kind, sealed)"
		    "  values ('%s', '%s', '%s', '\\x%s')",
		    b->workspace, id, user, user, b->workspace, id, b->workspace, id, b->workspace,
		    id, kind, (char *)box.data);
	return id;
}

void tokenbench_token(struct tokenbench *b, const char *inbox, const char *user, int age_s,
		      int left_s)
{
	cleanup_buf struct buf box;
	char plain[64];

	snprintf(plain, sizeof(plain), "at.%s.0", user);
	seal_hex(&b->tokens, "access", b->workspace, inbox, plain, &box);
	pgtest_exec(b->admin,
		    "insert into replyd.access_token values ('%s', '%s', 'oauth', '\\x%s', 1,"
		    "  now() + make_interval(secs => %d), now() - make_interval(secs => %d))",
		    b->workspace, inbox, (char *)box.data, left_s, age_s);
}

void tokenbench_ask(struct tokenbench *b, const char *inbox, int refused_version)
{
	pgtest_exec(b->admin,
		    "insert into replyd.token_request values ('%s', '%s', %d);"
		    "notify replyd_token",
		    b->workspace, inbox, refused_version);
}

const char *tokenbench_link(struct tokenbench *b, const char *user, const char *expected)
{
	const char *id = new_id();
	const struct seal_bind bind = { TEXT("connect"), text_of(b->workspace), text_of(id) };
	cleanup_secret struct secret s = { 0 };
	cleanup_buf struct buf code, verifier, hex;
	char plain[64];

	buf_init(&code, 4096);
	buf_init(&verifier, 4096);
	buf_init(&hex, 8192);
	snprintf(plain, sizeof(plain), "code.%s", user);
	secret_set_text(&s, text_of(plain));
	assert_int_equal(seal_close_to(b->public_key, &bind, &s, &code), 0);
	secret_set_text(&s, TEXT("the-verifier"));
	assert_int_equal(seal_close_to(b->public_key, &bind, &s, &verifier), 0);
	text_add_hex(&hex, code.data, code.len);
	text_add(&hex, TEXT("', '\\x"));
	text_add_hex(&hex, verifier.data, verifier.len);
	pgtest_exec(b->admin,
		    "insert into replyd.connect_link (workspace_id, connect_link_id, token_digest,"
		    "  provider, expected_address, state, redirect_uri, expires_at, sealed_code,"
		    "  sealed_verifier)"
		    " values ('%s', '%s', decode(replace('%s', '-', ''), 'hex'), 'acme',"
		    "  nullif('%s', ''), 'exchanging', 'https://r.test/oauth/callback',"
		    "  now() + interval '10 min', '\\x%s');"
		    "notify replyd_connect",
		    b->workspace, id, id, expected ? expected : "", (char *)hex.data);
	return id;
}

const char *tokenbench_device(struct tokenbench *b, const char *user)
{
	const char *id = new_id();
	cleanup_buf struct buf box;
	char plain[64];

	snprintf(plain, sizeof(plain), "device.%s", user);
	seal_hex(&b->grants, "device", b->workspace, id, plain, &box);
	pgtest_exec(b->admin,
		    "insert into replyd.connect_link (workspace_id, connect_link_id, token_digest,"
		    "  provider, expected_address, state, expires_at, by_device, sealed_device,"
		    "  device_interval_s)"
		    " values ('%s', '%s', decode(replace('%s', '-', ''), 'hex'), 'acme',"
		    "  '%s@acme.test', 'started', now() + interval '10 min', true, '\\x%s', 5);"
		    "notify replyd_connect",
		    b->workspace, id, id, user, (const char *)box.data);
	return id;
}

static const char *opened(const struct vault *v, const char *purpose, struct tokenbench *b,
			  const char *inbox, const char *hex)
{
	static char plain[256];
	const struct seal_bind bind = { text_of(purpose), text_of(b->workspace), text_of(inbox) };
	cleanup_secret struct secret s = { 0 };
	cleanup_buf struct buf box;

	buf_init(&box, 4096);
	if (!*hex)
		return "";
	assert_int_equal(text_from_hex(&box, text_of(hex)), 0);
	if (vault_open(v, &bind, box.data, box.len, &s) < 0)
		return "does not open";
	snprintf(plain, sizeof(plain), "%s", secret_text(&s));
	return plain;
}

int tokenbench_grants(struct tokenbench *b, const char *where)
{
	return (int)strtol(
		pgtest_value(b->admin, "select count(*) from replyd.inbox_grant where %s", where),
		NULL, 10);
}

const char *tokenbench_grant_of(struct tokenbench *b, const char *inbox)
{
	return opened(&b->grants, "grant", b, inbox,
		      pgtest_value(b->admin,
				   "select encode(sealed, 'hex') from replyd.inbox_grant"
				   " where inbox_id = '%s'",
				   inbox));
}

const char *tokenbench_access_of(struct tokenbench *b, const char *inbox)
{
	return opened(&b->tokens, "access", b, inbox,
		      pgtest_value(b->admin,
				   "select encode(sealed, 'hex') from replyd.access_token"
				   " where inbox_id = '%s'",
				   inbox));
}

/* --- Brokers. --- */

static void on_broker_pg_up(void *owner)
{
	struct tokenbench_broker *br = owner;

	if (br->broker)
		broker_wake(br->broker);
}

void tokenbench_broker_open(struct tokenbench *b, struct tokenbench_broker *br,
			    struct broker_params change)
{
	const struct pg_params pp = {
		.conninfo = pgtest_conninfo(b->database, "replyd_broker"),
		.password = pgtest_password("replyd_broker"),
		.application = "replyd broker",
		.owner = br,
		.on_up = on_broker_pg_up,
	};
	const struct secret *client_secret = &b->client_secret;
	struct broker_params p = change;

	*br = (struct tokenbench_broker){ 0 };
	assert_int_equal(pg_open(&b->loop, &pp, &br->pg), 0);
	p.pg = br->pg;
	p.http = b->http;
	p.grants = &b->grants;
	p.tokens = &b->tokens;
	p.key_private = &b->key_private;
	if (!p.providers) {
		p.providers = &b->provider;
		p.client_secrets = &client_secret;
		p.n_providers = 1;
	}
	if (p.refresh_ahead_ms == 0)
		p.refresh_ahead_ms = 300000;
	if (p.timeout_ms == 0)
		p.timeout_ms = 2000;
	if (p.look_ms == 0)
		p.look_ms = 50;
	if (p.settle_ms == 0)
		p.settle_ms = 200;
	p.seed = 7;
	br->broker = broker_open(&b->loop, &p);
}

void tokenbench_broker_kill(struct tokenbench_broker *br)
{
	broker_drop(br->broker);
	pg_drop(br->pg);
	*br = (struct tokenbench_broker){ 0 };
}

void tokenbench_cut_writes(struct tokenbench *b, const char *table, const char *when, int times)
{
	/* A sequence counts what is rolled back, too. */
	pgtest_exec(b->admin,
		    "create sequence replyd.cuts;"
		    "create function replyd.cut() returns trigger language plpgsql security definer"
		    "  as $$ begin if nextval('replyd.cuts') <= %d then"
		    "   raise exception 'terminating connection' using errcode = '57P01';"
		    "  end if; return new; end $$;"
		    "create trigger cut before insert or update on replyd.%s for each row"
		    "  when (%s) execute function replyd.cut()",
		    times, table, when);
}

struct pg *tokenbench_pg(struct tokenbench *b, const char *role)
{
	const struct pg_params pp = {
		.conninfo = pgtest_conninfo(b->database, role),
		.password = pgtest_password(role),
		.application = "replyd bench",
		.owner = b,
	};
	struct pg *pg;

	assert_int_equal(pg_open(&b->loop, &pp, &pg), 0);
	return pg;
}
