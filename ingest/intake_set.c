#include "ingest/intake_set.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ingest/intake_match.h"

void intake_set_init(struct intake_set *s)
{
	*s = (struct intake_set){ 0 };
}

void intake_set_clear(struct intake_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		intake_mail_clear(&s->at[i]);
	free(s->at);
	intake_set_init(s);
}

struct intake_mail *intake_set_find(struct intake_set *s, uint32_t uid)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].uid == uid)
			return &s->at[i];
	return NULL;
}

struct intake_mail *intake_set_add(struct intake_set *s, uint32_t uid)
{
	if (s->n == LIMIT_INTAKE_MAILS)
		return NULL;
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 1; /* mostly one mail comes alone */
		s->at = mem_resize(s->at, s->room * sizeof(*s->at));
	}
	intake_mail_init(&s->at[s->n], uid);
	return &s->at[s->n++];
}

bool intake_set_is_whole(const struct intake_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->at[i].has_head)
			return false;
	return true;
}

struct intake_mail *intake_set_first(const struct intake_set *s, enum intake_mail_state state)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].state == state)
			return &s->at[i];
	return NULL;
}

bool intake_set_has(const struct intake_set *s, enum intake_mail_state from,
		    enum intake_mail_state to)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].state >= from && s->at[i].state <= to)
			return true;
	return false;
}

bool intake_set_is_open(const struct intake_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (intake_mail_is_open(&s->at[i]))
			return true;
	return false;
}

bool intake_set_is_over(const struct intake_set *s, const struct intake_mail *but)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].state != INTAKE_MAIL_OVER && &s->at[i] != but)
			return false;
	return true;
}

void intake_set_keys(const struct intake_set *s, const struct intake_mail_place *p,
		     struct arrival_keys *ret, size_t max, size_t *ret_upto)
{
	size_t i;

	for (i = 0; i < s->n && ret->n_ids + INTAKE_SET_KEYS <= max &&
		    ret->n_names + INTAKE_SET_KEYS <= max;
	     i++)
		if (s->at[i].state == INTAKE_MAIL_NEW)
			intake_match_keys(&s->at[i], p, ret);
	*ret_upto = i;
}

void intake_set_found(struct intake_set *s, const struct intake_mail_place *p,
		      const struct arrival_outbound *found, size_t n, size_t upto)
{
	for (size_t i = 0; i < upto; i++)
		if (s->at[i].state == INTAKE_MAIL_NEW)
			intake_mail_found(&s->at[i], p, found, n);
}

struct arrival_trace *intake_set_traces(const struct intake_set *s,
					const struct intake_mail_place *p, size_t *ret_n)
{
	struct arrival_trace *traces = NULL;
	size_t n = 0, room = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->at[i].state != INTAKE_MAIL_STRANGER)
			continue;
		room = n + INTAKE_SET_KEYS;
		traces = mem_resize(traces, room * sizeof(*traces));
		n += intake_match_traces(&s->at[i], p, traces + n, room - n);
	}
	*ret_n = n;
	return traces;
}

void intake_set_kept(struct intake_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].state == INTAKE_MAIL_STRANGER)
			intake_mail_kept(&s->at[i], false);
}

struct arrival_item *intake_set_items(const struct intake_set *s, size_t *ret_n)
{
	struct arrival_item *items = mem_new((s->n + 1) * sizeof(*items));
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].state == INTAKE_MAIL_MATCHED)
			items[n++] = intake_mail_item(&s->at[i]);
	*ret_n = n;
	return items;
}

void intake_set_plain(struct intake_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		intake_mail_plain(&s->at[i]);
}
