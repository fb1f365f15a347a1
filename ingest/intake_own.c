#include "ingest/intake_own.h"

#include <string.h>

#include "base/keyed.h"
#include "base/mem.h"
#include "ingest/classify/classify.h"

bool intake_own_is_marked(struct text list, struct text mark)
{
	size_t at = 0, end;

	/* \Sent, or "\\Sent" where the label is a quoted string (RFC 3501 section 4.3) */
	for (; at < list.len; at = end) {
		struct text word;

		end = at;
		while (end < list.len && list.at[end] != ' ')
			end++;
		word = text_sub(list, at, end - at);
		end++;
		if (word.len > 1 && word.at[0] == '"')
			word = text_sub(word, 1, word.len - 2);
		if (word.len < 2 || word.at[0] != '\\')
			continue;
		word = text_sub(word, word.at[1] == '\\' ? 2 : 1, word.len);
		if (text_ieq(word, mark))
			return true;
	}
	return false;
}

/* Addresses of prospects are registered folded. */
static void fold(char *dst, size_t size, const char *address)
{
	size_t i;

	for (i = 0; address[i] && i + 1 < size; i++)
		dst[i] = (char)(address[i] >= 'A' && address[i] <= 'Z' ? address[i] + 32
								       : address[i]);
	dst[i] = '\0';
}

static void addressed(const struct intake_mail *m, struct intake_own *ret)
{
	const struct mime_addresses *to = &m->head.to;

	for (size_t i = 0; i < to->n && i < LIMIT_MIME_ADDRESSES; i++) {
		if (!to->at[i].address)
			continue;
		fold(ret->folded[ret->item.n_addresses], sizeof(ret->folded[0]), to->at[i].address);
		ret->addresses[ret->item.n_addresses] = ret->folded[ret->item.n_addresses];
		ret->item.n_addresses++;
	}
}

static void answers(const struct intake_mail *m, const struct intake_mail_place *p,
		    struct intake_own *ret)
{
	struct match_ids ids;

	match_ids_of(&m->head, NULL, &ids);
	for (size_t i = 0; i < ids.n; i++) {
		keyed_id_digest(p->key, text_of(ids.at[i].id), ret->answers[i]);
		ret->answers_ids[i] = ids.at[i].id;
	}
	ret->item.n_answers = ids.n;
}

/* The digests of those of `names` that are of one of two methods; how many. */
static size_t digests_of(const struct match_names *names, const struct intake_mail_place *p,
			 enum match_method one, enum match_method other,
			 uint8_t (*ret)[ARRIVAL_DIGEST], size_t max)
{
	cleanup_free struct match_keys *keys = mem_new(sizeof(*keys));
	size_t n = 0;

	match_names_keys(NULL, names, p->key, keys);
	for (size_t i = 0; i < keys->n && n < max; i++)
		if (keys->at[i].method == one || keys->at[i].method == other)
			memcpy(ret[n++], keys->at[i].digest, ARRIVAL_DIGEST);
	return n;
}

/* What it says of the outbound whose copy it may be. */
static void copied(const struct intake_mail *m, const struct intake_mail_place *p,
		   struct intake_own *ret)
{
	const struct match_names_place place = { p->inbox, p->address, m->gmail_thread };
	cleanup_free struct match_names *names = mem_new(sizeof(*names));
	const struct text subject = text_of(m->head.subject);
	char original[MIME_ID];

	match_names_of(&m->head, &place, names);
	ret->item.names = (const uint8_t(*)[ARRIVAL_DIGEST])ret->names;
	ret->item.n_names = digests_of(names, p, MATCH_GMAIL_THREAD, MATCH_THREAD_INDEX, ret->names,
				       countof(ret->names));
	/* Gmail's name for it; it takes ids that it does not like for none */
	ret->item.has_original =
		mime_id_normal(mime_head_field(&m->head, "X-Google-Original-Message-ID", 0),
			       original) > 0;
	if (ret->item.has_original)
		keyed_id_digest(p->key, text_of(original), ret->item.original);
	ret->item.copies = (const uint8_t(*)[ARRIVAL_DIGEST])ret->copies;
	for (size_t i = 0; i < m->head.to.n && ret->item.n_copies < countof(ret->copies); i++) {
		match_names_sent(text_of(m->head.to.at[i].address), subject, TEXT(""), names);
		ret->item.n_copies += digests_of(names, p, MATCH_FROM_SUBJECT, MATCH_FROM_SUBJECT,
						 ret->copies + ret->item.n_copies, 1);
	}
}

void intake_own_of(struct intake_mail *m, const struct intake_mail_place *p, struct intake_own *ret)
{
	struct classify_verdict looks;

	intake_mail_name(m, p);
	classify_head(&m->head, &looks);
	memcpy(ret->message, m->message, sizeof(ret->message));
	ret->item = (struct sent_item){
		.message = ret->message,
		.uid = m->uid,
		.has_digest = m->head.message_id != NULL,
		.answers = (const uint8_t(*)[ARRIVAL_DIGEST])ret->answers,
		.answers_ids = ret->answers_ids,
		.addresses = ret->addresses,
		.header_message_id = m->head.message_id ? m->head.message_id : "",
		.subject = m->head.subject ? m->head.subject : "",
		.internal_at_us = m->internal_us,
		.detected_at_us = m->detected_us,
		.recovered = m->is_recovered,
		/* an absence notice of the seller's own says nothing about the prospect */
		.by_person = classify_kind_is_human(looks.kind),
	};
	if (m->head.message_id)
		keyed_id_digest(p->key, text_of(m->head.message_id), ret->item.digest);
	answers(m, p, ret);
	copied(m, p, ret);
	addressed(m, ret);
}
