#include "services/api/pool_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "services/api/asked.h"
#include "services/api/field.h"
#include "services/api/handlers.h"

/* Pools of inboxes that send for one another, and who is in them. */

#define NAME_BYTES   100
#define PAGE_DEFAULT 100
#define PAGE_MAX     1000
#define ITEMS_MAX    1000 /* members in one request */
#define WEIGHT_MAX   100

static void on_pool(struct view *v)
{
	asked_view(v, "no pool");
}

/* ---- what is shared with policies ---- */

static void setting_free(void *own)
{
	struct pool_setting *s = own;

	pool_call_clear(&s->call);
	free(s);
}

struct pool_setting *pool_call_setting(struct request *q, int status, const char *what)
{
	struct pool_setting *s = mem_new(sizeof(*s));

	s->q = q;
	s->status = status;
	s->what = what;
	q->own = s;
	q->own_free = setting_free;
	return s;
}

static void refuse_item(struct request *q, const struct pool_call *c)
{
	cleanup_json json_t *j = json_loadb((const char *)c->json.data, c->json.len, 0, NULL);
	char path[JSON_POINTER], field[JSON_POINTER];

	json_path_item(path, "/members", (size_t)json_integer_value(json_object_get(j, "index")));
	json_path_key(field, path, "inbox_id");
	answer_problem(q, PROBLEM_BAD_FIELD, field, "is no inbox of the workspace",
		       "take an id of GET /v1/inboxes");
}

void pool_call_on_set(struct pool_call *c)
{
	struct pool_setting *s = container_of(c, struct pool_setting, call);
	struct request *q = s->q;

	if (!answer_db_ok(q, &c->outcome))
		return;
	switch (c->said) {
	case POOL_SET:
		answer_text(q, s->status, "application/json", text_of_buf(&c->json));
		return;
	case POOL_NOT_FOUND:
		asked_nothing(q, s->what);
		return;
	case POOL_NAME_TAKEN:
		answer_problem(q, PROBLEM_CONFLICT, "/name", "is the name of another pool",
			       "choose another name, or change that pool");
		return;
	case POOL_TOO_MANY:
		answer_problem(
			q, PROBLEM_CONFLICT, NULL,
			"a workspace has at most 1,000 pools and 10,000 groups, a pool 5,000 "
			"members",
			"remove what is not needed any more");
		return;
	case POOL_UNKNOWN_INBOX:
		refuse_item(q, c);
		return;
	case POOL_TIME_ZONE:
		answer_problem(q, PROBLEM_BAD_FIELD, "/time_zone", "is no time zone of the IANA's",
			       "name it by place, as Europe/Paris, or UTC");
		return;
	}
}

void pool_call_refuse(struct request *q, const struct json_error *err)
{
	answer_problem(q, PROBLEM_BAD_FIELD, err->field, err->why, NULL);
}

int pool_call_number(const json_t *body, const char *key, int64_t min, int64_t max,
		     bool may_be_null, json_t *fields, struct json_error *err)
{
	const json_t *given = json_object_get(body, key);
	int64_t n = min;

	if (json_want_int(body, "", key, min, max, JSON_OPTIONAL, &n, err))
		return -EINVAL;
	if (json_is_integer(given))
		json_put_int(fields, key, n);
	else if (given && may_be_null)
		json_put_null(fields, key);
	return 0;
}

int pool_call_word(const json_t *body, const char *key, const char *const *words, json_t *fields,
		   struct json_error *err)
{
	size_t k = SIZE_MAX;

	if (json_want_word(body, "", key, words, JSON_OPTIONAL, &k, err))
		return -EINVAL;
	if (k != SIZE_MAX)
		json_put_text(fields, key, text_of(words[k]));
	return 0;
}

/* ---- pools ---- */

static int read_pool(const json_t *body, bool is_new, json_t *fields, struct json_error *err)
{
	static const char *const known[] = { "name",          "provider_match",
					     "rebind",        "rebind_grace_s",
					     "contact_gap_s", "company_cap_day",
					     "company_stop",  NULL };
	static const char *const matches[] = { "off", "prefer", "strict", NULL };
	static const char *const rebinds[] = { "hold", "rebind_new_thread", "stop", NULL };
	const json_t *stop = json_object_get(body, "company_stop");
	struct text name = { 0 };

	if (json_only(body, "", known, err) ||
	    json_want_text(body, "", "name", NAME_BYTES, is_new ? JSON_REQUIRED : JSON_OPTIONAL,
			   &name, err) ||
	    pool_call_word(body, "provider_match", matches, fields, err) ||
	    pool_call_word(body, "rebind", rebinds, fields, err) ||
	    pool_call_number(body, "rebind_grace_s", 0, (int64_t)90 * 86400, false, fields, err) ||
	    pool_call_number(body, "contact_gap_s", 0, (int64_t)90 * 86400, false, fields, err) ||
	    pool_call_number(body, "company_cap_day", 1, 100000, true, fields, err))
		return -EINVAL;
	if (json_is_string(json_object_get(body, "name")) && !name.len) {
		json_error_set(err, "", "name", "is empty");
		return -EINVAL;
	}
	if (stop && !json_is_null(stop) && !json_is_boolean(stop)) {
		json_error_set(err, "", "company_stop", "is not true or false");
		return -EINVAL;
	}
	if (name.len)
		json_put_text(fields, "name", name);
	if (json_is_boolean(stop))
		json_put_bool(fields, "company_stop", json_is_true(stop));
	return 0;
}

static void set_pool(struct request *q, bool is_new)
{
	cleanup_json json_t *fields = json_object();
	cleanup_free char *text = NULL;
	struct json_error err;
	struct pool_setting *s;
	char id[RAND_UUID];

	if (!answer_body(q))
		return;
	if (read_pool(q->body, is_new, fields, &err)) {
		pool_call_refuse(q, &err);
		return;
	}
	rand_uuid(id);
	text = json_dumps(fields, JSON_COMPACT);
	s = pool_call_setting(q, is_new ? 201 : 200, "no pool");
	asked_started(q,
		      pool_set_start(q->api->pg, &s->call, q->key.workspace,
				     is_new ? id : q->params[0], is_new, text, pool_call_on_set));
}

void pool_call_create(struct request *q)
{
	set_pool(q, /* is_new= */ true);
}

void pool_call_change(struct request *q)
{
	if (asked_id(q))
		set_pool(q, /* is_new= */ false);
}

/* `after` of the query is an id, NULL where none is given; false: a problem was answered. */
static bool read_page(struct request *q, const char **ret_after, uint64_t *ret_limit)
{
	*ret_after = http_call_query(q->call, "after");
	*ret_limit = PAGE_DEFAULT;
	if (*ret_after && !field_uuid(*ret_after)) {
		answer_problem(q, PROBLEM_BAD_FIELD, "after", "is not the `next` of a page", NULL);
		return false;
	}
	return asked_number(q, "limit", 1, PAGE_MAX, ret_limit);
}

void pool_call_list(struct request *q)
{
	const char *after;
	uint64_t limit;

	if (read_page(q, &after, &limit))
		asked_started(q, pool_list_start(q->api->pg, &q->view, q->key.workspace, after,
						 (int64_t)limit, on_pool));
}

void pool_call_show(struct request *q)
{
	if (asked_id(q))
		asked_started(q, pool_show_start(q->api->pg, &q->view, q->key.workspace,
						 q->params[0], on_pool));
}

void pool_call_remove(struct request *q)
{
	if (asked_id(q))
		asked_started(q, pool_remove_start(q->api->pg, &q->view, q->key.workspace,
						   q->params[0], on_pool));
}

/* ---- members ---- */

static int read_weight(const json_t *item, const char *path, json_t *out, struct json_error *err)
{
	const json_t *given = json_object_get(item, "weight");

	if (!given || json_is_null(given))
		return 0;
	if (!json_is_number(given) || !(json_number_value(given) > 0) ||
	    json_number_value(given) > WEIGHT_MAX) {
		json_error_set(err, path, "weight", "is not a number above 0, up to %d",
			       WEIGHT_MAX);
		return -EINVAL;
	}
	json_put(out, "weight", json_real(json_number_value(given)));
	return 0;
}

static int read_member(const json_t *items, size_t i, json_t *ret, struct json_error *err)
{
	static const char *const known[] = { "inbox_id", "tier", "weight", NULL };
	static const char *const tiers[] = { "primary", "reserve", NULL };
	char path[JSON_POINTER], inbox[JSON_UUID];
	cleanup_json json_t *out = json_object();
	size_t k = SIZE_MAX;
	const json_t *item;

	json_path_item(path, "/members", i);
	if (json_item_object(items, "/members", i, &item, err) ||
	    json_only(item, path, known, err) ||
	    json_want_uuid(item, path, "inbox_id", JSON_REQUIRED, inbox, err) ||
	    json_want_word(item, path, "tier", tiers, JSON_OPTIONAL, &k, err) ||
	    read_weight(item, path, out, err))
		return -EINVAL;
	json_put_text(out, "inbox_id", text_of(inbox));
	if (k != SIZE_MAX)
		json_put_text(out, "tier", text_of(tiers[k]));
	json_append(ret, json_incref(out));
	return 0;
}

static int read_members(const json_t *body, json_t *ret, struct json_error *err)
{
	static const char *const known[] = { "members", NULL };
	const json_t *items;

	if (json_only(body, "", known, err) ||
	    json_want_array(body, "", "members", 1, ITEMS_MAX, JSON_REQUIRED, &items, err))
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(items); i++)
		if (read_member(items, i, ret, err))
			return -EINVAL;
	return 0;
}

void pool_call_members_set(struct request *q)
{
	cleanup_json json_t *items = json_array();
	cleanup_free char *text = NULL;
	struct json_error err;
	struct pool_setting *s;

	if (!asked_id(q) || !answer_body(q))
		return;
	if (read_members(q->body, items, &err)) {
		pool_call_refuse(q, &err);
		return;
	}
	text = json_dumps(items, JSON_COMPACT);
	s = pool_call_setting(q, 200, "no pool");
	asked_started(q, pool_members_set_start(q->api->pg, &s->call, q->key.workspace,
						q->params[0], text, pool_call_on_set));
}

void pool_call_members(struct request *q)
{
	const char *after;
	uint64_t limit;

	if (asked_id(q) && read_page(q, &after, &limit))
		asked_started(q, pool_members_start(q->api->pg, &q->view, q->key.workspace,
						    q->params[0], after, (int64_t)limit, on_pool));
}

static void on_member(struct view *v)
{
	asked_view(v, "no member of the pool");
}

void pool_call_member_remove(struct request *q)
{
	if (!asked_id(q))
		return;
	if (!field_uuid(q->params[1]))
		asked_nothing(q, "no member of the pool");
	else
		asked_started(q, pool_member_remove_start(q->api->pg, &q->view, q->key.workspace,
							  q->params[0], q->params[1], on_member));
}
