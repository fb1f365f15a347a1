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

/* ---- events as text ---- */

static void add_escaped(struct buf *b, struct text t)
{
	(void)text_add(b, TEXT("\""));
	for (size_t i = 0; i < t.len; i++) {
		uint8_t c = (uint8_t)t.at[i];

		if (c == '\r')
			(void)text_add(b, TEXT("\\r"));
		else if (c == '\n')
			(void)text_add(b, TEXT("\\n"));
		else if (c < ' ')
			(void)text_addf(b, "\\x%02x", c);
		else
			(void)buf_add(b, &c, 1);
	}
	(void)text_add(b, TEXT("\""));
}

static void add_verdict(struct buf *b, const struct imap_verdict *v)
{
	if (outcome_ok(&v->outcome)) {
		(void)text_add(b, TEXT(" ok"));
		return;
	}
	(void)text_addf(b, " %s %s", outcome_blame_name(v->outcome.blame),
			imap_verdict_remedy_name(v->remedy));
	if (v->backoff_ms)
		(void)text_addf(b, " %llums", (unsigned long long)v->backoff_ms);
	(void)text_addf(b, " what=\"%s\"", v->outcome.what);
	if (v->outcome.said[0])
		(void)text_addf(b, " said=\"%s\"", v->outcome.said);
}

static void add_message(struct buf *b, const struct imap_message *m)
{
	(void)text_addf(b, " uid=%u", m->uid);
	if (m->has & IMAP_HAS_DATE)
		(void)text_addf(b, " date=%lld", (long long)m->date_unix_s);
	if (m->has & IMAP_HAS_SIZE)
		(void)text_addf(b, " size=%llu", (unsigned long long)m->size);
	if (m->has & IMAP_HAS_FLAGS)
		(void)text_addf(b, " flags=(%.*s)", TEXT_ARG(m->flags));
	if (m->gmail_msgid)
		(void)text_addf(b, " msgid=%llu", (unsigned long long)m->gmail_msgid);
	if (m->gmail_labels.len)
		(void)text_addf(b, " labels=(%.*s)", TEXT_ARG(m->gmail_labels));
	if (m->has & IMAP_HAS_HEADER) {
		(void)text_add(b, TEXT(" header="));
		add_escaped(b, m->header);
	}
	for (size_t i = 0; i < m->body->n_parts; i++) {
		const struct imap_part *part = &m->body->parts[i];

		(void)text_addf(b, " %s:%.*s/%.*s", part->section, TEXT_ARG(part->type),
				TEXT_ARG(part->subtype));
	}
	if (m->is_header_cut)
		(void)text_add(b, TEXT(" header-cut"));
	if (m->body->is_partial)
		(void)text_add(b, TEXT(" body-partial"));
}

static void add_folder(struct buf *b, const struct imap_folder *f)
{
	(void)text_add(b, TEXT(" "));
	add_escaped(b, f->name);
	if (!text_eq(f->name, f->raw)) {
		(void)text_add(b, TEXT(" raw="));
		add_escaped(b, f->raw);
	}
	(void)text_addf(b, " %s%s", imap_folder_role_name(f->role), f->is_guess ? "?" : "");
	if (!f->is_selectable)
		(void)text_add(b, TEXT(" noselect"));
}

static const char *command_name(enum imap_command command)
{
	static const char *const names[] = {
		"NONE", "LIST",   "EXAMINE", "SEARCH", "HEADERS",
		"PART", "STATUS", "NOOP",    "IDLE",   "LOGOUT",
	};

	return names[command];
}

static void add_event(struct buf *b, const struct imap_event *ev)
{
	switch (ev->kind) {
	case IMAP_EV_STARTTLS_NOW:
		(void)text_add(b, TEXT("STARTTLS_NOW"));
		break;
	case IMAP_EV_READY:
		(void)text_add(b, TEXT("READY prefix="));
		add_escaped(b, ev->ready.prefix);
		(void)text_addf(b, " separator=%c%s",
				ev->ready.separator ? ev->ready.separator : '-',
				ev->ready.was_preauth ? " preauth" : "");
		break;
	case IMAP_EV_FOLDER:
		(void)text_add(b, TEXT("FOLDER"));
		add_folder(b, &ev->folder);
		break;
	case IMAP_EV_EXAMINED:
		(void)text_addf(b, "EXAMINED uidvalidity=%u uidnext=%u exists=%u modseq=%llu%s",
				ev->examined.uidvalidity, ev->examined.uidnext, ev->examined.exists,
				(unsigned long long)ev->examined.highestmodseq,
				ev->examined.is_uid_unsticky ? " unsticky" : "");
		break;
	case IMAP_EV_LOWEST_UID:
		(void)text_addf(b, "LOWEST_UID %u found=%u", ev->lowest.uid, ev->lowest.found);
		break;
	case IMAP_EV_MESSAGE:
		(void)text_add(b, TEXT("MESSAGE"));
		add_message(b, &ev->message);
		break;
	case IMAP_EV_PART:
		(void)text_addf(b, "PART uid=%u section=%.*s data=", ev->part.uid,
				TEXT_ARG(ev->part.section));
		add_escaped(b, ev->part.data);
		(void)text_addf(b, "%s%s", ev->part.is_cut ? " cut" : "",
				ev->part.is_nil ? " nil" : "");
		break;
	case IMAP_EV_STATUS:
		(void)text_addf(b, "STATUS %.*s messages=%u uidnext=%u uidvalidity=%u",
				TEXT_ARG(ev->status.raw), ev->status.messages, ev->status.uidnext,
				ev->status.uidvalidity);
		break;
	case IMAP_EV_EXISTS:
		(void)text_addf(b, "EXISTS %u", ev->exists.count);
		break;
	case IMAP_EV_EXPUNGE:
		(void)text_addf(b, "EXPUNGE %u exists=%u", ev->expunge.seq, ev->expunge.exists);
		break;
	case IMAP_EV_VANISHED:
		(void)text_addf(b, "VANISHED %.*s%s", TEXT_ARG(ev->vanished.uids),
				ev->vanished.is_earlier ? " earlier" : "");
		break;
	case IMAP_EV_IDLING:
		(void)text_add(b, TEXT("IDLING"));
		break;
	case IMAP_EV_ALERT:
		(void)text_add(b, TEXT("ALERT "));
		add_escaped(b, ev->alert.said);
		break;
	case IMAP_EV_ODD:
		(void)text_add(b, TEXT("ODD "));
		add_escaped(b, ev->odd.said);
		break;
	case IMAP_EV_DONE:
		(void)text_addf(b, "DONE %s", command_name(ev->done.command));
		if (ev->done.lost)
			(void)text_addf(b, " lost=%u", ev->done.lost);
		add_verdict(b, ev->done.verdict);
		break;
	case IMAP_EV_BYE:
		(void)text_add(b, TEXT("BYE"));
		add_verdict(b, ev->over.verdict);
		break;
	case IMAP_EV_FAILED:
		(void)text_add(b, TEXT("FAILED"));
		add_verdict(b, ev->over.verdict);
		break;
	}
	(void)text_add(b, TEXT("\n"));
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
		add_event(&p->events, &ev);
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

static int ask(struct player *p, struct text verb, struct text rest)
{
	struct imap_session *s = p->session;
	struct text a, b, c;

	text_cut(rest, ' ', &a, &b);
	text_cut(b, ' ', &b, &c);
	if (text_eq(verb, TEXT("list")))
		return imap_session_list(s, p->now_ms);
	if (text_eq(verb, TEXT("examine")))
		return imap_session_examine(s, rest, p->now_ms);
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
		p->params.quirks |= text_eq(value, TEXT("no-partial")) ? IMAP_QUIRK_NO_PARTIAL
				    : text_eq(value, TEXT("no-id"))    ? IMAP_QUIRK_NO_ID
				    : text_eq(value, TEXT("no-esearch"))
					    ? IMAP_QUIRK_NO_ESEARCH
					    : IMAP_QUIRK_NO_OAUTHBEARER;
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
