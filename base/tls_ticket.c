#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/tls_ticket.h"

struct place {
	struct list tickets; /* oldest first; never empty */
	size_t n;
	char *name;
};

struct ticket {
	struct list link;  /* of the pool */
	struct list there; /* of its place */
	struct place *place;
	SSL_SESSION *session;
	int64_t good_until;
};

void tls_ticket_init(struct tls_ticket_pool *p)
{
	map_init(&p->hosts);
	list_init(&p->oldest);
	p->n = 0;
}

/* The session is the caller's now. */
static SSL_SESSION *take_out(struct tls_ticket_pool *p, struct ticket *t)
{
	struct place *at = t->place;
	SSL_SESSION *s = t->session;

	list_remove(&t->link);
	list_remove(&t->there);
	p->n--;
	if (--at->n == 0) {
		map_remove(&p->hosts, text_of(at->name));
		free(at->name);
		free(at);
	}
	free(t);
	return s;
}

static void drop_oldest(struct tls_ticket_pool *p)
{
	SSL_SESSION_free(take_out(p, container_of(p->oldest.next, struct ticket, link)));
}

void tls_ticket_clear(struct tls_ticket_pool *p)
{
	struct list *at, *tmp;

	list_each(&p->oldest, at, tmp)
		SSL_SESSION_free(take_out(p, container_of(at, struct ticket, link)));
	map_clear(&p->hosts);
}

static struct place *find_place(struct tls_ticket_pool *p, struct text name)
{
	struct place *at = map_get(&p->hosts, name);

	if (at)
		return at;
	at = mem_new(sizeof(*at));
	list_init(&at->tickets);
	at->name = mem_text_n(name.at, name.len);
	map_put(&p->hosts, name, at);
	return at;
}

void tls_ticket_keep(struct tls_ticket_pool *p, struct text place, SSL_SESSION *s,
		     int64_t good_until)
{
	struct place *at;
	struct ticket *t;

	if (!SSL_SESSION_is_resumable(s))
		return;
	s = SSL_SESSION_dup(s);
	if (!s)
		abort(); /* for want of memory (mem.h) */
	t = mem_new(sizeof(*t));
	at = find_place(p, place);
	t->place = at;
	t->session = s;
	t->good_until = good_until;
	list_append(&p->oldest, &t->link);
	list_append(&at->tickets, &t->there);
	p->n++;
	if (++at->n > LIMIT_TLS_TICKETS_HOST)
		SSL_SESSION_free(
			take_out(p, container_of(list_first(&at->tickets), struct ticket, there)));
	if (p->n > LIMIT_TLS_TICKETS)
		drop_oldest(p);
}

SSL_SESSION *tls_ticket_take(struct tls_ticket_pool *p, struct text place, int64_t now_s,
			     int64_t *ret_good_until)
{
	struct place *at;
	struct ticket *t;
	SSL_SESSION *s;

	while ((at = map_get(&p->hosts, place))) {
		t = container_of(at->tickets.prev, struct ticket, there);
		if (now_s >= t->good_until) {
			SSL_SESSION_free(take_out(p, t));
			continue;
		}
		*ret_good_until = t->good_until;
		if (SSL_SESSION_get_protocol_version(t->session) >= TLS1_3_VERSION)
			return take_out(p, t);
		s = SSL_SESSION_dup(t->session);
		if (!s)
			abort();
		return s;
	}
	return NULL;
}
