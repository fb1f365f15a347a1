#include "base/io/names.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/io/timer.h"
#include "base/map.h"
#include "base/mem.h"

static void on_looked_up(uv_getaddrinfo_t *req, int status, struct addrinfo *found);
static void on_turn(struct timer *t);
static void on_closed(struct timer *t);

struct name {
	struct names *owner;
	struct list link; /* oldest answer first; of its own while it is looked up */
	struct list asks; /* who waits for it */
	uv_getaddrinfo_t lookup;
	enum { NAME_ASKED, NAME_TOLD, NAME_KNOWN } state; /* looked up, told just now, remembered */
	unsigned told;                                    /* how many were */
	int status;
	struct addrinfo *found;
	uint64_t until_ms; /* good until then */
	char *host;
};

struct names {
	struct loop *loop;
	struct timer
		turn; /* who asks for what is known is told from the loop too; what is stale goes */
	struct map by_host;
	struct list known;
};

struct names *names_open(struct loop *l)
{
	struct names *n = mem_new(sizeof(*n));

	n->loop = l;
	map_init(&n->by_host);
	list_init(&n->known);
	timer_open(&n->turn, l, on_turn);
	/* Who waits has handles of his own. */
	uv_unref((uv_handle_t *)&n->turn.uv);
	return n;
}

static void forget(struct name *at)
{
	map_remove(&at->owner->by_host, text_of(at->host));
	list_remove(&at->link);
	if (at->found)
		uv_freeaddrinfo(at->found);
	free(at->host);
	free(at);
}

void names_drop(struct names *n)
{
	struct list *first;

	while ((first = list_first(&n->known)))
		forget(container_of(first, struct name, link));
	timer_drop(&n->turn, on_closed);
}

static void on_closed(struct timer *t)
{
	struct names *n = container_of(t, struct names, turn);

	map_clear(&n->by_host);
	free(n);
}

/* ---- asking ---- */

static int start_lookup(struct name *at)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };

	at->state = NAME_ASKED;
	return uv_getaddrinfo(&at->owner->loop->uv, &at->lookup, on_looked_up, at->host, NULL,
			      &hints) < 0
		       ? -EINVAL
		       : 0;
}

static struct name *begin(struct names *n, const char *host)
{
	struct name *at = mem_new(sizeof(*at));

	at->owner = n;
	at->host = mem_text(host);
	list_init(&at->link);
	list_init(&at->asks);
	map_put(&n->by_host, text_of(host), at);
	return at;
}

int names_ask_start(struct loop *l, struct names_ask *q, const char *host, names_cb answered)
{
	struct names *n = l->names;
	struct name *at = map_get(&n->by_host, text_of(host));

	if (at && at->state == NAME_KNOWN && clock_mono_ms() >= at->until_ms &&
	    list_is_empty(&at->asks)) {
		forget(at);
		at = NULL;
	}
	if (!at) {
		at = begin(n, host);
		if (start_lookup(at)) {
			forget(at);
			return -EINVAL;
		}
	}
	q->name = at;
	q->answered = answered;
	list_init(&q->link);
	list_append(&at->asks, &q->link);
	if (at->state != NAME_ASKED)
		timer_in(&n->turn, 0);
	return 0;
}

void names_ask_cancel(struct names_ask *q)
{
	struct name *at = q->name;

	if (!at)
		return;
	q->name = NULL;
	list_remove(&q->link);
	if (at->state == NAME_ASKED && list_is_empty(&at->asks))
		(void)uv_cancel((uv_req_t *)&at->lookup);
}

/* ---- answers ---- */

/* Those who ask now; they may ask again, or cancel each other, while they are told. */
static void tell(struct name *at)
{
	struct list all, *first;

	list_init(&all);
	list_move_all(&all, &at->asks);
	at->state = NAME_TOLD;
	while ((first = list_first(&all))) {
		struct names_ask *q = container_of(first, struct names_ask, link);

		list_remove(first);
		q->name = NULL;
		q->turn = at->told++;
		q->answered(q, at->status, at->found);
	}
	at->state = NAME_KNOWN;
}

static void on_looked_up(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
	struct name *at = container_of(req, struct name, lookup);
	struct names *n = at->owner;

	/* Given up by the last one who asked, and somebody asked since. */
	if (status == UV_EAI_CANCELED && !list_is_empty(&at->asks) && start_lookup(at) == 0)
		return;
	at->status = status;
	at->found = found;
	at->until_ms = clock_mono_ms() + NAMES_FRESH_MS;
	if (status < 0) /* whoever asks from now on asks anew */
		map_remove(&n->by_host, text_of(at->host));
	tell(at);
	if (status < 0) {
		free(at->host);
		free(at);
		return;
	}
	list_append(&n->known, &at->link);
	if (!uv_is_active((uv_handle_t *)&n->turn.uv))
		timer_in(&n->turn, NAMES_FRESH_MS);
}

static void on_turn(struct timer *t)
{
	struct names *n = container_of(t, struct names, turn);
	uint64_t now_ms = clock_mono_ms();
	struct list all, *first;

	list_init(&all);
	list_move_all(&all, &n->known);
	while ((first = list_first(&all))) {
		struct name *one = container_of(first, struct name, link);

		list_remove(first);
		list_append(&n->known, first);
		if (!list_is_empty(&one->asks))
			tell(one);
		else if (now_ms >= one->until_ms)
			forget(one);
	}
	if (!list_is_empty(&n->known) && !uv_is_active((uv_handle_t *)&t->uv))
		timer_in(t, NAMES_FRESH_MS);
}
