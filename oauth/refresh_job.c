#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/refresh_job.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "oauth/broker_job.h"
#include "oauth/reconnect.h"

#define UNCONFIGURED_WAIT_MS (10 * 60 * 1000) /* until an operator has put the provider back */

enum refresh_state {
	REFRESH_ASKING,   /* the provider has the request */
	REFRESH_SAVING,   /* tokens are on their way into PostgreSQL */
	REFRESH_REFUSING, /* "ask the user" is */
	REFRESH_LETTING,  /* the claim goes back */
};

struct refresh_job {
	struct broker_job job;
	struct broker_provider *provider; /* NULL: not configured */
	enum refresh_state state;

	char workspace[37], inbox[37], address[LIMIT_OAUTH_ADDRESS], provider_name[64];
	enum inbox_grant_kind kind;
	int64_t version;
	int tries, failures;
	bool forced;
	int64_t waited_ms;   /* before its claim */
	uint64_t claimed_ms; /* monotonic */

	struct secret body;
	struct secret sent; /* the refresh token in it */
	struct grant_save save;
	struct inbox_grant_write write;

	struct buf refresh, access; /* sealed, to be saved */
	int64_t expires_in_s, refresh_in_s, refresh_ends_in_s;
	struct policy_answer verdict;
};

static void on_answered(struct http_request *r);
static void on_saved(struct grant_save *s);
static void on_written(struct inbox_grant_write *w);
static int go(struct broker_job *job);

static void stop(struct broker_job *job)
{
	struct refresh_job *j = container_of(job, struct refresh_job, job);

	pg_tx_cancel(&j->write.tx);
	grant_saver_cancel(&j->save);
	if (j->provider)
		j->provider->under_way--;
}

static void gone(struct broker_job *job)
{
	struct refresh_job *j = container_of(job, struct refresh_job, job);

	secret_clear(&j->body);
	secret_clear(&j->sent);
	buf_clear(&j->refresh);
	buf_clear(&j->access);
	free(j);
}

static const struct broker_job_kind job_kind = { .go = go, .stop = stop, .gone = gone };

/* --- Into PostgreSQL, again until it is there. --- */

static int start_save(struct refresh_job *j)
{
	const struct inbox_grant_saved s = {
		.workspace = j->workspace,
		.inbox = j->inbox,
		.version = j->version,
		.kind = j->kind,
		.refresh = j->refresh.len > 0 ? j->refresh.data : NULL,
		.refresh_len = j->refresh.len,
		.access = j->access.data,
		.access_len = j->access.len,
		.expires_in_s = j->expires_in_s,
		.refresh_in_s = j->refresh_in_s,
		.refresh_ends_in_s = j->refresh_ends_in_s,
		.forced = j->forced,
	};

	return grant_saver_start(&j->job.env->saver, &j->save, &s, on_saved);
}

static int start_refuse(struct refresh_job *j)
{
	bool is_oauth = j->kind == INBOX_GRANT_OAUTH;
	char event[EVENT_ID], *data;
	struct reconnect again;
	struct inbox_grant_refused refused = {
		.workspace = j->workspace,
		.inbox = j->inbox,
		.version = j->version,
		.reason = j->verdict.reason,
		.evidence = j->verdict.evidence,
		.event = event,
	};
	int r;

	broker_env_event("inbox.reauth_required", j->workspace, j->inbox, j->version, event);
	reconnect_init(&again, is_oauth ? j->job.env->p.public_url : NULL, j->inbox, j->address,
		       j->provider_name, j->verdict.reason);
	refused.event_data = data = reconnect_data(&again);
	refused.link = &again.link;
	r = inbox_grant_refuse_start(j->job.env->p.pg, &j->write, &refused, on_written);
	free(data);
	reconnect_clear(&again);
	return r;
}

static int start_let(struct refresh_job *j)
{
	bool frozen = j->verdict.verdict == POLICY_US && j->verdict.whole_client;
	const struct inbox_grant_let let = {
		.workspace = j->workspace,
		.inbox = j->inbox,
		.claim = j->job.claim.id,
		.failed = j->verdict.verdict != POLICY_OK && !frozen,
		.wait_ms = policy_wait_ms((unsigned)j->failures + 1, j->verdict.retry_after_s,
					  &j->job.env->rand),
		.may_have_rotated = j->verdict.may_have_rotated,
		.evidence = j->verdict.verdict == POLICY_OK ? NULL : j->verdict.evidence,
	};

	return inbox_grant_let_start(j->job.env->p.pg, &j->write, &let, on_written);
}

static void enter(struct refresh_job *j, enum refresh_state state)
{
	j->state = state;
	broker_job_go(&j->job);
}

static int go(struct broker_job *job)
{
	struct refresh_job *j = container_of(job, struct refresh_job, job);

	switch (j->state) {
	case REFRESH_SAVING:
		return start_save(j);
	case REFRESH_REFUSING:
		return start_refuse(j);
	case REFRESH_LETTING:
		return start_let(j);
	case REFRESH_ASKING:
		break;
	}
	return 0;
}

/* The write came to an end: what it did is told once, here. */
static void tell(struct refresh_job *j)
{
	struct broker_stats *stats = &j->job.env->stats;

	if (j->write.version == 0 && j->state != REFRESH_LETTING) {
		stats->lost_races++;
		log_info(&j->job.log, "broker.lost_race", "version=%" PRId64 " verdict=%s",
			 j->version, policy_verdict_name(j->verdict.verdict));
		return;
	}
	switch (j->state) {
	case REFRESH_SAVING:
		stats->refreshed++;
		stats->forced += j->forced;
		stats->waited_ms += (uint64_t)(j->waited_ms > 0 ? j->waited_ms : 0);
		stats->worked_ms += clock_mono_ms() - j->claimed_ms;
		log_info(&j->job.log, "broker.refreshed",
			 "version=%" PRId64 " rotated=%d forced=%d tries=%d took_ms=%" PRIu64
			 " expires_in_s=%" PRId64 " waited_ms=%" PRId64 " whole_ms=%" PRIu64,
			 j->write.version, j->refresh.len > 0, j->forced, j->tries,
			 j->job.http.took_ms, j->expires_in_s, j->waited_ms,
			 clock_mono_ms() - j->claimed_ms);
		break;
	case REFRESH_REFUSING:
		log_warn(&j->job.log, "broker.reauth_required",
			 "version=%" PRId64 " reason=%s said=%s", j->version, j->verdict.reason,
			 j->verdict.evidence);
		break;
	case REFRESH_LETTING:
	case REFRESH_ASKING:
		break;
	}
}

static void on_saved(struct grant_save *s)
{
	struct refresh_job *j = container_of(s, struct refresh_job, save);

	j->write.outcome = s->outcome;
	j->write.version = s->version;
	on_written(&j->write);
}

static void on_written(struct inbox_grant_write *w)
{
	struct refresh_job *j = container_of(w, struct refresh_job, write);

	switch (broker_job_heard(&j->job, &w->outcome)) {
	case BROKER_JOB_AGAIN:
		return;
	case BROKER_JOB_GIVEN_UP:
		break;
	case BROKER_JOB_WRITTEN:
		tell(j);
		if (j->state != REFRESH_LETTING)
			pg_notify(j->job.env->p.pg, "replyd_token_ready");
		break;
	}
	broker_job_end(&j->job);
}

/* --- At the provider. --- */

/* An invalid_grant on a token that an earlier try may have used up tells more than "revoked". */
static void see_lost_rotation(struct refresh_job *j)
{
	if (j->tries > 1 && (strcmp(j->verdict.reason, "invalid_grant") == 0 ||
			     strcmp(j->verdict.reason, "revoked") == 0))
		j->verdict.reason = "rotation_lost";
}

static void decide(struct refresh_job *j)
{
	switch (j->verdict.verdict) {
	case POLICY_OK:
		enter(j, REFRESH_SAVING);
		return;
	case POLICY_USER:
		see_lost_rotation(j);
		enter(j, REFRESH_REFUSING);
		return;
	case POLICY_US:
		if (!j->verdict.whole_client) /* else the alarm was given once, when the fuse opened
					       */
			log_error(&j->job.log, "broker.our_fault", "reason=%s said=%s",
				  j->verdict.reason, j->verdict.evidence);
		break;
	case POLICY_LATER:
		log_warn(&j->job.log, "broker.later", "reason=%s failures=%d said=%s",
			 j->verdict.reason, j->failures + 1, j->verdict.evidence);
		break;
	}
	enter(j, REFRESH_LETTING);
}

static void take(struct refresh_job *j, const struct grant_answer *a)
{
	if (!secret_is_empty(&a->refresh))
		broker_env_seal(j->job.env, "grant", j->workspace, j->inbox, &a->refresh,
				&j->refresh);
	broker_env_seal(j->job.env, "access", j->workspace, j->inbox, &a->access, &j->access);
	j->expires_in_s = broker_env_life_s(a, j->job.http.took_ms);
	j->refresh_ends_in_s = a->refresh_expires_in_s;
	j->refresh_in_s = broker_env_refresh_in(j->job.env, j->expires_in_s, j->refresh_ends_in_s);
}

static void on_answered(struct http_request *r)
{
	struct refresh_job *j = container_of(r, struct refresh_job, job.http);
	struct grant_answer a;

	broker_env_read(j->provider, r, &j->sent, &a);
	broker_env_judge(j->job.env, j->provider, r, &a, &j->verdict);
	if (j->verdict.verdict == POLICY_OK)
		take(j, &a);
	grant_answer_clear(&a);
	broker_job_forget_answer(&j->job);
	decide(j);
}

static void blame_us(struct refresh_job *j, const char *reason, const char *evidence,
		     uint64_t wait_ms)
{
	j->verdict = (struct policy_answer){ .verdict = POLICY_US,
					     .reason = reason,
					     .retry_after_s = (int64_t)(wait_ms / 1000) };
	(void)snprintf(j->verdict.evidence, sizeof(j->verdict.evidence), "%s", evidence);
	decide(j);
}

static void start_asking(struct refresh_job *j, const struct secret *refresh)
{
	if (!j->provider) {
		blame_us(j, "provider_unknown", "no such provider is configured",
			 UNCONFIGURED_WAIT_MS);
		return;
	}
	if (grant_refresh_body(j->provider->p, j->provider->has_secret, refresh, &j->body) < 0) {
		blame_us(j, "request_too_large", "the refresh token does not fit a request",
			 UNCONFIGURED_WAIT_MS);
		return;
	}
	secret_set(&j->sent, refresh->data, refresh->len);
	broker_env_token_request(j->job.env, j->provider, &j->body, &j->job.http);
	j->state = REFRESH_ASKING;
	if (broker_job_ask(&j->job, on_answered) < 0)
		blame_us(j, "token_url_unusable", "provider token_url is not an http(s) address",
			 UNCONFIGURED_WAIT_MS);
}

/* A password is handed out as it is; one that the server refused cannot be refreshed. */
static void hand_out(struct refresh_job *j, const struct inbox_grant_row *row,
		     const struct secret *password)
{
	if (row->token_version > 0 && row->refused_version >= row->token_version) {
		j->verdict = (struct policy_answer){ .verdict = POLICY_USER,
						     .reason = "password_refused" };
		(void)snprintf(j->verdict.evidence, sizeof(j->verdict.evidence),
			       "the mail server refuses the password");
		if (j->provider)
			(void)breaker_heard(&j->provider->breaker, &j->verdict, clock_mono_ms(),
					    &j->job.env->rand);
		decide(j);
		return;
	}
	broker_env_seal(j->job.env, "access", j->workspace, j->inbox, password, &j->access);
	decide(j);
}

static struct refresh_job *job_of(struct broker_env *env, const struct broker_claim *claim,
				  const struct inbox_grant_row *row)
{
	struct refresh_job *j = mem_new(sizeof(*j));

	broker_job_open(&j->job, env, &job_kind, claim);
	j->provider = broker_env_provider(env, row->provider);
	(void)snprintf(j->workspace, sizeof(j->workspace), "%s", row->workspace);
	(void)snprintf(j->inbox, sizeof(j->inbox), "%s", row->inbox);
	(void)snprintf(j->address, sizeof(j->address), "%s", row->address);
	(void)snprintf(j->provider_name, sizeof(j->provider_name), "%s", row->provider);
	log_child(&j->job.log, env->p.log, "inbox=%s", j->inbox);
	j->kind = row->kind;
	j->version = row->version;
	j->tries = row->tries;
	j->failures = row->failures;
	j->waited_ms = row->waited_ms;
	j->claimed_ms = clock_mono_ms();
	j->forced = row->token_version > 0 && row->refused_version >= row->token_version;
	j->verdict = (struct policy_answer){ .verdict = POLICY_OK, .reason = "" };
	buf_init(&j->refresh, LIMIT_OAUTH_SEALED);
	buf_init(&j->access, LIMIT_OAUTH_SEALED);
	if (j->provider)
		j->provider->under_way++;
	if (row->tries > 1) { /* whoever had it died, or never heard the provider's answer */
		env->stats.retaken++;
		log_warn(&j->job.log, "broker.tried_again", "version=%" PRId64 " tries=%d",
			 j->version, j->tries);
	}
	return j;
}

void refresh_job_start(struct broker_env *env, const struct broker_claim *claim,
		       const struct inbox_grant_row *row)
{
	struct refresh_job *j = job_of(env, claim, row);
	cleanup_secret struct secret plain = { 0 };
	int r;

	/* Somebody may have refreshed between our look and our claim. */
	if (!policy_needs_refresh(row->token_version, row->token_fresh, row->refused_version,
				  row->due)) {
		enter(j, REFRESH_LETTING);
		return;
	}
	r = broker_env_open(env, "grant", j->workspace, j->inbox, row->sealed, row->sealed_len,
			    &plain);
	if (r < 0) {
		blame_us(j, "grant_unreadable",
			 r == -ENOKEY ? "the grant is sealed under a master key that this broker "
					"was not given; see `replyd key list`"
				      : "the grant does not open with the keys of the group grant",
			 UNCONFIGURED_WAIT_MS);
		return;
	}
	switch (j->kind) {
	case INBOX_GRANT_OAUTH:
		start_asking(j, &plain);
		return;
	case INBOX_GRANT_PASSWORD:
		hand_out(j, row, &plain);
		return;
	}
}
