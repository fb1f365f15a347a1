#include "oauth/reach_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io/mail_probe.h"
#include "base/limits.h"
#include "base/mem.h"
#include "db/reach.h"
#include "oauth/broker_job.h"
#include "oauth/reach.h"

#define PROBE_MS 10000
#define STARTTLS 143

struct reach_job {
	struct broker_job job;
	unsigned pending; /* probes under way */
	char workspace[37], inbox[37], link[37], user[LIMIT_OAUTH_ADDRESS];
	char smtp_host[256], imap_host[256];
	struct secret credential;
	struct mail_probe smtp, imap;
	struct outcome smtp_outcome; /* BLAME_US: it was not tried, `what` says why */
	uint16_t offered;            /* port of STARTTLS; 0: none */
	struct reach_put put;
};

static void on_smtp(struct mail_probe *p);
static void on_imap(struct mail_probe *p);
static void on_starttls(struct mail_probe *p);
static void on_put(struct reach_put *q);
static int go(struct broker_job *job);

static void stop(struct broker_job *job)
{
	struct reach_job *j = container_of(job, struct reach_job, job);

	mail_probe_cancel(&j->smtp);
	mail_probe_cancel(&j->imap);
	pg_tx_cancel(&j->put.tx);
	secret_clear(&j->credential);
}

static void gone(struct broker_job *job)
{
	struct reach_job *j = container_of(job, struct reach_job, job);

	free(j);
}

static const struct broker_job_kind job_kind = {
	.go = go, .stop = stop, .gone = gone, .is_beside = true
};

/* ---- written ---- */

static const char *reason_of(const struct reach_job *j)
{
	return j->smtp_outcome.blame == BLAME_US ? j->smtp_outcome.what
						 : reach_reason(&j->smtp_outcome);
}

static int go(struct broker_job *job)
{
	struct reach_job *j = container_of(job, struct reach_job, job);
	const struct reach_found f = {
		.workspace = j->workspace,
		.inbox = j->inbox,
		.link = j->link,
		.state = reach_state(&j->smtp_outcome),
		.reason = reason_of(j),
		.detail = j->smtp_outcome.said,
		.host = j->smtp_host,
		.port = j->smtp_host[0] ? j->smtp.port : 0,
		.security = !j->smtp_host[0]      ? ""
			    : j->smtp.is_starttls ? "starttls"
						  : "tls",
		.starttls_port = j->offered,
	};

	return reach_put_start(job->env->p.pg, &j->put, &f, on_put);
}

static void on_put(struct reach_put *q)
{
	struct reach_job *j = container_of(q, struct reach_job, put);
	enum broker_job_fate fate = broker_job_heard(&j->job, &q->outcome);

	if (fate == BROKER_JOB_AGAIN)
		return;
	if (fate == BROKER_JOB_WRITTEN) {
		log_info(&j->job.log, "broker.reached", "inbox=%s smtp=%s reason=%s starttls=%u",
			 j->inbox, reach_state(&j->smtp_outcome), reason_of(j), j->offered);
		pg_notify(j->job.env->p.pg, "replyd_connected");
	}
	broker_job_end(&j->job);
}

/* ---- tried ---- */

static void answered(struct reach_job *j)
{
	if (--j->pending == 0)
		broker_job_go(&j->job);
}

static void on_smtp(struct mail_probe *p)
{
	struct reach_job *j = container_of(p, struct reach_job, smtp);

	j->smtp_outcome = p->outcome;
	secret_clear(&j->credential);
	answered(j);
}

/* Nobody answers: a firewall lets the other port through more often than one would think. */
static void on_imap(struct mail_probe *p)
{
	struct reach_job *j = container_of(p, struct reach_job, imap);

	p->port = j->job.env->p.starttls_port ? j->job.env->p.starttls_port : STARTTLS;
	p->is_starttls = true;
	if (p->outcome.blame != BLAME_NET || strcmp(p->outcome.what, "name lookup") == 0 ||
	    mail_probe_start(j->job.env->p.http, p, on_starttls) < 0)
		answered(j);
}

static void on_starttls(struct mail_probe *p)
{
	struct reach_job *j = container_of(p, struct reach_job, imap);

	if (outcome_ok(&p->outcome))
		j->offered = p->port;
	answered(j);
}

/* ---- beginning ---- */

static const char *user_of(const struct reach_what *w, bool is_local_part, char ret[], size_t size)
{
	size_t local = strcspn(w->address, "@");
	bool is_own =
		strcmp(w->login_name, w->address) != 0 &&
		(strlen(w->login_name) != local || strncmp(w->login_name, w->address, local) != 0);

	if (is_own && w->login_name[0])
		(void)snprintf(ret, size, "%s", w->login_name);
	else
		(void)snprintf(ret, size, "%.*s", is_local_part ? (int)local : (int)size,
			       w->address);
	return ret;
}

static void start_smtp(struct reach_job *j, const struct reach_what *w)
{
	const struct broker_params *p = &j->job.env->p;
	struct broker_server at = { 0 };

	j->smtp_outcome = outcome_of(BLAME_US, "smtp_unknown", TEXT("no SMTP server is known"));
	if (!p->smtp_of || !p->smtp_of(p->smtp_owner, w->provider, &at) || !at.host[0])
		return;
	(void)snprintf(j->smtp_host, sizeof(j->smtp_host), "%s", at.host);
	secret_set(&j->credential, w->credential->data, w->credential->len);
	j->smtp = (struct mail_probe){
		.protocol = MAIL_PROBE_SMTP,
		.host = j->smtp_host,
		.port = at.port,
		.is_starttls = at.is_starttls,
		.user = user_of(w, at.is_local_part, j->user, sizeof(j->user)),
		.credential = &j->credential,
		.is_token = w->is_token,
		.timeout_ms = PROBE_MS,
	};
	if (j->job.env->beside > REACH_JOB_MOST)
		j->smtp_outcome = outcome_of(BLAME_US, "busy", TEXT("too many at the same time"));
	else if (mail_probe_start(p->http, &j->smtp, on_smtp) == 0)
		j->pending++;
	else
		j->smtp_outcome = outcome_of(BLAME_US, "cannot_be_said", TEXT(""));
}

/* Of a server that somebody named: those of the table have what the table says. */
static void start_imap(struct reach_job *j, const struct reach_what *w)
{
	if (!w->imap_is_tls || j->smtp_host[0] || j->job.env->beside > REACH_JOB_MOST)
		return;
	(void)snprintf(j->imap_host, sizeof(j->imap_host), "%s", w->imap_host);
	j->imap = (struct mail_probe){
		.protocol = MAIL_PROBE_IMAP,
		.host = j->imap_host,
		.port = (uint16_t)w->imap_port,
		.timeout_ms = PROBE_MS,
	};
	if (mail_probe_start(j->job.env->p.http, &j->imap, on_imap) == 0)
		j->pending++;
}

void reach_job_start(struct broker_env *env, const struct reach_what *w)
{
	struct reach_job *j = mem_new(sizeof(*j));

	broker_job_open(&j->job, env, &job_kind, /* claim= */ NULL);
	(void)snprintf(j->workspace, sizeof(j->workspace), "%s", w->workspace);
	(void)snprintf(j->inbox, sizeof(j->inbox), "%s", w->inbox);
	(void)snprintf(j->link, sizeof(j->link), "%s", w->link);
	log_child(&j->job.log, env->p.log, "connect_link=%s", j->link);
	start_smtp(j, w);
	start_imap(j, w);
	if (j->pending == 0)
		broker_job_go(&j->job);
}
