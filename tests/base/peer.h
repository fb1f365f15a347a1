#ifndef TESTS_BASE_PEER_H
#define TESTS_BASE_PEER_H

/*
 * A small server on a loopback port of its own: a thread that serves one
 * connection after the other by a plain function with blocking calls, as
 * rude as the test wants.  peer_close() ends it and waits for it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
	int listener;
	uint16_t port;
	pthread_t thread;
	void (*serve)(struct peer *p, int fd); /* need not close `fd` */
	void *with;                            /* the test's own */
	atomic_int served;                     /* connections accepted */
	atomic_int count;                      /* the test's own */
	int stop[2];
};

static inline int peer_listen(uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 64) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	*ret_port = ntohs(a.sin_port);
	return fd;
}

/* Waits for a byte to read or for the test to be over: false then. */
static inline bool peer_wait(struct peer *p, int fd)
{
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN },
				 { .fd = p->stop[0], .events = POLLIN } };

	while (poll(fds, 2, -1) < 0)
		;
	return !fds[1].revents;
}

/* Holds the connection, saying nothing, until the test is over. */
static inline void peer_hold(struct peer *p)
{
	struct pollfd fd = { .fd = p->stop[0], .events = POLLIN };

	while (poll(&fd, 1, -1) < 0)
		;
}

static inline void peer_say(int fd, const char *text)
{
	size_t n = strlen(text);

	while (n) {
		ssize_t r = send(fd, text, n, MSG_NOSIGNAL);

		if (r <= 0)
			return;
		text += r;
		n -= (size_t)r;
	}
}

static inline void *peer_run(void *arg)
{
	struct peer *p = arg;

	while (peer_wait(p, p->listener)) {
		int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		p->served++;
		p->serve(p, fd);
		close(fd);
	}
	return NULL;
}

static inline void peer_open(struct peer *p, void (*serve)(struct peer *, int), void *with)
{
	memset(p, 0, sizeof(*p));
	p->serve = serve;
	p->with = with;
	p->listener = peer_listen(&p->port);
	if (pipe(p->stop) || pthread_create(&p->thread, NULL, peer_run, p))
		abort();
}

static inline void peer_close(struct peer *p)
{
	if (write(p->stop[1], "x", 1) != 1)
		abort();
	pthread_join(p->thread, NULL);
	close(p->listener);
	close(p->stop[0]);
	close(p->stop[1]);
}

/* A reset instead of a goodbye when `fd` is closed. */
static inline void peer_will_reset(int fd)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

#endif
