#include "tests/load/sim_tally.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/text.h"

void sim_tally_delay(struct sim_delays *d, int64_t us)
{
	if (d->n < SIM_TALLY_DELAYS)
		d->us[d->n++] = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

void sim_tally_reset(struct sim_tally *t)
{
	t->accepted = t->resumed = t->full = t->logins = t->commands = 0;
	t->delivered = t->skipped = 0;
	t->header.n = t->text.n = 0;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void write_delays(struct sim_delays *d, const char *name, struct buf *to)
{
	uint32_t p50 = 0, p99 = 0, most = 0;

	if (d->n) {
		qsort(d->us, d->n, sizeof(d->us[0]), by_size);
		p50 = d->us[d->n / 2];
		p99 = d->us[(uint64_t)d->n * 99 / 100];
		most = d->us[d->n - 1];
	}
	(void)text_addf(to, ",\"%s\":{\"n\":%u,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u}", name,
			d->n, p50, p99, most);
}

void sim_tally_write(struct sim_tally *t, struct buf *to)
{
	struct rusage used;

	(void)getrusage(RUSAGE_SELF, &used);
	(void)text_addf(to,
			"{\"connections\":%u,\"logged_in\":%u,\"idling\":%u,\"accepted\":%" PRIu64
			",\"resumed\":%" PRIu64 ",\"full\":%" PRIu64 ",\"logins\":%" PRIu64,
			t->connections, t->logged_in, t->idling, t->accepted, t->resumed, t->full,
			t->logins);
	(void)text_addf(to,
			",\"commands\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"skipped\":%" PRIu64
			",\"cpu_ms\":%ld",
			t->commands, t->delivered, t->skipped,
			(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
				(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000);
	write_delays(&t->header, "header", to);
	write_delays(&t->text, "text", to);
	(void)text_add(to, TEXT("}\n"));
}
