#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ingest/imap/imap_course.h"
#include "ingest/imap/imap_session.h"
#include "tests/ingest/imap_tell.h"

/*
 * A driver that asks for one thing after another, whatever a server says.
 * First byte: the step in which bytes come; second: how the driver behaves.
 *
 *   the step must not matter to what is told, and only to what is said at the
 *   very end: bytes that wait when a session is over are not sent
 *   each command has one DONE, of its name, and BYE or FAILED is the last event
 *   a proof that is asked for is PROVEN once, or the session ends
 *   no verb is said that is not on the list, and tags ascend
 *   buffers keep their ceilings, and an idle session holds none
 */
#define MAX_LINE 2048

struct run {
	struct imap_session *session;
	struct buf told, said;
	enum imap_command asked; /* NONE: nothing runs */
	unsigned turn, proofs;
	bool is_over;
};

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static void asked(struct run *r, enum imap_command command, int e)
{
	if (e < 0)
		return;
	must(r->asked == IMAP_COMMAND_NONE);
	r->asked = command;
}

static void prove(struct run *r)
{
	static const struct text side[] = { TEXT("Junk"), TEXT("Gel\xc3\xb6scht"), TEXT("a\"b") };
	bool was_idle = r->asked == IMAP_COMMAND_IDLE;
	int e = imap_session_proof(r->session, side, r->turn % 4, 0);

	if (e < 0)
		return;
	r->proofs++;
	if (!was_idle)
		asked(r, IMAP_COMMAND_PROOF, e);
}

static void ask(struct run *r)
{
	struct imap_session *s = r->session;
	const struct imap_known known = { .uidvalidity = 7, .uid_from = 3, .modseq = 12 };
	const struct text name = TEXT("Gel\xc3\xb6scht");

	switch (r->turn++ % 12) {
	case 0:
		asked(r, IMAP_COMMAND_LIST, imap_session_list(s, 0));
		break;
	case 1:
		asked(r, IMAP_COMMAND_LIST_STATUS, imap_session_list_status(s, 0));
		break;
	case 2:
		asked(r, IMAP_COMMAND_EXAMINE, imap_session_examine(s, name, &known, 0));
		break;
	case 3:
		asked(r, IMAP_COMMAND_SEARCH, imap_session_search_since(s, 1763856000, 0));
		break;
	case 4:
	case 8:
		asked(r, IMAP_COMMAND_FETCH_HEADERS,
		      imap_session_fetch_headers(s, 5, UINT32_MAX, 0));
		break;
	case 5:
		asked(r, IMAP_COMMAND_FETCH_PART,
		      imap_session_fetch_part(s, 7, TEXT("1.2"), 40, 0));
		break;
	case 6:
		asked(r, IMAP_COMMAND_NOTIFY, imap_session_notify(s, 0));
		break;
	case 7:
	case 9:
		asked(r, IMAP_COMMAND_IDLE, imap_session_idle(s, 0));
		break;
	case 10:
		prove(r);
		break;
	default:
		asked(r, IMAP_COMMAND_STATUS, imap_session_status(s, TEXT("Junk"), 0));
		break;
	}
	if (r->asked == IMAP_COMMAND_NONE)
		asked(r, IMAP_COMMAND_NOOP, imap_session_noop(s, 0));
}

static void late(struct run *r)
{
	uint64_t at = imap_session_deadline(r->session);

	if (at != UINT64_MAX)
		imap_session_tick(r->session, at);
}

static void heard(struct run *r, const struct imap_event *ev)
{
	must(!r->is_over);
	imap_tell_event(&r->told, ev);
	if (ev->kind == IMAP_EV_MESSAGE)
		must(ev->message.uid >= 5);
	if (ev->kind == IMAP_EV_PROVEN) {
		must(r->proofs-- == 1);
		if (r->turn++ % 3 == 0)
			(void)imap_session_end_idle(r->session, 0);
	}
	if (ev->kind == IMAP_EV_DONE) {
		must(ev->done.command == r->asked && r->asked != IMAP_COMMAND_NONE);
		must(r->proofs == 0);
		r->asked = IMAP_COMMAND_NONE;
	}
	if (ev->kind == IMAP_EV_BYE || ev->kind == IMAP_EV_FAILED)
		r->is_over = true;
	else if (ev->kind == IMAP_EV_READY || ev->kind == IMAP_EV_DONE)
		ask(r);
	else if (ev->kind == IMAP_EV_EXISTS)
		(void)imap_session_end_idle(r->session, 0);
	else if (ev->kind == IMAP_EV_IDLING && r->turn % 4 != 3)
		prove(r);
	else if (ev->kind == IMAP_EV_IDLING || (ev->kind == IMAP_EV_ALERT && r->turn % 4 == 0))
		late(r);
	r->turn++;
}

static void drain(struct run *r)
{
	const uint8_t *at;
	size_t n;

	while ((n = imap_session_send(r->session, &at)) > 0) {
		(void)buf_add(&r->said, at, n);
		imap_session_sent(r->session, n);
	}
}

static void idle_is_empty(const struct imap_session *s)
{
	must(!s->queue && s->line.in.len - s->line.start <= MAX_LINE + 2);
	if (s->state != IMAP_COURSE_IDLING && s->state != IMAP_COURSE_READY)
		return;
	must(!s->out.data.data && !s->proof && !s->entrance && !s->opening);
	must(!s->answer.name.data && !s->answer.body.parts);
}

/* Lines of ours, without what stands in literals. */
static void only_known_verbs(struct text all)
{
	uint64_t last = 0;

	while (all.len) {
		struct text line, tag, verb, rest;
		uint64_t n = 0;
		bool is_known = false;

		text_cut(all, '\n', &line, &all);
		line = text_trim(line);
		text_cut(line, ' ', &tag, &rest);
		if (tag.len < 2 || tag.at[0] != 'r' ||
		    text_u64(text_sub(tag, 1, SIZE_MAX), UINT32_MAX, &n) < 0) {
			/* DONE, or what SASL is answered; the end of a literal */
			must(!rest.len || rest.at[0] == '(' || rest.at[0] == '{' ||
			     rest.at[0] == '"');
			continue;
		}
		must(n > last);
		last = n;
		for (unsigned i = 0; imap_text_verb(i); i++) {
			verb = text_of(imap_text_verb(i));
			is_known |= text_istarts(rest, verb) &&
				    (rest.len == verb.len || rest.at[verb.len] == ' ');
		}
		must(is_known);
	}
}

static void feed(struct run *r, const uint8_t *p, size_t n, size_t step)
{
	struct imap_event ev;

	for (size_t i = 0; i < n; i += step) {
		must(imap_session_recv(r->session, p + i, n - i < step ? n - i : step, 0) == 0);
		while (imap_session_next(r->session, &ev)) {
			heard(r, &ev);
			drain(r);
		}
		drain(r);
		idle_is_empty(r->session);
	}
}

/* What it told and what it said.  At the first 0x16, that of TLS, hands are shaken. */
static void run(struct run *r, const uint8_t *p, size_t n, size_t step, unsigned flags)
{
	struct secret token = { (uint8_t[]){ "t0ken" }, 5 };
	struct imap_params params = { .kind = flags & 1 ? IMAP_CREDENTIAL_PASSWORD
							: IMAP_CREDENTIAL_TOKEN,
				      .tls = flags & 2 ? IMAP_TLS_STARTTLS : IMAP_TLS_IMPLICIT,
				      .credential = &token,
				      .user = TEXT("\xc3\xbc@a"),
				      .quirks = flags & 4 ? IMAP_QUIRK_NO_PIPELINE : 0,
				      .max_line = MAX_LINE,
				      .max_literal = 64,
				      .max_skip = 4096 };
	const uint8_t *tls = memchr(p, 0x16, n);
	size_t clear = tls ? (size_t)(tls - p) : n;

	buf_init(&r->told, 1 << 24);
	buf_init(&r->said, 1 << 24);
	r->turn = flags >> 3;
	r->session = imap_session_new(&params, 0);
	feed(r, p, clear, step);
	imap_session_tls_up(r->session, 0);
	feed(r, p + clear, n - clear, step);
	must(imap_session_done(r->session) == r->is_over);
	must(r->is_over || r->proofs <= 1);
	must(!(imap_session_verbs_sent(r->session) >> IMAP_VERBS_N));
	imap_session_free(r->session);
	only_known_verbs(text_of_buf(&r->said));
}

static void must_be_same(struct run *a, struct run *b)
{
	struct text x = text_of_buf(&a->said), y = text_of_buf(&b->said);

	must(text_eq(text_of_buf(&a->told), text_of_buf(&b->told)));
	must(a->is_over == b->is_over);
	if (a->is_over)
		must(text_eq(text_sub(x, 0, y.len), text_sub(y, 0, x.len)));
	else
		must(text_eq(x, y));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct run a = { 0 }, b = { 0 };

	if (n < 3 || n > (1 << 15))
		return 0;
	run(&a, p + 2, n - 2, n, p[1]);
	run(&b, p + 2, n - 2, (size_t)p[0] + 1, p[1]);
	must_be_same(&a, &b);
	buf_clear(&a.told);
	buf_clear(&a.said);
	buf_clear(&b.told);
	buf_clear(&b.said);
	return 0;
}
