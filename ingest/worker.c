#include "ingest/worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io/timer.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "db/lease.h"
#include "ingest/liveness.h"

static void on_timer(struct timer *t);
static void on_beaten(struct lease_beat *q);
static void on_mine(struct lease_list *q, const struct lease_inbox *i);
static void on_mine_over(struct lease_list *q);
static void on_taken(struct lease_list *q, const struct lease_inbox *i);
static void on_take_over(struct lease_list *q);
static void on_released(struct lease_release *q);
static void on_recheck(struct lease_rechecks *q, const struct lease_recheck *r);
static void on_rechecks_over(struct lease_rechecks *q);
static void on_proven(struct folder_proofs *q);
static void on_want(void *owner);
static void on_settled(void *owner);
static void on_proof(void *owner);
static void on_lost(void *owner, const char *why);
static void on_all_released(struct lease_release *q);
static void on_closed(struct timer *t);

#define JANITOR_MS    5000
#define WALK_AGAIN_MS 20
#define RECHECK_MS    30000
#define PROOF_MS      1000 /* one statement a second for all inboxes */
#define PROOFS        1000 /* rows of it */
#define CONNECTS      64
#define SPARE_FILES   100 /* descriptors for everything that is no mailbox */
#define NEVER         UINT64_MAX

/* One mailbox and its places in the lists. */
struct seat {
	struct worker *worker;
	struct mailbox *mailbox;
	struct list want;  /* waits for admission */
	struct list prove; /* has proofs */
	bool is_admitted;  /* its attempt is under way */
	bool is_seen;      /* by the walk under way */
};

struct worker {
	struct worker_params p;
	struct log log;
	char host[64];
	struct timer timer;
	struct map seats; /* by inbox */
	struct list want, prove, losing;
	unsigned admitted;
	struct liveness liveness;
	/* One of each at a time; `is_*` is "under way". */
	struct lease_beat beat;
	struct lease_list walk; /* mine, then take */
	struct lease_release release;
	struct lease_rechecks rechecks;
	struct folder_proofs proofs;
	bool is_beating, is_walking, is_releasing, is_rechecking, is_proving;
	struct folder_proof *sent;
	size_t n_sent;
	uint64_t beat_ms, walk_ms, recheck_ms, proof_ms, stop_ms; /* when next; NEVER: not wanted */
	uint64_t beaten_ms;      /* last beat that was answered; 0: none */
	int64_t living_capacity; /* of all workers that are not dead */
	uint64_t unheld_ms; /* since when there are inboxes that nobody holds; 0: there are none */
	enum { WORKER_RUNNING, WORKER_STOPPING, WORKER_STOPPED, WORKER_CLOSING } state;
	void (*stopped)(void *owner);
	void *stopped_owner;
};

/* ---- open and drop ---- */

static int64_t capacity_of(int64_t wanted)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
		int64_t room =
			files.rlim_cur > SPARE_FILES ? (int64_t)files.rlim_cur - SPARE_FILES : 1;

		if (room < wanted)
			return room;
	}
	return wanted;
}

struct worker *worker_open(const struct worker_params *p)
{
	struct worker *w = mem_new(sizeof(*w));
	const struct liveness_params lp = {
		.silence_ms = p->lease_ms,
		.grace_ms = p->grace_ms,
		.blind_ms = p->lease_ms / 2 > 2 * p->heartbeat_ms ? p->lease_ms / 2
								  : 2 * p->heartbeat_ms,
	};

	w->p = *p;
	if (!w->p.janitor_ms)
		w->p.janitor_ms = JANITOR_MS;
	if (!w->p.connects)
		w->p.connects = CONNECTS;
	w->p.capacity = capacity_of(p->capacity);
	log_child(&w->log, p->mailbox.log, "worker=%s", p->id);
	(void)gethostname(w->host, sizeof(w->host) - 1); /* for people; "" does too */
	map_init(&w->seats);
	list_init(&w->want);
	list_init(&w->prove);
	liveness_init(&w->liveness, &lp);
	w->walk_ms = NEVER; /* after the first beat: leases name our row */
	w->recheck_ms = w->proof_ms = w->stop_ms = NEVER;
	timer_open(&w->timer, p->mailbox.loop, on_timer);
	timer_in(&w->timer, 0);
	return w;
}

static void leave_seat(struct seat *s)
{
	struct worker *w = s->worker;

	if (s->is_admitted)
		w->admitted--;
	list_remove(&s->want);
	list_remove(&s->prove);
	map_remove(&w->seats, text_of(mailbox_inbox(s->mailbox)));
	mailbox_drop(s->mailbox);
	free(s);
}

static void leave_all_seats(struct worker *w)
{
	struct text key;
	size_t at = 0;
	void *seat;

	while (map_next(&w->seats, &at, &key, &seat))
		leave_seat(seat);
}

void worker_drop(struct worker *w)
{
	if (!w || w->state == WORKER_CLOSING)
		return;
	w->state = WORKER_CLOSING;
	leave_all_seats(w);
	pg_tx_cancel(&w->beat.tx);
	pg_tx_cancel(&w->walk.tx);
	pg_tx_cancel(&w->release.tx);
	pg_tx_cancel(&w->rechecks.tx);
	pg_tx_cancel(&w->proofs.tx);
	timer_drop(&w->timer, on_closed);
}

static void on_closed(struct timer *t)
{
	struct worker *w = container_of(t, struct worker, timer);

	map_clear(&w->seats);
	free(w->sent);
	free(w);
}

static void arm(struct worker *w)
{
	const uint64_t all[] = { w->beat_ms, w->walk_ms, w->recheck_ms, w->proof_ms, w->stop_ms };
	uint64_t at = NEVER;

	for (size_t i = 0; i < countof(all); i++)
		if (all[i] < at)
			at = all[i];
	if (!list_is_empty(&w->want) && w->admitted < w->p.connects)
		at = 0;
	timer_at(&w->timer, at);
}

/* ---- seats ---- */

static struct seat *find_seat(const struct worker *w, const char *inbox)
{
	return map_get(&w->seats, text_of(inbox));
}

static void take_seat(struct worker *w, const struct lease_inbox *i)
{
	struct seat *s = mem_new(sizeof(*s));
	struct mailbox_params mp = w->p.mailbox;

	s->worker = w;
	list_init(&s->want);
	list_init(&s->prove);
	mp.owner = s;
	mp.on_want = on_want;
	mp.on_settled = on_settled;
	mp.on_proof = on_proof;
	mp.on_lost = on_lost;
	s->mailbox = mailbox_open(&mp, i);
	s->is_seen = true;
	map_put(&w->seats, text_of(i->inbox), s);
	list_append(&w->want, &s->want);
}

static void on_want(void *owner)
{
	struct seat *s = owner;

	list_remove(&s->want);
	list_append(&s->worker->want, &s->want);
	arm(s->worker);
}

static void on_settled(void *owner)
{
	struct seat *s = owner;

	if (!s->is_admitted)
		return;
	s->is_admitted = false;
	s->worker->admitted--;
	arm(s->worker);
}

static void on_lost(void *owner, const char *why)
{
	struct seat *s = owner;
	struct worker *w = s->worker;

	log_warn(&w->log, "lease.lost", "inbox=%s epoch=%lld why=%s", mailbox_inbox(s->mailbox),
		 (long long)mailbox_epoch(s->mailbox), why);
	leave_seat(s);
	w->walk_ms = clock_mono_ms();
	arm(w);
}

static void admit(struct worker *w)
{
	struct list *first;

	while (w->admitted < w->p.connects && (first = list_first(&w->want))) {
		struct seat *s = container_of(first, struct seat, want);

		list_remove(first);
		s->is_admitted = true;
		w->admitted++;
		mailbox_admit(s->mailbox);
	}
}

/* ---- heartbeat ---- */

static void start_beat(struct worker *w, uint64_t now_ms)
{
	w->beat_ms = now_ms + w->p.heartbeat_ms;
	if (w->is_beating)
		return;
	w->is_beating = lease_beat_start(w->p.mailbox.pg, &w->beat, w->p.id, w->host, (int)getpid(),
					 w->p.capacity, on_beaten) == 0;
}

static void on_beaten(struct lease_beat *q)
{
	struct worker *w = container_of(q, struct worker, beat);
	uint64_t now_ms = clock_mono_ms();

	w->is_beating = false;
	if (!outcome_ok(&q->outcome)) {
		liveness_blind(&w->liveness);
		if (q->outcome.blame != BLAME_NET)
			log_error(&w->log, "worker.beat", "blame=%s what=%s said=%s",
				  outcome_blame_name(q->outcome.blame), q->outcome.what,
				  q->outcome.said);
		return;
	}
	/* Nobody has seen us beat for as long as a lease lasts: what we hold may be another's. */
	if (w->beaten_ms && now_ms - w->beaten_ms > w->p.lease_ms) {
		log_warn(&w->log, "worker.was_silent", "ms=%llu",
			 (unsigned long long)(now_ms - w->beaten_ms));
		w->walk_ms = now_ms;
	}
	if (!w->beaten_ms)
		w->walk_ms = w->recheck_ms = now_ms;
	w->beaten_ms = now_ms;
	liveness_begin(&w->liveness, now_ms);
	for (size_t i = 0; i < q->n_workers; i++)
		liveness_saw(&w->liveness, q->workers[i].worker, q->workers[i].beat, now_ms);
	liveness_end(&w->liveness);
	w->living_capacity = 0;
	for (size_t i = 0; i < q->n_workers; i++)
		if (liveness_is_alive(&w->liveness, q->workers[i].worker, now_ms))
			w->living_capacity += q->workers[i].capacity;
	arm(w);
}

/* ---- the walk ---- */

static void start_walk(struct worker *w, uint64_t now_ms)
{
	struct text key;
	size_t at = 0;
	void *seat;

	/* What a hint is about may have come behind the walk that is under way. */
	w->walk_ms = now_ms + (w->is_walking ? WALK_AGAIN_MS : w->p.janitor_ms);
	if (w->is_walking || w->state != WORKER_RUNNING)
		return;
	while (map_next(&w->seats, &at, &key, &seat))
		((struct seat *)seat)->is_seen = false;
	w->is_walking =
		lease_mine_start(w->p.mailbox.pg, &w->walk, w->p.id, on_mine, on_mine_over) == 0;
}

/* An inbox that is not to be watched any more is given back. */
static void give_back(struct worker *w, const struct lease_inbox *i, struct seat *s)
{
	if (s)
		leave_seat(s);
	if (w->is_releasing)
		return; /* the next walk */
	log_info(&w->log, "lease.given_back", "inbox=%s admin_state=%s", i->inbox, i->admin_state);
	w->is_releasing = lease_release_start(w->p.mailbox.pg, &w->release, w->p.id, i->inbox,
					      on_released) == 0;
}

static void on_mine(struct lease_list *q, const struct lease_inbox *i)
{
	struct worker *w = container_of(q, struct worker, walk);
	struct seat *s = find_seat(w, i->inbox);

	if (strcmp(i->admin_state, "enabled") != 0) {
		give_back(w, i, s);
		return;
	}
	if (s && mailbox_epoch(s->mailbox) != i->epoch) {
		leave_seat(s);
		s = NULL;
	}
	if (!s) {
		take_seat(w, i);
		return;
	}
	s->is_seen = true;
	mailbox_update(s->mailbox, i);
}

static void on_released(struct lease_release *q)
{
	container_of(q, struct worker, release)->is_releasing = false;
}

static void leave_unseen(struct worker *w)
{
	struct text key;
	size_t at = 0;
	void *seat;

	while (map_next(&w->seats, &at, &key, &seat)) {
		struct seat *s = seat;

		if (s->is_seen)
			continue;
		log_warn(&w->log, "lease.gone", "inbox=%s epoch=%lld", mailbox_inbox(s->mailbox),
			 (long long)mailbox_epoch(s->mailbox));
		leave_seat(s);
	}
}

/*
 * How many more: our share of all there are, by what each living worker can
 * hold.  What nobody takes for as long as a lease is anybody's.
 */
static int64_t more_of(struct worker *w, int64_t watchable, int64_t unheld, uint64_t now_ms)
{
	int64_t all = w->living_capacity > w->p.capacity ? w->living_capacity : w->p.capacity;
	int64_t share = (watchable * w->p.capacity + all - 1) / all;

	if (!unheld)
		w->unheld_ms = 0;
	else if (!w->unheld_ms)
		w->unheld_ms = now_ms;
	if (share > w->p.capacity || (w->unheld_ms && now_ms - w->unheld_ms > w->p.lease_ms))
		share = w->p.capacity;
	return share - (int64_t)map_count(&w->seats);
}

static void on_mine_over(struct lease_list *q)
{
	struct worker *w = container_of(q, struct worker, walk);
	const char *dead[LIVENESS_MAX];
	uint64_t now_ms = clock_mono_ms();
	size_t n_dead = 0;
	int64_t more;

	w->is_walking = false;
	if (!outcome_ok(&q->outcome) || w->state != WORKER_RUNNING)
		return;
	leave_unseen(w);
	n_dead = liveness_dead(&w->liveness, now_ms, dead, countof(dead));
	more = more_of(w, q->watchable, q->free, now_ms);
	if (more > 0 && (q->free > 0 || n_dead > 0))
		w->is_walking = lease_take_start(w->p.mailbox.pg, &w->walk, w->p.id, dead, n_dead,
						 more, on_taken, on_take_over) == 0;
	arm(w);
}

static void on_taken(struct lease_list *q, const struct lease_inbox *i)
{
	struct worker *w = container_of(q, struct worker, walk);

	if (!find_seat(w, i->inbox))
		take_seat(w, i);
	log_info(&w->log, "lease.taken", "inbox=%s epoch=%lld", i->inbox, (long long)i->epoch);
}

static void on_take_over(struct lease_list *q)
{
	struct worker *w = container_of(q, struct worker, walk);

	w->is_walking = false;
	arm(w);
}

/* ---- rechecks and proofs ---- */

static void start_rechecks(struct worker *w, uint64_t now_ms)
{
	w->recheck_ms = now_ms + RECHECK_MS;
	if (!w->is_rechecking)
		w->is_rechecking = lease_rechecks_start(w->p.mailbox.pg, &w->rechecks, w->p.id,
							on_recheck, on_rechecks_over) == 0;
}

static void on_recheck(struct lease_rechecks *q, const struct lease_recheck *r)
{
	struct seat *s = find_seat(container_of(q, struct worker, rechecks), r->inbox);

	if (s)
		mailbox_recheck(s->mailbox, r->folder, r->uidvalidity, r->uid);
}

static void on_rechecks_over(struct lease_rechecks *q)
{
	container_of(q, struct worker, rechecks)->is_rechecking = false;
}

static void on_proof(void *owner)
{
	struct seat *s = owner;
	struct worker *w = s->worker;

	list_remove(&s->prove);
	list_append(&w->prove, &s->prove);
	if (w->proof_ms == NEVER && !w->is_proving) {
		w->proof_ms = clock_mono_ms();
		arm(w);
	}
}

static void start_proofs(struct worker *w)
{
	struct list *first;

	w->proof_ms = NEVER;
	if (w->is_proving)
		return;
	if (!w->sent)
		w->sent = mem_new(PROOFS * sizeof(*w->sent));
	w->n_sent = 0;
	while (w->n_sent < PROOFS && (first = list_first(&w->prove))) {
		struct seat *s = container_of(first, struct seat, prove);

		list_remove(first);
		w->n_sent +=
			mailbox_take_proofs(s->mailbox, w->sent + w->n_sent, PROOFS - w->n_sent);
	}
	if (w->n_sent > 0)
		w->is_proving = folder_proofs_start(w->p.mailbox.pg, &w->proofs, w->sent, w->n_sent,
						    on_proven) == 0;
}

static void on_proven(struct folder_proofs *q)
{
	struct worker *w = container_of(q, struct worker, proofs);
	uint64_t now_ms = clock_mono_ms();

	w->is_proving = false;
	/* A proof that was not written is no harm, there is a later one; but why was it not? */
	if (outcome_ok(&q->outcome) && q->written < (int64_t)w->n_sent)
		w->walk_ms = now_ms;
	w->proof_ms = list_is_empty(&w->prove) ? NEVER : now_ms + PROOF_MS;
	arm(w);
}

/* ---- time, hints, end ---- */

static void on_timer(struct timer *t)
{
	struct worker *w = container_of(t, struct worker, timer);
	uint64_t now_ms = clock_mono_ms();

	if (w->state == WORKER_STOPPING && now_ms >= w->stop_ms) {
		w->stop_ms = NEVER;
		on_all_released(&w->release);
		return;
	}
	if (w->state != WORKER_RUNNING)
		return;
	if (now_ms >= w->beat_ms)
		start_beat(w, now_ms);
	if (now_ms >= w->walk_ms)
		start_walk(w, now_ms);
	if (now_ms >= w->recheck_ms)
		start_rechecks(w, now_ms);
	if (now_ms >= w->proof_ms)
		start_proofs(w);
	admit(w);
	arm(w);
}

void worker_pg_up(struct worker *w)
{
	w->beat_ms = clock_mono_ms();
	arm(w);
}

void worker_pg_down(struct worker *w)
{
	liveness_blind(&w->liveness);
}

void worker_hint_inbox(struct worker *w)
{
	struct text key;
	size_t at = 0;
	void *seat;

	if (w->state != WORKER_RUNNING)
		return;
	while (map_next(&w->seats, &at, &key, &seat))
		if (mailbox_state_of(((struct seat *)seat)->mailbox) == MAILBOX_HELD)
			mailbox_poke(((struct seat *)seat)->mailbox);
	if (w->beaten_ms)
		w->walk_ms = clock_mono_ms();
	arm(w);
}

void worker_hint_recheck(struct worker *w)
{
	w->recheck_ms = clock_mono_ms();
	arm(w);
}

void worker_stop(struct worker *w, void (*stopped)(void *owner), void *owner)
{
	if (w->state != WORKER_RUNNING)
		return;
	w->state = WORKER_STOPPING;
	w->stopped = stopped;
	w->stopped_owner = owner;
	leave_all_seats(w);
	pg_tx_cancel(&w->walk.tx);
	pg_tx_cancel(&w->release.tx);
	w->beat_ms = w->walk_ms = w->recheck_ms = w->proof_ms = NEVER;
	w->stop_ms = clock_mono_ms() + WORKER_STOP_MS;
	if (lease_release_start(w->p.mailbox.pg, &w->release, w->p.id, NULL, on_all_released))
		w->stop_ms = 0;
	arm(w);
}

static void on_all_released(struct lease_release *q)
{
	struct worker *w = container_of(q, struct worker, release);

	if (w->state != WORKER_STOPPING)
		return;
	w->state = WORKER_STOPPED;
	w->stopped(w->stopped_owner);
}

size_t worker_held(const struct worker *w)
{
	return map_count(&w->seats);
}

size_t worker_live(const struct worker *w)
{
	struct text key;
	size_t at = 0, n = 0;
	void *seat;

	while (map_next(&w->seats, &at, &key, &seat))
		n += mailbox_is_live(((struct seat *)seat)->mailbox);
	return n;
}
