#include "rotation/verdict.h"

enum { LEVEL_OPEN = 0, LEVEL_HOLD = 1, LEVEL_PROVISIONAL = 2 };

static int64_t observed(const struct verdict_facts *f)
{
	int64_t least = INT64_MAX;

	if (f->n_inboxes == 0)
		return VERDICT_NEVER;
	for (size_t i = 0; i < f->n_inboxes; i++)
		if (f->inboxes[i].seen_us < least)
			least = f->inboxes[i].seen_us;
	return least > f->now_us ? f->now_us : least;
}

static bool all_watched(const struct verdict_facts *f)
{
	for (size_t i = 0; i < f->n_inboxes; i++)
		if (!f->inboxes[i].watched)
			return false;
	return true;
}

static bool any_blind(const struct verdict_facts *f)
{
	for (size_t i = 0; i < f->n_inboxes; i++)
		if (f->inboxes[i].blind)
			return true;
	return false;
}

static bool any_unread(const struct verdict_facts *f)
{
	for (size_t i = 0; i < f->n_inboxes; i++)
		if (f->inboxes[i].unread)
			return true;
	return false;
}

static bool is_fresh(const struct verdict_facts *f, int64_t seen_us)
{
	return seen_us != VERDICT_NEVER &&
	       (uint64_t)(f->now_us - seen_us) <= f->freshness_ms * 1000;
}

struct verdict verdict_of(const struct verdict_facts *f)
{
	struct verdict v = { .reason = "", .observed_through_us = observed(f) };
	bool hold_is_over = f->level == LEVEL_HOLD && f->hold_until_us != VERDICT_NEVER &&
			    f->hold_until_us <= f->now_us;

	if (f->level > LEVEL_OPEN && !hold_is_over) {
		v.state = VERDICT_CLOSED;
		v.level = f->level;
		v.reason = f->reason;
		v.provisional = f->level == LEVEL_PROVISIONAL;
		return v;
	}
	if (f->n_inboxes == 0) {
		v.state = VERDICT_UNKNOWN;
		v.reason = "prospect_unknown";
	} else if (!all_watched(f)) {
		v.state = VERDICT_UNKNOWN;
		v.reason = "inbox_unwatched";
	} else if (any_blind(f) || !is_fresh(f, v.observed_through_us)) {
		v.state = VERDICT_UNKNOWN;
		v.reason = "inbox_behind";
	} else if (any_unread(f)) {
		v.state = VERDICT_UNKNOWN;
		v.reason = "mail_unread";
	} else {
		v.state = VERDICT_OPEN;
	}
	return v;
}

const char *verdict_state_name(enum verdict_state s)
{
	switch (s) {
	case VERDICT_OPEN:
		return "open";
	case VERDICT_CLOSED:
		return "closed";
	case VERDICT_UNKNOWN:
		return "unknown";
	}
	return "?";
}
