#include "services/ingest/token_adapter.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static void on_answered(struct token_desk_req *r, const struct token_desk_answer *a);

/* One question under way: the ticket of the asker. */
struct ticket {
	struct token_desk_req req;
	struct token_ask *ask;
};

static int ask(void *owner, struct token_ask *a)
{
	struct ticket *t = mem_new(sizeof(*t));
	int r;

	(void)snprintf(t->req.workspace_id, sizeof(t->req.workspace_id), "%s", a->workspace);
	(void)snprintf(t->req.inbox_id, sizeof(t->req.inbox_id), "%s", a->inbox);
	t->req.refused_version = a->refused_version;
	t->ask = a;
	r = token_desk_start(owner, &t->req, on_answered);
	if (r) {
		free(t);
		return r;
	}
	a->ticket = t;
	return 0;
}

static void cancel(void *owner, struct token_ask *a)
{
	struct ticket *t = a->ticket;

	(void)owner;
	a->ticket = NULL;
	if (!t)
		return;
	token_desk_cancel(&t->req);
	free(t);
}

static void on_answered(struct token_desk_req *r, const struct token_desk_answer *a)
{
	struct ticket *t = container_of(r, struct ticket, req);
	struct token_ask *asker = t->ask;
	const struct token_answer answer = {
		.outcome = a->outcome,
		.is_password = a->kind == TOKEN_DESK_PASSWORD,
		.secret = a->secret,
		.version = a->version,
		.expires_at = a->expires_at,
		.reason = a->reason,
	};

	asker->ticket = NULL;
	free(t);
	asker->answered(asker, &answer);
}

struct token_source token_adapter(struct token_desk *desk)
{
	return (struct token_source){ .owner = desk, .ask = ask, .cancel = cancel };
}
