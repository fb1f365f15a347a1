/* house: long, every way a connection begins and ends, over one owner */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/io/conn.h"
#include "base/io/timer.h"
#include "base/limits.h"
#include "base/mem.h"
#include "tests/base/certs.h"
#include "tests/base/peer.h"

static struct certs certs;
static SSL_CTX *server_ctx;
static struct tls_context *tls;
static struct netaddr_policy loopback;

/* The owner of one connection; the loop ends when it has been dropped. */
struct owner {
	struct loop loop;
	struct conn *conn;
	struct conn_params params;
	struct timer timer; /* the test's own, and the guard against hanging */
	int ups, overs, reads, pieces;
	struct buf heard;
	struct outcome why;
	uint64_t started_ms, over_ms;
	enum { DROP_NEVER, DROP_ON_UP, DROP_ON_BYTES, DROP_ON_OVER } drop;
	void (*up)(struct owner *o);
	void (*bytes)(struct owner *o, const uint8_t *p, size_t n);
	void (*timed)(struct owner *o);
};

static void finish(struct owner *o)
{
	conn_drop(o->conn);
	o->conn = NULL;
	timer_drop(&o->timer, NULL);
	loop_stop(&o->loop);
}

static void on_up(void *owner)
{
	struct owner *o = owner;

	o->ups++;
	assert_non_null(o->conn); /* not from inside conn_open() */
	if (o->up)
		o->up(o);
	if (o->drop == DROP_ON_UP)
		finish(o);
}

static void on_bytes(void *owner, const uint8_t *p, size_t n)
{
	struct owner *o = owner;

	o->reads++;
	assert_true(o->ups > 0);
	assert_int_equal(o->overs, 0);
	assert_int_equal(buf_add(&o->heard, p, n), 0);
	if (o->bytes)
		o->bytes(o, p, n);
	if (o->drop == DROP_ON_BYTES) {
		uint8_t first = p[0];

		finish(o);
		assert_int_equal(p[0], first); /* the slice outlives the drop, inside the call */
	}
}

static void on_over(void *owner, const struct outcome *why)
{
	struct owner *o = owner;

	o->overs++;
	o->why = *why;
	o->over_ms = clock_mono_ms();
	assert_int_equal(conn_write(o->conn, (const uint8_t *)"x", 1), -ENOTCONN);
	finish(o);
}

static void on_timed(struct timer *t)
{
	struct owner *o = container_of(t, struct owner, timer);

	if (o->timed)
		o->timed(o);
	else
		fail_msg("still waiting for %s", conn_waiting_for(o->conn));
}

static void owner_init(struct owner *o, uint16_t port, enum conn_security security)
{
	*o = (struct owner){ 0 };
	buf_init(&o->heard, 32 * 1024 * 1024);
	loop_init(&o->loop, NULL, NULL);
	timer_open(&o->timer, &o->loop, on_timed);
	timer_in(&o->timer, 60000);
	o->params = (struct conn_params){
		.host = "127.0.0.1",
		.port = port,
		.security = security,
		.tls = tls,
		.policy = &loopback,
		.connect_timeout_ms = 30000,
		.owner = o,
		.on_up = on_up,
		.on_bytes = on_bytes,
		.on_over = on_over,
	};
}

static void owner_run(struct owner *o)
{
	o->started_ms = clock_mono_ms();
	assert_int_equal(conn_open(&o->loop, &o->params, &o->conn), 0);
	assert_string_equal(conn_waiting_for(o->conn), "name lookup");
	assert_int_equal(conn_write(o->conn, (const uint8_t *)"x", 1), -ENOTCONN);
	loop_run(&o->loop);
	loop_clear(&o->loop);
	assert_true(o->overs <= 1);
}

static void owner_clear(struct owner *o)
{
	buf_clear(&o->heard);
}

/* ---- peers ---- */

static SSL *accept_tls(int fd)
{
	SSL *ssl = SSL_new(server_ctx);

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

/* "hello\r\n", then echoes until the end. */
static void echo_clear(struct peer *p, int fd)
{
	char piece[4096];
	ssize_t n;

	(void)p;
	peer_say(fd, "hello\r\n");
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		if (write(fd, piece, (size_t)n) != n)
			return;
}

static void echo_tls(struct peer *p, int fd)
{
	SSL *ssl = accept_tls(fd);
	char piece[4096];
	int n;

	if (!ssl)
		return;
	SSL_write(ssl, "hello\r\n", 7);
	while ((n = SSL_read(ssl, piece, sizeof(piece))) > 0)
		SSL_write(ssl, piece, n);
	if (SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN)
		p->count++; /* a proper goodbye */
	SSL_free(ssl);
}

static void hold(struct peer *p, int fd)
{
	(void)fd;
	peer_hold(p);
}

/* ---- the way up ---- */

static void say_and_wait(struct owner *o, const uint8_t *p, size_t n)
{
	(void)p, (void)n;
	if (o->reads == 1)
		assert_int_equal(conn_write(o->conn, (const uint8_t *)"ping", 4), 0);
	if (o->heard.len == 11)
		finish(o);
}

static void hello_and_echo(void **state)
{
	static const enum conn_security kinds[] = { CONN_CLEAR, CONN_TLS };

	(void)state;
	for (size_t i = 0; i < countof(kinds); i++) {
		struct peer p;
		struct owner o;

		peer_open(&p, kinds[i] == CONN_TLS ? echo_tls : echo_clear, NULL);
		owner_init(&o, p.port, kinds[i]);
		o.bytes = say_and_wait;
		owner_run(&o);
		peer_close(&p);
		assert_int_equal(o.ups, 1);
		assert_int_equal(o.overs, 0);
		assert_memory_equal(o.heard.data, "hello\r\nping", 11);
		assert_int_equal(p.count, kinds[i] == CONN_TLS); /* close_notify was sent */
		owner_clear(&o);
	}
}

static void starttls_peer(struct peer *p, int fd)
{
	char line[64];

	peer_say(fd, "* OK\r\n");
	if (read(fd, line, sizeof(line)) <= 0)
		return;
	peer_say(fd, p->with ? p->with : "go\r\n");
	echo_tls(p, fd);
}

static void starttls_up(struct owner *o)
{
	assert_string_equal(conn_waiting_for(o->conn), "bytes");
	if (o->ups == 2)
		assert_int_equal(conn_write(o->conn, (const uint8_t *)"ping", 4), 0);
}

static void starttls_bytes(struct owner *o, const uint8_t *p, size_t n)
{
	(void)n;
	if (p[0] == '*')
		conn_write(o->conn, (const uint8_t *)"STARTTLS\r\n", 10);
	if (p[0] == 'g') {
		conn_start_tls(o->conn);
		assert_string_equal(conn_waiting_for(o->conn), "tls handshake");
		assert_int_equal(conn_write(o->conn, (const uint8_t *)"x", 1), -ENOTCONN);
	}
	if (o->heard.len >= 4 && !memcmp(o->heard.data + o->heard.len - 4, "ping", 4))
		finish(o);
}

static void starttls(void **state)
{
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, starttls_peer, NULL);
	owner_init(&o, p.port, CONN_STARTTLS);
	o.up = starttls_up;
	o.bytes = starttls_bytes;
	owner_run(&o);
	peer_close(&p);
	assert_int_equal(o.ups, 2);
	assert_string_equal((char *)o.heard.data, "* OK\r\ngo\r\nhello\r\nping");
	owner_clear(&o);
}

/* Clear bytes after "go" in a packet of their own: no byte of them is ever delivered. */
static void injecting_peer(struct peer *p, int fd)
{
	char line[64];

	peer_say(fd, "* OK\r\n");
	if (read(fd, line, sizeof(line)) <= 0)
		return;
	peer_say(fd, "go\r\n");
	/* the ClientHello shows that it has begun */
	if (read(fd, line, sizeof(line)) > 0)
		peer_say(fd, "* PREAUTH injected\r\n");
	peer_hold(p);
}

static void starttls_injection(void **state)
{
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, injecting_peer, NULL);
	owner_init(&o, p.port, CONN_STARTTLS);
	o.bytes = starttls_bytes;
	owner_run(&o);
	peer_close(&p);
	assert_int_equal(o.ups, 1);
	assert_int_equal(o.why.blame, BLAME_PEER);
	assert_string_equal(o.why.what, "tls handshake");
	assert_string_equal((char *)o.heard.data, "* OK\r\ngo\r\n");
	owner_clear(&o);
}

/* ---- bad ways up ---- */

static void bad_parameters(void **state)
{
	char name[300];
	struct owner o;

	(void)state;
	memset(name, 'a', sizeof(name));
	name[254] = '\0';
	owner_init(&o, 143, CONN_CLEAR);
	o.params.host = "";
	assert_int_equal(conn_open(&o.loop, &o.params, &o.conn), -EINVAL);
	o.params.host = NULL;
	assert_int_equal(conn_open(&o.loop, &o.params, &o.conn), -EINVAL);
	o.params.host = name;
	assert_int_equal(conn_open(&o.loop, &o.params, &o.conn), -EINVAL);
	o.params.host = "127.0.0.1";
	o.params.port = 0;
	assert_int_equal(conn_open(&o.loop, &o.params, &o.conn), -EINVAL);
	assert_null(o.conn);
	conn_drop(NULL);
	finish(&o);
	loop_run(&o.loop);
	loop_clear(&o.loop);
}

static void refused_address(void **state)
{
	static const struct netaddr_policy none = { .n_allowed = 0 };
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, hold, NULL);
	owner_init(&o, p.port, CONN_TLS);
	o.params.policy = &none;
	owner_run(&o);
	peer_close(&p);
	assert_int_equal(p.served, 0);
	assert_int_equal(o.ups, 0);
	assert_int_equal(o.overs, 1);
	assert_int_equal(o.why.blame, BLAME_REFUSED);
	assert_string_equal(o.why.what, "address not allowed");
	assert_non_null(strstr(o.why.said, "loopback"));
	assert_null(
		strstr(o.why.said, "127.")); /* who named the host does not learn what is there */
	assert_non_null(strstr(o.why.said, "net.allow"));
	owner_clear(&o);
}

static void nobody_listens(void **state)
{
	struct owner o;
	uint16_t port;
	int fd = peer_listen(&port);

	(void)state;
	close(fd);
	owner_init(&o, port, CONN_TLS);
	owner_run(&o);
	assert_int_equal(o.overs, 1);
	assert_int_equal(o.why.blame, BLAME_NET);
	assert_string_equal(o.why.what, "tcp connect");
	assert_string_equal(o.why.said, "connection refused");
	owner_clear(&o);
}

static void no_such_name(void **state)
{
	struct owner o;
	char name[80] = "";

	(void)state;
	memset(name, 'a', 70); /* a label too long for DNS: no server is asked */
	owner_init(&o, 143, CONN_TLS);
	o.params.host = name;
	owner_run(&o);
	assert_int_equal(o.overs, 1);
	assert_int_equal(o.why.blame, BLAME_NET);
	assert_string_equal(o.why.what, "name lookup");
	owner_clear(&o);
}

/* No descriptor is left for the socket: our fault, told like all else. */
static void no_descriptors(void **state)
{
	struct rlimit before, none;
	struct owner o;

	(void)state;
	owner_init(&o, 9, CONN_TLS);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 0; /* opens none; what is open stays */
	o.started_ms = clock_mono_ms();
	assert_int_equal(conn_open(&o.loop, &o.params, &o.conn), 0);
	setrlimit(RLIMIT_NOFILE, &none);
	loop_run(&o.loop);
	setrlimit(RLIMIT_NOFILE, &before);
	loop_clear(&o.loop);
	assert_int_equal(o.overs, 1);
	assert_int_equal(o.why.blame, BLAME_US);
	assert_string_equal(o.why.said, "too many open files");
	owner_clear(&o);
}

/* "localhost" has two addresses on most machines; the peer listens on one of them. */
static void next_address_is_tried(void **state)
{
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, echo_clear, NULL);
	owner_init(&o, p.port, CONN_CLEAR);
	assert_int_equal(netaddr_policy_parse(&loopback, TEXT("127.0.0.0/8, ::1")), 0);
	o.params.host = "localhost";
	o.bytes = say_and_wait;
	owner_run(&o);
	peer_close(&p);
	assert_int_equal(o.ups, 1);
	owner_clear(&o);
}

/* A listener whose queue is full answers no SYN: the connect hangs. */
static void silent_tcp(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int listener, clients[8];
	struct owner o;
	uint16_t port;

	(void)state;
	listener = peer_listen(&port);
	listen(listener, 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons(port);
	for (size_t i = 0; i < countof(clients); i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(clients[i], (struct sockaddr *)&a, sizeof(a));
	}
	owner_init(&o, port, CONN_TLS);
	o.params.connect_timeout_ms = 50;
	owner_run(&o);
	assert_int_equal(o.overs, 1);
	assert_int_equal(o.why.blame, BLAME_NET);
	assert_string_equal(o.why.what, "tcp connect");
	assert_string_equal(o.why.said, "no answer within 50 ms");
	assert_true(o.over_ms - o.started_ms >= 50);
	for (size_t i = 0; i < countof(clients); i++)
		close(clients[i]);
	close(listener);
	owner_clear(&o);
}

static void silent_handshake(void **state)
{
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, hold, NULL);
	owner_init(&o, p.port, CONN_TLS);
	o.params.connect_timeout_ms = 50;
	owner_run(&o);
	peer_close(&p);
	assert_int_equal(o.overs, 1);
	assert_int_equal(o.ups, 0);
	assert_string_equal(o.why.what, "tls handshake");
	assert_string_equal(o.why.said, "no answer within 50 ms");
	owner_clear(&o);
}

static void close_now(struct peer *p, int fd)
{
	if (p->with)
		peer_will_reset(fd);
}

/* Reads the ClientHello, and goes. */
static void close_in_handshake(struct peer *p, int fd)
{
	char piece[4096];

	(void)p;
	(void)!read(fd, piece, sizeof(piece));
}

static void ends_in_handshake(void **state)
{
	void (*const ways[])(struct peer *, int) = { close_now, close_in_handshake };

	(void)state;
	for (size_t i = 0; i < countof(ways); i++) {
		struct peer p;
		struct owner o;

		peer_open(&p, ways[i], i ? NULL : &p);
		owner_init(&o, p.port, CONN_TLS);
		owner_run(&o);
		peer_close(&p);
		assert_int_equal(o.overs, 1);
		assert_int_equal(o.ups, 0);
		assert_int_equal(o.why.blame, BLAME_NET);
		owner_clear(&o);
	}
}

static void count_alert(struct peer *p, int fd)
{
	SSL *ssl = SSL_new(server_ctx);
	char piece[64];

	ERR_clear_error();
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		(void)SSL_read(ssl, piece, sizeof(piece));
	if (ERR_GET_REASON(ERR_peek_last_error()) > SSL_AD_REASON_OFFSET)
		p->count++;
	SSL_free(ssl);
}

static void wrong_host(void **state)
{
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, count_alert, NULL);
	owner_init(&o, p.port, CONN_TLS);
	o.params.host = "127.1"; /* the same address, and not in the certificate */
	owner_run(&o);
	peer_close(&p);
	assert_int_equal(o.overs, 1);
	assert_int_equal(o.ups, 0);
	assert_int_equal(o.why.blame, BLAME_PEER);
	assert_string_equal(o.why.what, "tls certificate");
	assert_non_null(
		strstr(o.why.said, "host name mismatch: 127.1 is not in 127.0.0.1, localhost"));
	assert_int_equal(p.count, 1); /* the server was told */
	owner_clear(&o);
}

/* ---- endings ---- */

static void goodbye_tls(struct peer *p, int fd)
{
	SSL *ssl = accept_tls(fd);

	(void)p;
	SSL_write(ssl, "* BYE\r\n", 7);
	SSL_shutdown(ssl);
	SSL_free(ssl);
}

static void cut_tls(struct peer *p, int fd)
{
	SSL *ssl = accept_tls(fd);

	(void)p;
	SSL_write(ssl, "* BYE\r\n", 7);
	SSL_free(ssl);
}

static void goodbye_clear(struct peer *p, int fd)
{
	(void)p;
	peer_say(fd, "* BYE\r\n");
	shutdown(fd, SHUT_WR);
}

static void reset_clear(struct peer *p, int fd)
{
	char piece[8];

	(void)p;
	peer_say(fd, "* BYE\r\n");
	(void)!read(fd, piece, 1);
	peer_will_reset(fd);
}

static void send_one(struct owner *o, const uint8_t *p, size_t n)
{
	(void)p, (void)n;
	(void)conn_write(o->conn, (const uint8_t *)"x", 1);
}

static void endings(void **state)
{
	static const struct {
		const char *name;
		void (*serve)(struct peer *, int);
		enum conn_security security;
		const char *said;
	} rows[] = {
		{ "tls goodbye", goodbye_tls, CONN_TLS, "closed by the peer" },
		{ "tls cut", cut_tls, CONN_TLS, "cut off without a goodbye" },
		{ "clear goodbye", goodbye_clear, CONN_CLEAR, "closed by the peer" },
		{ "reset", reset_clear, CONN_CLEAR, "connection reset by peer" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct peer p;
		struct owner o;

		peer_open(&p, rows[i].serve, NULL);
		owner_init(&o, p.port, rows[i].security);
		if (rows[i].serve == reset_clear)
			o.bytes = send_one;
		owner_run(&o);
		peer_close(&p);
		if (o.overs != 1 || o.why.blame != BLAME_NET || strcmp(o.why.said, rows[i].said) ||
		    o.heard.len != 7)
			fail_msg("%s: overs %d, blame %s, said \"%s\", heard %zu", rows[i].name,
				 o.overs, outcome_blame_name(o.why.blame), o.why.said, o.heard.len);
		assert_string_equal(o.why.what, "connection");
		owner_clear(&o);
	}
}

static void write_more(struct owner *o)
{
	char piece[1024];

	memset(piece, 'x', sizeof(piece));
	timer_in(&o->timer, 1);
	(void)conn_write(o->conn, (const uint8_t *)piece, sizeof(piece));
}

static void start_writing(struct owner *o)
{
	o->timed = write_more;
	timer_in(&o->timer, 1);
}

static void close_and_reset(struct peer *p, int fd)
{
	char piece[8];

	(void)p;
	(void)!read(fd, piece, 1);
	peer_will_reset(fd);
}

/* A write that fails tells on_over from the loop, never from inside conn_write(), and once. */
static void write_to_a_dead_peer(void **state)
{
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, close_and_reset, NULL);
	owner_init(&o, p.port, CONN_CLEAR);
	o.up = start_writing;
	owner_run(&o);
	peer_close(&p);
	assert_int_equal(o.overs, 1);
	assert_int_equal(o.why.blame, BLAME_NET);
	owner_clear(&o);
}

/* ---- drops ---- */

static void dropped_in_callbacks(void **state)
{
	static const enum conn_security kinds[] = { CONN_CLEAR, CONN_TLS };

	(void)state;
	for (size_t i = 0; i < countof(kinds); i++) {
		for (int when = DROP_ON_UP; when <= DROP_ON_BYTES; when++) {
			struct peer p;
			struct owner o;

			peer_open(&p, kinds[i] == CONN_TLS ? echo_tls : echo_clear, NULL);
			owner_init(&o, p.port, kinds[i]);
			o.drop = when;
			owner_run(&o);
			peer_close(&p);
			assert_int_equal(o.ups, 1);
			assert_int_equal(o.overs, 0);
			assert_int_equal(o.reads, when == DROP_ON_BYTES);
			owner_clear(&o);
		}
	}
}

static void dropped_at_once(void **state)
{
	struct owner o;

	(void)state;
	owner_init(&o, 9, CONN_TLS);
	assert_int_equal(conn_open(&o.loop, &o.params, &o.conn), 0);
	finish(&o);
	loop_run(&o.loop);
	loop_clear(&o.loop);
	assert_int_equal(o.overs + o.ups, 0);
}

static void drop_now(struct owner *o)
{
	finish(o);
}

/* Dropped after `ms`: in the lookup, the connect, the handshake or later, wherever that is. */
static void dropped_at_any_moment(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, echo_tls, NULL);
	for (uint64_t ms = 0; ms < 12; ms++) {
		struct owner o;

		owner_init(&o, p.port, CONN_TLS);
		o.timed = drop_now;
		timer_in(&o.timer, ms);
		owner_run(&o);
		assert_int_equal(o.overs, 0);
		owner_clear(&o);
	}
	peer_close(&p);
}

/* The peer is over and the owner is about to hear it; he drops first, and hears nothing. */
static void write_then_drop(struct owner *o)
{
	uint8_t piece[1024] = { 0 };

	/* fails at some point: on_over is on its way */
	for (int i = 0; i < 1000 && conn_write(o->conn, piece, sizeof(piece)) != -ENOTCONN; i++)
		;
	if (!strcmp(conn_waiting_for(o->conn), "nothing"))
		finish(o);
	else
		timer_in(&o->timer, 1);
}

static void pause_and_write(struct owner *o)
{
	conn_pause(o->conn); /* so that it is the write that notices */
	o->timed = write_then_drop;
	timer_in(&o->timer, 1);
}

static void dropped_before_over(void **state)
{
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, close_and_reset, NULL);
	owner_init(&o, p.port, CONN_CLEAR);
	o.up = pause_and_write;
	owner_run(&o);
	peer_close(&p);
	assert_int_equal(o.overs, 0);
	owner_clear(&o);
}

/* ---- bytes ---- */

static void drip_tls(struct peer *p, int fd)
{
	SSL *ssl = accept_tls(fd);

	(void)p;
	for (const char *s = "one byte at a time\r\n"; *s; s++)
		SSL_write(ssl, s, 1);
	SSL_shutdown(ssl);
	SSL_free(ssl);
}

/* A relay between client and a memory-BIO server that passes one byte at a time. */
static void drip_wire(struct peer *p, int fd)
{
	SSL *ssl = SSL_new(server_ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	const int on = 1;
	char byte, piece[4096];
	int n;

	(void)p;
	setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on));
	SSL_set_bio(ssl, in, out);
	SSL_set_accept_state(ssl);
	while (!SSL_is_init_finished(ssl)) {
		if (read(fd, &byte, 1) != 1)
			goto end;
		BIO_write(in, &byte, 1);
		SSL_do_handshake(ssl);
		while (BIO_read(out, &byte, 1) == 1)
			if (write(fd, &byte, 1) != 1)
				goto end;
	}
	SSL_write(ssl, "slow\r\n", 6);
	SSL_shutdown(ssl);
	while ((n = BIO_read(out, piece, 1)) == 1)
		if (write(fd, piece, 1) != 1)
			goto end;
end:
	SSL_free(ssl);
}

static void one_byte_at_a_time(void **state)
{
	struct peer p;
	struct owner o;

	(void)state;
	peer_open(&p, drip_tls, NULL);
	owner_init(&o, p.port, CONN_TLS);
	owner_run(&o);
	peer_close(&p);
	assert_string_equal((char *)o.heard.data, "one byte at a time\r\n");
	owner_clear(&o);

	peer_open(&p, drip_wire, NULL);
	owner_init(&o, p.port, CONN_TLS);
	owner_run(&o);
	peer_close(&p);
	assert_int_equal(o.ups, 1);
	assert_string_equal((char *)o.heard.data, "slow\r\n");
	owner_clear(&o);
}

enum { MUCH = 10 * 1024 * 1024 };

static void pour(struct peer *p, int fd)
{
	static char piece[65536];
	SSL *ssl = p->with ? accept_tls(fd) : NULL;

	for (size_t at = 0; at < MUCH; at += sizeof(piece)) {
		memset(piece, 'a' + (int)(at / sizeof(piece)) % 26, sizeof(piece));
		if (ssl ? SSL_write(ssl, piece, sizeof(piece)) <= 0
			: send(fd, piece, sizeof(piece), MSG_NOSIGNAL) <= 0)
			break;
	}
	SSL_free(ssl);
}

static void resume(struct owner *o)
{
	conn_resume(o->conn);
}

static void pause_now_and_then(struct owner *o, const uint8_t *p, size_t n)
{
	(void)p, (void)n;
	if (o->reads % 50)
		return;
	conn_pause(o->conn);
	o->timed = resume;
	timer_in(&o->timer, 1);
}

static void ten_megabytes_down(void **state)
{
	(void)state;
	for (int with_tls = 0; with_tls < 2; with_tls++) {
		struct peer p;
		struct owner o;

		peer_open(&p, pour, with_tls ? &p : NULL);
		owner_init(&o, p.port, with_tls ? CONN_TLS : CONN_CLEAR);
		o.bytes = pause_now_and_then;
		owner_run(&o);
		peer_close(&p);
		assert_int_equal(o.heard.len, MUCH);
		for (size_t at = 0; at < MUCH; at += 4093)
			assert_int_equal(o.heard.data[at], 'a' + (at / 65536) % 26);
		owner_clear(&o);
	}
}

/* Reads PIECES times PIECE bytes, slowly at first, and says so. */
enum { PIECE = 700000, PIECES = 15 };

static void swallow(struct peer *p, int fd)
{
	static char piece[65536];
	SSL *ssl = p->with ? accept_tls(fd) : NULL;
	int n;

	while (p->count < PIECE * PIECES) {
		n = ssl ? SSL_read(ssl, piece, sizeof(piece)) : (int)read(fd, piece, sizeof(piece));
		if (n <= 0)
			break;
		for (int i = 0; i < n; i++)
			if (piece[i] != 'a' + (p->count + i) / PIECE)
				n = 0;
		p->count += n;
	}
	if (ssl)
		SSL_write(ssl, "done", 4);
	else
		peer_say(fd, "done");
	peer_hold(p);
	SSL_free(ssl);
}

static void write_pieces(struct owner *o)
{
	static uint8_t piece[PIECE];
	int r = 0;

	for (; o->pieces < PIECES && !r; o->pieces += !r) {
		memset(piece, 'a' + o->pieces, sizeof(piece));
		r = conn_write(o->conn, piece, sizeof(piece));
	}
	assert_true(r == 0 || r == -ENOBUFS);
	o->timed = r ? write_pieces : NULL;
	timer_in(&o->timer, r ? 1 : 60000);
}

static void finish_on_bytes(struct owner *o, const uint8_t *p, size_t n)
{
	(void)p, (void)n;
	finish(o);
}

static void ten_megabytes_up(void **state)
{
	(void)state;
	for (int with_tls = 0; with_tls < 2; with_tls++) {
		struct peer p;
		struct owner o;

		peer_open(&p, swallow, with_tls ? &p : NULL);
		owner_init(&o, p.port, with_tls ? CONN_TLS : CONN_CLEAR);
		o.up = write_pieces;
		o.bytes = finish_on_bytes;
		owner_run(&o);
		peer_close(&p);
		assert_int_equal(p.count, PIECE * PIECES);
		assert_string_equal((char *)o.heard.data, "done");
		owner_clear(&o);
	}
}

static void accept_and_hold(struct peer *p, int fd)
{
	SSL *ssl = p->with ? accept_tls(fd) : NULL;

	peer_hold(p);
	SSL_free(ssl);
}

static void fill(struct owner *o)
{
	uint8_t *piece = mem_new(LIMIT_CONN_OUT + 1);
	int r = 0;

	assert_int_equal(conn_write(o->conn, piece, LIMIT_CONN_OUT + 1), -ENOBUFS);
	for (int i = 0; i < 1000 && !r; i++)
		r = conn_write(o->conn, piece, 100000);
	assert_int_equal(r, -ENOBUFS);
	free(piece);
	finish(o);
}

static void peer_that_does_not_read(void **state)
{
	(void)state;
	for (int with_tls = 0; with_tls < 2; with_tls++) {
		struct peer p;
		struct owner o;

		peer_open(&p, accept_and_hold, with_tls ? &p : NULL);
		owner_init(&o, p.port, with_tls ? CONN_TLS : CONN_CLEAR);
		o.up = fill;
		owner_run(&o);
		peer_close(&p);
		assert_int_equal(o.ups, 1);
		assert_int_equal(o.overs, 0);
		owner_clear(&o);
	}
}

static int set_up(void **state)
{
	(void)state;
	certs_init(&certs);
	server_ctx = certs_server(&certs, "IP:127.0.0.1,DNS:localhost", -60, 3600);
	signal(SIGPIPE, SIG_IGN);
	return tls_context_new(certs.ca_file, &tls) ||
	       netaddr_policy_parse(&loopback, TEXT("127.0.0.0/8"));
}

static int tear_down(void **state)
{
	(void)state;
	tls_context_free(tls);
	SSL_CTX_free(server_ctx);
	certs_clear(&certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_and_echo),
		cmocka_unit_test(starttls),
		cmocka_unit_test(starttls_injection),
		cmocka_unit_test(bad_parameters),
		cmocka_unit_test(refused_address),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(no_such_name),
		cmocka_unit_test(no_descriptors),
		cmocka_unit_test(next_address_is_tried),
		cmocka_unit_test(silent_tcp),
		cmocka_unit_test(silent_handshake),
		cmocka_unit_test(ends_in_handshake),
		cmocka_unit_test(wrong_host),
		cmocka_unit_test(endings),
		cmocka_unit_test(write_to_a_dead_peer),
		cmocka_unit_test(dropped_in_callbacks),
		cmocka_unit_test(dropped_at_once),
		cmocka_unit_test(dropped_at_any_moment),
		cmocka_unit_test(dropped_before_over),
		cmocka_unit_test(one_byte_at_a_time),
		cmocka_unit_test(ten_megabytes_down),
		cmocka_unit_test(ten_megabytes_up),
		cmocka_unit_test(peer_that_does_not_read),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
