#ifndef SERVICES_EVENT_TYPE_H
#define SERVICES_EVENT_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/*
 * Every type of event there is, in one table: filters of endpoints and of the
 * feed are checked against it, the API lists it, and tests hold the schemas in
 * docs/events and the documentation to it.  What writes events (db/schema,
 * ingest/ladder, oauth) names them by the same words.
 */
enum event_class {
	EVENT_CLASS_PROSPECT, /* about a person who was written to; numbered per prospect */
	EVENT_CLASS_INBOX,    /* about an inbox, or the right of a whole domain */
	EVENT_CLASS_ENDPOINT, /* about a webhook endpoint */
	EVENT_CLASS_TEST,     /* asked for, about nothing */
};

/*
 * constant, name, class, wish, words.  A type with a wish is written only where the workspace wants
 * it.
 */
/* clang-format off */
#define EVENT_TYPES(X) \
	X(REPLY_RECEIVED, "reply.received", PROSPECT, false, "a person answered") \
	X(REPLY_AUTO, "reply.auto", PROSPECT, false, "a machine answered: absent, gone, a ticket, a receipt") \
	X(REPLY_UNSUBSCRIBE, "reply.unsubscribe", PROSPECT, false, "a person wants no more mail") \
	X(REPLY_UNMATCHED, "reply.unmatched", PROSPECT, true, "a mail from a prospect's company that no outbound explains") \
	X(REPLY_RECLASSIFIED, "reply.reclassified", PROSPECT, false, "somebody said what a mail really was") \
	X(BOUNCE_HARD, "bounce.hard", PROSPECT, false, "the address is dead") \
	X(BOUNCE_SOFT, "bounce.soft", PROSPECT, false, "this mail did not arrive") \
	X(BOUNCE_DELAYED, "bounce.delayed", PROSPECT, false, "a mail server is still trying") \
	X(COMPLAINT_RECEIVED, "complaint.received", PROSPECT, false, "a mail was marked as spam") \
	X(OUTBOUND_MANUAL, "outbound.manual", PROSPECT, false, "somebody wrote to the prospect by hand") \
	X(PROSPECT_STOPPED, "prospect.stopped", PROSPECT, false, "nobody may write to the prospect any more") \
	X(PROSPECT_RESUMED, "prospect.resumed", PROSPECT, false, "the prospect may be written to again") \
	X(INBOX_CONNECTED, "inbox.connected", INBOX, false, "an inbox was connected, and a worker was let in") \
	X(INBOX_STATE_CHANGED, "inbox.state_changed", INBOX, false, "an inbox can or cannot be watched any more") \
	X(INBOX_HEALTH_CHANGED, "inbox.health_changed", INBOX, false, "an inbox may send less, or more again, by how its mails fare") \
	X(INBOX_THROTTLED, "inbox.throttled", INBOX, false, "the provider asked to be left alone for a while") \
	X(INBOX_REAUTH_REQUIRED, "inbox.reauth_required", INBOX, false, "the user must consent again") \
	X(INBOX_REAUTH_FORECAST, "inbox.reauth_forecast", INBOX, false, "the right to an inbox will end by itself") \
	X(INBOX_REMOVED, "inbox.removed", INBOX, false, "an inbox was disconnected") \
	X(INBOX_GAP_OPENED, "inbox.gap.opened", INBOX, false, "an inbox is blind") \
	X(INBOX_GAP_CLOSED, "inbox.gap.closed", INBOX, false, "an inbox sees again, and what came meanwhile was made up") \
	X(DOMAIN_REAUTH_REQUIRED, "domain.reauth_required", INBOX, false, "the right of a whole domain is refused") \
	X(DOMAIN_REAUTH_FORECAST, "domain.reauth_forecast", INBOX, false, "the secret of a whole domain ends soon") \
	X(ENDPOINT_DISABLED, "endpoint.disabled", ENDPOINT, false, "an endpoint gets no more events") \
	X(ENDPOINT_RECOVERED, "endpoint.recovered", ENDPOINT, false, "an endpoint that failed takes events again") \
	X(WEBHOOK_TEST, "webhook.test", TEST, false, "somebody tries an endpoint")
/* clang-format on */

enum event_type_id {
#define X(constant, name, class, wish, words) EVENT_TYPE_##constant,
	EVENT_TYPES(X)
#undef X
		EVENT_TYPE_N
};

struct event_type {
	const char *name; /* "reply.received" */
	enum event_class class;
	bool is_wish; /* written only where the workspace wants it */
	const char *words;
};

/* `id` below EVENT_TYPE_N. */
const struct event_type *event_type_at(enum event_type_id id);
/* NULL: there is no such type. */
const struct event_type *event_type_find(struct text name);
const char *event_type_class_name(enum event_class c); /* "prospect", "inbox", "endpoint", "test" */
/*
 * Which types a word of a filter means: a name, or a family ("reply.*", "inbox.gap.*").  They are
 * added to `wanted`.  False: none.
 */
bool event_type_match(struct text word, bool wanted[EVENT_TYPE_N]);
/* All names, by commas, in the table's order: what a refusal of an unknown one says.  Static. */
const char *event_type_names(void);

#endif
