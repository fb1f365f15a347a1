#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <libpq-fe.h>

#include "db/pg_host.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"

static void on_looked_up(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found);

/* Entry number `n` of a comma list; libpq lets one port stand for all hosts. */
static struct text entry_of(const char *list, size_t n)
{
	struct text rest = text_of(list), one = { 0 };

	if (!memchr(rest.at ? rest.at : "", ',', rest.len))
		return rest;
	for (size_t i = 0; i <= n; i++)
		(void)text_cut(rest, ',', &one, &rest);
	return one;
}

static int add_entry(struct buf *list, bool first, struct text t)
{
	int r = first ? 0 : buf_add(list, ",", 1);

	return r < 0 ? r : text_add(list, t);
}

/* Names that pass the ceilings are as good as unknown. */
static void add(struct pg_host *h, struct text name, size_t n, const char *address)
{
	bool first = h->entries == 0;
	size_t host = h->host.len, hostaddr = h->hostaddr.len, port = h->port.len;

	if (add_entry(&h->host, first, name) == 0 &&
	    add_entry(&h->hostaddr, first, text_of(address)) == 0 &&
	    add_entry(&h->port, first, entry_of(h->ports, n)) == 0) {
		h->entries++;
		return;
	}
	buf_cut(&h->host, host);
	buf_cut(&h->hostaddr, hostaddr);
	buf_cut(&h->port, port);
}

static bool is_name(struct text t)
{
	struct in6_addr any;
	char text[LIMIT_CONN_HOST + 1];

	if (!t.len || *t.at == '/' || *t.at == '@') /* a folder, or an abstract socket */
		return false;
	if (t.len >= sizeof(text))
		return true;
	memcpy(text, t.at, t.len);
	text[t.len] = '\0';
	return inet_pton(AF_INET, text, &any) != 1 && inet_pton(AF_INET6, text, &any) != 1;
}

static struct text take_name(struct pg_host *h)
{
	struct text rest = text_sub(text_of(h->names), h->at, SIZE_MAX), name;

	(void)text_cut(rest, ',', &name, &rest);
	return name;
}

/* How many names stand before the one we are at. */
static size_t number_of(const struct pg_host *h)
{
	size_t n = 0;

	for (size_t i = 0; i < h->at; i++)
		n += h->names[i] == ',';
	return n;
}

/* On to the next name that needs a lookup.  false: there is none. */
static bool start_next(struct pg_host *h)
{
	static const struct addrinfo stream = { .ai_socktype = SOCK_STREAM,
						.ai_flags = AI_ADDRCONFIG };
	size_t len = strlen(h->names);
	int r;

	for (struct text name; h->at <= len; h->at += name.len + 1) {
		char text[LIMIT_CONN_HOST + 1];

		name = take_name(h);
		if (!is_name(name)) {
			add(h, name, number_of(h), "");
			continue;
		}
		if (name.len >= sizeof(text)) {
			h->error = UV_EAI_NONAME;
			continue;
		}
		memcpy(text, name.at, name.len);
		text[name.len] = '\0';
		r = uv_getaddrinfo(&h->loop->uv, &h->lookup, on_looked_up, text, NULL, &stream);
		if (r == 0)
			return true;
		h->error = r;
	}
	return false;
}

/* 1: needs no lookup, or libpq is told otherwise where its hosts are. */
static int read_conninfo(struct pg_host *h, const char *conninfo)
{
	PQconninfoOption *all = PQconninfoParse(conninfo, /* errmsg= */ NULL);
	bool has_address = false, has_name = false;

	if (!all)
		return -EINVAL;
	for (const PQconninfoOption *o = all; o->keyword; o++) {
		if (!o->val || !*o->val)
			continue;
		if (strcmp(o->keyword, "host") == 0)
			h->names = mem_text(o->val);
		if (strcmp(o->keyword, "port") == 0)
			h->ports = mem_text(o->val);
		has_address = has_address || strcmp(o->keyword, "hostaddr") == 0;
	}
	PQconninfoFree(all);
	if (!h->names || has_address)
		return 1;
	for (h->at = 0; h->at <= strlen(h->names); h->at += take_name(h).len + 1)
		has_name = has_name || is_name(take_name(h));
	h->at = 0;
	return !has_name;
}

int pg_host_start(struct pg_host *h, struct loop *l, const char *conninfo, pg_host_cb done)
{
	int r;

	*h = (struct pg_host){ .loop = l, .done = done };
	buf_init(&h->host, LIMIT_PG_HOSTS);
	buf_init(&h->hostaddr, LIMIT_PG_HOSTS);
	buf_init(&h->port, LIMIT_PG_HOSTS);
	r = read_conninfo(h, conninfo);
	if (r == 0 && !start_next(h))
		r = h->error ? h->error : -EINVAL;
	if (r != 0) {
		pg_host_clear(h);
		return r;
	}
	h->state = PG_HOST_LOOKING;
	return 0;
}

static void on_looked_up(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
	struct pg_host *h = container_of(lookup, struct pg_host, lookup);
	struct text name = take_name(h);
	char address[INET6_ADDRSTRLEN];

	if (status < 0)
		h->error = status;
	for (const struct addrinfo *one = status < 0 ? NULL : found; one; one = one->ai_next)
		if (uv_ip_name(one->ai_addr, address, sizeof(address)) == 0)
			add(h, name, number_of(h), address);
	uv_freeaddrinfo(found);
	h->at += name.len + 1;
	if (h->state == PG_HOST_LOOKING && start_next(h))
		return;
	h->state = PG_HOST_IDLE;
	h->done(h);
}

bool pg_host_cancel(struct pg_host *h)
{
	if (h->state == PG_HOST_IDLE)
		return false;
	h->state = PG_HOST_CANCELLED;
	(void)uv_cancel((uv_req_t *)&h->lookup); /* it may be too late for that */
	return true;
}

void pg_host_clear(struct pg_host *h)
{
	buf_clear(&h->host);
	buf_clear(&h->hostaddr);
	buf_clear(&h->port);
	mem_cleanup(&h->names);
	mem_cleanup(&h->ports);
}
