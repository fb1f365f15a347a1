#include "ingest/standing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/event_id.h"
#include "ingest/event_json.h"

#define RETRY_MS 1000

static void on_written(struct folder_state *q);

void standing_init(struct standing *s, struct pg *pg, const struct folder_lease *lease,
		   const char *address, void *owner, void (*on_told)(void *owner))
{
	*s = (struct standing){
		.pg = pg, .lease = *lease, .address = address, .owner = owner, .on_told = on_told
	};
}

void standing_clear(struct standing *s)
{
	pg_tx_cancel(&s->write.tx);
}

static void later(struct standing *s)
{
	s->phase = STANDING_LATER;
	s->retry_at_ms = clock_mono_ms() + RETRY_MS;
}

static void start_write(struct standing *s)
{
	bool is_event = s->refused != 0;
	cleanup_free char *data = NULL;
	char round[24], event[EVENT_ID];
	int r;

	(void)snprintf(round, sizeof(round), "%lld", (long long)s->refused);
	const struct text parts[] = { text_of(s->lease.workspace), text_of(s->lease.inbox),
				      TEXT("inbox.reauth_required"), text_of(round) };

	event_id_of(parts, countof(parts), event);
	if (is_event)
		data = event_json_inbox(s->lease.inbox, s->address, s->reason,
					"POST /v1/connect-links");
	s->sent_state = s->state;
	(void)snprintf(s->sent_reason, sizeof(s->sent_reason), "%s", s->reason);
	s->phase = STANDING_WRITING;
	r = folder_state_start(s->pg, &s->write, &s->lease, s->state, s->reason, s->detail,
			       is_event ? event : NULL, "inbox.reauth_required", data, on_written);
	if (r)
		later(s);
}

static void on_written(struct folder_state *q)
{
	struct standing *s = container_of(q, struct standing, write);

	s->phase = STANDING_TOLD;
	s->is_fenced |= q->fenced;
	if (!outcome_ok(&q->outcome) && !q->fenced)
		later(s);
	if (outcome_ok(&q->outcome) && s->refused)
		pg_notify(s->pg, "replyd_event");
	if (outcome_ok(&q->outcome) &&
	    (strcmp(s->sent_state, s->state) != 0 || strcmp(s->sent_reason, s->reason) != 0))
		start_write(s);
	s->on_told(s->owner);
}

void standing_say(struct standing *s, const char *state, const char *reason, struct text detail,
		  int64_t refused)
{
	bool same = s->state && strcmp(s->state, state) == 0 && strcmp(s->reason, reason) == 0;

	s->state = state;
	(void)snprintf(s->reason, sizeof(s->reason), "%s", reason);
	s->refused = refused;
	text_printable(s->detail, sizeof(s->detail), detail);
	if (!same && s->phase == STANDING_TOLD && !s->is_fenced)
		start_write(s);
}

uint64_t standing_deadline(const struct standing *s)
{
	return s->phase == STANDING_LATER ? s->retry_at_ms : UINT64_MAX;
}

void standing_tick(struct standing *s, uint64_t now_ms)
{
	if (s->phase == STANDING_LATER && now_ms >= s->retry_at_ms)
		start_write(s);
}
