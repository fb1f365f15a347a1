#include "base/io/dns.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hostname.h"
#include "base/io/timer.h"
#include "base/list.h"
#include "base/mem.h"

/*
 * One channel of c-ares and the loop.  c-ares opens the sockets and tells which
 * of them it wants to hear of (on_socket_wanted); when one is ready, or its next
 * timeout is due, it is let on (ares_process_fd) and may call back from inside,
 * as it may from inside ares_query() itself.
 *
 *   start -> under way -> its answer is kept (on_raw) -> told, from the timer -> gone
 *
 * Nothing of the owner's runs inside c-ares, and a lookup that its owner
 * cancelled lives on as a flight without a lookup until c-ares lets go of it.
 */
static void on_socket_wanted(void *data, ares_socket_t fd, int readable, int writable);
static void on_socket(uv_poll_t *handle, int status, int events);
static void on_raw(void *arg, int status, int timeouts, unsigned char *bytes, int n);
static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *found);
static void on_timer(struct timer *t);
static void on_socket_closed(uv_handle_t *h);
static void on_timer_gone(struct timer *t);

#define TRY_MS   2000
#define TRIES    2
#define EDNS_UDP 1232 /* what passes without fragments everywhere (DNS flag day 2020) */

struct dns {
	struct loop *loop;
	ares_channel channel;
	struct timer timer;
	uint64_t lookup_ms;
	struct list sockets, flights; /* of socket, flight */
	size_t n_flights;
	unsigned handles; /* not closed yet */
	bool is_dropped;
};

struct socket {
	uv_poll_t poll;
	struct list in_dns;
	struct dns *dns;
	ares_socket_t fd;
};

struct dns_flight {
	struct list in_dns;
	struct dns *dns;
	struct dns_lookup *lookup; /* NULL: nobody waits for it */
	enum dns_kind kind;
	uint64_t deadline_ms;
	enum { FLIGHT_ASKED, FLIGHT_ANSWERED } state; /* answered: c-ares has let go of it */
	struct dns_answer answer;
	struct dns_record *records;
};

/* ---- open and drop ---- */

int dns_open(struct loop *l, const struct dns_params *p, struct dns **ret)
{
	struct dns *d = mem_new(sizeof(*d));
	struct ares_options o = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
		.timeout = (int)(p->try_ms ? p->try_ms : TRY_MS),
		.tries = TRIES,
		.ednspsz = EDNS_UDP,
		.sock_state_cb = on_socket_wanted,
		.sock_state_cb_data = d,
	};
	int r;

	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(d);
		return -ENOMEM;
	}
	d->loop = l;
	d->lookup_ms = p->lookup_ms ? p->lookup_ms : LIMIT_DNS_MS;
	list_init(&d->sockets);
	list_init(&d->flights);
	r = ares_init_options(&d->channel, &o,
			      ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
				      ARES_OPT_EDNSPSZ | ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB);
	if (r == ARES_SUCCESS && p->servers && *p->servers) {
		r = ares_set_servers_ports_csv(d->channel, p->servers);
		if (r != ARES_SUCCESS)
			ares_destroy(d->channel);
	}
	if (r != ARES_SUCCESS) {
		ares_library_cleanup();
		free(d);
		return r == ARES_ENOMEM ? -ENOMEM : -EINVAL;
	}
	timer_open(&d->timer, l, on_timer);
	d->handles = 1;
	*ret = d;
	return 0;
}

static void flight_free(struct dns_flight *f)
{
	list_remove(&f->in_dns);
	f->dns->n_flights--;
	free(f->records);
	free(f);
}

static void let_go(struct dns *d)
{
	assert(d->handles);
	if (--d->handles)
		return;
	ares_library_cleanup();
	free(d);
}

static void on_timer_gone(struct timer *t)
{
	let_go(container_of(t, struct dns, timer));
}

void dns_drop(struct dns *d)
{
	struct list *at, *tmp;

	if (!d || d->is_dropped)
		return;
	d->is_dropped = true;
	list_each(&d->flights, at, tmp)
		dns_lookup_cancel(container_of(at, struct dns_flight, in_dns)->lookup);
	ares_destroy(d->channel); /* calls back for each flight, and closes the sockets */
	list_each(&d->flights, at, tmp) flight_free(container_of(at, struct dns_flight, in_dns));
	timer_drop(&d->timer, on_timer_gone);
}

/* ---- sockets and time ---- */

/* When c-ares or a deadline wants us next. */
static void set_timer(struct dns *d)
{
	uint64_t now = clock_mono_ms(), next = CLOCK_NEVER;
	struct timeval space, *tv = ares_timeout(d->channel, NULL, &space);
	struct list *at, *tmp;

	if (tv) /* rounded up: too early would be asked again at once */
		next = now + (uint64_t)tv->tv_sec * 1000 + (uint64_t)(tv->tv_usec + 999) / 1000;
	list_each(&d->flights, at, tmp)
	{
		struct dns_flight *f = container_of(at, struct dns_flight, in_dns);
		uint64_t due = f->state == FLIGHT_ANSWERED ? now : f->deadline_ms;

		if ((f->lookup || f->state == FLIGHT_ANSWERED) && due < next)
			next = due;
	}
	timer_at(&d->timer, next);
}

static struct socket *socket_of(struct dns *d, ares_socket_t fd)
{
	struct list *at, *tmp;

	list_each(&d->sockets, at, tmp)
	{
		struct socket *s = container_of(at, struct socket, in_dns);

		if (s->fd == fd)
			return s;
	}
	return NULL;
}

static struct socket *socket_open(struct dns *d, ares_socket_t fd)
{
	struct socket *s = mem_new(sizeof(*s));

	s->dns = d;
	s->fd = fd;
	if (uv_poll_init(&d->loop->uv, &s->poll, fd) < 0) {
		free(s); /* the flight runs into its timeout */
		return NULL;
	}
	list_append(&d->sockets, &s->in_dns);
	d->handles++;
	return s;
}

static void on_socket_closed(uv_handle_t *h)
{
	struct socket *s = container_of((uv_poll_t *)(void *)h, struct socket, poll);
	struct dns *d = s->dns;

	free(s);
	let_go(d);
}

static void on_socket_wanted(void *data, ares_socket_t fd, int readable, int writable)
{
	struct dns *d = data;
	struct socket *s = socket_of(d, fd);

	if (!readable && !writable) {
		/* c-ares closes it next; libuv must have forgotten it by then, and does so here. */
		if (s) {
			list_remove(&s->in_dns);
			uv_close((uv_handle_t *)&s->poll, on_socket_closed);
		}
		return;
	}
	if (!s)
		s = socket_open(d, fd);
	if (s)
		(void)uv_poll_start(&s->poll,
				    (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
				    on_socket);
}

static void on_socket(uv_poll_t *handle, int status, int events)
{
	struct socket *s = container_of(handle, struct socket, poll);
	struct dns *d = s->dns;
	ares_socket_t fd = s->fd;

	/* A failed socket is told as both, so that c-ares meets the error itself. */
	ares_process_fd(d->channel, status < 0 || (events & UV_READABLE) ? fd : ARES_SOCKET_BAD,
			status < 0 || (events & UV_WRITABLE) ? fd : ARES_SOCKET_BAD);
	set_timer(d);
}

/* ---- answers ---- */

static struct dns_record *next_record(struct dns_flight *f)
{
	if (f->answer.n == LIMIT_DNS_RECORDS) {
		f->answer.left_out++;
		return NULL;
	}
	if (!f->records)
		f->records = mem_new(LIMIT_DNS_RECORDS * sizeof(*f->records));
	f->answer.records = f->records;
	return &f->records[f->answer.n];
}

static void keep_host(struct dns_flight *f, const char *host, uint16_t priority, uint16_t weight,
		      uint16_t port)
{
	struct text name = text_of(host);
	struct dns_record *r = next_record(f);

	if (!r)
		return;
	if (name.len && name.at[name.len - 1] == '.')
		name.len--;
	if (name.len && !hostname_is_name(name)) {
		f->answer.left_out++;
		return;
	}
	*r = (struct dns_record){ .priority = priority, .weight = weight, .port = port };
	memcpy(r->host, name.at, name.len);
	f->answer.n++;
}

static int keep_mx(struct dns_flight *f, const unsigned char *bytes, int n)
{
	struct ares_mx_reply *mx = NULL;
	int status = ares_parse_mx_reply(bytes, n, &mx);

	for (struct ares_mx_reply *at = mx; at; at = at->next)
		keep_host(f, at->host, at->priority, 0, 0);
	ares_free_data(mx);
	return status;
}

static int keep_srv(struct dns_flight *f, const unsigned char *bytes, int n)
{
	struct ares_srv_reply *srv = NULL;
	int status = ares_parse_srv_reply(bytes, n, &srv);

	for (struct ares_srv_reply *at = srv; at; at = at->next)
		keep_host(f, at->host, at->priority, at->weight, at->port);
	ares_free_data(srv);
	return status;
}

static struct outcome outcome_of_status(int status)
{
	enum blame blame = BLAME_NET;
	const char *said;

	switch (status) {
	case ARES_ETIMEOUT:
		said = "no answer in time";
		break;
	case ARES_ECONNREFUSED:
	case ARES_EOF:
		said = "no name server gives an answer"; /* refused the packet, or said SERVFAIL */
		break;
	case ARES_ENOMEM:
	case ARES_EFILE:
		blame = BLAME_US;
		said = "no memory or descriptors";
		break;
	case ARES_EBADRESP:
	case ARES_EBADNAME:
	case ARES_EBADSTR:
		blame = BLAME_PEER;
		said = "the answer cannot be read";
		break;
	default: /* not an enum of ours */
		said = "the name server failed";
		break;
	}
	return outcome_of(blame, "name lookup", text_of(said));
}

/* c-ares has let go of it: what it said is told from the timer, never from inside c-ares. */
static void settle(struct dns_flight *f, int status)
{
	struct dns_answer *a = &f->answer;

	f->state = FLIGHT_ANSWERED;
	a->outcome = OUTCOME_OK;
	if (status == ARES_SUCCESS)
		a->state = a->n || a->left_out ? DNS_FOUND : DNS_NO_DATA;
	else if (status == ARES_ENODATA)
		a->state = DNS_NO_DATA;
	else if (status == ARES_ENOTFOUND)
		a->state = DNS_NO_NAME;
	else
		a->state = DNS_FAILED;
	if (a->state != DNS_FAILED)
		return;
	a->outcome = outcome_of_status(status);
	a->n = 0;
}

static void on_raw(void *arg, int status, int timeouts, unsigned char *bytes, int n)
{
	struct dns_flight *f = arg;

	(void)timeouts;
	if (status == ARES_SUCCESS && f->lookup)
		status = f->kind == DNS_MX ? keep_mx(f, bytes, n) : keep_srv(f, bytes, n);
	settle(f, status);
}

static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
	struct dns_flight *f = arg;
	struct ares_addrinfo_node *at = status == ARES_SUCCESS && found ? found->nodes : NULL;

	(void)timeouts;
	for (; at && f->lookup; at = at->ai_next) {
		struct dns_record *r;

		if (at->ai_addrlen > sizeof(r->address))
			continue;
		r = next_record(f);
		if (!r)
			continue;
		*r = (struct dns_record){ 0 };
		memcpy(&r->address, at->ai_addr, at->ai_addrlen);
		f->answer.n++;
	}
	ares_freeaddrinfo(found);
	settle(f, status);
}

/* Out of the flight's hands before the owner hears of it: he may start another, or drop us. */
static void tell(struct dns_flight *f, const struct dns_answer *a)
{
	struct dns_lookup *q = f->lookup;

	f->lookup = NULL;
	if (!q)
		return;
	q->flight = NULL;
	q->done(q, a);
}

/* One flight that has something to tell; NULL: none. */
static struct dns_flight *due(struct dns *d, uint64_t now_ms)
{
	struct list *at, *tmp;

	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed was taken off the list */
	list_each(&d->flights, at, tmp)
	{
		struct dns_flight *f = container_of(at, struct dns_flight, in_dns);

		if (f->state == FLIGHT_ANSWERED || (f->lookup && f->deadline_ms <= now_ms))
			return f;
	}
	return NULL;
}

static void on_timer(struct timer *t)
{
	struct dns *d = container_of(t, struct dns, timer);
	uint64_t now = clock_mono_ms();
	struct dns_flight *f;

	ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	while (!d->is_dropped && (f = due(d, now)) != NULL) {
		const struct dns_answer late = { .state = DNS_FAILED,
						 .outcome = outcome_of_status(ARES_ETIMEOUT) };
		struct dns_flight answered;

		if (f->state == FLIGHT_ASKED) { /* c-ares goes on with it, for nobody */
			tell(f, &late);
			continue;
		}
		answered = *f;
		f->records = NULL;
		flight_free(f);
		tell(&answered, &answered.answer);
		free(answered.records);
	}
	if (!d->is_dropped)
		set_timer(d);
}

/* ---- start and cancel ---- */

int dns_lookup_start(struct dns *d, struct dns_lookup *q, enum dns_kind kind, const char *name,
		     dns_cb done)
{
	const struct ares_addrinfo_hints hints = { .ai_flags = ARES_AI_NOSORT,
						   .ai_family = AF_UNSPEC,
						   .ai_socktype = SOCK_STREAM };
	struct dns_flight *f;

	if (!hostname_is_name(text_of(name)) || d->is_dropped)
		return -EINVAL;
	if (d->n_flights == LIMIT_DNS_LOOKUPS)
		return -EBUSY;
	f = mem_new(sizeof(*f));
	f->dns = d;
	f->lookup = q;
	f->kind = kind;
	f->deadline_ms = clock_mono_ms() + d->lookup_ms;
	list_append(&d->flights, &f->in_dns);
	d->n_flights++;
	q->done = done;
	q->flight = f;
	switch (kind) {
	case DNS_MX:
		ares_query(d->channel, name, ns_c_in, ns_t_mx, on_raw, f);
		break;
	case DNS_SRV:
		ares_query(d->channel, name, ns_c_in, ns_t_srv, on_raw, f);
		break;
	case DNS_ADDRESSES:
		ares_getaddrinfo(d->channel, name, NULL, &hints, on_addresses, f);
		break;
	}
	set_timer(d);
	return 0;
}

void dns_lookup_cancel(struct dns_lookup *q)
{
	if (!q || !q->flight)
		return;
	q->flight->lookup = NULL;
	q->flight = NULL;
}
