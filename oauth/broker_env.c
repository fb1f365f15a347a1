#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/broker_env.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

#define LOOK_MS     2000
#define SETTLE_MS   5000
#define CONCURRENCY 32

static void provider_init(struct broker_provider *pr, const struct oauth_provider *p,
			  const struct secret *client_secret)
{
	pr->p = p;
	pr->client_secret = client_secret;
	breaker_init(&pr->breaker);
	pr->has_secret =
		client_secret && !secret_is_empty(client_secret) &&
		grant_basic(text_of(p->client_id), &pr->basic_user) == 0 &&
		grant_basic((struct text){ (const char *)client_secret->data, client_secret->len },
			    &pr->basic_password) == 0;
}

void broker_env_init(struct broker_env *env, struct loop *l, const struct broker_params *p)
{
	*env = (struct broker_env){ .loop = l, .p = *p };
	if (env->p.look_ms == 0)
		env->p.look_ms = LOOK_MS;
	if (env->p.settle_ms == 0)
		env->p.settle_ms = SETTLE_MS;
	if (env->p.grace_ms == 0)
		env->p.grace_ms = BROKER_GRACE_MS;
	if (env->p.concurrency == 0)
		env->p.concurrency = CONCURRENCY;
	env->providers = mem_new((p->n_providers + 1) * sizeof(*env->providers));
	for (size_t i = 0; i < p->n_providers; i++)
		provider_init(&env->providers[i], &p->providers[i], p->client_secrets[i]);
	rand_gen_seed(&env->rand, p->seed);
	list_init(&env->jobs);
	grant_saver_init(&env->saver, p->pg);
}

void broker_env_clear(struct broker_env *env)
{
	for (size_t i = 0; i < env->p.n_providers; i++) {
		secret_clear(&env->providers[i].basic_user);
		secret_clear(&env->providers[i].basic_password);
	}
	free(env->providers);
	env->providers = NULL;
	env->p.n_providers = 0;
}

struct broker_provider *broker_env_provider(struct broker_env *env, const char *name)
{
	for (size_t i = 0; i < env->p.n_providers; i++)
		if (strcmp(env->providers[i].p->name, name) == 0)
			return &env->providers[i];
	return NULL;
}

uint64_t broker_env_claim_ms(const struct broker_env *env)
{
	return env->p.timeout_ms + env->p.grace_ms;
}

void broker_env_token_request(const struct broker_env *env, const struct broker_provider *pr,
			      const struct secret *body, struct http_request *ret)
{
	*ret = (struct http_request){
		.method = "POST",
		.url = pr->p->token_url,
		.headers = { "Content-Type: " GRANT_CONTENT_TYPE, "Accept: application/json" },
		.body = { (const char *)body->data, body->len },
		.basic_user = pr->has_secret ? &pr->basic_user : NULL,
		.basic_password = pr->has_secret ? &pr->basic_password : NULL,
		.timeout_ms = env->p.timeout_ms,
		.max_answer = LIMIT_OAUTH_ANSWER,
		.fail_over_answer = true,
	};
}

void broker_env_read(const struct broker_provider *pr, const struct http_request *r,
		     const struct secret *sent, struct grant_answer *ret)
{
	grant_read(r->status, text_of_buf(&r->answer), ret);
	grant_blank(ret, sent);
	if (pr->has_secret)
		grant_blank(ret, pr->client_secret);
}

void broker_env_judge(struct broker_env *env, struct broker_provider *pr,
		      const struct http_request *r, const struct grant_answer *a,
		      struct policy_answer *ret)
{
	policy_judge(&r->outcome, r->status, r->retry_after_s, a, ret);
	if (breaker_heard(&pr->breaker, ret, clock_mono_ms(), &env->rand))
		log_error(
			env->p.log, "broker.frozen", "provider=%s reason=%s said=%s remedy=%s",
			pr->p->name, ret->reason, ret->evidence,
			ret->verdict == POLICY_US
				? "check client id, secret and redirect type; no grant was touched"
				: "look at the provider's status page; no grant was touched");
	pr->verdicts.n[ret->verdict]++;
}

static struct vault *vault_of(const struct broker_env *env, const char *purpose)
{
	return strcmp(purpose, "access") == 0 ? env->p.tokens : env->p.grants;
}

void broker_env_seal(const struct broker_env *env, const char *purpose, const char *workspace,
		     const char *inbox, const struct secret *plain, struct buf *ret_box)
{
	const struct seal_bind bind = { text_of(purpose), text_of(workspace), text_of(inbox) };
	int r = vault_close(vault_of(env, purpose), &bind, plain, ret_box);

	/* `plain` is bounded by LIMIT_SECRET, the box by LIMIT_OAUTH_SEALED: it fits. */
	assert(r == 0);
	(void)r;
}

int broker_env_open(const struct broker_env *env, const char *purpose, const char *workspace,
		    const char *inbox, const void *box, size_t n, struct secret *ret_plain)
{
	const struct seal_bind bind = { text_of(purpose), text_of(workspace), text_of(inbox) };

	return vault_open(vault_of(env, purpose), &bind, box, n, ret_plain);
}

void broker_env_event(const char *type, const char *workspace, const char *of, int64_t version,
		      char ret[EVENT_ID])
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, version);
	event_id_of((const struct text[]){ text_of(workspace), text_of(of), text_of(type),
					   text_of(text) },
		    4, ret);
}

int64_t broker_env_life_s(const struct grant_answer *a, uint64_t took_ms)
{
	int64_t life = a->expires_in_s > 0 ? a->expires_in_s : POLICY_LIFE_UNSAID_S;

	life -= (int64_t)(took_ms / 1000);
	return life > 0 ? life : 1;
}

int64_t broker_env_refresh_in(struct broker_env *env, int64_t life_s, int64_t refresh_ends_in_s)
{
	if (refresh_ends_in_s > 0 && refresh_ends_in_s < life_s)
		life_s = refresh_ends_in_s;
	return policy_refresh_in(life_s, (int64_t)(env->p.refresh_ahead_ms / 1000), &env->rand);
}
