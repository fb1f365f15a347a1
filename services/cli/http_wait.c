#include "services/cli/http_wait.h"

#include <assert.h>
#include <errno.h>

static void on_done(struct http_request *r);
static void on_pause(struct timer *t);
static void on_stop(void *owner);

int http_wait_open(struct http_wait *w, const char *ca_file)
{
	int r = netaddr_policy_parse(&w->any, TEXT("0.0.0.0/0, ::/0"));

	assert(r == 0);
	loop_init(&w->loop, on_stop, w);
	timer_open(&w->pause, &w->loop, on_pause);
	r = http_client_open(&w->loop, ca_file && *ca_file ? ca_file : NULL, &w->any, &w->http);
	if (r < 0) {
		w->http = NULL;
		http_wait_close(w);
	}
	return r;
}

/* A signal, or the end. */
static void on_stop(void *owner)
{
	struct http_wait *w = owner;

	timer_drop(&w->pause, NULL);
	http_client_drop(w->http);
	w->http = NULL;
}

void http_wait_close(struct http_wait *w)
{
	loop_stop(&w->loop);
	loop_run(&w->loop);
	loop_clear(&w->loop);
}

bool http_wait_is_over(const struct http_wait *w)
{
	return loop_is_stopping(&w->loop);
}

static void on_done(struct http_request *r)
{
	r->done = NULL; /* which is what is waited for */
}

int http_wait_run(struct http_wait *w, struct http_request *r)
{
	int error;

	if (http_wait_is_over(w))
		return -ECANCELED;
	error = http_client_start(w->http, r, on_done);
	if (error < 0)
		return error;
	while (r->done && !http_wait_is_over(w))
		(void)uv_run(&w->loop.uv, UV_RUN_ONCE);
	if (!r->done)
		return 0;
	http_client_cancel(w->http, r);
	return -ECANCELED;
}

static void on_pause(struct timer *t)
{
	(void)t; /* it has woken the loop */
}

int http_wait_pause(struct http_wait *w, uint64_t wait_ms)
{
	if (http_wait_is_over(w))
		return -ECANCELED;
	timer_in(&w->pause, wait_ms);
	while (uv_is_active((uv_handle_t *)&w->pause.uv) && !http_wait_is_over(w))
		(void)uv_run(&w->loop.uv, UV_RUN_ONCE);
	return http_wait_is_over(w) ? -ECANCELED : 0;
}
