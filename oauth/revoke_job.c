#include "oauth/revoke_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "oauth/broker_job.h"

#define AGAIN_S     5
#define AGAIN_MAX_S 300

struct revoke_job {
	struct broker_job job;
	struct broker_provider *provider; /* NULL: not configured */
	char workspace[37], id[37];       /* of the inbox, or of the loose consent */
	bool is_loose;
	int tries;
	struct secret token, body;
	struct removal_write write;
	/* what is written */
	const char *end, *reason; /* static; `end` NULL: again later */
	char evidence[320];
};

static void on_answered(struct http_request *r);
static void on_written(struct removal_write *w);
static int go(struct broker_job *job);

static void stop(struct broker_job *job)
{
	struct revoke_job *j = container_of(job, struct revoke_job, job);

	pg_tx_cancel(&j->write.tx);
}

static void gone(struct broker_job *job)
{
	struct revoke_job *j = container_of(job, struct revoke_job, job);

	secret_clear(&j->token);
	secret_clear(&j->body);
	free(j);
}

static const struct broker_job_kind job_kind = { .go = go, .stop = stop, .gone = gone };

/* ---- written ---- */

static int64_t wait_s(const struct revoke_job *j)
{
	int64_t s = AGAIN_S;

	for (int i = 1; i < j->tries && s < AGAIN_MAX_S; i++)
		s *= 2;
	return s < AGAIN_MAX_S ? s : AGAIN_MAX_S;
}

static int go(struct broker_job *job)
{
	struct revoke_job *j = container_of(job, struct revoke_job, job);
	const struct removal_of of = { j->workspace, j->id, j->job.claim.id, j->is_loose };
	struct pg *pg = job->env->p.pg;

	if (j->end)
		return removal_end_start(pg, &j->write, &of, j->end, j->reason, j->evidence,
					 on_written);
	return removal_again_start(pg, &j->write, &of, j->reason, j->evidence, wait_s(j),
				   on_written);
}

static void tell(const struct revoke_job *j)
{
	const struct log *log = &j->job.log;

	if (!j->end)
		log_info(log, "broker.not_revoked_yet", "reason=%s evidence=%s tries=%d", j->reason,
			 j->evidence, j->tries);
	else if (strcmp(j->end, "failed") == 0)
		log_error(log, "broker.not_revoked", "reason=%s evidence=%s tries=%d remedy=%s",
			  j->reason, j->evidence, j->tries,
			  "our secrets are deleted; the user can withdraw the consent at the "
			  "provider");
	else
		log_info(log, j->is_loose ? "broker.consent_dropped" : "broker.removed",
			 "revocation=%s reason=%s", j->end, j->reason);
	if (j->end && !j->is_loose)
		pg_notify(j->job.env->p.pg, "replyd_event");
}

static void on_written(struct removal_write *w)
{
	struct revoke_job *j = container_of(w, struct revoke_job, write);
	enum broker_job_fate fate = broker_job_heard(&j->job, &w->outcome);

	if (fate == BROKER_JOB_AGAIN)
		return;
	if (fate == BROKER_JOB_WRITTEN && w->is_ours)
		tell(j);
	else if (fate == BROKER_JOB_WRITTEN)
		j->job.env->stats.lost_races++;
	broker_job_end(&j->job);
}

static void settle(struct revoke_job *j, const char *end, const char *reason, const char *evidence)
{
	j->end = end;
	j->reason = reason;
	(void)snprintf(j->evidence, sizeof(j->evidence), "%s", evidence);
	broker_job_go(&j->job);
}

/* ---- asked ---- */

enum revoke_said revoke_job_judge(const struct outcome *o, long status, const char *error,
				  const char **ret_reason)
{
	*ret_reason = "";
	if (o->blame == BLAME_REFUSED) {
		*ret_reason = "host_refused";
		return REVOKE_NEVER;
	}
	if (!outcome_ok(o)) {
		*ret_reason = "provider_down";
		return REVOKE_LATER;
	}
	if (status >= 200 && status < 300)
		return REVOKE_DONE;
	/* RFC 7009 section 2.2 wants 200 for a token that is dead already; Google says 400. */
	if (strcmp(error, "invalid_token") == 0 || strcmp(error, "invalid_grant") == 0)
		return REVOKE_DONE;
	if (status == 429 || status >= 500) {
		*ret_reason = "provider_down";
		return REVOKE_LATER;
	}
	*ret_reason = strcmp(error, "invalid_client") == 0 || status == 401 ? "client_refused"
									    : "refused";
	return REVOKE_NEVER;
}

static void on_answered(struct http_request *r)
{
	struct revoke_job *j = container_of(r, struct revoke_job, job.http);
	bool is_last = j->tries >= REVOKE_JOB_TRIES;
	enum revoke_said said;
	const char *reason;
	char evidence[320];
	struct grant_answer a;

	broker_env_read(j->provider, r, &j->token, &a);
	said = revoke_job_judge(&r->outcome, r->status, a.error, &reason);
	(void)snprintf(evidence, sizeof(evidence), "HTTP %ld %.60s %.150s", r->status, a.error,
		       outcome_ok(&r->outcome) ? a.description : r->outcome.said);
	grant_answer_clear(&a);
	broker_job_forget_answer(&j->job);
	switch (said) {
	case REVOKE_DONE:
		settle(j, "revoked", "", "");
		return;
	case REVOKE_NEVER:
		settle(j, "failed", reason, evidence);
		return;
	case REVOKE_LATER:
		settle(j, is_last ? "failed" : NULL, reason, evidence);
		return;
	}
}

static void ask(struct revoke_job *j)
{
	const struct oauth_provider *p = j->provider->p;

	if (grant_revoke_body(p, j->provider->has_secret, &j->token, &j->body) < 0) {
		settle(j, "failed", "cannot_be_said", "");
		return;
	}
	broker_env_token_request(j->job.env, j->provider, &j->body, &j->job.http);
	j->job.http.url = p->revoke_url;
	j->job.http.fail_over_answer = false;
	if (broker_job_ask(&j->job, on_answered) < 0)
		settle(j, "failed", "cannot_be_said", "revoke_url is not an http(s) address");
}

/* Why there is nothing of this inbox's to revoke. */
static const char *nothing(const char *kind)
{
	if (!*kind)
		return "no_grant";
	return strcmp(kind, "password") == 0 ? "password" : "domain_grant";
}

void revoke_job_start(struct broker_env *env, const struct broker_claim *claim,
		      const struct removal_row *r)
{
	struct revoke_job *j = mem_new(sizeof(*j));

	broker_job_open(&j->job, env, &job_kind, claim);
	j->provider = broker_env_provider(env, r->provider);
	(void)snprintf(j->workspace, sizeof(j->workspace), "%s", r->workspace);
	(void)snprintf(j->id, sizeof(j->id), "%s", r->id);
	j->is_loose = r->is_loose;
	j->tries = r->tries;
	log_child(&j->job.log, env->p.log, j->is_loose ? "consent=%s" : "inbox=%s", j->id);
	if (strcmp(r->kind, "oauth") != 0)
		settle(j, "nothing", nothing(r->kind), "");
	else if (r->is_shared)
		settle(j, "kept", "consent_in_use", "");
	else if (!j->provider)
		settle(j, "failed", "provider_unknown", "no such provider is configured");
	else if (!j->provider->p->revoke_url || !*j->provider->p->revoke_url)
		settle(j, "unsupported", "no_revoke_url", "");
	else if (broker_env_open(env, "grant", j->workspace, j->id, r->sealed, r->sealed_len,
				 &j->token) < 0)
		settle(j, "failed", "not_opened", "the grant does not open with the broker's keys");
	else
		ask(j);
}
