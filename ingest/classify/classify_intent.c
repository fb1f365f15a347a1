#include "ingest/classify/classify_intent.h"

static const char *const intent_names[] = {
	[CLASSIFY_INTENT_NONE] = "",
	[CLASSIFY_INTENT_INTERESTED] = "interested",
	[CLASSIFY_INTENT_MEETING] = "meeting",
	[CLASSIFY_INTENT_INFORMATION_REQUEST] = "information_request",
	[CLASSIFY_INTENT_NOT_NOW] = "not_now",
	[CLASSIFY_INTENT_NOT_INTERESTED] = "not_interested",
	[CLASSIFY_INTENT_WRONG_PERSON] = "wrong_person",
	[CLASSIFY_INTENT_REFERRAL] = "referral",
	[CLASSIFY_INTENT_LEFT_COMPANY] = "left_company",
	[CLASSIFY_INTENT_UNSUBSCRIBE] = "unsubscribe",
	[CLASSIFY_INTENT_COMPLAINT_THREAT] = "complaint_threat",
	[CLASSIFY_INTENT_NEUTRAL] = "neutral",
};

const char *classify_intent_name(enum classify_intent intent)
{
	return intent_names[intent];
}
