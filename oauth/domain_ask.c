#include <stdio.h>
#include <string.h>

#include "oauth/domain_ask.h"

#include "base/clock.h"
#include "base/limits.h"

static const struct domain_provider *provider_of(const struct broker_env *env, const char *name)
{
	for (size_t i = 0; i < env->p.n_domains; i++)
		if (strcmp(env->p.domains[i].name, name) == 0)
			return &env->p.domains[i];
	return NULL;
}

static bool fill_url(const struct domain_provider *p, const struct domain_ask_of *of,
		     struct domain_ask *ret)
{
	struct buf b;
	bool fits;

	buf_init(&b, sizeof(ret->url) - 1);
	fits = preset_fill(p->token_url, of->tenant, of->client_id, &b) == 0;
	if (fits)
		(void)snprintf(ret->url, sizeof(ret->url), "%s", (const char *)b.data);
	buf_clear(&b);
	return fits;
}

static const char *make_app_only(const struct domain_provider *p, const struct domain_ask_of *of,
				 struct domain_ask *ret, const char **ret_why)
{
	*ret_why = "the secret does not fit a request";
	if (domain_app_body(p, &ret->body) < 0 ||
	    grant_basic(text_of(of->client_id), &ret->user) < 0 ||
	    grant_basic((struct text){ (const char *)of->secret->data, of->secret->len },
			&ret->password) < 0)
		return "secret_unreadable";
	secret_set(&ret->sent, of->secret->data, of->secret->len);
	return NULL;
}

static const char *make_delegated(const struct domain_provider *p, const struct domain_ask_of *of,
				  struct domain_ask *ret, const char **ret_why)
{
	struct domain_provider at = *p;
	struct domain_account account;
	int r;

	at.token_url = ret->url;
	if (domain_account_read((struct text){ (const char *)of->secret->data, of->secret->len },
				ret->url, &account, ret_why) < 0)
		return "secret_unreadable";
	r = domain_delegated_body(&at, &account, of->mailbox, clock_unix_s(), &ret->body);
	domain_account_clear(&account);
	*ret_why = "the service account's key does not sign";
	if (r < 0)
		return "secret_unreadable";
	secret_set(&ret->sent, ret->body.data, ret->body.len);
	return NULL;
}

const char *domain_ask_make(const struct broker_env *env, const struct domain_ask_of *of,
			    struct domain_ask *ret, const char **ret_why)
{
	const struct domain_provider *p = provider_of(env, of->provider);

	*ret = (struct domain_ask){ 0 };
	*ret_why = "no such provider is configured for domains";
	if (!p)
		return "provider_unknown";
	ret->kind = p->kind;
	*ret_why = "the tenant is none";
	if (!fill_url(p, of, ret))
		return "tenant_unknown";
	switch (p->kind) {
	case PRESET_DOMAIN_APP_ONLY:
		return make_app_only(p, of, ret, ret_why);
	case PRESET_DOMAIN_DELEGATED:
		return make_delegated(p, of, ret, ret_why);
	case PRESET_DOMAIN_NONE:
		break;
	}
	return "provider_unknown";
}

void domain_ask_clear(struct domain_ask *a)
{
	secret_clear(&a->user);
	secret_clear(&a->password);
	secret_clear(&a->body);
	secret_clear(&a->sent);
}

void domain_ask_request(const struct broker_env *env, const struct domain_ask *a,
			struct http_request *ret)
{
	bool is_basic = a->kind == PRESET_DOMAIN_APP_ONLY;

	*ret = (struct http_request){
		.method = "POST",
		.url = a->url,
		.headers = { "Content-Type: " GRANT_CONTENT_TYPE, "Accept: application/json" },
		.body = { (const char *)a->body.data, a->body.len },
		.basic_user = is_basic ? &a->user : NULL,
		.basic_password = is_basic ? &a->password : NULL,
		.timeout_ms = env->p.timeout_ms,
		.max_answer = LIMIT_OAUTH_ANSWER,
		.fail_over_answer = true,
	};
}

enum domain_fault domain_ask_read(const struct domain_ask *a, const struct http_request *r,
				  struct grant_answer *ret_answer,
				  struct policy_answer *ret_verdict, const char **ret_reason)
{
	grant_read(r->status, text_of_buf(&r->answer), ret_answer);
	grant_blank(ret_answer, &a->sent);
	policy_judge(&r->outcome, r->status, r->retry_after_s, ret_answer, ret_verdict);
	return domain_judge(a->kind, ret_verdict, ret_answer, ret_reason);
}
