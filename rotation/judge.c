#include "rotation/judge.h"

static const char *reason_of(enum band before, enum band after, const char *reason,
			     const struct judge_verdict *v)
{
	if (after == BAND_HEALTHY)
		return "";
	if (v->fired != GUARD_NONE && after > before)
		return guard_cause_name(v->fired);
	if (after > before && v->health.n_factors)
		return health_signal_name(v->health.factors[0].signal);
	return reason;
}

void judge_standing(struct band_state *s, const char *reason, const struct judge_facts *f,
		    int64_t now_us, struct judge_verdict *ret)
{
	const enum band before = s->band;
	const struct guard order = guard_of(&f->guard);
	const double falls_below = 50; /* of the score, into quarantine: rotation/band.h */

	*ret = (struct judge_verdict){ .volume = 1, .stretch = 1 };
	health_of(&f->health, &ret->health);
	if (f->is_news && order.cause != GUARD_NONE) {
		ret->fired = order.cause;
		(void)band_sink(s, order.band, order.for_us, now_us);
	}
	(void)band_note(s, ret->health.score, f->bad_7d == 0 && ret->health.score >= falls_below,
			now_us);
	ret->reason = reason_of(before, s->band, reason, ret);
	ret->has_changed = s->band != before;
	if (s->band > before) {
		ret->volume = band_volume(s->band) / band_volume(before);
		ret->stretch = band_gap(s->band) / band_gap(before);
	}
}
