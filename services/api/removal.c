#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "db/removal.h"
#include "services/api/asked.h"
#include "services/api/handlers.h"

/* DELETE /v1/inboxes/{id}: watching ends at once, the broker does the rest. */

static void on_asked(struct removal_ask *ask);

struct removing {
	struct request *q;
	struct removal_ask ask;
};

static void removing_free(void *own)
{
	struct removing *r = own;

	pg_tx_cancel(&r->ask.tx);
	free(r);
}

void removal_inbox(struct request *q)
{
	struct removing *r;

	if (!asked_id(q))
		return;
	r = mem_new(sizeof(*r));
	r->q = q;
	q->own = r;
	q->own_free = removing_free;
	if (removal_ask_start(q->api->pg, &r->ask, q->key.workspace, q->params[0], on_asked) != 0)
		answer_busy(q);
}

static void on_asked(struct removal_ask *ask)
{
	struct removing *r = container_of(ask, struct removing, ask);
	struct request *q = r->q;
	json_t *j, *said;

	if (!answer_db_ok(q, &ask->outcome))
		return;
	if (!ask->is_there) {
		answer_problem(q, PROBLEM_NOT_FOUND, NULL,
			       "no inbox with this id in the workspace of the key", NULL);
		return;
	}
	if (ask->is_new) {
		pg_notify(q->api->pg, "replyd_inbox");
		pg_notify(q->api->pg, "replyd_removal");
	}
	j = json_object();
	json_put_text(j, "id", text_of(q->params[0]));
	said = json_object();
	json_put_text(said, "state", text_of(ask->state));
	json_put_text(said, "reason", text_of(ask->reason));
	json_put(j, "removal", said);
	answer_json(q, ask->is_new ? 202 : 200, j);
}
