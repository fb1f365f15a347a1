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
	if (f->n_sections > IMAP_FETCH_SECTIONS)
		abort();
	for (size_t i = 0; i < f->n_sections; i++) {
		inside(f->sections[i].name);
		inside(f->sections[i].data);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct imap_resp r;
	char *line = malloc(n ? n : 1);

	if (!line)
		return 0;
	memcpy(line, p, n);
	from = line;
	to = line + n;
	imap_parse(line, n, MAX_LITERAL, &r);
	inside(r.line);
	inside(r.tag);
	inside(r.code.word);
	inside(r.code.args);
	inside(r.said);
	inside(r.words);
	if (r.kind == IMAP_RESP_FETCH)
		fetch(&r.fetch);
	else if (r.kind == IMAP_RESP_LIST)
		inside(r.list.raw);
	else if (r.kind == IMAP_RESP_VANISHED && !r.vanished.uids.len)
		abort();
	free(line);
	return 0;
}
