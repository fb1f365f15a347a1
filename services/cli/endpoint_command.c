#include "services/cli/endpoint_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "services/cli/api_call.h"
#include "services/cli/event_line.h"
#include "services/cli/fields.h"
#include "services/say.h"

#define WATCH_MS  500
#define ANSWER_MS 20000 /* a test's post has the endpoint's whole time */

/* What one command works on. */
struct work {
	struct api_call api;
	const struct options *o;
	json_t *endpoint; /* as the list gives it */
	char id[JSON_UUID];
};

static long long int_at(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

/* ---- which one ---- */

static bool is_called(const json_t *e, const char *name)
{
	return strcasecmp(json_get_text(e, "id"), name) == 0 ||
	       strcmp(json_get_text(e, "url"), name) == 0;
}

static bool begins_so(const json_t *e, const char *name)
{
	return strlen(name) >= 4 && strncasecmp(json_get_text(e, "id"), name, strlen(name)) == 0;
}

static int choose(const json_t *all, const char *name, json_t **ret)
{
	json_t *e, *found = NULL;
	size_t i, n = 0;
	char line[300];

	for (int by_beginning = 0; by_beginning < 2 && !n; by_beginning++) {
		json_array_foreach(all, i, e)
		{
			if (!(by_beginning ? begins_so(e, name) : is_called(e, name)))
				continue;
			found = e;
			n++;
		}
	}
	if (n == 1) {
		*ret = json_incref(found);
		return 0;
	}
	(void)snprintf(line, sizeof(line), "endpoint %.100s: %s; see `replyd endpoint list`", name,
		       n ? "several are called so, name it by its id" : "there is none");
	return say(EX_DATAERR, line);
}

static int open_one(struct work *w, const struct settings *s, const struct options *o,
		    const char *name)
{
	cleanup_json json_t *all = NULL;
	int code = options_want(name, "ENDPOINT", "its id, the beginning of it, or its URL");

	*w = (struct work){ .o = o };
	if (code == 0)
		code = api_call_open(&w->api, s, o);
	if (code)
		return code;
	code = api_call_get(&w->api, "/v1/endpoints", &all);
	if (code == 0)
		code = choose(all, name, &w->endpoint);
	if (code)
		api_call_close(&w->api);
	else
		(void)snprintf(w->id, sizeof(w->id), "%s", json_get_text(w->endpoint, "id"));
	return code;
}

static int close_one(struct work *w, int code)
{
	json_decref(w->endpoint);
	api_call_close(&w->api);
	return code;
}

/* /v1/endpoints/{id} and `rest`. */
static int call(struct work *w, const char *method, const char *rest, const json_t *body,
		json_t **ret)
{
	char path[API_CALL_PATH];

	(void)snprintf(path, sizeof(path), "/v1/endpoints/%s%s", w->id, rest);
	return api_call_send(&w->api, method, path, body, ret);
}

typedef void (*print_fn)(const struct work *w, json_t *answer);

/* One call for one endpoint: what it answered, for a program or by `print` for people. */
static int do_one(const struct settings *s, const struct options *o, const char *name,
		  const char *method, const char *rest, const json_t *body, print_fn print)
{
	cleanup_json json_t *j = NULL;
	struct work w;
	int code = open_one(&w, s, o, name);

	if (code)
		return code;
	code = call(&w, method, rest, body, &j);
	if (code == 0 && o->json)
		fields_print(j, true);
	else if (code == 0)
		print(&w, j);
	return close_one(&w, code);
}

/* ---- list and show ---- */

static void print_types(const json_t *e)
{
	const json_t *types = json_object_get(e, "types"), *t;
	size_t i;

	if (!json_array_size(types))
		(void)fputs("all", stdout);
	json_array_foreach(types, i, t)
	{
		printf("%s%s", i ? "," : "", json_string_value(t));
	}
}

static void print_list(const json_t *all)
{
	const json_t *e;
	size_t i;

	printf("%-36s  %-9s %-24s %-44s %s\n", "ENDPOINT", "STATE", "REASON", "URL", "TYPES");
	json_array_foreach(all, i, e)
	{
		printf("%-36s  %-9s %-24s %-44s ", json_get_text(e, "id"),
		       json_get_text(e, "state"), json_get_text(e, "reason"),
		       json_get_text(e, "url"));
		print_types(e);
		putchar('\n');
	}
}

int endpoint_command_list(const struct settings *s, const struct options *o)
{
	cleanup_json json_t *all = NULL;
	struct api_call api;
	int code = api_call_open(&api, s, o);

	if (code)
		return code;
	code = api_call_get(&api, "/v1/endpoints", &all);
	if (code == 0 && o->json)
		fields_print(all, true);
	else if (code == 0)
		print_list(all);
	api_call_close(&api);
	return code;
}

static void print_one(const struct work *w, json_t *j)
{
	(void)w;
	fields_print(j, /* as_json= */ false);
}

int endpoint_command_show(const struct settings *s, const struct options *o)
{
	return do_one(s, o, o->words[2], "GET", "", NULL, print_one);
}

/* ---- add, rotate, switch, remove ---- */

/* "a,b" -> ["a", "b"] */
static json_t *list_of(const char *given)
{
	struct text rest = text_of(given), one;
	json_t *list = json_array();
	bool more = true;

	while (more) {
		more = text_cut(rest, ',', &one, &rest);
		one = text_trim(one);
		if (one.len)
			json_append(list, json_stringn(one.at, one.len));
	}
	return list;
}

static void print_secret(const struct work *w, json_t *j)
{
	print_one(w, j);
	(void)fputs("Keep the secret: it is shown only this once.\n", stderr);
}

int endpoint_command_add(const struct settings *s, const struct options *o)
{
	cleanup_json json_t *body = json_object(), *j = NULL;
	struct api_call api;
	int code = options_want(o->words[2], "URL", "where events are to be posted to");

	if (code == 0)
		code = api_call_open(&api, s, o);
	if (code)
		return code;
	json_put_text(body, "url", text_of(o->words[2]));
	if (o->types)
		json_put(body, "types", list_of(o->types));
	code = api_call_send(&api, "POST", "/v1/endpoints", body, &j);
	if (code == 0 && o->json)
		fields_print(j, true);
	else if (code == 0)
		print_secret(NULL, j);
	api_call_close(&api);
	return code;
}

int endpoint_command_rotate(const struct settings *s, const struct options *o)
{
	return do_one(s, o, o->words[2], "POST", "/rotate-secret", NULL, print_secret);
}

static void print_switched(const struct work *w, json_t *j)
{
	printf("%s is %s\n", json_get_text(w->endpoint, "url"), json_get_text(j, "state"));
}

int endpoint_command_switch(const struct settings *s, const struct options *o)
{
	cleanup_json json_t *body = json_object();
	bool on = strcmp(o->words[1], "enable") == 0;

	json_put_text(body, "state", on ? TEXT("enabled") : TEXT("disabled"));
	return do_one(s, o, o->words[2], "PATCH", "", body, print_switched);
}

static void print_removed(const struct work *w, json_t *j)
{
	(void)j;
	printf("%s is removed\n", json_get_text(w->endpoint, "url"));
}

int endpoint_command_remove(const struct settings *s, const struct options *o)
{
	return do_one(s, o, o->words[2], "DELETE", "", NULL, print_removed);
}

/* ---- test ---- */

/* The first attempt at the event to this endpoint, once there is one. */
static int wait_attempt(struct work *w, const char *event_id, json_t **ret)
{
	uint64_t end_ms = clock_mono_ms() + ANSWER_MS;
	char path[API_CALL_PATH];

	(void)snprintf(path, sizeof(path), "/v1/events/%.36s", event_id);
	do {
		cleanup_json json_t *event = NULL;
		json_t *a;
		size_t i;
		int code = api_call_get(&w->api, path, &event);

		if (code)
			return code;
		json_array_foreach(json_object_get(event, "attempts"), i, a)
		{
			if (strcmp(json_get_text(a, "endpoint_id"), w->id) == 0) {
				*ret = json_incref(a);
				return 0;
			}
		}
		if (http_wait_pause(&w->api.wait, WATCH_MS) < 0)
			return API_CALL_INTERRUPTED;
	} while (clock_mono_ms() < end_ms);
	return say(EX_UNAVAILABLE, "the test event was not posted within 20 s: does a dispatcher "
				   "run? `replyd event show` says later");
}

static int tell_attempt(const struct work *w, json_t *a)
{
	bool delivered = strcmp(json_get_text(a, "outcome"), "delivered") == 0;
	char said[100], line[400];

	if (w->o->json)
		fields_print(a, true);
	text_printable(said, sizeof(said), text_of(json_get_text(a, "detail")));
	(void)snprintf(line, sizeof(line), "%.200s: %s, status %lld, %lld ms%s%s",
		       json_get_text(w->endpoint, "url"), json_get_text(a, "outcome"),
		       int_at(a, "status"), int_at(a, "took_ms"), *said ? ": " : "", said);
	if (!delivered)
		return say(EX_UNAVAILABLE, line);
	if (!w->o->json)
		puts(line);
	return 0;
}

int endpoint_command_test(const struct settings *s, const struct options *o)
{
	cleanup_json json_t *j = NULL, *attempt = NULL;
	struct work w;
	int code = open_one(&w, s, o, o->words[2]);

	if (code)
		return code;
	code = call(&w, "POST", "/test", NULL, &j);
	if (code == 0)
		code = wait_attempt(&w, json_get_text(j, "event_id"), &attempt);
	if (code == 0)
		code = tell_attempt(&w, attempt);
	return close_one(&w, code);
}

/* ---- dead letters and replay ---- */

static void print_dead(const struct work *w, json_t *j)
{
	const json_t *d;
	size_t i;

	(void)w;
	printf("%-36s  %-22s %10s %5s %6s  %s\n", "EVENT", "TYPE", "POSITION", "TRIES", "STATUS",
	       "OUTCOME");
	json_array_foreach(json_object_get(j, "dead_letters"), i, d)
	{
		printf("%-36s  %-22s %10lld %5lld %6lld  %s\n", json_get_text(d, "event_id"),
		       json_get_text(d, "type"), int_at(d, "position"), int_at(d, "tries"),
		       int_at(d, "status"), json_get_text(d, "outcome"));
	}
}

int endpoint_command_dead(const struct settings *s, const struct options *o)
{
	char rest[200];

	(void)snprintf(rest, sizeof(rest), "/dead-letters?after=%.20s&limit=%.20s",
		       o->after ? o->after : "0", o->limit ? o->limit : "100");
	return do_one(s, o, o->words[2], "GET", rest, NULL, print_dead);
}

int endpoint_command_replay_of(const struct settings *s, const struct options *o,
			       const char *endpoint, const char *event_id)
{
	cleanup_json json_t *body = json_object();

	if (!event_id && !o->dead && !o->types && !o->from && !o->to)
		return say(EX_USAGE, "replay: say which events: an ID, --dead, or --types, --from "
				     "and --to");
	if (event_id)
		json_put_text(body, "event_id", text_of(event_id));
	if (o->dead)
		json_put_bool(body, "dead", true);
	if (o->types)
		json_put(body, "types", list_of(o->types));
	if (o->from)
		json_put_text(body, "from", text_of(o->from));
	if (o->to)
		json_put_text(body, "to", text_of(o->to));
	return do_one(s, o, endpoint, "POST", "/replay", body, print_one);
}

int endpoint_command_replay(const struct settings *s, const struct options *o)
{
	return endpoint_command_replay_of(s, o, o->words[2], o->n_words > 3 ? o->words[3] : NULL);
}
