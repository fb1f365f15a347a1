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

#define PROVIDER_NAME 256  /* bytes of a name; it is part of a setting's name */
#define ANSWER_MS     250  /* between two readings of all requests, however often one is told */
#define ENROLL_MOST   1000 /* imported addresses on their way to a first login at once */

enum broker_state {
	BROKER_RUNNING,
	BROKER_DRAINING, /* claims nothing more; jobs end */
	BROKER_DRAINED,
	BROKER_DROPPED, /* waiting for the timer to close */
};

/* What there is to claim. */
enum broker_work {
	BROKER_GRANTS, /* that are due or asked for */
	BROKER_LINKS,
	BROKER_REMOVALS,
	BROKER_DOMAINS,
	BROKER_MAILBOXES, /* of domains */
};
#define WORKS 5
static const char *const work_names[WORKS] = {
	"grants", "links", "removals", "domains", "mailboxes",
};

struct claiming {
	struct broker_claim claim; /* the last one */
	int promised;              /* jobs it may bring; 0: none is under way */
	bool wanted;
};

struct broker {
	struct broker_env env;
	enum broker_state state;
	struct timer look;

	struct claiming work[WORKS]; /* by enum broker_work */
	unsigned turn;               /* who is first when there is not enough for all */
	struct inbox_grant_claim grants;
	struct connect_link_claim links;
	struct removal_take removals;
	struct domain_grant_claim domains;
	struct domain_mailbox_claim mailboxes;

	uint64_t answered_ms; /* when requests were last answered that need no refresh */
	/* After each claim of grants in general, one per provider whose fuse wants a try. */
	const struct broker_provider *probed; /* by the last claim; NULL: it was for all */
	size_t probe_next; /* provider to look at next; n_providers: none left in this round */

	/* NULL: not any more */
	struct forecast_duty *forecasts;
	struct handout_desk *handouts;
	struct books *books;

	void (*drained)(void *owner);
	void *owner;
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

static bool is_claiming(const struct broker *b)
{
	for (int w = 0; w < WORKS; w++)
		if (b->work[w].promised > 0)
			return true;
	return false;
}

/* Places for jobs that are nobody's, and promised to nobody. */
static int slots(const struct broker *b)
{
	int n = (int)b->env.p.concurrency - (int)b->env.stats.under_way;

	for (int w = 0; w < WORKS; w++)
		n -= b->work[w].promised;
	return n;
}

/* An outage of PostgreSQL makes every claim look dead: first those who live may finish. */
static uint64_t stale_ms(const struct broker *b)
{
	uint64_t up = pg_up_since_ms(b->env.p.pg);

	if (up == 0 || clock_mono_ms() - up < b->env.p.settle_ms)
		return UINT64_MAX;
	return broker_env_claim_ms(&b->env);
}

/*
 * We were stopped while PostgreSQL answered (a virtual machine that was moved, a full disk of
 * swap): when that took as long as the grace that is given us, others may take what we claimed to
 * be a dead one's, and a refresh token must not be used twice.  It is left to them, or to us when
 * it is stale.
 */
static bool is_late(const struct broker *b, const struct broker_claim *c, const char *what,
		    const char *id)
{
	uint64_t ms = clock_mono_ms() - c->asked_ms;

	if (ms < b->env.p.grace_ms)
		return false;
	log_warn(b->env.p.log, "broker.claim_late", "%s=%s after_ms=%" PRIu64, what, id, ms);
	return true;
}

/* Providers that the general claim leaves alone, comma separated. */
static void frozen_names(struct broker *b, struct buf *ret)
{
	uint64_t now = clock_mono_ms();

	for (size_t i = 0; i < b->env.p.n_providers; i++) {
		struct broker_provider *pr = &b->env.providers[i];

		if (breaker_look(&pr->breaker, now) == BREAKER_CLOSED)
			continue;
		(void)text_addf(ret, "%s%s", ret->len ? "," : "", pr->p->name);
	}
}

static int claim_grants(struct broker *b, const struct broker_claim *c, int most)
{
	struct buf frozen;
	struct inbox_grant_want want = {
		.claim = c->id,
		.most = most,
		.stale_ms = stale_ms(b),
		.only = b->probed ? b->probed->p->name : NULL,
		.answer = b->answered_ms == 0 || c->asked_ms - b->answered_ms >= ANSWER_MS,
		.fresh_s = POLICY_FRESH_S,
		.refused_again_s = POLICY_REFUSED_AGAIN_S,
	};
	int r;

	buf_init(&frozen, PROVIDER_NAME * (b->env.p.n_providers + 1));
	frozen_names(b, &frozen);
	want.without = want.only || frozen.len == 0 ? "" : (const char *)frozen.data;
	if (want.answer)
		b->answered_ms = c->asked_ms;
	else if (b->env.p.look_ms > ANSWER_MS)
		timer_in(&b->look, ANSWER_MS); /* there may be what only needs an answer */
	r = inbox_grant_claim_start(b->env.p.pg, &b->grants, &want, on_grant, on_grants);
	buf_clear(&frozen);
	return r;
}

static int claim_links(struct broker *b, const struct broker_claim *c, int most)
{
	return connect_link_claim_start(b->env.p.pg, &b->links, c->id, most, stale_ms(b), on_link,
					on_links);
}

static int claim_removals(struct broker *b, const struct broker_claim *c, int most)
{
	return removal_take_start(b->env.p.pg, &b->removals, c->id, most, stale_ms(b), on_removal,
				  on_removals);
}

static int claim_domains(struct broker *b, const struct broker_claim *c, int most)
{
	const struct domain_grant_want want = {
		.claim = c->id,
		.most = most,
		.stale_ms = stale_ms(b),
		.forced_after_s = POLICY_REFUSED_AGAIN_S,
		.enroll_most = ENROLL_MOST,
	};

	return domain_grant_claim_start(b->env.p.pg, &b->domains, &want, on_domain, on_domains);
}

static int claim_mailboxes(struct broker *b, const struct broker_claim *c, int most)
{
	const struct domain_mailbox_want want = {
		.claim = c->id,
		.most = most,
		.stale_ms = stale_ms(b),
		.fresh_s = POLICY_FRESH_S,
		.refused_again_s = POLICY_REFUSED_AGAIN_S,
	};

	return domain_mailbox_claim_start(b->env.p.pg, &b->mailboxes, &want, on_mailbox,
					  on_mailboxes);
}

static int (*const claims[WORKS])(struct broker *b, const struct broker_claim *c, int most) = {
	[BROKER_GRANTS] = claim_grants,       [BROKER_LINKS] = claim_links,
	[BROKER_REMOVALS] = claim_removals,   [BROKER_DOMAINS] = claim_domains,
	[BROKER_MAILBOXES] = claim_mailboxes,
};

static void claim(struct broker *b, unsigned work, int most)
{
	struct claiming *c = &b->work[work];

	c->wanted = false;
	rand_uuid(c->claim.id);
	c->claim.asked_ms = clock_mono_ms();
	if (claims[work](b, &c->claim, most) == 0)
		c->promised = most;
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

static bool is_ready(const struct claiming *c)
{
	return c->wanted && c->promised == 0;
}

/* Every kind of work has its share of the places: none may keep another waiting.  What one does
 * not need, and another does, is given away when all have heard. */
static void look(struct broker *b)
{
	const struct broker_provider *probe;
	int ready = 0;

	if (b->state != BROKER_RUNNING || !pg_is_up(b->env.p.pg))
		return;
	for (int w = 0; w < WORKS; w++)
		ready += is_ready(&b->work[w]);
	for (unsigned i = 0, first = b->turn; i < WORKS && slots(b) > 0; i++) {
		unsigned w = (first + i) % WORKS;

		if (!is_ready(&b->work[w]))
			continue;
		if (w == BROKER_GRANTS) {
			b->probed = NULL;
			b->probe_next = 0;
		}
		claim(b, w, (slots(b) + ready - 1) / ready);
		ready--;
		b->turn = w + 1;
	}
	if (b->work[BROKER_GRANTS].promised == 0 && slots(b) > 0 && (probe = next_probe(b))) {
		b->probed = probe;
		claim(b, BROKER_GRANTS, 1);
	}
}

static void want(struct broker *b, enum broker_work work)
{
	b->work[work].wanted = true;
}

static void look_at_all(struct broker *b)
{
	for (int w = 0; w < WORKS; w++)
		b->work[w].wanted = true;
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

	want(b, BROKER_GRANTS);
	want(b, BROKER_DOMAINS);
	want(b, BROKER_MAILBOXES);
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

	want(b, BROKER_REMOVALS);
	look(b);
}

static void on_heard_links(void *owner)
{
	struct broker *b = owner;

	want(b, BROKER_LINKS);
	want(b, BROKER_DOMAINS);
	look(b);
}

/* What every claim leaves to do. */
static void claimed(struct broker *b, enum broker_work work, int n, const struct outcome *o)
{
	struct claiming *c = &b->work[work];

	log_debug(b->env.p.log, "broker.claimed", "work=%s n=%d of=%d what=%s", work_names[work], n,
		  c->promised, o->what);
	if (n > 0 && n >= c->promised)
		c->wanted = true; /* it took all it might: there is more */
	c->promised = 0;
	if (o->blame == BLAME_US || o->blame == BLAME_AUTH)
		log_error(b->env.p.log, "broker.cannot_claim", "what=%s said=%s", o->what, o->said);
	finish_draining(b);
	/* By the handful: a claim is a commit, however many it takes. */
	if (!is_claiming(b))
		look(b);
}

static void on_grant(struct inbox_grant_claim *q, const struct inbox_grant_row *r)
{
	struct broker *b = container_of(q, struct broker, grants);
	const struct broker_claim *c = &b->work[BROKER_GRANTS].claim;

	if (!is_late(b, c, "inbox", r->inbox))
		refresh_job_start(&b->env, c, r);
}

static void on_grants(struct inbox_grant_claim *q)
{
	struct broker *b = container_of(q, struct broker, grants);

	if (q->answered > 0)
		pg_notify(b->env.p.pg, "replyd_token_ready");
	claimed(b, BROKER_GRANTS, q->claimed, &q->outcome);
}

static void on_link(struct connect_link_claim *q, const struct connect_link_work *w)
{
	struct broker *b = container_of(q, struct broker, links);
	const struct broker_claim *c = &b->work[BROKER_LINKS].claim;

	if (is_late(b, c, "connect_link", w->id))
		return;
	if (w->by_device && w->code_len == 0)
		device_job_start(&b->env, c, w);
	else
		connect_job_start(&b->env, c, w);
}

static void on_links(struct connect_link_claim *q)
{
	claimed(container_of(q, struct broker, links), BROKER_LINKS, q->claimed, &q->outcome);
}

static void on_removal(struct removal_take *q, const struct removal_row *r)
{
	struct broker *b = container_of(q, struct broker, removals);
	const struct broker_claim *c = &b->work[BROKER_REMOVALS].claim;

	if (!is_late(b, c, r->is_loose ? "consent" : "inbox", r->id))
		revoke_job_start(&b->env, c, r);
}

static void on_removals(struct removal_take *q)
{
	claimed(container_of(q, struct broker, removals), BROKER_REMOVALS, q->taken, &q->outcome);
}

static void on_domain(struct domain_grant_claim *q, const struct domain_grant_row *r)
{
	struct broker *b = container_of(q, struct broker, domains);
	const struct broker_claim *c = &b->work[BROKER_DOMAINS].claim;

	if (!is_late(b, c, "domain_grant", r->id))
		domain_job_start(&b->env, c, r);
}

static void on_domains(struct domain_grant_claim *q)
{
	struct broker *b = container_of(q, struct broker, domains);

	if (q->enrolled > 0) { /* inboxes for the workers, which need tokens */
		pg_notify(b->env.p.pg, "replyd_inbox");
		want(b, BROKER_MAILBOXES);
		want(b, BROKER_DOMAINS);
	}
	claimed(b, BROKER_DOMAINS, q->claimed, &q->outcome);
}

static void on_mailbox(struct domain_mailbox_claim *q, const struct domain_mailbox_row *r)
{
	struct broker *b = container_of(q, struct broker, mailboxes);
	const struct broker_claim *c = &b->work[BROKER_MAILBOXES].claim;

	if (!is_late(b, c, "inbox", r->inbox))
		mailbox_job_start(&b->env, c, r);
}

static void on_mailboxes(struct domain_mailbox_claim *q)
{
	struct broker *b = container_of(q, struct broker, mailboxes);

	if (q->answered > 0)
		pg_notify(b->env.p.pg, "replyd_token_ready");
	claimed(b, BROKER_MAILBOXES, q->claimed, &q->outcome);
}

static void finish_draining(struct broker *b)
{
	if (b->state != BROKER_DRAINING || b->env.stats.under_way > 0 || is_claiming(b))
		return;
	b->state = BROKER_DRAINED;
	timer_in(&b->look, 0); /* told from the loop, never from inside a call of ours */
}

static void on_job_ended(struct broker_env *env)
{
	struct broker *b = container_of(env, struct broker, env);

	finish_draining(b);
	if (slots(b) * 4 >= (int)b->env.p.concurrency) /* by the handful, too */
		look(b);
}

struct broker *broker_open(struct loop *l, const struct broker_params *p)
{
	struct broker *b = mem_new(sizeof(*b));
	struct broker_env *env = &b->env;

	broker_env_init(env, l, p);
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
	grant_saver_clear(&b->env.saver);
	list_each(&b->env.jobs, at, tmp)
	{
		broker_job_cancel(container_of(at, struct broker_job, link));
	}
	timer_drop(&b->look, on_gone);
}

static void on_gone(struct timer *t)
{
	struct broker *b = container_of(t, struct broker, look);

	broker_env_clear(&b->env);
	free(b);
}

struct broker_stats broker_stats(const struct broker *b)
{
	return b->env.stats;
}
