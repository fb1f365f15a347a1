#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/weburl.h"
#include "db/endpoint.h"
#include "services/api/asked.h"
#include "services/api/endpoint_read.h"
#include "services/api/etag.h"
#include "services/api/handlers.h"
#include "services/api/lookup.h"
#include "services/event_type.h"

/* Where a workspace wants its events: made, changed, tried, given another secret, removed. */

#define WEBHOOK_SECRET 32          /* bytes; Standard Webhooks: 24 to 64 */
#define BOTH_SIGN_S    (24 * 3600) /* after another secret was made */

static void on_checked(struct request *q, const struct discover_result *r);
static void on_written(struct endpoint_call *c);
static void on_rotated(struct view *v);

struct change {
	struct request *q;
	struct endpoint_call call;
	struct endpoint_read read;
	bool is_new;
	char id[RAND_UUID], secret[80]; /* "whsec_" and base64; "": none was made */
};

static void change_free(void *own)
{
	struct change *c = own;

	endpoint_call_clear(&c->call);
	endpoint_read_clear(&c->read);
	secret_wipe(c->secret, sizeof(c->secret));
	free(c);
}

static void on_view(struct view *v)
{
	asked_view(v, "no endpoint");
}

static void on_shown(struct view *v)
{
	struct request *q = container_of(v, struct request, view);
	json_t *j = NULL;

	if (outcome_ok(&v->outcome) && v->found)
		j = json_loadb((const char *)v->json.data, v->json.len, 0, NULL);
	if (j)
		asked_tagged(q, 200, j);
	else
		on_view(v);
}

static void refuse_other(struct request *q)
{
	answer_problem(q, PROBLEM_CHANGED, "If-Match",
		       "names no state that the endpoint has now, or it is not there", NULL);
}

static void on_removed(struct view *v)
{
	struct request *q = container_of(v, struct request, view);

	if (outcome_ok(&v->outcome) && !v->found && http_call_header(q->call, "If-Match"))
		refuse_other(q);
	else
		on_view(v);
}

void endpoint_call_list(struct request *q)
{
	asked_started(q, endpoint_list(q->api->pg, &q->view, q->key.workspace, on_view));
}

void endpoint_call_show(struct request *q)
{
	if (asked_id(q))
		asked_started(q, endpoint_show(q->api->pg, &q->view, q->key.workspace, q->params[0],
					       on_shown));
}

void endpoint_call_remove(struct request *q)
{
	cleanup_buf struct buf known = { .max = ETAG_LIST };

	if (asked_id(q))
		asked_started(q, endpoint_remove(q->api->pg, &q->view, q->key.workspace,
						 q->params[0], asked_known(q, &known), on_removed));
}

/* ---- secrets ---- */

static int close_box(struct request *q, const char *purpose, const char *endpoint,
		     const struct secret *plain, struct buf *ret)
{
	const struct seal_bind bind = { text_of(purpose), text_of(q->key.workspace),
					text_of(endpoint) };

	buf_init(ret, LIMIT_OAUTH_SEALED);
	return vault_close(q->api->webhooks, &bind, plain, ret);
}

static int make_secret(struct request *q, struct change *c, struct buf *ret_sealed)
{
	cleanup_secret struct secret plain = { 0 };
	uint8_t raw[WEBHOOK_SECRET];
	struct buf b;

	rand_bytes(raw, sizeof(raw));
	secret_set(&plain, raw, sizeof(raw));
	buf_init(&b, sizeof(c->secret) - 1);
	(void)text_add(&b, TEXT("whsec_"));
	(void)text_add_base64(&b, raw, sizeof(raw));
	(void)snprintf(c->secret, sizeof(c->secret), "%s", (const char *)b.data);
	secret_wipe(b.data, b.len);
	buf_clear(&b);
	secret_wipe(raw, sizeof(raw));
	return close_box(q, "webhook", c->id, &plain, ret_sealed);
}

static void refuse_sealing(struct request *q, int r)
{
	if (r == -ENOKEY) /* in the first moments, before PostgreSQL has said which key seals */
		answer_problem(q, PROBLEM_UNAVAILABLE, NULL,
			       "it is not known yet which key seals; the request may be repeated",
			       NULL);
	else
		answer_problem(q, PROBLEM_INTERNAL, NULL, "the secret could not be sealed", NULL);
}

/* ---- create and change ---- */

static struct change *change_new(struct request *q, bool is_new)
{
	struct change *c = mem_new(sizeof(*c));

	c->q = q;
	c->is_new = is_new;
	q->own = c;
	q->own_free = change_free;
	if (is_new)
		rand_uuid(c->id);
	else
		memcpy(c->id, q->params[0], sizeof(c->id) - 1); /* a UUID: asked_id() */
	return c;
}

static void write_it(struct request *q)
{
	struct change *c = q->own;
	cleanup_buf struct buf sealed = { 0 }, headers = { 0 }, client = { 0 },
			       known = { .max = ETAG_LIST };
	cleanup_free char *fields = json_dumps(c->read.fields, JSON_COMPACT);
	struct endpoint_set set = { .fields = fields };
	int r = 0;

	set.headers.is_given = c->read.has_headers && !(c->is_new && !c->read.headers.len);
	set.client.is_given = c->read.has_client && !(c->is_new && !c->read.client.len);
	if (c->is_new)
		r = make_secret(q, c, &sealed);
	if (r == 0 && c->read.headers.len)
		r = close_box(q, "webhook_headers", c->id, &c->read.headers, &headers);
	if (r == 0 && c->read.client.len)
		r = close_box(q, "webhook_client", c->id, &c->read.client, &client);
	if (r) {
		refuse_sealing(q, r);
		return;
	}
	set.headers.at = headers.data;
	set.headers.n = headers.len;
	set.client.at = client.data;
	set.client.n = client.len;
	if (c->is_new)
		r = endpoint_create_start(q->api->pg, &c->call, q->key.workspace, c->id, &set,
					  sealed.data, sealed.len, on_written);
	else
		r = endpoint_change_start(q->api->pg, &c->call, q->key.workspace, c->id,
					  asked_known(q, &known), &set, on_written);
	asked_started(q, r);
}

/* What its name leads to now; what it leads to when it is dialled is judged then. */
static void check_host(struct request *q)
{
	struct change *c = q->own;
	struct weburl u;
	char host[256];
	int r;

	if (!c->read.url.len) {
		write_it(q);
		return;
	}
	(void)weburl_split(c->read.url, &u); /* it was read */
	(void)snprintf(host, sizeof(host), "%.*s", TEXT_ARG(u.host));
	r = lookup_ask_host(q, host, on_checked);
	if (r == -EINVAL)
		answer_problem(q, PROBLEM_BAD_FIELD, "/url", "names no host that can be dialled",
			       NULL);
	else if (r)
		answer_busy(q);
}

static void on_checked(struct request *q, const struct discover_result *r)
{
	if (r->end == DISCOVER_REFUSED)
		answer_problem(q, PROBLEM_BAD_FIELD, "/url",
			       "leads to an internal address, which is not posted to",
			       "give the public https URL of your receiver");
	else
		write_it(q);
}

static void change(struct request *q, bool is_new)
{
	struct json_error err;
	struct change *c;

	if (!answer_body(q))
		return;
	c = change_new(q, is_new);
	if (endpoint_read(q->body, is_new, q->api->settings->dispatch_allow_http, &c->read, &err))
		answer_problem(q, PROBLEM_BAD_FIELD, err.field, err.why,
			       strcmp(err.why, "is no event type") == 0 ? event_type_names()
									: NULL);
	else
		check_host(q);
}

void endpoint_call_create(struct request *q)
{
	change(q, /* is_new= */ true);
}

void endpoint_call_change(struct request *q)
{
	if (asked_id(q))
		change(q, /* is_new= */ false);
}

static void on_written(struct endpoint_call *call)
{
	struct change *c = container_of(call, struct change, call);
	struct request *q = c->q;
	char why[200];
	json_t *j;

	if (!answer_db_ok(q, &call->outcome))
		return;
	if (call->none.len) {
		(void)snprintf(why, sizeof(why), "names what is no inbox of the workspace: %.120s",
			       (const char *)call->none.data);
		answer_problem(q, PROBLEM_BAD_FIELD, "/inbox_ids", why, NULL);
		return;
	}
	if (!call->is_there && c->is_new) {
		answer_problem(q, PROBLEM_CONFLICT, NULL, "the workspace has 50 endpoints",
			       "remove one that is not needed any more");
		return;
	}
	if (call->is_other) {
		refuse_other(q);
		return;
	}
	j = call->is_there ? json_loadb((const char *)call->json.data, call->json.len, 0, NULL)
			   : NULL;
	if (!j) {
		asked_nothing(q, "no endpoint");
		return;
	}
	if (c->secret[0])
		json_put_text(j, "secret", text_of(c->secret)); /* this once */
	asked_tagged(q, c->is_new ? 201 : 200, j);
}

/* ---- another secret ---- */

void endpoint_call_rotate(struct request *q)
{
	cleanup_buf struct buf sealed = { 0 };
	struct change *c;
	int r;

	if (!asked_id(q))
		return;
	c = change_new(q, /* is_new= */ false);
	r = make_secret(q, c, &sealed);
	if (r)
		refuse_sealing(q, r);
	else
		asked_started(q, endpoint_rotate(q->api->pg, &q->view, q->key.workspace, c->id,
						 sealed.data, sealed.len, BOTH_SIGN_S, on_rotated));
}

static void on_rotated(struct view *v)
{
	struct request *q = container_of(v, struct request, view);
	struct change *c = q->own;
	json_t *j = NULL;

	if (outcome_ok(&v->outcome) && v->found)
		j = json_loadb((const char *)v->json.data, v->json.len, 0, NULL);
	if (!j) {
		on_view(v);
		return;
	}
	json_put_text(j, "secret", text_of(c->secret));
	answer_json(q, 200, j);
}

/* ---- a test ---- */

static void on_tested(struct view *v)
{
	struct request *q = container_of(v, struct request, view);

	if (!answer_db_ok(q, &v->outcome))
		return;
	if (!v->found) {
		asked_nothing(q, "no enabled endpoint");
		return;
	}
	pg_notify(q->api->pg, "replyd_event");
	answer_text(q, 202, "application/json", text_of_buf(&v->json));
}

void endpoint_call_test(struct request *q)
{
	char event[RAND_UUID];

	if (!asked_id(q))
		return;
	rand_uuid(event);
	asked_started(q, endpoint_test(q->api->pg, &q->view, q->key.workspace, q->params[0], event,
				       on_tested));
}
