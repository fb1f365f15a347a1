#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/connect_job.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/seal.h"
#include "db/connect_device.h"
#include "db/loose_consent.h"
#include "oauth/broker_job.h"
#include "oauth/consent.h"
#include "oauth/device.h"
#include "oauth/reach_job.h"

#define ASK_AGAIN_MS  8000 /* a quick failure is tried again within this time: the person waits */
#define ENOUGH_MS     1000 /* for a request; with less left none is begun */
#define RACES_MOST    5    /* for one address, between finding its inbox and writing it */
#define IMAPS         993
#define HELD_BEYOND_S 60 /* its claim: whoever is late with it has given it up by then */

enum connect_state {
	CONNECT_JOB_EXCHANGING,  /* the provider has the code */
	CONNECT_JOB_HOLDING,     /* what it gave is on its way into PostgreSQL, as nobody's */
	CONNECT_JOB_IDENTIFYING, /* the provider is asked whose account it is */
	CONNECT_JOB_FINDING,     /* does the address have an inbox already? */
	CONNECT_JOB_SETTLING,    /* everything is on its way into PostgreSQL */
	CONNECT_JOB_FAILING,     /* the problem is */
	CONNECT_JOB_LETTING,     /* the claim of a device goes back: its person is not there yet */
};

struct connect_job {
	struct broker_job job;
	struct broker_provider *provider; /* NULL: not configured, which a password does not need */
	enum connect_state state;
	uint64_t began_ms;

	char workspace[37], link[37], inbox[37];
	char provider_name[64], expected[LIMIT_OAUTH_ADDRESS], address[LIMIT_OAUTH_ADDRESS];
	char imap_host[256], imap_security[16], login_name[LIMIT_OAUTH_ADDRESS], *redirect_uri;
	int imap_port;
	bool is_password;
	int device_interval_s; /* 0: not by device */

	struct consent given;             /* or the password, as both of its tokens */
	char loose[37];                   /* the consent as it is held; "": it is not */
	struct secret body, bearer, sent; /* `sent`: the code in `body` */
	struct connect_link_inbox find;
	struct connect_link_write write;

	int races;

	int64_t expires_in_s;
	enum connect_problem problem;
	char detail[320];
};

static void on_exchanged(struct http_request *r);
static void on_held(struct connect_link_write *w);
static void on_identified(struct http_request *r);
static void on_found(struct connect_link_inbox *q);
static void on_settled(struct connect_link_write *w);
static void on_failed(struct connect_link_write *w);
static void on_let(struct connect_link_write *w);
static void enter(struct connect_job *j, enum connect_state state);
static int go(struct broker_job *job);

static void stop(struct broker_job *job)
{
	struct connect_job *j = container_of(job, struct connect_job, job);

	pg_tx_cancel(&j->find.tx);
	pg_tx_cancel(&j->write.tx);
}

static void gone(struct broker_job *job)
{
	struct connect_job *j = container_of(job, struct connect_job, job);

	consent_clear(&j->given);
	secret_clear(&j->body);
	secret_clear(&j->sent);
	secret_clear(&j->bearer);
	free(j->redirect_uri);
	free(j);
}

static const struct broker_job_kind job_kind = { .go = go, .stop = stop, .gone = gone };

static void fail(struct connect_job *j, enum connect_problem problem, const char *detail)
{
	j->problem = problem;
	(void)snprintf(j->detail, sizeof(j->detail), "%s", detail);
	enter(j, CONNECT_JOB_FAILING);
}

/* --- At the provider. --- */

/* A code is good once: when the next broker takes the claim, we are done with it. */
static bool has_time(struct connect_job *j)
{
	if (broker_job_left_ms(&j->job) >= ENOUGH_MS)
		return true;
	fail(j, CONNECT_PROVIDER_DOWN, "the provider takes too long to answer");
	return false;
}

static int start_exchange(struct connect_job *j)
{
	broker_env_token_request(j->job.env, j->provider, &j->body, &j->job.http);
	return broker_job_ask(&j->job, on_exchanged);
}

static int start_identify(struct connect_job *j)
{
	int r = consent_userinfo(&j->given, j->provider->p->userinfo_url, j->job.env->p.timeout_ms,
				 &j->bearer, &j->job.http);

	return r < 0 ? r : broker_job_ask(&j->job, on_identified);
}

/* The account is known, or nobody but the mail server can tell: then a login with another's token
 * fails there. */
static void identified(struct connect_job *j)
{
	const char *who = j->given.who.address;

	if (who[0] && j->expected[0] && strcmp(who, j->expected) != 0) {
		fail(j, CONNECT_WRONG_ACCOUNT, "consent was given for another address");
		return;
	}
	(void)snprintf(j->address, sizeof(j->address), "%s", who[0] ? who : j->expected);
	if (!j->address[0]) {
		fail(j, CONNECT_ADDRESS_UNKNOWN, "the provider names no verified address");
		return;
	}
	enter(j, CONNECT_JOB_FINDING);
}

static void on_identified(struct http_request *r)
{
	struct connect_job *j = container_of(r, struct connect_job, job.http);
	char detail[320];

	if (!outcome_ok(&r->outcome) || r->status >= 500 || r->status == 429) {
		(void)snprintf(detail, sizeof(detail), "userinfo: HTTP %ld %.150s", r->status,
			       r->outcome.said);
		fail(j, CONNECT_PROVIDER_DOWN, detail);
	} else if (r->status != 200 ||
		   grant_identity_of_userinfo(text_of_buf(&r->answer), &j->given.who) < 0) {
		(void)snprintf(detail, sizeof(detail), "userinfo: HTTP %ld", r->status);
		fail(j, CONNECT_ANSWER_UNUSABLE, detail);
	} else {
		identified(j);
	}
}

/* It is held: whatever comes of it, its token is not forgotten. */
static void judge(struct connect_job *j)
{
	const char *userinfo = j->provider->p->userinfo_url;
	char detail[320];
	enum connect_problem problem = consent_problem(&j->given, detail);

	if (problem != CONNECT_OK)
		fail(j, problem, detail);
	else if (!j->given.who.address[0] && userinfo && *userinfo)
		enter(j, CONNECT_JOB_IDENTIFYING);
	else
		identified(j);
}

static void took_tokens(struct connect_job *j, const struct grant_answer *a)
{
	consent_read(j->provider->p, a, clock_unix_s(), &j->given);
	j->expires_in_s = broker_env_life_s(a, j->job.http.took_ms);
	if (secret_is_empty(&j->given.lasting)) /* nothing that would live on */
		judge(j);
	else
		enter(j, CONNECT_JOB_HOLDING);
}

static bool may_ask_again(const struct connect_job *j, const struct policy_answer *a)
{
	return a->verdict == POLICY_LATER && a->retry_after_s == 0 &&
	       clock_mono_ms() - j->began_ms < ASK_AGAIN_MS;
}

/* The person has the code and all the time that it lives.  false: the answer is like any other. */
static bool device_waits(struct connect_job *j, const struct grant_answer *a,
			 const struct policy_answer *verdict)
{
	switch (device_turn_of(a)) {
	case DEVICE_PENDING:
		break;
	case DEVICE_SLOWER:
		j->device_interval_s += DEVICE_INTERVAL_S;
		break;
	case DEVICE_DECLINED:
		fail(j, CONNECT_CONSENT_DECLINED, verdict->evidence);
		return true;
	case DEVICE_EXPIRED:
		fail(j, CONNECT_LINK_EXPIRED, verdict->evidence);
		return true;
	case DEVICE_ANSWERED:
		if (verdict->verdict != POLICY_LATER)
			return false;
		j->device_interval_s *= 2; /* RFC 8628 section 3.5 */
		break;
	}
	if (j->device_interval_s > DEVICE_INTERVAL_MAX_S)
		j->device_interval_s = DEVICE_INTERVAL_MAX_S;
	enter(j, CONNECT_JOB_LETTING);
	return true;
}

static void on_exchanged(struct http_request *r)
{
	struct connect_job *j = container_of(r, struct connect_job, job.http);
	struct policy_answer verdict;
	struct grant_answer a;
	bool waits;

	broker_env_read(j->provider, r, &j->sent, &a);
	policy_judge(&r->outcome, r->status, r->retry_after_s, &a, &verdict);
	waits = j->device_interval_s > 0 && device_waits(j, &a, &verdict);
	/* What a person does at the consent page says nothing about the provider; a refused client
	 * does. */
	if (verdict.verdict == POLICY_OK || verdict.verdict == POLICY_US)
		broker_env_judge(j->job.env, j->provider, r, &a, &verdict);
	broker_job_forget_answer(&j->job);
	if (waits)
		;
	else if (verdict.verdict == POLICY_OK)
		took_tokens(j, &a);
	else if (may_ask_again(j, &verdict))
		broker_job_pause(&j->job);
	else
		fail(j, policy_problem(&verdict), verdict.evidence);
	grant_answer_clear(&a);
}

/* --- Into PostgreSQL. --- */

static int start_hold(struct connect_job *j)
{
	cleanup_buf struct buf box;
	char id[RAND_UUID];

	/* Anew each time: one that was written unheard of is found by itself. */
	rand_uuid(id);
	(void)snprintf(j->loose, sizeof(j->loose), "%s", id);
	buf_init(&box, LIMIT_OAUTH_SEALED);
	broker_env_seal(j->job.env, "grant", j->workspace, j->loose, &j->given.lasting, &box);
	const struct loose_consent c = {
		.workspace = j->workspace,
		.id = j->loose,
		.link = j->link,
		.provider = j->provider_name,
		.address = j->given.who.address,
		.sealed = box.data,
		.sealed_len = box.len,
		.due_in_s = (int64_t)(broker_env_claim_ms(j->job.env) / 1000) + HELD_BEYOND_S,
	};

	return loose_consent_hold_start(j->job.env->p.pg, &j->write, &c, on_held);
}

static void on_held(struct connect_link_write *w)
{
	struct connect_job *j = container_of(w, struct connect_job, write);

	switch (broker_job_heard(&j->job, &w->outcome)) {
	case BROKER_JOB_AGAIN:
		return;
	case BROKER_JOB_GIVEN_UP:
		fail(j, CONNECT_INTERNAL, w->outcome.said);
		return;
	case BROKER_JOB_WRITTEN:
		judge(j);
		return;
	}
}

static void on_found(struct connect_link_inbox *q)
{
	struct connect_job *j = container_of(q, struct connect_job, find);

	switch (broker_job_heard(&j->job, &q->outcome)) {
	case BROKER_JOB_AGAIN:
		return;
	case BROKER_JOB_GIVEN_UP:
		fail(j, CONNECT_INTERNAL, q->outcome.said);
		return;
	case BROKER_JOB_WRITTEN:
		break;
	}
	if (q->inbox[0])
		(void)snprintf(j->inbox, sizeof(j->inbox), "%s", q->inbox);
	else
		rand_uuid(j->inbox);
	enter(j, CONNECT_JOB_SETTLING);
}

static int start_settle(struct connect_job *j)
{
	cleanup_buf struct buf grant, access;
	buf_init(&grant, LIMIT_OAUTH_SEALED);
	buf_init(&access, LIMIT_OAUTH_SEALED);
	broker_env_seal(j->job.env, "grant", j->workspace, j->inbox, &j->given.lasting, &grant);
	broker_env_seal(j->job.env, "access", j->workspace, j->inbox, &j->given.passing, &access);
	const struct connect_link_settled s = {
		.workspace = j->workspace,
		.id = j->link,
		.claim = j->job.claim.id,
		.inbox = j->inbox,
		.address = j->address,
		.provider = j->provider_name,
		.imap_host = j->imap_host,
		.imap_security = j->imap_security,
		.imap_port = j->imap_port,
		.login_name = j->login_name[0] ? j->login_name : j->address,
		.is_password = j->is_password,
		.grant = grant.data,
		.grant_len = grant.len,
		.access = access.data,
		.access_len = access.len,
		.scopes = j->given.scopes,
		.expires_in_s = j->expires_in_s,
		.refresh_in_s = broker_env_refresh_in(j->job.env, j->expires_in_s,
						      j->given.refresh_ends_in_s),
		.refresh_ends_in_s = j->given.refresh_ends_in_s,
		.loose = j->loose,
	};

	return connect_link_settle_start(j->job.env->p.pg, &j->write, &s, on_settled);
}

static int start_fail(struct connect_job *j)
{
	const struct connect_link_failed f = {
		.workspace = j->workspace,
		.id = j->link,
		.claim = j->job.claim.id,
		.problem = connect_problem_code(j->problem),
		.detail = j->detail,
		.loose = j->loose,
		.address = j->given.who.address,
	};

	return connect_link_fail_start(j->job.env->p.pg, &j->write, &f, on_failed);
}

static void enter(struct connect_job *j, enum connect_state state)
{
	j->state = state;
	broker_job_go(&j->job);
}

static int go(struct broker_job *job)
{
	struct connect_job *j = container_of(job, struct connect_job, job);
	struct pg *pg = job->env->p.pg;

	switch (j->state) {
	case CONNECT_JOB_EXCHANGING:
		if (has_time(j) && start_exchange(j) < 0)
			fail(j, CONNECT_OUR_CLIENT_REFUSED, "token_url is not an http(s) address");
		break;
	case CONNECT_JOB_HOLDING:
		return start_hold(j);
	case CONNECT_JOB_IDENTIFYING:
		if (has_time(j) && start_identify(j) < 0)
			fail(j, CONNECT_OUR_CLIENT_REFUSED,
			     "userinfo_url is not an http(s) address");
		break;
	case CONNECT_JOB_FINDING:
		return connect_link_inbox_start(pg, &j->find, j->workspace, j->address, on_found);
	case CONNECT_JOB_SETTLING:
		return start_settle(j);
	case CONNECT_JOB_FAILING:
		return start_fail(j);
	case CONNECT_JOB_LETTING:
		return connect_device_wait_start(pg, &j->write, j->workspace, j->link,
						 j->job.claim.id, j->device_interval_s, on_let);
	}
	return 0;
}

/* Beside the worker's login. */
static void reach(struct connect_job *j)
{
	const struct reach_what w = {
		.workspace = j->workspace,
		.inbox = j->inbox,
		.link = j->link,
		.provider = j->provider_name,
		.address = j->address,
		.login_name = j->login_name,
		.imap_host = j->imap_host,
		.imap_port = j->imap_port,
		.imap_is_tls = strcmp(j->imap_security, "tls") == 0,
		.credential = &j->given.passing,
		.is_token = !j->is_password,
	};

	reach_job_start(j->job.env, &w);
}

static void settled(struct connect_job *j, int64_t version)
{
	struct broker_env *env = j->job.env;

	env->stats.connected++;
	log_info(&j->job.log, "broker.granted",
		 "inbox=%s version=%" PRId64 " kind=%s took_ms=%" PRIu64, j->inbox, version,
		 j->is_password ? "password" : "oauth", clock_mono_ms() - j->began_ms);
	reach(j);
	pg_notify(env->p.pg, "replyd_inbox");
	pg_notify(env->p.pg, "replyd_connected");
	pg_notify(env->p.pg, "replyd_token_ready");
	pg_notify(env->p.pg, "replyd_event");
	broker_job_end(&j->job);
}

/* Another link gave this address an inbox meanwhile, or our claim is somebody else's. */
static void lost_race(struct connect_job *j)
{
	if (++j->races < RACES_MOST) {
		enter(j, CONNECT_JOB_FINDING);
		return;
	}
	j->job.env->stats.lost_races++;
	log_info(&j->job.log, "broker.lost_link", "inbox=%s", j->inbox);
	broker_job_end(&j->job);
}

static void on_settled(struct connect_link_write *w)
{
	struct connect_job *j = container_of(w, struct connect_job, write);

	switch (broker_job_heard(&j->job, &w->outcome)) {
	case BROKER_JOB_AGAIN:
		return;
	case BROKER_JOB_GIVEN_UP:
		fail(j, CONNECT_INTERNAL, w->outcome.said);
		return;
	case BROKER_JOB_WRITTEN:
		break;
	}
	if (w->version > 0)
		settled(j, w->version);
	else
		lost_race(j);
}

static void on_failed(struct connect_link_write *w)
{
	struct connect_job *j = container_of(w, struct connect_job, write);

	if (broker_job_heard(&j->job, &w->outcome) == BROKER_JOB_AGAIN)
		return;
	j->job.env->stats.failed += w->version > 0;
	log_warn(&j->job.log, "broker.connect_failed", "problem=%s detail=%s written=%d",
		 connect_problem_code(j->problem), j->detail, w->version > 0);
	pg_notify(j->job.env->p.pg, "replyd_connected");
	if (j->loose[0])
		pg_notify(j->job.env->p.pg, "replyd_removal");
	broker_job_end(&j->job);
}

static void on_let(struct connect_link_write *w)
{
	struct connect_job *j = container_of(w, struct connect_job, write);

	if (broker_job_heard(&j->job, &w->outcome) != BROKER_JOB_AGAIN)
		broker_job_end(&j->job);
}

/* --- From the link. --- */

static void lower(char *dst, size_t size, const char *src)
{
	(void)snprintf(dst, size, "%s", src);
	for (; *dst; dst++)
		if (*dst >= 'A' && *dst <= 'Z')
			*dst = (char)(*dst + ('a' - 'A'));
}

/* What the link names, else what the provider has, else `rest`. */
static void place(char *dst, size_t size, const char *link, const char *provider, const char *rest)
{
	const char *s = *link ? link : provider && *provider ? provider : rest;

	(void)snprintf(dst, size, "%s", s);
}

static struct connect_job *job_of(struct broker_env *env, const struct broker_claim *claim,
				  const struct connect_link_work *w)
{
	struct connect_job *j = mem_new(sizeof(*j));
	const struct oauth_provider *p;

	broker_job_open(&j->job, env, &job_kind, claim);
	j->provider = broker_env_provider(env, w->provider);
	p = j->provider ? j->provider->p : NULL;
	(void)snprintf(j->workspace, sizeof(j->workspace), "%s", w->workspace);
	(void)snprintf(j->link, sizeof(j->link), "%s", w->id);
	(void)snprintf(j->provider_name, sizeof(j->provider_name), "%s", w->provider);
	lower(j->expected, sizeof(j->expected), w->address);
	place(j->imap_host, sizeof(j->imap_host), w->imap_host, p ? p->imap_host : NULL, "");
	place(j->imap_security, sizeof(j->imap_security), w->imap_security,
	      p ? p->imap_security : NULL, "tls");
	(void)snprintf(j->login_name, sizeof(j->login_name), "%s", w->login_name);
	j->imap_port = w->imap_port > 0 ? w->imap_port : p && p->imap_port ? p->imap_port : IMAPS;
	j->redirect_uri = mem_text(w->redirect_uri);
	j->is_password = w->is_password;
	j->device_interval_s = w->by_device ? w->device_interval_s : 0;
	j->began_ms = clock_mono_ms();
	log_child(&j->job.log, env->p.log, "connect_link=%s", j->link);
	return j;
}

static int open_box(const struct connect_job *j, const uint8_t *box, size_t n, struct secret *ret)
{
	const struct seal_bind bind = { TEXT("connect"), text_of(j->workspace), text_of(j->link) };

	return seal_open_with(j->job.env->p.key_private, &bind, box, n, ret);
}

static void begin_exchange(struct connect_job *j, const struct connect_link_work *w,
			   const struct secret *code)
{
	cleanup_secret struct secret verifier = { 0 };

	if (open_box(j, w->verifier, w->verifier_len, &verifier) < 0)
		fail(j, CONNECT_INTERNAL, "the verifier does not open with the broker's key");
	else if (!j->provider)
		fail(j, CONNECT_PROVIDER_UNKNOWN, "no such provider is configured");
	else if (grant_exchange_body(j->provider->p, j->provider->has_secret, code, &verifier,
				     j->redirect_uri, &j->body) < 0)
		fail(j, CONNECT_ANSWER_UNUSABLE, "the code does not fit a request");
	else {
		secret_set(&j->sent, code->data, code->len);
		enter(j, CONNECT_JOB_EXCHANGING);
	}
}

static void begin_poll(struct connect_job *j, const struct connect_link_work *w)
{
	if (broker_env_open(j->job.env, "device", j->workspace, j->link, w->code, w->code_len,
			    &j->sent) < 0)
		fail(j, CONNECT_INTERNAL, "the device code does not open with the broker's keys");
	else if (!j->provider)
		fail(j, CONNECT_PROVIDER_UNKNOWN, "no such provider is configured");
	else if (!j->imap_host[0])
		fail(j, CONNECT_PROVIDER_UNKNOWN, "no IMAP host is known for it");
	else if (device_poll_body(j->provider->p, &j->sent, &j->body) < 0)
		fail(j, CONNECT_ANSWER_UNUSABLE, "the device code does not fit a request");
	else
		enter(j, CONNECT_JOB_EXCHANGING);
}

void connect_job_start(struct broker_env *env, const struct broker_claim *claim,
		       const struct connect_link_work *w)
{
	struct connect_job *j = job_of(env, claim, w);
	cleanup_secret struct secret code = { 0 };

	if (w->by_device) {
		begin_poll(j, w);
		return;
	}
	if (open_box(j, w->code, w->code_len, &code) < 0) {
		fail(j, CONNECT_INTERNAL, "the code does not open with the broker's key");
	} else if (!j->imap_host[0]) {
		fail(j, CONNECT_PROVIDER_UNKNOWN, "no IMAP host is known for it");
	} else if (!j->is_password) {
		begin_exchange(j, w, &code);
	} else if (!j->expected[0]) {
		fail(j, CONNECT_ADDRESS_UNKNOWN, "a password came without an address");
	} else {
		secret_set(&j->given.lasting, code.data, code.len);
		secret_set(&j->given.passing, code.data, code.len);
		(void)snprintf(j->address, sizeof(j->address), "%s", j->expected);
		enter(j, CONNECT_JOB_FINDING);
	}
}
