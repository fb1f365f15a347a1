#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mailaddr.h"
#include "base/mem.h"
#include "db/policy.h"
#include "services/api/asked.h"
#include "services/api/handlers.h"
#include "services/api/pool_call.h"

/* What one inbox may send, and the ceilings that several share. */

#define CAP_MAX     2000  /* mails of one inbox in a day */
#define CEILING_MAX 10000 /* what a provider lets an account send in 24 hours, at the most */
#define SHARED_MAX  1000000
#define WINDOWS_MAX 14
#define TAGS_MAX    50
#define NAME_BYTES  255
#define AFTER_BYTES 300
#define TAG_BYTES   64
#define PAGE_MAX    1000

/* ---- windows: {"days": ["mon", "tue"], "from": "08:00", "to": "17:30"} ---- */

static const char *const weekdays[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL };

/* "17:30" -> minutes from midnight, up to "24:00"; -1: no such time. */
static int minutes_of(struct text t)
{
	uint64_t h, m;

	if (t.len != 5 || t.at[2] != ':' || text_u64((struct text){ t.at, 2 }, 24, &h) != 0 ||
	    text_u64((struct text){ t.at + 3, 2 }, 59, &m) != 0 || (h == 24 && m > 0))
		return -1;
	return (int)(h * 60 + m);
}

static int read_days(const json_t *w, const char *path, json_t *out, struct json_error *err)
{
	const json_t *days;
	char below[JSON_POINTER];

	json_path_key(below, path, "days");
	if (json_want_array(w, path, "days", 1, 7, JSON_REQUIRED, &days, err))
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(days); i++) {
		struct text word;
		int k = 0;

		if (json_item_text(days, below, i, 16, &word, err))
			return -EINVAL;
		while (weekdays[k] && !text_eq(word, text_of(weekdays[k])))
			k++;
		if (!weekdays[k]) {
			json_path_item(err->field, below, i);
			(void)snprintf(err->why, sizeof(err->why),
				       "is none of mon, tue, wed, thu, fri, sat, sun");
			return -EINVAL;
		}
		json_append(out, json_integer(k + 1));
	}
	return 0;
}

static int read_window(const json_t *windows, size_t i, json_t *ret, struct json_error *err)
{
	static const char *const known[] = { "days", "from", "to", NULL };
	cleanup_json json_t *days = json_array();
	struct text from, to;
	char path[JSON_POINTER];
	const json_t *w;
	json_t *out;

	json_path_item(path, "/windows", i);
	if (json_item_object(windows, "/windows", i, &w, err) || json_only(w, path, known, err) ||
	    read_days(w, path, days, err) ||
	    json_want_text(w, path, "from", 5, JSON_REQUIRED, &from, err) ||
	    json_want_text(w, path, "to", 5, JSON_REQUIRED, &to, err))
		return -EINVAL;
	if (minutes_of(from) < 0 || minutes_of(to) < 0) {
		json_error_set(err, path, minutes_of(from) < 0 ? "from" : "to",
			       "is not a time of day (08:30, 24:00)");
		return -EINVAL;
	}
	if (minutes_of(from) >= minutes_of(to)) {
		json_error_set(err, path, "to",
			       "is not behind `from`; write two windows for a night");
		return -EINVAL;
	}
	out = json_object();
	json_put(out, "days", json_incref(days));
	json_put_int(out, "from", minutes_of(from));
	json_put_int(out, "to", minutes_of(to));
	json_append(ret, out);
	return 0;
}

static int read_windows(const json_t *body, json_t *fields, struct json_error *err)
{
	const json_t *windows = NULL;
	cleanup_json json_t *out = json_array();

	if (json_want_array(body, "", "windows", 1, WINDOWS_MAX, JSON_OPTIONAL, &windows, err))
		return -EINVAL;
	for (size_t i = 0; windows && i < json_array_size(windows); i++)
		if (read_window(windows, i, out, err))
			return -EINVAL;
	if (windows)
		json_put(fields, "windows", json_incref(out));
	return 0;
}

/* ---- the policy of an inbox ---- */

static int read_share(const json_t *body, json_t *fields, struct json_error *err)
{
	const json_t *given = json_object_get(body, "cap_new_share");

	if (!given || json_is_null(given))
		return 0;
	if (!json_is_number(given) || json_number_value(given) < 0 ||
	    json_number_value(given) > 1) {
		json_error_set(err, "", "cap_new_share", "is not a number from 0 to 1");
		return -EINVAL;
	}
	json_put(fields, "cap_new_share", json_real(json_number_value(given)));
	return 0;
}

static int read_texts(const json_t *body, json_t *fields, struct json_error *err)
{
	struct text zone = { 0 }, tenant = { 0 }, tag;
	const json_t *tags = NULL;

	if (json_want_text(body, "", "time_zone", TAG_BYTES, JSON_OPTIONAL, &zone, err) ||
	    json_want_text(body, "", "tenant", NAME_BYTES, JSON_OPTIONAL, &tenant, err) ||
	    json_want_array(body, "", "tags", 0, TAGS_MAX, JSON_OPTIONAL, &tags, err))
		return -EINVAL;
	for (size_t i = 0; tags && i < json_array_size(tags); i++)
		if (json_item_text(tags, "/tags", i, TAG_BYTES, &tag, err))
			return -EINVAL;
	if (json_is_string(json_object_get(body, "time_zone")))
		json_put_text(fields, "time_zone", zone);
	if (json_is_string(json_object_get(body, "tenant")))
		json_put_text(fields, "tenant", tenant);
	if (tags)
		json_put(fields, "tags", json_deep_copy(tags));
	return 0;
}

static int read_policy(const json_t *body, json_t *fields, struct json_error *err)
{
	static const char *const known[] = { "cap_day", "cap_new_share", "gap_s",       "ramp",
					     "windows", "time_zone",     "ceiling_24h", "sends",
					     "tenant",  "tags",          NULL };
	static const char *const ramps[] = { "cold", "standard", "geometric", "established", NULL };
	static const char *const sends[] = { "all", "follow_ups", "none", NULL };

	if (json_only(body, "", known, err) ||
	    pool_call_number(body, "cap_day", 0, CAP_MAX, false, fields, err) ||
	    read_share(body, fields, err) ||
	    pool_call_number(body, "gap_s", 0, 86400, false, fields, err) ||
	    pool_call_word(body, "ramp", ramps, fields, err) ||
	    pool_call_word(body, "sends", sends, fields, err) || read_windows(body, fields, err) ||
	    pool_call_number(body, "ceiling_24h", 1, CEILING_MAX, true, fields, err) ||
	    read_texts(body, fields, err))
		return -EINVAL;
	return 0;
}

static void on_policy(struct view *v)
{
	asked_view(v, "no inbox");
}

void policy_call_show(struct request *q)
{
	if (asked_id(q))
		asked_started(q, policy_show_start(q->api->pg, &q->view, q->key.workspace,
						   q->params[0], on_policy));
}

void policy_call_change(struct request *q)
{
	cleanup_json json_t *fields = json_object();
	cleanup_free char *text = NULL;
	struct json_error err;
	struct pool_setting *s;

	if (!asked_id(q) || !answer_body(q))
		return;
	if (read_policy(q->body, fields, &err)) {
		pool_call_refuse(q, &err);
		return;
	}
	text = json_dumps(fields, JSON_COMPACT);
	s = pool_call_setting(q, 200, "no inbox");
	asked_started(q, policy_set_start(q->api->pg, &s->call, q->key.workspace, q->params[0],
					  text, pool_call_on_set));
}

/* ---- groups ---- */

static void on_group(struct view *v)
{
	asked_view(v, "no group");
}

void policy_call_groups(struct request *q)
{
	const char *after = http_call_query(q->call, "after");
	uint64_t limit = 100;

	if (after && (strlen(after) > AFTER_BYTES || !strchr(after, ':')))
		answer_problem(q, PROBLEM_BAD_FIELD, "after", "is not the `next` of a page", NULL);
	else if (asked_number(q, "limit", 1, PAGE_MAX, &limit))
		asked_started(q, policy_groups_start(q->api->pg, &q->view, q->key.workspace, after,
						     (int64_t)limit, on_group));
}

/* As it stands in addresses. */
static bool fold_domain(const char *given, char ret[MAILADDR])
{
	char address[MAILADDR], folded[MAILADDR];

	(void)snprintf(address, sizeof(address), "x@%.255s", given);
	if (mailaddr_fold(text_of(address), folded) < 0)
		return false;
	(void)snprintf(ret, MAILADDR, "%s", folded + 2);
	return true;
}

/* The kind and the name of the path; a domain as addresses have it.  false: a problem was answered.
 */
static bool read_group(struct request *q, char name[MAILADDR])
{
	if (strcmp(q->params[0], "domain") != 0 && strcmp(q->params[0], "tenant") != 0) {
		answer_problem(q, PROBLEM_NOT_FOUND, NULL, "a group is a domain or a tenant",
			       "call /v1/send-groups/domain/example.com, or /tenant/NAME");
		return false;
	}
	if (strlen(q->params[1]) > NAME_BYTES) {
		answer_problem(q, PROBLEM_NOT_FOUND, NULL, "the name is longer than 255 bytes",
			       NULL);
		return false;
	}
	(void)snprintf(name, MAILADDR, "%.255s", q->params[1]);
	if (strcmp(q->params[0], "domain") == 0 && !fold_domain(q->params[1], name)) {
		answer_problem(q, PROBLEM_NOT_FOUND, NULL, "the name is no domain", NULL);
		return false;
	}
	return true;
}

void policy_call_group_set(struct request *q)
{
	static const char *const known[] = { "ceiling_24h", NULL };
	struct json_error err;
	struct pool_setting *s;
	char name[MAILADDR];
	int64_t ceiling = 0;

	if (!read_group(q, name) || !answer_body(q))
		return;
	if (json_only(q->body, "", known, &err) ||
	    json_want_int(q->body, "", "ceiling_24h", 0, SHARED_MAX, JSON_REQUIRED, &ceiling,
			  &err)) {
		pool_call_refuse(q, &err);
		return;
	}
	s = pool_call_setting(q, 200, "no group");
	asked_started(q, policy_group_set_start(q->api->pg, &s->call, q->key.workspace,
						q->params[0], name, ceiling, pool_call_on_set));
}

void policy_call_group_remove(struct request *q)
{
	char name[MAILADDR];

	if (read_group(q, name))
		asked_started(q, policy_group_remove_start(q->api->pg, &q->view, q->key.workspace,
							   q->params[0], name, on_group));
}
