#include "ingest/extract/extract_kind.h"

const char *extract_kind_name(enum extract_kind kind)
{
	switch (kind) {
	case EXTRACT_NEW:
		return "new";
	case EXTRACT_QUOTED:
		return "quoted";
	case EXTRACT_SIGNATURE:
		return "signature";
	case EXTRACT_FORWARDED_HEADER:
		return "forwarded_header";
	case EXTRACT_FORWARDED:
		return "forwarded";
	case EXTRACT_BANNER:
		return "banner";
	case EXTRACT_DISCLAIMER:
		return "disclaimer";
	}
	return "";
}
