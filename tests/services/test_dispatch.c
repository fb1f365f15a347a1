/* house: long, one bench serves every row */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/io/http_client.h"
#include "base/io/http_server.h"
#include "base/io/timer.h"
#include "base/mem.h"
#include "base/seal.h"
#include "base/sign.h"
#include "services/dispatch/appender.h"
#include "services/dispatch/poster.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/*
 * Appender and poster on a loop, a real PostgreSQL, and a receiver in the same
 * process that says what it is told to and notes what it was sent.
 */
#define POSTS_MAX      256
#define OTHER_ENDPOINT "50000000-0000-4000-8000-000000000002"

struct received {
	char id[64], timestamp[32], signature[128], path[64];
	char body[2048];
	char prospect[32];
	int seq;
	uint64_t at_ms;
};

struct dispatcher {
	struct pg *pg, *receipts;
	struct appender appender;
	struct poster *poster;
	int drained;
};

struct bench {
	struct loop loop;
	struct timer tick;
	uint64_t until_ms;
	const char *database;
	struct session *admin;
	struct http_client *http;
	struct netaddr_policy policy;
	struct http_server *receiver;
	struct log log;
	struct secret key, plain;
	struct vault webhooks; /* holds it; boxes closed by the key itself open too */
	struct dispatcher d[2];
	struct received got[POSTS_MAX];
	int n_got;
	/* What the receiver answers: the status of the first row that fits and is not used up; else
	 * 204. */
	struct saying {
		const char *prospect; /* NULL: all */
		int status, times;
	} say[8];
	struct http_call *stuck[8]; /* posts to /tarpit: nobody answers them */
	int n_stuck;
	struct http_call *held;
	const char *hold; /* this prospect's post is not answered until release() */
};

static const uint64_t fast[] = { 0, 40, 80 };
static const uint64_t patient[] = { 0, 3600000 };

/* ---- the receiver ---- */

static void answer(struct bench *b, struct http_call *call, const struct received *r)
{
	int status = 204;

	for (size_t i = 0; i < countof(b->say); i++) {
		struct saying *s = &b->say[i];

		if (s->times > 0 && (!s->prospect || strcmp(s->prospect, r->prospect) == 0)) {
			s->times--;
			status = s->status;
			break;
		}
	}
	http_call_answer(call, status, "text/plain", status == 204 ? TEXT("") : TEXT("no\x01pe"));
}

static void copy(char *dst, size_t size, const char *s)
{
	(void)snprintf(dst, size, "%s", s ? s : "");
}

static void on_request(void *owner, struct http_call *call)
{
	struct bench *b = owner;
	struct received *r = &b->got[b->n_got];
	struct text body = http_call_body(call);
	const char *at;

	if (strcmp(http_call_path(call), "/tarpit") == 0) {
		assert_true(b->n_stuck < (int)countof(b->stuck));
		b->stuck[b->n_stuck++] = call;
		return;
	}
	assert_true(b->n_got < POSTS_MAX);
	b->n_got++;
	copy(r->id, sizeof(r->id), http_call_header(call, "webhook-id"));
	copy(r->timestamp, sizeof(r->timestamp), http_call_header(call, "webhook-timestamp"));
	copy(r->signature, sizeof(r->signature), http_call_header(call, "webhook-signature"));
	copy(r->path, sizeof(r->path), http_call_path(call));
	(void)snprintf(r->body, sizeof(r->body), "%.*s", TEXT_ARG(body));
	at = strstr(r->body, "\"key\": \"");
	if (at)
		(void)snprintf(r->prospect, sizeof(r->prospect), "%.*s", (int)strcspn(at + 8, "\""),
			       at + 8);
	at = strstr(r->body, "\"seq\": ");
	r->seq = at ? (int)strtol(at + 7, NULL, 10) : 0;
	r->at_ms = clock_mono_ms();
	assert_string_equal(http_call_method(call), "POST");
	assert_string_equal(http_call_header(call, "Content-Type"), "application/json");
	if (b->hold && strcmp(b->hold, r->prospect) == 0 && !b->held)
		b->held = call;
	else
		answer(b, call, r);
}

static void on_refused(void *owner, struct http_call *call, int status, const char *why)
{
	(void)owner, (void)call;
	fail_msg("the post was no HTTP: %d %s", status, why);
}

static void release(struct bench *b)
{
	struct http_call *call = b->held;

	b->hold = NULL;
	b->held = NULL;
	http_call_answer(call, 204, NULL, TEXT(""));
}

/* ---- the bench ---- */

static void on_tick(struct timer *t)
{
	struct bench *b = container_of(t, struct bench, tick);

	if (clock_mono_ms() > b->until_ms)
		fail_msg("waited too long; %d posts came", b->n_got);
	timer_in(t, 20);
}

static void on_positions(struct appender *a)
{
	poster_kick(container_of(a, struct dispatcher, appender)->poster);
}

static void on_told(void *owner)
{
	appender_kick(&((struct dispatcher *)owner)->appender);
}

static void dispatcher_open(struct bench *b, struct dispatcher *d, const uint64_t *retry_ms,
			    size_t n)
{
	const struct pg_params pp = { .conninfo = pgtest_conninfo(b->database, "replyd_dispatch"),
				      .password = pgtest_password("replyd_dispatch"),
				      .application = "replyd dispatch",
				      .log = &b->log };
	struct poster_params p = { .http = b->http,
				   .webhooks = &b->webhooks,
				   .log = &b->log,
				   .timeout_ms = 2000,
				   .concurrency = 8,
				   .retry_ms = retry_ms,
				   .n_retries = n,
				   .disable_after_ms = 3600000,
				   .allow_http = true };

	assert_int_equal(pg_open(&b->loop, &pp, &d->pg), 0);
	assert_int_equal(pg_open(&b->loop, &pp, &d->receipts), 0);
	p.pg = d->pg;
	p.receipts = d->receipts;
	p.owner = d;
	p.told = on_told;
	appender_open(&d->appender, &b->loop, d->pg, &b->log, on_positions);
	d->poster = poster_open(&b->loop, &p);
	d->drained = 0;
}

static void dispatcher_drop(struct dispatcher *d)
{
	if (!d->pg)
		return;
	appender_drop(&d->appender);
	poster_drop(d->poster);
	pg_drop(d->receipts);
	pg_drop(d->pg);
	d->pg = NULL;
}

static void make_endpoint(struct bench *b, const char *endpoint, const char *url)
{
	const struct seal_bind bind = { TEXT("webhook"), TEXT(SEED_WS), text_of(endpoint) };
	cleanup_buf struct buf box = { .max = 1024 }, hex = { .max = 4096 };

	assert_int_equal(seal_close(&b->key, 1, &bind, &b->plain, &box), 0);
	assert_int_equal(text_add_hex(&hex, box.data, box.len), 0);
	pgtest_exec(b->admin,
		    "insert into endpoint (workspace_id, endpoint_id, url, sealed_secret)"
		    " values ('" SEED_WS "', '%s', '%s', decode('%s', 'hex'))"
		    " on conflict (workspace_id, endpoint_id) do update"
		    " set url = excluded.url, sealed_secret = excluded.sealed_secret",
		    endpoint, url, (const char *)hex.data);
}

static void bench_open(struct bench *b, const char *database)
{
	struct http_server_params sp = { .address = "127.0.0.1",
					 .max_body = 1 << 20,
					 .max_connections = 64,
					 .idle_timeout_ms = 30000,
					 .owner = b,
					 .on_request = on_request,
					 .on_refused = on_refused };
	uint8_t raw[SEAL_KEY] = { 7 };
	char url[64];

	memset(b, 0, sizeof(*b));
	b->database = seed_database(database);
	b->admin = seed_session(database, PGTEST_ADMIN);
	log_child(&b->log, NULL, "%s", "");
	loop_init(&b->loop, NULL, NULL);
	timer_open(&b->tick, &b->loop, on_tick);
	assert_int_equal(netaddr_policy_parse(&b->policy, TEXT("127.0.0.0/8")), 0);
	assert_int_equal(http_client_open(&b->loop, NULL, &b->policy, &b->http), 0);
	assert_int_equal(http_server_open(&b->loop, &sp, &b->receiver), 0);
	secret_set(&b->key, raw, sizeof(raw));
	vault_init(&b->webhooks, "webhook");
	assert_int_equal(vault_add(&b->webhooks, 1, &b->key), 0);
	secret_set(&b->plain, "the endpoint's very secret bytes", 32);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/hook", http_server_port(b->receiver));
	make_endpoint(b, SEED_ENDPOINT, url);
}

static void bench_close(struct bench *b)
{
	for (size_t i = 0; i < countof(b->d); i++)
		dispatcher_drop(&b->d[i]);
	http_client_drop(b->http);
	http_server_drop(b->receiver);
	if (b->held) /* let go, not sent */
		http_call_answer(b->held, 204, NULL, TEXT(""));
	for (int i = 0; i < b->n_stuck; i++)
		http_call_answer(b->stuck[i], 204, NULL, TEXT(""));
	timer_drop(&b->tick, NULL);
	loop_stop(&b->loop);
	loop_run(&b->loop);
	loop_clear(&b->loop);
	secret_clear(&b->key);
	vault_clear(&b->webhooks);
	secret_clear(&b->plain);
	session_close(b->admin);
}

/* Turn the loop until `it` is true; the tick looks at the clock. */
#define until(b, it)                                                                               \
	do {                                                                                       \
		(b)->until_ms = clock_mono_ms() + 30000;                                           \
		timer_in(&(b)->tick, 20);                                                          \
		while (!(it))                                                                      \
			(void)uv_run(&(b)->loop.uv, UV_RUN_ONCE);                                  \
	} while (0)

/* For what must not happen: so many turns of the poll, all of it. */
static void let_pass(struct bench *b, uint64_t ms)
{
	uint64_t end_ms = clock_mono_ms() + ms;

	until(b, clock_mono_ms() >= end_ms);
}

/* Event `n` of a prospect, as ingest writes it. */
static void put_event(struct bench *b, const char *prospect, int n)
{
	pgtest_exec(b->admin,
		    "select event_put(md5('%s %d')::uuid, 'reply.received', '%s', %d, '" SEED_A
		    "', null,"
		    " '{\"prospect\": {\"key\": \"%s\", \"seq\": %d}}'::jsonb)",
		    prospect, n, prospect, n, prospect, n);
}

static int count(struct bench *b, const char *from)
{
	return (int)strtol(pgtest_value(b->admin, "select count(*) from %s", from), NULL, 10);
}

static int got_of(const struct bench *b, const char *prospect, int seq)
{
	int n = 0;

	for (int i = 0; i < b->n_got; i++)
		n += strcmp(b->got[i].prospect, prospect) == 0 && (!seq || b->got[i].seq == seq);
	return n;
}

/* "1 1 1 2": what came of a prospect, in the order in which it came. */
static const char *order_of(const struct bench *b, const char *prospect)
{
	static char said[512];

	said[0] = '\0';
	for (int i = 0; i < b->n_got; i++)
		if (strcmp(b->got[i].prospect, prospect) == 0)
			(void)snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%d",
				       said[0] ? " " : "", b->got[i].seq);
	return said;
}

/* ---- the tests ---- */

static void what_is_posted_verifies(void **state)
{
	struct bench *b = mem_new(sizeof(*b));
	char want[SIGN_WEBHOOK];
	const struct received *r = b->got;
	int64_t at_s;

	(void)state;
	bench_open(b, "verifies");
	put_event(b, "anna", 1);
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	until(b, b->n_got == 1);
	until(b, count(b, "delivery") == 0);
	assert_string_equal(r->id, pgtest_value(b->admin, "select md5('anna 1')::uuid"));
	assert_string_equal(r->path, "/hook");
	at_s = strtoll(r->timestamp, NULL, 10);
	assert_true(at_s > clock_unix_s() - 60 && at_s <= clock_unix_s());
	sign_webhook(&b->plain, text_of(r->id), at_s, text_of(r->body), want);
	assert_string_equal(r->signature, want);
	/* The bytes are those of the feed. */
	assert_string_equal(
		r->body,
		pgtest_value(
			b->admin,
			"select event_told(e.event_id, e.type, e.created_at, e.data, f.inbox_seq)"
			" from event e join feed f using (workspace_id, event_id)"));
	assert_string_equal(
		"delivered 204 1",
		pgtest_value(b->admin,
			     "select outcome || ' ' || status || ' ' || try from attempt"));
	bench_close(b);
	free(b);
}

static void a_failing_event_holds_back_its_own_prospect_only(void **state)
{
	struct bench *b = mem_new(sizeof(*b));
	int anna2 = 0, ben2 = 0;

	(void)state;
	bench_open(b, "holds_back");
	b->say[0] = (struct saying){ "anna", 500, 2 };
	for (int n = 1; n <= 3; n++) {
		put_event(b, "anna", n);
		put_event(b, "ben", n);
	}
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	until(b, count(b, "feed") == 6 && count(b, "delivery") == 0);
	assert_string_equal(order_of(b, "anna"), "1 1 1 2 3");
	assert_string_equal(order_of(b, "ben"), "1 2 3");
	for (int i = 0; i < b->n_got; i++) {
		if (strcmp(b->got[i].prospect, "anna") == 0 && b->got[i].seq == 2)
			anna2 = i;
		if (strcmp(b->got[i].prospect, "ben") == 0 && b->got[i].seq == 2)
			ben2 = i;
	}
	assert_true(ben2 < anna2);
	/* The same id each time, a fresh timestamp and signature, and the wait of the schedule in
	 * between. */
	for (int i = 0, last = -1; i < b->n_got; i++) {
		if (strcmp(b->got[i].prospect, "anna") != 0 || b->got[i].seq != 1)
			continue;
		if (last >= 0) {
			assert_string_equal(b->got[i].id, b->got[last].id);
			assert_true(b->got[i].at_ms - b->got[last].at_ms >=
				    32); /* 40 ms less jitter */
		}
		last = i;
	}
	assert_string_equal(
		"1 500 refused no?pe, 2 500 refused no?pe, 3 204 delivered ",
		pgtest_value(b->admin,
			     "select string_agg(try || ' ' || status || ' ' || outcome || ' ' || "
			     "detail, ', '"
			     " order by try) from attempt where event_id = md5('anna 1')::uuid"));
	bench_close(b);
	free(b);
}

static void the_end_of_the_schedule_is_a_dead_letter(void **state)
{
	struct bench *b = mem_new(sizeof(*b));

	(void)state;
	bench_open(b, "dead_letter");
	b->say[0] = (struct saying){ "anna", 503, 3 };
	put_event(b, "anna", 1);
	put_event(b, "anna", 2);
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	until(b, count(b, "feed") == 2 && count(b, "delivery where state = 'due'") == 0);
	assert_string_equal(order_of(b, "anna"), "1 1 1 2");
	assert_string_equal(
		"dead 3 1",
		pgtest_value(b->admin,
			     "select state || ' ' || tries || ' ' || position from delivery"));
	bench_close(b);
	free(b);
}

static void gone_disables_the_endpoint(void **state)
{
	struct bench *b = mem_new(sizeof(*b));

	(void)state;
	bench_open(b, "gone");
	b->say[0] = (struct saying){ "anna", 410, 1 };
	put_event(b, "anna", 1);
	put_event(b, "anna", 2);
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	until(b, count(b, "endpoint where state = 'disabled'") == 1);
	put_event(b, "anna", 3); /* owed to nobody any more */
	until(b, count(b, "feed") == 4);
	assert_int_equal(count(b, "event where type = 'endpoint.disabled'"), 1);
	let_pass(b, 700);
	assert_string_equal(order_of(b, "anna"), "1");
	assert_string_equal(
		"dead, due",
		pgtest_value(b->admin,
			     "select string_agg(state, ', ' order by position) from delivery"));
	assert_string_equal("gone", pgtest_value(b->admin, "select outcome from attempt"));
	assert_true(count(b, "endpoint where reason like '410%'") == 1);
	bench_close(b);
	free(b);
}

static void an_address_that_is_not_allowed_is_not_dialled(void **state)
{
	struct bench *b = mem_new(sizeof(*b));

	(void)state;
	bench_open(b, "not_allowed");
	assert_int_equal(netaddr_policy_parse(&b->policy, TEXT("")), 0);
	put_event(b, "anna", 1);
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	until(b, count(b, "attempt") == 3);
	until(b, count(b, "delivery where state = 'dead'") == 1);
	assert_int_equal(b->n_got, 0);
	assert_string_equal(
		"not_allowed 0",
		pgtest_value(b->admin, "select distinct outcome || ' ' || status from attempt"));
	assert_int_equal(count(b, "attempt where detail like '%%net.allow%%'"), 3);
	bench_close(b);
	free(b);
}

/* What is wrong on our side is never sent, and says so in its receipt. */
static void what_cannot_be_sent_says_why(void **state)
{
	static const struct {
		const char *name, *change, *says;
	} rows[] = {
		{ "moved_secret", "update endpoint set sealed_secret = decode('0011', 'hex')",
		  "secret does not open" },
		{ "huge_secret",
		  "update endpoint set sealed_secret = decode(repeat('00', 70000), 'hex')",
		  "secret does not open" },
		{ "no_scheme", "update endpoint set url = 'ftp://127.0.0.1/'",
		  "cannot be dialled" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct bench *b = mem_new(sizeof(*b));

		bench_open(b, rows[i].name);
		pgtest_exec(b->admin, "%s", rows[i].change);
		put_event(b, "anna", 1);
		dispatcher_open(b, &b->d[0], fast, countof(fast));
		until(b, count(b, "delivery where state = 'dead'") == 1);
		if (b->n_got || count(b, "attempt where status = 0") != 3 ||
		    !strstr(pgtest_value(b->admin, "select detail from attempt limit 1"),
			    rows[i].says))
			fail_msg("%s: %s", rows[i].name,
				 pgtest_value(b->admin, "select detail from attempt limit 1"));
		bench_close(b);
		free(b);
	}
}

static void two_dispatchers_never_post_the_same_at_once(void **state)
{
	struct bench *b = mem_new(sizeof(*b));
	char prospect[16];

	(void)state;
	bench_open(b, "two");
	for (int n = 1; n <= 4; n++)
		for (int k = 0; k < 12; k++) {
			(void)snprintf(prospect, sizeof(prospect), "p%d", k);
			put_event(b, prospect, n);
		}
	b->say[0] = (struct saying){ "p3", 500, 2 };
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	dispatcher_open(b, &b->d[1], fast, countof(fast));
	until(b, count(b, "feed") == 48 && count(b, "delivery") == 0);
	for (int k = 0; k < 12; k++) {
		(void)snprintf(prospect, sizeof(prospect), "p%d", k);
		assert_string_equal(order_of(b, prospect), k == 3 ? "1 1 1 2 3 4" : "1 2 3 4");
	}
	assert_int_equal(b->n_got, 50);
	/* No two posts of one prospect overlapped, and both had their part. */
	assert_int_equal(count(b, "attempt a join attempt b on a.event_id = b.event_id and "
				  "a.attempt_id < b.attempt_id"
				  " and tstzrange(a.started_at, a.started_at + make_interval(secs "
				  "=> a.took_ms / 1000.0))"
				  " && tstzrange(b.started_at, b.started_at + make_interval(secs "
				  "=> b.took_ms / 1000.0))"),
			 0);
	assert_int_equal(
		count(b, "feed"),
		(int)strtol(pgtest_value(b->admin, "select max(position) from feed"), NULL, 10));
	bench_close(b);
	free(b);
}

/* While one holds a post open, the other leaves it and what comes behind it alone. */
static void a_claimed_delivery_is_left_alone(void **state)
{
	struct bench *b = mem_new(sizeof(*b));

	(void)state;
	bench_open(b, "claimed");
	b->hold = "anna";
	put_event(b, "anna", 1);
	put_event(b, "anna", 2);
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	until(b, b->held);
	dispatcher_open(b, &b->d[1], fast, countof(fast));
	put_event(b, "ben", 1);
	until(b, got_of(b, "ben", 1) == 1);
	let_pass(b, 700);
	assert_string_equal(order_of(b, "anna"), "1");
	release(b);
	until(b, count(b, "delivery") == 0);
	assert_string_equal(order_of(b, "anna"), "1 2");
	bench_close(b);
	free(b);
}

static void a_dead_dispatchers_claim_goes_stale(void **state)
{
	struct bench *b = mem_new(sizeof(*b));

	(void)state;
	bench_open(b, "stale");
	b->hold = "anna";
	put_event(b, "anna", 1);
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	until(b, b->held);
	dispatcher_drop(&b->d[0]); /* as if killed: no receipt */
	b->hold = NULL;
	dispatcher_open(b, &b->d[1], fast, countof(fast));
	let_pass(b, 700);
	assert_int_equal(b->n_got, 1);
	assert_int_equal(count(b, "delivery where claim_id is not null and tries = 0"), 1);
	pgtest_exec(b->admin, "update delivery set claimed_at = claimed_at - interval '7 seconds'");
	until(b, count(b, "delivery") == 0);
	assert_int_equal(b->n_got, 2);
	assert_string_equal(b->got[0].id, b->got[1].id);
	assert_int_equal(count(b, "attempt"), 1);
	bench_close(b);
	free(b);
}

static void on_drained(void *owner)
{
	((struct dispatcher *)owner)->drained++;
}

static void draining_ends_posts_and_takes_no_more(void **state)
{
	struct bench *b = mem_new(sizeof(*b));

	(void)state;
	bench_open(b, "draining");
	b->hold = "anna";
	put_event(b, "anna", 1);
	put_event(b, "anna", 2);
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	until(b, b->held);
	poster_drain(b->d[0].poster, on_drained, &b->d[0]);
	let_pass(b, 100);
	assert_int_equal(b->d[0].drained, 0);
	release(b);
	until(b, b->d[0].drained);
	assert_int_equal(count(b, "attempt where outcome = 'delivered'"), 1);
	let_pass(b, 700);
	assert_string_equal(order_of(b, "anna"), "1");
	assert_int_equal(count(b, "delivery where claim_id is null"), 1);
	assert_int_equal(b->d[0].drained, 1);
	dispatcher_drop(&b->d[0]);

	/* One with nothing to do is told, too, and later. */
	dispatcher_open(b, &b->d[1], fast, countof(fast));
	poster_drain(b->d[1].poster, on_drained, &b->d[1]);
	assert_int_equal(b->d[1].drained, 0);
	until(b, b->d[1].drained);
	bench_close(b);
	free(b);
}

static void a_lost_connection_loses_nothing(void **state)
{
	struct bench *b = mem_new(sizeof(*b));
	char prospect[16];

	(void)state;
	bench_open(b, "lost_connection");
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	until(b, pg_is_up(b->d[0].pg));
	for (int k = 0; k < 20; k++) {
		(void)snprintf(prospect, sizeof(prospect), "p%d", k);
		put_event(b, prospect, 1);
		put_event(b, prospect, 2);
		if (k % 5 == 0)
			pgtest_exec(b->admin,
				    "select pg_terminate_backend(pid) from pg_stat_activity"
				    " where datname = current_database() and application_name = "
				    "'replyd dispatch'");
		let_pass(b, 30);
	}
	/* A claim whose take was cut off has to go stale. */
	pgtest_exec(b->admin, "update delivery set claimed_at = claimed_at - interval '7 seconds' "
			      "where claim_id is not null");
	until(b, count(b, "feed") == 40 && count(b, "delivery") == 0);
	for (int k = 0; k < 20; k++) {
		(void)snprintf(prospect, sizeof(prospect), "p%d", k);
		assert_true(got_of(b, prospect, 1) >= 1 && got_of(b, prospect, 2) >= 1);
		assert_int_equal(order_of(b, prospect)[0], '1');
	}
	/* what was on its way when its claim was made stale is posted again: at least once */
	assert_int_equal(count(b, "(select distinct event_id, endpoint_id from attempt"
				  " where outcome = 'delivered') d"),
			 40);
	bench_close(b);
	free(b);
}

/* The post was made, and PostgreSQL goes before its receipt: written when it is back, posted once.
 */
static void a_receipt_outlives_an_outage(void **state)
{
	struct bench *b = mem_new(sizeof(*b));

	(void)state;
	bench_open(b, "outage");
	b->hold = "anna";
	put_event(b, "anna", 1);
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	until(b, b->held);
	session_close(b->admin);
	pgtest_server_stop();
	until(b, !pg_is_up(b->d[0].pg));
	release(b);
	let_pass(b, 200);
	pgtest_server_go();
	b->admin = seed_session(b->database, PGTEST_ADMIN);
	until(b, count(b, "delivery") == 0);
	let_pass(b, 700);
	assert_int_equal(b->n_got, 1);
	assert_int_equal(count(b, "attempt where outcome = 'delivered'"), 1);
	bench_close(b);
	free(b);
}

/* An event that commits late comes late: nobody's cursor has passed its place. */
static void positions_follow_commits(void **state)
{
	struct bench *b = mem_new(sizeof(*b));
	struct session *slow;

	(void)state;
	bench_open(b, "commits");
	slow = seed_session(b->database, "replyd_ingest");
	pgtest_exec(slow, "begin");
	pgtest_exec(slow, "select event_put(md5('slow')::uuid, 'reply.received', 'slow', 1, null, "
			  "null, '{\"prospect\": {}}')");
	put_event(b, "anna", 1);
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	dispatcher_open(b, &b->d[1], fast, countof(fast));
	until(b, count(b, "feed") == 1);
	put_event(b, "anna", 2);
	until(b, count(b, "feed") == 2);
	pgtest_exec(slow, "rollback; begin");
	pgtest_exec(slow, "select event_put(md5('slow')::uuid, 'reply.received', 'slow', 1, null, "
			  "null, '{\"prospect\": {}}')");
	pgtest_exec(slow, "commit");
	until(b, count(b, "feed") == 3);
	assert_string_equal(
		"1 anna, 2 anna, 3 slow",
		pgtest_value(b->admin, "select string_agg(f.position || ' ' || e.prospect_key, ', "
				       "' order by f.position)"
				       " from feed f join event e using (workspace_id, event_id)"));
	assert_int_equal(count(b, "event_queue"), 0);
	session_close(slow);
	bench_close(b);
	free(b);
}

/* Another workspace's events go to its endpoint and to no other; types are kept to. */
static void each_endpoint_gets_its_own(void **state)
{
	struct bench *b = mem_new(sizeof(*b));
	char url[64];

	(void)state;
	bench_open(b, "own");
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/other",
		       http_server_port(b->receiver));
	make_endpoint(b, OTHER_ENDPOINT, url);
	pgtest_exec(
		b->admin,
		"update endpoint set types = '{bounce.hard}' where endpoint_id = '" OTHER_ENDPOINT
		"'");
	put_event(b, "anna", 1);
	pgtest_exec(b->admin, "select event_put(md5('b')::uuid, 'bounce.hard', 'ben', 1, null, "
			      "null, '{\"prospect\": {\"key\": \"ben\"}}')");
	pgtest_exec(b->admin, "set replyd.workspace = '" SEED_OTHER "'");
	pgtest_exec(b->admin, "select event_put(md5('o')::uuid, 'bounce.hard', 'olga', 1, null, "
			      "null, '{\"prospect\": {\"key\": \"olga\"}}')");
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	until(b, count(b, "feed") == 3 && count(b, "delivery") == 0);
	assert_int_equal(got_of(b, "olga", 0), 0);
	assert_int_equal(got_of(b, "anna", 0), 1);
	assert_int_equal(got_of(b, "ben", 0), 2);
	bench_close(b);
	free(b);
}

/* A refused event holds the next of its prospect for as long as the endpoint wants, and no longer.
 */
static void the_next_goes_when_the_hold_is_over(void **state)
{
	struct bench *b = mem_new(sizeof(*b));

	(void)state;
	bench_open(b, "hold");
	pgtest_exec(b->admin, "update endpoint set hold_for = '300 milliseconds'");
	b->say[0] = (struct saying){ "anna", 500, 1 };
	put_event(b, "anna", 1);
	put_event(b, "anna", 2);
	put_event(b, "ben", 1);
	dispatcher_open(b, &b->d[0], patient, countof(patient));
	until(b, got_of(b, "anna", 2) == 1);
	assert_string_equal(order_of(b, "anna"), "1 2");
	until(b, count(b, "delivery") == 1);
	assert_int_equal(count(b, "delivery where lets_by and position = 1"), 1);
	bench_close(b);
	free(b);
}

/* One that takes nothing is probed: its backlog is not tried away, keeps its order, and goes at
 * once when it is back. */
static void a_backlog_waits_untried_while_the_endpoint_is_down(void **state)
{
	struct bench *b = mem_new(sizeof(*b));
	char url[64], prospect[16];

	(void)state;
	bench_open(b, "down");
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/hook", http_server_port(b->receiver));
	pgtest_exec(b->admin, "update endpoint set url = 'http://127.0.0.1:9/'");
	for (int k = 0; k < 30; k++) {
		(void)snprintf(prospect, sizeof(prospect), "p%d", k);
		put_event(b, prospect, 1);
		put_event(b, prospect, 2);
	}
	dispatcher_open(b, &b->d[0], patient, countof(patient));
	until(b, count(b, "endpoint_lane where state = 'probing'") == 1);
	assert_true(count(b, "attempt") < 10);
	pgtest_exec(b->admin, "update endpoint set url = '%s'", url);
	until(b, count(b, "delivery") == 0);
	assert_int_equal(b->n_got, 60);
	for (int k = 0; k < 30; k++) {
		(void)snprintf(prospect, sizeof(prospect), "p%d", k);
		assert_string_equal(order_of(b, prospect), "1 2");
	}
	assert_int_equal(
		count(b, "endpoint_lane where state = 'healthy' and failing_since is null"), 1);
	bench_close(b);
	free(b);
}

static const char *tarpit_url(const struct bench *b)
{
	static char url[64];

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/tarpit",
		       http_server_port(b->receiver));
	return url;
}

/* The receiver of one holds every post; those of others are not kept waiting. */
static void one_that_does_not_answer_costs_others_nothing(void **state)
{
	struct bench *b = mem_new(sizeof(*b));
	char prospect[16];

	(void)state;
	bench_open(b, "tarpit");
	make_endpoint(b, OTHER_ENDPOINT, "http://127.0.0.1:9/");
	pgtest_exec(b->admin,
		    "update endpoint set url = '%s' where endpoint_id = '" OTHER_ENDPOINT "'",
		    tarpit_url(b));
	for (int k = 0; k < 40; k++) {
		(void)snprintf(prospect, sizeof(prospect), "p%d", k);
		put_event(b, prospect, 1);
	}
	dispatcher_open(b, &b->d[0], patient, countof(patient));
	/* The bench has 8 places and a timeout of 2 s. */
	until(b, b->n_got == 40);
	assert_int_equal(count(b, "attempt where endpoint_id = '" OTHER_ENDPOINT "'"), 0);
	bench_close(b);
	free(b);
}

static void an_endpoint_that_fails_for_too_long_is_disabled(void **state)
{
	struct bench *b = mem_new(sizeof(*b));

	(void)state;
	bench_open(b, "too_long");
	b->say[0] = (struct saying){ NULL, 500, 100 };
	put_event(b, "anna", 1);
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	until(b, count(b, "endpoint_lane where failing_since is not null") == 1);
	pgtest_exec(b->admin,
		    "update endpoint_lane set failing_since = failing_since - interval '2 hours'");
	put_event(b, "ben", 1);
	until(b, count(b, "endpoint where state = 'disabled' and reason like 'it took nothing%'") ==
			 1);
	until(b, count(b, "feed join event using (workspace_id, event_id) where event.type = "
			  "'endpoint.disabled'") == 1);
	/* Enabled again it goes on where it stopped, and that it is back is told. */
	b->say[0].times = 0;
	pgtest_exec(b->admin, "update endpoint set state = 'enabled'");
	put_event(b, "cleo", 1);
	until(b, count(b, "event where type = 'endpoint.recovered'") == 1);
	bench_close(b);
	free(b);
}

/* Up to so many in a post; what failed goes alone; an id each time the same. */
static void events_go_in_batches(void **state)
{
	struct bench *b = mem_new(sizeof(*b));
	char prospect[16];
	int in_batches = 0;

	(void)state;
	bench_open(b, "batches");
	pgtest_exec(b->admin, "update endpoint set batch = 10");
	b->say[0] = (struct saying){ "p0", 500, 1 };
	for (int k = 0; k < 20; k++) {
		(void)snprintf(prospect, sizeof(prospect), "p%d", k);
		put_event(b, prospect, 1);
	}
	dispatcher_open(b, &b->d[0], fast, countof(fast));
	until(b, count(b, "feed") == 20 && count(b, "delivery") == 0);
	for (int i = 0; i < b->n_got; i++) {
		const struct received *r = &b->got[i];
		char want[SIGN_WEBHOOK];

		assert_non_null(strstr(r->body, "\"type\": \"events.batch\""));
		in_batches += strstr(r->body, "}, {") || strstr(r->body, "},{") ? 1 : 0;
		sign_webhook(&b->plain, text_of(r->id), strtoll(r->timestamp, NULL, 10),
			     text_of(r->body), want);
		assert_string_equal(r->signature, want);
	}
	assert_true(b->n_got < 20 && in_batches > 0);
	assert_int_equal(count(b, "attempt where outcome = 'delivered'"), 20);
	bench_close(b);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_posted_verifies),
		cmocka_unit_test(a_failing_event_holds_back_its_own_prospect_only),
		cmocka_unit_test(the_end_of_the_schedule_is_a_dead_letter),
		cmocka_unit_test(gone_disables_the_endpoint),
		cmocka_unit_test(an_address_that_is_not_allowed_is_not_dialled),
		cmocka_unit_test(what_cannot_be_sent_says_why),
		cmocka_unit_test(two_dispatchers_never_post_the_same_at_once),
		cmocka_unit_test(a_claimed_delivery_is_left_alone),
		cmocka_unit_test(a_dead_dispatchers_claim_goes_stale),
		cmocka_unit_test(draining_ends_posts_and_takes_no_more),
		cmocka_unit_test(a_lost_connection_loses_nothing),
		cmocka_unit_test(a_receipt_outlives_an_outage),
		cmocka_unit_test(positions_follow_commits),
		cmocka_unit_test(each_endpoint_gets_its_own),
		cmocka_unit_test(the_next_goes_when_the_hold_is_over),
		cmocka_unit_test(a_backlog_waits_untried_while_the_endpoint_is_down),
		cmocka_unit_test(one_that_does_not_answer_costs_others_nothing),
		cmocka_unit_test(an_endpoint_that_fails_for_too_long_is_disabled),
		cmocka_unit_test(events_go_in_batches),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
