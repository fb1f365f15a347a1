#ifndef INGEST_CLASSIFY_CLASSIFY_INTENT_H
#define INGEST_CLASSIFY_CLASSIFY_INTENT_H

/* What a person wants who answered. */
enum classify_intent {
	CLASSIFY_INTENT_NONE, /* nobody answered, or nothing was read */
	CLASSIFY_INTENT_INTERESTED,
	CLASSIFY_INTENT_MEETING,
	CLASSIFY_INTENT_INFORMATION_REQUEST,
	CLASSIFY_INTENT_NOT_NOW,
	CLASSIFY_INTENT_NOT_INTERESTED,
	CLASSIFY_INTENT_WRONG_PERSON,
	CLASSIFY_INTENT_REFERRAL,
	CLASSIFY_INTENT_LEFT_COMPANY,
	CLASSIFY_INTENT_UNSUBSCRIBE,
	CLASSIFY_INTENT_COMPLAINT_THREAT,
	CLASSIFY_INTENT_NEUTRAL, /* none of these, or a language that nobody here reads */
};

const char *classify_intent_name(enum classify_intent intent); /* "interested"; "": none */

#endif
