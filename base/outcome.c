#include "base/outcome.h"

struct outcome outcome_of(enum blame blame, const char *what, struct text said)
{
	struct outcome o = { .blame = blame, .what = what };

	text_printable(o.said, sizeof(o.said), text_trim(said));
	return o;
}

bool outcome_ok(const struct outcome *o)
{
	return o->blame == BLAME_NONE;
}

const char *outcome_blame_name(enum blame blame)
{
	switch (blame) {
	case BLAME_NONE:
		return "none";
	case BLAME_US:
		return "us";
	case BLAME_NET:
		return "net";
	case BLAME_PEER:
		return "peer";
	case BLAME_LACKS:
		return "lacks";
	case BLAME_REFUSED:
		return "refused";
	case BLAME_AUTH:
		return "auth";
	}
	return "unknown";
}
