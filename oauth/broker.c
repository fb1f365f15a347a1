#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/broker.h"

#include "base/clock.h"
#include "base/io/timer.h"
#include "base/mem.h"
#include "db/connect_link.h"
#include "db/domain_grant.h"
#include "db/domain_mailbox.h"
#include "db/inbox_grant.h"
#include "oauth/books.h"
#include "oauth/broker_env.h"
#include "oauth/broker_job.h"
#include "oauth/connect_job.h"
#include "oauth/device_job.h"
#include "oauth/domain_job.h"
#include "oauth/forecast_duty.h"
#include "oauth/handout_desk.h"
#include "oauth/mailbox_job.h"
#include "oauth/policy.h"
#include "oauth/refresh_job.h"
#include "oauth/revoke_job.h"

#define LOOK_MS       2000
#define CONCURRENCY   32
#define PROVIDER_NAME 256 /* bytes of a name; it is part of a setting's name */
#define SETTLE_MS     5000
#define ANSWER_MS     250  /* between two readings of all requests, however often one is told */
#define ENROLL_MOST   1000 /* imported addresses on their way to a first login at once */

enum broker_state {
	BROKER_RUNNING,
	BROKER_DRAINING, /* claims nothing more; jobs end */
	BROKER_DRAINED,
	BROKER_DROPPED, /* waiting for the timer to close */
};

struct broker {
	struct broker_env env;
	enum broker_state state;
	struct timer look;

	/* Grants: one claim at a time; general first, then one per provider that is being probed.
	 */
	struct inbox_grant_claim grants;
	char grants_claim[37];
	uint64_t grants_asked_ms;
	uint64_t answered_ms; /* when requests were last answered that need no refresh */
	size_t probe_next;    /* provider to look at next; n_providers: none left in this round */

	struct connect_link_claim links;
	char links_claim[37];
	uint64_t links_asked_ms;

	struct removal_take removals;
	char removals_claim[37];

	struct domain_grant_claim domains;
	char domains_claim[37];
	uint64_t domains_asked_ms;

	struct domain_mailbox_claim mailboxes;
	char mailboxes_claim[37];
	uint64_t mailboxes_asked_ms;

	/* NULL: not any more */
	struct forecast_duty *forecasts;
	struct handout_desk *handouts;
	struct books *books;

	void (*drained)(void *owner);
	void *owner;

	bool claiming_grants, grants_wanted;
	bool claiming_links, links_wanted;
	bool taking_removals, removals_wanted;
	bool claiming_domains, domains_wanted;
	bool claiming_mailboxes, mailboxes_wanted;
	bool full; /* the last claim of grants took all it might: there is more */
};

static void on_look(struct timer *t);
static void on_heard_grants(void *owner);
static void on_heard_links(void *owner);
static void on_heard_handouts(void *owner);
static void on_heard_saved(void *owner);
static void on_grant(struct inbox_grant_claim *q, const struct inbox_grant_row *r);
static void on_grants(struct inbox_grant_claim *q);
static void on_heard_removals(void *owner);
static void on_removal(struct removal_take *q, const struct removal_row *r);
static void on_removals(struct removal_take *q);
static void on_link(struct connect_link_claim *q, const struct connect_link_work *w);
static void on_links(struct connect_link_claim *q);
static void on_domain(struct domain_grant_claim *q, const struct domain_grant_row *r);
static void on_domains(struct domain_grant_claim *q);
static void on_mailbox(struct domain_mailbox_claim *q, const struct domain_mailbox_row *r);
static void on_mailboxes(struct domain_mailbox_claim *q);
static void on_job_ended(struct broker_env *env);
static void on_gone(struct timer *t);

static void finish_draining(struct broker *b);

static int slots(const struct broker *b)
{
	return (int)b->env.p.concurrency - (int)b->env.stats.under_way;
}

/* An outage of PostgreSQL makes every claim look dead: first those who live may finish. */
static uint64_t stale_ms(const struct broker *b)
{
	uint64_t up = pg_up_since_ms(b->env.p.pg);

	if (up == 0 || clock_mono_ms() - up < b->env.p.settle_ms)
		return UINT64_MAX;
	return b->env.p.timeout_ms + BROKER_GRACE_MS;
}

/*
 * We were stopped while PostgreSQL answered (a virtual machine that was moved, a full disk of
 * swap): when that took as long as the grace that is given us, others may take what we claimed to
 * be a dead one's, and a refresh token must not be used twice.  It is left to them, or to us when
 * it is stale.
 */
static bool is_late(const struct broker *b, uint64_t asked_ms, const char *what, const char *id)
{
	uint64_t ms = clock_mono_ms() - asked_ms;

	if (ms < BROKER_GRACE_MS)
		return false;
	log_warn(b->env.p.log, "broker.claim_late", "%s=%s after_ms=%" PRIu64, what, id, ms);
	return true;
}

/* Providers that the general claim leaves alone, comma separated. */
static void frozen_names(struct broker *b, struct buf *ret)
{
	uint64_t now = clock_mono_ms();

	b->env.stats.frozen = 0;
	for (size_t i = 0; i < b->env.p.n_providers; i++) {
		struct broker_provider *pr = &b->env.providers[i];

		if (breaker_look(&pr->breaker, now) == BREAKER_CLOSED)
			continue;
		b->env.stats.frozen++;
		(void)text_addf(ret, "%s%s", ret->len ? "," : "", pr->p->name);
	}
}

static void claim_grants(struct broker *b, const char *only, int most)
{
	uint64_t now_ms = clock_mono_ms();
	struct buf frozen;
	struct inbox_grant_want want = {
		.claim = b->grants_claim,
		.most = most,
		.stale_ms = stale_ms(b),
		.only = only,
		.answer = b->answered_ms == 0 || now_ms - b->answered_ms >= ANSWER_MS,
		.fresh_s = POLICY_FRESH_S,
		.refused_again_s = POLICY_REFUSED_AGAIN_S,
	};

	buf_init(&frozen, PROVIDER_NAME * (b->env.p.n_providers + 1));
	frozen_names(b, &frozen);
	want.without = only || frozen.len == 0 ? "" : (const char *)frozen.data;
	if (want.answer)
		b->answered_ms = now_ms;
	else if (b->env.p.look_ms > ANSWER_MS)
		timer_in(&b->look, ANSWER_MS); /* there may be what only needs an answer */
	rand_uuid(b->grants_claim);
	b->grants_asked_ms = now_ms;
	b->claiming_grants =
		inbox_grant_claim_start(b->env.p.pg, &b->grants, &want, on_grant, on_grants) == 0;
	buf_clear(&frozen);
}

/* The next provider whose fuse wants one try. */
static struct broker_provider *next_probe(struct broker *b)
{
	while (b->probe_next < b->env.p.n_providers) {
		struct broker_provider *pr = &b->env.providers[b->probe_next++];

		if (breaker_look(&pr->breaker, clock_mono_ms()) == BREAKER_PROBING &&
		    pr->under_way == 0)
			return pr;
	}
	return NULL;
}

static void claim_domains(struct broker *b)
{
	const struct domain_grant_want want = {
		.claim = b->domains_claim,
		.most = slots(b),
		.stale_ms = stale_ms(b),
		.forced_after_s = POLICY_REFUSED_AGAIN_S,
		.enroll_most = ENROLL_MOST,
	};

	b->domains_wanted = false;
	rand_uuid(b->domains_claim);
	b->domains_asked_ms = clock_mono_ms();
	b->claiming_domains = domain_grant_claim_start(b->env.p.pg, &b->domains, &want, on_domain,
						       on_domains) == 0;
}

static void claim_mailboxes(struct broker *b)
{
	const struct domain_mailbox_want want = {
		.claim = b->mailboxes_claim,
		.most = slots(b),
		.stale_ms = stale_ms(b),
		.fresh_s = POLICY_FRESH_S,
		.refused_again_s = POLICY_REFUSED_AGAIN_S,
	};

	b->mailboxes_wanted = false;
	rand_uuid(b->mailboxes_claim);
	b->mailboxes_asked_ms = clock_mono_ms();
	b->claiming_mailboxes = domain_mailbox_claim_start(b->env.p.pg, &b->mailboxes, &want,
							   on_mailbox, on_mailboxes) == 0;
}

static void take_removals(struct broker *b)
{
	b->removals_wanted = false;
	rand_uuid(b->removals_claim);
	b->taking_removals =
		removal_take_start(b->env.p.pg, &b->removals, b->removals_claim, slots(b),
				   stale_ms(b), on_removal, on_removals) == 0;
}

static void look(struct broker *b)
{
	struct broker_provider *probe;

	if (b->state != BROKER_RUNNING || !pg_is_up(b->env.p.pg) || slots(b) <= 0)
		return;
	if (!b->claiming_grants && b->grants_wanted) {
		b->grants_wanted = false;
		b->probe_next = 0;
		claim_grants(b, /* only= */ NULL, slots(b));
	} else if (!b->claiming_grants && (probe = next_probe(b)) != NULL) {
		claim_grants(b, probe->p->name, 1);
	}
	if (!b->claiming_links && b->links_wanted) {
		b->links_wanted = false;
		rand_uuid(b->links_claim);
		b->links_asked_ms = clock_mono_ms();
		b->claiming_links =
			connect_link_claim_start(b->env.p.pg, &b->links, b->links_claim, slots(b),
						 stale_ms(b), on_link, on_links) == 0;
	}
	if (!b->taking_removals && b->removals_wanted)
		take_removals(b);
	if (!b->claiming_domains && b->domains_wanted)
		claim_domains(b);
	if (!b->claiming_mailboxes && b->mailboxes_wanted)
		claim_mailboxes(b);
}

static void look_at_all(struct broker *b)
{
	b->grants_wanted = b->links_wanted = b->domains_wanted = b->mailboxes_wanted = true;
	b->removals_wanted = true;
	look(b);
}

static void on_look(struct timer *t)
{
	struct broker *b = container_of(t, struct broker, look);

	timer_in(&b->look, b->env.p.look_ms);
	look_at_all(b);
	on_heard_handouts(b);
}

static void on_heard_grants(void *owner)
{
	struct broker *b = owner;

	b->grants_wanted = b->domains_wanted = b->mailboxes_wanted = true;
	look(b);
}

static void on_heard_handouts(void *owner)
{
	struct broker *b = owner;

	if (b->handouts)
		handout_desk_look(b->handouts);
}

static void on_heard_saved(void *owner)
{
	struct broker *b = owner;

	handout_desk_saved(b->handouts);
}

static void on_heard_removals(void *owner)
{
	struct broker *b = owner;

	b->removals_wanted = true;
	look(b);
}

static void on_heard_links(void *owner)
{
	struct broker *b = owner;

	b->links_wanted = b->domains_wanted = true;
	look(b);
}

static void on_grant(struct inbox_grant_claim *q, const struct inbox_grant_row *r)
{
	struct broker *b = container_of(q, struct broker, grants);

	if (!is_late(b, b->grants_asked_ms, "inbox", r->inbox))
		refresh_job_start(&b->env, b->grants_claim, r);
}

/* What every claim leaves to do. */
static void claimed(struct broker *b, int n, const struct outcome *o)
{
	if (n > 0 && slots(b) <= 0)
		b->full = true;
	if (o->blame == BLAME_US || o->blame == BLAME_AUTH)
		log_error(b->env.p.log, "broker.cannot_claim", "what=%s said=%s", o->what, o->said);
	finish_draining(b);
	look(b);
}

static void on_grants(struct inbox_grant_claim *q)
{
	struct broker *b = container_of(q, struct broker, grants);

	b->claiming_grants = false;
	if (q->answered > 0)
		pg_notify(b->env.p.pg, "replyd_token_ready");
	claimed(b, q->claimed, &q->outcome);
}

static void on_removal(struct removal_take *q, const struct removal_row *r)
{
	struct broker *b = container_of(q, struct broker, removals);

	revoke_job_start(&b->env, b->removals_claim, r);
}

static void on_removals(struct removal_take *q)
{
	struct broker *b = container_of(q, struct broker, removals);

	b->taking_removals = false;
	if (q->taken > 0 && slots(b) <= 0)
		b->full = true;
	if (q->outcome.blame == BLAME_US || q->outcome.blame == BLAME_AUTH)
		log_error(b->env.p.log, "broker.cannot_claim", "what=%s said=%s", q->outcome.what,
			  q->outcome.said);
	finish_draining(b);
	look(b);
}

static void on_link(struct connect_link_claim *q, const struct connect_link_work *w)
{
	struct broker *b = container_of(q, struct broker, links);

	if (is_late(b, b->links_asked_ms, "connect_link", w->id))
		return;
	if (w->by_device && w->code_len == 0)
		device_job_start(&b->env, b->links_claim, w);
	else
		connect_job_start(&b->env, b->links_claim, w);
}

static void on_links(struct connect_link_claim *q)
{
	struct broker *b = container_of(q, struct broker, links);

	b->claiming_links = false;
	claimed(b, q->claimed, &q->outcome);
}

static void on_domain(struct domain_grant_claim *q, const struct domain_grant_row *r)
{
	struct broker *b = container_of(q, struct broker, domains);

	if (!is_late(b, b->domains_asked_ms, "domain_grant", r->id))
		domain_job_start(&b->env, b->domains_claim, r);
}

static void on_mailbox(struct domain_mailbox_claim *q, const struct domain_mailbox_row *r)
{
	struct broker *b = container_of(q, struct broker, mailboxes);

	if (!is_late(b, b->mailboxes_asked_ms, "inbox", r->inbox))
		mailbox_job_start(&b->env, b->mailboxes_claim, r);
}

static void on_domains(struct domain_grant_claim *q)
{
	struct broker *b = container_of(q, struct broker, domains);

	b->claiming_domains = false;
	if (q->enrolled > 0) { /* inboxes for the workers, which need tokens */
		pg_notify(b->env.p.pg, "replyd_inbox");
		b->mailboxes_wanted = b->domains_wanted = true;
	}
	claimed(b, q->claimed, &q->outcome);
}

static void on_mailboxes(struct domain_mailbox_claim *q)
{
	struct broker *b = container_of(q, struct broker, mailboxes);

	b->claiming_mailboxes = false;
	if (q->answered > 0)
		pg_notify(b->env.p.pg, "replyd_token_ready");
	claimed(b, q->claimed, &q->outcome);
}

static void finish_draining(struct broker *b)
{
	if (b->state != BROKER_DRAINING || b->env.stats.under_way > 0 || b->claiming_grants ||
	    b->claiming_links || b->taking_removals || b->claiming_domains || b->claiming_mailboxes)
		return;
	b->state = BROKER_DRAINED;
	timer_in(&b->look, 0); /* told from the loop, never from inside a call of ours */
}

static void on_job_ended(struct broker_env *env)
{
	struct broker *b = container_of(env, struct broker, env);

	finish_draining(b);
	/* By the handful: a claim is a commit, however many it takes. */
	if (!b->full || slots(b) * 4 < (int)b->env.p.concurrency)
		return;
	b->full = false;
	look_at_all(b);
}

struct broker *broker_open(struct loop *l, const struct broker_params *p)
{
	struct broker *b = mem_new(sizeof(*b));
	struct broker_env *env = &b->env;

	env->loop = l;
	env->p = *p;
	if (env->p.look_ms == 0)
		env->p.look_ms = LOOK_MS;
	if (env->p.settle_ms == 0)
		env->p.settle_ms = SETTLE_MS;
	if (env->p.concurrency == 0)
		env->p.concurrency = CONCURRENCY;
	env->providers = mem_new((p->n_providers + 1) * sizeof(*env->providers));
	for (size_t i = 0; i < p->n_providers; i++) {
		struct broker_provider *pr = &env->providers[i];
		const struct secret *client_secret = p->client_secrets[i];

		pr->client_secret = client_secret;
		pr->p = &p->providers[i];
		breaker_init(&pr->breaker);
		pr->has_secret = client_secret && !secret_is_empty(client_secret) &&
				 grant_basic(text_of(pr->p->client_id), &pr->basic_user) == 0 &&
				 grant_basic((struct text){ (const char *)client_secret->data,
							    client_secret->len },
					     &pr->basic_password) == 0;
	}
	rand_gen_seed(&env->rand, p->seed);
	list_init(&env->jobs);
	env->job_ended = on_job_ended;
	timer_open(&b->look, l, on_look);
	timer_in(&b->look, 0);
	b->forecasts = forecast_duty_open(env);
	b->handouts = handout_desk_open(env);
	b->books = books_open(env);
	pg_listen(p->pg, "replyd_handout", on_heard_handouts, b);
	pg_listen(p->pg, "replyd_token_ready", on_heard_saved, b);
	pg_listen(p->pg, "replyd_token", on_heard_grants, b);
	pg_listen(p->pg, "replyd_connect", on_heard_links, b);
	pg_listen(p->pg, "replyd_removal", on_heard_removals, b);
	return b;
}

void broker_wake(struct broker *b)
{
	look_at_all(b);
}

static void on_drained(struct timer *t)
{
	struct broker *b = container_of(t, struct broker, look);

	if (b->state == BROKER_DRAINED)
		b->drained(b->owner);
}

static void drop_duties(struct broker *b)
{
	forecast_duty_drop(b->forecasts);
	b->forecasts = NULL;
	handout_desk_drop(b->handouts);
	b->handouts = NULL;
	books_drop(b->books);
	b->books = NULL;
}

void broker_drain(struct broker *b, void (*drained)(void *owner), void *owner)
{
	if (b->state != BROKER_RUNNING)
		return;
	b->state = BROKER_DRAINING;
	b->drained = drained;
	b->owner = owner;
	b->look.fired = on_drained;
	drop_duties(b);
	timer_stop(&b->look);
	finish_draining(b);
}

void broker_drop(struct broker *b)
{
	struct list *at, *tmp;

	if (b->state == BROKER_DROPPED)
		return;
	b->state = BROKER_DROPPED;
	drop_duties(b);
	pg_tx_cancel(&b->grants.tx);
	pg_tx_cancel(&b->links.tx);
	pg_tx_cancel(&b->removals.tx);
	pg_tx_cancel(&b->domains.tx);
	pg_tx_cancel(&b->mailboxes.tx);
	list_each(&b->env.jobs, at, tmp)
	{
		broker_job_cancel(container_of(at, struct broker_job, link));
	}
	timer_drop(&b->look, on_gone);
}

static void on_gone(struct timer *t)
{
	struct broker *b = container_of(t, struct broker, look);

	for (size_t i = 0; i < b->env.p.n_providers; i++) {
		secret_clear(&b->env.providers[i].basic_user);
		secret_clear(&b->env.providers[i].basic_password);
	}
	free(b->env.providers);
	free(b);
}

struct broker_stats broker_stats(const struct broker *b)
{
	return b->env.stats;
}
