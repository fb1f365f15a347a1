#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "ingest/imap/imap_body.h"
#include "ingest/imap/imap_line.h"
#include "ingest/imap/imap_parse.h"
#include "ingest/imap/imap_session.h"
#include "tests/ingest/imap_tell.h"

/*
 * What real servers said, recorded by others: read where it lies, beside the
 * project.  Each file is one answer with lone LFs for line ends, while its
 * literals count CRLF.  Every response must be understood, at every split.
 */
#define DIALOGUES "../shared/corpora/imap-dialogues"
#define FILES     1000
#define MAX_FILE  (1 << 20)

static char *files[FILES];
static size_t n_files, n_faults;

/* All of them are wanted in one run. */
static void fault(const char *path, size_t step, const char *what, struct text line)
{
	n_faults++;
	print_error("%s, step %zu: %s: %.*s\n", path, step, what, TEXT_ARG(text_sub(line, 0, 200)));
}

static int on_file(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)at;
	if (kind == FTW_F && at->level == 2 && text_iends(text_of(path), TEXT(".txt")) &&
	    n_files < FILES)
		files[n_files++] = mem_text(path);
	return 0;
}

static int find(void **state)
{
	(void)state;
	(void)nftw(DIALOGUES, on_file, 8, FTW_PHYS);
	return 0;
}

static int forget(void **state)
{
	(void)state;
	while (n_files)
		free(files[--n_files]);
	return 0;
}

static void read_file(const char *path, struct buf *ret)
{
	FILE *f = fopen(path, "rb");
	int c, before = 0;

	assert_non_null(f);
	while ((c = fgetc(f)) != EOF) {
		uint8_t byte = (uint8_t)c;

		if (c == '\n' && before != '\r')
			assert_int_equal(buf_add(ret, "\r", 1), 0);
		assert_int_equal(buf_add(ret, &byte, 1), 0);
		before = c;
	}
	(void)fclose(f);
}

/* Lines that are no IMAP, and known as such. */
static bool is_known_odd(struct text line)
{
	return text_istarts(line, TEXT("[COPYUID ")) || text_eq(line, TEXT(")"));
}

/* The kind and the measure of each response; what is odd or partial fails. */
static void tell(struct buf *told, const char *path, size_t step, char *at, size_t len)
{
	struct imap_resp r;
	struct imap_body body;

	imap_parse(at, len, 1 << 20, &r);
	if (r.kind == IMAP_RESP_ODD && !is_known_odd(r.line))
		fault(path, step, "odd", r.line);
	assert_int_equal(text_addf(told, "%d %u %d", r.kind, r.number, (int)r.condition), 0);
	if (r.kind == IMAP_RESP_FETCH) {
		if (r.fetch.is_partial)
			fault(path, step, "partly understood", r.line);
		assert_int_equal(text_addf(told, " uid %u size %llu sections %zu", r.fetch.uid,
					   (unsigned long long)r.fetch.size, r.fetch.n_sections),
				 0);
		for (size_t i = 0; i < r.fetch.n_sections; i++)
			assert_int_equal(text_addf(told, " %zu", r.fetch.sections[i].data.len), 0);
		imap_body_init(&body);
		if (r.fetch.bodystructure.len)
			imap_body_parse(&body, r.fetch.bodystructure.at, r.fetch.bodystructure.len,
					1 << 20);
		assert_int_equal(text_addf(told, " parts %zu%s", body.n_parts,
					   body.is_partial ? " partial" : ""),
				 0);
		imap_body_clear(&body);
	}
	assert_int_equal(text_add(told, TEXT("\n")), 0);
}

static void parse(const char *path, struct text all, size_t step, struct buf *told)
{
	struct imap_line l;
	char *at;
	size_t len;
	int r = 0;

	imap_line_init(&l, 1 << 21, 1 << 20, 1 << 24);
	for (size_t i = 0; i < all.len; i += step) {
		struct text t = text_sub(all, i, step);

		assert_int_equal(imap_line_recv(&l, (const uint8_t *)t.at, t.len), 0);
		while ((r = imap_line_next(&l, &at, &len)) > 0)
			tell(told, path, step, at, len);
		if (r < 0)
			fault(path, step, "refused", TEXT(""));
	}
	if (l.in.len)
		fault(path, step, "left over", text_of_buf(&l.in));
	imap_line_clear(&l);
}

static void must_be_same(const char *path, size_t step, struct buf *got, const struct buf *want)
{
	if (!text_eq(text_of_buf(got), text_of_buf(want)))
		fault(path, step, "not the same as in one gulp", TEXT(""));
	buf_clear(got);
}

static void every_split_of(const char *path)
{
	struct buf all, want;

	buf_init(&all, MAX_FILE);
	buf_init(&want, MAX_FILE);
	read_file(path, &all);
	parse(path, text_of_buf(&all), IMAP_LINE_RECV_MAX, &want);
	for (size_t step = 1; step < all.len; step++) {
		struct buf got;

		buf_init(&got, MAX_FILE);
		parse(path, text_of_buf(&all), step, &got);
		must_be_same(path, step, &got, &want);
	}
	buf_clear(&all);
	buf_clear(&want);
}

static bool has_dialogues(void)
{
	n_faults = 0;
	if (n_files)
		return true;
	print_message("skip: no recorded dialogues in %s\n", DIALOGUES);
	return false;
}

static void every_dialogue(void **state)
{
	(void)state;
	if (!has_dialogues())
		skip();
	for (size_t i = 0; i < n_files; i++)
		every_split_of(files[i]);
	assert_int_equal(n_faults, 0);
}

static void hear(struct imap_session *s, struct text t, size_t step, const char *path,
		 struct buf *told)
{
	for (size_t i = 0; i < t.len; i += step) {
		struct text piece = text_sub(t, i, step);
		struct imap_event ev;

		assert_int_equal(imap_session_recv(s, (const uint8_t *)piece.at, piece.len, 0), 0);
		while (imap_session_next(s, &ev)) {
			if (told)
				imap_tell_event(told, &ev);
			if (ev.kind == IMAP_EV_FAILED)
				fault(path, step, ev.over.verdict->outcome.what, TEXT(""));
		}
	}
}

static int ask(struct imap_session *s, unsigned command)
{
	static const struct text side[] = { TEXT("Sent"), TEXT("Junk") };
	static const struct imap_known known = { .uidvalidity = 1, .modseq = 2 };

	switch (command) {
	case 0:
		return imap_session_fetch_headers(s, 1, UINT32_MAX, 0);
	case 1:
		return imap_session_list_status(s, 0);
	case 2:
		return imap_session_examine(s, TEXT("INBOX"), &known, 0);
	case 3:
		return imap_session_search_since(s, 1763856000, 0);
	case 4:
		return imap_session_notify(s, 0);
	case 5:
		return imap_session_idle(s, 0);
	case 6:
		return imap_session_proof(s, side, countof(side), 0);
	default:
		return -ERANGE;
	}
}

/* The recorder wrote all tags as A########: here they are that of the command. */
static void answer_with(struct buf *all, const char *tag)
{
	struct text mark = TEXT("A########");
	size_t at;

	while ((at = text_ifind(text_of_buf(all), mark)) != SIZE_MAX) {
		size_t n = strlen(tag);

		memcpy(all->data + at, tag, n);
		memmove(all->data + at + n, all->data + at + mark.len, all->len - at - mark.len);
		buf_cut(all, all->len - (mark.len - n));
	}
}

/* Whatever a command makes of it, the session understands it and goes on. */
static void in_session(const char *path, struct text all, size_t step, unsigned command,
		       struct buf *told)
{
	struct secret token = { NULL, 0 };
	struct imap_params params = { .credential = &token };
	struct imap_session *s = imap_session_new(&params, 0);

	hear(s, TEXT("* PREAUTH [CAPABILITY IMAP4rev1 IDLE LIST-STATUS NOTIFY QRESYNC] ready\r\n"),
	     4096, path, NULL);
	assert_int_equal(imap_session_examine(s, TEXT("INBOX"), NULL, 0), 0);
	hear(s, TEXT("r1 OK\r\n"), 4096, path, NULL);
	assert_int_equal(ask(s, command), 0);
	hear(s, all, step, path, told);
	imap_session_free(s);
}

static void every_step_in_session(const char *path, const struct buf *all, unsigned command)
{
	static const size_t steps[] = { 1, 7, 100 };
	struct buf want;

	buf_init(&want, 1 << 22);
	in_session(path, text_of_buf(all), IMAP_RECV_MAX, command, &want);
	for (size_t j = 0; j < countof(steps); j++) {
		struct buf got;

		buf_init(&got, 1 << 22);
		in_session(path, text_of_buf(all), steps[j], command, &got);
		must_be_same(path, steps[j], &got, &want);
	}
	buf_clear(&want);
}

static void every_dialogue_in_session(void **state)
{
	(void)state;
	if (!has_dialogues())
		skip();
	for (size_t i = 0; i < n_files; i++) {
		struct buf all;

		buf_init(&all, MAX_FILE);
		read_file(files[i], &all);
		answer_with(&all, "r2");
		for (unsigned command = 0; command < 7; command++)
			every_step_in_session(files[i], &all, command);
		buf_clear(&all);
	}
	assert_int_equal(n_faults, 0);
}

/* A folder that nobody looks into would be a gap in all of the above. */
static void every_folder_is_read(void **state)
{
	static const char *const folders[] = { "acl",       "common",   "courier", "cyrus",
					       "dovecot",   "exchange", "gmail",   "icloud",
					       "lowercase", "yandex",   "zoho" };

	(void)state;
	if (!has_dialogues())
		skip();
	for (size_t i = 0; i < countof(folders); i++) {
		size_t n = 0;

		for (size_t j = 0; j < n_files; j++)
			n += text_ifind(text_of(files[j]), text_of(folders[i])) != SIZE_MAX;
		if (!n)
			fail_msg("no dialogue of %s", folders[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_folder_is_read),
		cmocka_unit_test(every_dialogue),
		cmocka_unit_test(every_dialogue_in_session),
	};

	return cmocka_run_group_tests(tests, find, forget);
}
