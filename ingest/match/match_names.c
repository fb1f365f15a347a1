#include "ingest/match/match_names.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ingest/match/match_relation.h"

#define TOKEN_MIN     6  /* shorter tags are folders of their owner's: "ann+news@" */
#define SUBJECT_MIN   10 /* bytes of a subject that says something of a whole company */
#define THREAD_HEADER 22 /* bytes: time, then a GUID from the seventh on */

static void add(struct match_names *l, enum match_method method, double confidence,
		const char *shown, const char *name)
{
	if (l->n < countof(l->at))
		l->at[l->n++] = (struct match_name){ method, confidence, shown, text_of(name) };
}

/* ---- threads ---- */

bool match_names_thread(struct text raw, char ret[MATCH_THREAD])
{
	cleanup_buf struct buf bytes, hex, clean;

	buf_init(&clean, 2048);
	buf_init(&bytes, 2048);
	buf_init(&hex, MATCH_THREAD);
	for (size_t i = 0; i < raw.len && clean.len < 2000; i++)
		if (!strchr(" \t\r\n", raw.at[i]))
			(void)buf_add(&clean, &raw.at[i], 1);
	/* The header alone: what answers add comes behind it. */
	buf_cut(&clean, clean.len - clean.len % 4);
	if (text_from_base64(&bytes, text_of_buf(&clean)) || bytes.len < THREAD_HEADER)
		return false;
	(void)text_add_hex(&hex, bytes.data + 6, 16);
	memcpy(ret, hex.data, hex.len + 1);
	return true;
}

static void add_threads(const struct mime_head *h, const struct match_names_place *p,
			struct match_names *ret)
{
	if (p->gmail_thread && p->inbox) {
		(void)snprintf(ret->gmail, sizeof(ret->gmail), "%s %llu", p->inbox,
			       (unsigned long long)p->gmail_thread);
		add(ret, MATCH_GMAIL_THREAD, 0.93, strchr(ret->gmail, ' ') + 1, ret->gmail);
	}
	if (match_names_thread(mime_head_field(h, "Thread-Index", 0), ret->thread))
		add(ret, MATCH_THREAD_INDEX, 0.92, ret->thread, ret->thread);
}

/* ---- tokens ---- */

bool match_names_token(struct text raw, char ret[MATCH_TOKEN])
{
	if (raw.len < TOKEN_MIN || raw.len >= MATCH_TOKEN)
		return false;
	for (size_t i = 0; i < raw.len; i++) {
		char c = raw.at[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + ('a' - 'A'));
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' &&
		    c != '-')
			return false;
		ret[i] = c;
	}
	ret[raw.len] = '\0';
	return true;
}

/* Each tag of each address it was sent to (RFC 5233: behind the first '+'). */
static void add_tokens(const struct mime_head *h, struct match_names *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < h->to.n && n < countof(ret->tokens); i++) {
		struct text local, domain, user, tag;
		bool is_new = true;

		if (!text_cut(text_of(h->to.at[i].address), '@', &local, &domain) ||
		    !text_cut(local, '+', &user, &tag) || !match_names_token(tag, ret->tokens[n]))
			continue;
		for (size_t k = 0; k < n; k++)
			is_new = is_new && strcmp(ret->tokens[k], ret->tokens[n]) != 0;
		if (!is_new)
			continue;
		add(ret, MATCH_REPLY_TOKEN, 0.91, ret->tokens[n], ret->tokens[n]);
		n++;
	}
}

/* ---- who wrote, and under which subject ---- */

static struct text domain_of(const char *address)
{
	struct text local, domain = { 0 };

	(void)text_cut(text_of(address), '@', &local, &domain);
	return domain;
}

static void add_people(const char *own, struct match_names *ret)
{
	struct text domain = domain_of(ret->from);

	if (ret->subject[0]) {
		(void)snprintf(ret->from_subject, sizeof(ret->from_subject), "%s\n%s", ret->from,
			       ret->subject);
		add(ret, MATCH_FROM_SUBJECT, 0.75, ret->subject, ret->from_subject);
	}
	add(ret, MATCH_FROM, 0.5, ret->from, ret->from);
	if (match_relation_is_free(domain) || (own && text_ieq(domain, domain_of(own))))
		return;
	(void)snprintf(ret->domain, sizeof(ret->domain), "%.*s", TEXT_ARG(domain));
	(void)snprintf(ret->company, sizeof(ret->company), "%s\n%s", ret->domain, ret->subject);
	if (strlen(ret->subject) >= SUBJECT_MIN)
		add(ret, MATCH_COMPANY, 0.4, ret->subject, ret->company);
	add(ret, MATCH_COMPANY_ALONE, 0.25, ret->domain, ret->domain);
}

bool match_names_is_of_list(const struct mime_head *h)
{
	return mime_head_has(h, "List-Id") || mime_head_has(h, "List-Unsubscribe") ||
	       mime_head_has(h, "List-Post");
}

void match_names_of(const struct mime_head *head, const struct match_names_place *p,
		    struct match_names *ret)
{
	ret->n = 0;
	if (head->message_id)
		add(ret, MATCH_SELF, 0, head->message_id, head->message_id);
	add_threads(head, p, ret);
	add_tokens(head, ret);
	if (match_names_is_of_list(head) ||
	    mailaddr_fold(text_of(head->from.address), ret->from) < 0)
		return;
	match_subject_normal(text_of(head->subject), ret->subject);
	add_people(p->address, ret);
}

void match_names_sent(struct text address, struct text subject, struct text token,
		      struct match_names *ret)
{
	ret->n = 0;
	if (match_names_token(token, ret->tokens[0]))
		add(ret, MATCH_REPLY_TOKEN, 1, ret->tokens[0], ret->tokens[0]);
	if (mailaddr_fold(address, ret->from) < 0)
		return;
	match_subject_normal(subject, ret->subject);
	add_people(NULL, ret);
}

void match_names_add_links(const char (*links)[MATCH_LINK], size_t n, struct match_names *ret)
{
	for (size_t i = 0; i < n; i++)
		add(ret, MATCH_BODY_LINK, 0.88, links[i], links[i]);
}

/* ---- digests ---- */

bool match_names_is_met(enum match_method method)
{
	return method == MATCH_FROM || method == MATCH_REPLY_TOKEN || method == MATCH_BODY_LINK;
}

bool match_names_is_unique(enum match_method method)
{
	switch (method) {
	case MATCH_DSN_ORIGINAL:
	case MATCH_IN_REPLY_TO:
	case MATCH_REFERENCES:
	case MATCH_EXCHANGE_PARENT:
	case MATCH_BODY_ID:
	case MATCH_SELF:
		return true;
	case MATCH_REPLY_TOKEN:
	case MATCH_BODY_LINK:
	case MATCH_GMAIL_THREAD:
	case MATCH_THREAD_INDEX:
	case MATCH_FROM_SUBJECT:
	case MATCH_FROM:
	case MATCH_COMPANY:
	case MATCH_COMPANY_ALONE:
	case MATCH_METHODS:
		break;
	}
	return false;
}

static void digest(const struct secret *key, enum match_method method, struct text name,
		   uint8_t ret[KEYED_DIGEST])
{
	if (method == MATCH_FROM)
		keyed_address_digest(key, name, ret);
	else if (!match_names_is_unique(method))
		keyed_name_digest(key, match_ids_method_name(method), name, ret);
	else
		keyed_id_digest(key, name, ret);
}

void match_names_keys(const struct match_ids *ids, const struct match_names *names,
		      const struct secret *workspace_key, struct match_keys *ret)
{
	ret->n = 0;
	for (size_t i = 0; ids && i < ids->n; i++) {
		const struct match_id *id = &ids->at[i];
		struct match_key *k = &ret->at[ret->n++];

		*k = (struct match_key){ id->method, id->confidence, id->id, { 0 } };
		digest(workspace_key, id->method, text_of(id->id), k->digest);
	}
	for (size_t i = 0; names && i < names->n; i++) {
		const struct match_name *name = &names->at[i];
		struct match_key *k = &ret->at[ret->n++];

		*k = (struct match_key){ name->method, name->confidence, name->shown, { 0 } };
		digest(workspace_key, name->method, name->name, k->digest);
	}
}
