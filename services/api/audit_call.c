#include "services/api/audit_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "services/api/asked.h"
#include "services/api/handlers.h"
#include "services/api/route.h"

static void on_noted(struct audit_note *n);
static void on_settled(struct audit_note *n);
static void on_list(struct view *v);

#define FIELDS_MAX 32
#define FIELD_MAX  64 /* bytes of a name */

static bool is_audited(const struct route *r)
{
	static const char *const not_of[] = { "read", "outbound", "token", "slot" };
	size_t n = strlen(r->pattern);

	if (strcmp(r->method, "GET") == 0)
		return false;
	for (size_t i = 0; i < countof(not_of); i++)
		if (strcmp(not_of[i], r->scope) == 0)
			return false;
	/* It asks, and changes nothing. */
	return n < 6 || strcmp(r->pattern + n - 6, "/probe") != 0;
}

/* ---- the line ---- */

/* What stood for each {} of the path. */
static char *about_of(const struct request *q)
{
	json_t *all = json_array();
	const char *hole = q->route->pattern;
	char *text;

	for (size_t i = 0; i < REQUEST_PARAMS && (hole = strstr(hole, "{}")); i++, hole += 2)
		json_append(all, json_string(q->params[i]));
	text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	return text;
}

/* The names of the fields alone: what they hold may be a secret. */
static char *fields_of(const struct request *q)
{
	cleanup_json json_t *body = NULL;
	json_t *all = json_array(), *value;
	const char *name;
	struct json_error err;
	char *text;

	if (json_read(http_call_body(q->call), (size_t)q->api->settings->api_max_body, &body,
		      &err) == 0)
		json_object_foreach(body, name, value) if (json_array_size(all) < FIELDS_MAX &&
							   strlen(name) <= FIELD_MAX)
			json_append(all, json_string(name));
	text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	return text;
}

void audit_call_begin(struct request *q)
{
	char what[128], *about, *fields;
	struct audit_line l;

	if (!is_audited(q->route)) {
		q->route->handle(q);
		return;
	}
	(void)snprintf(what, sizeof(what), "%s %s", q->route->method, q->route->pattern);
	about = about_of(q);
	fields = fields_of(q);
	l = (struct audit_line){ .workspace = q->key.workspace,
				 .actor_kind = q->is_person ? "person" : "key",
				 .actor_id = q->key.api_key,
				 .actor = q->is_person ? q->person.row.name : "",
				 .what = what,
				 .about = about,
				 .fields = fields,
				 .request = q->id };
	if (audit_note_start(q->api->pg, &q->audit, &l, on_noted) != 0)
		answer_busy(q);
	free(about);
	free(fields);
}

static void on_noted(struct audit_note *n)
{
	struct request *q = container_of(n, struct request, audit);

	if (answer_db_ok(q, &n->outcome))
		q->route->handle(q);
}

/* ---- how it was answered ---- */

struct settling {
	struct list link; /* in api.settling */
	struct audit_note note;
};

void audit_call_answered(struct request *q, int status)
{
	struct settling *s;

	if (!q->audit.line)
		return;
	s = mem_new(sizeof(*s));
	list_init(&s->link);
	if (audit_settle_start(q->api->pg, &s->note, q->key.workspace, q->audit.line, status,
			       on_settled) == 0)
		list_append(&q->api->settling, &s->link);
	else /* the line stands, without the end */
		free(s);
	q->audit.line = 0;
}

static void on_settled(struct audit_note *n)
{
	struct settling *s = container_of(n, struct settling, note);

	list_remove(&s->link);
	free(s);
}

void audit_call_clear(struct api *api)
{
	struct list *l;

	while ((l = list_first(&api->settling))) {
		struct settling *s = container_of(l, struct settling, link);

		pg_tx_cancel(&s->note.tx);
		list_remove(l);
		free(s);
	}
}

/* ---- GET /v1/audit ---- */

#define LINES_DEFAULT 100
#define LINES_MAX     500

void audit_call_list(struct request *q)
{
	uint64_t limit = LINES_DEFAULT, before = INT64_MAX;

	if (asked_number(q, "limit", 1, LINES_MAX, &limit) &&
	    asked_number(q, "before", 1, INT64_MAX, &before))
		asked_started(q, audit_list_start(q->api->pg, &q->view, q->key.workspace,
						  (int64_t)before, (int64_t)limit, on_list));
}

static void on_list(struct view *v)
{
	asked_view(v, "nothing");
}
