#include "services/cli/forward.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/sign.h"
#include "base/weburl.h"
#include "services/say.h"

#define NEW_SECRET   32 /* bytes */
#define MOST_SECRET  64 /* the specification: between 24 and 64 */
#define LEAST_SECRET 24
#define POST_MS      15000
#define ANSWER_KEPT  256

/* ---- whom, and with which secret ---- */

static int check_url(const struct options *o)
{
	struct weburl u;
	char line[400];
	const char *wrong = NULL;

	if (weburl_split(text_of(o->forward), &u) != 0)
		wrong = "is no address; write http://localhost:3000/hook";
	else if (!api_call_is_near(o->forward) && !o->allow_remote)
		wrong = "is another machine; --allow-remote says that events may go there";
	if (!wrong)
		return 0;
	(void)snprintf(line, sizeof(line), "--forward %.200s: %s", o->forward, wrong);
	return say(EX_USAGE, line);
}

/* "whsec_" and base64, as the API gives it for an endpoint. */
static int decode(struct forward *f, struct text whole)
{
	cleanup_buf struct buf raw;
	int code = 0;

	buf_init(&raw, MOST_SECRET);
	if (whole.len < 6 || !text_eq(text_sub(whole, 0, 6), TEXT("whsec_")) ||
	    text_from_base64(&raw, text_sub(whole, 6, whole.len)) != 0 || raw.len < LEAST_SECRET)
		code = say(EX_DATAERR, "the secret to sign with is not whsec_ and the base64 of 24 "
				       "to 64 bytes");
	else
		secret_set(&f->secret, raw.data, raw.len);
	secret_wipe(raw.data, raw.len);
	return code;
}

static void make_one(struct forward *f)
{
	uint8_t raw[NEW_SECRET];
	cleanup_buf struct buf b;

	rand_bytes(raw, sizeof(raw));
	secret_set(&f->secret, raw, sizeof(raw));
	buf_init(&b, 128);
	text_add_base64(&b, raw, sizeof(raw));
	(void)fprintf(stderr, "signing secret: whsec_%s\n", (const char *)b.data);
	secret_wipe(b.data, b.len);
	secret_wipe(raw, sizeof(raw));
}

int forward_open(struct forward *f, struct http_wait *wait, const struct settings *s,
		 const struct options *o)
{
	cleanup_secret struct secret given = { 0 };
	int code = check_url(o);

	*f = (struct forward){ .wait = wait, .url = o->forward };
	if (code)
		return code;
	if (o->secret_file) {
		code = api_call_read_secret(o->secret_file, &given);
		return code ? code : decode(f, (struct text){ secret_text(&given), given.len });
	}
	if (*s->listen_secret)
		return decode(f, text_of(s->listen_secret));
	make_one(f);
	return 0;
}

void forward_close(struct forward *f)
{
	secret_clear(&f->secret);
}

/* ---- one post ---- */

/* What an endpoint gets: the event without the place that it has in this feed. */
static char *body_of(json_t *event)
{
	cleanup_json json_t *copy = json_copy(event);

	(void)json_object_del(copy, "position");
	(void)json_object_del(copy, "attempts");
	(void)json_object_del(copy, "owed");
	(void)json_object_del(copy, "chain");
	return json_dumps(copy, JSON_COMPACT | JSON_REAL_PRECISION(15));
}

static void note(struct forward *f, const struct http_request *r)
{
	char said[120] = "";

	f->status = r->status;
	f->took_ms = r->took_ms;
	f->posted++;
	if (!forward_is_delivered(f))
		f->refused++;
	if (!outcome_ok(&r->outcome)) {
		(void)snprintf(f->words, sizeof(f->words), "%s%s%s", r->outcome.what,
			       *r->outcome.said ? ": " : "", r->outcome.said);
		return;
	}
	if (!forward_is_delivered(f))
		text_printable(said, sizeof(said), text_of_buf(&r->answer));
	(void)snprintf(f->words, sizeof(f->words), "%ld in %llu ms%s%s", r->status,
		       (unsigned long long)r->took_ms, *said ? ": " : "", said);
}

bool forward_is_delivered(const struct forward *f)
{
	return f->status >= 200 && f->status < 300;
}

int forward_post(struct forward *f, json_t *event)
{
	cleanup_free char *body = body_of(event);
	const char *id = json_get_text(event, "id");
	int64_t now_s = clock_unix_s();
	char h_id[80], h_time[64], h_sign[SIGN_WEBHOOK + 32], signature[SIGN_WEBHOOK];
	struct http_request r = { .method = "POST",
				  .url = f->url,
				  .body = text_of(body),
				  .timeout_ms = POST_MS,
				  .max_answer = ANSWER_KEPT,
				  .headers = { "Content-Type: application/json",
					       "User-Agent: replyd listen", h_id, h_time,
					       h_sign } };
	int error;

	sign_webhook(&f->secret, text_of(id), now_s, r.body, signature);
	(void)snprintf(h_id, sizeof(h_id), "webhook-id: %s", id);
	(void)snprintf(h_time, sizeof(h_time), "webhook-timestamp: %lld", (long long)now_s);
	(void)snprintf(h_sign, sizeof(h_sign), "webhook-signature: %s", signature);
	error = http_wait_run(f->wait, &r);
	if (error == 0)
		note(f, &r);
	http_request_clear(&r);
	if (error == -EINVAL)
		return say(EX_USAGE, "--forward: no request can be made of this address");
	return error ? API_CALL_INTERRUPTED : 0;
}
