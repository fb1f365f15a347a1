#include <stdio.h>
#include <string.h>

#include "oauth/policy.h"

#include "base/backoff.h"
#include "base/mem.h"

#define WAIT_FIRST_MS 5000
#define WAIT_MAX_MS   (10 * 60 * 1000)
#define HOUR_S        3600
#define LOCKED_S      (2 * HOUR_S)
#define WISH_MAX_S    LOCKED_S /* a provider that asks for more is asked again then */

/*
 * What a provider's error means.  The first row that fits counts; a row fits
 * when all it names fit.  Microsoft asks to react to `error` and calls its
 * numbers unstable, so numbers only refine what `error` would say anyway,
 * except where they tell our fault from the user's.
 */
static const struct {
	const char *error;    /* NULL: any */
	int aadsts;           /* 0: any */
	const char *suberror; /* NULL: any */
	enum policy_verdict verdict;
	const char *reason;
	bool whole_client;
	int64_t retry_after_s;
} rows[] = {
	/* Our own client is broken: every refresh fails alike, whoever the user is. */
	{ NULL, 7000215, NULL, POLICY_US, "client_secret_wrong", true, 0 },
	{ NULL, 7000222, NULL, POLICY_US, "client_secret_expired", true, 0 },
	{ NULL, 700016, NULL, POLICY_US, "client_unknown", true, 0 },
	{ NULL, 7000112, NULL, POLICY_US, "client_disabled", true, 0 },
	{ NULL, 70002, NULL, POLICY_US, "client_refused", true, 0 },
	{ NULL, 700084, NULL, POLICY_US, "redirect_type_spa", false,
	  HOUR_S }, /* 24 h tokens: app registration */
	{ NULL, 50196, NULL, POLICY_US, "request_loop", false,
	  HOUR_S }, /* identical requests: a bug of ours */
	{ "invalid_client", 0, NULL, POLICY_US, "client_refused", true, 0 },
	{ "deleted_client", 0, NULL, POLICY_US, "client_deleted", true, 0 },
	{ "disabled_client", 0, NULL, POLICY_US, "client_disabled", true, 0 },
	{ "unauthorized_client", 0, NULL, POLICY_US, "client_not_allowed", true, 0 },
	{ "org_internal", 0, NULL, POLICY_US, "client_not_allowed", true, 0 },

	/* Microsoft, transient whatever `error` says. */
	{ NULL, 90033, NULL, POLICY_LATER, "provider_busy", false, 0 },
	{ NULL, 90090, NULL, POLICY_LATER, "provider_busy", false, 0 },
	{ NULL, 90024, NULL, POLICY_LATER, "provider_busy", false, 0 },
	{ NULL, 50033, NULL, POLICY_LATER, "provider_busy", false, 0 },
	{ NULL, 50087, NULL, POLICY_LATER, "provider_busy", false, 0 },
	{ NULL, 90012, NULL, POLICY_LATER, "provider_busy", false, 0 },
	{ NULL, 90055, NULL, POLICY_LATER, "throttled", false, 60 },
	{ NULL, 50053, NULL, POLICY_LATER, "account_locked", false, LOCKED_S },

	/* Microsoft, a person is needed; the number says which and why. */
	{ NULL, 50076, NULL, POLICY_USER, "mfa_required", false, 0 },
	{ NULL, 50079, NULL, POLICY_USER, "mfa_required", false, 0 },
	{ NULL, 50074, NULL, POLICY_USER, "mfa_required", false, 0 },
	{ NULL, 50078, NULL, POLICY_USER, "mfa_required", false, 0 },
	{ NULL, 50072, NULL, POLICY_USER, "mfa_required", false, 0 },
	{ NULL, 50173, NULL, POLICY_USER, "revoked", false, 0 },
	{ NULL, 50132, NULL, POLICY_USER, "revoked", false, 0 },
	{ NULL, 50133, NULL, POLICY_USER, "password_changed", false, 0 },
	{ NULL, 700082, NULL, POLICY_USER, "unused_too_long", false, 0 },
	{ NULL, 70008, NULL, POLICY_USER, "unused_too_long", false, 0 },
	{ NULL, 70043, NULL, POLICY_USER, "sign_in_frequency", false,
	  0 }, /* will recur: a policy of the tenant */
	{ NULL, 65001, NULL, POLICY_USER, "consent_withdrawn", false, 0 },
	{ NULL, 65004, NULL, POLICY_USER, "consent_declined", false, 0 },
	{ NULL, 90094, NULL, POLICY_USER, "admin_consent_required", false, 0 },
	{ NULL, 90095, NULL, POLICY_USER, "admin_consent_required", false, 0 },
	{ NULL, 53000, NULL, POLICY_USER, "admin_policy", false, 0 },
	{ NULL, 53001, NULL, POLICY_USER, "admin_policy", false, 0 },
	{ NULL, 53002, NULL, POLICY_USER, "admin_policy", false, 0 },
	{ NULL, 53003, NULL, POLICY_USER, "admin_policy", false, 0 },
	{ NULL, 530032, NULL, POLICY_USER, "admin_policy", false, 0 },
	{ NULL, 50005, NULL, POLICY_USER, "admin_policy", false, 0 },
	{ NULL, 50105, NULL, POLICY_USER, "admin_policy", false, 0 },
	{ NULL, 50131, NULL, POLICY_USER, "admin_policy", false, 0 },
	{ NULL, 50057, NULL, POLICY_USER, "account_disabled", false, 0 },
	{ NULL, 50034, NULL, POLICY_USER, "account_gone", false, 0 },

	/* RFC 6749 section 5.2, OpenID Connect, and Google's own. */
	{ "invalid_grant", 0, "invalid_rapt", POLICY_USER, "sign_in_frequency", false, 0 },
	{ "invalid_grant", 0, "bad_token", POLICY_USER, "revoked", false, 0 },
	{ "invalid_grant", 0, "consent_required", POLICY_USER, "consent_withdrawn", false, 0 },
	{ "invalid_grant", 0, NULL, POLICY_USER, "invalid_grant", false, 0 },
	{ "interaction_required", 0, NULL, POLICY_USER, "interaction_required", false, 0 },
	{ "consent_required", 0, NULL, POLICY_USER, "consent_withdrawn", false, 0 },
	{ "login_required", 0, NULL, POLICY_USER, "interaction_required", false, 0 },
	{ "access_denied", 0, NULL, POLICY_USER, "access_denied", false, 0 },
	{ "admin_policy_enforced", 0, NULL, POLICY_USER, "admin_policy", false, 0 },
	{ "invalid_request", 0, NULL, POLICY_US, "request_refused", false, HOUR_S },
	{ "invalid_scope", 0, NULL, POLICY_US, "scope_refused", true, 0 },
	{ "unsupported_grant_type", 0, NULL, POLICY_US, "request_refused", true, 0 },
	{ "temporarily_unavailable", 0, NULL, POLICY_LATER, "provider_busy", false, 0 },
	{ "server_error", 0, NULL, POLICY_LATER, "provider_busy", false, 0 },
	{ "internal_failure", 0, NULL, POLICY_LATER, "provider_busy", false, 0 },
	{ "slow_down", 0, NULL, POLICY_LATER, "throttled", false, 60 },
	{ "rate_limit_exceeded", 0, NULL, POLICY_LATER, "throttled", false, 60 },
};

const char *policy_verdict_name(enum policy_verdict v)
{
	switch (v) {
	case POLICY_OK:
		return "ok";
	case POLICY_USER:
		return "user";
	case POLICY_US:
		return "us";
	case POLICY_LATER:
		return "later";
	}
	return "unknown";
}

static void judge_error(const struct grant_answer *a, struct policy_answer *ret)
{
	ret->verdict = POLICY_LATER;
	ret->reason = "error_unknown";
	for (size_t i = 0; i < countof(rows); i++) {
		if ((rows[i].error && strcmp(rows[i].error, a->error) != 0) ||
		    (rows[i].aadsts && rows[i].aadsts != a->aadsts) ||
		    (rows[i].suberror && strcmp(rows[i].suberror, a->suberror) != 0))
			continue;
		ret->verdict = rows[i].verdict;
		ret->reason = rows[i].reason;
		ret->whole_client = rows[i].whole_client;
		if (ret->retry_after_s < rows[i].retry_after_s)
			ret->retry_after_s = rows[i].retry_after_s;
		return;
	}
}

/* A request that never left cannot have used up a refresh token. */
static bool was_sent(const struct outcome *o)
{
	static const char *const before[] = { "name lookup", "tcp connect", "tls handshake",
					      "tls certificate", "address not allowed" };

	for (size_t i = 0; i < countof(before); i++)
		if (strcmp(o->what, before[i]) == 0)
			return false;
	return true;
}

void policy_judge(const struct outcome *outcome, long status, int64_t retry_after_s,
		  const struct grant_answer *a, struct policy_answer *ret)
{
	*ret = (struct policy_answer){ .verdict = POLICY_LATER, .reason = "no_answer" };
	if (retry_after_s > 0)
		ret->retry_after_s = retry_after_s;
	if (!outcome_ok(outcome)) {
		ret->may_have_rotated = was_sent(outcome);
		snprintf(ret->evidence, sizeof(ret->evidence), "%s: %.150s", outcome->what,
			 outcome->said);
		return;
	}
	if (a->kind == GRANT_TOKENS) {
		*ret = (struct policy_answer){ .verdict = POLICY_OK, .reason = "" };
		return;
	}
	if (a->kind == GRANT_ERROR)
		snprintf(ret->evidence, sizeof(ret->evidence), "HTTP %ld %s%s%s: %s", status,
			 a->error, a->suberror[0] ? "/" : "", a->suberror, a->description);
	else
		snprintf(ret->evidence, sizeof(ret->evidence), "HTTP %ld, no token and no error",
			 status);

	/* What a proxy or an overloaded front says in between is never the user's fault, whatever
	 * the body claims. */
	if (status == 429) {
		ret->reason = "throttled";
	} else if (status >= 500) {
		ret->reason = "provider_busy";
		ret->may_have_rotated = true;
	} else if (a->kind == GRANT_ERROR) {
		judge_error(a, ret);
	} else {
		ret->reason = "answer_unusable";
		ret->may_have_rotated = status >= 200 && status < 300;
	}
}

int64_t policy_refresh_in(int64_t life_s, int64_t ahead_s, struct rand_gen *g)
{
	int64_t half = life_s / 2, lead = ahead_s, spread;

	if (lead > half)
		lead = half;
	/* The earliest instant is the half of its life; jitter takes up to a fifth of what lies
	 * between. */
	spread = (life_s - lead - half) / 5;
	if (spread > 0)
		lead += (int64_t)rand_gen_below(g, (uint64_t)spread + 1);
	return life_s - lead;
}

bool policy_needs_refresh(int64_t version, bool fresh, int64_t refused, bool due)
{
	return due || !fresh || version <= refused;
}

uint64_t policy_wait_ms(unsigned failures, int64_t retry_after_s, struct rand_gen *g)
{
	struct backoff b;
	uint64_t wait, wish;

	backoff_init(&b, WAIT_FIRST_MS, WAIT_MAX_MS, /* survive_ms= */ 0);
	b.failures = failures > 0 ? failures - 1 : 0;
	wait = backoff_failed(&b, g);
	if (retry_after_s <= 0)
		return wait;
	wish = (uint64_t)(retry_after_s > WISH_MAX_S ? WISH_MAX_S : retry_after_s) * 1000;
	/* Everybody was told the same second: come back spread over the next tenth. */
	wish += rand_gen_below(g, wish / 10 + 1);
	return wait > wish ? wait : wish;
}

enum connect_problem policy_problem(const struct policy_answer *a)
{
	switch (a->verdict) {
	case POLICY_OK:
		return CONNECT_OK;
	case POLICY_USER:
		if (strcmp(a->reason, "admin_consent_required") == 0 ||
		    strcmp(a->reason, "admin_policy") == 0)
			return CONNECT_ADMIN_CONSENT;
		if (strncmp(a->reason, "consent_", 8) == 0 ||
		    strcmp(a->reason, "access_denied") == 0)
			return CONNECT_CONSENT_DECLINED;
		return CONNECT_CODE_REFUSED;
	case POLICY_US:
		return CONNECT_OUR_CLIENT_REFUSED;
	case POLICY_LATER:
		return strcmp(a->reason, "answer_unusable") == 0 ? CONNECT_ANSWER_UNUSABLE
								 : CONNECT_PROVIDER_DOWN;
	}
	return CONNECT_INTERNAL;
}
