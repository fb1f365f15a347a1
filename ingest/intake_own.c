#include "ingest/intake_own.h"

#include <string.h>

#include "base/keyed.h"
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
	addressed(m, ret);
}
