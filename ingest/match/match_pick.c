#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ingest/match/match_pick.h"
#include "ingest/mime/mime_utf8.h"

/* How the evidence says where the id was found. */
static const char *const found_in[] = {
	[MATCH_DSN_ORIGINAL] = "The returned original is",
	[MATCH_IN_REPLY_TO] = "In-Reply-To names",
	[MATCH_REFERENCES] = "References names",
};

bool match_pick_is_own(const struct mime_head *head, const struct text *own, size_t n_own)
{
	struct text from = text_of(head->from.address);

	/* local parts are compared folded: no provider tells them apart by case (RFC 5321
	 * section 2.4 allows it) */
	for (size_t i = 0; i < n_own; i++)
		if (own[i].len && text_ieq(from, text_trim(own[i])))
			return true;
	return false;
}

static bool is_listed(const struct match_list *list, const struct match_outbound *found,
		      struct text outbound, enum match_method method)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->at[i].method == method &&
		    text_eq(found[list->at[i].outbound].id, outbound))
			return true;
	return false;
}

static void add(struct match_list *list, size_t outbound, const struct match_id *id)
{
	struct match *m = &list->at[list->n++];
	struct buf line;

	*m = (struct match){ .outbound = outbound,
			     .method = id->method,
			     .confidence = id->confidence };
	buf_init(&line, LIMIT_MIME_ID + 64);
	(void)text_addf(&line, "%s %s", found_in[id->method], id->id);
	mime_utf8_copy(m->evidence, sizeof(m->evidence),
		       (struct text){ (const char *)line.data, line.len });
	buf_clear(&line);
}

/* Is `a` to stand before `b`? */
static bool is_stronger(const struct match *a, const struct match *b,
			const struct match_outbound *found)
{
	if (a->confidence != b->confidence)
		return a->confidence > b->confidence;
	if (found[a->outbound].sent_at != found[b->outbound].sent_at)
		return found[a->outbound].sent_at > found[b->outbound].sent_at;
	return a->outbound < b->outbound;
}

/* Insertion keeps equal ones in order, and the list is short. */
static void sort(struct match_list *list, const struct match_outbound *found)
{
	for (size_t i = 1; i < list->n; i++) {
		struct match m = list->at[i];
		size_t at = i;

		for (; at > 0 && is_stronger(&m, &list->at[at - 1], found); at--)
			list->at[at] = list->at[at - 1];
		list->at[at] = m;
	}
}

void match_pick_all(const struct match_ids *ids, const struct mime_head *head,
		    const struct text *own, size_t n_own, const struct match_outbound *found,
		    size_t n_found, struct match_list *ret)
{
	ret->n = 0;
	if (match_pick_is_own(head, own, n_own))
		return;
	for (size_t i = 0; i < ids->n; i++) {
		for (size_t f = 0; f < n_found && ret->n < countof(ret->at); f++) {
			const struct match_id *id = &ids->at[i];

			if (text_eq(found[f].message_id, text_of(id->id)) &&
			    !is_listed(ret, found, found[f].id, id->method))
				add(ret, f, id);
		}
	}
	sort(ret, found);
}
