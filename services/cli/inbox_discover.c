#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/io/loop.h"
#include "base/mem.h"
#include "base/rand.h"
#include "ingest/discovery.h"
#include "services/cli/inbox_discover.h"
#include "services/suggest.h"

struct asking {
	struct loop loop;
	struct dns *dns;
	struct discovery discovery;
};

static void on_found(struct discovery *d, const struct discover_result *r)
{
	struct asking *a = container_of(d, struct asking, discovery);

	(void)r; /* it stays in the engine */
	dns_drop(a->dns);
	a->dns = NULL;
	loop_stop(&a->loop);
}

/* Ctrl-C, or the end: nothing is held any more. */
static void on_stop(void *owner)
{
	struct asking *a = owner;

	dns_drop(a->dns);
	a->dns = NULL;
}

static int ask(struct asking *a, const struct settings *s)
{
	const struct dns_params p = { .servers = s->net_name_servers };
	int r;

	loop_init(&a->loop, on_stop, a);
	r = dns_open(&a->loop, &p, &a->dns);
	if (r == 0)
		r = discovery_start(&a->discovery, a->dns, on_found);
	if (r)
		loop_stop(&a->loop);
	loop_run(&a->loop);
	loop_clear(&a->loop);
	return r < 0 ? r : 0;
}

static void print_json(const struct settings *s, const struct discover *d)
{
	json_t *j = suggest_json(s, d->address, &d->result);
	char *text = json_dumps(j, JSON_COMPACT);

	puts(text);
	free(text);
	json_decref(j);
}

static void print_people(const struct settings *s, const struct discover *d)
{
	const struct discover_result *r = &d->result;
	const char *ways = suggest_ways(s, r->row);

	printf("%-12s %s (%s)\n", "PROVIDER", r->row->title, r->row->name);
	printf("%-12s %s:%u, %s\n", "IMAP", r->host, r->port,
	       r->security == PROVIDER_TLS ? "tls" : "starttls");
	printf("%-12s %s\n", "LOGIN NAME", r->login[0] ? r->login : "cannot be told: ask the user");
	printf("%-12s %s\n", "CONNECT BY",
	       *ways ? ways : "oauth, once provider.<name>.client_id is set");
	printf("%-12s %s\n", "SURE", discover_sure_name(r->sure));
	printf("%-12s %s\n", "BECAUSE", r->evidence);
}

int inbox_discover(const struct settings *s, const struct options *o)
{
	const char *address = o->words[2];
	struct asking a = { 0 };
	const struct discover_result *r = &a.discovery.engine.result;
	uint32_t draw;
	int code = options_want(address, "ADDRESS", "name@domain");

	if (code)
		return code;
	rand_bytes(&draw, sizeof(draw));
	if (discover_address(&a.discovery.engine, &s->providers, &s->policy, text_of(address),
			     draw) != 0) {
		(void)fprintf(stderr,
			      "replyd: %.320s: is no address whose domain can be looked up; write "
			      "name@domain\n",
			      address);
		return EX_DATAERR;
	}
	if (ask(&a, s) < 0 || a.discovery.engine.state != DISCOVER_DONE) {
		(void)fprintf(stderr, "replyd: %.320s: was not looked up; try again\n", address);
		return EX_UNAVAILABLE;
	}
	if (r->end != DISCOVER_FOUND) {
		(void)fprintf(stderr, "replyd: %.320s: %s; %s\n", address, r->evidence,
			      discover_remedy(r->end));
		return r->end == DISCOVER_UNKNOWN ? EX_UNAVAILABLE : EX_DATAERR;
	}
	if (o->json)
		print_json(s, &a.discovery.engine);
	else
		print_people(s, &a.discovery.engine);
	return 0;
}
