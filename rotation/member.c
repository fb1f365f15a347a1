#include "rotation/member.h"

#include <string.h>

#include "base/mem.h"

static enum sendable_admin admin_of(const char *admin, const char *sends)
{
	if (strcmp(admin, "removed") == 0)
		return SENDABLE_REMOVED;
	if (strcmp(admin, "enabled") != 0 || strcmp(sends, "none") == 0)
		return SENDABLE_PAUSED;
	return strcmp(sends, "follow_ups") == 0 ? SENDABLE_DRAINING : SENDABLE_ENABLED;
}

static enum sendable_sight sight_of(const char *state)
{
	static const struct {
		const char *state;
		enum sendable_sight sight;
	} rows[] = {
		{ "live", SENDABLE_LIVE },
		{ "catching_up", SENDABLE_CATCHING_UP },
		{ "reauth_required", SENDABLE_REAUTH },
	};

	for (size_t i = 0; i < countof(rows); i++)
		if (strcmp(rows[i].state, state) == 0)
			return rows[i].sight;
	return SENDABLE_AWAY;
}

enum band member_band(const char *name)
{
	for (int b = BAND_HEALTHY; b < BAND_QUARANTINED; b++)
		if (strcmp(band_name((enum band)b), name) == 0)
			return (enum band)b;
	return BAND_QUARANTINED;
}

void member_read(const struct quota_member *m, struct pick_inbox *ret)
{
	*ret = (struct pick_inbox){
		.state = { .admin = admin_of(m->admin, m->sends),
			   .sight = sight_of(m->state),
			   .band = member_band(m->band),
			   .suspended = m->suspended,
			   .limited_until_us = m->limited_until_us },
		.reserve = m->reserve,
		.cap = m->has_day ? m->cap : 0,
		.used = m->has_day ? m->used : 0,
		.cap_new = m->has_day ? m->cap_new : 0,
		.used_new = m->has_day ? m->used_new : 0,
		.rolling_left = m->rolling_left,
		.domain_left = m->domain_left,
		.tenant_left = m->tenant_left,
		.rolling_lifts_us = m->rolling_lifts_us,
		.domain_lifts_us = m->domain_lifts_us,
		.tenant_lifts_us = m->tenant_lifts_us,
		.next_allowed_us = m->next_allowed_us,
		.opens_us = m->has_day ? m->opens_us : PICK_NEVER,
		.closes_us = m->has_day ? m->closes_us : PICK_NEVER,
		.day_ends_us = m->has_day ? m->day_ends_us : PICK_NEVER,
		.weight = m->weight,
		.picked_us = m->picked_us,
	};
}
