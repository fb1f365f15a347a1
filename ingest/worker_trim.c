#include "ingest/worker_trim.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/worker_inside.h"

#define TRIM_MS 30000

void worker_trim_init(struct worker *w)
{
	w->trim.at_ms = clock_mono_ms() + TRIM_MS;
}

uint64_t worker_trim_due(const struct worker *w)
{
	return w->trim.at_ms;
}

void worker_trim_tick(struct worker *w, uint64_t now_ms)
{
	w->trim.at_ms = now_ms + TRIM_MS;
	mem_give_back();
}

void worker_trim_cancel(struct worker *w)
{
	w->trim.at_ms = WORKER_NEVER;
}
