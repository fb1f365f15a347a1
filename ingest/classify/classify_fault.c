#include "ingest/classify/classify_fault.h"

#include <string.h>

#include "base/mem.h"

static const char *const fault_names[] = {
	[CLASSIFY_FAULT_NONE] = "",
	[CLASSIFY_FAULT_RECIPIENT] = "recipient",
	[CLASSIFY_FAULT_SENDER] = "sender",
	[CLASSIFY_FAULT_CONTENT] = "content",
	[CLASSIFY_FAULT_INFRASTRUCTURE] = "infrastructure",
};

const char *classify_fault_name(enum classify_fault fault)
{
	return fault_names[fault];
}

static const struct {
	const char *reason;
	enum classify_fault fault;
} faults[] = {
	{ "userunknown", CLASSIFY_FAULT_RECIPIENT },
	{ "filtered", CLASSIFY_FAULT_RECIPIENT },
	{ "hostunknown", CLASSIFY_FAULT_RECIPIENT },
	{ "hasmoved", CLASSIFY_FAULT_RECIPIENT },
	{ "notaccept", CLASSIFY_FAULT_RECIPIENT },
	{ "mailboxfull", CLASSIFY_FAULT_RECIPIENT },
	{ "suspend", CLASSIFY_FAULT_RECIPIENT },
	{ "authfailure", CLASSIFY_FAULT_SENDER },
	{ "badreputation", CLASSIFY_FAULT_SENDER },
	{ "blocked", CLASSIFY_FAULT_SENDER },
	{ "norelaying", CLASSIFY_FAULT_SENDER },
	{ "rejected", CLASSIFY_FAULT_SENDER },
	{ "requireptr", CLASSIFY_FAULT_SENDER },
	{ "securityerror", CLASSIFY_FAULT_SENDER },
	{ "speeding", CLASSIFY_FAULT_SENDER },
	{ "toomanyconn", CLASSIFY_FAULT_SENDER },
	{ "failedstarttls", CLASSIFY_FAULT_SENDER },
	{ "contenterror", CLASSIFY_FAULT_CONTENT },
	{ "exceedlimit", CLASSIFY_FAULT_CONTENT },
	{ "mesgtoobig", CLASSIFY_FAULT_CONTENT },
	{ "notcompliantrfc", CLASSIFY_FAULT_CONTENT },
	{ "policyviolation", CLASSIFY_FAULT_CONTENT },
	{ "spamdetected", CLASSIFY_FAULT_CONTENT },
	{ "virusdetected", CLASSIFY_FAULT_CONTENT },
	{ "expired", CLASSIFY_FAULT_INFRASTRUCTURE },
	{ "mailererror", CLASSIFY_FAULT_INFRASTRUCTURE },
	{ "networkerror", CLASSIFY_FAULT_INFRASTRUCTURE },
	{ "syntaxerror", CLASSIFY_FAULT_INFRASTRUCTURE },
	{ "systemerror", CLASSIFY_FAULT_INFRASTRUCTURE },
	{ "systemfull", CLASSIFY_FAULT_INFRASTRUCTURE },
};

enum classify_fault classify_fault_of(const char *reason)
{
	for (size_t i = 0; i < countof(faults); i++)
		if (strcmp(reason, faults[i].reason) == 0)
			return faults[i].fault;
	return CLASSIFY_FAULT_NONE;
}
