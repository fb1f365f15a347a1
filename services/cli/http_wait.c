#include "services/cli/http_wait.h"

#include <assert.h>
#include <errno.h>

#include "base/mem.h"

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
	if (w->is_waiting)
		uv_stop(&w->loop.uv);
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

/*
 * What is waited for has come: uv_run() ends with this turn.  A turn by itself (UV_RUN_ONCE) would
 * not do: what comes at its beginning is followed by a poll that nothing ends.
 */
static void end_wait(struct http_wait *w)
{
	w->is_waiting = false;
	uv_stop(&w->loop.uv);
}

static int wait(struct http_wait *w)
{
	bool is_cut;

	w->is_waiting = true;
	while (w->is_waiting && !http_wait_is_over(w))
		(void)uv_run(&w->loop.uv, UV_RUN_DEFAULT);
	is_cut = w->is_waiting;
	w->is_waiting = false;
	return is_cut ? -ECANCELED : 0;
}

static void on_done(struct http_request *r)
{
	end_wait(container_of(r, struct http_wait, request));
}

int http_wait_run(struct http_wait *w, struct http_request *r)
{
	int error;

	if (http_wait_is_over(w))
		return -ECANCELED;
	w->request = *r;
	error = http_client_start(w->http, &w->request, on_done);
	if (error == 0) {
		error = wait(w);
		if (error)
			http_client_cancel(w->http, &w->request);
	}
	*r = w->request;
	return error;
}

static void on_pause(struct timer *t)
{
	end_wait(container_of(t, struct http_wait, pause));
}

int http_wait_pause(struct http_wait *w, uint64_t wait_ms)
{
	if (http_wait_is_over(w))
		return -ECANCELED;
	timer_in(&w->pause, wait_ms);
	return wait(w);
}
