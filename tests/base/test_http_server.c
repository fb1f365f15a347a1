/* house: long, one world and its client serve every row */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/io/http_server.h"
#include "base/io/timer.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "tests/base/peer.h"

enum { MAX_BODY = 1000 };

/* The owner: answers by path.  A client runs in a thread; the loop ends when it has. */
struct world {
	struct loop loop;
	struct http_server *server;
	struct uv_async_s client_done;
	struct timer guard;
	pthread_t thread;
	void (*client)(struct world *w);
	uint16_t port;
	atomic_int requests, refused, gone;
	struct http_call *kept; /* of "/keep" */
	struct list later;
	struct timer tick;
	/* of the client */
	const char *request;
	size_t step;
	char answer[256 * 1024];
	int row;
};

struct waiting {
	struct world *world;
	struct http_call *call;
	struct list list;
};

static void waiting_gone(void *state)
{
	struct waiting *wait = state;

	wait->world->gone++;
	list_remove(&wait->list);
	free(wait);
}

static void answer_text(struct http_call *c, int status, const char *text)
{
	http_call_answer(c, status, "text/plain", text_of(text));
}

static void on_tick(struct timer *t)
{
	struct world *w = container_of(t, struct world, tick);
	struct list *at, *tmp;

	list_each(&w->later, at, tmp)
	{
		struct waiting *wait = container_of(at, struct waiting, list);

		list_remove(&wait->list);
		answer_text(wait->call, 200, "later");
	}
}

static void tell(struct http_call *c)
{
	char text[8192];
	struct text body = http_call_body(c);
	const char *a = http_call_query(c, "a"), *b = http_call_query(c, "b c"),
		   *header = http_call_header(c, "x-test"), *cookie = http_call_cookie(c, "sid");

	snprintf(text, sizeof(text), "%s %s a=[%s] b=[%s] x=[%s] sid=[%s] peer=%s body=[%.*s]",
		 http_call_method(c), http_call_path(c), a ? a : "-", b ? b : "-",
		 header ? header : "-", cookie ? cookie : "-", http_call_peer(c), TEXT_ARG(body));
	answer_text(c, 200, text);
}

static void attach(struct world *w, struct http_call *c)
{
	struct waiting *wait = mem_new(sizeof(*wait));

	wait->world = w;
	wait->call = c;
	list_append(&w->later, &wait->list);
	http_call_attach(c, wait, waiting_gone);
	assert_ptr_equal(http_call_state(c), wait);
}

static void on_request(void *owner, struct http_call *c)
{
	struct world *w = owner;
	struct text path = text_of(http_call_path(c));

	w->requests++;
	if (text_eq(path, TEXT("/later"))) {
		attach(w, c);
		timer_in(&w->tick, 2);
	} else if (text_eq(path, TEXT("/never"))) {
		attach(w, c);
	} else if (text_eq(path, TEXT("/keep"))) {
		w->kept = c;
	} else if (text_eq(path, TEXT("/drop"))) {
		attach(w, c);
		http_server_drop(w->server);
		w->server = NULL;
		assert_int_equal(w->gone, 0);
	} else if (text_eq(path, TEXT("/drop-and-answer"))) {
		http_server_drop(w->server);
		w->server = NULL;
		answer_text(c, 200, "too late");
	} else if (text_eq(path, TEXT("/headers"))) {
		assert_int_equal(http_call_set_header(c, "X-Good", "yes; it=\"is\""), 0);
		assert_int_equal(http_call_set_header(c, "X-Bad", "a\r\nSet-Cookie: x"), -EINVAL);
		assert_int_equal(http_call_set_header(c, "X-Bad", "a\nb"), -EINVAL);
		assert_int_equal(http_call_set_header(c, "X Bad", "a"), -EINVAL);
		assert_int_equal(http_call_set_header(c, "X-Bad:", "a"), -EINVAL);
		assert_int_equal(http_call_set_header(c, "", "a"), -EINVAL);
		assert_int_equal(http_call_set_header(c, "content-length", "3"), -EINVAL);
		for (int i = 1; i < 16; i++)
			assert_int_equal(http_call_set_header(c, "X-More", "1"), 0);
		assert_int_equal(http_call_set_header(c, "X-More", "1"), -ENOBUFS);
		http_call_answer(c, 204, NULL, (struct text){ 0 });
	} else if (text_eq(path, TEXT("/long"))) {
		char *text = mem_new(200000);

		memset(text, 'z', 199999);
		answer_text(c, 200, text);
		free(text);
	} else {
		tell(c);
	}
}

static void on_refused(void *owner, struct http_call *c, int status, const char *why)
{
	struct world *w = owner;
	char text[256];

	w->refused++;
	snprintf(text, sizeof(text), "refused: %s", why);
	if (text_eq(text_of(http_call_path(c)), TEXT("/later"))) {
		attach(w, c);
		timer_in(&w->tick, 2);
		return;
	}
	http_call_answer(c, status, "application/problem+json", text_of(text));
}

static void on_guard(struct timer *t)
{
	(void)t;
	fail_msg("the client hangs");
}

static void on_client_done(uv_async_t *a)
{
	struct world *w = a->data;

	http_server_drop(w->server);
	w->server = NULL;
	timer_drop(&w->guard, NULL);
	timer_drop(&w->tick, NULL);
	uv_close((uv_handle_t *)a, NULL);
	loop_stop(&w->loop);
}

static void *client_run(void *arg)
{
	struct world *w = arg;

	w->client(w);
	uv_async_send(&w->client_done);
	return NULL;
}

static void world_run(struct world *w, void (*client)(struct world *), unsigned max_connections)
{
	struct http_server_params p = {
		.address = "127.0.0.1",
		.max_body = MAX_BODY,
		.max_connections = max_connections,
		.idle_timeout_ms = 30000,
		.owner = w,
		.on_request = on_request,
		.on_refused = on_refused,
	};

	loop_init(&w->loop, NULL, NULL);
	list_init(&w->later);
	assert_int_equal(http_server_open(&w->loop, &p, &w->server), 0);
	w->port = http_server_port(w->server);
	assert_int_not_equal(w->port, 0);
	timer_open(&w->guard, &w->loop, on_guard);
	timer_in(&w->guard, 60000);
	timer_open(&w->tick, &w->loop, on_tick);
	uv_async_init(&w->loop.uv, &w->client_done, on_client_done);
	w->client_done.data = w;
	w->client = client;
	assert_int_equal(pthread_create(&w->thread, NULL, client_run, w), 0);
	loop_run(&w->loop);
	pthread_join(w->thread, NULL);
	loop_clear(&w->loop);
}

static struct world *world_new(void)
{
	return mem_new(sizeof(struct world));
}

/* ---- the client's words ---- */

static int dial(const struct world *w)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(w->port) };
	struct timeval patience = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		abort();
	return fd;
}

static void say(int fd, const char *text, size_t len, size_t step)
{
	for (size_t at = 0; at < len; at += step)
		if (send(fd, text + at, len - at < step ? len - at : step, MSG_NOSIGNAL) < 0)
			return;
}

static void say_text(int fd, const char *text)
{
	say(fd, text, strlen(text), 100000);
}

static void hear_all(int fd, char *dst, size_t size)
{
	size_t n = 0;
	ssize_t r;

	while (n < size - 1 && (r = read(fd, dst + n, size - 1 - n)) > 0)
		n += (size_t)r;
	dst[n] = '\0';
}

/* One whole answer with a Content-Length of a connection that stays. */
static bool hear_one(int fd, char *dst, size_t size)
{
	size_t n = 0, want = SIZE_MAX;

	while (n < size - 1 && n < want) {
		ssize_t r = read(fd, dst + n, 1);
		char *end, *length;

		if (r <= 0)
			break;
		dst[++n] = '\0';
		end = strstr(dst, "\r\n\r\n");
		length = end ? strcasestr(dst, "content-length:") : NULL;
		if (length)
			want = (size_t)(end + 4 - dst) + strtoul(length + 15, NULL, 10);
	}
	return n == want;
}

static void one_exchange(struct world *w)
{
	int fd = dial(w);

	say(fd, w->request, strlen(w->request), w->step);
	hear_all(fd, w->answer, sizeof(w->answer));
	close(fd);
}

static const char *exchange(struct world *w, const char *request, size_t step)
{
	w->request = request;
	w->step = step;
	world_run(w, one_exchange, 10);
	return w->answer;
}

/* ---- tests ---- */

#define CLOSE "Host: h\r\nConnection: close\r\n"

static const struct {
	const char *name, *request, *status, *body;
	int refused;
} rows[] = {
	{ "get", "GET /x HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 200 ",
	  "GET /x a=[-] b=[-] x=[-] sid=[-] peer=127.0.0.1 body=[]", 0 },
	{ "query", "GET /x?a=1%202+3&b%20c=%26&empty HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 200 ",
	  "GET /x a=[1 2 3] b=[&]", 0 },
	{ "query, empty value", "GET /?a=&&=x HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 200 ",
	  "a=[] b=[-]", 0 },
	{ "query, twice", "GET /?a=1&a=2 HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 200 ", "a=[1]", 0 },
	{ "path stays", "GET /a%2Fb%20c/%C3%A4?a=%2F HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 200 ",
	  "GET /a%2Fb%20c/%C3%A4 a=[/]", 0 },
	{ "headers, cookie",
	  "GET / HTTP/1.1\r\nX-Test: v w\r\nCookie: o=1; sid=abc\r\n" CLOSE "\r\n", "HTTP/1.1 200 ",
	  "x=[v w] sid=[abc]", 0 },
	{ "body", "POST /p HTTP/1.1\r\nContent-Length: 5\r\n" CLOSE "\r\nhello", "HTTP/1.1 200 ",
	  "POST /p a=[-] b=[-] x=[-] sid=[-] peer=127.0.0.1 body=[hello]", 0 },
	{ "chunked body",
	  "PUT /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE
	  "\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
	  "HTTP/1.1 200 ", "body=[hello]", 0 },
	{ "body of a PATCH", "PATCH /p HTTP/1.1\r\nContent-Length: 2\r\n" CLOSE "\r\nab",
	  "HTTP/1.1 200 ", "PATCH /p a=[-] b=[-] x=[-] sid=[-] peer=127.0.0.1 body=[ab]", 0 },
	{ "body of a DELETE", "DELETE /p HTTP/1.1\r\nContent-Length: 2\r\n" CLOSE "\r\nab",
	  "HTTP/1.1 200 ", "body=[ab]", 0 },
	{ "HEAD", "HEAD /x HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 200 ", "\r\n\r\n", 0 },
	{ "HTTP/1.0", "GET /x HTTP/1.0\r\n\r\n", "HTTP/1.", "GET /x", 0 },
	{ "later", "GET /later HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 200 ", "later", 0 },
	{ "later with a body", "POST /later HTTP/1.1\r\nContent-Length: 5\r\n" CLOSE "\r\nhello",
	  "HTTP/1.1 200 ", "later", 0 },
	{ "long answer", "GET /long HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 200 ", "zzzzz", 0 },
	{ "headers out", "GET /headers HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 204 ",
	  "X-Good: yes; it=\"is\"\r\n", 0 },
	{ "method", "BREW /x HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 405 ",
	  "refused: nothing here has this method", 1 },
	{ "method in lower case", "get /x HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 405 ", "refused",
	  1 },
	{ "bad escape in the path", "GET /%zz HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 400 ",
	  "refused: the path has a bad percent escape", 1 },
	{ "NUL in the path", "GET /a%00b HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 400 ", "refused",
	  1 },
	{ "cut escape", "GET /a%2 HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 400 ", "refused", 1 },
	{ "raw byte in the path", "GET /\xc3\xa4 HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 400 ",
	  "refused: the path has a byte", 1 },
	{ "bad escape in the query", "GET /x?a=%q HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 400 ",
	  "refused: the query", 1 },
	{ "not a path", "GET http://h/x HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 400 ",
	  "refused: the request target is not a path", 1 },
	{ "two lengths",
	  "POST /x HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n" CLOSE "\r\nab",
	  "HTTP/1.1 400 ", "refused: a header that may come once came twice", 1 },
	{ "length and chunked",
	  "POST /x HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n" CLOSE
	  "\r\n0\r\n\r\n",
	  "HTTP/1.1 400 ", "refused: the length", 1 },
	{ "unknown coding", "POST /x HTTP/1.1\r\nTransfer-Encoding: gzip\r\n" CLOSE "\r\n",
	  "HTTP/1.1 400 ", "refused: the only transfer coding", 1 },
	{ "chunked and more",
	  "POST /x HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n" CLOSE "\r\n0\r\n\r\n",
	  "HTTP/1.1 400 ", "refused: the only transfer coding", 1 },
	{ "two hosts", "GET /x HTTP/1.1\r\nHost: g\r\n" CLOSE "\r\n", "HTTP/1.1 400 ",
	  "refused: a header that may come once came twice", 1 },
	{ "two keys", "GET /x HTTP/1.1\r\nAuthorization: a\r\nAuthorization: b\r\n" CLOSE "\r\n",
	  "HTTP/1.1 400 ", "refused", 1 },
	{ "no host", "GET /x HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 ", NULL, -1 },
	{ "length is no number", "POST /x HTTP/1.1\r\nContent-Length: 2x\r\n" CLOSE "\r\nab",
	  "HTTP/1.1 4", NULL, -1 },
	{ "length is negative", "POST /x HTTP/1.1\r\nContent-Length: -2\r\n" CLOSE "\r\nab",
	  "HTTP/1.1 4", NULL, -1 },
	{ "far too long, waiting",
	  "POST /x HTTP/1.1\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n" CLOSE "\r\n",
	  "HTTP/1.1 413 ", "refused: the body is too long", 1 },
	{ "far too long, not waiting",
	  "POST /x HTTP/1.1\r\nContent-Length: 500000000\r\n" CLOSE "\r\n", "HTTP/1.1 413 ",
	  "refused: the body is too long", 1 },
	{ "far too long, answered later",
	  "POST /later HTTP/1.1\r\nContent-Length: 500000000\r\n" CLOSE "\r\n", "HTTP/1.1 200 ",
	  "later", 1 },
	{ "far too long PATCH", "PATCH /x HTTP/1.1\r\nContent-Length: 500000000\r\nHost: h\r\n\r\n",
	  "HTTP/1.1 413 ", "refused", 1 },
	{ "waiting, and welcome",
	  "POST /x HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n" CLOSE "\r\nab",
	  "HTTP/1.1 100 Continue", "body=[ab]", 0 },
};

static void requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		static const size_t steps[] = { 1, 7, 100000 };

		for (size_t s = 0; s < countof(steps); s++) {
			struct world *w = world_new();
			const char *a = exchange(w, rows[i].request, steps[s]);

			if (strncmp(a, rows[i].status, strlen(rows[i].status)))
				fail_msg("%s, step %zu: %.300s", rows[i].name, steps[s], a);
			if (rows[i].body && !strstr(a, rows[i].body))
				fail_msg("%s, step %zu: %.300s", rows[i].name, steps[s], a);
			if (rows[i].refused >= 0 && w->refused != rows[i].refused)
				fail_msg("%s: refused %d", rows[i].name, w->refused);
			assert_int_equal(w->requests + w->refused,
					 rows[i].refused < 0 ? w->refused : 1);
			free(w);
		}
	}
}

static void header_injection_is_refused(void **state)
{
	struct world *w = world_new();
	const char *a = exchange(w, "GET /headers HTTP/1.1\r\n" CLOSE "\r\n", 1000);

	(void)state;
	assert_non_null(strstr(a, "X-Good"));
	assert_null(strstr(a, "X-Bad"));
	assert_null(strstr(a, "Set-Cookie"));
	free(w);
}

static void garbage(void **state)
{
	static const char *const lines[] = { "\r\n\r\n\r\n", "GET\r\n\r\n",
					     "\x16\x03\x01\x02\x01\x01\xfc",
					     "GET / HTTP/1.1\r\nbroken header\r\n\r\n",
					     "GET /x\r\n\r\n" };

	(void)state;
	for (size_t i = 0; i < countof(lines); i++) {
		struct world *w = world_new();
		char request[200];

		/* behind it a good one, so that there is an end to wait for */
		snprintf(request, sizeof(request), "%s\r\n\r\nGET / HTTP/1.1\r\n" CLOSE "\r\n",
			 lines[i]);
		exchange(w, request, 1000);
		free(w);
	}
}

static void long_heads(void **state)
{
	static const struct {
		size_t len;
		const char *status;
		int refused;
	} heads[] = { { 30000, "HTTP/1.1 200", 0 },
		      { 40000, "HTTP/1.1 431", 1 },
		      { 200000, "HTTP/1.1 4", 0 } };

	(void)state;
	for (size_t i = 0; i < countof(heads); i++) {
		struct world *w = world_new();
		char *request = mem_new(heads[i].len + 200);
		size_t n = (size_t)sprintf(request, "GET /x HTTP/1.1\r\n" CLOSE "X-Long: ");

		memset(request + n, 'a', heads[i].len);
		strcpy(request + n + heads[i].len, "\r\n\r\n");
		exchange(w, request, 1000000);
		/* The longest is cut off while it is still being sent, and the answer may be lost
		 * with it. */
		if (w->answer[0] || i < 2)
			assert_memory_equal(w->answer, heads[i].status, strlen(heads[i].status));
		assert_int_equal(w->refused, heads[i].refused);
		free(request);
		free(w);
	}
}

/* Bodies around the ceiling, sent whole before the answer is read: the client must get to read it.
 */
static void body_ceiling(void **state)
{
	static const struct {
		size_t len;
		bool chunked;
		int status;
	} bodies[] = {
		{ MAX_BODY, false, 200 }, { MAX_BODY + 1, false, 413 }, { 500000, false, 413 },
		{ MAX_BODY, true, 200 },  { MAX_BODY + 1, true, 413 },  { 500000, true, 413 },
	};

	(void)state;
	for (size_t i = 0; i < countof(bodies); i++) {
		struct world *w = world_new();
		char *request = mem_new(bodies[i].len + 300), status[16];
		size_t n;

		if (bodies[i].chunked)
			n = (size_t)sprintf(request,
					    "POST /later-not HTTP/1.1\r\n" CLOSE
					    "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
					    bodies[i].len);
		else
			n = (size_t)sprintf(request,
					    "POST /later-not HTTP/1.1\r\n" CLOSE
					    "Content-Length: %zu\r\n\r\n",
					    bodies[i].len);
		memset(request + n, 'a', bodies[i].len);
		strcpy(request + n + bodies[i].len, bodies[i].chunked ? "\r\n0\r\n\r\n" : "");
		exchange(w, request, 65536);
		snprintf(status, sizeof(status), "HTTP/1.1 %d ", bodies[i].status);
		if (strncmp(w->answer, status, strlen(status)))
			fail_msg("%zu%s: %.100s", bodies[i].len,
				 bodies[i].chunked ? " chunked" : "", w->answer);
		assert_int_equal(w->refused, bodies[i].status == 413);
		free(request);
		free(w);
	}
}

static void endless_body_client(struct world *w)
{
	static char piece[65536];
	int fd = dial(w);
	size_t sent = 0;

	say_text(fd,
		 "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n");
	while (send(fd, piece, sizeof(piece), MSG_NOSIGNAL) > 0 && sent < 100 * sizeof(piece))
		sent += sizeof(piece);
	w->row = sent < 100 * sizeof(piece);
	close(fd);
}

static void endless_body_is_cut_off(void **state)
{
	struct world *w = world_new();

	(void)state;
	world_run(w, endless_body_client, 10);
	assert_true(w->row);
	assert_int_equal(w->requests, 0);
	free(w);
}

/* A chunk's size line that is longer than libmicrohttpd's memory: it waits for room, busily. */
static void stuck_chunk_client(struct world *w)
{
	static char extension[128 * 1024];
	uint64_t from_ms = clock_mono_ms();
	int stuck = dial(w), fd = dial(w);

	memset(extension, 'a', sizeof(extension));
	say_text(stuck, "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;");
	(void)send(stuck, extension, sizeof(extension), MSG_NOSIGNAL | MSG_DONTWAIT);
	/* Others are answered meanwhile, also when the answer comes later. */
	for (int i = 0; i < 20; i++) {
		say_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
		w->row += hear_one(fd, w->answer, sizeof(w->answer));
		poll(NULL, 0, 5);
	}
	close(fd);
	hear_all(stuck, w->answer, sizeof(w->answer));
	close(stuck);
	w->row += clock_mono_ms() - from_ms < 2 * LIMIT_HTTP_CHUNK_MS;
}

static void a_stuck_chunk_stops_nobody_else(void **state)
{
	struct world *w = world_new();

	(void)state;
	world_run(w, stuck_chunk_client, 10);
	assert_int_equal(w->row, 21);
	assert_int_equal(w->requests, 20);
	free(w);
}

static void keep_alive_client(struct world *w)
{
	int fd = dial(w);

	for (w->row = 0; w->row < 20; w->row++) {
		const char *path = w->row % 3 ? "/x" : "/later";
		char request[200];

		snprintf(request, sizeof(request),
			 "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab", path);
		say(fd, request, strlen(request), 10);
		if (!hear_one(fd, w->answer, sizeof(w->answer)))
			break;
	}
	close(fd);
}

static void keep_alive(void **state)
{
	struct world *w = world_new();

	(void)state;
	world_run(w, keep_alive_client, 10);
	assert_int_equal(w->row, 20);
	assert_int_equal(w->requests, 20);
	assert_int_equal(w->gone, 7); /* each attached state went */
	free(w);
}

static void pipelined(void **state)
{
	struct world *w = world_new();
	const char *a = exchange(
		w, "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /x HTTP/1.1\r\n" CLOSE "\r\n", 1000);

	(void)state;
	assert_int_equal(w->requests, 2);
	a = strstr(a, "later");
	assert_non_null(a);
	assert_non_null(strstr(a, "GET /x"));
	free(w);
}

enum { MANY = 40 };

static void many_client(struct world *w)
{
	int fds[MANY];

	for (int i = 0; i < MANY; i++) {
		fds[i] = dial(w);
		say_text(fds[i], "GET /later HTTP/1.1\r\n" CLOSE "\r\n");
	}
	for (int i = 0; i < MANY; i++) {
		hear_all(fds[i], w->answer, sizeof(w->answer));
		w->row += strstr(w->answer, "later") != NULL;
		close(fds[i]);
	}
}

/* More clients than connections: they wait their turn. */
static void many_at_once(void **state)
{
	struct world *w = world_new();

	(void)state;
	world_run(w, many_client, 5);
	assert_int_equal(w->row, MANY);
	assert_int_equal(w->gone, MANY);
	free(w);
}

static void wait_for(atomic_int *n, int want)
{
	for (int i = 0; i < 20000 && *n < want; i++)
		poll(NULL, 0, 1);
}

static void impatient_client(struct world *w)
{
	int fd = dial(w);

	say_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	wait_for(&w->requests, 1);
	peer_will_reset(fd);
	close(fd);
	/* half a request, and gone */
	fd = dial(w);
	say_text(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
	peer_will_reset(fd);
	close(fd);
	wait_for(&w->gone, 1);
	fd = dial(w);
	say_text(fd, "GET /x HTTP/1.1\r\n" CLOSE "\r\n");
	hear_all(fd, w->answer, sizeof(w->answer));
	close(fd);
}

static void client_goes_first(void **state)
{
	struct world *w = world_new();

	(void)state;
	world_run(w, impatient_client, 10);
	assert_int_equal(w->gone, 1);
	assert_non_null(strstr(w->answer, "HTTP/1.1 200"));
	free(w);
}

static void hanging_client(struct world *w)
{
	int fd = dial(w);

	w->row = fd;
	say(fd, w->request, strlen(w->request), 1000);
	wait_for(&w->requests, 1);
}

/* Dropped with calls unanswered: what is attached goes at once, what is not waits for its answer.
 */
static void dropped_with_calls_open(void **state)
{
	static const char *const paths[] = { "/never", "/keep", "/drop", "/drop-and-answer" };

	(void)state;
	for (size_t i = 0; i < countof(paths); i++) {
		struct world *w = world_new();
		char request[100];

		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", paths[i]);
		w->request = request;
		world_run(w, hanging_client, 10);
		hear_all(w->row, w->answer, sizeof(w->answer));
		close(w->row);
		assert_int_equal(w->requests, 1);
		assert_int_equal(w->gone, i == 0 || i == 2);
		if (i < 3)
			assert_string_equal(w->answer, "");
		if (w->kept) {
			assert_string_equal(http_call_path(w->kept), "/keep");
			assert_null(http_call_header(w->kept, "Host"));
			answer_text(w->kept, 200, "nobody hears it");
		}
		free(w);
	}
}

static void open_errors(void **state)
{
	struct http_server_params p = { .address = "127.0.0.1",
					.max_body = 1,
					.max_connections = 1,
					.on_request = on_request,
					.on_refused = on_refused };
	struct http_server *s = NULL;
	struct loop l;
	int fd = peer_listen(&p.port);

	(void)state;
	loop_init(&l, NULL, NULL);
	assert_int_equal(http_server_open(&l, &p, &s), -EADDRINUSE);
	p.address = "nowhere";
	assert_int_equal(http_server_open(&l, &p, &s), -EINVAL);
	p.address = "192.0.2.1";
	assert_int_equal(http_server_open(&l, &p, &s), -EADDRNOTAVAIL);
	http_server_drop(NULL);
	assert_null(s);
	close(fd);
	loop_stop(&l);
	loop_run(&l);
	loop_clear(&l);
}

static void idle_client(struct world *w)
{
	uint64_t from_ms = clock_mono_ms();
	int fd = dial(w);

	say_text(fd, "GET /x HT");
	hear_all(fd, w->answer, sizeof(w->answer));
	w->row = clock_mono_ms() - from_ms < 10000;
	close(fd);
}

static void idle_connections_end(void **state)
{
	struct world *w = world_new();
	struct http_server_params p = { .address = "127.0.0.1",
					.max_body = 1,
					.max_connections = 5,
					.idle_timeout_ms = 300,
					.owner = w,
					.on_request = on_request,
					.on_refused = on_refused };

	(void)state;
	loop_init(&w->loop, NULL, NULL);
	list_init(&w->later);
	assert_int_equal(http_server_open(&w->loop, &p, &w->server), 0);
	w->port = http_server_port(w->server);
	timer_open(&w->guard, &w->loop, on_guard);
	timer_in(&w->guard, 60000);
	timer_open(&w->tick, &w->loop, on_tick);
	uv_async_init(&w->loop.uv, &w->client_done, on_client_done);
	w->client_done.data = w;
	w->client = idle_client;
	assert_int_equal(pthread_create(&w->thread, NULL, client_run, w), 0);
	loop_run(&w->loop);
	pthread_join(w->thread, NULL);
	loop_clear(&w->loop);
	assert_true(w->row);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(header_injection_is_refused),
		cmocka_unit_test(garbage),
		cmocka_unit_test(long_heads),
		cmocka_unit_test(body_ceiling),
		cmocka_unit_test(endless_body_is_cut_off),
		cmocka_unit_test(a_stuck_chunk_stops_nobody_else),
		cmocka_unit_test(keep_alive),
		cmocka_unit_test(pipelined),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(client_goes_first),
		cmocka_unit_test(dropped_with_calls_open),
		cmocka_unit_test(open_errors),
		cmocka_unit_test(idle_connections_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
