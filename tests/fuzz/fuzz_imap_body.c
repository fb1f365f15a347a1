#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "ingest/imap/imap_body.h"
#include "ingest/imap/imap_command.h"

static const char *from, *to;

static void inside(struct text t)
{
	if (t.len && (t.at < from || t.at + t.len > to))
		abort();
}

/* Every part can be asked for, by a name of its own, and lies inside what was parsed. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct imap_body b;
	char *at = malloc(n ? n : 1);

	if (!at)
		return 0;
	memcpy(at, p, n);
	from = at;
	to = at + n;
	imap_body_init(&b);
	imap_body_parse(&b, at, n, 64);
	if (b.n_parts > LIMIT_IMAP_PARTS || (!b.n_parts && !b.is_partial))
		abort();
	for (size_t i = 0; i < b.n_parts; i++) {
		const struct imap_part *part = &b.parts[i];

		if (!imap_command_is_section(text_of(part->section)))
			abort();
		if (part->inside > LIMIT_IMAP_DEPTH)
			abort();
		for (size_t j = 0; j < i; j++)
			if (strcmp(part->section, b.parts[j].section) == 0)
				abort();
		inside(part->multipart);
		inside(part->type);
		inside(part->subtype);
		inside(part->charset);
		inside(part->encoding);
		inside(part->disposition);
		inside(part->name);
		inside(part->id);
	}
	imap_body_clear(&b);
	free(at);
	return 0;
}
