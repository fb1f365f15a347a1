#include "services/api/asked.h"

#include <stdio.h>

#include "base/mem.h"
#include "services/api/field.h"

bool asked_id(struct request *q)
{
	if (field_uuid(q->params[0]))
		return true;
	answer_problem(q, PROBLEM_NOT_FOUND, NULL, "the id in the path is not a UUID",
		       "use the id that the API or an event gave");
	return false;
}

bool asked_number(struct request *q, const char *name, uint64_t min, uint64_t max, uint64_t *n)
{
	const char *given = http_call_query(q->call, name);
	uint64_t v;
	char why[96];

	if (!given)
		return true;
	if (text_u64(text_of(given), max, &v) == 0 && v >= min) {
		*n = v;
		return true;
	}
	(void)snprintf(why, sizeof(why), "is not a whole number from %llu to %llu",
		       (unsigned long long)min, (unsigned long long)max);
	answer_problem(q, PROBLEM_BAD_FIELD, name, why, NULL);
	return false;
}

void asked_started(struct request *q, int r)
{
	if (r)
		answer_busy(q);
}

void asked_nothing(struct request *q, const char *what)
{
	char why[96];

	(void)snprintf(why, sizeof(why), "%s with this id in the workspace of the key", what);
	answer_problem(q, PROBLEM_NOT_FOUND, NULL, why, NULL);
}

void asked_view(struct view *v, const char *what)
{
	struct request *q = container_of(v, struct request, view);

	if (!answer_db_ok(q, &v->outcome))
		return;
	if (v->found)
		answer_text(q, 200, "application/json", text_of_buf(&v->json));
	else
		asked_nothing(q, what);
}
