#include "ingest/classify/classify_fault.h"

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
