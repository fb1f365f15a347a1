#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "ingest/mime/mime_utf8.h"
#include "services/api/handlers.h"
#include "services/api/route.h"

static const struct route routes[] = {
	{ "GET", "/livez", NULL, health_livez },
	{ "GET", "/readyz", NULL, health_readyz },
	{ "GET", "/metrics", NULL, health_metrics },
	{ "POST", "/v1/connect-links", "connect", link_create },
	{ "GET", "/v1/connect-links/{}", "connect", link_show },
	{ "GET", "/v1/discover", "connect", lookup_show },
	{ "POST", "/v1/inboxes", "connect", link_password },
	{ "POST", "/v1/domain-grants", "connect", domain_call_add },
	{ "GET", "/v1/domain-grants", "connect", domain_call_list },
	{ "GET", "/v1/domain-grants/{}", "connect", domain_call_show },
	{ "DELETE", "/v1/domain-grants/{}", "connect", domain_call_remove },
	{ "PUT", "/v1/domain-grants/{}/secret", "connect", domain_call_renew },
	{ "POST", "/v1/domain-grants/{}/inboxes", "connect", domain_call_import },
	{ "GET", "/v1/overview", "read", overview_call_show },
	{ "GET", "/v1/overview/inboxes", "read", overview_call_inboxes },
	{ "GET", "/v1/inboxes", "read", resource_inboxes },
	{ "GET", "/v1/inboxes/{}", "read", resource_inbox },
	{ "DELETE", "/v1/inboxes/{}", "connect", removal_inbox },
	{ "GET", "/v1/inboxes/{}/timeline", "read", insight_timeline },
	{ "GET", "/v1/inboxes/{}/messages", "read", overview_call_messages },
	{ "GET", "/v1/inboxes/{}/gaps", "read", insight_gaps },
	{ "GET", "/v1/inboxes/{}/unread", "read", insight_unread },
	{ "POST", "/v1/inboxes/{}/unread/acknowledge", "gate", insight_acknowledge },
	{ "POST", "/v1/inboxes/{}/pause", "connect", pause_call_pause },
	{ "POST", "/v1/inboxes/{}/resume", "connect", pause_call_resume },
	{ "POST", "/v1/inboxes/{}/probe", "gate", insight_probe },
	{ "POST", "/v1/inboxes/{}/access-token", "token", access_token_ask },
	{ "POST", "/v1/outbound", "outbound", enroll_outbound },
	{ "GET", "/v1/inboxes/{}/send-policy", "read", policy_call_show },
	{ "PATCH", "/v1/inboxes/{}/send-policy", "pool", policy_call_change },
	{ "GET", "/v1/inboxes/{}/capacity", "read", capacity_call_inbox },
	{ "GET", "/v1/pools/{}/capacity", "read", capacity_call_pool },
	{ "GET", "/v1/send-groups", "read", policy_call_groups },
	{ "PUT", "/v1/send-groups/{}/{}", "pool", policy_call_group_set },
	{ "DELETE", "/v1/send-groups/{}/{}", "pool", policy_call_group_remove },
	{ "POST", "/v1/pools", "pool", pool_call_create },
	{ "GET", "/v1/pools", "read", pool_call_list },
	{ "GET", "/v1/pools/{}", "read", pool_call_show },
	{ "PATCH", "/v1/pools/{}", "pool", pool_call_change },
	{ "DELETE", "/v1/pools/{}", "pool", pool_call_remove },
	{ "GET", "/v1/pools/{}/members", "read", pool_call_members },
	{ "PUT", "/v1/pools/{}/members", "pool", pool_call_members_set },
	{ "DELETE", "/v1/pools/{}/members/{}", "pool", pool_call_member_remove },
	{ "POST", "/v1/slots", "slot", slot_ask },
	{ "GET", "/v1/slots/{}", "slot", slot_call_show },
	{ "POST", "/v1/slots/{}/begin", "slot", slot_call_begin },
	{ "POST", "/v1/slots/{}/sent", "slot", slot_call_sent },
	{ "POST", "/v1/slots/{}/failed", "slot", slot_call_failed },
	{ "POST", "/v1/slots/{}/release", "slot", slot_call_release },
	{ "POST", "/v1/endpoints", "endpoint", endpoint_call_create },
	{ "GET", "/v1/endpoints", "endpoint", endpoint_call_list },
	{ "GET", "/v1/endpoints/{}", "endpoint", endpoint_call_show },
	{ "PATCH", "/v1/endpoints/{}", "endpoint", endpoint_call_change },
	{ "DELETE", "/v1/endpoints/{}", "endpoint", endpoint_call_remove },
	{ "POST", "/v1/endpoints/{}/rotate-secret", "endpoint", endpoint_call_rotate },
	{ "POST", "/v1/endpoints/{}/test", "endpoint", endpoint_call_test },
	{ "GET", "/v1/endpoints/{}/dead-letters", "endpoint", endpoint_replay_dead },
	{ "POST", "/v1/endpoints/{}/replay", "endpoint", endpoint_replay_ask },
	{ "GET", "/v1/endpoints/{}/replays/{}", "endpoint", endpoint_replay_view },
	{ "GET", "/v1/events", "read", event_feed_read },
	{ "POST", "/v1/events/ack", "read", event_feed_acknowledge },
	{ "GET", "/v1/events/ack", "read", event_feed_consumer },
	{ "GET", "/v1/event-types", "read", event_call_types },
	{ "GET", "/v1/events/{}", "read", resource_event },
	{ "GET", "/v1/events/{}/explain", "read", event_call_explain },
	{ "GET", "/v1/messages/{}", "read", message_call_show },
	{ "POST", "/v1/messages/{}/reclassify", "gate", message_call_reclassify },
	{ "GET", "/v1/corrections", "read", message_call_corrections },
	{ "POST", "/v1/session", NULL, person_call_enter },
	{ "GET", "/v1/session", NULL, person_call_show },
	{ "DELETE", "/v1/session", NULL, person_call_leave },
	{ "GET", "/v1/audit", "read", audit_call_list },
	{ "GET", "/v1/prospects/{}/gate", "gate", prospect_call_gate },
	{ "DELETE", "/v1/prospects/{}", "gate", erase_call },
	{ "POST", "/v1/prospects/{}/stop", "gate", prospect_call_stop },
	{ "POST", "/v1/prospects/{}/resume", "gate", prospect_call_resume },
	{ "GET", "/console", NULL, console_page },
	{ "GET", "/console/{}/{}", NULL, console_asset },
	{ "GET", "/connect/{}", NULL, page_connect },
	{ "POST", "/connect/{}/address", NULL, page_address },
	{ "POST", "/connect/{}/start", NULL, page_start },
	{ "POST", "/connect/{}/password", NULL, page_password },
	{ "GET", "/connect/{}/result", NULL, page_result },
	{ "GET", "/oauth/callback", NULL, page_start_back },
	{ "GET", "/assets/{}", NULL, asset_show },
	{ "GET", "/openapi.json", NULL, document_show },
	{ "GET", "/events/{}", NULL, document_schema },
	{ "GET", "/docs", NULL, document_page },
};

const struct route *route_at(size_t i)
{
	return i < countof(routes) ? &routes[i] : NULL;
}

/* Unlike in a form, a plus in a path is a plus ("rep+q4@example.test"). */
static bool decode(struct text segment, char dst[REQUEST_PARAM_MAX])
{
	struct buf plain, escaped;
	bool ok = segment.len > 0;

	buf_init(&escaped, 3 * REQUEST_PARAM_MAX);
	buf_init(&plain, REQUEST_PARAM_MAX - 1);
	for (size_t i = 0; ok && i < segment.len; i++)
		ok = (segment.at[i] == '+' ? text_add(&escaped, TEXT("%2B"))
					   : buf_add(&escaped, &segment.at[i], 1)) == 0;
	/* PostgreSQL and JSON know no other text than UTF-8. */
	ok = ok && text_from_percent(&plain, text_of_buf(&escaped)) == 0 && plain.len > 0 &&
	     mime_utf8_is_valid(text_of_buf(&plain));
	if (ok)
		memcpy(dst, plain.data, plain.len + 1);
	buf_clear(&escaped);
	buf_clear(&plain);
	return ok;
}

static bool match(struct request *q, const char *pattern, const char *path)
{
	struct text p = text_of(pattern), s = text_of(path), ph, sh;
	size_t n = 0;

	while (p.len || s.len) {
		bool more_p = text_cut(p, '/', &ph, &p), more_s = text_cut(s, '/', &sh, &s);

		if (!more_p)
			p = TEXT("");
		if (!more_s)
			s = TEXT("");
		if (more_p != more_s)
			return false;
		if (text_eq(ph, TEXT("{}"))) {
			if (n == REQUEST_PARAMS || !decode(sh, q->params[n]))
				return false;
			n++;
		} else if (!text_eq(ph, sh)) {
			return false;
		}
	}
	return true;
}

const struct route *route_find(struct request *q, const char *method, const char *path,
			       char allow[64])
{
	allow[0] = '\0';
	for (size_t i = 0; i < countof(routes); i++) {
		if (!match(q, routes[i].pattern, path))
			continue;
		if (strcmp(routes[i].method, method) == 0)
			return &routes[i];
		/* A HEAD is a GET whose body the server does not send. */
		if (strcmp(method, "HEAD") == 0 && strcmp(routes[i].method, "GET") == 0)
			return &routes[i];
		(void)snprintf(allow + strlen(allow), 64 - strlen(allow), "%s%s",
			       allow[0] ? ", " : "", routes[i].method);
	}
	return NULL;
}
