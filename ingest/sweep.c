/*
 * The life of a folder here: listed, counted, visited if something is there that
 * was not seen, and then three numbers until the next LIST.  RFC 3501 section
 * 2.3.1.1: UIDVALIDITY and UIDNEXT say whether anything came; RFC 5819: both for
 * every folder in one answer.
 */
#include "ingest/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void sweep_init(struct sweep *s)
{
	*s = (struct sweep){ 0 };
}

static void let_names_go(struct sweep *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		free(s->at[i].raw);
		free(s->at[i].name);
	}
	free(s->at);
	s->at = NULL;
	s->n = s->room = s->done = 0;
}

void sweep_clear(struct sweep *s)
{
	let_names_go(s);
	free(s->seen);
	sweep_init(s);
}

/* ---- what is known ---- */

/* FNV-1a, 64 bits. */
static uint64_t hash_of(struct text raw)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < raw.len; i++)
		h = (h ^ (uint8_t)raw.at[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* Where this hash is, or would be. */
static uint32_t place_of(const struct sweep *s, uint64_t name)
{
	uint32_t low = 0, high = s->n_seen;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (s->seen[mid].name < name)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct sweep_seen *seen_of(const struct sweep *s, uint64_t name)
{
	uint32_t at = place_of(s, name);

	return at < s->n_seen && s->seen[at].name == name ? &s->seen[at] : NULL;
}

const struct sweep_seen *sweep_known(const struct sweep *s, struct text raw)
{
	return seen_of(s, hash_of(raw));
}

void sweep_saw(struct sweep *s, struct text raw, uint32_t uidvalidity, uint32_t uidnext)
{
	uint64_t name = hash_of(raw);
	struct sweep_seen *seen = seen_of(s, name);
	uint32_t at;

	if (seen) {
		seen->uidvalidity = uidvalidity;
		seen->uidnext = uidnext;
		return;
	}
	if (s->n_seen == LIMIT_SWEEP_FOLDERS)
		return;
	at = place_of(s, name);
	s->seen = mem_resize(s->seen, (s->n_seen + 1) * sizeof(*s->seen));
	memmove(&s->seen[at + 1], &s->seen[at], (s->n_seen - at) * sizeof(*s->seen));
	s->seen[at] = (struct sweep_seen){ name, uidvalidity, uidnext };
	s->n_seen++;
}

/* Folders that the list does not have are no more; their rows know of them if they come back. */
static void forget_gone(struct sweep *s)
{
	struct sweep old = *s;

	s->seen = NULL;
	s->n_seen = 0;
	if (!old.n_seen)
		return;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct sweep_seen *seen = sweep_known(&old, text_of(s->at[i].raw));

		if (seen)
			sweep_saw(s, text_of(s->at[i].raw), seen->uidvalidity, seen->uidnext);
	}
	free(old.seen);
}

/* ---- the list ---- */

void sweep_list_begin(struct sweep *s)
{
	let_names_go(s);
	s->beyond = 0;
}

static struct sweep_folder *append(struct sweep *s, struct text raw, struct text name)
{
	if (s->n == LIMIT_SWEEP_FOLDERS)
		return NULL;
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 16;
		s->at = mem_resize(s->at, s->room * sizeof(*s->at));
	}
	s->at[s->n] = (struct sweep_folder){ .raw = mem_text_n(raw.at, raw.len),
					     .name = mem_text_n(name.at, name.len) };
	return &s->at[s->n++];
}

void sweep_listed(struct sweep *s, const struct imap_folder *l)
{
	struct sweep_folder *f;

	if (!l->is_selectable || !l->raw.len)
		return;
	f = append(s, l->raw, l->name);
	if (f)
		f->role = l->role;
	else
		s->beyond++;
}

uint32_t sweep_find(const struct sweep *s, struct text raw)
{
	/* Counters follow their folder: look from the end. */
	for (uint32_t i = s->n; i-- > 0;)
		if (text_eq(text_of(s->at[i].raw), raw))
			return i;
	return s->n;
}

static bool is_left(const struct sweep_folder *f)
{
	return f->todo != SWEEP_DONE;
}

void sweep_done(struct sweep *s, uint32_t at)
{
	s->at[at].todo = SWEEP_DONE;
	while (s->done < s->n && !is_left(&s->at[s->done]))
		s->done++;
	if (s->done == s->n)
		let_names_go(s);
}

void sweep_drop(struct sweep *s, uint32_t at)
{
	s->at[at].todo = SWEEP_DONE;
}

void sweep_ignore(struct sweep *s, uint32_t at)
{
	sweep_drop(s, at);
	sweep_saw(s, text_of(s->at[at].raw), 0, 0);
}

/* From its counters and what is known: is there anything to do? */
static enum sweep_todo judge(struct sweep *s, const struct sweep_folder *f)
{
	const struct sweep_seen *seen = sweep_known(s, text_of(f->raw));

	if (!f->has_counts)
		return SWEEP_ASK;
	/* RFC 3501 section 6.3.10; without UIDNEXT only a visit can tell */
	if (!f->uidnext || !f->uidvalidity)
		return SWEEP_VISIT;
	if (seen && seen->uidvalidity == f->uidvalidity && seen->uidnext == f->uidnext)
		return SWEEP_DONE;
	if (!seen && f->is_empty) {
		sweep_saw(s, text_of(f->raw), f->uidvalidity, f->uidnext);
		return SWEEP_DONE;
	}
	return SWEEP_VISIT;
}

void sweep_list_over(struct sweep *s)
{
	forget_gone(s);
	for (uint32_t i = 0; i < s->n; i++)
		if (s->at[i].todo == SWEEP_LISTED)
			s->at[i].todo = judge(s, &s->at[i]);
	while (s->done < s->n && !is_left(&s->at[s->done]))
		s->done++;
	if (s->done == s->n)
		let_names_go(s);
}

void sweep_counted(struct sweep *s, struct text raw, uint32_t uidvalidity, uint32_t uidnext,
		   bool is_empty)
{
	uint32_t i = sweep_find(s, raw);
	struct sweep_folder *at;

	if (i == s->n)
		return;
	at = &s->at[i];
	at->has_counts = true;
	at->is_empty = is_empty;
	at->uidvalidity = uidvalidity;
	at->uidnext = uidnext;
	if (at->todo != SWEEP_ASK && at->todo != SWEEP_VISIT)
		return;
	at->todo = judge(s, at);
	if (at->todo == SWEEP_DONE)
		sweep_done(s, i);
}

bool sweep_is_news(const struct sweep *s, struct text raw, uint32_t uidvalidity, uint32_t uidnext)
{
	const struct sweep_seen *seen = sweep_known(s, raw);

	if (!seen)
		return true;
	return seen->uidvalidity && ((uidvalidity && seen->uidvalidity != uidvalidity) ||
				     (uidnext && seen->uidnext != uidnext));
}

uint32_t sweep_next(const struct sweep *s, enum sweep_todo todo, uint32_t from)
{
	for (uint32_t i = from > s->done ? from : s->done; i < s->n; i++)
		if (s->at[i].todo == todo)
			return i;
	return s->n;
}

bool sweep_has(const struct sweep *s, enum sweep_todo todo)
{
	return sweep_next(s, todo, 0) < s->n;
}
