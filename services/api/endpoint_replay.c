#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/sign.h"
#include "db/endpoint.h"
#include "services/api/asked.h"
#include "services/api/endpoint_read.h"
#include "services/api/field.h"
#include "services/api/handlers.h"
#include "services/event_type.h"

/* What an endpoint did not take, and what it is to get once more. */

#define LINES_DEFAULT 100
#define LINES_MAX     1000

static void on_asked(struct view *v);

static void on_endpoint(struct view *v)
{
	asked_view(v, "no endpoint");
}

static void on_replay(struct view *v)
{
	asked_view(v, "no replay");
}

static void on_made(struct view *v)
{
	struct request *q = container_of(v, struct request, view);

	if (!answer_db_ok(q, &v->outcome))
		return;
	if (v->found)
		answer_text(q, 202, "application/json", text_of_buf(&v->json));
	else
		asked_nothing(q, "no replay");
}

void endpoint_replay_dead(struct request *q)
{
	uint64_t after = 0, limit = LINES_DEFAULT;

	if (asked_id(q) && asked_number(q, "after", 0, INT64_MAX, &after) &&
	    asked_number(q, "limit", 1, LINES_MAX, &limit) &&
	    endpoint_dead_letters(q->api->pg, &q->view, q->key.workspace, q->params[0],
				  (int64_t)after, (int64_t)limit, on_endpoint) != 0)
		answer_busy(q);
}

static int read_asked(const json_t *body, struct endpoint_replay *r, char event[JSON_UUID],
		      const json_t **ret_types, struct json_error *err)
{
	static const char *const fields[] = { "event_id", "dead", "types", "from", "to", NULL };
	const json_t *asked = json_object_get(body, "dead");
	bool dead = json_is_true(asked);

	event[0] = '\0';
	if (json_only(body, "", fields, err) ||
	    json_want_uuid(body, "", "event_id", JSON_OPTIONAL, event, err) ||
	    endpoint_read_types(body, "types", ret_types, err) ||
	    json_want_time(body, "", "from", JSON_OPTIONAL, &r->from_us, err) ||
	    json_want_time(body, "", "to", JSON_OPTIONAL, &r->to_us, err))
		return -1;
	if (asked && !json_is_boolean(asked) && !json_is_null(asked))
		json_error_set(err, "", "dead", "is not true or false");
	else if (*event && (dead || *ret_types || r->from_us != INT64_MIN || r->to_us != INT64_MIN))
		json_error_set(err, "", "event_id", "is one event; nothing else goes with it");
	else if (!*event && !dead && !*ret_types && r->from_us == INT64_MIN)
		json_error_set(err, "", "",
			       "says nothing: give event_id, dead, types, or from and to");
	else if (r->to_us != INT64_MIN && r->to_us <= r->from_us)
		json_error_set(err, "", "to", "is not after `from`");
	else {
		r->what = *event ? "event" : dead ? "dead" : "range";
		r->event = *event ? event : NULL;
		return 0;
	}
	return -1;
}

void endpoint_replay_ask(struct request *q)
{
	struct endpoint_replay r = { .endpoint = q->params[0],
				     .from_us = INT64_MIN,
				     .to_us = INT64_MIN };
	char event[JSON_UUID], replay[RAND_UUID], print[2 * SIGN_SHA256 + 1];
	uint8_t digest[SIGN_SHA256];
	const json_t *types = NULL;
	cleanup_free char *said = NULL, *types_text = NULL;
	cleanup_buf struct buf hex = { .max = 2 * SIGN_SHA256 };
	struct json_error err;

	if (!asked_id(q) || !answer_body(q))
		return;
	if (read_asked(q->body, &r, event, &types, &err) < 0) {
		answer_problem(q, PROBLEM_BAD_FIELD, err.field, err.why,
			       strcmp(err.why, "is no event type") == 0 ? event_type_names()
									: NULL);
		return;
	}
	/* The same once more, while that runs, is that. */
	said = json_dumps(q->body, JSON_COMPACT | JSON_SORT_KEYS);
	sign_sha256(said, strlen(said), digest);
	(void)text_add_hex(&hex, digest, sizeof(digest));
	memcpy(print, hex.data, hex.len + 1);
	types_text = types ? json_dumps(types, JSON_COMPACT) : NULL;
	rand_uuid(replay);
	r.replay = replay;
	r.types = types_text;
	r.asked = print;
	if (endpoint_replay_start(q->api->pg, &q->view, q->key.workspace, &r, on_asked) != 0)
		answer_busy(q);
}

static void on_asked(struct view *v)
{
	struct request *q = container_of(v, struct request, view);
	cleanup_json json_t *j = NULL;
	const char *problem;
	char replay[RAND_UUID];

	if (!answer_db_ok(q, &v->outcome))
		return;
	j = v->found ? json_loadb((const char *)v->json.data, v->json.len, 0, NULL) : NULL;
	problem = json_get_text(j, "problem");
	if (!j) {
		asked_nothing(q, "no endpoint");
	} else if (strcmp(problem, "disabled") == 0) {
		answer_problem(q, PROBLEM_CONFLICT, NULL, "the endpoint is disabled",
			       "enable it first: PATCH with {\"state\": \"enabled\"}");
	} else if (*problem) {
		answer_problem(q, PROBLEM_BAD_FIELD, "/event_id",
			       "is no event of the workspace that has a position", NULL);
	} else {
		(void)snprintf(replay, sizeof(replay), "%s", json_get_text(j, "replay_id"));
		view_clear(v);
		if (endpoint_replay_show(q->api->pg, v, q->key.workspace, q->params[0], replay,
					 on_made) != 0)
			answer_busy(q);
	}
}

void endpoint_replay_view(struct request *q)
{
	if (!asked_id(q))
		return;
	if (!field_uuid(q->params[1]))
		asked_nothing(q, "no replay");
	else if (endpoint_replay_show(q->api->pg, &q->view, q->key.workspace, q->params[0],
				      q->params[1], on_replay) != 0)
		answer_busy(q);
}
