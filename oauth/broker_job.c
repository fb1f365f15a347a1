#include "oauth/broker_job.h"

#include "base/clock.h"
#include "base/mem.h"

#define AGAIN_MS      100
#define AGAIN_MOST_MS 5000
#define WRITE_MS      1000 /* of a claim, kept for PostgreSQL */

static void on_again(struct timer *t);
static void on_gone(struct timer *t);

void broker_job_open(struct broker_job *job, struct broker_env *env,
		     const struct broker_job_kind *is, const struct broker_claim *claim)
{
	job->env = env;
	job->is = is;
	if (claim)
		job->claim = *claim;
	backoff_init(&job->wait, AGAIN_MS, AGAIN_MOST_MS, /* survive_ms= */ 0);
	timer_open(&job->again, env->loop, on_again);
	list_append(&env->jobs, &job->link);
	if (is->is_beside)
		env->beside++;
	else
		env->stats.under_way++;
}

uint64_t broker_job_left_ms(const struct broker_job *job)
{
	uint64_t end = job->claim.asked_ms + broker_env_claim_ms(job->env) - WRITE_MS;
	uint64_t now = clock_mono_ms();

	return now < end ? end - now : 0;
}

int broker_job_ask(struct broker_job *job, http_client_cb done)
{
	uint64_t left = broker_job_left_ms(job);

	if (job->http.timeout_ms > left)
		job->http.timeout_ms = left > 0 ? left : 1;
	return http_client_start(job->env->p.http, &job->http, done);
}

void broker_job_forget_answer(struct broker_job *job)
{
	struct buf *answer = &job->http.answer;

	if (answer->data)
		secret_wipe(answer->data, answer->len);
	http_request_clear(&job->http);
}

static void go(struct broker_job *job)
{
	if (job->is->go(job) < 0)
		broker_job_pause(job);
}

void broker_job_go(struct broker_job *job)
{
	job->tries = 0;
	go(job);
}

void broker_job_pause(struct broker_job *job)
{
	timer_in(&job->again, backoff_failed(&job->wait, &job->env->rand));
}

static void on_again(struct timer *t)
{
	go(container_of(t, struct broker_job, again));
}

enum broker_job_fate broker_job_heard(struct broker_job *job, const struct outcome *o)
{
	switch (o->blame) {
	case BLAME_NONE:
		return BROKER_JOB_WRITTEN;
	case BLAME_NET:
	case BLAME_REFUSED:
		break;
	case BLAME_US:
	case BLAME_PEER:
	case BLAME_LACKS:
	case BLAME_AUTH:
		if (++job->tries < BROKER_JOB_TRIES)
			break;
		log_error(&job->log, "broker.not_saved", "what=%s said=%s", o->what, o->said);
		return BROKER_JOB_GIVEN_UP;
	}
	broker_job_pause(job);
	return BROKER_JOB_AGAIN;
}

void broker_job_end(struct broker_job *job)
{
	broker_job_cancel(job);
	if (!job->is->is_beside)
		job->env->job_ended(job->env);
}

void broker_job_cancel(struct broker_job *job)
{
	list_remove(&job->link);
	if (job->is->is_beside)
		job->env->beside--;
	else
		job->env->stats.under_way--;
	http_client_cancel(job->env->p.http, &job->http);
	job->is->stop(job);
	timer_drop(&job->again, on_gone);
}

static void on_gone(struct timer *t)
{
	struct broker_job *job = container_of(t, struct broker_job, again);

	broker_job_forget_answer(job);
	job->is->gone(job);
}
