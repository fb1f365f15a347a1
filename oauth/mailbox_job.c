#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/mailbox_job.h"

#include "base/limits.h"
#include "base/mem.h"
#include "db/domain_grant.h"
#include "db/inbox_grant.h"
#include "oauth/broker_job.h"
#include "oauth/domain_ask.h"

enum mailbox_state {
	MAILBOX_JOB_ASKING,   /* the provider has the request */
	MAILBOX_JOB_SAVING,   /* the token is on its way into PostgreSQL */
	MAILBOX_JOB_REFUSING, /* "there is no such mailbox" is */
	MAILBOX_JOB_DOMAIN,   /* "the administrator has to mend it" is, for all inboxes */
	MAILBOX_JOB_LETTING,  /* the claim goes back */
};

struct mailbox_job {
	struct broker_job job;
	enum mailbox_state state;

	char workspace[37], inbox[37], grant[37], address[LIMIT_OAUTH_ADDRESS];
	int64_t version, grant_version, token_version;
	int failures;
	bool forced;

	struct domain_ask ask;
	struct domain_mailbox_save save;
	struct inbox_grant_write write;
	struct domain_grant_write domain;

	struct buf access; /* sealed, to be saved */
	int64_t expires_in_s, refresh_in_s;
	const char *reason; /* static */
	int64_t retry_after_s;
	char evidence[320];
};

static void on_answered(struct http_request *r);
static void on_saved(struct domain_mailbox_save *q);
static void on_written(struct inbox_grant_write *q);
static void on_refused(struct domain_grant_write *q);
static int go(struct broker_job *job);

static void stop(struct broker_job *job)
{
	struct mailbox_job *j = container_of(job, struct mailbox_job, job);

	pg_tx_cancel(&j->save.tx);
	pg_tx_cancel(&j->write.tx);
	pg_tx_cancel(&j->domain.tx);
}

static void gone(struct broker_job *job)
{
	struct mailbox_job *j = container_of(job, struct mailbox_job, job);

	domain_ask_clear(&j->ask);
	buf_clear(&j->access);
	free(j);
}

static const struct broker_job_kind job_kind = { .go = go, .stop = stop, .gone = gone };

/* --- Into PostgreSQL, again until it is there. --- */

static int start_save(struct mailbox_job *j)
{
	const struct domain_mailbox_saved s = {
		.workspace = j->workspace,
		.inbox = j->inbox,
		.version = j->version,
		.token_version = j->token_version,
		.access = j->access.data,
		.access_len = j->access.len,
		.expires_in_s = j->expires_in_s,
		.refresh_in_s = j->refresh_in_s,
		.forced = j->forced,
	};

	return domain_mailbox_save_start(j->job.env->p.pg, &j->save, &s, on_saved);
}

static char *event_data(const struct mailbox_job *j)
{
	json_t *o = json_pack("{s:s s:s s:s s:s s:n}", "inbox_id", j->inbox, "address", j->address,
			      "reason", j->reason, "domain_grant_id", j->grant, "connect_url");
	char *text = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	return text;
}

/* Consent would not help: no link is made. */
static int start_refuse(struct mailbox_job *j)
{
	static const struct connect_link_again no_link;
	char event[EVENT_ID], *data = event_data(j);
	const struct inbox_grant_refused refused = {
		.workspace = j->workspace,
		.inbox = j->inbox,
		.version = j->version,
		.reason = j->reason,
		.evidence = j->evidence,
		.event = event,
		.event_data = data,
		.link = &no_link,
	};
	int r;

	broker_env_event("inbox.reauth_required", j->workspace, j->inbox, j->version, event);
	r = inbox_grant_refuse_start(j->job.env->p.pg, &j->write, &refused, on_written);
	free(data);
	return r;
}

static int start_refuse_domain(struct mailbox_job *j)
{
	char event[EVENT_ID];
	const struct domain_grant_refused r = {
		.workspace = j->workspace,
		.id = j->grant,
		.version = j->grant_version,
		.reason = j->reason,
		.evidence = j->evidence,
		.event = event,
	};

	broker_env_event("domain.reauth_required", j->workspace, j->grant, j->grant_version, event);
	return domain_grant_refuse_start(j->job.env->p.pg, &j->domain, &r, on_refused);
}

static int start_let(struct mailbox_job *j)
{
	const struct inbox_grant_let let = {
		.workspace = j->workspace,
		.inbox = j->inbox,
		.claim = j->job.claim.id,
		.failed = true,
		.wait_ms = policy_wait_ms((unsigned)j->failures + 1, j->retry_after_s,
					  &j->job.env->rand),
		.evidence = j->evidence,
	};

	return inbox_grant_let_start(j->job.env->p.pg, &j->write, &let, on_written);
}

static void enter(struct mailbox_job *j, enum mailbox_state state)
{
	j->state = state;
	broker_job_go(&j->job);
}

static int go(struct broker_job *job)
{
	struct mailbox_job *j = container_of(job, struct mailbox_job, job);

	switch (j->state) {
	case MAILBOX_JOB_SAVING:
		return start_save(j);
	case MAILBOX_JOB_REFUSING:
		return start_refuse(j);
	case MAILBOX_JOB_DOMAIN:
		return start_refuse_domain(j);
	case MAILBOX_JOB_LETTING:
		return start_let(j);
	case MAILBOX_JOB_ASKING:
		break;
	}
	return 0;
}

/* The write is there.  Else it is tried again, or the job is over. */
static bool is_written(struct mailbox_job *j, const struct outcome *o)
{
	enum broker_job_fate fate = broker_job_heard(&j->job, o);

	if (fate == BROKER_JOB_GIVEN_UP)
		broker_job_end(&j->job);
	return fate == BROKER_JOB_WRITTEN;
}

static void on_saved(struct domain_mailbox_save *q)
{
	struct mailbox_job *j = container_of(q, struct mailbox_job, save);

	if (!is_written(j, &q->outcome))
		return;
	if (q->version == 0) {
		j->job.env->stats.lost_races++;
	} else {
		j->job.env->stats.refreshed++;
		j->job.env->stats.forced += j->forced;
		log_info(&j->job.log, "broker.mailbox_token",
			 "version=%" PRId64 " domain=%s forced=%d expires_in_s=%" PRId64,
			 q->version, j->grant, j->forced, j->expires_in_s);
		pg_notify(j->job.env->p.pg, "replyd_token_ready");
		if (q->is_awaited)
			pg_notify(j->job.env->p.pg, "replyd_inbox");
	}
	broker_job_end(&j->job);
}

static void on_written(struct inbox_grant_write *q)
{
	struct mailbox_job *j = container_of(q, struct mailbox_job, write);

	if (!is_written(j, &q->outcome))
		return;
	if (j->state == MAILBOX_JOB_REFUSING && q->version > 0) {
		log_warn(&j->job.log, "broker.reauth_required", "domain=%s reason=%s said=%s",
			 j->grant, j->reason, j->evidence);
		pg_notify(j->job.env->p.pg, "replyd_token_ready");
		pg_notify(j->job.env->p.pg, "replyd_event");
	}
	broker_job_end(&j->job);
}

static void on_refused(struct domain_grant_write *q)
{
	struct mailbox_job *j = container_of(q, struct mailbox_job, domain);

	if (!is_written(j, &q->outcome))
		return;
	if (q->written) {
		log_error(&j->job.log, "broker.domain_refused", "domain=%s reason=%s said=%s",
			  j->grant, j->reason, j->evidence);
		pg_notify(j->job.env->p.pg, "replyd_token_ready");
		pg_notify(j->job.env->p.pg, "replyd_event");
		broker_job_end(&j->job);
		return;
	}
	/* Told by another, which took our claim too, or a new secret is there: tried with that. */
	enter(j, MAILBOX_JOB_LETTING);
}

/* --- At the provider. --- */

static void take(struct mailbox_job *j, const struct secret *token, int64_t expires_in_s)
{
	broker_env_seal(j->job.env, "access", j->workspace, j->inbox, token, &j->access);
	j->expires_in_s = expires_in_s;
	j->refresh_in_s =
		broker_env_refresh_in(j->job.env, expires_in_s, /* refresh_ends_in_s= */ 0);
	enter(j, MAILBOX_JOB_SAVING);
}

static void later(struct mailbox_job *j, const char *reason, const char *evidence)
{
	log_warn(&j->job.log, "broker.later", "domain=%s reason=%s failures=%d said=%s", j->grant,
		 reason, j->failures + 1, evidence);
	(void)snprintf(j->evidence, sizeof(j->evidence), "%s", evidence);
	enter(j, MAILBOX_JOB_LETTING);
}

static void on_answered(struct http_request *r)
{
	struct mailbox_job *j = container_of(r, struct mailbox_job, job.http);
	struct policy_answer verdict;
	struct grant_answer a;
	enum domain_fault fault = domain_ask_read(&j->ask, r, &a, &verdict, &j->reason);

	(void)snprintf(j->evidence, sizeof(j->evidence), "%s", verdict.evidence);
	j->retry_after_s = verdict.retry_after_s;
	switch (fault) {
	case DOMAIN_FINE:
		take(j, &a.access, broker_env_life_s(&a, r->took_ms));
		break;
	case DOMAIN_LATER:
		later(j, j->reason, verdict.evidence);
		break;
	case DOMAIN_MAILBOX:
		enter(j, MAILBOX_JOB_REFUSING);
		break;
	case DOMAIN_ADMIN:
		enter(j, MAILBOX_JOB_DOMAIN);
		break;
	}
	grant_answer_clear(&a);
	broker_job_forget_answer(&j->job);
}

static void start_asking(struct mailbox_job *j, const struct domain_mailbox_row *row,
			 const struct secret *secret)
{
	const struct domain_ask_of of = { row->provider, row->tenant, row->client_id, secret,
					  j->address };
	const char *why = "", *reason = domain_ask_make(j->job.env, &of, &j->ask, &why);

	if (reason) {
		later(j, reason, why);
		return;
	}
	domain_ask_request(j->job.env, &j->ask, &j->job.http);
	j->state = MAILBOX_JOB_ASKING;
	if (broker_job_ask(&j->job, on_answered) < 0)
		later(j, "provider_unknown", "domain_token_url is not an http(s) address");
}

static struct mailbox_job *job_of(struct broker_env *env, const struct broker_claim *claim,
				  const struct domain_mailbox_row *row)
{
	struct mailbox_job *j = mem_new(sizeof(*j));

	broker_job_open(&j->job, env, &job_kind, claim);
	(void)snprintf(j->workspace, sizeof(j->workspace), "%s", row->workspace);
	(void)snprintf(j->inbox, sizeof(j->inbox), "%s", row->inbox);
	(void)snprintf(j->grant, sizeof(j->grant), "%s", row->grant);
	(void)snprintf(j->address, sizeof(j->address), "%s", row->address);
	log_child(&j->job.log, env->p.log, "inbox=%s", j->inbox);
	j->version = row->version;
	j->grant_version = row->grant_version;
	j->token_version = row->token_version;
	j->failures = row->failures;
	j->forced = row->forced;
	j->reason = "";
	buf_init(&j->access, LIMIT_OAUTH_SEALED);
	return j;
}

void mailbox_job_start(struct broker_env *env, const struct broker_claim *claim,
		       const struct domain_mailbox_row *row)
{
	struct mailbox_job *j = job_of(env, claim, row);
	cleanup_secret struct secret plain = { 0 };

	if (broker_env_open(env, row->is_app_only ? "domain_token" : "domain", j->workspace,
			    j->grant, row->sealed, row->sealed_len, &plain) < 0)
		later(j, "secret_unreadable", "what is kept of the domain does not open");
	else if (row->is_app_only)
		take(j, &plain, row->expires_in_s);
	else
		start_asking(j, row, &plain);
}
