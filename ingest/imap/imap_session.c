#include "ingest/imap/imap_session.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/imap/imap_answer.h"
#include "ingest/imap/imap_command.h"
#include "ingest/imap/imap_entrance.h"
#include "ingest/imap/imap_line.h"
#include "ingest/imap/imap_parse.h"
#include "ingest/imap/imap_text.h"

/*
 * house: long, one state machine with the calls that drive it
 *
 * The life of one connection (RFC 3501 section 3): it lets us in
 * (imap_entrance.c); from then on it answers one command after another
 * (imap_command.c says them, imap_answer.c understands what comes), or idles
 * until mail comes (RFC 2177); it ends with LOGOUT, BYE, or whatever goes
 * wrong.
 */
#define STATES(X)                                                                                  \
	X(ENTERING, "entrance")                                                                    \
	X(HANDSHAKE, "tls handshake")                                                              \
	X(READY, "a command of ours")                                                              \
	X(COMMAND, "answer to a command")                                                          \
	X(IDLE_ASKED, "idle to begin")                                                             \
	X(IDLE_UNWANTED, "idle to begin, then to end")                                             \
	X(IDLING, "mail (idle)")                                                                   \
	X(IDLE_RENEWING, "idle to end, then to begin anew")                                        \
	X(IDLE_ENDING, "idle to end")                                                              \
	X(LOGOUT, "logout")                                                                        \
	X(OVER, "nothing")

enum state {
#define STATE(name, words) STATE_##name,
	STATES(STATE)
#undef STATE
};

#define DEFAULT_GREETING_MS   UINT64_C(30000)
#define DEFAULT_COMMAND_MS    UINT64_C(60000)
#define DEFAULT_IDLE_RENEW_MS UINT64_C(540000)
#define DEFAULT_IDLE_DONE_MS  UINT64_C(30000)

/* So many bytes of an answer are progress even before its line is whole. */
#define PROGRESS_BYTES 16384

/* A line makes at most its own event and its command's DONE; then time or the wire may end all. */
#define QUEUE 3

struct imap_session {
	enum state state;
	uint64_t now_ms, deadline_ms, caps;
	uint32_t tag;
	unsigned quirks, odd_lines;
	size_t unheard; /* bytes since the last whole line */
	uint64_t greeting_ms, command_ms, idle_renew_ms, idle_done_ms;
	struct imap_line line;
	struct imap_text out;
	struct imap_answer answer;
	struct imap_entrance *entrance; /* NULL once ready */
	struct imap_verdict done, last; /* of the last DONE; of BYE or FAILED */
	struct imap_event queue[QUEUE];
	unsigned n_queue, at_queue;
};

static void enter(struct imap_session *s, enum state state);

/* ---- birth and death ---- */

static uint64_t or_else(uint64_t n, uint64_t otherwise)
{
	return n ? n : otherwise;
}

struct imap_session *imap_session_new(const struct imap_params *p, uint64_t now_ms)
{
	struct imap_session *s = mem_new(sizeof(*s));

	s->now_ms = now_ms;
	s->quirks = p->quirks;
	s->greeting_ms = or_else(p->greeting_ms, DEFAULT_GREETING_MS);
	s->command_ms = or_else(p->command_ms, DEFAULT_COMMAND_MS);
	s->idle_renew_ms = or_else(p->idle_renew_ms, DEFAULT_IDLE_RENEW_MS);
	s->idle_done_ms = or_else(p->idle_done_ms, DEFAULT_IDLE_DONE_MS);
	imap_line_init(&s->line, or_else(p->max_line, LIMIT_IMAP_LINE),
		       or_else(p->max_literal, LIMIT_IMAP_LITERAL),
		       or_else(p->max_skip, LIMIT_IMAP_SKIP));
	imap_text_init(&s->out);
	imap_answer_init(&s->answer);
	s->entrance = imap_entrance_new(p);
	enter(s, STATE_ENTERING);
	return s;
}

void imap_session_free(struct imap_session *s)
{
	if (!s)
		return;
	imap_line_clear(&s->line);
	imap_text_clear(&s->out);
	imap_answer_clear(&s->answer);
	imap_entrance_free(s->entrance);
	free(s);
}

/* ---- events out ---- */

static struct imap_event *push(struct imap_session *s, enum imap_event_kind kind)
{
	struct imap_event *ev;

	assert(s->n_queue < QUEUE);
	ev = &s->queue[s->n_queue++];
	*ev = (struct imap_event){ .kind = kind };
	return ev;
}

/* The last event; nothing is said or heard after it. */
static void over(struct imap_session *s, enum imap_event_kind kind, struct imap_verdict v)
{
	s->last = v;
	push(s, kind)->over.verdict = &s->last;
	enter(s, STATE_OVER);
}

static void failed(struct imap_session *s, enum blame blame, const char *what, struct text said)
{
	over(s, IMAP_EV_FAILED,
	     (struct imap_verdict){ outcome_of(blame, what, said), IMAP_REMEDY_RETRY, 0 });
}

static void command_over(struct imap_session *s, struct imap_verdict v)
{
	static const struct imap_asked nothing;
	struct imap_event *ev;

	s->done = v;
	ev = push(s, IMAP_EV_DONE);
	ev->done.command = s->answer.asked.command;
	ev->done.verdict = &s->done;
	ev->done.lost = s->answer.lost;
	imap_answer_expect(&s->answer, &nothing);
}

static void ready(struct imap_session *s)
{
	struct imap_event *ev;
	struct text prefix;

	if (!s->entrance)
		return;
	ev = push(s, IMAP_EV_READY);
	prefix = imap_entrance_prefix(s->entrance, &ev->ready.separator);
	/* names live until the next event, so it may lie among them */
	(void)text_add(&s->answer.name, prefix);
	ev->ready.prefix = text_of_buf(&s->answer.name);
	ev->ready.was_preauth = imap_entrance_was_preauth(s->entrance);
	ev->ready.caps = s->caps = imap_entrance_caps(s->entrance);
	s->tag = imap_entrance_tag(s->entrance);
	imap_entrance_free(s->entrance);
	s->entrance = NULL;
}

static void end_all(struct imap_session *s)
{
	imap_text_clear(&s->out);
	imap_line_clear(&s->line);
	imap_entrance_free(s->entrance);
	s->entrance = NULL;
}

/* ---- entering a state: what we say, and how long we wait ---- */

static void say_idle(struct imap_session *s)
{
	struct imap_means means = { s->caps, s->quirks };

	/* it was said once already with the same capabilities: cannot fail */
	(void)imap_command_write(&s->out, ++s->tag, &s->answer.asked, &means);
}

static void enter(struct imap_session *s, enum state state)
{
	uint64_t wait_ms = s->command_ms;
	enum state was = s->state;

	s->state = state;
	s->unheard = 0;
	switch (state) {
	case STATE_ENTERING:
		if (imap_entrance_is_greeting(s->entrance))
			wait_ms = s->greeting_ms;
		break;
	case STATE_HANDSHAKE:
		/* RFC 9051 6.2.1: what came in clear is worth nothing */
		imap_line_clear(&s->line);
		wait_ms = s->greeting_ms;
		push(s, IMAP_EV_STARTTLS_NOW);
		break;
	case STATE_READY:
		wait_ms = 0;
		ready(s);
		break;
	case STATE_COMMAND:
	case STATE_IDLE_UNWANTED:
	case STATE_LOGOUT:
		break;
	case STATE_IDLE_ASKED:
		if (was == STATE_IDLE_RENEWING)
			say_idle(s);
		break;
	case STATE_IDLING:
		wait_ms = s->idle_renew_ms;
		push(s, IMAP_EV_IDLING);
		break;
	case STATE_IDLE_RENEWING:
	case STATE_IDLE_ENDING:
		/* RFC 2177: not a command, it has no tag; once only */
		if (was != STATE_IDLE_RENEWING)
			imap_text_line(&s->out, "DONE");
		wait_ms = s->idle_done_ms;
		break;
	case STATE_OVER:
		wait_ms = 0;
		end_all(s);
		break;
	}
	s->deadline_ms = wait_ms ? s->now_ms + wait_ms : UINT64_MAX;
}

/* ---- hearing: what we make of an answer ---- */

static enum imap_phase phase_of(const struct imap_session *s)
{
	if (s->entrance)
		return imap_entrance_is_greeting(s->entrance) ? IMAP_PHASE_GREETING
							      : IMAP_PHASE_LOGIN;
	if (s->state >= STATE_IDLE_ASKED && s->state <= STATE_IDLE_ENDING)
		return IMAP_PHASE_IDLE;
	return IMAP_PHASE_COMMAND;
}

static struct imap_verdict judge(const struct imap_session *s, const struct imap_resp *r)
{
	return imap_verdict_of(phase_of(s), r->condition, r->code.word, r->said);
}

static void heard_at_entrance(struct imap_session *s, const struct imap_resp *r)
{
	uint32_t tag = imap_entrance_tag(s->entrance);
	struct imap_verdict v = { 0 };

	switch (imap_entrance_heard(s->entrance, r, &s->out, &v)) {
	case IMAP_ENTRANCE_WAIT:
		/* the next thing was said: a new deadline */
		if (imap_entrance_tag(s->entrance) != tag)
			enter(s, STATE_ENTERING);
		break;
	case IMAP_ENTRANCE_SHAKE_HANDS:
		enter(s, STATE_HANDSHAKE);
		break;
	case IMAP_ENTRANCE_IN:
		enter(s, STATE_READY);
		break;
	case IMAP_ENTRANCE_OUT:
		over(s,
		     r->kind == IMAP_RESP_CONDITION && r->condition == IMAP_CONDITION_BYE
			     ? IMAP_EV_BYE
			     : IMAP_EV_FAILED,
		     v);
		break;
	}
}

static void heard_command_end(struct imap_session *s, const struct imap_resp *r)
{
	struct imap_verdict v = judge(s, r);
	struct imap_event ev;

	imap_text_give_up(&s->out);
	if (imap_answer_ended(&s->answer, outcome_ok(&v.outcome), &ev))
		*push(s, ev.kind) = ev;
	command_over(s, v);
	enter(s, STATE_READY);
}

/* IDLE came to an end that nobody asked for. */
static void heard_idle_end(struct imap_session *s, const struct imap_resp *r)
{
	struct imap_verdict v = judge(s, r);

	if (outcome_ok(&v.outcome))
		v = (struct imap_verdict){ outcome_of(BLAME_REFUSED, "idle ended by the server",
						      r->said),
					   IMAP_REMEDY_SKIP, 0 };
	command_over(s, v);
	enter(s, STATE_READY);
}

static void heard_tagged(struct imap_session *s, const struct imap_resp *r)
{
	switch (s->state) {
	case STATE_COMMAND:
		heard_command_end(s, r);
		break;
	case STATE_IDLE_RENEWING:
		if (r->condition == IMAP_CONDITION_OK)
			enter(s, STATE_IDLE_ASKED);
		else
			heard_idle_end(s, r);
		break;
	case STATE_IDLE_ENDING:
		command_over(s, judge(s, r));
		enter(s, STATE_READY);
		break;
	case STATE_IDLE_ASKED:
	case STATE_IDLE_UNWANTED:
	case STATE_IDLING:
		heard_idle_end(s, r);
		break;
	case STATE_LOGOUT:
		command_over(s, judge(s, r));
		enter(s, STATE_OVER);
		break;
	case STATE_ENTERING:
	case STATE_HANDSHAKE:
	case STATE_READY:
	case STATE_OVER:
		break; /* no tag of ours is out: heard() does not come here */
	}
}

/* "+": our literal may go, or IDLE has begun. */
static void heard_plus(struct imap_session *s)
{
	if (s->state == STATE_IDLE_ASKED)
		enter(s, STATE_IDLING);
	else if (s->state == STATE_IDLE_UNWANTED)
		enter(s, STATE_IDLE_ENDING);
	else if (s->state == STATE_COMMAND)
		(void)imap_text_go_on(&s->out);
}

/* A line that is no response.  Exchange says "Server Unavailable. 15" that way. */
static void heard_odd(struct imap_session *s, const struct imap_resp *r)
{
	struct imap_verdict v = imap_verdict_of(phase_of(s), IMAP_CONDITION_NO, TEXT(""), r->line);

	if (v.remedy == IMAP_REMEDY_WAIT)
		over(s, IMAP_EV_FAILED, v);
	else if (++s->odd_lines > LIMIT_IMAP_ODD)
		failed(s, BLAME_PEER, "too much that is not imap", r->line);
	else if (r->line.len)
		push(s, IMAP_EV_ODD)->odd.said = r->line;
}

static void heard_data(struct imap_session *s, const struct imap_resp *r)
{
	struct imap_event ev;

	if (imap_answer_heard(&s->answer, r, s->line.max_literal, &ev))
		*push(s, ev.kind) = ev;
	if (s->state == STATE_COMMAND)
		s->deadline_ms = s->now_ms + s->command_ms;
}

static bool is_our_tag(const struct imap_session *s, struct text tag)
{
	char ours[16];
	int n = snprintf(ours, sizeof(ours), "r%u",
			 s->entrance ? imap_entrance_tag(s->entrance) : s->tag);

	return n > 0 && s->state != STATE_READY && text_ieq(tag, (struct text){ ours, (size_t)n });
}

/* RFC 3501 2.2.2: untagged data may come at any time. */
static void heard(struct imap_session *s, const struct imap_resp *r)
{
	bool is_tagged = r->kind == IMAP_RESP_TAGGED;

	s->unheard = 0;
	if (s->entrance && imap_entrance_is_greeting(s->entrance)) {
		heard_at_entrance(s, r);
	} else if (r->kind == IMAP_RESP_ODD || (is_tagged && !is_our_tag(s, r->tag))) {
		heard_odd(s, r);
	} else if (r->kind == IMAP_RESP_CONDITION && r->condition == IMAP_CONDITION_BYE) {
		/* when we said LOGOUT the tagged answer follows, RFC 3501 6.1.3 */
		if (s->state != STATE_LOGOUT)
			over(s, IMAP_EV_BYE, judge(s, r));
	} else if (s->entrance) {
		heard_at_entrance(s, r);
		if (s->entrance && !is_tagged)
			heard_data(s, r);
	} else if (is_tagged) {
		heard_tagged(s, r);
	} else if (r->kind == IMAP_RESP_PLUS) {
		heard_plus(s);
	} else {
		heard_data(s, r);
	}
}

/* ---- bytes, events and time ---- */

int imap_session_recv(struct imap_session *s, const uint8_t *in, size_t n, uint64_t now_ms)
{
	s->now_ms = now_ms;
	if (s->state == STATE_OVER || s->state == STATE_HANDSHAKE)
		return 0;
	s->unheard += n;
	if (s->state == STATE_COMMAND && s->unheard >= PROGRESS_BYTES) {
		s->unheard = 0;
		s->deadline_ms = now_ms + s->command_ms;
	}
	return imap_line_recv(&s->line, in, n);
}

bool imap_session_next(struct imap_session *s, struct imap_event *ret)
{
	for (;;) {
		struct imap_resp r;
		char *at;
		size_t len;
		int e;

		if (s->at_queue < s->n_queue) {
			*ret = s->queue[s->at_queue++];
			return true;
		}
		s->at_queue = s->n_queue = 0;
		if (s->state == STATE_OVER || s->state == STATE_HANDSHAKE)
			return false;
		imap_answer_rest(&s->answer);
		e = imap_line_next(&s->line, &at, &len);
		if (e == 0)
			return false;
		if (e < 0) {
			failed(s, BLAME_PEER, "response past its ceiling", TEXT(""));
			continue;
		}
		imap_parse(at, len, s->line.max_literal, &r);
		heard(s, &r);
	}
}

size_t imap_session_send(struct imap_session *s, const uint8_t **ret)
{
	return imap_text_ready(&s->out, ret);
}

void imap_session_sent(struct imap_session *s, size_t n)
{
	imap_text_sent(&s->out, n);
}

bool imap_session_secret(const struct imap_session *s, size_t *ret_from, size_t *ret_len)
{
	return imap_text_ready_secret(&s->out, ret_from, ret_len);
}

uint64_t imap_session_deadline(const struct imap_session *s)
{
	return s->deadline_ms;
}

void imap_session_tick(struct imap_session *s, uint64_t now_ms)
{
	s->now_ms = now_ms;
	if (now_ms < s->deadline_ms)
		return;
	if (s->state == STATE_IDLING)
		enter(s, STATE_IDLE_RENEWING);
	else
		failed(s, BLAME_NET, "no answer in time", text_of(imap_session_waiting_for(s)));
}

void imap_session_eof(struct imap_session *s, uint64_t now_ms)
{
	s->now_ms = now_ms;
	if (s->state == STATE_OVER)
		return;
	if (s->state == STATE_LOGOUT) {
		command_over(s, (struct imap_verdict){ OUTCOME_OK, IMAP_REMEDY_NONE, 0 });
		enter(s, STATE_OVER);
		return;
	}
	failed(s, BLAME_NET, "connection closed", text_of(imap_session_waiting_for(s)));
}

void imap_session_tls_up(struct imap_session *s, uint64_t now_ms)
{
	s->now_ms = now_ms;
	if (s->state != STATE_HANDSHAKE)
		return;
	imap_entrance_tls_up(s->entrance, &s->out);
	enter(s, STATE_ENTERING);
}

bool imap_session_done(const struct imap_session *s)
{
	return s->state == STATE_OVER && s->at_queue == s->n_queue;
}

const char *imap_session_waiting_for(const struct imap_session *s)
{
	static const char *const words[] = {
#define STATE_WORDS(name, text) text,
		STATES(STATE_WORDS)
#undef STATE_WORDS
	};
	static const char *const commands[] = {
		[IMAP_COMMAND_LIST] = "answer to LIST",
		[IMAP_COMMAND_EXAMINE] = "answer to EXAMINE",
		[IMAP_COMMAND_SEARCH] = "answer to SEARCH",
		[IMAP_COMMAND_FETCH_HEADERS] = "answer to FETCH of headers",
		[IMAP_COMMAND_FETCH_PART] = "answer to FETCH of a part",
		[IMAP_COMMAND_STATUS] = "answer to STATUS",
		[IMAP_COMMAND_NOOP] = "answer to NOOP",
	};

	if (s->state == STATE_ENTERING)
		return imap_entrance_waiting_for(s->entrance);
	return s->state == STATE_COMMAND ? commands[s->answer.asked.command] : words[s->state];
}

uint64_t imap_session_caps(const struct imap_session *s)
{
	return s->entrance ? imap_entrance_caps(s->entrance) : s->caps;
}

uint32_t imap_session_verbs_sent(const struct imap_session *s)
{
	return s->out.verbs;
}

/* ---- commands ---- */

static int ask(struct imap_session *s, struct imap_asked asked, enum state state, uint64_t now_ms)
{
	struct imap_means means = { s->caps, s->quirks };
	int r;

	if (s->entrance || s->state == STATE_LOGOUT || s->state == STATE_OVER)
		return -ENOTCONN;
	if (s->state != STATE_READY)
		return -EBUSY;
	if (imap_command_needs_folder(asked.command) && s->answer.opened.state != IMAP_OPENED)
		return -EDOM;
	r = imap_command_write(&s->out, s->tag + 1, &asked, &means);
	if (r < 0)
		return r;
	asked.raw = TEXT(""); /* the caller's, for the call only */
	s->tag++;
	s->now_ms = now_ms;
	imap_answer_expect(&s->answer, &asked);
	enter(s, state);
	return 0;
}

int imap_session_list(struct imap_session *s, uint64_t now_ms)
{
	return ask(s, (struct imap_asked){ .command = IMAP_COMMAND_LIST }, STATE_COMMAND, now_ms);
}

int imap_session_examine(struct imap_session *s, struct text raw, uint64_t now_ms)
{
	struct imap_asked a = { .command = IMAP_COMMAND_EXAMINE, .raw = raw };

	return ask(s, a, STATE_COMMAND, now_ms);
}

int imap_session_status(struct imap_session *s, struct text raw, uint64_t now_ms)
{
	struct imap_asked a = { .command = IMAP_COMMAND_STATUS, .raw = raw };

	return ask(s, a, STATE_COMMAND, now_ms);
}

int imap_session_search_since(struct imap_session *s, int64_t unix_s, uint64_t now_ms)
{
	struct imap_asked a = { .command = IMAP_COMMAND_SEARCH, .since_unix_s = unix_s };

	return ask(s, a, STATE_COMMAND, now_ms);
}

int imap_session_fetch_headers(struct imap_session *s, uint32_t uid_from, uint32_t uid_to,
			       uint64_t now_ms)
{
	struct imap_asked a = {
		.command = IMAP_COMMAND_FETCH_HEADERS,
		.uid_from = uid_from,
		.uid_to = uid_to,
	};

	return ask(s, a, STATE_COMMAND, now_ms);
}

int imap_session_fetch_part(struct imap_session *s, uint32_t uid, struct text section,
			    uint32_t max_bytes, uint64_t now_ms)
{
	struct imap_asked a = {
		.command = IMAP_COMMAND_FETCH_PART,
		.uid_from = uid,
		.uid_to = uid,
		/* of a longer literal no more would be kept */
		.max_bytes =
			max_bytes < s->line.max_literal ? max_bytes : (uint32_t)s->line.max_literal,
	};

	if (!imap_command_is_section(section))
		return -EINVAL;
	memcpy(a.section, section.at, section.len);
	return ask(s, a, STATE_COMMAND, now_ms);
}

int imap_session_noop(struct imap_session *s, uint64_t now_ms)
{
	return ask(s, (struct imap_asked){ .command = IMAP_COMMAND_NOOP }, STATE_COMMAND, now_ms);
}

int imap_session_logout(struct imap_session *s, uint64_t now_ms)
{
	return ask(s, (struct imap_asked){ .command = IMAP_COMMAND_LOGOUT }, STATE_LOGOUT, now_ms);
}

int imap_session_idle(struct imap_session *s, uint64_t now_ms)
{
	return ask(s, (struct imap_asked){ .command = IMAP_COMMAND_IDLE }, STATE_IDLE_ASKED,
		   now_ms);
}

int imap_session_end_idle(struct imap_session *s, uint64_t now_ms)
{
	s->now_ms = now_ms;
	switch (s->state) {
	case STATE_IDLE_ASKED:
		enter(s, STATE_IDLE_UNWANTED);
		return 0;
	case STATE_IDLING:
	case STATE_IDLE_RENEWING:
		enter(s, STATE_IDLE_ENDING);
		return 0;
	case STATE_IDLE_UNWANTED:
	case STATE_IDLE_ENDING:
		return 0;
	case STATE_ENTERING:
	case STATE_HANDSHAKE:
	case STATE_READY:
	case STATE_COMMAND:
	case STATE_LOGOUT:
	case STATE_OVER:
		break;
	}
	return -ENOTCONN;
}
