#include "ingest/intake_match.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/match/match_body.h"

/* All that it names; what the keys show points into the rest of it, and into the mail. */
struct named {
	struct match_ids ids;
	struct match_names names;
	struct match_body body;
	struct match_keys keys;
};

static void read_body(const struct intake_mail *m, struct match_body *ret)
{
	match_body_of(text_of_buf(&m->text), text_of_buf(&m->links), &m->head, ret);
}

static struct named *named_of(const struct intake_mail *m, const struct intake_mail_place *p)
{
	const struct match_names_place place = { p->inbox, p->address, m->gmail_thread };
	struct named *n = mem_new(sizeof(*n));

	match_ids_of(&m->head, mime_dsn_is_empty(&m->dsn) ? NULL : &m->dsn, &n->ids);
	match_names_of(&m->head, &place, &n->names);
	if (m->is_opened) {
		read_body(m, &n->body);
		match_ids_add_body(&n->body, &n->ids);
		match_names_add_links((const char(*)[MATCH_LINK])n->body.links, n->body.n_links,
				      &n->names);
	}
	match_names_keys(&n->ids, &n->names, p->key, &n->keys);
	return n;
}

void intake_match_keys(const struct intake_mail *m, const struct intake_mail_place *p,
		       struct arrival_keys *ret)
{
	cleanup_free struct named *n = named_of(m, p);

	for (size_t i = 0; i < n->keys.n; i++) {
		const struct match_key *k = &n->keys.at[i];

		if (match_names_is_unique(k->method))
			memcpy(ret->ids[ret->n_ids++], k->digest, ARRIVAL_DIGEST);
		else
			memcpy(ret->names[ret->n_names++], k->digest, ARRIVAL_DIGEST);
	}
}

size_t intake_match_traces(const struct intake_mail *m, const struct intake_mail_place *p,
			   struct arrival_trace *ret, size_t max)
{
	cleanup_free struct named *named = named_of(m, p);
	size_t n = 0;

	for (size_t i = 0; i < named->keys.n && n < max; i++) {
		const struct match_key *k = &named->keys.at[i];

		/* its own id names no mail that could be registered later */
		if (k->method == MATCH_SELF ||
		    !(match_names_is_unique(k->method) || match_names_is_met(k->method)))
			continue;
		ret[n] = (struct arrival_trace){ .uid = m->uid,
						 .is_sender = match_names_is_met(k->method),
						 .received_us = m->internal_us };
		memcpy(ret[n++].digest, k->digest, ARRIVAL_DIGEST);
	}
	return n;
}

void intake_match_pick(const struct intake_mail *m, const struct intake_mail_place *p,
		       const struct arrival_outbound *found, size_t n, struct match_list *ret)
{
	cleanup_free struct match_outbound *outbounds = mem_new((n + 1) * sizeof(*outbounds));
	cleanup_free struct named *named = named_of(m, p);
	const struct text own = text_of(p->address);
	const struct match_mail mail = { &m->head, &own, 1, m->internal_us / 1000000 };

	for (size_t i = 0; i < n; i++)
		outbounds[i] = (struct match_outbound){
			.id = text_of(found[i].outbound),
			.prospect = text_of(found[i].prospect),
			.sequence = text_of(found[i].sequence),
			.step = text_of(found[i].step),
			.inbox = text_of(found[i].inbox),
			.address = text_of(found[i].address),
			.digest = found[i].digest,
			.sent_at = found[i].sent_at_us / 1000000,
		};
	match_pick_all(&named->keys, &mail, outbounds, n, ret);
}

bool intake_match_is_named_inside(const struct intake_mail *m)
{
	cleanup_free struct match_body *body = mem_new(sizeof(*body));

	read_body(m, body);
	return body->n_ids > 0 || body->n_links > 0;
}
