#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/db/stage.h"

#include "base/clock.h"
#include "base/keyed.h"
#include "base/mem.h"
#include "tests/db/pgtest.h"

#define LIMIT_MS 60000 /* the machine may have much else to do */

static void on_gap(struct folder_proofs *q, const char *inbox);
static void on_proven(struct folder_proofs *q);
static void on_poll(struct timer *t);
static void on_limit(struct timer *t);

/* ---- the token source ---- */

struct stage_ask {
	struct stage *s;
	struct token_ask *ask;
	struct timer timer;
};

static void on_gone(struct timer *t)
{
	free(container_of(t, struct stage_ask, timer));
}

static void on_answer(struct timer *t)
{
	struct stage_ask *a = container_of(t, struct stage_ask, timer);
	struct token_ask *ask = a->ask;
	struct stage *s = a->s;
	struct secret token = { 0 };
	struct token_answer answer = { .outcome = OUTCOME_OK,
				       .secret = &token,
				       .version = s->token_version,
				       .expires_at = INT64_MAX,
				       .reason = "" };

	secret_set_text(&token, text_of(s->token));
	if (s->token_life_s)
		answer.expires_at = clock_unix_s() + s->token_life_s;
	answer.is_password = s->token_life_s == 0;
	if (s->token_blame != BLAME_NONE)
		answer.outcome = outcome_of(s->token_blame, "token", TEXT("no"));
	ask->ticket = NULL;
	timer_drop(t, on_gone);
	ask->answered(ask, &answer);
	secret_clear(&token);
}

static int ask(void *owner, struct token_ask *asked)
{
	struct stage *s = owner;
	struct stage_ask *a = mem_new(sizeof(*a));

	s->asked++;
	s->asked_refused = asked->refused_version;
	if (asked->refused_version >= s->token_version)
		s->token_version = asked->refused_version + 1;
	a->s = s;
	a->ask = asked;
	asked->ticket = a;
	timer_open(&a->timer, &s->loop, on_answer);
	timer_in(&a->timer, 0);
	return 0;
}

static void cancel(void *owner, struct token_ask *asked)
{
	struct stage_ask *a = asked->ticket;

	(void)owner;
	asked->ticket = NULL;
	if (a)
		timer_drop(&a->timer, on_gone);
}

/* ---- the mailbox ---- */

static void on_want(void *owner)
{
	struct stage *s = owner;

	s->wants++;
	s->is_wanting = true;
	timer_in(&s->poll, 0); /* admitted from the loop */
}

static void on_settled(void *owner, const struct plight *why)
{
	struct stage *s = owner;

	s->settled++;
	snprintf(s->settled_for, sizeof(s->settled_for), "%s", why ? why->reason : "");
}

/* As a worker does, for one inbox. */
static void on_proof(void *owner)
{
	struct stage *s = owner;

	if (s->is_proving || mailbox_take_proofs(s->mailbox, &s->proof, 1) == 0)
		return;
	s->proofs.gap = on_gap;
	s->proofs.done = on_proven;
	s->is_proving = folder_proofs_start(s->pg, &s->proofs, &s->proof, 1) == 0;
}

static void on_gap(struct folder_proofs *q, const char *inbox)
{
	struct stage *s = container_of(q, struct stage, proofs);

	assert_string_equal(inbox, SEED_A);
	if (s->mailbox)
		mailbox_gap_open(s->mailbox);
}

static void on_proven(struct folder_proofs *q)
{
	container_of(q, struct stage, proofs)->is_proving = false;
}

static void on_note(void *owner)
{
	struct stage *s = owner;
	struct timeline_note note;

	while (mailbox_take_notes(s->mailbox, &note, 1) == 1) {
		size_t len = strlen(s->notes);

		assert_string_equal(note.inbox, SEED_A);
		if (strcmp(note.code, TIMELINE_COMMANDS) == 0)
			continue; /* no line of the history */
		snprintf(s->notes + len, sizeof(s->notes) - len, "%s ", note.code);
		snprintf(s->words, sizeof(s->words), "%s", note.words);
	}
}

static void on_lost(void *owner, const char *why)
{
	struct stage *s = owner;

	s->losts++;
	snprintf(s->lost_for, sizeof(s->lost_for), "%s", why);
}

static void on_standby(void *owner)
{
	((struct stage *)owner)->standbys++;
}

struct mailbox_params stage_params(struct stage *s)
{
	return (struct mailbox_params){
		.loop = &s->loop,
		.pg = s->pg,
		.gather = s->gather,
		.log = &s->log,
		.policy = &s->policy,
		.tokens = &s->tokens,
		.digest_master = &s->master,
		.rand = &s->rand,
		.providers = &s->providers,
		.lookback_ms = UINT64_C(14) * 86400 * 1000,
		.proof_ms = 200,
		.idle_renew_ms = 60000,
		.text_max = 65536,
		.opens_answers = true,
		.retry_first_ms = 20,
		.is_clear = true,
		.on_want = on_want,
		.on_settled = on_settled,
		.on_proof = on_proof,
		.on_note = on_note,
		.on_lost = on_lost,
		.on_standby = on_standby,
	};
}

struct provider_row *stage_provider(struct stage *s)
{
	return provider_table_row(&s->providers, s->provider ? s->provider : "p");
}

void stage_watch_as(struct stage *s, int64_t epoch, const struct mailbox_params *p)
{
	const struct lease_inbox row = {
		.workspace = SEED_WS,
		.inbox = SEED_A,
		.epoch = epoch,
		.admin_state = "enabled",
		.address = "a@example.test",
		.provider = s->provider ? s->provider : "p",
		.imap_host = s->host ? s->host : "127.0.0.1",
		.imap_security = "tls",
		.imap_port = s->imapd.port,
		.login_name = "a@example.test",
		.is_bereft = s->is_bereft,
	};

	s->mp = *p;
	s->mailbox = mailbox_open(&s->mp, s, &row);
	s->is_wanting = true;
	timer_in(&s->poll, 0);
}

void stage_watch(struct stage *s, int64_t epoch)
{
	const struct mailbox_params p = stage_params(s);

	stage_watch_as(s, epoch, &p);
}

/* ---- the loop ---- */

static void on_poll(struct timer *t)
{
	struct stage *s = container_of(t, struct stage, poll);
	bool there = false;

	if (s->mailbox && s->is_wanting) {
		s->is_wanting = false;
		mailbox_admit(s->mailbox);
	}
	if (s->awaited)
		there = strcmp(pgtest_value(s->admin, "%s", s->awaited), "t") == 0;
	if (s->holds)
		there = s->holds(s);
	if (there)
		uv_stop(&s->loop.uv);
	else
		timer_in(t, 5);
}

static void on_limit(struct timer *t)
{
	struct stage *s = container_of(t, struct stage, limit);

	if (!s->awaited && !s->holds) {
		uv_stop(&s->loop.uv);
		return;
	}
	fail_msg("waited too long for: %s (database: %s; %s; mailbox: %s, %s)",
		 s->awaited ? s->awaited : s->holds_name, pg_is_up(s->pg) ? "up" : "down",
		 s->tells ? s->tells(s) : "no play",
		 s->mailbox ? mailbox_state_name(mailbox_state_of(s->mailbox)) : "-",
		 s->mailbox ? mailbox_waiting_for(s->mailbox) : "-");
}

static void run(struct stage *s, uint64_t ms)
{
	timer_in(&s->limit, ms);
	timer_in(&s->poll, 0);
	(void)uv_run(&s->loop.uv, UV_RUN_DEFAULT);
	timer_stop(&s->limit);
}

void stage_until(struct stage *s, const char *fmt, ...)
{
	char sql[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sql, sizeof(sql), fmt, ap);
	va_end(ap);
	s->awaited = sql;
	run(s, LIMIT_MS);
	s->awaited = NULL;
}

void stage_until_named(struct stage *s, bool (*holds)(struct stage *s), const char *name)
{
	s->holds = holds;
	s->holds_name = name;
	run(s, LIMIT_MS);
	s->holds = NULL;
}

void stage_for(struct stage *s, uint64_t ms)
{
	run(s, ms);
}

const char *stage_value(struct stage *s, const char *fmt, ...)
{
	char sql[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sql, sizeof(sql), fmt, ap);
	va_end(ap);
	return pgtest_value(s->admin, "%s", sql);
}

/* ---- open and close ---- */

static bool is_up(struct stage *s)
{
	return pg_is_up(s->pg);
}

void stage_open(struct stage *s, const char *database)
{
	seed_database(database);
	stage_join(s, database);
	pgtest_exec(s->admin, "delete from folder");
}

void stage_join(struct stage *s, const char *database)
{
	struct pg_params p;

	*s = (struct stage){ .token = "right", .token_version = 1 };
	s->admin = seed_session(database, PGTEST_ADMIN);
	s->api = seed_session(database, "replyd_api");
	log_setup("test", LOG_ERROR, LOG_KEY_VALUE);
	log_child(&s->log, NULL, "test=%s", database);
	rand_gen_seed(&s->rand, 1);
	secret_set_text(&s->master, TEXT("0123456789abcdef0123456789abcdef"));
	keyed_workspace_key(&s->master, TEXT(SEED_WS), &s->workspace_key);
	assert_int_equal(netaddr_policy_parse(&s->policy, TEXT("127.0.0.0/8")), 0);
	s->tokens = (struct token_source){ .owner = s, .ask = ask, .cancel = cancel };
	loop_init(&s->loop, NULL, s);
	timer_open(&s->poll, &s->loop, on_poll);
	timer_open(&s->limit, &s->loop, on_limit);
	imapd_open(&s->imapd, &s->loop);
	p = (struct pg_params){ .conninfo = pgtest_conninfo(database, "replyd_ingest"),
				.password = pgtest_password("replyd_ingest"),
				.application = "stage",
				.log = &s->log,
				.owner = s };
	assert_int_equal(pg_open(&s->loop, &p, &s->pg), 0);
	s->gather = gather_open(&s->loop, &(struct gather_ways){ .pg = s->pg });
	stage_until_holds(s, is_up);
}

void stage_close(struct stage *s)
{
	mailbox_drop(s->mailbox);
	pg_tx_cancel(&s->proofs.tx);
	imapd_drop(&s->imapd);
	gather_drop(s->gather);
	pg_drop(s->pg);
	timer_drop(&s->poll, NULL);
	timer_drop(&s->limit, NULL);
	loop_stop(&s->loop);
	loop_run(&s->loop);
	loop_clear(&s->loop);
	session_close(s->admin);
	session_close(s->api);
	secret_clear(&s->master);
	secret_clear(&s->workspace_key);
}

void stage_register(struct stage *s, const char *message_id, const char *prospect)
{
	uint8_t digest[KEYED_DIGEST];
	struct buf hex = { .max = 65 };
	char id[RAND_UUID];

	rand_uuid(id);
	keyed_id_digest(&s->workspace_key, text_of(message_id), digest);
	text_add_hex(&hex, digest, sizeof(digest));
	assert_string_equal(
		pgtest_value(s->api,
			     "select result from "
			     "outbound_register('[{\"outbound_id\":\"%s\",\"inbox_id\":\"" SEED_A
			     "\",\"sequence\":\"q\",\"step\":\"1\",\"prospect_key\":\"%s\","
			     "\"prospect_address\":\"%s@prospect.test\","
			     "\"message_id\":\"%s\",\"sent_at\":\"2026-11-20T00:00:00Z\","
			     "\"digest\":\"%s\",\"fingerprint\":\"00\"}]')",
			     id, prospect, prospect, message_id, (char *)hex.data),
		"created");
	buf_clear(&hex);
}
