#include <errno.h>
#include <stdio.h>

#include "oauth/consent.h"

#include "base/limits.h"
#include "base/mem.h"

void consent_read(const struct oauth_provider *p, const struct grant_answer *a, int64_t now_s,
		  struct consent *ret)
{
	const char *scopes = a->scope_said ? a->scope : p->scopes;

	secret_set(&ret->lasting, a->refresh.data, a->refresh.len);
	secret_set(&ret->passing, a->access.data, a->access.len);
	(void)snprintf(ret->scopes, sizeof(ret->scopes), "%s", scopes ? scopes : "");
	ret->has_scope = grant_has_scope(p, a);
	ret->refresh_ends_in_s = a->refresh_expires_in_s;
	if (!secret_is_empty(&a->id_token))
		ret->who_is = grant_identity_of_id_token(p, &a->id_token, now_s, &ret->who);
	if (ret->who_is < 0)
		ret->who = (struct grant_identity){ 0 };
}

enum connect_problem consent_problem(const struct consent *c, char ret_detail[320])
{
	const char *words = "";
	enum connect_problem problem = CONNECT_OK;

	if (!c->has_scope) {
		(void)snprintf(ret_detail, 320, "granted: %.150s",
			       c->scopes[0] ? c->scopes : "nothing");
		return CONNECT_MISSING_SCOPE;
	}
	if (secret_is_empty(&c->lasting)) {
		problem = CONNECT_NO_LASTING_ACCESS;
		words = "no refresh token came";
	} else if (c->who_is == -EACCES) {
		problem = CONNECT_ISSUER_MISMATCH;
		words = "the id_token is of another issuer or client";
	} else if (c->who_is < 0) {
		problem = CONNECT_ANSWER_UNUSABLE;
		words = c->who_is == -ETIME ? "the id_token has expired"
					    : "the id_token cannot be read";
	}
	(void)snprintf(ret_detail, 320, "%s", words);
	return problem;
}

void consent_clear(struct consent *c)
{
	secret_clear(&c->lasting);
	secret_clear(&c->passing);
}

int consent_userinfo(const struct consent *c, const char *url, uint64_t timeout_ms,
		     struct secret *bearer, struct http_request *ret)
{
	struct buf b;
	int r;

	buf_init(&b, LIMIT_SECRET + 64);
	r = buf_reserve(&b, 32 + c->passing.len);
	if (r == 0)
		r = text_addf(&b, "Authorization: Bearer %s", secret_text(&c->passing));
	if (r == 0 && b.len <= LIMIT_SECRET)
		secret_set(bearer, b.data, b.len);
	else
		r = -ENOBUFS;
	secret_wipe(b.data, b.len);
	buf_clear(&b);
	*ret = (struct http_request){
		.method = "GET",
		.url = url,
		.headers = { r == 0 ? secret_text(bearer) : NULL, "Accept: application/json" },
		.timeout_ms = timeout_ms,
		.max_answer = LIMIT_OAUTH_ANSWER,
		.fail_over_answer = true,
	};
	return r;
}
