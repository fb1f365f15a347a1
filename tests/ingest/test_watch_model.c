/* Random worlds: whatever comes, goes, moves, breaks or is told late, nothing is passed over, no
 * mail is told twice, and no proof claims more than is durable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/ingest/watch_world.h"

#define STEPS 1500

/* What a world is like. */
struct kind {
	const char *name;
	unsigned first, seeds;
	bool no_idle, no_uidnext, lists_counters, notifies;
	unsigned goes; /* a folder that goes and comes; 0: none */
	bool renames, refuses, dies, was_absent;
};

static const struct kind kinds[] = {
	{ .name = "plain", .first = 0, .seeds = 10 },
	{ .name = "no IDLE", .first = 1000, .seeds = 8, .no_idle = true },
	/* RFC 3501 section 6.3.1: "if this is missing, the client can not make any assumptions". */
	{ .name = "no UIDNEXT", .first = 2000, .seeds = 8, .no_uidnext = true },
	{ .name = "no UIDNEXT, no IDLE",
	  .first = 2100,
	  .seeds = 10,
	  .no_uidnext = true,
	  .no_idle = true },
	{ .name = "LIST with counters", .first = 3000, .seeds = 12, .lists_counters = true },
	{ .name = "NOTIFY", .first = 4000, .seeds = 12, .lists_counters = true, .notifies = true },
	{ .name = "Junk comes and goes", .first = 5000, .seeds = 8, .goes = WORLD_JUNK },
	{ .name = "Work comes and goes, under two names",
	  .first = 6000,
	  .seeds = 8,
	  .goes = WORLD_WORK,
	  .renames = true,
	  .lists_counters = true },
	{ .name = "the same with NOTIFY",
	  .first = 7000,
	  .seeds = 8,
	  .goes = WORLD_WORK,
	  .renames = true,
	  .lists_counters = true,
	  .notifies = true },
	{ .name = "mails that the server refuses", .first = 8000, .seeds = 8, .refuses = true },
	{ .name = "mails at which it dies", .first = 9000, .seeds = 8, .dies = true },
	{ .name = "a month away, and UIDVALIDITY changed",
	  .first = 10000,
	  .seeds = 8,
	  .was_absent = true },
};

static unsigned any_folder(struct world *w)
{
	unsigned f = (unsigned)world_below(w, 2 * WORLD_FOLDERS);

	return f < WORLD_FOLDERS ? f : WORLD_INBOX;
}

static void arrive(struct world *w, const struct kind *k)
{
	struct world_mail *m = &w->mails[w->n_mails];
	size_t before = w->n_mails;

	world_arrive(w, any_folder(w), w->now_us);
	if (w->n_mails == before || world_below(w, 60))
		return;
	m->is_refused = k->refuses;
	m->is_deadly = k->dies;
}

/* Something happens to the mailbox or the connection.  false: nothing did. */
static bool happens(struct world *w, const struct kind *k, uint64_t what)
{
	if (what < 12) {
		arrive(w, k);
	} else if (what < 14) {
		for (uint64_t n = world_below(w, 60); n > 0; n--)
			arrive(w, k);
	} else if (what < 17 && w->n_mails) {
		world_vanish(w, world_below(w, w->n_mails));
	} else if (what == 17 && w->n_mails) {
		world_move(w, world_below(w, w->n_mails), any_folder(w));
	} else if (what == 18 && world_below(w, 4) == 0) {
		world_connect(w);
	} else if (what == 18) {
		world_take_over(w);
	} else if (what == 19 && k->goes && world_below(w, 10) == 0) {
		world_folder_goes_or_comes(w, k->goes);
	} else if (what == 19 && k->renames && world_below(w, 10) == 0) {
		world_rename(w);
	} else if (what == 19 && world_below(w, 20) == 0) {
		world_new_uidvalidity(w, (unsigned)world_below(w, WORLD_FOLDERS));
	} else {
		return false;
	}
	return true;
}

static void step(struct world *w, const struct kind *k, bool is_quiet)
{
	uint64_t what = world_below(w, 100);

	world_pass_time(w, world_below(w, 30));
	if (!is_quiet && happens(w, k, what))
		return;
	if (what < 22)
		world_pass_time(w, world_below(w, 8000));
	else if (what == 23)
		watch_probe(&w->w);
	else if (what < 40 && (w->is_idling || w->n_pushed))
		world_push(w);
	else if (what < 70 && w->is_busy && !w->is_idling)
		world_serve(w);
	else if (what < 78 && w->work == WORLD_WORK_BATCH)
		world_gate(w);
	else if (what < 86 && w->work == WORLD_WORK_GATED)
		world_worked(w);
	else if (what < 90 && w->has_start)
		world_write_row(w);
	else
		world_drive(w);
}

/* Nobody watches for a month; then the folders have other UIDs, or not. */
static void absence(struct world *w)
{
	watch_unready(&w->w);
	w->absent_us = w->proven_us;
	for (unsigned day = 0; day < 30; day++) {
		world_pass_time(w, 86400 * 1000);
		world_arrive(w, any_folder(w), w->now_us);
	}
	for (unsigned f = 0; f < WORLD_FOLDERS; f++)
		if (world_below(w, 2))
			world_new_uidvalidity(w, f);
	world_connect(w);
}

static void begin(struct world *w, const struct kind *k, unsigned seed)
{
	const struct watch_params p = { .lookback_s = 14 * 86400,
					.proof_ms = WORLD_PROOF,
					.sweep_ms = WORLD_SWEEP,
					.poll_ms = WORLD_PROOF,
					.keep_ms = 60000 };

	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->has_idle = !k->no_idle;
	w->has_uidnext = !k->no_uidnext;
	w->has_list_status = k->lists_counters;
	w->has_notify = k->notifies;
	w->proven_us = INT64_MIN;
	w->absent_us = INT64_MAX;
	w->now_ms = 1000;
	w->now_us = INT64_C(1700000000) * 1000000;
	rand_gen_seed(&w->g, seed + 1);
	watch_init(&w->w, &p);
	for (unsigned f = 0; f < WORLD_FOLDERS; f++) {
		w->folders[f].is_there = true;
		w->folders[f].uidnext = 1 + (uint32_t)world_below(w, 3000);
		w->folders[f].uidvalidity = 7 + f;
	}
	/* what was there before: half of it older than the lookback */
	for (uint64_t n = world_below(w, 300); n > 0; n--)
		world_arrive(w, any_folder(w), w->now_us - (n > 100 ? 30 : 10) * WORLD_DAY_US);
	world_connect(w);
}

static void end(struct world *w, const struct kind *k)
{
	/* Without UIDNEXT each look walks through all numbers there can be. */
	int64_t late_us = (k->no_uidnext ? 60 : 4) * WORLD_PROOF * INT64_C(1000);
	uint64_t heal_ms;

	if (k->goes && !w->folders[k->goes].is_there)
		world_folder_goes_or_comes(w, k->goes);
	for (size_t i = 0; i < w->n_mails; i++)
		w->mails[i].is_refused = w->mails[i].is_deadly = false;
	w->is_quiet = true;
	heal_ms = w->now_ms + 2 * WATCH_POISON_MS;
	for (unsigned i = 0; i < 4 * STEPS || w->now_ms < heal_ms; i++)
		step(w, k, true);
	if (world_missing(w) > 0)
		fail_msg("%s, seed %u: %u mails are missing", k->name, w->seed, world_missing(w));
	if (!watch_is_live(&w->w) || !watch_is_whole(&w->w) || w->w.n_poison)
		fail_msg("%s, seed %u: not live", k->name, w->seed);
	if (w->proofs < 10 || w->now_us - w->proven_us > late_us)
		fail_msg("%s, seed %u: %u proofs", k->name, w->seed, w->proofs);
}

static void nothing_is_passed_over(void **state)
{
	static struct world w;

	(void)state;
	for (size_t i = 0; i < countof(kinds); i++) {
		for (unsigned seed = 0; seed < kinds[i].seeds; seed++) {
			begin(&w, &kinds[i], kinds[i].first + seed);
			for (unsigned n = 0; n < STEPS; n++)
				step(&w, &kinds[i], false);
			if (kinds[i].was_absent)
				absence(&w);
			end(&w, &kinds[i]);
			watch_clear(&w.w);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
