#include "base/mem.h"
#include "ingest/classify/classify_verdict.h"
#include "ingest/mime/mime_utf8.h"

static const char *const source_names[] = {
	[CLASSIFY_BY_HEADER] = "header",
	[CLASSIFY_BY_DSN] = "dsn",
	[CLASSIFY_BY_TEXT] = "text",
	[CLASSIFY_BY_SUBJECT] = "subject",
};

static const char *const kind_names[] = {
	[CLASSIFY_REPLY] = "reply",
	[CLASSIFY_OUT_OF_OFFICE] = "auto_reply.out_of_office",
	[CLASSIFY_LEFT_COMPANY] = "auto_reply.left_company",
	[CLASSIFY_TICKET] = "auto_reply.ticket",
	[CLASSIFY_CHALLENGE] = "auto_reply.challenge",
	[CLASSIFY_AUTO_OTHER] = "auto_reply.other",
	[CLASSIFY_BOUNCE_HARD] = "bounce.hard",
	[CLASSIFY_BOUNCE_SOFT] = "bounce.soft",
	[CLASSIFY_BOUNCE_DELAYED] = "bounce.delayed",
	[CLASSIFY_COMPLAINT] = "complaint",
	[CLASSIFY_READ_RECEIPT] = "read_receipt",
	[CLASSIFY_CALENDAR_REPLY] = "calendar_reply",
	[CLASSIFY_LIST_MAIL] = "list_mail",
	[CLASSIFY_UNRELATED] = "unrelated",
};

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

static const char *const fault_names[] = {
	[CLASSIFY_FAULT_NONE] = "",
	[CLASSIFY_FAULT_RECIPIENT] = "recipient",
	[CLASSIFY_FAULT_SENDER] = "sender",
	[CLASSIFY_FAULT_CONTENT] = "content",
	[CLASSIFY_FAULT_INFRASTRUCTURE] = "infrastructure",
};

const char *classify_kind_name(enum classify_kind kind)
{
	return kind_names[kind];
}

bool classify_kind_is_bounce(enum classify_kind kind)
{
	return kind == CLASSIFY_BOUNCE_HARD || kind == CLASSIFY_BOUNCE_SOFT ||
	       kind == CLASSIFY_BOUNCE_DELAYED;
}

bool classify_kind_is_auto(enum classify_kind kind)
{
	return kind == CLASSIFY_OUT_OF_OFFICE || kind == CLASSIFY_LEFT_COMPANY ||
	       kind == CLASSIFY_TICKET || kind == CLASSIFY_CHALLENGE || kind == CLASSIFY_AUTO_OTHER;
}

bool classify_kind_is_human(enum classify_kind kind)
{
	return kind == CLASSIFY_REPLY || kind == CLASSIFY_UNRELATED;
}

const char *classify_intent_name(enum classify_intent intent)
{
	return intent_names[intent];
}

const char *classify_fault_name(enum classify_fault fault)
{
	return fault_names[fault];
}

const char *classify_verdict_source_name(enum classify_source source)
{
	return source_names[source];
}

void classify_verdict_add(struct classify_verdict *v, const char *rule, enum classify_source source,
			  struct text saw)
{
	struct classify_evidence *e = &v->evidence[v->n_evidence];

	if (v->n_evidence == countof(v->evidence))
		return;
	*e = (struct classify_evidence){ .rule = rule, .source = source };
	mime_utf8_copy(e->text, sizeof(e->text), saw);
	v->n_evidence++;
}
