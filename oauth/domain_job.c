#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/domain_job.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/seal.h"
#include "oauth/broker_job.h"
#include "oauth/domain_ask.h"

#define UNCONFIGURED_S 600 /* until an operator has put the provider back */

enum domain_state {
	DOMAIN_JOB_ASKING,    /* the provider has the request */
	DOMAIN_JOB_SAVING,    /* secret and token are on their way into PostgreSQL */
	DOMAIN_JOB_DECLINING, /* "this secret is not taken" is */
	DOMAIN_JOB_REFUSING,  /* "the administrator has to mend it" is, for all inboxes */
	DOMAIN_JOB_LETTING,   /* the claim goes back */
};

struct domain_job {
	struct broker_job job;
	enum domain_state state;

	char workspace[37], id[37];
	bool is_offer;
	int64_t offer_no, version;
	int failures;

	struct secret secret; /* the client's, or the service account's file */
	struct domain_ask ask;
	struct domain_grant_write write;

	struct buf sealed, token; /* to be saved */
	int64_t expires_in_s, refresh_in_s;
	const char *reason; /* static */
	int64_t retry_after_s;
	char evidence[320];
};

static void on_answered(struct http_request *r);
static void on_written(struct domain_grant_write *w);
static int go(struct broker_job *job);

static void stop(struct broker_job *job)
{
	struct domain_job *j = container_of(job, struct domain_job, job);

	pg_tx_cancel(&j->write.tx);
}

static void gone(struct broker_job *job)
{
	struct domain_job *j = container_of(job, struct domain_job, job);

	secret_clear(&j->secret);
	domain_ask_clear(&j->ask);
	buf_clear(&j->sealed);
	buf_clear(&j->token);
	free(j);
}

static const struct broker_job_kind job_kind = { .go = go, .stop = stop, .gone = gone };

/* --- Into PostgreSQL, again until it is there. --- */

static int start_save(struct domain_job *j)
{
	const struct domain_grant_saved s = {
		.workspace = j->workspace,
		.id = j->id,
		.claim = j->job.claim.id,
		.is_offer = j->is_offer,
		.offer_no = j->offer_no,
		.sealed = j->sealed.data,
		.sealed_len = j->sealed.len,
		.token = j->token.len > 0 ? j->token.data : NULL,
		.token_len = j->token.len,
		.expires_in_s = j->expires_in_s,
		.refresh_in_s = j->refresh_in_s,
	};

	return domain_grant_save_start(j->job.env->p.pg, &j->write, &s, on_written);
}

static int start_decline(struct domain_job *j)
{
	const struct domain_grant_declined d = {
		.workspace = j->workspace,
		.id = j->id,
		.claim = j->job.claim.id,
		.offer_no = j->offer_no,
		.problem = j->reason,
		.detail = j->evidence,
	};

	return domain_grant_decline_start(j->job.env->p.pg, &j->write, &d, on_written);
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

	broker_env_event("domain.reauth_required", j->workspace, j->id, j->version, event);
	return domain_grant_refuse_start(j->job.env->p.pg, &j->write, &r, on_written);
}

static int start_let(struct domain_job *j)
{
	uint64_t wait_ms =
		policy_wait_ms((unsigned)j->failures + 1, j->retry_after_s, &j->job.env->rand);

	return domain_grant_let_start(j->job.env->p.pg, &j->write, j->workspace, j->id,
				      j->job.claim.id, wait_ms, j->evidence, on_written);
}

static void enter(struct domain_job *j, enum domain_state state)
{
	j->state = state;
	broker_job_go(&j->job);
}

static int go(struct broker_job *job)
{
	struct domain_job *j = container_of(job, struct domain_job, job);

	switch (j->state) {
	case DOMAIN_JOB_SAVING:
		return start_save(j);
	case DOMAIN_JOB_DECLINING:
		return start_decline(j);
	case DOMAIN_JOB_REFUSING:
		return start_refuse(j);
	case DOMAIN_JOB_LETTING:
		return start_let(j);
	case DOMAIN_JOB_ASKING:
		break;
	}
	return 0;
}

/* The write came to an end: what it did is told once, here. */
static void tell(struct domain_job *j)
{
	switch (j->state) {
	case DOMAIN_JOB_SAVING:
		log_info(&j->job.log, "broker.domain_token", "taken_over=%d expires_in_s=%" PRId64,
			 j->is_offer, j->expires_in_s);
		pg_notify(j->job.env->p.pg, "replyd_token"); /* the inboxes' turn */
		if (j->is_offer)
			pg_notify(j->job.env->p.pg, "replyd_inbox");
		break;
	case DOMAIN_JOB_DECLINING:
		log_warn(&j->job.log, "broker.domain_secret_refused", "reason=%s said=%s",
			 j->reason, j->evidence);
		break;
	case DOMAIN_JOB_REFUSING:
		log_error(&j->job.log, "broker.domain_refused", "reason=%s said=%s told=%d",
			  j->reason, j->evidence, j->write.written);
		pg_notify(j->job.env->p.pg, "replyd_token_ready");
		pg_notify(j->job.env->p.pg, "replyd_event");
		break;
	case DOMAIN_JOB_LETTING:
	case DOMAIN_JOB_ASKING:
		break;
	}
}

static void on_written(struct domain_grant_write *w)
{
	struct domain_job *j = container_of(w, struct domain_job, write);
	enum broker_job_fate fate = broker_job_heard(&j->job, &w->outcome);

	if (fate == BROKER_JOB_AGAIN)
		return;
	if (fate == BROKER_JOB_WRITTEN)
		tell(j);
	broker_job_end(&j->job);
}

/* --- At the provider. --- */

static void take(struct domain_job *j, const struct grant_answer *a)
{
	if (j->is_offer)
		broker_env_seal(j->job.env, "domain", j->workspace, j->id, &j->secret, &j->sealed);
	if (j->ask.kind == PRESET_DOMAIN_APP_ONLY)
		broker_env_seal(j->job.env, "domain_token", j->workspace, j->id, &a->access,
				&j->token);
	j->expires_in_s = broker_env_life_s(a, j->job.http.took_ms);
	j->refresh_in_s =
		broker_env_refresh_in(j->job.env, j->expires_in_s, /* refresh_ends_in_s= */ 0);
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
	log_error(&j->job.log, "broker.our_fault", "reason=%s said=%s", reason, why);
	j->retry_after_s = UNCONFIGURED_S;
	(void)snprintf(j->evidence, sizeof(j->evidence), "%s", why);
	enter(j, DOMAIN_JOB_LETTING);
}

static void on_answered(struct http_request *r)
{
	struct domain_job *j = container_of(r, struct domain_job, job.http);
	struct policy_answer verdict;
	struct grant_answer a;

	switch (domain_ask_read(&j->ask, r, &a, &verdict, &j->reason)) {
	case DOMAIN_FINE:
		take(j, &a);
		break;
	case DOMAIN_LATER:
		log_warn(&j->job.log, "broker.domain_later", "reason=%s said=%s", j->reason,
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
	broker_job_forget_answer(&j->job);
}

static int open_secret(struct domain_job *j, const struct domain_grant_row *row)
{
	const struct seal_bind bind = { TEXT("domain"), text_of(j->workspace), text_of(j->id) };

	if (j->is_offer)
		return seal_open_with(j->job.env->p.key_private, &bind, row->sealed,
				      row->sealed_len, &j->secret);
	return broker_env_open(j->job.env, "domain", j->workspace, j->id, row->sealed,
			       row->sealed_len, &j->secret);
}

void domain_job_start(struct broker_env *env, const struct broker_claim *claim,
		      const struct domain_grant_row *row)
{
	struct domain_job *j = mem_new(sizeof(*j));
	const struct domain_ask_of of = { row->provider, row->tenant, row->client_id, &j->secret,
					  row->check_address };
	const char *reason, *why = "";

	broker_job_open(&j->job, env, &job_kind, claim);
	(void)snprintf(j->workspace, sizeof(j->workspace), "%s", row->workspace);
	(void)snprintf(j->id, sizeof(j->id), "%s", row->id);
	log_child(&j->job.log, env->p.log, "domain=%s", j->id);
	j->is_offer = row->is_offer;
	j->offer_no = row->offer_no;
	j->version = row->version;
	j->failures = row->failures;
	j->reason = "";
	buf_init(&j->sealed, LIMIT_OAUTH_SEALED);
	buf_init(&j->token, LIMIT_OAUTH_SEALED);

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
	domain_ask_request(env, &j->ask, &j->job.http);
	j->state = DOMAIN_JOB_ASKING;
	if (broker_job_ask(&j->job, on_answered) < 0)
		cannot_ask(j, "provider_unknown", "domain_token_url is not an http(s) address");
}
