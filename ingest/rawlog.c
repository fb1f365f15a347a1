#include "ingest/rawlog.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"

#define RAWLOG_PATH 1024

struct rawlog {
	FILE *file;
	char side; /* who spoke last: 'S' or 'C'; '\0': a line begins */
};

/* A file for our eyes only; NULL: it cannot be made. */
static FILE *open_file(const char *dir, const char *inbox, const char *ending)
{
	char path[RAWLOG_PATH];
	mode_t old;
	FILE *f;

	if (!dir || !dir[0])
		return NULL;
	(void)snprintf(path, sizeof(path), "%s/%s-%llx.%s", dir, inbox,
		       (unsigned long long)clock_unix_us(), ending);
	old = umask(077);
	f = fopen(path, "ae");
	umask(old);
	return f;
}

struct rawlog *rawlog_open(const char *dir, const char *inbox)
{
	FILE *f = open_file(dir, inbox, "imap");
	struct rawlog *r;

	if (!f)
		return NULL;
	r = mem_new(sizeof(*r));
	r->file = f;
	return r;
}

void rawlog_close(struct rawlog *r)
{
	if (!r)
		return;
	(void)fclose(r->file);
	free(r);
}

/* Every line begins with who says it; a line cut by the other side begins again. */
static void put(struct rawlog *r, char side, const char *p, size_t n)
{
	while (n > 0) {
		const char *end = memchr(p, '\n', n);
		size_t len = end ? (size_t)(end - p) + 1 : n;

		if (r->side && r->side != side)
			(void)fputc('\n', r->file);
		if (r->side != side)
			(void)fprintf(r->file, "%c: ", side);
		(void)fwrite(p, 1, len, r->file);
		r->side = end ? '\0' : side;
		p += len;
		n -= len;
	}
	(void)fflush(r->file);
}

void rawlog_in(struct rawlog *r, const void *p, size_t n)
{
	if (r)
		put(r, 'S', p, n);
}

void rawlog_out(struct rawlog *r, const void *p, size_t n, size_t secret_from, size_t secret_len)
{
	char blank[48];
	size_t end = secret_from + secret_len;

	if (!r)
		return;
	if (!secret_len || secret_from >= n) {
		put(r, 'C', p, n);
		return;
	}
	put(r, 'C', p, secret_from);
	(void)snprintf(blank, sizeof(blank), "[secret, %zu bytes]", secret_len);
	put(r, 'C', blank, strlen(blank));
	if (end < n)
		put(r, 'C', (const char *)p + end, n - end);
}

bool rawlog_keep(const char *dir, const char *inbox, struct text dialogue)
{
	FILE *f = open_file(dir, inbox, "kept.imap");
	bool ok;

	if (!f)
		return false;
	ok = fwrite(dialogue.at, 1, dialogue.len, f) == dialogue.len;
	return fclose(f) == 0 && ok;
}
