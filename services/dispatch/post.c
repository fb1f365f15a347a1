#include "services/dispatch/post.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "db/event_id.h"

/* ---- what stands of an endpoint ---- */

static int open_box(const struct lanes_entry *e, const struct vault *v, const char *purpose,
		    const struct delivery_box *box, struct secret *ret)
{
	const struct seal_bind bind = { text_of(purpose), text_of(e->workspace),
					text_of(e->endpoint) };

	secret_clear(ret);
	return vault_open(v, &bind, box->at, box->n, ret);
}

static int open_headers(struct lanes_entry *e, const struct vault *v,
			const struct delivery_box *box)
{
	cleanup_secret struct secret plain = { 0 };
	cleanup_json json_t *all = NULL;
	struct json_error err;
	const char *name;
	json_t *value;
	size_t n = 0;
	char line[2048];

	if (open_box(e, v, "webhook_headers", box, &plain) < 0 ||
	    json_read((struct text){ secret_text(&plain), plain.len }, LIMIT_SECRET, &all, &err) <
		    0)
		return -1;
	json_object_foreach(all, name, value)
	{
		if (n == LANES_HEADERS)
			break;
		(void)snprintf(line, sizeof(line), "%s: %s", name, json_string_value(value));
		e->headers[n++] = mem_text(line);
	}
	secret_wipe(line, sizeof(line));
	return 0;
}

void post_secrets(struct lanes_entry *e, const struct vault *v, const struct delivery_endpoint *of)
{
	e->broken = NULL;
	lanes_forget(e);
	if (open_box(e, v, "webhook", &of->secret, &e->secret) < 0)
		e->broken = "the endpoint's secret does not open: was secrets/webhook replaced?";
	if (of->secret_old.is_there && open_box(e, v, "webhook", &of->secret_old, &e->secret_old))
		secret_clear(&e->secret_old); /* the new one signs */
	if (of->headers.is_there && open_headers(e, v, &of->headers) < 0)
		e->broken = "the endpoint's headers do not open: was secrets/webhook replaced?";
	if (of->client.is_there && open_box(e, v, "webhook_client", &of->client, &e->client) < 0)
		e->broken = "the endpoint's certificate does not open: was secrets/webhook "
			    "replaced?";
}

/* ---- one post ---- */

struct post *post_new(struct lanes_entry *e, const char *claim)
{
	struct post *t = mem_new(sizeof(*t) + (size_t)e->batch * sizeof(t->items[0]));

	list_init(&t->link);
	t->lane = e;
	e->posts++;
	t->failed_with = "";
	(void)snprintf(t->claim, sizeof(t->claim), "%s", claim);
	buf_init(&t->body, LIMIT_EVENT + (e->batch > 1 ? 2 * POST_BODY : 0) + 1024);
	return t;
}

void post_free(struct post *t)
{
	struct lanes_entry *e = t->lane;

	list_remove(&t->link);
	http_request_clear(&t->req);
	e->posts--;
	if (!e->posts)
		lanes_forget(e);
	buf_clear(&t->body);
	free(t);
}

bool post_has_room(const struct post *t, const struct delivery_due *d)
{
	return t->n < t->lane->batch && t->body.len + d->body.len < POST_BODY && d->tries == 0 &&
	       t->items[0].try == 1 && d->body.at && t->items[0].is_kept;
}

void post_add(struct post *t, const struct delivery_due *d)
{
	struct post_item *it = &t->items[t->n];

	(void)snprintf(it->event, sizeof(it->event), "%s", d->event);
	rand_uuid(it->attempt);
	it->position = d->position;
	it->try = d->tries + 1;
	it->is_kept = d->body.at;
	if (t->n)
		(void)text_add(&t->body, TEXT(","));
	(void)text_add(&t->body, d->body); /* below its ceiling: LIMIT_EVENT holds for each */
	t->n++;
}

static void wrap(struct post *t)
{
	struct buf whole;
	char at[64];
	time_t now = (time_t)clock_unix_s();
	struct tm tm;

	(void)gmtime_r(&now, &tm);
	(void)strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_init(&whole, t->body.max + 256);
	(void)text_addf(&whole,
			"{\"type\": \"events.batch\", \"timestamp\": \"%s\", \"data\": "
			"{\"events\": [",
			at);
	(void)text_add(&whole, text_of_buf(&t->body));
	(void)text_add(&whole, TEXT("]}}"));
	buf_clear(&t->body);
	t->body = whole;
}

static void id_of(const struct post *t, char ret[EVENT_ID])
{
	cleanup_buf struct buf all = { 0 };
	struct text parts[2] = { TEXT("events.batch") };

	if (t->lane->batch == 1) {
		(void)snprintf(ret, EVENT_ID, "%s", t->items[0].event);
		return;
	}
	buf_init(&all, (size_t)POST_BATCH * RAND_UUID);
	for (int i = 0; i < t->n; i++)
		(void)text_add(&all, text_of(t->items[i].event));
	parts[1] = text_of_buf(&all);
	event_id_of(parts, countof(parts), ret);
}

static void sign(struct post *t, const char *id)
{
	int64_t now_s = clock_unix_s();
	char mine[SIGN_WEBHOOK], old[SIGN_WEBHOOK] = "";

	sign_webhook(&t->lane->secret, text_of(id), now_s, text_of_buf(&t->body), mine);
	if (!secret_is_empty(&t->lane->secret_old))
		sign_webhook(&t->lane->secret_old, text_of(id), now_s, text_of_buf(&t->body), old);
	(void)snprintf(t->h_id, sizeof(t->h_id), "webhook-id: %s", id);
	(void)snprintf(t->h_time, sizeof(t->h_time), "webhook-timestamp: %lld", (long long)now_s);
	(void)snprintf(t->h_sign, sizeof(t->h_sign), "webhook-signature: %s%s%s", mine,
		       *old ? " " : "", old);
}

void post_close(struct post *t)
{
	struct lanes_entry *e = t->lane;
	char id[EVENT_ID];
	size_t n = 0;

	if (e->batch > 1)
		wrap(t);
	id_of(t, id);
	t->started_us = clock_unix_us();
	if (!e->broken)
		sign(t, id);
	t->req = (struct http_request){ .method = "POST",
					.url = e->url,
					.body = text_of_buf(&t->body),
					.max_answer = POST_ANSWER - 1,
					.client = secret_is_empty(&e->client) ? NULL : &e->client };
	t->req.headers[n++] = "Content-Type: application/json";
	t->req.headers[n++] = "User-Agent: replyd";
	t->req.headers[n++] = t->h_id;
	t->req.headers[n++] = t->h_time;
	t->req.headers[n++] = t->h_sign;
	for (size_t i = 0; i < LANES_HEADERS && e->headers[i]; i++)
		t->req.headers[n++] = e->headers[i];
}

void post_receipt(const struct post *t, int i, struct receipt *ret)
{
	const struct post_item *it = &t->items[i];

	*ret = (struct receipt){ .workspace = t->lane->workspace,
				 .endpoint = t->lane->endpoint,
				 .event = it->event,
				 .claim = t->claim,
				 .attempt = it->attempt,
				 .position = it->position,
				 .try = it->try,
				 .started_us = t->started_us,
				 .status = t->status,
				 .outcome = it->outcome,
				 .detail = t->detail,
				 .took_ms = t->took_ms,
				 .fate = it->fate,
				 .wait_ms = it->wait_ms };
}
