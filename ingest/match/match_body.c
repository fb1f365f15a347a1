#include "ingest/match/match_body.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define OWN_MIN     6    /* bytes behind the host: shorter ones are pages that everybody links to */
#define LOCAL_MIN   8    /* bytes before the '@': ids are made to be unique */
#define WRAPPED_MAX 4096 /* bytes of a link inside which another one is looked for */

/* ---- links ---- */

/* Bytes of "http://" or "https://" in front; 0: another thing. */
static size_t scheme(struct text t)
{
	if (text_istarts(t, TEXT("https://")))
		return sizeof("https://") - 1;
	return text_istarts(t, TEXT("http://")) ? sizeof("http://") - 1 : 0;
}

static struct text without_tail(struct text t, const char *these)
{
	while (t.len && strchr(these, t.at[t.len - 1]))
		t.len--;
	return t;
}

bool match_body_link(struct text raw, char ret[MATCH_LINK])
{
	size_t front = scheme(raw), host;
	struct text link, rest;

	if (!front)
		return false;
	(void)text_cut(text_sub(raw, front, raw.len), '#', &link, &rest);
	link = without_tail(link, ".,;:!?)]}*_'/");
	for (host = 0; host < link.len && !strchr("/?", link.at[host]); host++)
		;
	if (!host || link.len < host + 1 + OWN_MIN || link.len >= MATCH_LINK)
		return false;
	for (size_t i = 0; i < link.len; i++) {
		char c = link.at[i];

		if (c <= ' ' || c >= 0x7f)
			return false;
		ret[i] = i < host && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	ret[link.len] = '\0';
	return true;
}

static void add_link(struct match_body *b, struct text raw)
{
	char *to = b->n_links < LIMIT_MATCH_BODY ? b->links[b->n_links] : NULL;

	if (!to || !match_body_link(raw, to))
		return;
	for (size_t i = 0; i < b->n_links; i++)
		if (strcmp(b->links[i], to) == 0)
			return;
	b->n_links++;
}

/*
 * Gateways that look at what is clicked put their own link around ours: as a
 * parameter ("?url=https%3A%2F%2F...&data="), or as it is ("/__https://...__;").
 */
static void add_wrapped(struct match_body *b, struct text link)
{
	struct text inner = text_sub(link, 1, WRAPPED_MAX), rest;
	size_t at = text_ifind(inner, TEXT("http"));
	cleanup_buf struct buf plain;

	buf_init(&plain, WRAPPED_MAX);
	if (at == SIZE_MAX)
		return;
	inner = text_sub(inner, at, inner.len);
	if (scheme(inner)) {
		at = text_ifind(inner, TEXT("__;"));
		add_link(b, text_sub(inner, 0, at));
		return;
	}
	(void)text_cut(inner, '&', &inner, &rest);
	if (!text_from_percent(&plain, inner))
		add_link(b, text_of_buf(&plain));
}

static void link_seen(struct match_body *b, struct text link)
{
	add_link(b, link);
	add_wrapped(b, link);
}

/* ---- ids ---- */

static bool is_listed(const struct mime_head *head, struct text word)
{
	if (text_ieq(word, text_of(head->from.address)))
		return true;
	for (size_t i = 0; i < head->to.n; i++)
		if (text_ieq(word, text_of(head->to.at[i].address)))
			return true;
	return false;
}

/* An address is mostly a name; what a program made to be unique is longer and has digits. */
static bool looks_made(struct text local)
{
	for (size_t i = 0; local.len >= LOCAL_MIN && i < local.len; i++)
		if (local.at[i] >= '0' && local.at[i] <= '9')
			return true;
	return false;
}

static void add_id(struct match_body *b, struct text word, bool is_called)
{
	char id[MIME_ID];
	size_t at;

	if ((!is_called && b->n_ids == LIMIT_MATCH_BODY) || b->n_called == LIMIT_MATCH_BODY ||
	    !mime_id_normal(word, id))
		return;
	for (at = 0; at < b->n_ids && strcmp(b->ids[at], id) != 0; at++)
		;
	if (at < b->n_called || (at < b->n_ids && !is_called))
		return;
	if (at == b->n_ids && b->n_ids < LIMIT_MATCH_BODY)
		b->n_ids++;
	if (at == LIMIT_MATCH_BODY)
		at--;
	/* it takes its place behind those that are called ids, and who stood there takes this one's
	 */
	if (is_called && at > b->n_called) {
		memcpy(b->ids[at], b->ids[b->n_called], MIME_ID);
		at = b->n_called;
	}
	b->n_called += is_called;
	memcpy(b->ids[at], id, MIME_ID);
}

/* "Message-ID: <", "*Message-Id:* ", however it is set, at the end of what stands before. */
static bool ends_in_label(struct text before)
{
	before = without_tail(before, " \t\n<:*_=");
	return text_iends(before, TEXT("message-id")) || text_iends(before, TEXT("messageid"));
}

/* How a word begins that is an id (RFC 2392), or none. */
static const struct {
	const char *word;
	bool is_id;
} prefixes[] = {
	{ "mid:", true },
	{ "message-id:", true },
	{ "mailto:", false },
	{ "cid:", false },
};

/* A word with an '@' in it; `before`: what stands in front of it. */
static void word_seen(struct match_body *b, const struct mime_head *head, struct text word,
		      struct text before)
{
	struct text local, domain;
	bool is_called = ends_in_label(before);

	while (word.len && strchr("([{*_',;:", word.at[0]))
		word = text_sub(word, 1, word.len);
	word = without_tail(word, ")]}*_',;:.");
	for (size_t i = 0; i < countof(prefixes); i++)
		if (text_istarts(word, text_of(prefixes[i].word))) {
			if (!prefixes[i].is_id)
				return;
			word = text_sub(word, strlen(prefixes[i].word), word.len);
			is_called = true;
		}
	if (!text_cut(word, '@', &local, &domain) || !local.len || !domain.len)
		return;
	if (is_called || (looks_made(local) && !is_listed(head, word)))
		add_id(b, word, is_called);
}

/* ---- text ---- */

static bool is_between(char c)
{
	return (uint8_t)c <= ' ' || (uint8_t)c >= 0x7f || c == '<' || c == '>' || c == '"';
}

/* Where the next one stands; looked for once, however often it is asked for. */
struct sign {
	const char *what;
	size_t at; /* SIZE_MAX: none any more */
};

static struct sign sign_in(struct text t, size_t from, const char *what)
{
	size_t n = strlen(what);

	while (from + n <= t.len) {
		const char *p = memchr(t.at + from, what[0], t.len - from);

		if (!p)
			break;
		from = (size_t)(p - t.at);
		if (text_eq(text_sub(t, from, n), text_of(what)))
			return (struct sign){ what, from };
		from++;
	}
	return (struct sign){ what, SIZE_MAX };
}

/* Where the link begins whose "://" stands there; SIZE_MAX: it is none. */
static size_t link_at(struct text t, size_t colon, size_t from)
{
	for (size_t n = 4; n <= 5; n++) /* http, https */
		if (colon >= from + n && scheme(text_sub(t, colon - n, n + 3)))
			return colon - n;
	return SIZE_MAX;
}

static size_t end_of_word(struct text t, size_t from)
{
	while (from < t.len && !is_between(t.at[from]))
		from++;
	return from;
}

static void read_text(struct match_body *b, const struct mime_head *head, struct text t)
{
	struct sign id = sign_in(t, 0, "@"), link = sign_in(t, 0, "://");
	size_t done = 0;

	while (id.at != SIZE_MAX || link.at != SIZE_MAX) {
		size_t from, to;

		if (link.at < id.at && (from = link_at(t, link.at, done)) == SIZE_MAX) {
			done = link.at + 1;
		} else if (link.at < id.at) {
			to = end_of_word(t, link.at);
			link_seen(b, text_sub(t, from, to - from));
			done = to;
		} else {
			for (from = id.at; from > done && !is_between(t.at[from - 1]); from--)
				;
			to = end_of_word(t, id.at);
			word_seen(b, head, text_sub(t, from, to - from), text_sub(t, 0, from));
			done = to;
		}
		if (id.at < done)
			id = sign_in(t, done, id.what);
		if (link.at < done)
			link = sign_in(t, done, link.what);
	}
}

void match_body_of(struct text text, struct text hidden, const struct mime_head *head,
		   struct match_body *ret)
{
	struct text line;

	ret->n_ids = ret->n_called = ret->n_links = 0;
	read_text(ret, head, text);
	while (text_cut(hidden, '\n', &line, &hidden) || line.len)
		link_seen(ret, line);
}
