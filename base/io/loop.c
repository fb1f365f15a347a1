#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "base/io/loop.h"
#include "base/io/names.h"

static void on_signal(uv_signal_t *s, int signum)
{
	(void)signum;
	loop_stop(s->data);
}

static void on_wake(uv_async_t *a)
{
	struct loop *l = a->data;

	if (l->state != LOOP_ASKED)
		return;
	l->state = LOOP_STOPPING;
	/* Signals are caught to the end, but nothing waits for them any more. */
	uv_unref((uv_handle_t *)&l->term);
	uv_unref((uv_handle_t *)&l->intr);
	uv_unref((uv_handle_t *)&l->hup);
	uv_unref((uv_handle_t *)&l->wake);
	if (l->on_stop)
		l->on_stop(l->owner);
}

/* A process that cannot even have a loop has nothing to tell anybody. */
static void must(int r)
{
	if (r < 0)
		abort();
}

static void start_signal(struct loop *l, uv_signal_t *s, int signum)
{
	must(uv_signal_init(&l->uv, s));
	s->data = l;
	must(uv_signal_start(s, on_signal, signum));
}

void loop_init(struct loop *l, loop_stop_cb on_stop, void *owner)
{
	struct sigaction hup;

	*l = (struct loop){ .on_stop = on_stop, .owner = owner, .state = LOOP_RUNNING };
	(void)signal(SIGPIPE, SIG_IGN);
	/* Name lookups are the only users of libuv's threads: one dead name server must not hold up
	 * the others. */
	(void)setenv("UV_THREADPOOL_SIZE", "16", /* overwrite= */ 0);

	must(uv_loop_init(&l->uv));
	must(uv_async_init(&l->uv, &l->wake, on_wake));
	l->wake.data = l;
	l->names = names_open(l);
	start_signal(l, &l->term, SIGTERM);
	start_signal(l, &l->intr, SIGINT);
	if (!sigaction(SIGHUP, NULL, &hup) && hup.sa_handler == SIG_IGN)
		must(uv_signal_init(&l->uv, &l->hup));
	else
		start_signal(l, &l->hup, SIGHUP);
}

void loop_run(struct loop *l)
{
	(void)uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_turn(struct loop *l, int most_ms)
{
	struct pollfd p = { .fd = uv_backend_fd(&l->uv), .events = POLLIN };
	int due_ms;

	(void)uv_run(&l->uv, UV_RUN_NOWAIT); /* what was started meanwhile is polled for, too */
	due_ms = uv_backend_timeout(&l->uv);
	(void)poll(&p, 1, due_ms < 0 || due_ms > most_ms ? most_ms : due_ms);
	(void)uv_run(&l->uv, UV_RUN_NOWAIT);
}

void loop_stop(struct loop *l)
{
	if (l->state != LOOP_RUNNING)
		return;
	l->state = LOOP_ASKED;
	(void)uv_async_send(&l->wake);
}

void loop_clear(struct loop *l)
{
	names_drop(l->names);
	uv_close((uv_handle_t *)&l->term, NULL);
	uv_close((uv_handle_t *)&l->intr, NULL);
	uv_close((uv_handle_t *)&l->hup, NULL);
	uv_close((uv_handle_t *)&l->wake, NULL);
	(void)uv_run(&l->uv, UV_RUN_NOWAIT);
	must(uv_loop_close(&l->uv));
}

bool loop_is_stopping(const struct loop *l)
{
	return l->state != LOOP_RUNNING;
}
