/*
 * Mails on their way to the database: those that a FETCH tells are gathered, made
 * durable by the intake, and the watcher hears of it.  Beside that, messages whose
 * mail is gone become events without text.
 */
#include "ingest/vigil_inside.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static void on_intake(void *owner);

/* Messages left half done are looked at again. */
void vigil_batch_feed(struct vigil *v)
{
	struct watch_folders *f = &v->watch.folders;

	for (unsigned i = 0; i < f->n; i++)
		f->at[i].is_needed =
			f->at[i].folder[0] && backlog_has(&v->backlog, f->at[i].folder);
	for (size_t i = 0; i < v->backlog.n; i++)
		(void)watch_again(&v->watch, v->backlog.at[i].folder,
				  (uint32_t)v->backlog.at[i].uidvalidity,
				  (uint32_t)v->backlog.at[i].uid);
}

/* ---- batches ---- */

static struct intake *new_intake(struct vigil *v)
{
	const struct intake_params p = {
		.pg = v->p.pg,
		.log = v->p.log,
		.lease = v->p.lease,
		.address = v->p.address,
		.key = v->p.key,
		.authserv = v->p.provider->authserv,
		.text_max = v->p.text_max,
		.opens_answers = v->p.opens_answers,
		.manual_grace_ms = v->p.manual_grace_ms,
		.gather = v->p.gather,
		.rand = v->p.rand,
		.is_careful = v->p.is_bereft,
		.owner = v,
		.on_step = on_intake,
	};

	return intake_open(&p);
}

static void on_intake(void *owner)
{
	struct vigil *v = owner;

	v->p.on_step(v->p.owner);
}

void vigil_batch_told(struct vigil *v, const struct imap_message *told, int64_t now_us)
{
	/* Flags that changed while we fetched parts are no mail that was asked for. */
	if (v->watch.state != WATCH_STATE_FETCHING)
		return;
	if (!v->intake) {
		v->intake = new_intake(v);
		v->fill = VIGIL_FILL_WHOLE;
	}
	if (!intake_told(v->intake, told, now_us))
		v->fill = VIGIL_FILL_TOO_MANY;
}

void vigil_batch_drop(struct vigil *v)
{
	intake_drop(v->intake);
	v->intake = NULL;
	v->fill = VIGIL_FILL_EMPTY;
}

static void begin_batch(struct vigil *v, const struct watch_batch *b)
{
	const struct watch_folder *f = &v->watch.folders.at[b->folder];
	const struct folder_pending *p = NULL;
	struct intake_batch batch = {
		.folder_role = watch_folder_role_name(f->role),
		.uidvalidity = f->uidvalidity,
		.uid_to = b->purpose == WATCH_ARRIVED ? b->uid_row : 0,
		.proof_us = b->proof_us,
		.noticed_us = b->noticed_us,
		.holds_back = backlog_has(&v->backlog, f->folder),
		.is_recovered = b->is_missed,
	};

	(void)snprintf(batch.folder, sizeof(batch.folder), "%s", f->folder);
	if (!v->intake)
		v->intake = new_intake(v);
	if (b->purpose == WATCH_AGAIN) {
		p = backlog_find(&v->backlog, f->folder, f->uidvalidity, b->uid_to);
		batch.is_again = true;
		batch.again_uid = b->uid_to;
		batch.is_recovered = !p || p->recovered;
		batch.noticed_us = p ? p->detected_at_us : INT64_MIN;
		if (p && !b->count)
			intake_gone(v->intake, p);
	}
	if (batch.holds_back)
		v->watch.folders.at[b->folder].is_lagging = true;
	intake_run(v->intake, &batch);
}

static void take_batch(struct vigil *v, uint64_t now_ms)
{
	struct watch_batch b;

	while (watch_take_batch(&v->watch, &b)) {
		bool is_whole = !v->intake || intake_is_whole(v->intake);
		bool is_too_much = v->fill == VIGIL_FILL_TOO_MANY;

		if (is_whole && !is_too_much) {
			begin_batch(v, &b);
			return;
		}
		vigil_batch_drop(v);
		if (is_too_much)
			watch_refetch(&v->watch);
		else
			watch_refuse(&v->watch, now_ms);
	}
}

/* The message that this mail had left is settled. */
static void settled_again(struct vigil *v)
{
	const struct watch_batch *b = &v->watch.batch;
	const struct watch_folder *f = &v->watch.folders.at[b->folder];
	const struct folder_pending *p =
		backlog_find(&v->backlog, f->folder, f->uidvalidity, b->uid_to);

	if (b->purpose != WATCH_AGAIN || !p)
		return;
	backlog_remove(&v->backlog, p);
	v->watch.folders.at[b->folder].is_lagging = true;
}

static bool check(struct vigil *v, const struct intake *in)
{
	if (intake_is_fenced(in))
		v->trouble = VIGIL_FENCED;
	else if (intake_is_stale(in))
		v->trouble = VIGIL_STALE;
	return v->trouble == VIGIL_SOUND;
}

/* Each of them is told of, with the next notes. */
static void keep_deadly(struct vigil *v)
{
	const uint32_t *uids;
	unsigned n = intake_set_asides(v->intake, &uids);

	if (!n)
		return;
	v->deadly = mem_resize(v->deadly, (v->n_deadly + n) * sizeof(*v->deadly));
	for (unsigned i = n; i-- > 0;) /* they are taken from the end */
		v->deadly[v->n_deadly++] =
			(struct watch_told){ WATCH_TOLD_DEADLY, v->watch.batch.folder, uids[i] };
}

static void look_at_intake(struct vigil *v)
{
	if (!v->intake || v->watch.work == WATCH_WORK_NONE || !check(v, v->intake))
		return;
	if (intake_is_gated(v->intake))
		watch_gated(&v->watch);
	if (!intake_is_over(v->intake))
		return;
	keep_deadly(v);
	watch_gated(&v->watch);
	watch_worked(&v->watch);
	settled_again(v);
	vigil_batch_drop(v);
	vigil_batch_feed(v);
}

/* ---- messages whose mail is gone ---- */

/* It was under a UIDVALIDITY, or in a folder, that is no more; the look back has not settled it.
 * Of one whose folder has no place here nobody knows. */
static const struct folder_pending *orphan(const struct vigil *v)
{
	for (size_t i = 0; i < v->backlog.n; i++) {
		const struct folder_pending *p = &v->backlog.at[i];
		unsigned at = watch_folder_find(&v->watch.folders, p->folder);

		if (at != WATCH_FOLDERS && (!v->watch.folders.at[at].is_here ||
					    v->watch.folders.at[at].uidvalidity != p->uidvalidity))
			return p;
	}
	return NULL;
}

/* More folders hold something half done than have a place: the others get one when one is free. */
static void look_at_homeless(struct vigil *v, uint64_t now_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < v->backlog.n; i++) {
		const char *folder = v->backlog.at[i].folder;

		if (watch_folder_find(&v->watch.folders, folder) != WATCH_FOLDERS)
			continue;
		n++;
		if (watch_is_live(&v->watch))
			ledger_reload(&v->ledger, folder, now_ms);
	}
	if (n < v->n_homeless && !v->intake)
		vigil_batch_feed(v);
	if (n > v->n_homeless || !v->intake)
		v->n_homeless = n;
}

static void gone_is_settled(struct vigil *v)
{
	for (size_t i = 0; i < v->backlog.n; i++) {
		unsigned at = watch_folder_find(&v->watch.folders, v->backlog.at[i].folder);

		if (strcmp(v->backlog.at[i].message, v->gone_message) != 0)
			continue;
		backlog_remove(&v->backlog, &v->backlog.at[i]);
		if (at != WATCH_FOLDERS)
			v->watch.folders.at[at].is_lagging = true;
		return;
	}
}

static void look_at_gone(struct vigil *v)
{
	const struct folder_pending *p;
	struct intake_batch batch = { .proof_us = INT64_MIN,
				      .noticed_us = INT64_MIN,
				      .is_again = true };

	if (v->gone && (!check(v, v->gone) || !intake_is_over(v->gone)))
		return;
	if (v->gone) {
		intake_drop(v->gone);
		v->gone = NULL;
		gone_is_settled(v);
	}
	p = watch_is_live(&v->watch) ? orphan(v) : NULL;
	if (!p)
		return;
	(void)snprintf(batch.folder, sizeof(batch.folder), "%s", p->folder);
	(void)snprintf(v->gone_message, sizeof(v->gone_message), "%s", p->message);
	batch.folder_role = watch_folder_role_name(watch_folder_role_of(p->role));
	batch.uidvalidity = p->uidvalidity;
	batch.again_uid = p->uid;
	v->gone = new_intake(v);
	intake_gone(v->gone, p);
	intake_run(v->gone, &batch);
}

void vigil_batch_act(struct vigil *v, uint64_t now_ms)
{
	if (v->p.is_bereft && watch_is_whole(&v->watch) && v->backlog.n == 0)
		v->p.is_bereft = false;
	take_batch(v, now_ms);
	look_at_intake(v);
	look_at_gone(v);
	look_at_homeless(v, now_ms);
}
