#include "ingest/ladder.h"

#include <stdio.h>

#include "base/clock.h"

#define DAY_US (INT64_C(86400) * 1000000)

static const struct {
	const char *event_type;
	int level;
	const char *reason;
} steps[] = {
	[CLASSIFY_REPLY] = { "reply.received", 3, "replied" },
	[CLASSIFY_OUT_OF_OFFICE] = { "reply.auto", 1, "out_of_office" },
	[CLASSIFY_AUTO_OTHER] = { "reply.auto", 0, "" },
	[CLASSIFY_BOUNCE_HARD] = { "bounce.hard", 4, "bounced_hard" },
	[CLASSIFY_BOUNCE_SOFT] = { "bounce.soft", 0, "" },
	/* It names an outbound of ours, so somebody answered it, whatever it looks like. */
	[CLASSIFY_UNRELATED] = { "reply.received", 3, "replied" },
};

static int64_t day_us(const char *day)
{
	char text[CLASSIFY_DAY + 16];
	int64_t us;

	(void)snprintf(text, sizeof(text), "%sT00:00:00Z", day);
	return day[0] && clock_from_rfc3339(text, &us) == 0 ? us : INT64_MIN;
}

void ladder_of(const struct classify_verdict *v, int64_t received_us, int64_t now_us,
	       struct ladder_step *ret)
{
	*ret = (struct ladder_step){
		.event_type = steps[v->kind].event_type,
		.level = steps[v->kind].level,
		.reason = steps[v->kind].reason,
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
