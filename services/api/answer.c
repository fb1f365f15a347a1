#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "services/api/audit_call.h"
#include "services/api/once.h"
#include "services/api/route.h"

/* Where a request left its trace: the id of its answer is `request` of this line. */
static void log_request(const struct request *q, int status)
{
	const struct log *log = &q->api->role->log;
	const char *path = q->route ? q->route->pattern : "-";
	long long took_ms = (long long)(clock_mono_ms() - q->began_ms);

	if (q->route && !q->route->scope && status < 500)
		log_debug(log, "api.request", "request=%s method=%s path=%s status=%d took_ms=%lld",
			  q->id, http_call_method(q->call), path, status, took_ms);
	else
		log_info(log, "api.request",
			 "request=%s method=%s path=%s status=%d took_ms=%lld key=%s code=%s",
			 q->id, q->route ? q->route->method : "-", path, status, took_ms,
			 q->key.api_key[0] ? q->key.api_key : "-", q->code ? q->code : "-");
}

void answer_text(struct request *q, int status, const char *content_type, struct text body)
{
	if (!once_answer(q, status, content_type, body))
		answer_send(q, status, content_type, body);
}

void answer_send(struct request *q, int status, const char *content_type, struct text body)
{
	audit_call_answered(q, status);
	log_request(q, status);
	http_call_set_header(q->call, "X-Request-Id", q->id);
	http_call_set_header(q->call, "Cache-Control", "no-store");
	http_call_set_header(q->call, "X-Content-Type-Options", "nosniff");
	http_call_answer(q->call, status, content_type, body);
}

void answer_json(struct request *q, int status, json_t *takes)
{
	char *text = takes ? json_dumps(takes, JSON_COMPACT) : NULL;

	json_decref(takes);
	if (text)
		answer_text(q, status, "application/json", text_of(text));
	else
		answer_problem(q, PROBLEM_INTERNAL, NULL, "the answer could not be written as JSON",
			       NULL);
	free(text);
}

void answer_problem(struct request *q, enum problem_code code, const char *field,
		    const char *detail, const char *remedy)
{
	answer_problem_with(q, code, field, detail, remedy, NULL);
}

void answer_problem_with(struct request *q, enum problem_code code, const char *field,
			 const char *detail, const char *remedy, json_t *more)
{
	const struct problem p = { code, field, detail, remedy, more, NULL };
	struct buf body;

	q->api->problems++;
	q->code = problem_name(code);
	if (code == PROBLEM_UNAUTHORIZED)
		http_call_set_header(q->call, "WWW-Authenticate", "Bearer realm=\"replyd\"");
	if (code == PROBLEM_UNAVAILABLE || code == PROBLEM_LOOKUP_FAILED)
		http_call_set_header(q->call, "Retry-After", "2");
	buf_init(&body, 16 * 1024);
	problem_write(&p, q->id, &body);
	answer_text(q, problem_status(code), "application/problem+json", text_of_buf(&body));
	buf_clear(&body);
}

bool answer_db_ok(struct request *q, const struct outcome *o)
{
	switch (o->blame) {
	case BLAME_NONE:
		return true;
	case BLAME_NET:
	case BLAME_REFUSED:
		answer_problem(q, PROBLEM_UNAVAILABLE, NULL,
			       "PostgreSQL did not answer; the request may be repeated as it is",
			       NULL);
		return false;
	case BLAME_US:
	case BLAME_PEER:
	case BLAME_LACKS:
	case BLAME_AUTH:
		break;
	}
	log_error(&q->api->role->log, "request.failed", "request=%s what=%s said=%s", q->id,
		  o->what, o->said);
	answer_problem(q, PROBLEM_INTERNAL, NULL, "the database refused what we asked", NULL);
	return false;
}

void answer_busy(struct request *q)
{
	answer_problem(q, PROBLEM_UNAVAILABLE, NULL,
		       "PostgreSQL is away, or too many requests wait for it", NULL);
}

bool answer_body(struct request *q)
{
	const char *type = http_call_header(q->call, "Content-Type");
	struct text given = text_of(type), media, params;
	struct json_error err;
	int r;

	text_cut(given, ';', &media, &params);
	if (!text_ieq(text_trim(media), TEXT("application/json"))) {
		answer_problem(q, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "Content-Type",
			       type ? "is not application/json" : "is missing", NULL);
		return false;
	}
	/* The server has a ceiling of its own, the same one. */
	r = json_read(http_call_body(q->call), (size_t)q->api->settings->api_max_body, &q->body,
		      &err);
	if (r == 0 && !json_is_object(q->body)) {
		answer_problem(q, PROBLEM_BAD_JSON, NULL, "the document is not an object", NULL);
		return false;
	}
	if (r)
		answer_problem(q, PROBLEM_BAD_JSON, err.field[0] ? err.field : NULL, err.why, NULL);
	return r == 0;
}
