/*
 * The way to the peer: the name is looked up, and its addresses are dialled one
 * after the other, each after the policy has judged it where it is dialled.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/io/conn_inside.h"
#include "base/mem.h"

static void on_looked_up(uv_getaddrinfo_t *req, int status, struct addrinfo *found);
static void on_connected(uv_connect_t *req, int status);

void conn_dial_free(struct dial *d)
{
	if (!d)
		return;
	if (d->addresses)
		uv_freeaddrinfo(d->addresses);
	free(d);
}

int conn_dial_start(struct conn *c)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICSERV };
	char port[8];

	c->dial = mem_new(sizeof(*c->dial));
	c->dial->conn = c;
	(void)snprintf(port, sizeof(port), "%u", c->params.port);
	if (uv_getaddrinfo(&c->loop->uv, &c->dial->lookup, on_looked_up, c->host, port, &hints) < 0)
		return -EINVAL; /* no name by IDNA's rules */
	c->held++;
	return 0;
}

void conn_dial_cancel(struct conn *c)
{
	if (c->dial)
		(void)uv_cancel((uv_req_t *)&c->dial->lookup);
}

static void on_looked_up(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
	struct conn *c = container_of(req, struct dial, lookup)->conn;

	c->dial->addresses = found;
	c->dial->next = found;
	if (c->state == CONN_LOOKUP) {
		if (status < 0) {
			conn_end(c, conn_said_by_system("name lookup", status));
		} else {
			c->state = CONN_DIAL;
			conn_dial_next(c);
		}
	}
	conn_let_go(c);
}

/* A share of the time that is left for each address that is left: a dead first one must not eat it
 * all. */
static void share_time(struct conn *c)
{
	uint64_t now_ms = clock_mono_ms(), left = 1;

	for (const struct addrinfo *a = c->dial->next; a; a = a->ai_next)
		left++;
	conn_alarm_in(c, now_ms < c->deadline_ms ? (c->deadline_ms - now_ms) / left : 0);
}

/* Not the address: who gave us the name need not learn what it leads to. */
static void remember_refused(struct conn *c, const char *why)
{
	char said[160];

	if (c->why)
		return; /* a real attempt's failure says more */
	(void)snprintf(said, sizeof(said), "%s; net.allow can permit it", why);
	conn_remember(c, outcome_of(BLAME_REFUSED, "address not allowed", text_of(said)));
}

void conn_dial_next(struct conn *c)
{
	const struct addrinfo *a;
	int r;

	for (;;) {
		const char *refused;

		a = c->dial->next;
		if (!a)
			return conn_end(c, c->why ? *c->why : OUTCOME_OK);
		c->dial->next = a->ai_next;
		refused = netaddr_refused(c->params.policy, a->ai_addr);
		if (!refused)
			break;
		remember_refused(c, refused);
	}

	(void)uv_tcp_init(&c->loop->uv, &c->tcp); /* makes no socket yet, cannot fail */
	c->held++;
	share_time(c);
	r = uv_tcp_connect(&c->dial->connect, &c->tcp, a->ai_addr, on_connected);
	if (r < 0) {
		conn_remember(c, conn_said_by_system("tcp connect", r));
		conn_close_tcp(c);
	}
}

static void on_connected(uv_connect_t *req, int status)
{
	struct conn *c = container_of(req, struct dial, connect)->conn;

	if (uv_is_closing((uv_handle_t *)&c->tcp))
		return;
	if (status < 0) {
		/* The kernel's own timeout of a connect is no keepalive's. */
		conn_remember(c, status == UV_ETIMEDOUT
					 ? outcome_of(BLAME_NET, "tcp connect",
						      text_of(uv_strerror(status)))
					 : conn_said_by_system("tcp connect", status));
		conn_close_tcp(c);
		return;
	}
	conn_reached(c);
}
