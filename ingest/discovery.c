#include "ingest/discovery.h"

#include "base/mem.h"

static void on_answer(struct dns_lookup *q, const struct dns_answer *a);

/* 1: there is nothing to ask any more. */
static int ask(struct discovery *d)
{
	static const enum dns_kind kinds[] = { [DISCOVER_ASK_MX] = DNS_MX,
					       [DISCOVER_ASK_SRV] = DNS_SRV,
					       [DISCOVER_ASK_ADDRESSES] = DNS_ADDRESSES };
	enum discover_kind kind;
	const char *name;

	if (!discover_next(&d->engine, &kind, &name))
		return 1;
	return dns_lookup_start(d->dns, &d->lookup, kinds[kind], name, on_answer);
}

static void on_answer(struct dns_lookup *q, const struct dns_answer *a)
{
	struct discovery *d = container_of(q, struct discovery, lookup);
	struct dns_answer cannot = { .state = DNS_FAILED };
	int r;

	discover_heard(&d->engine, a);
	r = ask(d);
	if (r < 0) { /* too long a name under this domain, or too many lookups: we do not know */
		cannot.outcome =
			outcome_of(BLAME_US, "name lookup", TEXT("it could not be asked for"));
		discover_heard(&d->engine, &cannot);
	}
	if (r)
		d->done(d, &d->engine.result);
}

int discovery_start(struct discovery *d, struct dns *dns, discovery_cb done)
{
	d->dns = dns;
	d->done = done;
	return ask(d);
}

void discovery_cancel(struct discovery *d)
{
	dns_lookup_cancel(&d->lookup);
}
