#include <stdio.h>
#include <string.h>

#include "oauth/policy.h"

#include "base/backoff.h"
#include "base/mem.h"

#define WAIT_FIRST_MS 5000
#define WAIT_MAX_MS   (10 * 60 * 1000)
#define HOUR_S        3600
#define WIDE_ONE_IN   4 /* refreshes: of hourly ones it makes 5 % more */
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
	const char *suberror; /* NULL: any */
	int aadsts;           /* 0: any */
	enum policy_verdict verdict;
	const char *reason;
	int64_t retry_after_s;
	bool whole_client;
} rows[] = {
	/* Our own client is broken: every refresh fails alike, whoever the user is. */
	{ NULL, NULL, 7000215, POLICY_US, "client_secret_wrong", 0, true },
	{ NULL, NULL, 7000222, POLICY_US, "client_secret_expired", 0, true },
	{ NULL, NULL, 70002, POLICY_US, "client_refused", 0, true },
	{ "invalid_client", NULL, 0, POLICY_US, "client_refused", 0, true },
	{ "deleted_client", NULL, 0, POLICY_US, "client_deleted", 0, true },
	{ "disabled_client", NULL, 0, POLICY_US, "client_disabled", 0, true },

	/*
	 * Ours too, but perhaps in one tenant only, where our application was taken away: one such
	 * grant must not freeze the rest.  When all of them say so, the fuse sees it.
	 */
	{ NULL, NULL, 700016, POLICY_US, "client_unknown", HOUR_S, false },
	{ NULL, NULL, 7000112, POLICY_US, "client_disabled", HOUR_S, false },
	{ "unauthorized_client", NULL, 0, POLICY_US, "client_not_allowed", HOUR_S, false },
	{ "org_internal", NULL, 0, POLICY_US, "client_not_allowed", HOUR_S, false },
	{ NULL, NULL, 700084, POLICY_US, "redirect_type_spa", HOUR_S, false }, /* 24 h tokens */
	{ NULL, NULL, 50196, POLICY_US, "request_loop", HOUR_S, false },

	/* Microsoft, transient whatever `error` says. */
	{ NULL, NULL, 90033, POLICY_LATER, "provider_busy", 0, false },
	{ NULL, NULL, 90090, POLICY_LATER, "provider_busy", 0, false },
	{ NULL, NULL, 90024, POLICY_LATER, "provider_busy", 0, false },
	{ NULL, NULL, 50033, POLICY_LATER, "provider_busy", 0, false },
	{ NULL, NULL, 50087, POLICY_LATER, "provider_busy", 0, false },
	{ NULL, NULL, 90012, POLICY_LATER, "provider_busy", 0, false },
	{ NULL, NULL, 90055, POLICY_LATER, "throttled", 60, false },
	{ NULL, NULL, 50053, POLICY_LATER, "account_locked", LOCKED_S, false },

	/* Microsoft, a person is needed; the number says which and why. */
	{ NULL, NULL, 50076, POLICY_USER, "mfa_required", 0, false },
	{ NULL, NULL, 50079, POLICY_USER, "mfa_required", 0, false },
	{ NULL, NULL, 50074, POLICY_USER, "mfa_required", 0, false },
	{ NULL, NULL, 50078, POLICY_USER, "mfa_required", 0, false },
	{ NULL, NULL, 50072, POLICY_USER, "mfa_required", 0, false },
	{ NULL, NULL, 50173, POLICY_USER, "revoked", 0, false },
	{ NULL, NULL, 50132, POLICY_USER, "revoked", 0, false },
	{ NULL, NULL, 50133, POLICY_USER, "password_changed", 0, false },
	{ NULL, NULL, 700082, POLICY_USER, "unused_too_long", 0, false },
	{ NULL, NULL, 70008, POLICY_USER, "unused_too_long", 0, false },
	{ NULL, NULL, 70043, POLICY_USER, "sign_in_frequency", 0,
	  false }, /* will recur: a policy of the tenant */
	{ NULL, NULL, 65001, POLICY_USER, "consent_withdrawn", 0, false },
	{ NULL, NULL, 65004, POLICY_USER, "consent_declined", 0, false },
	{ NULL, NULL, 90094, POLICY_USER, "admin_consent_required", 0, false },
	{ NULL, NULL, 90095, POLICY_USER, "admin_consent_required", 0, false },
	{ NULL, NULL, 53000, POLICY_USER, "admin_policy", 0, false },
	{ NULL, NULL, 53001, POLICY_USER, "admin_policy", 0, false },
	{ NULL, NULL, 53002, POLICY_USER, "admin_policy", 0, false },
	{ NULL, NULL, 53003, POLICY_USER, "admin_policy", 0, false },
	{ NULL, NULL, 530032, POLICY_USER, "admin_policy", 0, false },
	{ NULL, NULL, 50005, POLICY_USER, "admin_policy", 0, false },
	{ NULL, NULL, 50105, POLICY_USER, "admin_policy", 0, false },
	{ NULL, NULL, 50131, POLICY_USER, "admin_policy", 0, false },
	{ NULL, NULL, 50057, POLICY_USER, "account_disabled", 0, false },
	{ NULL, NULL, 50034, POLICY_USER, "account_gone", 0, false },

	/* RFC 6749 section 5.2, OpenID Connect, and Google's own. */
	{ "invalid_grant", "invalid_rapt", 0, POLICY_USER, "sign_in_frequency", 0, false },
	{ "invalid_grant", "bad_token", 0, POLICY_USER, "revoked", 0, false },
	{ "invalid_grant", "consent_required", 0, POLICY_USER, "consent_withdrawn", 0, false },
	{ "invalid_grant", NULL, 0, POLICY_USER, "invalid_grant", 0, false },
	{ "interaction_required", NULL, 0, POLICY_USER, "interaction_required", 0, false },
	{ "consent_required", NULL, 0, POLICY_USER, "consent_withdrawn", 0, false },
	{ "login_required", NULL, 0, POLICY_USER, "interaction_required", 0, false },
	{ "access_denied", NULL, 0, POLICY_USER, "access_denied", 0, false },
	{ "admin_policy_enforced", NULL, 0, POLICY_USER, "admin_policy", 0, false },
	{ "invalid_request", NULL, 0, POLICY_US, "request_refused", HOUR_S, false },
	{ "invalid_scope", NULL, 0, POLICY_US, "scope_refused", 0, true },
	{ "unsupported_grant_type", NULL, 0, POLICY_US, "request_refused", 0, true },
	{ "temporarily_unavailable", NULL, 0, POLICY_LATER, "provider_busy", 0, false },
	{ "server_error", NULL, 0, POLICY_LATER, "provider_busy", 0, false },
	{ "internal_failure", NULL, 0, POLICY_LATER, "provider_busy", 0, false },
	{ "slow_down", NULL, 0, POLICY_LATER, "throttled", 60, false },
	{ "rate_limit_exceeded", NULL, 0, POLICY_LATER, "throttled", 60, false },

	/* Yahoo and AOL: codes of their own, in capitals (their table of OAuth 2.0 errors). */
	{ "INVALID_REFRESH_TOKEN", NULL, 0, POLICY_USER, "invalid_grant", 0, false },
	{ "INVALID_GRANT", NULL, 0, POLICY_USER, "invalid_grant", 0, false },
	{ "TOKEN_EXPIRED", NULL, 0, POLICY_USER, "unused_too_long", 0, false },
	{ "ACCOUNT_NOT_AUTHORIZED", NULL, 0, POLICY_USER, "consent_withdrawn", 0, false },
	{ "UNDERAGE_USER", NULL, 0, POLICY_USER, "access_denied", 0, false },
	{ "INVALID_CLIENT", NULL, 0, POLICY_US, "client_refused", 0, true },
	{ "INVALID_CLIENT_SECRET", NULL, 0, POLICY_US, "client_secret_wrong", 0, true },
	{ "INVALID_CREDENTIALS", NULL, 0, POLICY_US, "client_refused", 0, true },
	{ "INVALID_INPUT", NULL, 0, POLICY_US, "request_refused", HOUR_S, false },
	{ "INVALID_REQUEST", NULL, 0, POLICY_US, "request_refused", HOUR_S, false },
	{ "INVALID_PARAM", NULL, 0, POLICY_US, "request_refused", HOUR_S, false },
	{ "UNSUPPORTED_GRANT_TYPE", NULL, 0, POLICY_US, "request_refused", 0, true },
	{ "ERROR_HANDLING_REQUEST", NULL, 0, POLICY_LATER, "provider_busy", 0, false },
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
		(void)snprintf(ret->evidence, sizeof(ret->evidence), "%s: %.150s", outcome->what,
			       outcome->said);
		return;
	}
	if (a->kind == GRANT_TOKENS) {
		*ret = (struct policy_answer){ .verdict = POLICY_OK, .reason = "" };
		return;
	}
	if (a->kind == GRANT_ERROR)
		(void)snprintf(ret->evidence, sizeof(ret->evidence), "HTTP %ld %s%s%s: %s", status,
			       a->error, a->suberror[0] ? "/" : "", a->suberror, a->description);
	else
		(void)snprintf(ret->evidence, sizeof(ret->evidence),
			       "HTTP %ld, no token and no error", status);

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
	 * between, and for one in four all of it: who was refreshed together, after an outage,
	 * would come together again for days. */
	spread = life_s - lead - (life_s + 1) / 2;
	if (rand_gen_below(g, WIDE_ONE_IN) != 0)
		spread /= 5;
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
