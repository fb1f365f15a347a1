#include "tests/load/sim_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"

#define EVENTS  256
#define ACCEPTS 32 /* of one listener in one turn: those who are connected come first */
#define READ    16384
#define LINE    65536
#define WAITING (4 * 1024 * 1024)

enum kind { LISTENER, CONTROL_LISTENER, CONTROL, CLIENT };

struct end {
	enum kind kind;
	int fd;
	struct list link; /* of the clients */
	SSL *ssl;
	bool is_up;
	bool wants_room; /* EPOLLOUT is on */
	struct buf in, out;
	struct sim_imap imap;
};

struct sim_net {
	struct sim_imap_server *server;
	SSL_CTX *tls;
	int epoll;
	struct list clients, gone; /* the gone ones are freed when no event can name them */
	struct buf said;           /* what one turn of a client has to say */
	void (*heard)(void *owner, struct text line, struct buf *answer);
	void *owner;
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "imapsim: %s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(1);
}

static struct end *watch(struct sim_net *n, enum kind kind, int fd)
{
	struct end *e = mem_new(sizeof(*e));
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = e };

	e->kind = kind;
	e->fd = fd;
	list_init(&e->link);
	buf_init(&e->in, LINE + READ);
	buf_init(&e->out, WAITING);
	must(epoll_ctl(n->epoll, EPOLL_CTL_ADD, fd, &ev) == 0, "epoll");
	return e;
}

struct sim_net *sim_net_open(struct sim_imap_server *server, const char *dir)
{
	struct sim_net *n = mem_new(sizeof(*n));
	char file[200];

	n->server = server;
	n->epoll = epoll_create1(EPOLL_CLOEXEC);
	list_init(&n->clients);
	list_init(&n->gone);
	buf_init(&n->said, WAITING);
	n->tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_mode(n->tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(n->tls, SSL_SESS_CACHE_OFF);
	(void)snprintf(file, sizeof(file), "%s/chain.pem", dir);
	must(SSL_CTX_use_certificate_chain_file(n->tls, file) == 1, file);
	(void)snprintf(file, sizeof(file), "%s/key.pem", dir);
	must(SSL_CTX_use_PrivateKey_file(n->tls, file, SSL_FILETYPE_PEM) == 1, file);
	return n;
}

void sim_net_listen(struct sim_net *n, const char *address, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	must(fd >= 0 && inet_pton(AF_INET, address, &sa.sin_addr) == 1, address);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	must(bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 && listen(fd, 4096) == 0, address);
	(void)watch(n, LISTENER, fd);
}

void sim_net_control(struct sim_net *n, const char *path,
		     void (*heard)(void *owner, struct text line, struct buf *answer), void *owner)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	(void)unlink(path);
	must(fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 && listen(fd, 4) == 0,
	     path);
	n->heard = heard;
	n->owner = owner;
	(void)watch(n, CONTROL_LISTENER, fd);
}

/* ---- endings ---- */

static void end(struct sim_net *n, struct end *e)
{
	if (e->fd < 0)
		return;
	(void)close(e->fd);
	e->fd = -1;
	if (e->kind == CLIENT) {
		sim_imap_end(&e->imap, n->server);
		n->server->tally.connections--;
		SSL_free(e->ssl);
		e->ssl = NULL;
	}
	list_remove(&e->link);
	list_append(&n->gone, &e->link);
}

static void bury(struct sim_net *n)
{
	struct list *first;

	while ((first = list_first(&n->gone))) {
		struct end *e = container_of(first, struct end, link);

		list_remove(first);
		buf_clear(&e->in);
		buf_clear(&e->out);
		free(e);
	}
}

void sim_net_tickets(struct sim_net *n, bool gives_them)
{
	(void)SSL_CTX_set_num_tickets(n->tls, gives_them ? 2 : 0);
	if (gives_them)
		(void)SSL_CTX_clear_options(n->tls, SSL_OP_NO_TICKET);
	else
		(void)SSL_CTX_set_options(n->tls, SSL_OP_NO_TICKET);
}

void sim_net_cut(struct sim_net *n, bool forget_tickets)
{
	uint8_t keys[80];
	struct list *first;

	if (forget_tickets) {
		must(RAND_bytes(keys, sizeof(keys)) == 1 &&
			     SSL_CTX_set_tlsext_ticket_keys(n->tls, keys, sizeof(keys)) == 1,
		     "ticket keys");
	}
	while ((first = list_first(&n->clients)))
		end(n, container_of(first, struct end, link));
}

/* ---- bytes out ---- */

static void want_room(struct sim_net *n, struct end *e, bool wants)
{
	struct epoll_event ev = { .events = EPOLLIN | (wants ? EPOLLOUT : 0), .data.ptr = e };

	if (e->wants_room == wants)
		return;
	e->wants_room = wants;
	(void)epoll_ctl(n->epoll, EPOLL_CTL_MOD, e->fd, &ev);
}

/* false: the client is gone, and `e` with it. */
static bool put(struct sim_net *n, struct end *e, const uint8_t *p, size_t len)
{
	while (len && !e->out.len) {
		int r = SSL_write(e->ssl, p, (int)len);

		if (r <= 0) {
			if (SSL_get_error(e->ssl, r) == SSL_ERROR_WANT_WRITE)
				break;
			end(n, e);
			return false;
		}
		p += r;
		len -= (size_t)r;
	}
	if (len && buf_add(&e->out, p, len) < 0) {
		end(n, e);
		return false;
	}
	want_room(n, e, e->out.len > 0);
	return true;
}

static void flush(struct sim_net *n, struct end *e)
{
	struct buf was = e->out;

	if (!e->is_up || !was.len)
		return;
	buf_init(&e->out, WAITING);
	(void)put(n, e, was.data, was.len);
	buf_clear(&was);
}

void sim_net_push(struct sim_net *n, struct sim_box *x)
{
	struct end *e = container_of(x->watcher, struct end, imap);

	buf_cut(&n->said, 0);
	sim_imap_push(&e->imap, &n->said);
	(void)put(n, e, n->said.data, n->said.len);
}

/* ---- bytes in ---- */

static bool next_line(struct end *e, size_t *at, struct text *ret)
{
	struct text rest = { (const char *)e->in.data + *at, e->in.len - *at }, tail;

	if (!rest.len || !text_cut(rest, '\n', ret, &tail))
		return false;
	*at = e->in.len - tail.len;
	if (ret->len && ret->at[ret->len - 1] == '\r')
		ret->len--;
	return true;
}

static void drop_read(struct end *e, size_t n)
{
	if (n == e->in.len)
		buf_clear(&e->in);
	else
		buf_drop(&e->in, n);
}

static void heard_client(struct sim_net *n, struct end *e)
{
	struct text line;
	size_t at = 0;

	buf_cut(&n->said, 0);
	while (next_line(e, &at, &line))
		sim_imap_line(&e->imap, n->server, line, &n->said);
	drop_read(e, at);
	if (n->said.len && !put(n, e, n->said.data, n->said.len))
		return;
	if (e->imap.state == SIM_IMAP_OVER)
		end(n, e);
}

static void shake(struct sim_net *n, struct end *e)
{
	int r = SSL_accept(e->ssl);

	if (r != 1) {
		int why = SSL_get_error(e->ssl, r);

		if (why == SSL_ERROR_WANT_WRITE)
			want_room(n, e, true);
		else if (why != SSL_ERROR_WANT_READ)
			end(n, e);
		return;
	}
	e->is_up = true;
	if (SSL_session_reused(e->ssl))
		n->server->tally.resumed++;
	else
		n->server->tally.full++;
	buf_cut(&n->said, 0);
	sim_imap_greet(&e->imap, &n->said);
	(void)put(n, e, n->said.data, n->said.len);
}

static void on_client(struct sim_net *n, struct end *e, unsigned events)
{
	static uint8_t piece[READ];
	int r;

	ERR_clear_error();
	if (!e->is_up) {
		want_room(n, e, false);
		shake(n, e);
		return;
	}
	if (events & EPOLLOUT)
		flush(n, e);
	if (e->fd < 0)
		return;
	while ((r = SSL_read(e->ssl, piece, sizeof(piece))) > 0) {
		if (buf_add(&e->in, piece, (size_t)r) < 0) {
			end(n, e);
			return;
		}
		heard_client(n, e);
		if (e->fd < 0)
			return;
	}
	if (SSL_get_error(e->ssl, r) != SSL_ERROR_WANT_READ)
		end(n, e);
}

static void on_accept(struct sim_net *n, struct end *listener)
{
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
		struct end *e;

		if (fd < 0)
			return;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		e = watch(n, CLIENT, fd);
		list_append(&n->clients, &e->link);
		e->ssl = SSL_new(n->tls);
		must(e->ssl && SSL_set_fd(e->ssl, fd) == 1, "TLS");
		n->server->tally.accepted++;
		n->server->tally.connections++;
	}
}

/* ---- control ---- */

static void on_control(struct sim_net *n, struct end *e)
{
	char piece[1024];
	struct text line;
	size_t at = 0;
	ssize_t r = read(e->fd, piece, sizeof(piece));

	if (r <= 0 || buf_add(&e->in, piece, (size_t)r) < 0) {
		end(n, e);
		return;
	}
	while (next_line(e, &at, &line)) {
		cleanup_buf struct buf answer = { .max = 65536 };

		n->heard(n->owner, line, &answer);
		if (write(e->fd, answer.data, answer.len) < 0) {
			end(n, e);
			return;
		}
	}
	drop_read(e, at);
}

void sim_net_turn(struct sim_net *n, int wait_ms)
{
	struct epoll_event all[EVENTS];
	int got = epoll_wait(n->epoll, all, EVENTS, wait_ms);

	for (int i = 0; i < got; i++) {
		struct end *e = all[i].data.ptr;

		if (e->fd < 0)
			continue; /* ended in this turn */
		switch (e->kind) {
		case LISTENER:
			on_accept(n, e);
			break;
		case CONTROL_LISTENER: {
			int fd = accept4(e->fd, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0)
				(void)watch(n, CONTROL, fd);
			break;
		}
		case CONTROL:
			on_control(n, e);
			break;
		case CLIENT:
			on_client(n, e, all[i].events);
			break;
		}
	}
	bury(n);
}
