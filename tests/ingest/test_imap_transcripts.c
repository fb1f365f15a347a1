#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "ingest/imap/imap_session.h"
#include "ingest/imap/imap_text.h"
#include "tests/ingest/imap_tell.h"

/*
 * Plays tests/transcripts/<name>.txt against a session, at several step sizes.
 * One directive a line:
 *
 *	#  words for the reader
 *	SET: name value    before anything else: user, credential, kind, tls, quirks, idle-renew ...
 *	S: line            the server says this line and CRLF; S- says it without the CRLF
 *	C: line            we must have said exactly this line, now
 *	LOG: line          the last line as a raw log may show it: what is secret is one "#"
 *	EV: words          this event must have come, now
 *	DO: command        the driver asks for this
 *	T+1500s            so much time passes; T+30ms
 *	OVER               the session must be done
 *
 * What came and was not named before the next S, DO or T fails the test.
 */
#define FOLDER "tests/transcripts"

struct player {
	const char *file;
	int line;
	size_t step;
	struct imap_params params;
	struct secret credential;
	struct imap_session *session;
	uint64_t now_ms;
	struct buf said, logged, events; /* what came and was not named yet */
	struct buf in;                   /* what the server says next */
	char *user;
};

static void fail_at(const struct player *p, const char *what, struct text want, struct text got)
{
	fail_msg("%s:%d (step %zu): %s\n  want: %.*s\n  got:  %.*s", p->file, p->line, p->step,
		 what, TEXT_ARG(want), TEXT_ARG(got));
}

/* ---- the pump ---- */

static void write_out(struct player *p)
{
	const uint8_t *at;
	size_t n, from, len;

	while ((n = imap_session_send(p->session, &at)) > 0) {
		bool has_secret;

		if (n > p->step)
			n = p->step; /* a slow socket */
		has_secret = imap_session_secret(p->session, &from, &len);
		(void)buf_add(&p->said, at, n);
		for (size_t i = 0; i < n; i++) {
			if (!has_secret || i < from || i >= from + len)
				(void)buf_add(&p->logged, at + i, 1);
			else if (p->logged.len == 0 || p->logged.data[p->logged.len - 1] != '#')
				(void)buf_add(&p->logged, "#", 1);
		}
		imap_session_sent(p->session, n);
	}
}

static void pump(struct player *p)
{
	struct imap_event ev;

	while (imap_session_next(p->session, &ev))
		imap_tell_event(&p->events, &ev);
	write_out(p);
}

static void feed(struct player *p)
{
	for (size_t i = 0; i < p->in.len; i += p->step) {
		size_t n = p->in.len - i < p->step ? p->in.len - i : p->step;

		assert_int_equal(imap_session_recv(p->session, p->in.data + i, n, p->now_ms), 0);
		pump(p);
	}
	buf_clear(&p->in);
}

/* ---- directives ---- */

static void nothing_left(struct player *p)
{
	struct text none = TEXT("(nothing)");

	if (p->events.len)
		fail_at(p, "an event that was not named", none, text_of_buf(&p->events));
	if (p->said.len)
		fail_at(p, "a line of ours that was not named", none, text_of_buf(&p->said));
}

/* The last whole line as a raw log would have it. */
static void must_log(struct player *p, struct text want)
{
	struct text all = text_trim(text_of_buf(&p->logged)), got = all;

	for (size_t i = 0; i < all.len; i++)
		if (all.at[i] == '\n')
			got = text_sub(all, i + 1, SIZE_MAX);
	if (!text_eq(got, want))
		fail_at(p, "what a log shows", want, got);
}

static void must_come(struct player *p, struct buf *b, const char *end, struct text want,
		      const char *what)
{
	struct text all = text_of_buf(b), got;
	size_t at = text_ifind(all, text_of(end));

	if (at == SIZE_MAX)
		fail_at(p, what, want, TEXT("(nothing)"));
	got = text_sub(all, 0, at);
	if (!text_eq(got, want))
		fail_at(p, what, want, got);
	buf_drop(b, at + strlen(end));
}

static uint32_t uid_of(struct text t)
{
	uint64_t n = UINT32_MAX;

	(void)text_u64(t, UINT32_MAX, &n);
	return (uint32_t)n;
}

/* "proof Sent|Junk": names with a bar between */
static int prove(struct player *p, struct text names)
{
	struct text side[IMAP_PROOF_SIDES + 1];
	unsigned n = 0;

	while (names.len && n < countof(side))
		text_cut(names, '|', &side[n++], &names);
	return imap_session_proof(p->session, side, n, p->now_ms);
}

/* "known 7 715 12 INBOX": UIDVALIDITY, modseq and lowest UID of interest, then the name */
static int examine_known(struct player *p, struct text words)
{
	struct text number[3];
	struct imap_known known;
	uint64_t modseq = 0;

	for (size_t i = 0; i < countof(number); i++)
		text_cut(words, ' ', &number[i], &words);
	known.uidvalidity = uid_of(number[0]);
	known.uid_from = uid_of(number[2]);
	(void)text_u64(number[1], UINT64_MAX, &modseq);
	known.modseq = modseq;
	return imap_session_examine(p->session, words, &known, p->now_ms);
}

static int ask(struct player *p, struct text verb, struct text rest)
{
	struct imap_session *s = p->session;
	struct text a, b, c;

	text_cut(rest, ' ', &a, &b);
	text_cut(b, ' ', &b, &c);
	if (text_eq(verb, TEXT("list")))
		return imap_session_list(s, p->now_ms);
	if (text_eq(verb, TEXT("list-status")))
		return imap_session_list_status(s, p->now_ms);
	if (text_eq(verb, TEXT("notify")))
		return imap_session_notify(s, p->now_ms);
	if (text_eq(verb, TEXT("proof")))
		return prove(p, rest);
	if (text_eq(verb, TEXT("known")))
		return examine_known(p, rest);
	if (text_eq(verb, TEXT("examine")))
		return imap_session_examine(s, rest, NULL, p->now_ms);
	if (text_eq(verb, TEXT("status")))
		return imap_session_status(s, rest, p->now_ms);
	if (text_eq(verb, TEXT("since")))
		return imap_session_search_since(s, uid_of(a), p->now_ms);
	if (text_eq(verb, TEXT("headers")))
		return imap_session_fetch_headers(s, uid_of(a), uid_of(b), p->now_ms);
	if (text_eq(verb, TEXT("part")))
		return imap_session_fetch_part(s, uid_of(a), b, uid_of(c), p->now_ms);
	if (text_eq(verb, TEXT("noop")))
		return imap_session_noop(s, p->now_ms);
	if (text_eq(verb, TEXT("idle")))
		return imap_session_idle(s, p->now_ms);
	if (text_eq(verb, TEXT("end-idle")))
		return imap_session_end_idle(s, p->now_ms);
	if (text_eq(verb, TEXT("logout")))
		return imap_session_logout(s, p->now_ms);
	if (text_eq(verb, TEXT("tls-up")))
		imap_session_tls_up(s, p->now_ms);
	else if (text_eq(verb, TEXT("eof")))
		imap_session_eof(s, p->now_ms);
	else
		fail_msg("%s:%d: DO what?", p->file, p->line);
	return 0;
}

/* "DO: idle" must work, "DO: idle = EBUSY" must not. */
static void act(struct player *p, struct text words)
{
	static const struct {
		const char *name;
		int e;
	} errors[] = {
		{ "EBUSY", -EBUSY }, { "ENOTCONN", -ENOTCONN },     { "EINVAL", -EINVAL },
		{ "EDOM", -EDOM },   { "EOPNOTSUPP", -EOPNOTSUPP },
	};
	struct text verb, rest, error = { NULL, 0 };
	size_t at = text_ifind(words, TEXT(" = E"));
	int want = 0, got;

	if (at != SIZE_MAX) {
		error = text_sub(words, at + 3, SIZE_MAX);
		words = text_sub(words, 0, at);
	}
	for (size_t i = 0; i < countof(errors); i++)
		if (text_eq(error, text_of(errors[i].name)))
			want = errors[i].e;
	text_cut(words, ' ', &verb, &rest);
	got = ask(p, verb, rest);
	if (got != want)
		fail_msg("%s:%d (step %zu): %d instead of %d", p->file, p->line, p->step, got,
			 want);
	pump(p);
}

static unsigned quirk_of(const struct player *p, struct text name)
{
	static const struct {
		const char *name;
		unsigned quirk;
	} rows[] = {
		{ "no-partial", IMAP_QUIRK_NO_PARTIAL },
		{ "no-id", IMAP_QUIRK_NO_ID },
		{ "no-esearch", IMAP_QUIRK_NO_ESEARCH },
		{ "no-oauthbearer", IMAP_QUIRK_NO_OAUTHBEARER },
		{ "no-qresync", IMAP_QUIRK_NO_QRESYNC },
		{ "no-enable", IMAP_QUIRK_NO_ENABLE },
		{ "no-pipeline", IMAP_QUIRK_NO_PIPELINE },
		{ "no-notify", IMAP_QUIRK_NO_NOTIFY },
		{ "no-idle", IMAP_QUIRK_NO_IDLE },
	};

	for (size_t i = 0; i < countof(rows); i++)
		if (text_eq(name, text_of(rows[i].name)))
			return rows[i].quirk;
	fail_msg("%s:%d: what quirk?", p->file, p->line);
	return 0;
}

static void set(struct player *p, struct text words)
{
	struct text name, value;
	uint64_t n = 0;

	text_cut(words, ' ', &name, &value);
	(void)text_u64(value, UINT64_MAX, &n);
	if (text_eq(name, TEXT("user"))) {
		free(p->user);
		p->user = mem_text_n(value.at, value.len);
		p->params.user = text_of(p->user);
	} else if (text_eq(name, TEXT("credential"))) {
		secret_set_text(&p->credential, value);
	} else if (text_eq(name, TEXT("kind"))) {
		p->params.kind = text_eq(value, TEXT("password")) ? IMAP_CREDENTIAL_PASSWORD
								  : IMAP_CREDENTIAL_TOKEN;
	} else if (text_eq(name, TEXT("tls"))) {
		p->params.tls =
			text_eq(value, TEXT("starttls")) ? IMAP_TLS_STARTTLS : IMAP_TLS_IMPLICIT;
	} else if (text_eq(name, TEXT("quirk"))) {
		p->params.quirks |= quirk_of(p, value);
	} else if (text_eq(name, TEXT("id"))) {
		p->params.id[0].field = TEXT("name");
		p->params.id[0].value = TEXT("replyd");
	} else if (text_eq(name, TEXT("idle-renew"))) {
		p->params.idle_renew_ms = n;
	} else if (text_eq(name, TEXT("max-line"))) {
		p->params.max_line = n;
	} else if (text_eq(name, TEXT("max-literal"))) {
		p->params.max_literal = n;
	} else {
		fail_msg("%s:%d: SET what?", p->file, p->line);
	}
}

static void pass_time(struct player *p, struct text t)
{
	uint64_t n = 0;
	bool is_ms = text_iends(t, TEXT("ms"));

	t.len -= is_ms ? 2 : 1;
	assert_int_equal(text_u64(t, UINT32_MAX, &n), 0);
	p->now_ms += is_ms ? n : n * 1000;
	if (p->now_ms >= imap_session_deadline(p->session))
		imap_session_tick(p->session, p->now_ms);
	pump(p);
}

static void play_line(struct player *p, struct text line)
{
	struct text rest = text_sub(line, text_ifind(line, TEXT(":")) + 2, SIZE_MAX);
	bool is_server = text_istarts(line, TEXT("S:")) || text_istarts(line, TEXT("S-"));

	if (!line.len || line.at[0] == '#')
		return;
	if (text_istarts(line, TEXT("SET:"))) {
		set(p, rest);
		return;
	}
	if (!p->session) {
		p->params.credential = &p->credential;
		p->session = imap_session_new(&p->params, p->now_ms);
	}
	if (is_server) {
		nothing_left(p);
		(void)text_add(&p->in, text_sub(line, 3, SIZE_MAX));
		if (line.at[1] == ':')
			(void)text_add(&p->in, TEXT("\r\n"));
		return;
	}
	feed(p);
	if (text_istarts(line, TEXT("C:"))) {
		must_come(p, &p->said, "\r\n", rest, "what we say");
	} else if (text_istarts(line, TEXT("LOG:"))) {
		must_log(p, rest);
	} else if (text_istarts(line, TEXT("EV:"))) {
		must_come(p, &p->events, "\n", rest, "event");
	} else if (text_istarts(line, TEXT("DO:"))) {
		nothing_left(p);
		act(p, rest);
	} else if (text_istarts(line, TEXT("T+"))) {
		nothing_left(p);
		pass_time(p, text_sub(line, 2, SIZE_MAX));
	} else if (text_eq(line, TEXT("OVER"))) {
		nothing_left(p);
		if (!imap_session_done(p->session))
			fail_msg("%s:%d: not over, waits for %s", p->file, p->line,
				 imap_session_waiting_for(p->session));
	} else {
		fail_msg("%s:%d: what is this?", p->file, p->line);
	}
}

static void play(const char *file, struct text all, size_t step)
{
	struct player p = {
		.file = file,
		.step = step,
		.now_ms = 1000000,
		.params = { .user = TEXT("eve@a.example"),
			    .host = TEXT("imap.a.example"),
			    .port = 993 },
	};
	struct text line;

	buf_init(&p.said, 1 << 20);
	buf_init(&p.logged, 1 << 20);
	buf_init(&p.events, 1 << 20);
	buf_init(&p.in, 1 << 20);
	secret_set_text(&p.credential, TEXT("t0ken"));
	while (all.len) {
		text_cut(all, '\n', &line, &all);
		p.line++;
		play_line(&p, line);
	}
	feed(&p);
	nothing_left(&p);
	imap_session_free(p.session);
	secret_clear(&p.credential);
	buf_clear(&p.said);
	buf_clear(&p.logged);
	buf_clear(&p.events);
	free(p.user);
}

static void transcript(void **state)
{
	static const size_t steps[] = { 1, 2, 3, 7, 64, 1 << 17 };
	char path[512];
	struct buf all;
	uint8_t block[4096];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), FOLDER "/%s", (const char *)*state);
	f = fopen(path, "r");
	assert_non_null(f);
	buf_init(&all, 1 << 20);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		assert_int_equal(buf_add(&all, block, n), 0);
	(void)fclose(f);
	for (size_t i = 0; i < countof(steps); i++)
		play(path, text_of_buf(&all), steps[i]);
	buf_clear(&all);
}

/* One test for each file, so that its name is in the report. */
#define FILES 64

int main(void)
{
	struct CMUnitTest tests[FILES];
	struct dirent **names;
	int n = scandir(FOLDER, &names, NULL, alphasort), r;
	size_t n_tests = 0;

	for (int i = 0; i < n && n_tests < FILES; i++) {
		char *name = names[i]->d_name;

		if (text_iends(text_of(name), TEXT(".txt")))
			tests[n_tests++] = (struct CMUnitTest){ .name = name,
								.test_func = transcript,
								.initial_state = name };
	}
	if (!n_tests) {
		(void)fprintf(stderr, "no transcripts in %s\n", FOLDER);
		return 1;
	}
	r = _cmocka_run_group_tests("transcripts", tests, n_tests, NULL, NULL);
	while (n-- > 0)
		free(names[n]);
	free(names);
	return r;
}
