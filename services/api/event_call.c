#include <stdio.h>

#include "base/json.h"
#include "db/explain.h"
#include "services/api/asked.h"
#include "services/api/handlers.h"
#include "services/event_type.h"

/* What can be asked of events beside the feed. */

static void on_explained(struct view *v);

#define SCHEMAS "https://replyd.dev/schemas/events/v1/"

/* Every type there is, for whoever builds a filter or a reader. */
void event_call_types(struct request *q)
{
	json_t *all = json_array(), *answer = json_object();
	char schema[128];

	for (int i = 0; i < EVENT_TYPE_N; i++) {
		const struct event_type *t = event_type_at((enum event_type_id)i);
		json_t *j = json_object();

		(void)snprintf(schema, sizeof(schema), SCHEMAS "%s.schema.json", t->name);
		json_put_text(j, "type", text_of(t->name));
		json_put_text(j, "about", text_of(event_type_class_name(t->class)));
		json_put_text(j, "words", text_of(t->words));
		json_put_bool(j, "opt_in", t->is_wish);
		json_put_text(j, "schema", text_of(schema));
		json_array_append_new(all, j);
	}
	json_object_set_new(answer, "event_types", all);
	answer_json(q, 200, answer);
}

void event_call_explain(struct request *q)
{
	if (asked_id(q))
		asked_started(q, explain_start(q->api->pg, &q->view, q->key.workspace, q->params[0],
					       on_explained));
}

static void on_explained(struct view *v)
{
	asked_view(v, "no event");
}
