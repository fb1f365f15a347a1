#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "services/api/handlers.h"
#include "services/api/html.h"
#include "services/api/page_inside.h"
#include "services/api/waiting.h"

/*
 * GET /connect/T/result: how it goes, to the browser that set out and to no other.  The script asks
 * with ?seen=S, and the answer waits until the link's state is another one than S.
 *
 * Waiting costs a connection and a question per second, so only so many may: the rest are answered
 * at once, and ask again by themselves.
 */
#define WAIT_MS      20000
#define WAITING_MAX  200 /* a tenth of the connections that the API takes */
#define WAITING_LINK 3   /* one browser has one; a reload leaves another behind */

static void on_result(struct connect_link_call *c);

void page_result(struct request *q)
{
	page_guard_begin(q);
	q->wait_until_ms = clock_mono_ms() + WAIT_MS;
	page_not_asked(q, page_find(q, on_result));
}

static void go_back(struct request *q)
{
	const struct page *p = q->own;
	struct buf to;

	buf_init(&to, LIMIT_OAUTH_URL);
	if (connect_return_url(p->return_url, p->id, /* problem= */ NULL, &to) == 0) {
		page_guard_cookies(q);
		html_redirect(q, (const char *)to.data);
	} else {
		page_tell_connected(q); /* a way back that an older version took on */
	}
	buf_clear(&to);
}

static bool has_room(const struct request *q)
{
	struct list *all = &q->api->waiting;
	size_t n = 0, same = 0;

	for (struct list *l = all->next; l != all; l = l->next, n++)
		same += strcmp(container_of(l, struct request, waiting)->params[0], q->params[0]) ==
			0;
	return n < WAITING_MAX && same < WAITING_LINK;
}

static bool shall_wait(const struct request *q)
{
	const struct page *p = q->own;
	const char *seen = http_call_query(q->call, "seen");

	return seen && strcmp(seen, p->state) == 0 && clock_mono_ms() < q->wait_until_ms &&
	       has_room(q);
}

static void on_result(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	struct page *p = q->own;

	if (!outcome_ok(&c->outcome)) {
		page_tell_away(q);
		return;
	}
	if (!c->found) {
		page_tell_problem(q, 404, "link_expired");
		return;
	}
	page_guard_keep(q, &c->link);
	if (!p->is_mine) { /* a link that somebody else has used */
		page_tell_problem(q, 410, "link_expired");
	} else if (strcmp(p->state, "connected") == 0) {
		if (p->return_url[0])
			go_back(q);
		else
			page_tell_connected(q);
	} else if (strcmp(p->state, "failed") == 0) {
		page_tell_problem(q, 200, p->problem);
	} else if (strcmp(p->state, "exchanging") != 0 && strcmp(p->state, "checking") != 0) {
		page_guard_cookies(q); /* it has not set out, or starts anew in another tab */
		html_redirect(q, p->path);
	} else if (shall_wait(q)) {
		list_append(&q->api->waiting, &q->waiting);
	} else {
		page_tell_steps(q);
	}
}

static void look_again(struct request *q)
{
	list_remove(&q->waiting); /* who goes on waiting comes back */
	page_not_asked(q, page_find(q, on_result));
}

void page_result_recheck(struct api *api)
{
	waiting_look(&api->waiting, look_again);
}
