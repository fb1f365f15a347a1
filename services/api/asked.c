#include "services/api/asked.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "services/api/etag.h"
#include "services/api/field.h"
#include "services/api/route.h"

bool asked_bearer(const struct request *q, struct text *ret)
{
	struct text t = text_of(http_call_header(q->call, "Authorization"));

	if (!text_istarts(t, TEXT("Bearer ")))
		return false;
	*ret = text_trim(text_sub(t, 7, t.len));
	return ret->len >= 16 && ret->len <= 256;
}

bool asked_in_time(struct request *q)
{
	const struct settings *s = q->api->settings;
	struct allowance_said said;
	char policy[96], left[96], wait[32];

	allowance_take(&q->api->allowance, text_of(q->key.api_key), (uint32_t)s->api_rate,
		       (uint32_t)s->api_burst, clock_mono_ms(), &said);
	if (!s->api_rate)
		return true;
	(void)snprintf(policy, sizeof(policy), "\"key\";q=%lld;w=%llu", (long long)s->api_burst,
		       (unsigned long long)said.window);
	(void)snprintf(left, sizeof(left), "\"key\";r=%u;t=%llu", said.left,
		       (unsigned long long)said.in_s);
	http_call_set_header(q->call, "RateLimit-Policy", policy);
	http_call_set_header(q->call, "RateLimit", left);
	if (said.may)
		return true;
	(void)snprintf(wait, sizeof(wait), "%llu", (unsigned long long)said.in_s);
	http_call_set_header(q->call, "Retry-After", wait);
	answer_problem(q, PROBLEM_TOO_MANY, "Authorization",
		       "this key asks more often than `api.rate` and `api.burst` allow",
		       "wait as long as Retry-After says, and go by RateLimit");
	return false;
}

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

const char *asked_known(const struct request *q, struct buf *keep)
{
	if (!etag_wanted(http_call_header(q->call, "If-Match"), keep))
		return NULL;
	return keep->len ? (const char *)keep->data : "";
}

void asked_tagged(struct request *q, int status, json_t *takes)
{
	const char *tag = json_get_text(takes, "etag");
	char quoted[80];

	(void)snprintf(quoted, sizeof(quoted), "\"%s\"", tag);
	http_call_set_header(q->call, "ETag", quoted);
	if (strcmp(q->route->method, "GET") != 0 ||
	    !etag_is_known(http_call_header(q->call, "If-None-Match"), tag)) {
		answer_json(q, status, takes);
		return;
	}
	json_decref(takes);
	answer_text(q, 304, NULL, TEXT(""));
}

void asked_next(struct request *q, const char *name, const char *cursor)
{
	const char *limit = http_call_query(q->call, "limit");
	cleanup_buf struct buf b = { .max = 2048 };

	(void)text_addf(&b, "<%s?%s=", http_call_path(q->call), name);
	(void)text_add_percent(&b, text_of(cursor));
	if (limit)
		(void)text_addf(&b, "&limit=%s", limit);
	(void)text_add(&b, TEXT(">; rel=\"next\""));
	http_call_set_header(q->call, "Link", (const char *)b.data);
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
