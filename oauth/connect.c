#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oauth/connect.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/sign.h"
#include "base/weburl.h"

#define CALLBACK_PATH  "/oauth/callback"
#define RETURN_URL_MAX 2048 /* leaves room in LIMIT_OAUTH_URL for what is put behind it */

static bool is_set(const char *s)
{
	return s && *s;
}

static void value_of(const uint8_t *p, size_t n, char dst[CONNECT_VALUE])
{
	cleanup_buf struct buf b;

	buf_init(&b, CONNECT_VALUE);
	(void)text_add_base64url(&b, p, n); /* 32 bytes make 43 characters */
	(void)snprintf(dst, CONNECT_VALUE, "%.*s", (int)b.len, (const char *)b.data);
	secret_wipe(b.data, b.len);
}

void connect_begin(const uint8_t state_seed[CONNECT_SEED],
		   const uint8_t verifier_seed[CONNECT_SEED], struct connect_start *ret)
{
	uint8_t digest[SIGN_SHA256];

	value_of(state_seed, CONNECT_SEED, ret->state);
	value_of(verifier_seed, CONNECT_SEED, ret->verifier);
	sign_sha256(ret->verifier, strlen(ret->verifier), digest); /* RFC 7636 section 4.2 */
	value_of(digest, sizeof(digest), ret->challenge);
}

static bool is_loopback(struct text host)
{
	return text_ieq(host, TEXT("localhost")) || text_eq(host, TEXT("127.0.0.1")) ||
	       text_eq(host, TEXT("::1"));
}

const char *connect_return_refused(const char *url)
{
	struct text t = text_of(url);
	struct weburl u;

	if (t.len > RETURN_URL_MAX)
		return "is longer than 2048 characters";
	if (t.len > 0 && memchr(t.at, '#', t.len))
		return "has a fragment";
	switch (weburl_split(t, &u)) {
	case 0:
		break;
	case -EPROTONOSUPPORT:
		return "is not an absolute https address";
	case -EILSEQ:
		return "has a character that no address may have (spaces, controls, "
		       "backslash)";
	case -EPERM:
		return "has user information before the host";
	default:
		return "has no usable host";
	}
	if (u.is_plain && !is_loopback(u.host))
		return "is plain http, which is accepted on loopback only";
	return NULL;
}

int connect_redirect_uri(const char *public_url, struct buf *ret)
{
	struct text t = text_of(public_url);
	size_t was = ret->len;

	if (connect_return_refused(public_url) || memchr(t.at, '?', t.len))
		return -EINVAL;
	while (t.len > 0 && t.at[t.len - 1] == '/')
		t.len--;
	if (text_add(ret, t) < 0 || text_add(ret, TEXT(CALLBACK_PATH)) < 0) {
		buf_cut(ret, was);
		return -ENOBUFS;
	}
	return 0;
}

/* "<sep>name=value", the value encoded.  Nothing for an empty value. */
static int add_param(struct buf *b, char sep, const char *name, const char *value)
{
	if (!is_set(value))
		return 0;
	if (text_addf(b, "%c%s=", sep, name) < 0)
		return -ENOBUFS;
	return text_add_percent(b, text_of(value));
}

int connect_authorize_url(const struct oauth_provider *p, const struct connect_start *s,
			  const char *redirect_uri, const char *login_hint, struct buf *ret)
{
	const struct {
		const char *name, *value;
	} params[] = {
		{ "response_type", "code" },
		{ "client_id", p->client_id },
		{ "redirect_uri", redirect_uri },
		{ "scope", p->scopes },
		{ "state", s->state },
		{ "code_challenge", s->challenge },
		{ "code_challenge_method", "S256" },
		{ "login_hint", login_hint },
	};
	size_t was = ret->len;
	char sep;
	int r;

	if (!is_set(p->authorize_url) || !is_set(p->client_id) || strchr(p->authorize_url, '#'))
		return -EINVAL;
	sep = strchr(p->authorize_url, '?') ? '&' : '?';
	r = text_add(ret, text_of(p->authorize_url));
	for (size_t i = 0; r == 0 && i < countof(params); i++, sep = '&')
		r = add_param(ret, sep, params[i].name, params[i].value);
	if (r == 0 && is_set(p->authorize_params))
		r = text_addf(ret, "&%s", p->authorize_params);
	if (r < 0)
		buf_cut(ret, was);
	return r;
}

int connect_return_url(const char *url, const char *link_id, const char *problem, struct buf *ret)
{
	size_t was = ret->len;
	int r;

	if (connect_return_refused(url))
		return -EINVAL;
	r = text_add(ret, text_of(url));
	if (r == 0)
		r = add_param(ret, strchr(url, '?') ? '&' : '?', "state",
			      is_set(problem) ? "failed" : "connected");
	if (r == 0)
		r = add_param(ret, '&', "connect_link_id", link_id);
	if (r == 0)
		r = add_param(ret, '&', "problem", problem);
	if (r < 0)
		buf_cut(ret, was);
	return r;
}

static const char *const codes[] = {
	[CONNECT_OK] = "",
	[CONNECT_PROVIDER_UNKNOWN] = "provider_unknown",
	[CONNECT_STATE_UNKNOWN] = "state_unknown",
	[CONNECT_OTHER_BROWSER] = "other_browser",
	[CONNECT_LINK_EXPIRED] = "link_expired",
	[CONNECT_ISSUER_MISMATCH] = "issuer_mismatch",
	[CONNECT_CONSENT_DECLINED] = "consent_declined",
	[CONNECT_ADMIN_CONSENT] = "admin_consent_required",
	[CONNECT_PROVIDER_DOWN] = "provider_down",
	[CONNECT_OUR_CLIENT_REFUSED] = "our_client_refused",
	[CONNECT_CODE_REFUSED] = "code_refused",
	[CONNECT_ANSWER_UNUSABLE] = "answer_unusable",
	[CONNECT_MISSING_SCOPE] = "missing_scope",
	[CONNECT_NO_LASTING_ACCESS] = "no_lasting_access",
	[CONNECT_ADDRESS_UNKNOWN] = "address_unknown",
	[CONNECT_WRONG_ACCOUNT] = "wrong_account",
	[CONNECT_INTERNAL] = "internal",
};

const char *connect_problem_code(enum connect_problem p)
{
	return codes[p];
}

/*
 * Errors of the authorization endpoint: RFC 6749 section 4.1.2.1, OpenID Connect Core
 * section 3.1.2.6, and providers' own.  A row with words wins over a later one without.
 */
static const struct {
	const char *error;   /* NULL: any */
	const char *mention; /* in the description; NULL: whatever it says */
	enum connect_problem problem;
} refusals[] = {
	{ NULL, "AADSTS90094", CONNECT_ADMIN_CONSENT }, /* grant requires admin permission */
	{ NULL, "AADSTS90095", CONNECT_ADMIN_CONSENT },
	{ NULL, "AADSTS50105", CONNECT_ADMIN_CONSENT }, /* user not assigned to the app */
	{ NULL, "AADSTS700016", CONNECT_OUR_CLIENT_REFUSED },
	{ "admin_policy_enforced", NULL, CONNECT_ADMIN_CONSENT },
	{ "org_internal", NULL, CONNECT_OUR_CLIENT_REFUSED },
	{ "access_denied", NULL, CONNECT_CONSENT_DECLINED },
	{ "consent_required", NULL, CONNECT_CONSENT_DECLINED },
	{ "interaction_required", NULL, CONNECT_CONSENT_DECLINED },
	{ "login_required", NULL, CONNECT_CONSENT_DECLINED },
	{ "account_selection_required", NULL, CONNECT_CONSENT_DECLINED },
	{ "server_error", NULL, CONNECT_PROVIDER_DOWN },
	{ "temporarily_unavailable", NULL, CONNECT_PROVIDER_DOWN },
	{ "invalid_request", NULL, CONNECT_OUR_CLIENT_REFUSED },
	{ "invalid_client", NULL, CONNECT_OUR_CLIENT_REFUSED },
	{ "deleted_client", NULL, CONNECT_OUR_CLIENT_REFUSED },
	{ "unauthorized_client", NULL, CONNECT_OUR_CLIENT_REFUSED },
	{ "unsupported_response_type", NULL, CONNECT_OUR_CLIENT_REFUSED },
	{ "invalid_scope", NULL, CONNECT_OUR_CLIENT_REFUSED },
	{ "redirect_uri_mismatch", NULL, CONNECT_OUR_CLIENT_REFUSED },
	{ "disallowed_useragent", NULL, CONNECT_OUR_CLIENT_REFUSED },
};

static enum connect_problem refusal_of(const char *error, const char *description)
{
	for (size_t i = 0; i < countof(refusals); i++)
		if ((!refusals[i].error || strcmp(refusals[i].error, error) == 0) &&
		    (!refusals[i].mention ||
		     text_ifind(text_of(description), text_of(refusals[i].mention)) != SIZE_MAX))
			return refusals[i].problem;
	return CONNECT_ANSWER_UNUSABLE;
}

bool connect_issuer_is(const struct oauth_provider *p, struct text iss, struct text tenant)
{
	struct text mine = text_of(p->issuer), hole = TEXT("{tenantid}"), head, tail, mid;
	size_t at = text_ifind(mine, hole);

	if (at == SIZE_MAX)
		return text_eq(mine, iss);
	head = text_sub(mine, 0, at);
	tail = text_sub(mine, at + hole.len, mine.len);
	if (iss.len <= head.len + tail.len)
		return false;
	mid = text_sub(iss, head.len, iss.len - head.len - tail.len);
	if (!text_eq(text_sub(iss, 0, head.len), head) ||
	    !text_eq(text_sub(iss, head.len + mid.len, tail.len), tail))
		return false;
	return tenant.len > 0 ? text_eq(mid, tenant) : !memchr(mid.at, '/', mid.len);
}

const struct oauth_provider *connect_issuer_of(const struct oauth_provider *providers, size_t n,
					       struct text iss)
{
	struct text any = { 0 };

	for (size_t i = 0; i < n; i++)
		if (is_set(providers[i].issuer) && connect_issuer_is(&providers[i], iss, any))
			return &providers[i];
	return NULL;
}

enum connect_problem connect_check_callback(const struct oauth_provider *p,
					    const struct connect_callback *c, char ret_detail[200])
{
	struct text none = { 0 };
	char said[192] = "";

	ret_detail[0] = '\0';
	/* RFC 9207 section 2.4: before anything else, errors included. */
	if (is_set(p->issuer) && c->iss && !connect_issuer_is(p, text_of(c->iss), none)) {
		text_printable(said, sizeof(said), text_of(c->iss));
		(void)snprintf(ret_detail, 200, "iss %.180s", said);
		return CONNECT_ISSUER_MISMATCH;
	}
	if (c->error) {
		char error[64];

		text_printable(error, sizeof(error), text_of(c->error));
		text_printable(said, sizeof(said), text_of(c->error_description));
		(void)snprintf(ret_detail, 200, said[0] ? "%s: %.120s" : "%s%.0s", error, said);
		return refusal_of(c->error, c->error_description);
	}
	if (!is_set(c->code)) {
		(void)snprintf(ret_detail, 200, "neither code nor error");
		return CONNECT_ANSWER_UNUSABLE;
	}
	return CONNECT_OK;
}
