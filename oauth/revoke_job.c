#include "oauth/revoke_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/io/timer.h"
#include "base/limits.h"
#include "base/mem.h"

#define AGAIN_S     5
#define AGAIN_MAX_S 300
#define WRITE_TRIES 5

enum revoke_state {
	REVOKE_ASKING,  /* the provider has the request */
	REVOKE_WRITING, /* what came of it is on its way into PostgreSQL */
	REVOKE_OVER,    /* waiting for the timer to close */
};

struct revoke_job {
	struct broker_job job;
	struct broker_env *env;
	struct broker_provider *provider; /* NULL: not configured */
	struct log log;
	enum revoke_state state;
	char claim[37], workspace[37], inbox[37];
	int tries;
	struct secret token, body;
	struct http_request http;
	struct removal_write write;
	struct timer again;
	struct backoff wait;
	int write_tries;
	/* what is written */
	const char *end, *reason; /* static; `end` NULL: again later */
	char evidence[320];
};

static void on_answered(struct http_request *r);
static void on_written(struct removal_write *w);
static void on_again(struct timer *t);
static void on_gone(struct timer *t);

static void cancel(struct broker_job *job)
{
	struct revoke_job *j = container_of(job, struct revoke_job, job);

	if (j->state == REVOKE_OVER)
		return;
	if (j->state == REVOKE_ASKING)
		http_client_cancel(j->env->p.http, &j->http);
	pg_tx_cancel(&j->write.tx);
	j->state = REVOKE_OVER;
	timer_drop(&j->again, on_gone);
}

static void on_gone(struct timer *t)
{
	struct revoke_job *j = container_of(t, struct revoke_job, again);

	http_request_clear(&j->http);
	secret_clear(&j->token);
	secret_clear(&j->body);
	free(j);
}

static void finish(struct revoke_job *j)
{
	struct broker_env *env = j->env;

	cancel(&j->job);
	broker_env_job_end(env, &j->job);
}

/* ---- written ---- */

static int64_t wait_s(const struct revoke_job *j)
{
	int64_t s = AGAIN_S;

	for (int i = 1; i < j->tries && s < AGAIN_MAX_S; i++)
		s *= 2;
	return s < AGAIN_MAX_S ? s : AGAIN_MAX_S;
}

static void write_down(struct revoke_job *j)
{
	struct pg *pg = j->env->p.pg;
	int r;

	j->state = REVOKE_WRITING;
	if (j->end)
		r = removal_end_start(pg, &j->write, j->workspace, j->inbox, j->claim, j->end,
				      j->reason, j->evidence, on_written);
	else
		r = removal_again_start(pg, &j->write, j->workspace, j->inbox, j->claim, j->reason,
					j->evidence, wait_s(j), on_written);
	if (r < 0)
		timer_in(&j->again, backoff_failed(&j->wait, &j->env->rand));
}

static void on_again(struct timer *t)
{
	write_down(container_of(t, struct revoke_job, again));
}

/* A claim that is not written back is retaken when it is stale. */
static void on_written(struct removal_write *w)
{
	struct revoke_job *j = container_of(w, struct revoke_job, write);

	if (!outcome_ok(&w->outcome) && ++j->write_tries < WRITE_TRIES) {
		timer_in(&j->again, backoff_failed(&j->wait, &j->env->rand));
		return;
	}
	if (!outcome_ok(&w->outcome))
		log_error(&j->log, "broker.removal_unwritten", "what=%s said=%s tries=%d",
			  w->outcome.what, w->outcome.said, j->tries);
	else if (!w->is_ours)
		j->env->stats.lost_races++;
	else if (!j->end)
		log_info(&j->log, "broker.not_revoked_yet", "reason=%s evidence=%s tries=%d",
			 j->reason, j->evidence, j->tries);
	else if (strcmp(j->end, "failed") == 0)
		log_error(&j->log, "broker.not_revoked", "reason=%s evidence=%s tries=%d remedy=%s",
			  j->reason, j->evidence, j->tries,
			  "our secrets are deleted; the user can withdraw the consent at the "
			  "provider");
	else
		log_info(&j->log, "broker.removed", "revocation=%s reason=%s", j->end, j->reason);
	if (w->is_ours && j->end)
		pg_notify(j->env->p.pg, "replyd_event");
	finish(j);
}

static void settle(struct revoke_job *j, const char *end, const char *reason, const char *evidence)
{
	j->end = end;
	j->reason = reason;
	(void)snprintf(j->evidence, sizeof(j->evidence), "%s", evidence);
	write_down(j);
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
	struct revoke_job *j = container_of(r, struct revoke_job, http);
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
	if (r->answer.data)
		secret_wipe(r->answer.data, r->answer.len);
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
	broker_env_token_request(j->env, j->provider, &j->body, &j->http);
	j->http.url = p->revoke_url;
	j->http.fail_over_answer = false;
	if (http_client_start(j->env->p.http, &j->http, on_answered) < 0)
		settle(j, "failed", "cannot_be_said", "revoke_url is not an http(s) address");
}

/* Why there is nothing of this inbox's to revoke. */
static const char *nothing(const char *kind)
{
	if (!*kind)
		return "no_grant";
	return strcmp(kind, "password") == 0 ? "password" : "domain_grant";
}

void revoke_job_start(struct broker_env *env, const char *claim, const struct removal_row *r)
{
	struct revoke_job *j = mem_new(sizeof(*j));

	j->env = env;
	j->provider = broker_env_provider(env, r->provider);
	(void)snprintf(j->claim, sizeof(j->claim), "%s", claim);
	(void)snprintf(j->workspace, sizeof(j->workspace), "%s", r->workspace);
	(void)snprintf(j->inbox, sizeof(j->inbox), "%s", r->inbox);
	j->tries = r->tries;
	log_child(&j->log, env->p.log, "inbox=%s", j->inbox);
	backoff_init(&j->wait, 250, 5000, /* survive_ms= */ 0);
	timer_open(&j->again, env->loop, on_again);
	broker_env_job_add(env, &j->job, cancel);
	if (strcmp(r->kind, "oauth") != 0)
		settle(j, "nothing", nothing(r->kind), "");
	else if (r->is_shared)
		settle(j, "kept", "consent_in_use", "");
	else if (!j->provider)
		settle(j, "failed", "provider_unknown", "no such provider is configured");
	else if (!j->provider->p->revoke_url || !*j->provider->p->revoke_url)
		settle(j, "unsupported", "no_revoke_url", "");
	else if (broker_env_open(env, "grant", j->workspace, j->inbox, r->sealed, r->sealed_len,
				 &j->token) < 0)
		settle(j, "failed", "not_opened", "the grant does not open with the broker's keys");
	else
		ask(j);
}
