#include "ingest/classify/classify_kind.h"

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

const char *classify_kind_name(enum classify_kind kind)
{
	return kind_names[kind];
}

bool classify_kind_is_bounce(enum classify_kind kind)
{
	return kind == CLASSIFY_BOUNCE_HARD || kind == CLASSIFY_BOUNCE_SOFT ||
	       kind == CLASSIFY_BOUNCE_DELAYED;
}

bool classify_kind_is_human(enum classify_kind kind)
{
	return kind == CLASSIFY_REPLY || kind == CLASSIFY_UNRELATED;
}
