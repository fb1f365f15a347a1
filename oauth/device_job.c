#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/device_job.h"

#include "base/limits.h"
#include "base/mem.h"
#include "db/connect_device.h"
#include "oauth/broker_job.h"
#include "oauth/device.h"

enum device_state {
	DEVICE_JOB_ASKING,
	DEVICE_JOB_SAVING,
	DEVICE_JOB_FAILING,
};

struct device_job {
	struct broker_job job;
	struct broker_provider *provider;
	enum device_state state;

	char workspace[37], link[37];
	struct secret body;
	struct device_answer answer;
	struct buf sealed;
	struct connect_link_write write;
	enum connect_problem problem;
	char detail[320];
};

static void on_answered(struct http_request *r);
static void on_written(struct connect_link_write *w);
static int go(struct broker_job *job);

static void stop(struct broker_job *job)
{
	struct device_job *j = container_of(job, struct device_job, job);

	pg_tx_cancel(&j->write.tx);
}

static void gone(struct broker_job *job)
{
	struct device_job *j = container_of(job, struct device_job, job);

	secret_clear(&j->body);
	device_answer_clear(&j->answer);
	buf_clear(&j->sealed);
	free(j);
}

static const struct broker_job_kind job_kind = { .go = go, .stop = stop, .gone = gone };

static int start_save(struct device_job *j)
{
	const struct connect_device_code c = {
		.workspace = j->workspace,
		.id = j->link,
		.claim = j->job.claim.id,
		.user_code = j->answer.user_code,
		.uri = j->answer.uri,
		.uri_complete = j->answer.uri_complete,
		.sealed = j->sealed.data,
		.sealed_len = j->sealed.len,
		.expires_in_s = j->answer.expires_in_s,
		.interval_s = j->answer.interval_s,
	};

	return connect_device_code_start(j->job.env->p.pg, &j->write, &c, on_written);
}

static int start_fail(struct device_job *j)
{
	const struct connect_link_failed f = {
		.workspace = j->workspace,
		.id = j->link,
		.claim = j->job.claim.id,
		.problem = connect_problem_code(j->problem),
		.detail = j->detail,
		.loose = "",
		.address = "",
	};

	return connect_link_fail_start(j->job.env->p.pg, &j->write, &f, on_written);
}

static int go(struct broker_job *job)
{
	struct device_job *j = container_of(job, struct device_job, job);

	switch (j->state) {
	case DEVICE_JOB_SAVING:
		return start_save(j);
	case DEVICE_JOB_FAILING:
		return start_fail(j);
	case DEVICE_JOB_ASKING:
		break;
	}
	return 0;
}

static void enter(struct device_job *j, enum device_state state)
{
	j->state = state;
	broker_job_go(&j->job);
}

static void fail(struct device_job *j, enum connect_problem problem, const char *detail)
{
	j->problem = problem;
	(void)snprintf(j->detail, sizeof(j->detail), "%s", detail);
	enter(j, DEVICE_JOB_FAILING);
}

static void tell(struct device_job *j)
{
	if (j->state == DEVICE_JOB_SAVING) {
		log_info(&j->job.log, "broker.device_code", "expires_in_s=%lld interval_s=%d",
			 (long long)j->answer.expires_in_s, j->answer.interval_s);
	} else {
		j->job.env->stats.failed += j->write.version > 0;
		log_warn(&j->job.log, "broker.connect_failed", "problem=%s detail=%s written=%d",
			 connect_problem_code(j->problem), j->detail, j->write.version > 0);
	}
}

static void on_written(struct connect_link_write *w)
{
	struct device_job *j = container_of(w, struct device_job, write);
	enum broker_job_fate fate = broker_job_heard(&j->job, &w->outcome);

	if (fate == BROKER_JOB_AGAIN)
		return;
	if (fate == BROKER_JOB_WRITTEN)
		tell(j);
	broker_job_end(&j->job);
}

static void on_answered(struct http_request *r)
{
	struct device_job *j = container_of(r, struct device_job, job.http);
	struct policy_answer verdict;
	struct grant_answer a;

	if (r->status == 200 && outcome_ok(&r->outcome) &&
	    device_read(text_of_buf(&r->answer), &j->answer) == 0) {
		broker_env_seal(j->job.env, "device", j->workspace, j->link, &j->answer.code,
				&j->sealed);
		enter(j, DEVICE_JOB_SAVING);
	} else if (r->status == 200 && outcome_ok(&r->outcome)) {
		fail(j, CONNECT_ANSWER_UNUSABLE, "no device code that can be used came");
	} else {
		broker_env_read(j->provider, r, &j->body, &a);
		policy_judge(&r->outcome, r->status, r->retry_after_s, &a, &verdict);
		fail(j, policy_problem(&verdict), verdict.evidence);
		grant_answer_clear(&a);
	}
	broker_job_forget_answer(&j->job);
}

static void ask(struct device_job *j)
{
	const struct oauth_provider *p = j->provider ? j->provider->p : NULL;

	if (!p || !p->device_authorization_url || !*p->device_authorization_url) {
		fail(j, CONNECT_PROVIDER_UNKNOWN,
		     p ? "no device_authorization_url is known for it"
		       : "no such provider is configured");
		return;
	}
	if (device_ask_body(p, &j->body) < 0) {
		fail(j, CONNECT_INTERNAL, "client id and scopes do not fit a request");
		return;
	}
	broker_env_token_request(j->job.env, j->provider, &j->body, &j->job.http);
	j->job.http.url = p->device_authorization_url;
	j->state = DEVICE_JOB_ASKING;
	if (broker_job_ask(&j->job, on_answered) < 0)
		fail(j, CONNECT_INTERNAL, "device_authorization_url is not an http(s) address");
}

void device_job_start(struct broker_env *env, const struct broker_claim *claim,
		      const struct connect_link_work *w)
{
	struct device_job *j = mem_new(sizeof(*j));

	broker_job_open(&j->job, env, &job_kind, claim);
	j->provider = broker_env_provider(env, w->provider);
	(void)snprintf(j->workspace, sizeof(j->workspace), "%s", w->workspace);
	(void)snprintf(j->link, sizeof(j->link), "%s", w->id);
	log_child(&j->job.log, env->p.log, "connect_link=%s", j->link);
	buf_init(&j->sealed, LIMIT_OAUTH_SEALED);
	ask(j);
}
