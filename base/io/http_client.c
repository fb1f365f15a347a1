/*
 * HTTP over curl_loop: requests are made up, answers are kept, up to their
 * ceilings.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/io/curl_loop.h"
#include "base/io/http_client.h"
#include "base/limits.h"
#include "base/mem.h"

struct http_client {
	struct curl_loop *curl;
};

struct http_transfer {
	struct curl_transfer curl;
	struct http_request *request;
	struct curl_slist *headers;
	uint64_t started_ms;
	size_t head_bytes, rest_bytes; /* of the answer: headers; body that was not kept */
	const char *stopped;           /* why a callback of ours stopped it, static */
};

/* from curl */
static size_t on_curl_header(char *line, size_t one, size_t n, void *transfer);
static size_t on_curl_body(char *p, size_t one, size_t n, void *transfer);
/* from the loop */
static void on_over(struct curl_transfer *curl, CURLcode code);
static void on_dropped(struct curl_transfer *curl);

/* ---- the answer ---- */

static int64_t seconds_until(struct text value)
{
	char date[64];
	uint64_t s;
	time_t at;
	int64_t left;

	/* RFC 9110 section 10.2.3: seconds, or an HTTP date */
	if (!text_u64(value, UINT64_MAX, &s))
		return s < LIMIT_HTTP_RETRY_AFTER_S ? (int64_t)s : LIMIT_HTTP_RETRY_AFTER_S;
	text_printable(date, sizeof(date), value);
	at = curl_getdate(date, NULL);
	if (at == (time_t)-1)
		return -1;
	left = (int64_t)at - clock_unix_s();
	if (left < 0)
		return 0;
	return left < LIMIT_HTTP_RETRY_AFTER_S ? left : LIMIT_HTTP_RETRY_AFTER_S;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): curl's type for it */
static size_t on_curl_header(char *line, size_t one, size_t n, void *transfer)
{
	struct http_transfer *t = transfer;
	struct text whole = { line, one * n }, name, value;

	t->head_bytes += whole.len;
	if (t->head_bytes > LIMIT_HTTP_ANSWER_HEAD) {
		t->stopped = "headers too long";
		return 0;
	}
	if (text_istarts(whole, TEXT("HTTP/")))
		t->request->retry_after_s = -1; /* an answer after an interim one */
	else if (text_cut(whole, ':', &name, &value) && text_ieq(name, TEXT("Retry-After")))
		t->request->retry_after_s = seconds_until(text_trim(value));
	return whole.len;
}

static size_t on_curl_body(char *p, size_t one, size_t n, void *transfer)
{
	struct http_transfer *t = transfer;
	struct http_request *r = t->request;
	size_t len = one * n, room = r->max_answer - r->answer.len, keep = len < room ? len : room;

	(void)buf_add(&r->answer, p, keep); /* `room` is what is left to its ceiling */
	if (keep == len)
		return len;
	if (r->fail_over_answer) {
		t->stopped = "answer too long";
		return 0;
	}
	r->answer_cut = true;
	t->rest_bytes += len - keep;
	return t->rest_bytes > LIMIT_HTTP_ANSWER_REST ? 0 : len;
}

/* ---- the end of a transfer ---- */

static void transfer_free(struct http_transfer *t)
{
	t->request->transfer = NULL;
	curl_loop_end(&t->curl);
	curl_slist_free_all(t->headers);
	free(t);
}

static void on_dropped(struct curl_transfer *curl)
{
	transfer_free(container_of(curl, struct http_transfer, curl));
}

static void on_over(struct curl_transfer *curl, CURLcode code)
{
	struct http_transfer *t = container_of(curl, struct http_transfer, curl);
	struct http_request *r = t->request;

	/* Cut: what was wanted had come, whatever became of the rest. */
	if (code == CURLE_OK || r->answer_cut) {
		r->outcome = OUTCOME_OK;
		(void)curl_easy_getinfo(curl->easy, CURLINFO_RESPONSE_CODE, &r->status);
	} else {
		r->outcome =
			t->stopped ? outcome_of(BLAME_PEER, "answer too long", text_of(t->stopped))
				   : curl_loop_outcome(curl, code, "http client", "http protocol");
		r->retry_after_s = -1;
	}
	r->took_ms = clock_mono_ms() - t->started_ms;
	transfer_free(t);
	r->done(r);
}

/* ---- opening and dropping ---- */

int http_client_open(struct loop *l, const char *ca_file, const struct netaddr_policy *policy,
		     struct http_client **ret)
{
	struct curl_loop *curl;
	int r = curl_loop_open(l, ca_file, policy, &curl);

	if (r < 0)
		return r;
	*ret = mem_new(sizeof(**ret));
	(*ret)->curl = curl;
	return 0;
}

void http_client_drop(struct http_client *c)
{
	if (!c)
		return;
	curl_loop_drop(c->curl);
	free(c);
}

void http_client_widen(struct http_client *c, int per_host, int all)
{
	curl_loop_widen(c->curl, per_host, all);
}

void http_client_proxy(struct http_client *c, const char *url)
{
	curl_loop_proxy(c->curl, url);
}

struct curl_loop *http_client_curl(struct http_client *c)
{
	return c->curl;
}

/* ---- starting ---- */

static bool is_clean(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static bool is_web_url(const char *url)
{
	CURLU *u = curl_url();
	char *scheme = NULL;
	bool good;

	if (!u)
		abort();
	good = !curl_url_set(u, CURLUPART_URL, url, 0) &&
	       !curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) &&
	       (!strcmp(scheme, "http") || !strcmp(scheme, "https"));
	curl_free(scheme);
	curl_url_cleanup(u);
	return good;
}

static bool is_good(const struct http_request *r)
{
	if (!r->url || !is_clean(r->url) || !is_web_url(r->url))
		return false;
	if (!r->method || !*r->method || !is_clean(r->method) || strchr(r->method, ' '))
		return false;
	for (size_t i = 0; i < HTTP_CLIENT_HEADERS && r->headers[i]; i++)
		if (!is_clean(r->headers[i]) || !strchr(r->headers[i], ':'))
			return false;
	return !r->basic_user == !r->basic_password;
}

static void add_header(struct http_transfer *t, const char *line)
{
	struct curl_slist *longer = curl_slist_append(t->headers, line);

	if (!longer)
		abort();
	t->headers = longer;
}

static void set_request(struct http_transfer *t)
{
	const struct http_request *r = t->request;
	struct text method = text_of(r->method);
	bool typed = false;

	for (size_t i = 0; i < HTTP_CLIENT_HEADERS && r->headers[i]; i++) {
		add_header(t, r->headers[i]);
		typed = typed || text_istarts(text_of(r->headers[i]), TEXT("Content-Type:"));
	}
	/* Without a value: curl is not to add its own. */
	add_header(t, "Expect:");
	if (!typed)
		add_header(t, "Content-Type:");
	(void)curl_easy_setopt(t->curl.easy, CURLOPT_HTTPHEADER, t->headers);
	(void)curl_easy_setopt(t->curl.easy, CURLOPT_URL, r->url);

	if (text_eq(method, TEXT("HEAD"))) {
		(void)curl_easy_setopt(t->curl.easy, CURLOPT_NOBODY, 1L);
	} else if (r->body.len || text_eq(method, TEXT("POST"))) {
		(void)curl_easy_setopt(t->curl.easy, CURLOPT_POST, 1L);
		(void)curl_easy_setopt(t->curl.easy, CURLOPT_POSTFIELDSIZE_LARGE,
				       (curl_off_t)r->body.len);
		(void)curl_easy_setopt(t->curl.easy, CURLOPT_POSTFIELDS,
				       r->body.len ? r->body.at : "");
	}
	(void)curl_easy_setopt(t->curl.easy, CURLOPT_CUSTOMREQUEST, r->method);
	if (r->client) {
		struct curl_blob pem = { r->client->data, r->client->len, CURL_BLOB_COPY };

		(void)curl_easy_setopt(t->curl.easy, CURLOPT_SSLCERT_BLOB, &pem);
		(void)curl_easy_setopt(t->curl.easy, CURLOPT_SSLKEY_BLOB, &pem);
	}
	if (r->basic_user) {
		(void)curl_easy_setopt(t->curl.easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		(void)curl_easy_setopt(t->curl.easy, CURLOPT_USERNAME, secret_text(r->basic_user));
		(void)curl_easy_setopt(t->curl.easy, CURLOPT_PASSWORD,
				       secret_text(r->basic_password));
	}
}

static void set_rules(struct http_transfer *t)
{
	CURL *e = t->curl.easy;

	(void)curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	(void)curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_curl_header);
	(void)curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	(void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_curl_body);
	(void)curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
}

int http_client_start(struct http_client *c, struct http_request *r, http_client_cb done)
{
	struct http_transfer *t;

	if (!is_good(r))
		return -EINVAL;
	assert(!r->transfer);
	t = mem_new(sizeof(*t));
	t->curl.over = on_over;
	t->curl.dropped = on_dropped;
	t->request = r;
	t->started_ms = clock_mono_ms();
	curl_loop_begin(c->curl, &t->curl, "http,https",
			r->timeout_ms ? r->timeout_ms : LIMIT_HTTP_TIMEOUT_MS);
	r->transfer = t;
	r->done = done;
	r->outcome = OUTCOME_OK;
	r->status = 0;
	r->answer_cut = false;
	r->retry_after_s = -1;
	buf_clear(&r->answer);
	buf_init(&r->answer, r->max_answer);
	set_request(t);
	set_rules(t);
	curl_loop_go(&t->curl);
	return 0;
}

void http_client_cancel(struct http_client *c, struct http_request *r)
{
	(void)c;
	if (r->transfer)
		transfer_free(r->transfer);
}
