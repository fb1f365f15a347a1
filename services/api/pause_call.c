#include "base/mem.h"
#include "db/inbox_admin.h"
#include "services/api/asked.h"
#include "services/api/handlers.h"

/* POST /v1/inboxes/{id}/pause and /resume: its worker hears of it and lets it go, or one takes it.
 */
static void on_said(struct view *v);

static void say(struct request *q, bool is_paused)
{
	if (asked_id(q))
		asked_started(q, inbox_admin_start(q->api->pg, &q->view, q->key.workspace,
						   q->params[0], is_paused, on_said));
}

void pause_call_pause(struct request *q)
{
	say(q, true);
}

void pause_call_resume(struct request *q)
{
	say(q, false);
}

static void on_said(struct view *v)
{
	struct request *q = container_of(v, struct request, view);

	if (outcome_ok(&v->outcome) && v->found)
		pg_notify(q->api->pg, "replyd_inbox");
	asked_view(v, "no connected inbox");
}
