#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/domain_job.h"

#include "base/backoff.h"
#include "base/io/timer.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/seal.h"
#include "db/event_id.h"
#include "oauth/domain_ask.h"

#define WRITE_TRIES    5   /* of a write that PostgreSQL refuses for good */
#define UNCONFIGURED_S 600 /* until an operator has put the provider back */

enum domain_state {
	DOMAIN_JOB_ASKING,    /* the provider has the request */
	DOMAIN_JOB_SAVING,    /* secret and token are on their way into PostgreSQL */
	DOMAIN_JOB_DECLINING, /* "this secret is not taken" is */
	DOMAIN_JOB_REFUSING,  /* "the administrator has to mend it" is, for all inboxes */
	DOMAIN_JOB_LETTING,   /* the claim goes back */
	DOMAIN_JOB_OVER,      /* waiting for the timer to close */
};

struct domain_job {
	struct broker_job job;
	struct broker_env *env;
	struct log log;
	enum domain_state state;

	char claim[37], workspace[37], id[37];
	bool is_offer;
	int64_t offer_no, version;
	int failures;

	struct secret secret; /* the client's, or the service account's file */
	struct domain_ask ask;
	struct http_request http;
	struct domain_grant_write write;
	struct timer again;
	struct backoff wait;
	int write_tries;

	struct buf sealed, token; /* to be saved */
	int64_t expires_in_s, refresh_in_s;
	const char *reason; /* static */
	int64_t retry_after_s;
	char evidence[320];
};

static void on_answered(struct http_request *r);
static void on_written(struct domain_grant_write *w);
static void on_again(struct timer *t);
static void on_gone(struct timer *t);

static void cancel(struct broker_job *job)
{
	struct domain_job *j = container_of(job, struct domain_job, job);

	if (j->state == DOMAIN_JOB_OVER)
		return;
	if (j->state == DOMAIN_JOB_ASKING)
		http_client_cancel(j->env->p.http, &j->http);
	pg_tx_cancel(&j->write.tx);
	j->state = DOMAIN_JOB_OVER;
	timer_drop(&j->again, on_gone);
}

static void on_gone(struct timer *t)
{
	struct domain_job *j = container_of(t, struct domain_job, again);

	http_request_clear(&j->http);
	secret_clear(&j->secret);
	domain_ask_clear(&j->ask);
	buf_clear(&j->sealed);
	buf_clear(&j->token);
	free(j);
}

static void end(struct domain_job *j)
{
	struct broker_env *env = j->env;

	cancel(&j->job);
	broker_env_job_end(env, &j->job);
}

/* --- Into PostgreSQL, again until it is there. --- */

static int start_save(struct domain_job *j)
{
	const struct domain_grant_saved s = {
		.workspace = j->workspace,
		.id = j->id,
		.claim = j->claim,
		.is_offer = j->is_offer,
		.offer_no = j->offer_no,
		.sealed = j->sealed.data,
		.sealed_len = j->sealed.len,
		.token = j->token.len > 0 ? j->token.data : NULL,
		.token_len = j->token.len,
		.expires_in_s = j->expires_in_s,
		.refresh_in_s = j->refresh_in_s,
	};

	return domain_grant_save_start(j->env->p.pg, &j->write, &s, on_written);
}

static int start_decline(struct domain_job *j)
{
	const struct domain_grant_declined d = {
		.workspace = j->workspace,
		.id = j->id,
		.claim = j->claim,
		.offer_no = j->offer_no,
		.problem = j->reason,
		.detail = j->evidence,
	};

	return domain_grant_decline_start(j->env->p.pg, &j->write, &d, on_written);
}

static int start_refuse(struct domain_job *j)
{
	char event[EVENT_ID];
	const struct domain_grant_refused r = {
		.workspace = j->workspace,
		.id = j->id,
		.version = j->version,
		.reason = j->reason,
		.evidence = j->evidence,
		.event = event,
	};

	domain_job_event(j->workspace, j->id, j->version, event);
	return domain_grant_refuse_start(j->env->p.pg, &j->write, &r, on_written);
}

static void enter(struct domain_job *j, enum domain_state state)
{
	int r = 0;

	j->state = state;
	switch (state) {
	case DOMAIN_JOB_SAVING:
		r = start_save(j);
		break;
	case DOMAIN_JOB_DECLINING:
		r = start_decline(j);
		break;
	case DOMAIN_JOB_REFUSING:
		r = start_refuse(j);
		break;
	case DOMAIN_JOB_LETTING:
		r = domain_grant_let_start(
			j->env->p.pg, &j->write, j->workspace, j->id, j->claim,
			policy_wait_ms((unsigned)j->failures + 1, j->retry_after_s, &j->env->rand),
			j->evidence, on_written);
		break;
	case DOMAIN_JOB_ASKING:
	case DOMAIN_JOB_OVER:
		break;
	}
	if (r < 0) /* the queue is full: PostgreSQL is away */
		timer_in(&j->again, backoff_failed(&j->wait, &j->env->rand));
}

static void on_again(struct timer *t)
{
	struct domain_job *j = container_of(t, struct domain_job, again);

	enter(j, j->state);
}

/* The write came to an end: what it did is told once, here. */
static void tell(struct domain_job *j)
{
	switch (j->state) {
	case DOMAIN_JOB_SAVING:
		log_info(&j->log, "broker.domain_token", "taken_over=%d expires_in_s=%" PRId64,
			 j->is_offer, j->expires_in_s);
		pg_notify(j->env->p.pg, "replyd_token"); /* the inboxes' turn */
		if (j->is_offer)
			pg_notify(j->env->p.pg, "replyd_inbox");
		break;
	case DOMAIN_JOB_DECLINING:
		log_warn(&j->log, "broker.domain_secret_refused", "reason=%s said=%s", j->reason,
			 j->evidence);
		break;
	case DOMAIN_JOB_REFUSING:
		log_error(&j->log, "broker.domain_refused", "reason=%s said=%s told=%d", j->reason,
			  j->evidence, j->write.written);
		pg_notify(j->env->p.pg, "replyd_token_ready");
		pg_notify(j->env->p.pg, "replyd_event");
		break;
	case DOMAIN_JOB_LETTING:
	case DOMAIN_JOB_ASKING:
	case DOMAIN_JOB_OVER:
		break;
	}
}

static void on_written(struct domain_grant_write *w)
{
	struct domain_job *j = container_of(w, struct domain_job, write);

	switch (w->outcome.blame) {
	case BLAME_NONE:
		tell(j);
		end(j);
		return;
	case BLAME_NET:
	case BLAME_REFUSED:
		break;
	case BLAME_US:
	case BLAME_PEER:
	case BLAME_LACKS:
	case BLAME_AUTH:
		if (++j->write_tries < WRITE_TRIES)
			break;
		log_error(&j->log, "broker.not_saved", "what=%s said=%s", w->outcome.what,
			  w->outcome.said);
		end(j); /* the claim grows stale, and another takes it */
		return;
	}
	timer_in(&j->again, backoff_failed(&j->wait, &j->env->rand));
}

/* --- At the provider. --- */

static void take(struct domain_job *j, const struct grant_answer *a)
{
	if (j->is_offer)
		broker_env_seal(j->env, "domain", j->workspace, j->id, &j->secret, &j->sealed);
	if (j->ask.kind == PRESET_DOMAIN_APP_ONLY)
		broker_env_seal(j->env, "domain_token", j->workspace, j->id, &a->access, &j->token);
	j->expires_in_s = broker_env_life_s(a, j->http.took_ms);
	j->refresh_in_s = policy_refresh_in(
		j->expires_in_s, (int64_t)(j->env->p.refresh_ahead_ms / 1000), &j->env->rand);
	enter(j, DOMAIN_JOB_SAVING);
}

static void give_up(struct domain_job *j, const char *reason, const char *evidence)
{
	j->reason = reason;
	(void)snprintf(j->evidence, sizeof(j->evidence), "%s", evidence);
	enter(j, j->is_offer ? DOMAIN_JOB_DECLINING : DOMAIN_JOB_REFUSING);
}

/* It cannot even be asked: of a secret in use that is ours to mend, not the administrator's. */
static void cannot_ask(struct domain_job *j, const char *reason, const char *why)
{
	if (j->is_offer) {
		give_up(j, reason, why);
		return;
	}
	log_error(&j->log, "broker.our_fault", "reason=%s said=%s", reason, why);
	j->retry_after_s = UNCONFIGURED_S;
	(void)snprintf(j->evidence, sizeof(j->evidence), "%s", why);
	enter(j, DOMAIN_JOB_LETTING);
}

static void on_answered(struct http_request *r)
{
	struct domain_job *j = container_of(r, struct domain_job, http);
	struct policy_answer verdict;
	struct grant_answer a;

	switch (domain_ask_read(&j->ask, r, &a, &verdict, &j->reason)) {
	case DOMAIN_FINE:
		take(j, &a);
		break;
	case DOMAIN_LATER:
		log_warn(&j->log, "broker.domain_later", "reason=%s said=%s", j->reason,
			 verdict.evidence);
		j->retry_after_s = verdict.retry_after_s;
		(void)snprintf(j->evidence, sizeof(j->evidence), "%s", verdict.evidence);
		enter(j, DOMAIN_JOB_LETTING);
		break;
	case DOMAIN_MAILBOX: /* of the address that it was tried for */
	case DOMAIN_ADMIN:
		give_up(j, j->reason, verdict.evidence);
		break;
	}
	grant_answer_clear(&a);
	if (r->answer.data)
		secret_wipe(r->answer.data, r->answer.len);
}

static int open_secret(struct domain_job *j, const struct domain_grant_row *row)
{
	const struct seal_bind bind = { TEXT("domain"), text_of(j->workspace), text_of(j->id) };

	if (j->is_offer)
		return seal_open_with(j->env->p.key_private, &bind, row->sealed, row->sealed_len,
				      &j->secret);
	return broker_env_open(j->env, "domain", j->workspace, j->id, row->sealed, row->sealed_len,
			       &j->secret);
}

void domain_job_event(const char *workspace, const char *id, int64_t version, char ret[EVENT_ID])
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, version);
	event_id_of((const struct text[]){ text_of(workspace), text_of(id),
					   TEXT("domain.reauth_required"), text_of(text) },
		    4, ret);
}

void domain_job_start(struct broker_env *env, const char *claim, const struct domain_grant_row *row)
{
	struct domain_job *j = mem_new(sizeof(*j));
	const struct domain_ask_of of = { row->provider, row->tenant, row->client_id, &j->secret,
					  row->check_address };
	const char *reason, *why = "";

	j->env = env;
	(void)snprintf(j->claim, sizeof(j->claim), "%s", claim);
	(void)snprintf(j->workspace, sizeof(j->workspace), "%s", row->workspace);
	(void)snprintf(j->id, sizeof(j->id), "%s", row->id);
	log_child(&j->log, env->p.log, "domain=%s", j->id);
	j->is_offer = row->is_offer;
	j->offer_no = row->offer_no;
	j->version = row->version;
	j->failures = row->failures;
	j->reason = "";
	buf_init(&j->sealed, LIMIT_OAUTH_SEALED);
	buf_init(&j->token, LIMIT_OAUTH_SEALED);
	backoff_init(&j->wait, 100, 5000, /* survive_ms= */ 0);
	timer_open(&j->again, env->loop, on_again);
	broker_env_job_add(env, &j->job, cancel);

	if (open_secret(j, row) < 0) {
		cannot_ask(j, "secret_unreadable",
			   "the secret does not open with the broker's keys");
		return;
	}
	reason = domain_ask_make(env, &of, &j->ask, &why);
	if (reason) {
		cannot_ask(j, reason, why);
		return;
	}
	domain_ask_request(env, &j->ask, &j->http);
	j->state = DOMAIN_JOB_ASKING;
	if (http_client_start(env->p.http, &j->http, on_answered) < 0)
		cannot_ask(j, "provider_unknown", "domain_token_url is not an http(s) address");
}
