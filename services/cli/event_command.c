#include "services/cli/event_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "services/api/field.h"
#include "services/cli/endpoint_command.h"
#include "services/cli/event_line.h"
#include "services/say.h"

/* The event of that id, as GET /v1/events/{id} gives it. */
static int get_event(struct api_call *api, const char *id, json_t **ret)
{
	char path[API_CALL_PATH], line[200];

	if (!field_uuid(id)) {
		(void)snprintf(line, sizeof(line),
			       "event %.80s: is no id of an event; `replyd event tail --json` "
			       "shows them",
			       id);
		return say(EX_USAGE, line);
	}
	(void)snprintf(path, sizeof(path), "/v1/events/%s", id);
	return api_call_get(api, path, ret);
}

/* ---- show ---- */

static void print_field(const char *name, const char *value)
{
	char shown[400];

	text_printable(shown, sizeof(shown), text_of(value));
	if (*shown)
		printf("%-12s %s\n", name, shown);
}

static void print_attempts(const json_t *event)
{
	const json_t *attempts = json_object_get(event, "attempts"), *a;
	size_t i;

	if (json_array_size(attempts))
		printf("\n%-28s %-36s %4s %7s %-12s %8s  %s\n", "POSTED", "ENDPOINT", "TRY",
		       "STATUS", "OUTCOME", "TOOK", "SAID");
	json_array_foreach(attempts, i, a)
	{
		char said[80];

		text_printable(said, sizeof(said), text_of(json_get_text(a, "detail")));
		printf("%-28s %-36s %4lld %7lld %-12s %5lld ms  %s\n", json_get_text(a, "at"),
		       json_get_text(a, "endpoint_id"),
		       (long long)json_integer_value(json_object_get(a, "try")),
		       (long long)json_integer_value(json_object_get(a, "status")),
		       json_get_text(a, "outcome"),
		       (long long)json_integer_value(json_object_get(a, "took_ms")), said);
	}
}

/* What happened to the mail, in the order in which it does. */
static void print_chain(const json_t *event)
{
	static const char *const steps[] = { "arrived",   "detected",     "gated",  "logged",
					     "delivered", "acknowledged", "stopped" };
	const json_t *chain = json_object_get(event, "chain");

	for (size_t i = 0; i < countof(steps); i++)
		print_field(steps[i], json_get_text(chain, steps[i]));
}

static void print_event(const json_t *event)
{
	char who[EVENT_LINE_WORD], what[EVENT_LINE_WORD];
	long long owed = json_integer_value(json_object_get(event, "owed"));
	cleanup_free char *data =
		json_dumps(json_object_get(event, "data"),
			   JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));

	event_line_who(event, who);
	event_line_what(event, what);
	print_field("id", json_get_text(event, "id"));
	print_field("type", json_get_text(event, "type"));
	print_field("at", json_get_text(event, "timestamp"));
	print_field("who", who);
	print_field("what", what);
	print_chain(event);
	if (owed)
		printf("%-12s %lld deliveries are still to be made\n", "owed", owed);
	print_attempts(event);
	printf("\n%s\n", data ? data : "{}");
}

int event_command_show(const struct settings *s, const struct options *o)
{
	cleanup_json json_t *event = NULL;
	struct api_call api;
	int code = options_want(o->words[2], "ID", "the id of an event");

	if (code == 0)
		code = api_call_open(&api, s, o);
	if (code)
		return code;
	code = get_event(&api, o->words[2], &event);
	if (code == 0 && o->json)
		event_line_print(stdout, event, NULL, /* as_json= */ true);
	else if (code == 0)
		print_event(event);
	api_call_close(&api);
	return code;
}

/* ---- replay ---- */

static int post_here(struct api_call *api, const struct settings *s, const struct options *o)
{
	cleanup_json json_t *event = NULL;
	struct forward f;
	bool delivered = false;
	int code = get_event(api, o->words[2], &event);

	if (code)
		return code;
	code = forward_open(&f, &api->wait, s, o);
	if (code == 0)
		code = forward_post(&f, event);
	if (code == 0) {
		event_line_print(stdout, event, &f, o->json);
		delivered = forward_is_delivered(&f);
	}
	forward_close(&f);
	return code == 0 && !delivered ? say(EX_UNAVAILABLE, f.words) : code;
}

int event_command_replay(const struct settings *s, const struct options *o)
{
	struct api_call api;
	int code;

	if (!o->forward)
		return endpoint_command_replay_of(s, o, o->endpoint, o->words[2]);
	code = options_want(o->words[2], "ID", "the id of the event to forward");
	if (code == 0)
		code = api_call_open(&api, s, o);
	if (code)
		return code;
	code = post_here(&api, s, o);
	api_call_close(&api);
	return code;
}
