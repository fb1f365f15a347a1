#include "rotation/sendable.h"

enum refusal sendable_refusal(const struct sendable *s, enum sendable_kind k, int64_t now_us,
			      int64_t *ret_lifts_us)
{
	*ret_lifts_us = BAND_NEVER;
	if (s->admin == SENDABLE_REMOVED)
		return REFUSAL_REMOVED;
	if (s->sight == SENDABLE_REAUTH)
		return REFUSAL_REAUTH;
	if (s->suspended)
		return REFUSAL_SUSPENDED;
	if (s->band == BAND_QUARANTINED)
		return REFUSAL_HEALTH;
	if (s->admin == SENDABLE_PAUSED)
		return REFUSAL_PAUSED;
	if (s->admin == SENDABLE_DRAINING && k == SENDABLE_FIRST)
		return REFUSAL_DRAINING;
	if (s->sight == SENDABLE_AWAY)
		return REFUSAL_AWAY;
	/* A first mail to somebody nobody has written to: no answer of his can be among what is
	 * being made up. */
	if (s->sight == SENDABLE_CATCHING_UP && k != SENDABLE_FIRST)
		return REFUSAL_BEHIND;
	if (s->limited_until_us > now_us) {
		*ret_lifts_us = s->limited_until_us;
		return REFUSAL_LIMITED;
	}
	return REFUSAL_NONE;
}

bool sendable_is_gone(const struct sendable *s, int64_t since_us, int64_t grace_us, int64_t now_us)
{
	if (s->admin == SENDABLE_REMOVED || s->suspended)
		return true;
	return s->sight == SENDABLE_REAUTH && now_us - since_us > grace_us;
}
