/* house: long, one owner and its peers serve every row */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/io/http_client.h"
#include "base/io/timer.h"
#include "base/limits.h"
#include "base/mem.h"
#include "tests/base/certs.h"
#include "tests/base/peer.h"

static struct certs certs;
static SSL_CTX *server_ctx;
static struct netaddr_policy loopback;

/* The owner of one client and some requests; the loop ends when all wanted have been answered. */
enum { REQUESTS = 8 };

struct owner {
	struct loop loop;
	struct http_client *client;
	struct http_request requests[REQUESTS];
	char url[200];
	struct timer timer; /* the test's own, and the guard against hanging */
	int done, wanted;
	void (*on_done)(struct owner *o, struct http_request *r);
	void (*timed)(struct owner *o);
};

static void finish(struct owner *o)
{
	http_client_drop(o->client);
	o->client = NULL;
	timer_drop(&o->timer, NULL);
	loop_stop(&o->loop);
}

static struct owner *current; /* http_request has no owner of its own in these tests */

static void on_done(struct http_request *r)
{
	struct owner *o = current;

	o->done++;
	assert_null(r->transfer);
	if (o->on_done)
		o->on_done(o, r);
	if (o->done == o->wanted)
		finish(o);
}

static void on_timed(struct timer *t)
{
	struct owner *o = container_of(t, struct owner, timer);

	if (!o->timed)
		fail_msg("no answer");
	o->timed(o);
}

static void owner_init(struct owner *o, const char *scheme, uint16_t port)
{
	*o = (struct owner){ .wanted = 1 };
	current = o;
	loop_init(&o->loop, NULL, NULL);
	timer_open(&o->timer, &o->loop, on_timed);
	timer_in(&o->timer, 60000);
	assert_int_equal(http_client_open(&o->loop, certs.ca_file, &loopback, &o->client), 0);
	snprintf(o->url, sizeof(o->url), "%s://127.0.0.1:%u/path?q=1", scheme, port);
	for (size_t i = 0; i < REQUESTS; i++)
		o->requests[i] = (struct http_request){
			.method = "GET", .url = o->url, .timeout_ms = 30000, .max_answer = 1000
		};
}

static void start(struct owner *o, size_t i)
{
	int done = o->done;

	assert_int_equal(http_client_start(o->client, &o->requests[i], on_done), 0);
	assert_int_equal(o->done, done); /* later, not inside */
}

static void owner_run(struct owner *o)
{
	loop_run(&o->loop);
	loop_clear(&o->loop);
}

static void owner_clear(struct owner *o)
{
	for (size_t i = 0; i < REQUESTS; i++)
		http_request_clear(&o->requests[i]);
}

/* ---- peers ---- */

/* Reads one request with its body: true; the head and body are in `dst`. */
static bool hear_request(int fd, char *dst, size_t size)
{
	size_t n = 0, want = SIZE_MAX;

	while (n < want && n < size - 1) {
		ssize_t r = read(fd, dst + n, 1);
		char *end, *length;

		if (r <= 0)
			return false;
		dst[++n] = '\0';
		end = strstr(dst, "\r\n\r\n");
		if (!end)
			continue;
		length = strcasestr(dst, "content-length:");
		want = (size_t)(end + 4 - dst) + (length ? strtoul(length + 15, NULL, 10) : 0);
	}
	return true;
}

struct script {
	const char *answer;
	char heard[8192];
};

/* The same answer to each request of a connection. */
static void by_script(struct peer *p, int fd)
{
	struct script *s = p->with;

	while (hear_request(fd, s->heard, sizeof(s->heard))) {
		p->count++;
		peer_say(fd, s->answer);
		if (strstr(s->answer, "close"))
			return;
	}
}

static void by_script_tls(struct peer *p, int fd)
{
	struct script *s = p->with;
	SSL *ssl = SSL_new(server_ctx);
	int n;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		n = SSL_read(ssl, s->heard, sizeof(s->heard) - 1);
		s->heard[n > 0 ? n : 0] = '\0';
		SSL_write(ssl, s->answer, (int)strlen(s->answer));
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
}

static void hold(struct peer *p, int fd)
{
	(void)fd;
	peer_hold(p);
}

static void close_now(struct peer *p, int fd)
{
	(void)p, (void)fd;
}

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* ---- answers ---- */

static const struct {
	const char *name, *answer;
	long status;
	const char *body;
	int64_t retry_after_s;
	enum blame blame;
	const char *what;
} rows[] = {
	{ "ok", OK_HELLO, 200, "hello", -1, BLAME_NONE, "ok" },
	{ "no body", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", -1, BLAME_NONE, "ok" },
	{ "chunked",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
	  200, "hello", -1, BLAME_NONE, "ok" },
	{ "until close", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", 200, "hello", -1,
	  BLAME_NONE, "ok" },
	{ "error status", "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno", 500, "no", -1,
	  BLAME_NONE, "ok" },
	{ "redirect stays",
	  "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302,
	  "", -1, BLAME_NONE, "ok" },
	{ "retry after seconds",
	  "HTTP/1.1 429 Slow\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n", 429, "", 17,
	  BLAME_NONE, "ok" },
	{ "retry after nothing",
	  "HTTP/1.1 429 Slow\r\nRetry-After:   0 \r\nContent-Length: 0\r\n\r\n", 429, "", 0,
	  BLAME_NONE, "ok" },
	{ "retry after a past date",
	  "HTTP/1.1 503 No\r\nretry-after: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: "
	  "0\r\n\r\n",
	  503, "", 0, BLAME_NONE, "ok" },
	{ "retry after ages",
	  "HTTP/1.1 503 No\r\nRetry-After: 99999999999\r\nContent-Length: 0\r\n\r\n", 503, "",
	  LIMIT_HTTP_RETRY_AFTER_S, BLAME_NONE, "ok" },
	{ "retry after words", "HTTP/1.1 503 No\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n",
	  503, "", -1, BLAME_NONE, "ok" },
	{ "of the last answer only",
	  "HTTP/1.1 103 Early\r\nRetry-After: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
	  "0\r\n\r\n",
	  200, "", -1, BLAME_NONE, "ok" },
	{ "cut in the body",
	  "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 50\r\n\r\nhello", 0, "hello", -1,
	  BLAME_NET, "connection" },
	{ "cut in a chunk",
	  "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhello",
	  0, "hello", -1, BLAME_NET, "connection" },
	{ "no HTTP", "close * OK IMAP\r\n", 0, "", -1, BLAME_PEER, "http protocol" },
};

static void answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct script s = { .answer = rows[i].answer };
		const struct http_request *r;
		struct peer p;
		struct owner o;

		peer_open(&p, by_script, &s);
		owner_init(&o, "http", p.port);
		start(&o, 0);
		owner_run(&o);
		peer_close(&p);
		r = &o.requests[0];
		assert_int_equal(o.done, 1);
		if (r->status != rows[i].status || r->outcome.blame != rows[i].blame ||
		    strcmp(r->outcome.what, rows[i].what) ||
		    r->retry_after_s != rows[i].retry_after_s ||
		    strcmp(r->answer.len ? (char *)r->answer.data : "", rows[i].body) ||
		    r->answer_cut)
			fail_msg("%s: status %ld, %s \"%s\" \"%s\", retry %lld, %zu bytes",
				 rows[i].name, r->status, outcome_blame_name(r->outcome.blame),
				 r->outcome.what, r->outcome.said, (long long)r->retry_after_s,
				 r->answer.len);
		owner_clear(&o);
	}
}

static void retry_after_a_date(void **state)
{
	struct script s = { 0 };
	char answer[200], date[64];
	struct peer p;
	struct owner o;
	time_t at = time(NULL) + 100;
	struct tm tm;

	(void)state;
	gmtime_r(&at, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	snprintf(answer, sizeof(answer),
		 "HTTP/1.1 503 No\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", date);
	s.answer = answer;
	peer_open(&p, by_script, &s);
	owner_init(&o, "http", p.port);
	start(&o, 0);
	owner_run(&o);
	peer_close(&p);
	assert_in_range(o.requests[0].retry_after_s, 60, 100);
	owner_clear(&o);
}

static void what_is_sent(void **state)
{
	static const struct {
		const char *method, *body, *line;
	} methods[] = {
		{ "GET", NULL, "GET /path?q=1 HTTP/1.1\r\n" },
		{ "POST", "{\"a\":1}", "POST /path?q=1 HTTP/1.1\r\n" },
		{ "POST", NULL, "POST /path?q=1 HTTP/1.1\r\n" },
		{ "PUT", "x", "PUT /path?q=1 HTTP/1.1\r\n" },
		{ "DELETE", NULL, "DELETE /path?q=1 HTTP/1.1\r\n" },
		{ "HEAD", NULL, "HEAD /path?q=1 HTTP/1.1\r\n" },
	};

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
	for (size_t i = 0; i < countof(methods); i++) {
		struct script s = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };
		cleanup_secret struct secret user = { 0 }, password = { 0 };
		struct http_request *r;
		struct peer p;
		struct owner o;

		peer_open(&p, by_script, &s);
		owner_init(&o, "http", p.port);
		secret_set_text(&user, TEXT("client"));
		secret_set_text(&password, TEXT("s3cret"));
		r = &o.requests[0];
		r->method = methods[i].method;
		r->body = text_of(methods[i].body);
		r->headers[0] = "X-One: 1";
		r->headers[1] = "User-Agent: test";
		r->basic_user = &user;
		r->basic_password = &password;
		start(&o, 0);
		owner_run(&o);
		peer_close(&p);
		assert_true(outcome_ok(&r->outcome));
		assert_memory_equal(s.heard, methods[i].line, strlen(methods[i].line));
		assert_non_null(strstr(s.heard, "\r\nX-One: 1\r\n"));
		assert_non_null(strstr(s.heard, "\r\nUser-Agent: test\r\n"));
		assert_non_null(
			strstr(s.heard, "\r\nAuthorization: Basic Y2xpZW50OnMzY3JldA==\r\n"));
		assert_null(strcasestr(s.heard, "expect:"));
		assert_null(strcasestr(s.heard, "content-type:"));
		if (methods[i].body)
			assert_string_equal(strstr(s.heard, "\r\n\r\n") + 4, methods[i].body);
		owner_clear(&o);
	}
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

static void bad_requests(void **state)
{
	static const struct {
		const char *method, *url, *header;
	} bad[] = {
		{ "GET", "ftp://127.0.0.1/", NULL },
		{ "GET", "file:///etc/passwd", NULL },
		{ "GET", "127.0.0.1", NULL },
		{ "GET", "", NULL },
		{ "GET", NULL, NULL },
		{ "GET", "http://", NULL },
		{ "GET", "http://127.0.0.1/\r\nX: y", NULL },
		{ "GET", "http://127.0.0.1/", "X: y\r\nZ: w" },
		{ "GET", "http://127.0.0.1/", "no colon" },
		{ "GET / HTTP/1.1\r\nX:", "http://127.0.0.1/", NULL },
		{ "", "http://127.0.0.1/", NULL },
		{ NULL, "http://127.0.0.1/", NULL },
	};
	struct owner o;

	(void)state;
	owner_init(&o, "http", 1);
	for (size_t i = 0; i < countof(bad); i++) {
		struct http_request r = { .method = bad[i].method,
					  .url = bad[i].url,
					  .headers = { bad[i].header } };

		if (http_client_start(o.client, &r, on_done) != -EINVAL)
			fail_msg("row %zu", i);
		assert_null(r.transfer);
	}
	http_client_drop(NULL);
	finish(&o);
	owner_run(&o);
	assert_int_equal(o.done, 0);
}

static void open_errors(void **state)
{
	struct http_client *c = NULL;
	struct loop l;

	(void)state;
	loop_init(&l, NULL, NULL);
	assert_int_equal(http_client_open(&l, "/nonexistent.pem", &loopback, &c), -ENOENT);
	assert_int_equal(http_client_open(&l, certs.dir, &loopback, &c), -EINVAL);
	assert_null(c);
	loop_stop(&l);
	loop_run(&l);
	loop_clear(&l);
}

/* ---- the peer's size ---- */

static void long_body(struct peer *p, int fd)
{
	static char piece[65536];
	char head[8192];
	size_t len = (size_t)(uintptr_t)p->with;

	while (hear_request(fd, head, sizeof(head))) {
		p->count++;
		snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
		peer_say(fd, head);
		memset(piece, 'b', sizeof(piece));
		for (size_t at = 0; at < len; at += sizeof(piece))
			if (send(fd, piece, len - at < sizeof(piece) ? len - at : sizeof(piece),
				 MSG_NOSIGNAL) < 0)
				return;
	}
}

static void start_second(struct owner *o, struct http_request *r)
{
	if (r == &o->requests[0])
		start(o, 1);
}

static void body_is_capped(void **state)
{
	static const struct {
		size_t len;
		bool fail;
		int connections; /* for two requests */
	} bodies[] = {
		{ 1000, false, 1 },
		{ 1001, false, 1 },
		{ 200000, false, 1 },
		{ 10 * 1024 * 1024, false, 2 },
		{ 1000, true, 1 },
		{ 1001, true, 2 },
		{ 10 * 1024 * 1024, true, 2 },
	};

	(void)state;
	for (size_t i = 0; i < countof(bodies); i++) {
		bool cut = bodies[i].len > 1000;
		struct peer p;
		struct owner o;

		peer_open(&p, long_body, (void *)(uintptr_t)bodies[i].len);
		owner_init(&o, "http", p.port);
		o.wanted = 2;
		o.on_done = start_second;
		o.requests[0].fail_over_answer = o.requests[1].fail_over_answer = bodies[i].fail;
		start(&o, 0);
		owner_run(&o);
		peer_close(&p);
		for (size_t k = 0; k < 2; k++) {
			const struct http_request *r = &o.requests[k];

			assert_int_equal(r->answer.len, 1000);
			assert_int_equal(r->answer.data[999], 'b');
			assert_int_equal(r->answer_cut, cut && !bodies[i].fail);
			if (cut && bodies[i].fail) {
				assert_int_equal(r->outcome.blame, BLAME_PEER);
				assert_string_equal(r->outcome.what, "answer too long");
				assert_int_equal(r->status, 0);
			} else {
				assert_true(outcome_ok(&r->outcome));
				assert_int_equal(r->status, 200);
			}
		}
		assert_int_equal(p.served, bodies[i].connections);
		owner_clear(&o);
	}
}

static void endless_headers(struct peer *p, int fd)
{
	char head[8192];

	(void)p;
	if (!hear_request(fd, head, sizeof(head)))
		return;
	peer_say(fd, "HTTP/1.1 200 OK\r\n");
	memset(head, 'h', sizeof(head));
	memcpy(head, "X-Long: ", 8);
	strcpy(head + 1000, "\r\n");
	for (int i = 0; i < 10000; i++)
		if (send(fd, head, 1002, MSG_NOSIGNAL) < 0)
			return;
}

static void headers_are_capped(void **state)
{
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, endless_headers, NULL);
	owner_init(&o, "http", p.port);
	start(&o, 0);
	owner_run(&o);
	peer_close(&p);
	assert_int_equal(o.requests[0].outcome.blame, BLAME_PEER);
	assert_string_equal(o.requests[0].outcome.said, "headers too long");
	owner_clear(&o);
}

/* ---- failures ---- */

static void failed(struct owner *o, enum blame blame, const char *what)
{
	const struct http_request *r = &o->requests[0];

	assert_int_equal(o->done, 1);
	if (r->outcome.blame != blame || strcmp(r->outcome.what, what) || r->status)
		fail_msg("%s \"%s\" \"%s\" %ld", outcome_blame_name(r->outcome.blame),
			 r->outcome.what, r->outcome.said, r->status);
}

static void refused_address(void **state)
{
	static const struct netaddr_policy none = { .n_allowed = 0 };
	static const char *const hosts[] = { "127.0.0.1", "localhost", "[::1]", "2130706433",
					     "0x7f.1" };

	(void)state;
	for (size_t i = 0; i < countof(hosts); i++) {
		struct http_client *c;
		struct peer p;
		struct owner o;

		peer_open(&p, hold, NULL);
		owner_init(&o, "http", p.port);
		http_client_drop(o.client);
		assert_int_equal(http_client_open(&o.loop, NULL, &none, &c), 0);
		o.client = c;
		snprintf(o.url, sizeof(o.url), "http://%s:%u/", hosts[i], p.port);
		start(&o, 0);
		owner_run(&o);
		peer_close(&p);
		assert_int_equal(p.served, 0);
		failed(&o, BLAME_REFUSED, "address not allowed");
		assert_non_null(strstr(o.requests[0].outcome.said, "is loopback"));
		owner_clear(&o);
	}
}

static void nobody_listens(void **state)
{
	struct owner o;
	uint16_t port;
	int fd = peer_listen(&port);

	(void)state;
	close(fd);
	owner_init(&o, "http", port);
	start(&o, 0);
	owner_run(&o);
	failed(&o, BLAME_NET, "tcp connect");
	owner_clear(&o);
}

static void no_such_name(void **state)
{
	char label[80] = "";
	struct owner o;

	(void)state;
	memset(label, 'a', 70); /* a label too long for DNS: no server is asked */
	owner_init(&o, "http", 1);
	snprintf(o.url, sizeof(o.url), "http://%s.test/", label);
	start(&o, 0);
	owner_run(&o);
	failed(&o, BLAME_NET, "name lookup");
	owner_clear(&o);
}

static void slow_server(void **state)
{
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, hold, NULL);
	owner_init(&o, "http", p.port);
	o.requests[0].timeout_ms = 60;
	start(&o, 0);
	owner_run(&o);
	peer_close(&p);
	failed(&o, BLAME_NET, "timeout");
	assert_true(o.requests[0].took_ms >= 55);
	owner_clear(&o);
}

static void closed_unheard(void **state)
{
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, close_now, NULL);
	owner_init(&o, "http", p.port);
	start(&o, 0);
	owner_run(&o);
	peer_close(&p);
	failed(&o, BLAME_NET, "connection");
	owner_clear(&o);
}

/* ---- TLS ---- */

static void over_tls(void **state)
{
	struct script s = { .answer = OK_HELLO };
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, by_script_tls, &s);
	owner_init(&o, "https", p.port);
	start(&o, 0);
	owner_run(&o);
	peer_close(&p);
	assert_true(outcome_ok(&o.requests[0].outcome));
	assert_string_equal((char *)o.requests[0].answer.data, "hello");
	owner_clear(&o);
}

static void bad_certificates(void **state)
{
	static const struct {
		const char *host;
		bool with_ca;
	} bad[] = { { "localhost", true }, /* the certificate names the address only */
		    { "127.0.0.1", false } };

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		struct script s = { .answer = OK_HELLO };
		struct peer p;
		struct owner o;

		peer_open(&p, by_script_tls, &s);
		owner_init(&o, "https", p.port);
		if (!bad[i].with_ca) {
			http_client_drop(o.client);
			assert_int_equal(http_client_open(&o.loop, NULL, &loopback, &o.client), 0);
		}
		snprintf(o.url, sizeof(o.url), "https://%s:%u/", bad[i].host, p.port);
		start(&o, 0);
		owner_run(&o);
		peer_close(&p);
		failed(&o, BLAME_PEER, "tls certificate");
		assert_string_equal(s.heard, "");
		owner_clear(&o);
	}
}

static void plain_greeting(struct peer *p, int fd)
{
	char piece[4096];

	(void)p;
	peer_say(fd, "220 mail.example ESMTP\r\n");
	(void)!read(fd, piece, sizeof(piece));
}

static void no_tls_there(void **state)
{
	void (*const peers[])(struct peer *, int) = { plain_greeting, close_now };

	(void)state;
	for (size_t i = 0; i < countof(peers); i++) {
		struct peer p;
		struct owner o;

		peer_open(&p, peers[i], NULL);
		owner_init(&o, "https", p.port);
		start(&o, 0);
		owner_run(&o);
		peer_close(&p);
		failed(&o, BLAME_PEER, "tls handshake");
		owner_clear(&o);
	}
}

/* ---- reuse, cancel, drop ---- */

static void start_next(struct owner *o, struct http_request *r)
{
	assert_true(outcome_ok(&r->outcome));
	if (o->done < o->wanted)
		start(o, (size_t)o->done);
}

static void connection_is_used_again(void **state)
{
	struct script s = { .answer = OK_HELLO };
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, by_script, &s);
	owner_init(&o, "http", p.port);
	o.wanted = REQUESTS;
	o.on_done = start_next;
	start(&o, 0);
	owner_run(&o);
	peer_close(&p);
	assert_int_equal(o.done, REQUESTS);
	assert_int_equal(p.count, REQUESTS);
	assert_int_equal(p.served, 1);
	owner_clear(&o);
}

static void request_is_used_again(struct owner *o, struct http_request *r)
{
	assert_string_equal((char *)r->answer.data, "hello");
	if (o->done == o->wanted)
		return;
	http_request_clear(r);
	start(o, 0);
}

static void the_same_request_again(void **state)
{
	struct script s = { .answer = OK_HELLO };
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, by_script, &s);
	owner_init(&o, "http", p.port);
	o.wanted = 5;
	o.on_done = request_is_used_again;
	start(&o, 0);
	owner_run(&o);
	peer_close(&p);
	assert_int_equal(p.count, 5);
	owner_clear(&o);
}

static void cancel_all(struct owner *o)
{
	for (size_t i = 0; i < REQUESTS; i++) {
		http_client_cancel(o->client, &o->requests[i]);
		http_client_cancel(o->client, &o->requests[i]);
		assert_null(o->requests[i].transfer);
	}
	finish(o);
}

static void cancelled(void **state)
{
	(void)state;
	for (uint64_t ms = 0; ms < 6; ms++) {
		struct peer p;
		struct owner o;

		peer_open(&p, hold, NULL);
		owner_init(&o, "http", p.port);
		for (size_t i = 0; i < REQUESTS; i++)
			start(&o, i);
		if (ms == 0)
			cancel_all(&o); /* before the loop has seen them */
		o.timed = cancel_all;
		timer_in(&o.timer, ms);
		owner_run(&o);
		peer_close(&p);
		assert_int_equal(o.done, 0);
		owner_clear(&o);
	}
}

/* The first that ends cancels all others, some of which have ended in the same breath. */
static void cancel_others(struct owner *o, struct http_request *r)
{
	http_client_cancel(o->client, r); /* itself: nothing */
	for (size_t i = 0; i < REQUESTS; i++)
		http_client_cancel(o->client, &o->requests[i]);
}

static void cancelled_inside_done(void **state)
{
	struct owner o;
	uint16_t port;
	int fd = peer_listen(&port);

	(void)state;
	close(fd);
	owner_init(&o, "http", port);
	o.on_done = cancel_others;
	for (size_t i = 0; i < REQUESTS; i++)
		start(&o, i);
	owner_run(&o);
	assert_int_equal(o.done, 1);
	owner_clear(&o);
}

/* `wanted` is one: the first that ends drops the client with all others under way. */
static void dropped_inside_done(void **state)
{
	struct script s = { .answer = OK_HELLO };
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, by_script, &s);
	owner_init(&o, "http", p.port);
	for (size_t i = 0; i < REQUESTS; i++)
		start(&o, i);
	owner_run(&o);
	peer_close(&p);
	assert_int_equal(o.done, 1);
	for (size_t i = 0; i < REQUESTS; i++)
		assert_null(o.requests[i].transfer);
	owner_clear(&o);
}

static void slow_body(struct peer *p, int fd)
{
	char head[8192];

	if (!hear_request(fd, head, sizeof(head)))
		return;
	peer_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
	p->count++;
	peer_hold(p);
}

static void drop_when_some_came(struct owner *o)
{
	if (o->requests[0].answer.len < 4) {
		timer_in(&o->timer, 1);
		return;
	}
	finish(o);
}

static void dropped_in_the_body(void **state)
{
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, slow_body, NULL);
	owner_init(&o, "http", p.port);
	o.timed = drop_when_some_came;
	timer_in(&o.timer, 1);
	start(&o, 0);
	owner_run(&o);
	peer_close(&p);
	assert_int_equal(o.done, 0);
	owner_clear(&o);
}

static int set_up(void **state)
{
	(void)state;
	certs_init(&certs);
	server_ctx = certs_server(&certs, "IP:127.0.0.1", -60, 3600);
	signal(SIGPIPE, SIG_IGN);
	return netaddr_policy_parse(&loopback, TEXT("127.0.0.0/8, ::1"));
}

static int tear_down(void **state)
{
	(void)state;
	SSL_CTX_free(server_ctx);
	certs_clear(&certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(retry_after_a_date),
		cmocka_unit_test(what_is_sent),
		cmocka_unit_test(bad_requests),
		cmocka_unit_test(open_errors),
		cmocka_unit_test(body_is_capped),
		cmocka_unit_test(headers_are_capped),
		cmocka_unit_test(refused_address),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(no_such_name),
		cmocka_unit_test(slow_server),
		cmocka_unit_test(closed_unheard),
		cmocka_unit_test(over_tls),
		cmocka_unit_test(bad_certificates),
		cmocka_unit_test(no_tls_there),
		cmocka_unit_test(connection_is_used_again),
		cmocka_unit_test(the_same_request_again),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(cancelled_inside_done),
		cmocka_unit_test(dropped_inside_done),
		cmocka_unit_test(dropped_in_the_body),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
