#include "ingest/ladder.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define DAY_US (INT64_C(86400) * 1000000)

struct step {
	const char *event_type;
	int level;
	const char *reason;
};

static const struct step unsubscribed = { "reply.unsubscribe", 5, "unsubscribed" };

static const struct step steps[CLASSIFY_KINDS] = {
	[CLASSIFY_REPLY] = { "reply.received", 3, "replied" },
	[CLASSIFY_OUT_OF_OFFICE] = { "reply.auto", 1, "out_of_office" },
	/* Nobody reads what would follow; a successor is another prospect. */
	[CLASSIFY_LEFT_COMPANY] = { "reply.auto", 3, "left_company" },
	[CLASSIFY_TICKET] = { "reply.auto", 0, "" },
	[CLASSIFY_CHALLENGE] = { "reply.auto", 0, "" },
	[CLASSIFY_AUTO_OTHER] = { "reply.auto", 0, "" },
	[CLASSIFY_BOUNCE_HARD] = { "bounce.hard", 4, "bounced_hard" },
	[CLASSIFY_BOUNCE_SOFT] = { "bounce.soft", 0, "" },
	[CLASSIFY_BOUNCE_DELAYED] = { "bounce.delayed", 0, "" },
	[CLASSIFY_COMPLAINT] = { "complaint.received", 6, "complained" },
	[CLASSIFY_READ_RECEIPT] = { "reply.auto", 0, "" },
	/* A person decided about a meeting. */
	[CLASSIFY_CALENDAR_REPLY] = { "reply.received", 3, "replied" },
	/* A newsletter of somebody whom we wrote to: nobody answered. */
	[CLASSIFY_LIST_MAIL] = { "reply.auto", 0, "" },
	[CLASSIFY_UNRELATED] = { "reply.received", 3, "replied" },
};

static int64_t day_us(const char *day)
{
	char text[CLASSIFY_DAY + 16];
	int64_t us;

	(void)snprintf(text, sizeof(text), "%sT00:00:00Z", day);
	return day[0] && clock_from_rfc3339(text, &us) == 0 ? us : INT64_MIN;
}

/* A wish in words, or by the button of a provider that reports it (RFC 5965 section 7.3). */
static bool asks_to_stop(const struct classify_verdict *v)
{
	if (v->kind == CLASSIFY_COMPLAINT)
		return v->complaint.type && strcmp(v->complaint.type, "opt-out") == 0;
	return v->kind == CLASSIFY_REPLY && v->intent == CLASSIFY_INTENT_UNSUBSCRIBE &&
	       !v->is_unproven;
}

void ladder_of(const struct classify_verdict *v, int64_t received_us, int64_t now_us,
	       struct ladder_step *ret)
{
	const struct step *s = asks_to_stop(v) ? &unsubscribed : &steps[v->kind];

	*ret = (struct ladder_step){
		.event_type = s->event_type,
		.level = s->level,
		.reason = s->reason,
		.hold_until_us = INT64_MIN,
		.return_at_us = day_us(v->return_at),
	};
	if (ret->level != 1)
		return;
	ret->hold_until_us = ret->return_at_us != INT64_MIN
				     ? ret->return_at_us
				     : received_us + LADDER_HOLD_DAYS * DAY_US;
	if (ret->hold_until_us <= now_us) {
		ret->level = 0;
		ret->reason = "";
		ret->hold_until_us = INT64_MIN;
	}
}

void ladder_doubt(struct ladder_step *step)
{
	const struct step *answered = &steps[CLASSIFY_REPLY];

	if (step->level <= answered->level)
		return;
	step->event_type = answered->event_type;
	step->level = answered->level;
	step->reason = answered->reason;
}
