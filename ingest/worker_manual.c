#include "ingest/worker_manual.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/event_id.h"
#include "ingest/event_json.h"
#include "ingest/worker_inside.h"

static void on_due(struct sent_dues *q, const struct sent_due *d);
static void on_dues(struct sent_dues *q);
static void on_told(struct sent_tell *q);

#define MANUAL_MS 30000
#define SOON_MS   50

void worker_manual_init(struct worker *w)
{
	w->manual.at_ms = clock_mono_ms();
}

uint64_t worker_manual_due(const struct worker *w)
{
	return w->manual.at_ms;
}

void worker_manual_cancel(struct worker *w)
{
	struct worker_manual *m = &w->manual;

	pg_tx_cancel(&m->dues.tx);
	pg_tx_cancel(&m->tell.tx);
	json_decref(m->due);
	m->due = NULL;
	m->is_under_way = false;
}

void worker_manual_tick(struct worker *w, uint64_t now_ms)
{
	struct worker_manual *m = &w->manual;
	uint64_t grace_ms = w->p.mailbox.manual_grace_ms;

	/* Who wants it sooner than usual looks sooner. */
	m->at_ms = now_ms + (grace_ms < MANUAL_MS ? grace_ms + SOON_MS : MANUAL_MS);
	if (m->is_under_way)
		return;
	m->due = json_object();
	m->is_full = false;
	m->is_under_way = sent_dues_start(w->p.mailbox.pg, &m->dues, on_due, on_dues) == 0;
	if (!m->is_under_way)
		worker_manual_cancel(w);
}

/* ---- what is due ---- */

static json_t *event_of(const struct sent_due *d, const json_t *prospect)
{
	static const char type[] = "outbound.manual";
	const char *key = json_string_value(json_object_get(prospect, "key"));
	const struct event_json_manual manual = {
		.inbox = d->inbox,
		.inbox_address = d->inbox_address,
		.folder_role = d->folder_role,
		.message = d->message,
		.header_message_id = d->header_message_id,
		.subject = d->subject,
		.sent_us = d->sent_us,
		.detected_us = d->detected_us,
		.recovered = d->recovered,
	};
	const struct text parts[] = { text_of(d->workspace), text_of(d->message), text_of(type),
				      text_of(key), TEXT("1") };
	char id[EVENT_ID];

	event_id_of(parts, countof(parts), id);
	return json_pack("{ss ss so}", "prospect_key", key ? key : "", "event_id", id, "data",
			 event_json_manual(&manual, prospect));
}

static void on_due(struct sent_dues *q, const struct sent_due *d)
{
	struct worker_manual *m = &container_of(q, struct worker, manual.dues)->manual;
	json_t *list = json_object_get(m->due, d->workspace);
	json_t *prospects = json_loads(d->prospects, 0, NULL), *events = json_array(), *one;
	char sent[CLOCK_TEXT];
	size_t i;

	json_array_foreach(prospects, i, one)
	{
		json_array_append_new(events, event_of(d, one));
	}
	json_decref(prospects);
	if (!list) {
		list = json_array();
		json_object_set_new(m->due, d->workspace, list);
	}
	clock_rfc3339(d->sent_us, sent);
	json_array_append_new(list, json_pack("{ss ss so ss so}", "message_id", d->message,
					      "inbox_id", d->inbox, "digest",
					      d->digest[0] ? json_string(d->digest) : json_null(),
					      "sent_at", sent, "events", events));
}

/* ---- told, one workspace after the other ---- */

static void tell_next(struct worker *w)
{
	struct worker_manual *m = &w->manual;
	void *first = json_object_iter(m->due);
	char workspace[FOLDER_UUID];
	char *items;
	int r;

	if (!first) {
		worker_manual_cancel(w);
		if (m->is_full)
			m->at_ms = clock_mono_ms();
		worker_arm(w);
		return;
	}
	(void)snprintf(workspace, sizeof(workspace), "%s", json_object_iter_key(first));
	items = json_dumps(json_object_iter_value(first), JSON_COMPACT);
	json_object_del(m->due, workspace);
	r = sent_tell_start(w->p.mailbox.pg, &m->tell, workspace, items, on_told);
	free(items);
	if (r)
		worker_manual_cancel(w);
}

static void on_dues(struct sent_dues *q)
{
	struct worker *w = container_of(q, struct worker, manual.dues);

	w->manual.is_full = w->manual.dues.rows == SENT_DUE_MAX;
	tell_next(w);
}

static void on_told(struct sent_tell *q)
{
	struct worker *w = container_of(q, struct worker, manual.tell);

	/* What was refused is due still, and comes again with the next look. */
	if (!outcome_ok(&q->outcome)) {
		w->manual.is_full = false;
		if (q->outcome.blame == BLAME_US)
			log_error(&w->log, "manual.refused", "what=%s", q->outcome.what);
	}
	if (q->events > 0)
		pg_notify(w->p.mailbox.pg, "replyd_event");
	tell_next(w);
}
