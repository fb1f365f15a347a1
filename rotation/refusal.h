#ifndef ROTATION_REFUSAL_H
#define ROTATION_REFUSAL_H

#include <stdbool.h>

/*
 * Why an inbox may not send this mail now.  The words are those of the API
 * (`none.reasons` of a slot that is not given, `binds` of a capacity).
 */
enum refusal {
	REFUSAL_NONE,
	REFUSAL_REMOVED,
	REFUSAL_PAUSED,
	REFUSAL_DRAINING, /* follow-ups only */
	REFUSAL_REAUTH,
	REFUSAL_SUSPENDED, /* the provider has closed the account for sending: a person must look */
	REFUSAL_HEALTH,    /* quarantined */
	REFUSAL_AWAY,      /* nobody watches it: what came back would be missed */
	REFUSAL_BEHIND,    /* being caught up: no follow-up before that */
	REFUSAL_LIMITED,   /* a provider's limit was hit */
	REFUSAL_CAP,
	REFUSAL_NEW_SHARE, /* the share of the cap that first mails may have */
	REFUSAL_ROLLING,   /* the provider's ceiling over any 24 hours */
	REFUSAL_DOMAIN,    /* the sending domain's */
	REFUSAL_TENANT,    /* the provider tenant's */
	REFUSAL_WINDOW,
	REFUSAL_GAP,
	REFUSAL_PROVIDER, /* another provider than the recipient's, and only that one is wanted */
	REFUSAL_COUNT
};

const char *refusal_name(enum refusal r); /* "cap", "gap"...; "" for none */

/* Pacing: it will send today, only not yet. */
bool refusal_is_pacing(enum refusal r);

#endif
