#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "services/api/field.h"
#include "services/api/handlers.h"
#include "services/api/lookup.h"
#include "services/suggest.h"

/* Settings of an address, and hosts given by hand, over the name system. */

static void on_heard(struct discovery *d, const struct discover_result *r)
{
	struct request *q = container_of(d, struct request, discovery);

	q->looked_up(q, r);
}

static int ask(struct request *q, lookup_cb then)
{
	int r;

	q->looked_up = then;
	r = discovery_start(&q->discovery, q->api->dns, on_heard);
	if (r == 1)
		on_heard(&q->discovery, &q->discovery.engine.result);
	return r < 0 ? r : 0;
}

int lookup_ask_address(struct request *q, const char *address, lookup_cb then)
{
	uint32_t draw;

	rand_bytes(&draw, sizeof(draw));
	if (discover_address(&q->discovery.engine, &q->api->settings->providers,
			     &q->api->settings->policy, text_of(address), draw) != 0)
		return -EINVAL;
	return ask(q, then);
}

int lookup_ask_host(struct request *q, const char *host, lookup_cb then)
{
	if (discover_host(&q->discovery.engine, &q->api->settings->policy, text_of(host)) != 0)
		return -EINVAL;
	return ask(q, then);
}

static void busy(struct request *q)
{
	answer_problem(q, PROBLEM_LOOKUP_FAILED, NULL,
		       "too many lookups are under way; the request may be repeated", NULL);
}

/* ---- an address ---- */

static void on_address(struct request *q, const struct discover_result *r)
{
	if (r->end == DISCOVER_FOUND)
		q->found(q, r);
	else
		answer_problem(
			q, r->end == DISCOVER_UNKNOWN ? PROBLEM_LOOKUP_FAILED : PROBLEM_NO_SETTINGS,
			"/address", r->evidence, discover_remedy(r->end));
}

void lookup_address(struct request *q, const char *address, lookup_cb then)
{
	int r;

	q->found = then;
	r = lookup_ask_address(q, address, on_address);
	if (r == -EINVAL)
		answer_problem(q, PROBLEM_BAD_FIELD, "/address",
			       "has a domain that cannot be looked up",
			       "check it for a slip of the pen, or give imap.host");
	else if (r)
		busy(q);
}

/* ---- a host ---- */

static void on_host(struct request *q, const struct discover_result *r)
{
	if (r->end == DISCOVER_REFUSED)
		answer_problem(q, PROBLEM_BAD_FIELD, "/imap/host",
			       "leads to no address that may be dialled", discover_remedy(r->end));
	else
		q->found(q, r);
}

void lookup_host(struct request *q, const char *host, lookup_cb then)
{
	int r;

	q->found = then;
	r = lookup_ask_host(q, host, on_host);
	if (r == -EINVAL)
		answer_problem(q, PROBLEM_BAD_FIELD, "/imap/host",
			       "is not the name or address of a host", NULL);
	else if (r)
		busy(q);
}

/* ---- GET /v1/discover ---- */

static void show(struct request *q, const struct discover_result *r)
{
	answer_json(q, 200, suggest_json(q->api->settings, q->discovery.engine.address, r));
}

void lookup_show(struct request *q)
{
	const char *given = http_call_query(q->call, "address");
	char address[FIELD_ADDRESS];

	if (given && field_address(text_of(given), address))
		lookup_address(q, address, show);
	else
		answer_problem(q, PROBLEM_BAD_FIELD, "address",
			       given ? "is not an e-mail address (name@domain)" : "is missing",
			       "ask for /v1/discover?address=name@domain");
}
