#include "services/up/crew_size.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io/timer.h"
#include "base/mem.h"
#include "db/conninfo.h"
#include "db/fleet.h"
#include "db/pg.h"

static void on_time(struct timer *t);
static void on_counted(struct fleet_inboxes *q);
static void on_closed(struct timer *t);

#define LOOK_MS 15000

struct crew_size {
	struct crew_size_params p;
	struct pg *pg;
	struct timer timer;
	struct fleet_inboxes q;
	int n;         /* as last told */
	bool is_short; /* more were wanted than the machine allows, and the log said so */
};

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t most_of(int64_t capacity, int64_t cores, int64_t memory_kb)
{
	int64_t by_memory = memory_kb / 2 / (capacity * CREW_SIZE_INBOX_KB);
	int64_t most = least(cores * CREW_SIZE_PER_CORE, by_memory);

	return most > 1 ? most : 1;
}

static int64_t wanted_for(int64_t inboxes, int64_t capacity)
{
	int64_t full = capacity - capacity / 10;
	int64_t n = (inboxes + full - 1) / full;

	return n > 1 ? n : 1;
}

int crew_size_for(int64_t inboxes, int64_t capacity, int64_t cores, int64_t memory_kb)
{
	return (int)least(wanted_for(inboxes, capacity), most_of(capacity, cores, memory_kb));
}

int crew_size_open(const struct crew_size_params *p, struct crew_size **ret)
{
	struct crew_size *c = mem_new(sizeof(*c));
	char conninfo[CONNINFO_MAX];
	struct pg_params pp = { .conninfo = conninfo,
				.password = p->password,
				.application = "replyd up",
				.log = p->log };
	int r = conninfo_join(p->place, "replyd_admin", conninfo);

	c->p = *p;
	if (r == 0)
		r = pg_open(p->loop, &pp, &c->pg);
	if (r) {
		free(c);
		return r;
	}
	timer_open(&c->timer, p->loop, on_time);
	timer_in(&c->timer, 0);
	*ret = c;
	return 0;
}

void crew_size_drop(struct crew_size *c)
{
	if (!c || !c->pg)
		return;
	pg_tx_cancel(&c->q.tx);
	pg_drop(c->pg);
	c->pg = NULL;
	timer_drop(&c->timer, on_closed);
}

static void on_closed(struct timer *t)
{
	free(container_of(t, struct crew_size, timer));
}

static void on_time(struct timer *t)
{
	struct crew_size *c = container_of(t, struct crew_size, timer);

	if (fleet_inboxes_start(c->pg, &c->q, on_counted) != 0)
		timer_in(t, LOOK_MS);
}

static void on_counted(struct fleet_inboxes *q)
{
	struct crew_size *c = container_of(q, struct crew_size, q);
	int64_t cores = sysconf(_SC_NPROCESSORS_ONLN);
	int64_t memory_kb = (int64_t)sysconf(_SC_PHYS_PAGES) * (sysconf(_SC_PAGESIZE) / 1024);
	int n;

	timer_in(&c->timer, LOOK_MS);
	if (!outcome_ok(&q->outcome))
		return;
	n = crew_size_for(q->n, c->p.capacity, cores, memory_kb);
	if (wanted_for(q->n, c->p.capacity) > n && !c->is_short)
		log_warn(c->p.log, "up.no_more_workers",
			 "inboxes=%lld capacity=%lld workers=%d remedy=\"another machine, a higher "
			 "limit of open files, or ingest.workers\"",
			 (long long)q->n, (long long)c->p.capacity, n);
	c->is_short = wanted_for(q->n, c->p.capacity) > n;
	if (n <= c->n)
		return;
	log_info(c->p.log, "up.workers", "inboxes=%lld capacity=%lld workers=%d", (long long)q->n,
		 (long long)c->p.capacity, n);
	c->n = n;
	c->p.on_size(c->p.owner, n);
}
