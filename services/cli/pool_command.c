#include "services/cli/pool_command.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "services/cli/api_call.h"
#include "services/cli/fields.h"
#include "services/say.h"

/* ---- what is named, what is set ---- */

/* Its id, by the id itself or by what `key` says of it. */
static int find(const json_t *all, const char *noun, const char *key, const char *name,
		char ret[JSON_UUID])
{
	const json_t *it;
	char line[300];
	size_t i;

	json_array_foreach(all, i, it)
	{
		if (strcasecmp(json_get_text(it, "id"), name) != 0 &&
		    strcasecmp(json_get_text(it, key), name) != 0)
			continue;
		(void)snprintf(ret, JSON_UUID, "%s", json_get_text(it, "id"));
		return 0;
	}
	(void)snprintf(line, sizeof(line), "%s %.150s: there is none; see `replyd %s list`", noun,
		       name, noun);
	return say(EX_DATAERR, line);
}

static int find_pool(struct api_call *api, const char *name, char ret[JSON_UUID])
{
	cleanup_json json_t *all = NULL;
	int code = options_want(name, "POOL", "its name or its id");

	if (code == 0) /* a workspace has no more than that */
		code = api_call_get(api, "/v1/pools?limit=1000", &all);
	return code ? code : find(json_object_get(all, "pools"), "pool", "name", name, ret);
}

static int find_inbox(struct api_call *api, const char *name, char ret[JSON_UUID])
{
	cleanup_json json_t *all = NULL;
	int code = options_want(name, "INBOX", "its address or its id");

	if (code == 0)
		code = api_call_get(api, "/v1/inboxes", &all);
	return code ? code : find(all, "inbox", "address", name, ret);
}

/* The words from `first` on, name=value, into `body`. */
static int read_fields(const struct options *o, size_t first, json_t *body)
{
	for (size_t i = first; i < o->n_words; i++) {
		struct text name, value;
		char key[64], line[200];
		json_t *j;

		if (!text_cut(text_of(o->words[i]), '=', &name, &value) || !name.len ||
		    name.len >= sizeof(key)) {
			(void)snprintf(line, sizeof(line), "%.100s: is no name=value", o->words[i]);
			return say(EX_USAGE, line);
		}
		(void)snprintf(key, sizeof(key), "%.*s", TEXT_ARG(name));
		j = json_loadb(value.at, value.len, JSON_DECODE_ANY, NULL);
		if (j)
			json_put(body, key, j);
		else
			json_put_text(body, key, value);
	}
	return 0;
}

/* One call, its answer printed, and the end. */
static int finish(struct api_call *api, const struct options *o, int code, const char *method,
		  const char *path, const json_t *body)
{
	cleanup_json json_t *answer = NULL;

	if (code == 0)
		code = strcmp(method, "GET") == 0 ? api_call_get(api, path, &answer)
						  : api_call_send(api, method, path, body, &answer);
	if (code == 0)
		fields_print(answer, o->json);
	api_call_close(api);
	return code;
}

/* ---- pools ---- */

static int list_pools(struct api_call *api, const struct options *o)
{
	cleanup_json json_t *all = NULL;
	const json_t *p;
	size_t i;
	int code = api_call_get(api, "/v1/pools?limit=1000", &all);

	if (code == 0 && o->json) {
		fields_print(all, true);
	} else if (code == 0) {
		printf("%-36s  %-32s %8s\n", "POOL", "NAME", "MEMBERS");
		json_array_foreach(json_object_get(all, "pools"), i, p)
		{
			printf("%-36s  %-32s %8lld\n", json_get_text(p, "id"),
			       json_get_text(p, "name"),
			       json_integer_value(json_object_get(p, "members")));
		}
	}
	return code;
}

int pool_command_list(const struct settings *s, const struct options *o)
{
	struct api_call api;
	int code = api_call_open(&api, s, o);

	if (code)
		return code;
	code = list_pools(&api, o);
	api_call_close(&api);
	return code;
}

int pool_command_create(const struct settings *s, const struct options *o)
{
	cleanup_json json_t *body = json_object();
	struct api_call api;
	int code = options_want(o->words[2], "NAME", "what the pool is called");

	if (code == 0)
		code = read_fields(o, 3, body);
	if (code == 0)
		code = api_call_open(&api, s, o);
	if (code)
		return code;
	json_put_text(body, "name", text_of(o->words[2]));
	return finish(&api, o, 0, "POST", "/v1/pools", body);
}

/* /v1/pools/{id} and `rest`. */
static int on_pool(const struct settings *s, const struct options *o, const char *method,
		   const char *rest, const json_t *body)
{
	char path[API_CALL_PATH], id[JSON_UUID] = "";
	struct api_call api;
	int code = api_call_open(&api, s, o);

	if (code)
		return code;
	code = find_pool(&api, o->words[2], id);
	(void)snprintf(path, sizeof(path), "/v1/pools/%s%s", id, rest);
	return finish(&api, o, code, method, path, body);
}

int pool_command_show(const struct settings *s, const struct options *o)
{
	return on_pool(s, o, "GET", "", NULL);
}

int pool_command_change(const struct settings *s, const struct options *o)
{
	cleanup_json json_t *body = json_object();
	int code = read_fields(o, 3, body);

	return code ? code : on_pool(s, o, "PATCH", "", body);
}

int pool_command_remove(const struct settings *s, const struct options *o)
{
	return on_pool(s, o, "DELETE", "", NULL);
}

int pool_command_members(const struct settings *s, const struct options *o)
{
	return on_pool(s, o, "GET", "/members?limit=1000", NULL);
}

int pool_command_add(const struct settings *s, const struct options *o)
{
	cleanup_json json_t *body = json_object(), *one = json_object();
	char path[API_CALL_PATH], id[JSON_UUID] = "", inbox[JSON_UUID] = "";
	json_t *members = json_array();
	struct api_call api;
	int code = read_fields(o, 4, one);

	json_put(body, "members", members);
	if (code == 0)
		code = api_call_open(&api, s, o);
	if (code)
		return code;
	code = find_pool(&api, o->words[2], id);
	if (code == 0)
		code = find_inbox(&api, o->words[3], inbox);
	json_put_text(one, "inbox_id", text_of(inbox));
	json_append(members, json_incref(one));
	(void)snprintf(path, sizeof(path), "/v1/pools/%s/members", id);
	return finish(&api, o, code, "PUT", path, body);
}

int pool_command_drop(const struct settings *s, const struct options *o)
{
	char path[API_CALL_PATH], id[JSON_UUID] = "", inbox[JSON_UUID] = "";
	struct api_call api;
	int code = api_call_open(&api, s, o);

	if (code)
		return code;
	code = find_pool(&api, o->words[2], id);
	if (code == 0)
		code = find_inbox(&api, o->words[3], inbox);
	(void)snprintf(path, sizeof(path), "/v1/pools/%s/members/%s", id, inbox);
	return finish(&api, o, code, "DELETE", path, NULL);
}

/* ---- capacity ---- */

static void print_capacity(const json_t *pool)
{
	const json_t *it;
	size_t i;

	printf("%lld of %lld left today, %lld of them for first mails; %lld of %lld inboxes may "
	       "send "
	       "now\n",
	       json_integer_value(json_object_get(pool, "left")),
	       json_integer_value(json_object_get(pool, "cap")),
	       json_integer_value(json_object_get(pool, "left_new")),
	       json_integer_value(json_object_get(pool, "able")),
	       json_integer_value(json_object_get(pool, "members")));
	printf("%-32s %-8s %-10s %5s %5s %5s  %-16s %s\n", "INBOX", "TIER", "DAY", "CAP", "USED",
	       "LEFT", "BINDS", "UNTIL");
	json_array_foreach(json_object_get(pool, "inboxes"), i, it)
	{
		const json_t *first = json_object_get(it, "first");

		printf("%-32s %-8s %-10s %5lld %5lld %5lld  %-16s %s\n",
		       json_get_text(it, "address"), json_get_text(it, "tier"),
		       json_get_text(it, "day"), json_integer_value(json_object_get(it, "cap")),
		       json_integer_value(json_object_get(it, "used")),
		       json_integer_value(json_object_get(it, "left")),
		       json_get_text(first, "binds"), json_get_text(first, "lifts_at"));
	}
}

/* POOL [DAY] */
int pool_command_capacity(const struct settings *s, const struct options *o)
{
	cleanup_json json_t *answer = NULL;
	char path[API_CALL_PATH], id[JSON_UUID] = "";
	const char *day = o->n_words > 3 ? o->words[3] : "";
	struct api_call api;
	int code = api_call_open(&api, s, o);

	if (code)
		return code;
	code = find_pool(&api, o->words[2], id);
	(void)snprintf(path, sizeof(path), "/v1/pools/%s/capacity%s%.10s", id, *day ? "?day=" : "",
		       day);
	if (code == 0)
		code = api_call_get(&api, path, &answer);
	if (code == 0 && o->json)
		fields_print(answer, true);
	else if (code == 0)
		print_capacity(answer);
	api_call_close(&api);
	return code;
}

/* ---- policies ---- */

static int on_policy(const struct settings *s, const struct options *o, const char *method,
		     const json_t *body)
{
	char path[API_CALL_PATH], inbox[JSON_UUID] = "";
	struct api_call api;
	int code = api_call_open(&api, s, o);

	if (code)
		return code;
	code = find_inbox(&api, o->words[2], inbox);
	(void)snprintf(path, sizeof(path), "/v1/inboxes/%s/send-policy", inbox);
	return finish(&api, o, code, method, path, body);
}

int pool_command_policy(const struct settings *s, const struct options *o)
{
	return on_policy(s, o, "GET", NULL);
}

int pool_command_policy_set(const struct settings *s, const struct options *o)
{
	cleanup_json json_t *body = json_object();
	int code = read_fields(o, 3, body);

	return code ? code : on_policy(s, o, "PATCH", body);
}

/* ---- groups ---- */

int pool_command_groups(const struct settings *s, const struct options *o)
{
	struct api_call api;
	int code = api_call_open(&api, s, o);

	return code ? code : finish(&api, o, 0, "GET", "/v1/send-groups?limit=1000", NULL);
}

/* KIND NAME behind the verb. */
static int on_group(const struct settings *s, const struct options *o, const char *method,
		    const json_t *body)
{
	cleanup_buf struct buf path;
	struct api_call api;
	int code = options_want(o->words[2], "KIND", "domain or tenant");

	buf_init(&path, API_CALL_PATH - 1);
	if (code == 0)
		code = options_want(o->words[3], "NAME", "the sending domain, or the tenant");
	if (code == 0 &&
	    (text_add(&path, TEXT("/v1/send-groups/")) != 0 ||
	     text_add_percent(&path, text_of(o->words[2])) != 0 ||
	     text_add(&path, TEXT("/")) != 0 || text_add_percent(&path, text_of(o->words[3])) != 0))
		code = say(EX_USAGE, "the name is too long");
	if (code == 0)
		code = api_call_open(&api, s, o);
	return code ? code : finish(&api, o, 0, method, (const char *)path.data, body);
}

int pool_command_group_set(const struct settings *s, const struct options *o)
{
	cleanup_json json_t *body = json_object();
	int code = read_fields(o, 4, body);

	return code ? code : on_group(s, o, "PUT", body);
}

int pool_command_group_remove(const struct settings *s, const struct options *o)
{
	return on_group(s, o, "DELETE", NULL);
}
