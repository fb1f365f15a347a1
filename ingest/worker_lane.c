#include "ingest/worker_lane.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/provider/provider_table.h"
#include "ingest/worker_inside.h"
#include "ingest/worker_seat.h"

static void on_told(struct fleet_outage *q);

#define TELL_MS       500 /* those that failed first are writing why, each for itself */
#define TELL_AGAIN_MS 5000
#define STILL_MS      (5 * 60 * 1000) /* who is still down says so again: 0007_fleet.sql */

void worker_lane_init(struct worker *w)
{
	map_init(&w->lane.by_name);
	list_init(&w->lane.ready);
	list_init(&w->lane.resting);
	list_init(&w->lane.telling);
	w->lane.retry_ms = WORKER_NEVER;
	w->lane.share = 1;
}

void worker_lane_cancel(struct worker *w)
{
	pg_tx_cancel(&w->lane.q.tx);
	w->lane.is_under_way = false;
}

/* ---- lanes ---- */

static struct lane *open_lane(struct worker *w, const char *name, const struct provider_row *row)
{
	struct lane *l = mem_new(sizeof(*l));
	const struct pace_params pp = {
		.connects_per_s = row->connects_per_s,
		.logins_per_s = row->logins_per_s,
		.spread_ms = w->p.spread_ms,
		.probe_ms = w->p.probe_ms,
		.survive_ms = w->p.survive_ms,
	};

	list_init(&l->link);
	list_init(&l->want);
	list_init(&l->tell);
	l->name = mem_text(name);
	l->connections = row->connections;
	l->proof_ms = w->p.mailbox.proof_ms ? w->p.mailbox.proof_ms : row->proof_s * UINT64_C(1000);
	pace_init(&l->pace, &pp, w->p.mailbox.rand, clock_mono_ms());
	pace_share(&l->pace, w->lane.share, clock_mono_ms());
	map_put(&w->lane.by_name, text_of(l->name), l);
	return l;
}

void worker_lane_share(struct worker *w, unsigned n)
{
	uint64_t now_ms = clock_mono_ms();
	size_t at = 0;
	struct text name;
	void *l;

	if (n == w->lane.share)
		return;
	w->lane.share = n;
	while (map_next(&w->lane.by_name, &at, &name, &l))
		pace_share(&((struct lane *)l)->pace, n, now_ms);
}

/* Servers that nobody described have nothing in common but that. */
void worker_lane_join(struct seat *s, const char *provider, const char *host)
{
	struct worker *w = s->worker;
	const struct provider_row *row =
		provider_table_find(w->p.mailbox.providers, text_of(provider));
	const char *name = strcmp(row->name, "generic") == 0 ? host : row->name;

	s->lane = map_get(&w->lane.by_name, text_of(name));
	if (!s->lane)
		s->lane = open_lane(w, name, row);
	s->lane->seats++;
}

static void close_lane(struct worker *w, struct lane *l)
{
	if (w->lane.told == l)
		w->lane.told = NULL;
	list_remove(&l->link);
	list_remove(&l->tell);
	map_remove(&w->lane.by_name, text_of(l->name));
	free(l->name);
	free(l);
}

/* Where it waits.  A ready one goes to the end: they take turns. */
static void place(struct worker *w, struct lane *l, uint64_t now_ms)
{
	list_remove(&l->link);
	if (!list_is_empty(&l->want) && pace_next(&l->pace, now_ms) <= now_ms)
		list_append(&w->lane.ready, &l->link);
	else if (!list_is_empty(&l->want) || l->pace.state != PACE_FLOWING)
		list_append(&w->lane.resting, &l->link);
}

uint64_t worker_lane_due(const struct worker *w)
{
	struct list *at;
	uint64_t now_ms = clock_mono_ms(), due_ms = WORKER_NEVER;

	if (!list_is_empty(&w->lane.ready) && w->lane.admitted < w->p.handshakes)
		return 0;
	if (!list_is_empty(&w->lane.telling) && !w->lane.is_under_way)
		due_ms = w->lane.retry_ms;
	for (at = w->lane.resting.next; at != &w->lane.resting; at = at->next) {
		const struct lane *l = container_of(at, struct lane, link);
		uint64_t next_ms =
			list_is_empty(&l->want) ? WORKER_NEVER : pace_next(&l->pace, now_ms);
		uint64_t turn_ms = pace_deadline(&l->pace);

		next_ms = turn_ms < next_ms ? turn_ms : next_ms;
		if (l->outage == LANE_TOLD && l->pace.state == PACE_DOWN && l->still_ms < next_ms)
			next_ms = l->still_ms;
		due_ms = next_ms < due_ms ? next_ms : due_ms;
	}
	return due_ms;
}

/* ---- outages ---- */

static void tell(struct worker *w, struct lane *l, enum lane_outage outage)
{
	l->outage = outage;
	list_remove(&l->tell);
	list_append(&w->lane.telling, &l->tell);
	w->lane.retry_ms = outage == LANE_TO_TELL ? clock_mono_ms() + TELL_MS : 0;
}

static void hear(struct worker *w, struct lane *l, enum pace_news news, uint64_t now_ms)
{
	switch (news) {
	case PACE_NOTHING:
		break;
	case PACE_WENT_DOWN:
		l->down_ms = now_ms;
		tell(w, l, LANE_TO_TELL);
		break;
	case PACE_CAME_BACK:
		if (l->is_said || w->lane.told == l) {
			tell(w, l, LANE_TO_END);
		} else { /* nobody was told yet */
			l->outage = LANE_FINE;
			list_remove(&l->tell);
		}
		break;
	}
}

/* Everybody of the lane who is out hears that it is not his own trouble.  How many they are. */
static int64_t tell_seats(const struct worker *w, const struct lane *l)
{
	const struct seat *s;
	int64_t n = 0;
	size_t at = 0;

	while ((s = worker_seat_next(w, &at)))
		n += s->lane == l && mailbox_provider_down(s->mailbox);
	return n;
}

static int start_tell(struct worker *w, struct lane *l)
{
	struct pg *pg = w->p.mailbox.pg;

	if (l->outage == LANE_TO_END)
		return fleet_outage_end_start(pg, &w->lane.q, l->name, on_told);
	return fleet_outage_start(pg, &w->lane.q, w->p.id, l->name, tell_seats(w, l), on_told);
}

static void tell_next(struct worker *w, uint64_t now_ms)
{
	struct list *first = list_first(&w->lane.telling);

	if (!first || w->lane.is_under_way || now_ms < w->lane.retry_ms)
		return;
	w->lane.told = container_of(first, struct lane, tell);
	w->lane.telling_what = w->lane.told->outage;
	w->lane.retry_ms = now_ms + TELL_AGAIN_MS;
	w->lane.is_under_way = start_tell(w, w->lane.told) == 0;
}

/* The fleet's log has one line of it; the other workers only note that they see it too. */
static void log_told(struct worker *w, const struct lane *l, enum lane_outage what, bool is_first)
{
	unsigned long long ms = clock_mono_ms() - l->down_ms;

	if (what == LANE_TO_END)
		log_info(&w->log, is_first ? "provider.back" : "provider.back_here",
			 "provider=%s inboxes=%zu after_ms=%llu", l->name, l->seats, ms);
	else if (is_first)
		log_error(&w->log, "provider.down", "provider=%s inboxes=%zu", l->name, l->seats);
	else if (!l->is_said)
		log_info(&w->log, "provider.down_here", "provider=%s inboxes=%zu", l->name,
			 l->seats);
}

static void on_told(struct fleet_outage *q)
{
	struct worker *w = container_of(q, struct worker, lane.q);
	enum lane_outage what = w->lane.telling_what;
	struct lane *l = w->lane.told;

	w->lane.is_under_way = false;
	w->lane.told = NULL;
	if (!outcome_ok(&q->outcome) || !l)
		return; /* again, if there is still something to be said */
	w->lane.retry_ms = 0;
	log_told(w, l, what, q->is_first);
	l->is_said = what == LANE_TO_TELL;
	l->still_ms = clock_mono_ms() + STILL_MS;
	if (l->outage == what) { /* else it has changed, and stands in the list */
		l->outage = what == LANE_TO_TELL ? LANE_TOLD : LANE_FINE;
		list_remove(&l->tell);
	}
	worker_arm(w);
}

/* Another worker's inboxes were let in, or rotation has taken us for dead; ours are out still. */
static bool is_still_down(const struct lane *l, uint64_t now_ms)
{
	return l->outage == LANE_TOLD && l->pace.state == PACE_DOWN && now_ms >= l->still_ms;
}

/* ---- admission ---- */

/* Each once, although those that rest on are put back to the end. */
static void rest(struct worker *w, uint64_t now_ms)
{
	const struct list *last = w->lane.resting.prev;
	struct list *at;

	while ((at = list_first(&w->lane.resting))) {
		struct lane *l = container_of(at, struct lane, link);

		hear(w, l, pace_tick(&l->pace, now_ms), now_ms);
		if (is_still_down(l, now_ms))
			tell(w, l, LANE_TO_TELL);
		place(w, l, now_ms);
		if (at == last)
			break;
	}
}

void worker_lane_tick(struct worker *w, uint64_t now_ms)
{
	struct list *at;

	rest(w, now_ms);
	while (w->lane.admitted < w->p.handshakes && (at = list_first(&w->lane.ready))) {
		struct lane *l = container_of(at, struct lane, link);
		struct seat *s = container_of(l->want.next, struct seat, want); /* it is ready */

		list_remove(&s->want);
		s->is_admitted = true;
		w->lane.admitted++;
		pace_begin(&l->pace, now_ms);
		mailbox_admit(s->mailbox);
		place(w, l, now_ms);
	}
	tell_next(w, now_ms);
}

void worker_lane_want(struct seat *s)
{
	struct worker *w = s->worker;
	struct lane *l = s->lane;
	uint64_t now_ms = clock_mono_ms();

	if (s->in_ms)
		hear(w, l, pace_lost(&l->pace, s->in_ms, &s->mark, w->p.mailbox.rand, now_ms),
		     now_ms);
	s->in_ms = 0;
	list_remove(&s->want);
	list_append(&l->want, &s->want);
	place(w, l, now_ms);
	worker_arm(w);
}

static enum pace_end end_of(const struct plight *why)
{
	if (!why)
		return PACE_LET_IN;
	return why->is_providers ? PACE_TURNED_AWAY : PACE_NO_WORD;
}

void worker_lane_settled(struct seat *s, const struct plight *why)
{
	struct worker *w = s->worker;
	uint64_t now_ms = clock_mono_ms();
	enum pace_end end = end_of(why);

	if (!s->is_admitted)
		return;
	s->is_admitted = false;
	w->lane.admitted--;
	s->in_ms = end == PACE_LET_IN ? now_ms : 0;
	hear(w, s->lane, pace_ended(&s->lane->pace, end, &s->mark, w->p.mailbox.rand, now_ms),
	     now_ms);
	place(w, s->lane, now_ms);
	worker_arm(w);
}

void worker_lane_leave(struct seat *s)
{
	const struct plight none = { .reason = "dropped" };
	struct worker *w = s->worker;
	struct lane *l = s->lane;

	list_remove(&s->want);
	if (s->is_admitted)
		worker_lane_settled(s, &none);
	place(w, l, clock_mono_ms());
	s->lane = NULL;
	if (--l->seats == 0)
		close_lane(w, l);
}

bool worker_lane_is_down(const struct seat *s)
{
	return s->lane->pace.state == PACE_DOWN || s->lane->pace.state == PACE_TRYING;
}
