#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ingest/match/match_pick.h"
#include "ingest/mime/mime_utf8.h"

#define CLOCKS_S (10 * 60) /* so far the clocks of sender and mail server may be apart */

/* How the evidence says where the key was found. */
static const char *const found_in[MATCH_METHODS] = {
	[MATCH_DSN_ORIGINAL] = "The returned original is",
	[MATCH_IN_REPLY_TO] = "In-Reply-To names",
	[MATCH_REFERENCES] = "References names",
	[MATCH_EXCHANGE_PARENT] = "X-MS-Exchange-Parent-Message-Id names",
	[MATCH_GMAIL_THREAD] = "It lies in the thread of the sent mail,",
	[MATCH_THREAD_INDEX] = "Thread-Index is of the conversation of the sent mail,",
	[MATCH_REPLY_TOKEN] = "It was sent to the reply address",
	[MATCH_BODY_ID] = "Its text names",
	[MATCH_BODY_LINK] = "Its text has the link of the sent mail,",
	[MATCH_FROM_SUBJECT] = "The prospect's address, and the subject",
	[MATCH_FROM] = "Only the sender says so:",
	[MATCH_COMPANY] = "Somebody of the prospect's company, and the subject",
	[MATCH_COMPANY_ALONE] = "Somebody of the prospect's company, and nothing else:",
	[MATCH_SELF] = "It is",
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

static void add(struct match_list *list, size_t outbound, const struct match_key *key,
		enum match_relation relation)
{
	struct match *m = &list->at[list->n++];
	struct buf line;

	*m = (struct match){ .outbound = outbound,
			     .method = key->method,
			     .relation = relation,
			     .confidence = key->confidence };
	buf_init(&line, LIMIT_MIME_ID + 64);
	(void)text_addf(&line, "%s %s", found_in[key->method], key->shown);
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

static bool is_found_by(const struct match_outbound *o, const struct match_key *key)
{
	/* Names that PostgreSQL was asked for and gave: no secret can be guessed by the time. */
	return memcmp(o->digest, key->digest, KEYED_DIGEST) == 0; /* house: ok, no secret */
}

/* The match of this outbound by this method; of a weak one, that of its prospect and sequence. */
static struct match *listed(struct match_list *list, const struct match_outbound *found,
			    const struct match_outbound *o, enum match_method method)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct match_outbound *other = &found[list->at[i].outbound];

		if (list->at[i].method == method &&
		    (text_eq(other->id, o->id) ||
		     (match_ids_is_weak(method) && text_eq(other->prospect, o->prospect) &&
		      text_eq(other->sequence, o->sequence))))
			return &list->at[i];
	}
	return NULL;
}

/*
 * Is it found by its own Message-ID, and not from the prospect?  Then it is our
 * mail, come back.  (A machine that answers under the id of what it answers is no
 * list: it writes in the prospect's name.)
 */
static bool is_echo(const struct match_keys *keys, const struct match_mail *mail,
		    const struct match_outbound *found, size_t n_found)
{
	const struct match_key *self = NULL;

	for (size_t i = 0; i < keys->n && !self; i++)
		if (keys->at[i].method == MATCH_SELF)
			self = &keys->at[i];
	for (size_t f = 0; self && f < n_found; f++)
		if (is_found_by(&found[f], self) &&
		    match_relation_of(text_of(mail->head->from.address), found[f].address) !=
			    MATCH_RELATION_SAME)
			return true;
	return false;
}

/* Does it name what several mails may have? */
static bool is_of_many(enum match_method method)
{
	return match_ids_is_weak(method) || method == MATCH_GMAIL_THREAD ||
	       method == MATCH_THREAD_INDEX || method == MATCH_BODY_LINK;
}

/* A link that more than one prospect was sent is nobody's own. */
static bool is_shared(const struct match_key *key, const struct match_outbound *found, size_t n)
{
	const struct match_outbound *first = NULL;

	if (key->method != MATCH_BODY_LINK)
		return false;
	for (size_t f = 0; f < n; f++) {
		if (!is_found_by(&found[f], key))
			continue;
		first = first ? first : &found[f];
		if (!text_eq(first->prospect, found[f].prospect))
			return true;
	}
	return false;
}

/* May who wrote, the subject, the thread or a link speak for this outbound? */
static bool is_plausible(const struct match_mail *mail, const struct match_outbound *o,
			 enum match_method method, enum match_relation relation)
{
	if (mail->received_at && o->sent_at > mail->received_at + CLOCKS_S)
		return false;
	return method < MATCH_COMPANY || relation == MATCH_RELATION_COLLEAGUE ||
	       relation == MATCH_RELATION_ALIAS;
}

static void consider(const struct match_key *key, const struct match_mail *mail,
		     const struct match_outbound *found, size_t at, struct match_list *ret)
{
	const struct match_outbound *o = &found[at];
	enum match_relation relation =
		match_relation_of(text_of(mail->head->from.address), o->address);
	struct match *known = listed(ret, found, o, key->method);

	if (is_of_many(key->method) && !is_plausible(mail, o, key->method, relation))
		return;
	if (!known && ret->n < countof(ret->at))
		add(ret, at, key, relation);
	else if (known && o->sent_at > found[known->outbound].sent_at)
		known->outbound = at;
}

/*
 * Somebody of a company answers, and several there were written to (under that
 * subject): nobody knows for whom, so he speaks for nobody.  Nor for another,
 * where anything surer says whom he means.
 */
static void drop_vague(struct match_list *list, const struct match_outbound *found)
{
	enum match_method surest = MATCH_METHODS;
	const struct match *first = NULL;
	bool is_vague = false;
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++)
		surest = list->at[i].method < surest ? list->at[i].method : surest;
	for (size_t i = 0; i < list->n; i++) {
		const struct match *m = &list->at[i];

		if (m->method != surest)
			continue;
		first = first ? first : m;
		is_vague |= !text_eq(found[first->outbound].prospect, found[m->outbound].prospect);
	}
	for (size_t i = 0; i < list->n; i++) {
		enum match_method method = list->at[i].method;

		if (method < MATCH_COMPANY || (method == surest && !is_vague))
			list->at[kept++] = list->at[i];
	}
	list->n = kept;
}

void match_pick_all(const struct match_keys *keys, const struct match_mail *mail,
		    const struct match_outbound *found, size_t n_found, struct match_list *ret)
{
	ret->n = 0;
	if (!n_found || match_pick_is_own(mail->head, mail->own, mail->n_own) ||
	    is_echo(keys, mail, found, n_found))
		return;
	for (size_t i = 0; i < keys->n; i++) {
		const struct match_key *key = &keys->at[i];

		if (key->method == MATCH_SELF || is_shared(key, found, n_found))
			continue;
		for (size_t f = 0; f < n_found; f++)
			if (is_found_by(&found[f], key))
				consider(key, mail, found, f, ret);
	}
	drop_vague(ret, found);
	sort(ret, found);
}

bool match_pick_is_vague(const struct match_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (!match_ids_is_weak(list->at[i].method))
			return false;
	return true;
}
