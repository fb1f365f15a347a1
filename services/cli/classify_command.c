#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "ingest/classify/classify_rules.h"
#include "ingest/reading.h"
#include "ingest/reading_json.h"
#include "services/cli/classify_command.h"

static int refuse(int code, const char *thing, const char *why)
{
	(void)fprintf(stderr, "replyd: %s: %s\n", thing, why);
	return code;
}

/* Up to LIMIT_MIME_MAIL of it; what is behind are attachments. */
static int read_all(FILE *f, struct buf *ret)
{
	char block[65536];
	struct stat about;
	size_t n;

	/* a buffer that grows by copies takes twice as much */
	if (fstat(fileno(f), &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0)
		(void)buf_reserve(ret, about.st_size < LIMIT_MIME_MAIL ? (size_t)about.st_size
								       : LIMIT_MIME_MAIL);
	while ((n = fread(block, 1, sizeof(block), f)) > 0) {
		size_t room = ret->max - ret->len;

		(void)buf_add(ret, block, n < room ? n : room);
		if (n >= room)
			return 0;
	}
	return ferror(f) ? -EIO : 0;
}

/* ---- for people ---- */

static void print_line(const char *name, const char *value)
{
	if (value && *value)
		printf("%-14s %s\n", name, value);
}

static void print_people(const char *file, const struct reading *r, bool explain)
{
	const struct classify_verdict *v = &r->verdict;
	cleanup_buf struct buf joined;

	buf_init(&joined, (size_t)LIMIT_MIME_TEXT * 2);
	extract_new(&r->cut, &joined);
	print_line("FILE", file);
	printf("%-14s %s, %.0f %% sure\n", "KIND", classify_kind_name(v->kind),
	       v->confidence * 100);
	print_line("FROM", r->mail.head.from.address);
	print_line("SUBJECT", r->mail.head.subject);
	print_line("ANSWERS", r->ids.n ? r->ids.at[0].id : NULL);
	print_line("BACK ON", v->return_at);
	print_line("RECIPIENT", v->bounce.recipient);
	print_line("REASON", v->bounce.reason);
	for (size_t i = 0; explain && i < v->n_evidence; i++)
		printf("%-14s %s (%s): %s\n", i ? "" : "BECAUSE", v->evidence[i].rule,
		       classify_verdict_source_name(v->evidence[i].source), v->evidence[i].text);
	if (joined.len)
		printf("\n%.*s\n", TEXT_ARG(text_of_buf(&joined)));
	putchar('\n');
}

/* ---- for programs ---- */

static int print_json(const char *file, const struct reading *r)
{
	json_t *o = json_object(), *said = reading_json(r);
	char *line;

	if (file)
		json_put_text(o, "file", text_of(file));
	json_object_update(o, said);
	json_decref(said);
	line = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(o);
	if (!line)
		return refuse(EX_SOFTWARE, file ? file : "stdin", "cannot be told as JSON");
	puts(line);
	free(line);
	return 0;
}

static int classify(const struct options *o, struct reading *r, FILE *f, const char *file,
		    int64_t received_at)
{
	cleanup_buf struct buf bytes;
	int error;

	buf_init(&bytes, LIMIT_MIME_MAIL);
	error = read_all(f, &bytes);
	if (error)
		return refuse(EX_IOERR, file ? file : "stdin", strerror(-error));
	if (o->text)
		reading_of_text(r, text_of_buf(&bytes), received_at);
	else
		reading_of(r, text_of_buf(&bytes), received_at);
	if (o->json)
		return print_json(file, r);
	print_people(file, r, o->explain);
	return 0;
}

int classify_command(const struct options *o)
{
	struct reading r;
	int64_t received_at_us = 0;
	int code = 0;

	if (o->received_at && clock_from_rfc3339(o->received_at, &received_at_us) < 0)
		return refuse(EX_USAGE, "--received-at",
			      "is no time; write it as 2026-11-23T09:00:00Z");
	(void)classify_rules_now(); /* before a mail takes the memory that making them needs */
	reading_init(&r);
	if (o->n_words == 1)
		code = classify(o, &r, stdin, NULL, received_at_us / 1000000);
	for (size_t i = 1; i < o->n_words && code == 0; i++) {
		FILE *f = fopen(o->words[i], "rb");

		if (!f)
			code = refuse(EX_NOINPUT, o->words[i], strerror(errno));
		else
			code = classify(o, &r, f, o->words[i], received_at_us / 1000000);
		if (f)
			(void)fclose(f);
	}
	reading_clear(&r);
	return code;
}
