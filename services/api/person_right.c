#include "services/api/person_right.h"

#include <string.h>

#include "base/mem.h"

/* Where it is not as the method says: reading is for all, everything else for admins. */
static const struct {
	const char *method, *pattern;
	enum person_role least;
} rows[] = {
	{ "GET", "/v1/audit", PERSON_ADMIN },
	{ "POST", "/v1/connect-links", PERSON_OPERATOR },
	{ "POST", "/v1/inboxes/{}/pause", PERSON_OPERATOR },
	{ "POST", "/v1/inboxes/{}/resume", PERSON_OPERATOR },
	{ "POST", "/v1/inboxes/{}/probe", PERSON_OPERATOR },
	{ "POST", "/v1/inboxes/{}/unread/acknowledge", PERSON_OPERATOR },
	{ "POST", "/v1/messages/{}/reclassify", PERSON_OPERATOR },
	{ "POST", "/v1/prospects/{}/stop", PERSON_OPERATOR },
	{ "POST", "/v1/prospects/{}/resume", PERSON_OPERATOR },
	{ "POST", "/v1/prospects/{}/stop", PERSON_OPERATOR },
	{ "POST", "/v1/prospects/{}/resume", PERSON_OPERATOR },
	{ "POST", "/v1/endpoints/{}/test", PERSON_OPERATOR },
	{ "POST", "/v1/endpoints/{}/replay", PERSON_OPERATOR },
};

static const char *const of_programs[] = { "outbound", "token", "slot" };

bool person_right_has(enum person_role role, const struct route *route)
{
	bool reads = strcmp(route->method, "GET") == 0;

	for (size_t i = 0; !reads && i < countof(of_programs); i++)
		if (strcmp(of_programs[i], route->scope) == 0)
			return false;
	for (size_t i = 0; i < countof(rows); i++)
		if (strcmp(rows[i].method, route->method) == 0 &&
		    strcmp(rows[i].pattern, route->pattern) == 0)
			return role >= rows[i].least;
	return reads || role == PERSON_ADMIN;
}
