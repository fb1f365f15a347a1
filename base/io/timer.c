#include "base/clock.h"
#include "base/io/timer.h"
#include "base/mem.h"

static void on_fired(uv_timer_t *uv)
{
	struct timer *t = container_of(uv, struct timer, uv);

	t->fired(t);
}

static void on_closed(uv_handle_t *h)
{
	struct timer *t = container_of(h, struct timer, uv);

	if (t->gone)
		t->gone(t);
}

void timer_open(struct timer *t, struct loop *l, timer_cb fired)
{
	*t = (struct timer){ .fired = fired };
	(void)uv_timer_init(&l->uv, &t->uv); /* cannot fail */
}

void timer_at(struct timer *t, uint64_t deadline_ms)
{
	uint64_t now_ms = clock_mono_ms();

	if (deadline_ms == CLOCK_NEVER)
		timer_stop(t);
	else
		timer_in(t, deadline_ms > now_ms ? deadline_ms - now_ms : 0);
}

void timer_in(struct timer *t, uint64_t wait_ms)
{
	if (uv_is_closing((uv_handle_t *)&t->uv))
		return;
	/* libuv counts from the start of the turn; a long turn would make us early. */
	uv_update_time(t->uv.loop);
	(void)uv_timer_start(&t->uv, on_fired, wait_ms, /* repeat= */ 0);
}

void timer_stop(struct timer *t)
{
	if (!uv_is_closing((uv_handle_t *)&t->uv))
		(void)uv_timer_stop(&t->uv);
}

void timer_drop(struct timer *t, timer_cb gone)
{
	if (uv_is_closing((uv_handle_t *)&t->uv))
		return;
	t->gone = gone;
	uv_close((uv_handle_t *)&t->uv, on_closed);
}
