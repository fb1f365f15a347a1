#include "ingest/standing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/event_id.h"
#include "db/folder_state.h"
#include "ingest/event_json.h"

#define RETRY_MS 1000
#define AGAIN_MS 2000 /* between two looks that are written */
#define SOON_MS  500  /* a state on the way that lasts no longer is not told */
#define DETAIL   200  /* what is shown of a stranger's words */
#define NEVER    UINT64_MAX

static void on_written(struct folder_state *q);

struct standing_write {
	struct folder_state q;
	struct standing *s;
	const char *state;
	char *reason, *detail;
	int64_t refused, retry_at_us;
};

void standing_init(struct standing *s, struct pg *pg, struct gather *gather,
		   const struct folder_lease *lease, const char *address, void *owner,
		   void (*on_told)(void *owner))
{
	*s = (struct standing){ .pg = pg,
				.gather = gather,
				.lease = lease,
				.address = address,
				.owner = owner,
				.on_told = on_told,
				.retry_at_ms = NEVER,
				.again_ms = NEVER };
}

static void end_write(struct standing *s)
{
	if (!s->write)
		return;
	folder_state_cancel(&s->write->q);
	free(s->write->reason);
	free(s->write->detail);
	free(s->write);
	s->write = NULL;
}

void standing_clear(struct standing *s)
{
	end_write(s);
	free(s->reason);
	free(s->detail);
	s->reason = s->detail = NULL;
}

static void start_write(struct standing *s)
{
	struct standing_write *w = mem_new(sizeof(*w));
	bool is_event = s->refused != 0;
	cleanup_free char *data = NULL;
	char round[24], event[EVENT_ID];

	(void)snprintf(round, sizeof(round), "%lld", (long long)s->refused);
	const struct text parts[] = { text_of(s->lease->workspace), text_of(s->lease->inbox),
				      TEXT("inbox.reauth_required"), text_of(round) };

	event_id_of(parts, countof(parts), event);
	if (is_event)
		data = event_json_inbox(s->lease->inbox, s->address, s->reason,
					"POST /v1/connect-links");
	s->retry_at_ms = s->again_ms = NEVER;
	s->is_waiting = false;
	s->told = s->now;
	s->told_ms = clock_mono_ms();
	s->write = w;
	w->s = s;
	w->state = s->state;
	w->reason = mem_text(s->reason);
	w->detail = mem_text(s->detail ? s->detail : "");
	w->refused = s->refused;
	w->retry_at_us = s->retry_at_us;
	const struct folder_said said = {
		.state = w->state,
		.reason = w->reason,
		.detail = w->detail,
		.waiting_for = s->now.waiting_for ? s->now.waiting_for : "",
		.progress_done = s->now.done,
		.progress_of = s->now.of,
		.retry_at_us = s->retry_at_us,
		.event = is_event ? event : NULL,
		.event_type = "inbox.reauth_required",
		.event_data = data,
	};

	if (folder_state_start(s->pg, s->gather, &w->q, s->lease, &said, on_written)) {
		end_write(s);
		s->retry_at_ms = clock_mono_ms() + RETRY_MS;
	}
}

/* What was said is what stands there now. */
static bool is_up_to_date(const struct standing *s, const struct standing_write *w)
{
	return strcmp(w->state, s->state) == 0 && strcmp(w->reason, s->reason) == 0 &&
	       w->refused == s->refused && w->retry_at_us == s->retry_at_us;
}

static void on_written(struct folder_state *q)
{
	struct standing_write *w = container_of(q, struct standing_write, q);
	struct standing *s = w->s;
	bool is_ok = outcome_ok(&q->outcome), is_told = is_ok && is_up_to_date(s, w);
	bool has_links = q->links > 0;

	s->is_fenced |= q->fenced;
	end_write(s);
	if (has_links)
		pg_notify(s->pg, "replyd_connected");
	if (is_ok && (s->refused || has_links))
		pg_notify(s->pg, "replyd_event");
	if (is_told) {
		free(s->detail);
		s->detail = NULL;
	} else if (is_ok) {
		start_write(s);
	} else if (!s->is_fenced) {
		s->retry_at_ms = clock_mono_ms() + RETRY_MS;
	}
	s->on_told(s->owner);
}

/* On the way to being live: what it waits for changes, and somebody may be looking at it. */
static bool is_on_its_way(const struct standing *s)
{
	return standing_is(s, "connecting") || standing_is(s, "catching_up");
}

void standing_say(struct standing *s, const char *state, const char *reason, struct text detail,
		  int64_t refused)
{
	standing_say_until(s, state, reason, detail, refused, 0);
}

void standing_say_until(struct standing *s, const char *state, const char *reason,
			struct text detail, int64_t refused, int64_t retry_at_us)
{
	bool same = standing_is(s, state) && strcmp(s->reason, reason) == 0 &&
		    s->retry_at_us == retry_at_us && !s->is_overwritten;
	char printable[DETAIL];

	if (same || s->is_fenced)
		return;
	text_printable(printable, sizeof(printable), detail);
	free(s->reason);
	free(s->detail);
	s->state = state;
	s->reason = mem_text(reason);
	s->detail = mem_text(printable);
	s->refused = refused;
	s->retry_at_us = retry_at_us;
	s->is_overwritten = false;
	if (s->write || (s->retry_at_ms != NEVER && !s->is_waiting))
		return;
	if (is_on_its_way(s) && !s->is_waiting)
		s->retry_at_ms = clock_mono_ms() + SOON_MS;
	s->is_waiting = is_on_its_way(s);
	if (!s->is_waiting)
		start_write(s);
}

void standing_forget(struct standing *s)
{
	s->is_overwritten = true;
}

static bool is_news(const struct standing *s)
{
	const char *a = s->now.waiting_for ? s->now.waiting_for : "";
	const char *b = s->told.waiting_for ? s->told.waiting_for : "";

	return s->now.done != s->told.done || s->now.of != s->told.of || strcmp(a, b) != 0;
}

void standing_look(struct standing *s, const struct standing_now *now, uint64_t now_ms)
{
	uint64_t at_ms = s->told_ms + AGAIN_MS;

	s->now = *now;
	/* While a write runs or waits there is nothing to be done at any time: its end looks again.
	 */
	if (s->write || s->retry_at_ms != NEVER || !is_on_its_way(s) || !is_news(s))
		s->again_ms = NEVER;
	else if (s->again_ms == NEVER)
		s->again_ms = at_ms > now_ms ? at_ms : now_ms;
}

bool standing_is(const struct standing *s, const char *state)
{
	return s->state && strcmp(s->state, state) == 0;
}

uint64_t standing_deadline(const struct standing *s)
{
	return s->retry_at_ms < s->again_ms ? s->retry_at_ms : s->again_ms;
}

void standing_tick(struct standing *s, uint64_t now_ms)
{
	if (now_ms >= s->retry_at_ms) {
		start_write(s);
		return;
	}
	if (now_ms < s->again_ms)
		return;
	s->again_ms = NEVER;
	if (!s->write && s->retry_at_ms == NEVER && !s->is_fenced && is_on_its_way(s))
		start_write(s);
}
