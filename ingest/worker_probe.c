#include "ingest/worker_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ingest/worker_inside.h"
#include "ingest/worker_seat.h"

static void on_asked(struct probe_list *q, const struct probe_asked *a);
static void on_listed(struct probe_list *q);
static void on_answered(struct probe_answers *q);

#define LIST_MS  5000              /* the poll behind the hint */
#define AGAIN_MS 1000              /* answers could not be written */
#define ANSWERS  500               /* in one statement */
#define STALE_US INT64_C(60000000) /* who asked has left long ago */

struct worker_probe_asked {
	char probe[FOLDER_UUID], inbox[FOLDER_UUID];
	int64_t heard_us; /* our clock; a proof of this instant or a later one answers */
	int64_t was_us;   /* proven so far when it was asked to prove */
	bool is_sent;
};

void worker_probe_init(struct worker *w)
{
	w->probe.list_ms = clock_mono_ms();
	w->probe.answer_ms = WORKER_NEVER;
}

void worker_probe_clear(struct worker *w)
{
	free(w->probe.asked);
	w->probe.asked = NULL;
	w->probe.n_asked = w->probe.room = 0;
}

uint64_t worker_probe_due(const struct worker *w)
{
	const struct worker_probe *p = &w->probe;

	return p->list_ms < p->answer_ms ? p->list_ms : p->answer_ms;
}

void worker_probe_cancel(struct worker *w)
{
	pg_tx_cancel(&w->probe.list.tx);
	pg_tx_cancel(&w->probe.answers.tx);
	w->probe.is_listing = w->probe.is_answering = false;
}

void worker_probe_soon(struct worker *w)
{
	w->probe.list_ms = clock_mono_ms();
	worker_arm(w);
}

void worker_probe_proven(struct worker *w)
{
	if (w->probe.n_asked == 0 || w->probe.is_answering)
		return;
	w->probe.answer_ms = clock_mono_ms();
	worker_arm(w);
}

/* ---- questions ---- */

static bool is_known(const struct worker_probe *p, const char *probe)
{
	for (size_t i = 0; i < p->n_asked; i++)
		if (strcmp(p->asked[i].probe, probe) == 0)
			return true;
	return false;
}

static void ask(struct mailbox *m, struct worker_probe_asked *a)
{
	a->was_us = mailbox_proven_us(m);
	mailbox_probe(m);
}

static void on_asked(struct probe_list *q, const struct probe_asked *a)
{
	struct worker *w = container_of(q, struct worker, probe.list);
	struct worker_probe *p = &w->probe;
	struct seat *s = worker_seat_find(w, a->inbox);
	struct worker_probe_asked *new;

	if (!s || p->n_asked == LIMIT_PROBES || is_known(p, a->probe))
		return; /* the next poll tells it again */
	if (p->n_asked == p->room) {
		p->room = p->room ? 2 * p->room : 16;
		p->asked = mem_resize(p->asked, p->room * sizeof(*p->asked));
	}
	new = &p->asked[p->n_asked++];
	(void)snprintf(new->probe, sizeof(new->probe), "%s", a->probe);
	(void)snprintf(new->inbox, sizeof(new->inbox), "%s", a->inbox);
	new->heard_us = clock_unix_us();
	new->is_sent = false;
	ask(s->mailbox, new);
}

static void on_listed(struct probe_list *q)
{
	struct worker *w = container_of(q, struct worker, probe.list);

	w->probe.is_listing = false;
	worker_arm(w);
}

/* ---- answers ---- */

/* A proof that was under way when the question came does not answer it: once more. */
static bool is_proven(struct worker *w, struct worker_probe_asked *a, struct probe_answer *ret)
{
	struct seat *s = worker_seat_find(w, a->inbox);
	int64_t proven_us = s ? mailbox_proven_us(s->mailbox) : INT64_MIN;

	if (!s || proven_us < a->heard_us) {
		if (s && proven_us != a->was_us)
			ask(s->mailbox, a);
		return false;
	}
	memcpy(ret->probe, a->probe, sizeof(ret->probe));
	memcpy(ret->inbox, a->inbox, sizeof(ret->inbox));
	ret->epoch = mailbox_epoch(s->mailbox);
	ret->gated_through_us = proven_us;
	return true;
}

static void start_answers(struct worker *w)
{
	struct worker_probe *p = &w->probe;
	struct probe_answer *answers = mem_new(ANSWERS * sizeof(*answers));
	size_t n = 0;

	for (size_t i = 0; i < p->n_asked && n < ANSWERS; i++)
		if (is_proven(w, &p->asked[i], &answers[n])) {
			p->asked[i].is_sent = true;
			n++;
		}
	if (n > 0)
		p->is_answering = probe_answers_start(w->p.mailbox.pg, &p->answers, answers, n,
						      on_answered) == 0;
	free(answers);
}

/* What was answered, and what nobody waits for. */
static void forget(struct worker_probe *p, bool is_written)
{
	int64_t now_us = clock_unix_us();
	size_t kept = 0;

	for (size_t i = 0; i < p->n_asked; i++) {
		bool is_old = now_us - p->asked[i].heard_us > STALE_US;

		if ((p->asked[i].is_sent && is_written) || is_old)
			continue;
		p->asked[i].is_sent = false;
		p->asked[kept++] = p->asked[i];
	}
	p->n_asked = kept;
}

static void on_answered(struct probe_answers *q)
{
	struct worker *w = container_of(q, struct worker, probe.answers);
	struct worker_probe *p = &w->probe;
	bool is_ok = outcome_ok(&q->outcome);

	p->is_answering = false;
	forget(p, is_ok);
	if (p->n_asked > 0) /* others were proven meanwhile, perhaps */
		p->answer_ms = clock_mono_ms() + (is_ok ? 0 : AGAIN_MS);
	worker_arm(w);
}

void worker_probe_tick(struct worker *w, uint64_t now_ms)
{
	struct worker_probe *p = &w->probe;

	if (now_ms >= p->list_ms) {
		p->list_ms = now_ms + LIST_MS;
		if (!p->is_answering)
			forget(p, false);
		if (!p->is_listing)
			p->is_listing = probe_list_start(w->p.mailbox.pg, &p->list, w->p.id,
							 on_asked, on_listed) == 0;
	}
	if (now_ms >= p->answer_ms) {
		p->answer_ms = WORKER_NEVER;
		if (!p->is_answering)
			start_answers(w);
	}
}
