#include "services/cli/api_call.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/weburl.h"
#include "services/say.h"

#define CALL_MS    30000
#define KEY_MAX    512
#define USER_AGENT "User-Agent: replyd command line"

/* ---- where, and with which key ---- */

bool api_call_is_near(const char *url)
{
	struct weburl u;
	char host[INET6_ADDRSTRLEN];
	struct in_addr v4;
	struct in6_addr v6;

	if (weburl_split(text_of(url), &u) != 0)
		return false;
	if (text_ieq(u.host, TEXT("localhost")))
		return true;
	if (u.host.len >= sizeof(host))
		return false;
	(void)snprintf(host, sizeof(host), "%.*s", TEXT_ARG(u.host));
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

const char *api_call_url_refused(const char *url)
{
	struct weburl u;

	switch (weburl_split(text_of(url), &u)) {
	case 0:
		break;
	case -EPERM:
		return "has a user's name in it; leave that out";
	case -EDESTADDRREQ:
		return "has no host that could be dialled";
	default:
		return "is no address; write https://host[:port]";
	}
	if (u.is_plain && !api_call_is_near(url))
		return "is plain http, and everybody on the way would read the key; use https, or "
		       "a tunnel to this machine";
	return NULL;
}

static int read_url(struct api_call *c, const struct options *o)
{
	const char *url = o->api                  ? o->api
			  : *c->settings->api_url ? c->settings->api_url
						  : c->settings->api_public_url;
	const char *refused = *url ? api_call_url_refused(url) : "is not set; give it with --api";
	char line[400];
	size_t n = strlen(url);

	while (n && url[n - 1] == '/')
		n--;
	if (!refused && n >= sizeof(c->url))
		refused = "is too long";
	if (refused) {
		(void)snprintf(line, sizeof(line), "--api %.200s: %s", url, refused);
		return say(EX_USAGE, line);
	}
	(void)snprintf(c->url, sizeof(c->url), "%.*s", (int)n, url);
	return 0;
}

int api_call_read_file(const char *file, size_t most, struct secret *ret)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), code = 0;
	char *bytes = mem_new(most + 1), line[400];
	struct stat st = { 0 };
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, most + 1);
	struct text t;

	line[0] = '\0';
	if (n < 0 || fstat(fd, &st) != 0) {
		(void)snprintf(line, sizeof(line), "%.300s: %s", file, strerror(errno));
		code = EX_NOINPUT;
	} else if (S_ISREG(st.st_mode) && (st.st_mode & 077)) {
		(void)snprintf(line, sizeof(line),
			       "%.300s: others may read it; make it private with `chmod 600`",
			       file);
		code = EX_NOPERM;
	} else {
		t = text_trim((struct text){ bytes, (size_t)n });
		if (!t.len || (size_t)n > most) {
			(void)snprintf(line, sizeof(line),
				       "%.300s: is empty, or larger than what belongs there", file);
			code = EX_DATAERR;
		} else {
			secret_set_text(ret, t);
		}
	}
	if (fd >= 0)
		(void)close(fd);
	secret_wipe(bytes, most + 1);
	free(bytes);
	return code ? say(code, line) : 0;
}

int api_call_read_secret(const char *file, struct secret *ret)
{
	int code = api_call_read_file(file, KEY_MAX, ret);
	char line[400];

	if (code || !ret->data || !memchr(ret->data, '\n', ret->len))
		return code;
	secret_clear(ret);
	(void)snprintf(line, sizeof(line), "%.300s: is not one line with a secret", file);
	return say(EX_DATAERR, line);
}

static int read_key(struct api_call *c, const struct options *o)
{
	cleanup_secret struct secret key = { 0 };
	cleanup_buf struct buf header;
	int code = 0;

	buf_init(&header, KEY_MAX + 64);
	if (o->key_file)
		code = api_call_read_secret(o->key_file, &key);
	else if (*c->settings->api_key)
		secret_set_text(&key, text_of(c->settings->api_key));
	else
		code = say(EX_USAGE, "no API key: put it into a file for --key-file, or into "
				     "REPLYD_API_KEY (made by `replyd key create`)");
	if (code)
		return code;
	if (text_addf(&header, "Authorization: Bearer %s", secret_text(&key)) != 0)
		return say(EX_DATAERR, "the API key is longer than any that replyd makes");
	secret_set(&c->authorization, header.data, header.len);
	secret_wipe(header.data, header.len);
	return 0;
}

int api_call_open(struct api_call *c, const struct settings *s, const struct options *o)
{
	char line[400];
	int r, code;

	*c = (struct api_call){ .settings = s };
	code = read_url(c, o);
	if (code == 0)
		code = read_key(c, o);
	if (code)
		return code;
	r = http_wait_open(&c->wait, s->tls_ca_file);
	if (r == 0)
		return 0;
	secret_clear(&c->authorization);
	(void)snprintf(line, sizeof(line), "tls.ca_file %.200s: %s", s->tls_ca_file, strerror(-r));
	return say(EX_CONFIG, line);
}

void api_call_close(struct api_call *c)
{
	http_wait_close(&c->wait);
	secret_clear(&c->authorization);
}

/* ---- what came of it ---- */

static int no_answer(struct api_call *c, const struct http_request *r)
{
	const struct outcome *o = &r->outcome;
	const char *remedy = "is replyd running there? --api or REPLYD_API_URL says where";

	if (strcmp(o->what, "tls certificate") == 0)
		remedy = "tls.ca_file adds an authority of your own";
	(void)snprintf(c->words, sizeof(c->words), "%.300s: %s%s%s; %s", c->url, o->what,
		       *o->said ? ": " : "", o->said, remedy);
	return o->blame == BLAME_US ? EX_SOFTWARE : EX_UNAVAILABLE;
}

static int code_of(long status)
{
	if (status == 401 || status == 403)
		return EX_NOPERM;
	if (status == 429)
		return EX_TEMPFAIL;
	return status >= 400 && status < 500 ? EX_DATAERR : EX_UNAVAILABLE;
}

/* Words of a stranger's document, for a terminal. */
static const char *word_of(const json_t *j, const char *key, char *dst, size_t size)
{
	text_printable(dst, size, text_of(json_get_text(j, key)));
	return dst;
}

static int refused(struct api_call *c, const json_t *problem)
{
	const json_t *oldest = json_object_get(problem, "oldest");
	char detail[200], remedy[200], field[100];

	if (!*json_get_text(problem, "title")) {
		(void)snprintf(c->words, sizeof(c->words),
			       "%.300s: answers with status %ld, and not as replyd does; is this "
			       "its address?",
			       c->url, c->status);
		return EX_UNAVAILABLE;
	}
	if (json_is_integer(oldest))
		c->oldest = json_integer_value(oldest);
	word_of(problem, "detail", detail, sizeof(detail));
	word_of(problem, "remedy", remedy, sizeof(remedy));
	word_of(problem, "field", field, sizeof(field));
	if (!*detail)
		word_of(problem, "title", detail, sizeof(detail));
	(void)snprintf(c->words, sizeof(c->words), "%s%s%s%s%s", field, *field ? " " : "", detail,
		       *remedy ? "; " : "", remedy);
	return code_of(c->status);
}

static int understand(struct api_call *c, const struct http_request *r, json_t **ret)
{
	struct json_error error;
	json_t *j = NULL;

	c->status = r->status;
	c->retry_after_s = r->retry_after_s;
	if (!outcome_ok(&r->outcome))
		return no_answer(c, r);
	if (r->status == 204) {
		*ret = json_null();
		return 0;
	}
	if (json_read(text_of_buf(&r->answer), LIMIT_API_ANSWER, &j, &error) != 0 ||
	    r->status < 200 || r->status > 299) {
		int code = refused(c, j);

		json_decref(j);
		return code;
	}
	*ret = j;
	return 0;
}

static int call(struct api_call *c, const char *method, const char *path, const json_t *body,
		uint64_t timeout_ms, json_t **ret)
{
	cleanup_free char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	char url[2 * API_CALL_PATH];
	struct http_request r = { .method = method,
				  .url = url,
				  .body = text_of(text),
				  .timeout_ms = timeout_ms,
				  .max_answer = LIMIT_API_ANSWER,
				  .fail_over_answer = true,
				  .headers = { secret_text(&c->authorization), USER_AGENT,
					       "Accept: application/json",
					       text ? "Content-Type: application/json" : NULL } };
	int code, error;

	c->status = 0;
	c->retry_after_s = c->oldest = -1;
	c->words[0] = '\0';
	(void)snprintf(url, sizeof(url), "%s%s", c->url, path);
	error = http_wait_run(&c->wait, &r);
	if (error == -ECANCELED) {
		code = API_CALL_INTERRUPTED;
	} else if (error < 0) {
		(void)snprintf(c->words, sizeof(c->words), "%.300s: no request can be made of it",
			       url);
		code = EX_USAGE;
	} else {
		code = understand(c, &r, ret);
	}
	http_request_clear(&r);
	return code;
}

int api_call_try(struct api_call *c, const char *path, uint64_t timeout_ms, json_t **ret)
{
	return call(c, "GET", path, NULL, timeout_ms, ret);
}

int api_call_send(struct api_call *c, const char *method, const char *path, const json_t *body,
		  json_t **ret)
{
	int code = call(c, method, path, body, CALL_MS, ret);

	return code && c->words[0] ? say(code, c->words) : code;
}

int api_call_get(struct api_call *c, const char *path, json_t **ret)
{
	return api_call_send(c, "GET", path, NULL, ret);
}
