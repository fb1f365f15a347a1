#ifndef SERVICES_API_HANDLERS_H
#define SERVICES_API_HANDLERS_H

#include "services/api/api.h"

/* One file per resource; each handler answers exactly once, now or later. */

void health_livez(struct request *q);
void health_readyz(struct request *q);
void health_metrics(struct request *q);
void health_recheck(struct api *api); /* what /readyz tells of the brokers is read anew */
void health_clear(struct api *api);

void resource_inboxes(struct request *q);
void resource_inbox(struct request *q);
void resource_event(struct request *q);

/* A prospect's gate: read, closed and opened by hand. */
void prospect_call_gate(struct request *q);
void prospect_call_stop(struct request *q);
void prospect_call_resume(struct request *q);

/* The feed (event_feed.c). */
void event_feed_read(struct request *q);
void event_feed_acknowledge(struct request *q);
void event_feed_consumer(struct request *q); /* GET /v1/events/ack */
void event_feed_recheck(struct api *api);    /* events may have come for somebody */

void erase_call(struct request *q); /* DELETE /v1/prospects/{} */
void event_call_explain(struct request *q);
void event_call_types(struct request *q); /* GET /v1/event-types */

void overview_call_show(struct request *q);
void overview_call_inboxes(struct request *q);
void overview_call_messages(struct request *q);
void pause_call_pause(struct request *q);
void pause_call_resume(struct request *q);
void removal_inbox(struct request *q);
void insight_timeline(struct request *q);
void insight_gaps(struct request *q);
void insight_unread(struct request *q);
void insight_acknowledge(struct request *q);
void insight_probe(struct request *q);
void insight_probe_recheck(struct api *api); /* a worker may have answered somebody */

void access_token_ask(struct request *q);   /* POST /v1/inboxes/{}/access-token */
void access_token_recheck(struct api *api); /* a broker may have sealed a token for somebody */

void message_call_show(struct request *q);
void message_call_reclassify(struct request *q);
void message_call_corrections(struct request *q);

void person_call_enter(struct request *q); /* /v1/session */
void person_call_show(struct request *q);
void person_call_leave(struct request *q);
void audit_call_list(struct request *q); /* GET /v1/audit */

void slot_ask(struct request *q); /* POST /v1/slots */
void slot_call_show(struct request *q);
void slot_call_begin(struct request *q);
void slot_call_sent(struct request *q);
void slot_call_failed(struct request *q);
void slot_call_release(struct request *q);

void enroll_outbound(struct request *q); /* POST /v1/outbound */

/* Pools, members, what inboxes may send, and what they share. */
void pool_call_create(struct request *q);
void pool_call_list(struct request *q);
void pool_call_show(struct request *q);
void pool_call_change(struct request *q);
void pool_call_remove(struct request *q);
void pool_call_members(struct request *q);
void pool_call_members_set(struct request *q);
void pool_call_member_remove(struct request *q);
void capacity_call_inbox(struct request *q);
void capacity_call_pool(struct request *q);
void policy_call_show(struct request *q);
void policy_call_change(struct request *q);
void policy_call_groups(struct request *q);
void policy_call_group_set(struct request *q);
void policy_call_group_remove(struct request *q);

void endpoint_call_create(struct request *q);
void endpoint_call_list(struct request *q);
void endpoint_call_show(struct request *q);
void endpoint_call_change(struct request *q);
void endpoint_call_remove(struct request *q);
void endpoint_call_rotate(struct request *q);
void endpoint_call_test(struct request *q);
void endpoint_replay_dead(struct request *q);
void endpoint_replay_ask(struct request *q);
void endpoint_replay_view(struct request *q);

void domain_call_add(struct request *q); /* the right of a whole domain */
void domain_call_list(struct request *q);
void domain_call_show(struct request *q);
void domain_call_remove(struct request *q);
void domain_call_renew(struct request *q);
void domain_call_import(struct request *q);

void lookup_show(struct request *q);
void link_create(struct request *q);
void link_show(struct request *q);
void link_password(struct request *q); /* POST /v1/inboxes */

/* The hosted page of a connect link (page_inside.h). */
void page_connect(struct request *q);
void page_address(struct request *q);
void page_start(struct request *q);
void page_start_back(struct request *q);
void page_password(struct request *q);
void page_result(struct request *q);
void page_result_recheck(struct api *api); /* a link that somebody waits for may be settled */

void console_page(struct request *q); /* GET /console, and what it is made of */
void console_asset(struct request *q);
void asset_show(struct request *q);

void document_show(struct request *q);   /* GET /openapi.json */
void document_schema(struct request *q); /* what it refers to */
void document_page(struct request *q);   /* GET /docs: the same, for people */

#endif
