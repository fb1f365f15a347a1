#ifndef BASE_IO_CONN_INSIDE_H
#define BASE_IO_CONN_INSIDE_H

#include <sys/socket.h>
#include <uv.h>

#include "base/io/conn.h"
#include "base/io/names.h"
#include "base/io/timer.h"

/* What conn.c and conn_dial.c share; nobody else includes this. */

enum conn_state {
	CONN_LOOKUP,  /* the name's addresses */
	CONN_DIAL,    /* one address to answer, or the last attempt's socket to close */
	CONN_SHAKE,   /* TLS */
	CONN_UP,      /* bytes */
	CONN_OVER,    /* the owner to be told, then to drop us */
	CONN_DROPPED, /* libuv to give back what it holds */
};

/* On the way up only. */
struct dial {
	struct conn *conn;
	struct names_ask lookup;
	uv_connect_t connect;
	struct sockaddr_storage *addresses;
	unsigned n, next; /* to dial */
};

/* The attempt's end, or the moment to say that it is over; whoever is up has none. */
struct alarm {
	struct timer timer;
	struct conn *conn; /* NULL: off */
};

/* What libuv is writing. */
struct wire {
	uv_write_t write;
	struct conn *conn;
	struct buf bytes;
};

/* Thousands of these wait for bytes: what is needed now and then is apart. */
struct conn {
	struct conn_params params;
	enum conn_state state;
	unsigned held; /* by libuv: the alarm, the socket */
	struct loop *loop;
	char *host;
	struct dial *dial;
	struct alarm *alarm;
	uint64_t deadline_ms; /* of the attempt */
	uv_tcp_t tcp;
	struct tls *tls;
	struct buf out; /* waits behind `wire` */
	struct wire *wire;
	struct outcome *why; /* NULL: nothing yet */
};

/* conn.c */
void conn_end(struct conn *c, struct outcome why); /* the owner hears it in a turn of its own */
void conn_remember(struct conn *c, struct outcome why); /* the reason, if nothing better comes */
struct outcome conn_said_by_system(const char *what, int error);
void conn_alarm_in(struct conn *c, uint64_t wait_ms);
void conn_close_tcp(struct conn *c);
void conn_let_go(struct conn *c);  /* libuv gave something back */
void conn_reached(struct conn *c); /* TCP is there: TLS, or the owner */

/* conn_dial.c */
int conn_dial_start(struct conn *c); /* look the name up; -EINVAL: it is none */
void conn_dial_next(struct conn *c); /* the next address, or the end */
void conn_dial_cancel(struct conn *c);
void conn_dial_free(struct dial *d);

#endif
