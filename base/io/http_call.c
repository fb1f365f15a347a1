#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/io/http_call.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"

/* ---- a call begins ---- */

static void wipe(struct buf *b)
{
	if (b->data)
		secret_wipe(b->data, b->cap);
	buf_clear(b);
}

static void call_free(struct http_call *c)
{
	list_remove(&c->calls);
	if (c->own_gone)
		c->own_gone(c->own);
	if (c->answer)
		MHD_destroy_response(c->answer);
	for (size_t i = 0; i < c->n_headers; i++) {
		free(c->names[i]);
		free(c->values[i]);
	}
	wipe(&c->query); /* an authorization code */
	wipe(&c->body);  /* a password */
	free(c->method);
	free(c->path);
	free(c);
}

static void refuse(struct http_call *c, int status, const char *why)
{
	if (c->refused)
		return;
	c->refused = status;
	c->why = why;
}

static void read_query(struct http_call *c, struct text query)
{
	struct text pair, name, value;

	while (query.len) {
		(void)text_cut(query, '&', &pair, &query);
		(void)text_cut(pair, '=', &name, &value);
		if (!name.len)
			continue;
		if (text_from_percent(&c->query, name) < 0 || buf_add(&c->query, "", 1) < 0 ||
		    text_from_percent(&c->query, value) < 0 || buf_add(&c->query, "", 1) < 0) {
			buf_clear(&c->query);
			refuse(c, MHD_HTTP_BAD_REQUEST, "the query has a bad percent escape");
			return;
		}
	}
}

static void judge_path(struct http_call *c, struct text path)
{
	cleanup_buf struct buf decoded = { .max = 2 * LIMIT_HTTP_HEAD };

	if (!path.len || path.at[0] != '/')
		refuse(c, MHD_HTTP_BAD_REQUEST, "the request target is not a path");
	for (size_t i = 0; i < path.len; i++)
		if (path.at[i] <= ' ' || path.at[i] > '~')
			refuse(c, MHD_HTTP_BAD_REQUEST, "the path has a byte that must be escaped");
	if (text_from_percent(&decoded, path) < 0)
		refuse(c, MHD_HTTP_BAD_REQUEST, "the path has a bad percent escape");
}

unsigned http_call_idle_s(const struct http_server_params *params)
{
	unsigned idle_s = (unsigned)((params->idle_timeout_ms + 999) / 1000);

	return idle_s ? idle_s : 1;
}

static void set_patience(struct http_call *c, unsigned idle_s)
{
	(void)MHD_set_connection_option(c->mhd, MHD_CONNECTION_OPTION_TIMEOUT, idle_s);
}

struct http_call *http_call_new(struct http_server *s, const struct http_server_params *params,
				struct MHD_Connection *mhd, const char *target)
{
	struct http_call *c = mem_new(sizeof(*c));
	const union MHD_ConnectionInfo *info;
	struct text path, query;

	c->server = s;
	c->params = params;
	c->mhd = mhd;
	c->state = HTTP_CALL_HEAD;
	c->started_ms = clock_mono_ms();
	list_init(&c->calls);
	buf_init(&c->query, 2 * LIMIT_HTTP_HEAD);
	buf_init(&c->body, params->max_body);

	(void)text_cut(text_of(target), '?', &path, &query);
	c->path = mem_text_n(path.at, path.len);
	judge_path(c, path);
	read_query(c, query);
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info)
		(void)uv_ip_name(info->client_addr, c->peer, sizeof(c->peer));
	return c;
}

/* ---- its head is judged ---- */

struct head {
	unsigned hosts, lengths, codings, keys;
	unsigned foreign; /* codings that are not chunked */
};

/* A head that two programs could read in two ways is a way to smuggle a request past one of them
 * (RFC 9112 section 11.2). */
static enum MHD_Result look_at(void *cls, enum MHD_ValueKind kind, const char *name,
			       const char *value)
{
	struct head *h = cls;
	struct text t = text_of(name);

	(void)kind;
	h->hosts += text_ieq(t, TEXT("Host"));
	h->lengths += text_ieq(t, TEXT("Content-Length"));
	h->keys += text_ieq(t, TEXT("Authorization"));
	if (text_ieq(t, TEXT("Transfer-Encoding"))) {
		h->codings++;
		h->foreign += !text_ieq(text_of(value), TEXT("chunked"));
	}
	return MHD_YES;
}

static bool is_method(struct text t)
{
	static const char *const methods[] = { "GET",   "HEAD",   "POST",   "PUT",
					       "PATCH", "DELETE", "OPTIONS" };

	for (size_t i = 0; i < countof(methods); i++)
		if (text_eq(t, text_of(methods[i])))
			return true;
	return false;
}

/* false: where its body ends is anybody's guess. */
static bool judge_head(struct http_call *c, const char *version)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct head h = { 0 };

	(void)MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, look_at, &h);
	if (!is_method(text_of(c->method)))
		refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "nothing here has this method");
	if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
		refuse(c, MHD_HTTP_BAD_REQUEST, "HTTP/1.1 is spoken here");
	if (h.hosts > 1 || h.lengths > 1 || h.codings > 1 || h.keys > 1)
		refuse(c, MHD_HTTP_BAD_REQUEST, "a header that may come once came twice");
	if (h.lengths && h.codings)
		refuse(c, MHD_HTTP_BAD_REQUEST, "the length of the body is given in two ways");
	if (h.foreign)
		refuse(c, MHD_HTTP_BAD_REQUEST, "the only transfer coding spoken is chunked");
	if (h.codings && LIMIT_HTTP_CHUNK_MS / 1000 < http_call_idle_s(c->params))
		set_patience(c, LIMIT_HTTP_CHUNK_MS / 1000);
	if (info && info->header_size > LIMIT_HTTP_HEAD)
		refuse(c, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too long");
	return h.lengths + h.codings <= 1 && !h.foreign;
}

static enum MHD_Result hand_over(struct http_call *c);

static enum MHD_Result heard_head(struct http_call *c, const char *method, const char *version)
{
	const char *expect = http_call_header(c, "Expect"),
		   *length = http_call_header(c, "Content-Length");
	uint64_t n = 0;
	bool clear;

	c->method = mem_text(method);
	clear = judge_head(c, version);
	/* MHD has read the number already; what passes uint64_t it refused. */
	if (length && (text_u64(text_of(length), UINT64_MAX, &n) < 0 || n > c->params->max_body))
		refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long");
	c->state = HTTP_CALL_BODY;
	/* A client that waits for our word, or has too much to swallow, gets the answer now, and no
	 * further request. */
	if (c->refused &&
	    (!clear || (n && expect) || n > c->params->max_body + LIMIT_HTTP_SWALLOW)) {
		(void)http_call_set_header(c, "Connection", "close");
		return hand_over(c);
	}
	return MHD_YES;
}

static enum MHD_Result heard_body(struct http_call *c, const char *data, size_t n)
{
	if (clock_mono_ms() - c->started_ms > LIMIT_HTTP_BODY_MS)
		return MHD_NO;
	if (!c->refused && buf_add(&c->body, data, n) < 0) {
		c->swallowed = c->body.len;
		refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long");
	}
	if (!c->refused)
		return MHD_YES;
	buf_clear(&c->body);
	c->swallowed += n;
	return c->swallowed > c->params->max_body + LIMIT_HTTP_SWALLOW ? MHD_NO : MHD_YES;
}

/* ---- it is asked and answered ---- */

static enum MHD_Result send_answer(struct http_call *c)
{
	c->state = HTTP_CALL_SENT;
	return MHD_queue_response(c->mhd, (unsigned)c->status, c->answer);
}

static enum MHD_Result hand_over(struct http_call *c)
{
	const struct http_server_params *p = c->params;

	if (http_server_is_dropping(c->server))
		return MHD_NO;
	c->state = HTTP_CALL_ASKING;
	set_patience(c, http_call_idle_s(p)); /* the connection may stay */
	if (c->refused)
		p->on_refused(p->owner, c, c->refused, c->why);
	else
		p->on_request(p->owner, c);
	if (c->state == HTTP_CALL_ANSWERED)
		return send_answer(c);
	c->state = HTTP_CALL_SUSPENDED;
	MHD_suspend_connection(c->mhd);
	return MHD_YES;
}

enum MHD_Result http_call_heard(struct http_call *c, const char *method, const char *version,
				const char *data, size_t n)
{
	switch (c->state) {
	case HTTP_CALL_HEAD:
		return heard_head(c, method, version);
	case HTTP_CALL_BODY:
		return n ? heard_body(c, data, n) : hand_over(c);
	case HTTP_CALL_ANSWERED:
		return send_answer(c);
	case HTTP_CALL_SENT: /* refused early, and the client goes on sending */
		return n ? heard_body(c, data, n) : MHD_YES;
	case HTTP_CALL_ASKING:
	case HTTP_CALL_SUSPENDED:
	case HTTP_CALL_ABANDONED:
		break;
	}
	return MHD_YES;
}

static bool is_token(const char *s)
{
	static const char marks[] = "!#$%&'*+-.^_`|~"; /* RFC 9110 section 5.6.2 */
	size_t n = 0;

	for (; s[n]; n++)
		if (!((s[n] >= '0' && s[n] <= '9') || (s[n] >= 'a' && s[n] <= 'z') ||
		      (s[n] >= 'A' && s[n] <= 'Z') || strchr(marks, s[n])))
			return false;
	return n > 0;
}

int http_call_set_header(struct http_call *c, const char *name, const char *value)
{
	struct text t = text_of(name);

	if (!is_token(name) || text_ieq(t, TEXT("Content-Length")) ||
	    text_ieq(t, TEXT("Transfer-Encoding")))
		return -EINVAL;
	for (const char *v = value; *v; v++)
		if ((unsigned char)*v < ' ' || *v == 0x7f)
			return -EINVAL;
	if (c->n_headers == HTTP_CALL_HEADERS)
		return -ENOBUFS;
	c->names[c->n_headers] = mem_text(name);
	c->values[c->n_headers++] = mem_text(value);
	return 0;
}

void http_call_answer(struct http_call *c, int status, const char *content_type, struct text body)
{
	assert(status >= 200 && status <= 599);
	if (c->state == HTTP_CALL_ABANDONED)
		return call_free(c);
	assert(c->state == HTTP_CALL_ASKING || c->state == HTTP_CALL_SUSPENDED);

	c->answer = MHD_create_response_from_buffer(body.len, mem_copy(body.at, body.len),
						    MHD_RESPMEM_MUST_FREE);
	if (!c->answer)
		abort(); /* no memory */
	c->status = status;
	if (content_type)
		(void)MHD_add_response_header(c->answer, MHD_HTTP_HEADER_CONTENT_TYPE,
					      content_type);
	for (size_t i = 0; i < c->n_headers; i++)
		(void)MHD_add_response_header(c->answer, c->names[i], c->values[i]);

	if (c->state == HTTP_CALL_SUSPENDED) {
		MHD_resume_connection(c->mhd);
		http_server_resumed(c->server); /* never from inside the owner's call */
	}
	c->state = HTTP_CALL_ANSWERED;
}

void http_call_over(struct http_call *c)
{
	c->server = NULL;
	c->mhd = NULL;
	if (c->state == HTTP_CALL_SUSPENDED && !c->own_gone) {
		c->state = HTTP_CALL_ABANDONED;
		list_remove(&c->calls);
		return;
	}
	call_free(c);
}

/* ---- what is asked about it ---- */

const char *http_call_method(const struct http_call *c)
{
	return c->method;
}

const char *http_call_path(const struct http_call *c)
{
	return c->path;
}

struct text http_call_body(const struct http_call *c)
{
	return (struct text){ (const char *)c->body.data, c->body.len };
}

const char *http_call_header(const struct http_call *c, const char *name)
{
	return c->mhd ? MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, name) : NULL;
}

const char *http_call_query(const struct http_call *c, const char *name)
{
	const char *at = c->query.len ? (const char *)c->query.data : "", *end = at + c->query.len;

	while (at < end) {
		const char *value = at + strlen(at) + 1;

		if (!strcmp(at, name))
			return value;
		at = value + strlen(value) + 1;
	}
	return NULL;
}

const char *http_call_cookie(const struct http_call *c, const char *name)
{
	return c->mhd ? MHD_lookup_connection_value(c->mhd, MHD_COOKIE_KIND, name) : NULL;
}

const char *http_call_peer(const struct http_call *c)
{
	return c->peer;
}

void http_call_attach(struct http_call *c, void *state, void (*gone)(void *state))
{
	c->own = state;
	c->own_gone = gone;
}

void *http_call_state(const struct http_call *c)
{
	return c->own;
}
