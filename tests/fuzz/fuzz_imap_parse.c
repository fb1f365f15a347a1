#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/imap/imap_parse.h"

#define MAX_LITERAL 64

static const char *from, *to;

/* What is told lies inside the line. */
static void inside(struct text t)
{
	if (t.len && (t.at < from || t.at + t.len > to))
		abort();
}

static void fetch(const struct imap_fetch *f)
{
	inside(f->flags);
	inside((struct text){ f->bodystructure.at, f->bodystructure.len });
	inside(f->gmail_labels);
	inside(f->emailid);
	inside(f->threadid);
	if (f->n_sections > IMAP_FETCH_SECTIONS)
		abort();
	for (size_t i = 0; i < f->n_sections; i++) {
		inside(f->sections[i].name);
		inside(f->sections[i].data);
		if (f->sections[i].data.len > MAX_LITERAL && f->sections[i].is_cut)
			abort();
		if (f->sections[i].is_nil && f->sections[i].data.len)
			abort();
	}
}

/* What a kind promises is there. */
static void promises(const struct imap_resp *r)
{
	switch (r->kind) {
	case IMAP_RESP_ODD:
		/* nothing of a line that was not understood is believed */
		if (r->tag.len || r->code.word.len || r->said.len || r->words.len || r->number)
			abort();
		break;
	case IMAP_RESP_TAGGED:
		if (!r->tag.len)
			abort();
		break;
	case IMAP_RESP_LIST:
		inside(r->list.attributes);
		inside(r->list.raw);
		break;
	case IMAP_RESP_STATUS:
		inside(r->status.raw);
		if (r->status.messages && !r->status.has_messages)
			abort();
		break;
	case IMAP_RESP_SEARCH:
		if (r->search.count && !r->search.has_count)
			abort();
		break;
	case IMAP_RESP_VANISHED:
		inside(r->vanished.uids);
		if (!r->vanished.uids.len || !r->vanished.count)
			abort();
		break;
	case IMAP_RESP_NAMESPACE:
		inside(r->space.prefix);
		break;
	case IMAP_RESP_FETCH:
		fetch(&r->fetch);
		break;
	case IMAP_RESP_OTHER:
	case IMAP_RESP_PLUS:
	case IMAP_RESP_CONDITION:
	case IMAP_RESP_CAPABILITY:
	case IMAP_RESP_ENABLED:
	case IMAP_RESP_EXISTS:
	case IMAP_RESP_EXPUNGE:
		break;
	}
}

static void parse(const uint8_t *p, size_t n, struct imap_resp *ret)
{
	char *line = malloc(n ? n : 1);

	if (!line)
		abort();
	memcpy(line, p, n);
	from = line;
	to = line + n;
	imap_parse(line, n, MAX_LITERAL, ret);
	inside(ret->line);
	inside(ret->tag);
	inside(ret->code.word);
	inside(ret->code.args);
	inside(ret->said);
	inside(ret->words);
	promises(ret);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct imap_resp r;
	uint8_t longer[1024];

	if (n >= sizeof(longer))
		return 0;
	parse(p, n, &r);
	/* a blank more at the end is the same response: only text goes on to the end */
	if (r.kind == IMAP_RESP_FETCH || r.kind == IMAP_RESP_STATUS || r.kind == IMAP_RESP_SEARCH) {
		enum imap_resp_kind kind = r.kind;

		memcpy(longer, p, n);
		longer[n] = ' ';
		parse(longer, n + 1, &r);
		if (r.kind != kind)
			abort();
	}
	return 0;
}
