#include "rotation/refusal.h"

static const char *const names[REFUSAL_COUNT] = {
	[REFUSAL_NONE] = "",
	[REFUSAL_REMOVED] = "removed",
	[REFUSAL_PAUSED] = "paused",
	[REFUSAL_DRAINING] = "draining",
	[REFUSAL_REAUTH] = "reauth_required",
	[REFUSAL_SUSPENDED] = "suspended",
	[REFUSAL_HEALTH] = "health",
	[REFUSAL_AWAY] = "away",
	[REFUSAL_BEHIND] = "inbox_behind",
	[REFUSAL_LIMITED] = "limited",
	[REFUSAL_CAP] = "cap",
	[REFUSAL_NEW_SHARE] = "new_share",
	[REFUSAL_ROLLING] = "rolling_24h",
	[REFUSAL_DOMAIN] = "sending_domain",
	[REFUSAL_TENANT] = "provider_tenant",
	[REFUSAL_WINDOW] = "window",
	[REFUSAL_GAP] = "gap",
	[REFUSAL_PROVIDER] = "provider",
};

const char *refusal_name(enum refusal r)
{
	return (unsigned)r < REFUSAL_COUNT ? names[r] : "";
}

bool refusal_is_pacing(enum refusal r)
{
	return r == REFUSAL_GAP || r == REFUSAL_WINDOW;
}
