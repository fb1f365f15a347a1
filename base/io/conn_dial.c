/*
 * The way to the peer: the name is looked up, and its addresses are dialled one
 * after the other, each after the policy has judged it where it is dialled.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/io/conn_inside.h"
#include "base/mem.h"

static void on_looked_up(struct names_ask *q, int status, const struct addrinfo *found);
static void on_connected(uv_connect_t *req, int status);

#define ADDRESSES 16 /* that are tried; a provider's name has eight */

void conn_dial_free(struct dial *d)
{
	if (!d)
		return;
	names_ask_cancel(&d->lookup);
	free(d->addresses);
	free(d);
}

int conn_dial_start(struct conn *c)
{
	c->dial = mem_new(sizeof(*c->dial));
	c->dial->conn = c;
	return names_ask_start(c->loop, &c->dial->lookup, c->host, on_looked_up);
}

void conn_dial_cancel(struct conn *c)
{
	if (c->dial)
		names_ask_cancel(&c->dial->lookup);
}

static void take_all(struct conn *c, const struct addrinfo *found)
{
	struct dial *d = c->dial;

	d->addresses = mem_new(ADDRESSES * sizeof(*d->addresses));
	for (const struct addrinfo *a = found; a && d->n < ADDRESSES; a = a->ai_next) {
		struct sockaddr_storage *to = &d->addresses[d->n++];

		memcpy(to, a->ai_addr, a->ai_addrlen);
		if (a->ai_family == AF_INET)
			((struct sockaddr_in *)to)->sin_port = htons(c->params.port);
		else
			((struct sockaddr_in6 *)to)->sin6_port = htons(c->params.port);
	}
}

/*
 * They stand in the resolver's order (RFC 6724), but that those of the first family take
 * turns: a provider's machines share what comes to it.
 */
static void take_turns(struct dial *d)
{
	struct sockaddr_storage *at = d->addresses, first[ADDRESSES];
	unsigned alike = 1, by;

	while (alike < d->n && at[alike].ss_family == at[0].ss_family)
		alike++;
	by = d->lookup.turn % alike;
	memcpy(first, at, by * sizeof(*at));
	memmove(at, at + by, (alike - by) * sizeof(*at));
	memcpy(at + alike - by, first, by * sizeof(*at));
}

static void on_looked_up(struct names_ask *q, int status, const struct addrinfo *found)
{
	struct conn *c = container_of(q, struct dial, lookup)->conn;

	if (c->state != CONN_LOOKUP)
		return;
	if (status < 0 || !found) {
		conn_end(c,
			 conn_said_by_system("name lookup", status < 0 ? status : UV_EAI_NODATA));
		return;
	}
	take_all(c, found);
	take_turns(c->dial);
	c->state = CONN_DIAL;
	conn_dial_next(c);
}

/* A share of the time that is left for each address that is left: a dead first one must not eat it
 * all. */
static void share_time(struct conn *c)
{
	uint64_t now_ms = clock_mono_ms(), left = c->dial->n - c->dial->next + 1;

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
	const struct sockaddr *a;
	int r;

	for (;;) {
		const char *refused;

		if (c->dial->next == c->dial->n)
			return conn_end(c, c->why ? *c->why : OUTCOME_OK);
		a = (const struct sockaddr *)&c->dial->addresses[c->dial->next++];
		refused = netaddr_refused(c->params.policy, a);
		if (!refused)
			break;
		remember_refused(c, refused);
	}

	(void)uv_tcp_init(&c->loop->uv, &c->tcp); /* makes no socket yet, cannot fail */
	c->held++;
	share_time(c);
	r = uv_tcp_connect(&c->dial->connect, &c->tcp, a, on_connected);
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
