#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/mime/mime_mail.h"

/* Whatever comes: as many leaves as are allowed, each inside the mail, under a section of its own;
 * what is picked is one of them; and the same again gives the same. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check(const struct mime_mail *m, struct text given)
{
	struct text all = m->own.len ? text_of_buf(&m->own) : given;

	if (m->n > LIMIT_IMAP_PARTS)
		abort();
	for (size_t i = 0; i < m->n; i++) {
		struct text t = m->leaf[i].bytes;

		if (t.len && (t.at < all.at || t.at + t.len > all.at + all.len))
			abort();
		if (i && strcmp(m->leaf[i].section, m->leaf[i - 1].section) == 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mime_mail m, again;
	struct mime_pick pick;

	mime_mail_init(&m);
	mime_mail_init(&again);
	mime_mail_read(&m, (struct text){ (const char *)p, n });
	check(&m, (struct text){ (const char *)p, n });
	mime_pick_parts(m.info, m.n, (enum mime_pick_as)(n % 3), &pick);
	for (size_t i = 0; i < pick.n; i++)
		if (mime_mail_part(&m, &pick.at[i]).len > pick.at[i].max_bytes)
			abort();
	mime_mail_read(&again, (struct text){ (const char *)p, n });
	if (again.n != m.n)
		abort();
	mime_mail_clear(&m);
	mime_mail_clear(&again);
	return 0;
}
