#include <stddef.h>

#include "oauth/forecast.h"

#include "base/mem.h"
#include "base/weburl.h"

#define HOUR_S       ((int64_t)3600)
#define DAY_S        (24 * HOUR_S)
#define AGAIN_LEAST  60
#define LIMIT_NEARLY 9 /* tenths of the limit at which it is told */

/* What providers publish of the lives of their refresh tokens. */
static const struct {
	const char *host;
	struct forecast_rules rules;
} known[] = {
	/* developers.google.com, "Refresh token expiration": 7 days in testing, 6 months unused,
	 * 100 per account and client. */
	{ "oauth2.googleapis.com", { 7 * DAY_S, 180 * DAY_S, 100 } },
	{ "accounts.google.com", { 7 * DAY_S, 180 * DAY_S, 100 } },
	/* learn.microsoft.com, "Refresh tokens": 90 days, from the last use. */
	{ "login.microsoftonline.com", { 0, 90 * DAY_S, 0 } },
	{ "login.microsoftonline.us", { 0, 90 * DAY_S, 0 } },
	{ "login.chinacloudapi.cn", { 0, 90 * DAY_S, 0 } },
	{ "login.partner.microsoftonline.cn", { 0, 90 * DAY_S, 0 } },
};
/* Who tests elsewhere is taken to have Google's week. */
static const struct forecast_rules unknown = { 7 * DAY_S, 0, 0 };

const struct forecast_rules *forecast_rules_of(const char *token_url)
{
	struct weburl u;

	for (size_t i = 0; weburl_split(text_of(token_url), &u) == 0 && i < countof(known); i++)
		if (text_ieq(u.host, text_of(known[i].host)))
			return &known[i].rules;
	return &unknown;
}

const char *forecast_stage_name(enum forecast_stage s)
{
	switch (s) {
	case FORECAST_NONE:
		return "none";
	case FORECAST_FAR:
		return "far";
	case FORECAST_NEAR:
		return "near";
	}
	return "none";
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* What lives from `began` to `dies`: how far it is, and when that changes. */
static void judge(const char *reason, int64_t began, int64_t dies, int64_t now_s,
		  struct forecast *ret)
{
	int64_t life = dies > began ? dies - began : 0, left = dies - now_s;
	int64_t far = least(FORECAST_FAR_S, life / 2), near = least(FORECAST_NEAR_S, life / 5);
	int64_t turn;

	*ret = (struct forecast){ .stage = left <= near  ? FORECAST_NEAR
					   : left <= far ? FORECAST_FAR
							 : FORECAST_NONE,
				  .reason = reason,
				  .dies_at = dies };
	turn = ret->stage == FORECAST_NONE  ? left - far
	       : ret->stage == FORECAST_FAR ? left - near
					    : DAY_S;
	ret->again_s = turn < AGAIN_LEAST ? AGAIN_LEAST : least(turn, DAY_S);
	if (ret->stage == FORECAST_NONE) {
		ret->reason = "";
		ret->dies_at = 0;
	}
}

/* The one that is nearer; ends that come together are told by the first. */
static void take(struct forecast *best, const char *reason, int64_t began, int64_t dies,
		 int64_t now_s)
{
	struct forecast one;
	int64_t again_s = best->again_s;

	judge(reason, began, dies, now_s, &one);
	if (one.stage > best->stage ||
	    (one.stage == best->stage && one.stage != FORECAST_NONE && one.dies_at < best->dies_at))
		*best = one;
	best->again_s = least(again_s, one.again_s);
}

void forecast_of(const struct oauth_provider *p, const struct forecast_grant *g, int64_t now_s,
		 struct forecast *ret)
{
	const struct forecast_rules *rules = forecast_rules_of(p->token_url);
	int64_t used = g->used_at > g->granted_at ? g->used_at : g->granted_at;

	*ret = (struct forecast){ .reason = "", .again_s = DAY_S };
	if (p->testing && rules->testing_s > 0)
		take(ret, "testing_ends", g->granted_at, g->granted_at + rules->testing_s, now_s);
	if (g->refresh_ends_at > 0)
		take(ret, "refresh_token_ends", used, g->refresh_ends_at, now_s);
	if (rules->unused_s > 0)
		take(ret, "unused", used, used + rules->unused_s, now_s);
	if (ret->stage == FORECAST_NONE && rules->token_limit > 0 &&
	    g->tokens * 10 >= rules->token_limit * LIMIT_NEARLY) {
		ret->stage = FORECAST_FAR;
		ret->reason = "token_limit";
	}
}

void forecast_secret(const struct oauth_provider *p, int64_t now_s, struct forecast *ret)
{
	*ret = (struct forecast){ .reason = "", .again_s = DAY_S };
	if (p->client_secret_ends_at > 0)
		judge("client_secret_ends", p->client_secret_ends_at - 10 * FORECAST_FAR_S,
		      p->client_secret_ends_at, now_s, ret);
}
