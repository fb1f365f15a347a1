#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/device_job.h"

#include "base/backoff.h"
#include "base/io/timer.h"
#include "base/limits.h"
#include "base/mem.h"
#include "db/connect_device.h"
#include "oauth/device.h"

#define WRITE_TRIES 5 /* of a write that PostgreSQL refuses for good */

enum device_state {
	DEVICE_JOB_ASKING,
	DEVICE_JOB_SAVING,
	DEVICE_JOB_FAILING,
	DEVICE_JOB_OVER, /* waiting for the timer to close */
};

struct device_job {
	struct broker_job job;
	struct broker_env *env;
	struct broker_provider *provider;
	struct log log;
	enum device_state state;

	char claim[37], workspace[37], link[37];
	struct secret body;
	struct http_request http;
	struct device_answer answer;
	struct buf sealed;
	struct connect_link_write write;
	struct timer again;
	struct backoff wait;
	int write_tries;
	enum connect_problem problem;
	char detail[320];
};

static void on_answered(struct http_request *r);
static void on_written(struct connect_link_write *w);
static void on_again(struct timer *t);
static void on_gone(struct timer *t);

static void cancel(struct broker_job *job)
{
	struct device_job *j = container_of(job, struct device_job, job);

	if (j->state == DEVICE_JOB_OVER)
		return;
	if (j->state == DEVICE_JOB_ASKING)
		http_client_cancel(j->env->p.http, &j->http);
	pg_tx_cancel(&j->write.tx);
	j->state = DEVICE_JOB_OVER;
	timer_drop(&j->again, on_gone);
}

static void on_gone(struct timer *t)
{
	struct device_job *j = container_of(t, struct device_job, again);

	http_request_clear(&j->http);
	secret_clear(&j->body);
	device_answer_clear(&j->answer);
	buf_clear(&j->sealed);
	free(j);
}

static void end(struct device_job *j)
{
	struct broker_env *env = j->env;

	cancel(&j->job);
	broker_env_job_end(env, &j->job);
}

static int start_save(struct device_job *j)
{
	const struct connect_device_code c = {
		.workspace = j->workspace,
		.id = j->link,
		.claim = j->claim,
		.user_code = j->answer.user_code,
		.uri = j->answer.uri,
		.uri_complete = j->answer.uri_complete,
		.sealed = j->sealed.data,
		.sealed_len = j->sealed.len,
		.expires_in_s = j->answer.expires_in_s,
		.interval_s = j->answer.interval_s,
	};

	return connect_device_code_start(j->env->p.pg, &j->write, &c, on_written);
}

static void enter(struct device_job *j, enum device_state state)
{
	int r = 0;

	j->state = state;
	switch (state) {
	case DEVICE_JOB_SAVING:
		r = start_save(j);
		break;
	case DEVICE_JOB_FAILING:
		r = connect_link_fail_start(j->env->p.pg, &j->write, j->workspace, j->link,
					    j->claim, connect_problem_code(j->problem), j->detail,
					    on_written);
		break;
	case DEVICE_JOB_ASKING:
	case DEVICE_JOB_OVER:
		break;
	}
	if (r < 0) /* the queue is full: PostgreSQL is away */
		timer_in(&j->again, backoff_failed(&j->wait, &j->env->rand));
}

static void on_again(struct timer *t)
{
	struct device_job *j = container_of(t, struct device_job, again);

	enter(j, j->state);
}

static void fail(struct device_job *j, enum connect_problem problem, const char *detail)
{
	j->problem = problem;
	(void)snprintf(j->detail, sizeof(j->detail), "%s", detail);
	enter(j, DEVICE_JOB_FAILING);
}

static void on_written(struct connect_link_write *w)
{
	struct device_job *j = container_of(w, struct device_job, write);
	bool is_away = w->outcome.blame == BLAME_NET || w->outcome.blame == BLAME_REFUSED;

	if (!outcome_ok(&w->outcome) && (is_away || ++j->write_tries < WRITE_TRIES)) {
		timer_in(&j->again, backoff_failed(&j->wait, &j->env->rand));
		return;
	}
	if (!outcome_ok(&w->outcome))
		log_error(&j->log, "broker.not_saved", "what=%s said=%s", w->outcome.what,
			  w->outcome.said);
	else if (j->state == DEVICE_JOB_SAVING)
		log_info(&j->log, "broker.device_code", "expires_in_s=%lld interval_s=%d",
			 (long long)j->answer.expires_in_s, j->answer.interval_s);
	else
		log_warn(&j->log, "broker.connect_failed", "problem=%s detail=%s",
			 connect_problem_code(j->problem), j->detail);
	end(j);
}

static void on_answered(struct http_request *r)
{
	struct device_job *j = container_of(r, struct device_job, http);
	struct policy_answer verdict;
	struct grant_answer a;

	if (r->status == 200 && outcome_ok(&r->outcome) &&
	    device_read(text_of_buf(&r->answer), &j->answer) == 0) {
		broker_env_seal(j->env, "device", j->workspace, j->link, &j->answer.code,
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
	if (r->answer.data)
		secret_wipe(r->answer.data, r->answer.len);
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
	broker_env_token_request(j->env, j->provider, &j->body, &j->http);
	j->http.url = p->device_authorization_url;
	j->state = DEVICE_JOB_ASKING;
	if (http_client_start(j->env->p.http, &j->http, on_answered) < 0)
		fail(j, CONNECT_INTERNAL, "device_authorization_url is not an http(s) address");
}

void device_job_start(struct broker_env *env, const char *claim, const struct connect_link_work *w)
{
	struct device_job *j = mem_new(sizeof(*j));

	j->env = env;
	j->provider = broker_env_provider(env, w->provider);
	(void)snprintf(j->claim, sizeof(j->claim), "%s", claim);
	(void)snprintf(j->workspace, sizeof(j->workspace), "%s", w->workspace);
	(void)snprintf(j->link, sizeof(j->link), "%s", w->id);
	log_child(&j->log, env->p.log, "connect_link=%s", j->link);
	buf_init(&j->sealed, LIMIT_OAUTH_SEALED);
	backoff_init(&j->wait, 250, 5000, /* survive_ms= */ 0);
	timer_open(&j->again, env->loop, on_again);
	broker_env_job_add(env, &j->job, cancel);
	ask(j);
}
