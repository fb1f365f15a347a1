#include "ingest/imap/imap_session.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/imap/imap_answer.h"
#include "ingest/imap/imap_date.h"
#include "ingest/imap/imap_line.h"
#include "ingest/imap/imap_login.h"
#include "ingest/imap/imap_parse.h"
#include "ingest/imap/imap_text.h"

/*
 * The life of one connection (RFC 3501 section 3):
 * it greets us; we learn what it can; we protect it if it is not; we say who we
 * are (imap_login.c); we tell our name; from then on it answers one command
 * after another (imap_answer.c), or idles until mail comes; it ends with
 * LOGOUT, BYE, or whatever goes wrong.
 */
#define STATES(X)                                                                                  \
	X(GREETING, "greeting")                                                                    \
	X(CAPABILITY, "capability")                                                                \
	X(STARTTLS, "starttls")                                                                    \
	X(HANDSHAKE, "tls handshake")                                                              \
	X(LOGIN, "login")                                                                          \
	X(CAPABILITY_IN, "capability after login")                                                 \
	X(ID, "id")                                                                                \
	X(NAMESPACE, "namespace")                                                                  \
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

/* A line makes at most an event of its own and the end of the command. */
#define QUEUE 3

/* What is needed until the session is ready, and then given back. */
struct entrance {
	struct imap_login login;
	struct {
		char *field, *value;
	} id[IMAP_ID_PAIRS];
	struct buf prefix; /* of the personal namespace */
	char separator;
	bool was_preauth;
};

struct imap_session {
	enum state state;
	uint64_t now_ms, deadline_ms, caps;
	uint32_t tag;
	unsigned quirks, odd_lines;
	size_t unheard; /* bytes since the last sign of progress */
	enum imap_tls tls;
	uint64_t greeting_ms, command_ms, idle_renew_ms, idle_done_ms;
	struct imap_line line;
	struct imap_text out;
	struct imap_answer answer;
	struct entrance *entrance;      /* NULL once ready */
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

static struct entrance *entrance_new(const struct imap_params *p)
{
	struct entrance *e = mem_new(sizeof(*e));

	imap_login_init(&e->login,
			p->kind == IMAP_CREDENTIAL_TOKEN ? IMAP_LOGIN_TOKEN : IMAP_LOGIN_PASSWORD,
			p->user, p->credential, p->host, p->port);
	for (size_t i = 0; i < IMAP_ID_PAIRS && p->id[i].field.len; i++) {
		e->id[i].field = mem_text_n(p->id[i].field.at, p->id[i].field.len);
		e->id[i].value = mem_text_n(p->id[i].value.at, p->id[i].value.len);
	}
	buf_init(&e->prefix, LIMIT_IMAP_NAME);
	return e;
}

static void entrance_free(struct entrance *e)
{
	if (!e)
		return;
	imap_login_clear(&e->login);
	for (size_t i = 0; i < IMAP_ID_PAIRS; i++) {
		free(e->id[i].field);
		free(e->id[i].value);
	}
	buf_clear(&e->prefix);
	free(e);
}

struct imap_session *imap_session_new(const struct imap_params *p, uint64_t now_ms)
{
	struct imap_session *s = mem_new(sizeof(*s));

	s->now_ms = now_ms;
	s->quirks = p->quirks;
	s->tls = p->tls;
	s->greeting_ms = or_else(p->greeting_ms, DEFAULT_GREETING_MS);
	s->command_ms = or_else(p->command_ms, DEFAULT_COMMAND_MS);
	s->idle_renew_ms = or_else(p->idle_renew_ms, DEFAULT_IDLE_RENEW_MS);
	s->idle_done_ms = or_else(p->idle_done_ms, DEFAULT_IDLE_DONE_MS);
	imap_line_init(&s->line, or_else(p->max_line, LIMIT_IMAP_LINE),
		       or_else(p->max_literal, LIMIT_IMAP_LITERAL),
		       or_else(p->max_skip, LIMIT_IMAP_SKIP));
	imap_text_init(&s->out);
	imap_answer_init(&s->answer);
	s->entrance = entrance_new(p);
	enter(s, STATE_GREETING);
	return s;
}

void imap_session_free(struct imap_session *s)
{
	if (!s)
		return;
	imap_line_clear(&s->line);
	imap_text_clear(&s->out);
	imap_answer_clear(&s->answer);
	entrance_free(s->entrance);
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

/* The last event; nothing is sent or heard after it. */
static void over(struct imap_session *s, enum imap_event_kind kind, struct imap_verdict v)
{
	s->last = v;
	push(s, kind)->over.verdict = &s->last;
	enter(s, STATE_OVER);
}

static void failed(struct imap_session *s, enum blame blame, enum imap_remedy remedy,
		   const char *what, struct text said)
{
	over(s, IMAP_EV_FAILED, (struct imap_verdict){ outcome_of(blame, what, said), remedy, 0 });
}

static void command_over(struct imap_session *s, struct imap_verdict v)
{
	static const struct imap_asked nothing;
	struct imap_event *ev;

	s->done = v;
	ev = push(s, IMAP_EV_DONE);
	ev->done.command = s->answer.asked.command;
	ev->done.verdict = &s->done;
	imap_answer_expect(&s->answer, &nothing);
}

/* ---- entering a state: what we say, and how long we wait ---- */

static void say(struct imap_session *s, enum imap_verb verb)
{
	imap_text_begin(&s->out, ++s->tag, verb);
	imap_text_end(&s->out);
}

static void say_id(struct imap_session *s)
{
	const struct entrance *e = s->entrance;

	imap_text_begin(&s->out, ++s->tag, IMAP_VERB_ID);
	imap_text_open(&s->out);
	for (size_t i = 0; i < IMAP_ID_PAIRS && e->id[i].field; i++) {
		/* ours and ASCII: cannot fail */
		(void)imap_text_astring(&s->out, text_of(e->id[i].field), s->caps);
		(void)imap_text_astring(&s->out, text_of(e->id[i].value), s->caps);
	}
	imap_text_close(&s->out);
	imap_text_end(&s->out);
}

static void say_login(struct imap_session *s)
{
	uint64_t caps = s->caps;
	struct imap_verdict v;

	if (s->quirks & IMAP_QUIRK_NO_OAUTHBEARER)
		caps &= ~IMAP_CAP(AUTH_OAUTHBEARER);
	/* what it can do may change with the login: forget it, unless it tells us */
	s->caps = 0;
	if (imap_login_start(&s->entrance->login, caps, ++s->tag, &s->out, &v) ==
	    IMAP_LOGIN_STEP_OUT)
		over(s, IMAP_EV_FAILED, v);
}

static void say_ready(struct imap_session *s)
{
	struct imap_event *ev;

	if (!s->entrance)
		return;
	ev = push(s, IMAP_EV_READY);
	ev->ready.caps = s->caps;
	ev->ready.separator = s->entrance->separator;
	ev->ready.was_preauth = s->entrance->was_preauth;
	/* the buffer lives on as that of names, which this event borrows */
	buf_clear(&s->answer.name);
	(void)text_add(&s->answer.name, text_of_buf(&s->entrance->prefix));
	ev->ready.prefix = text_of_buf(&s->answer.name);
	entrance_free(s->entrance);
	s->entrance = NULL;
}

static void end_all(struct imap_session *s)
{
	imap_text_clear(&s->out);
	imap_line_clear(&s->line);
	entrance_free(s->entrance);
	s->entrance = NULL;
}

static void enter(struct imap_session *s, enum state state)
{
	uint64_t wait_ms = s->command_ms;
	enum state was = s->state;

	s->state = state;
	s->unheard = 0;
	switch (state) {
	case STATE_GREETING:
	case STATE_HANDSHAKE:
		wait_ms = s->greeting_ms;
		break;
	case STATE_CAPABILITY:
	case STATE_CAPABILITY_IN:
		say(s, IMAP_VERB_CAPABILITY);
		break;
	case STATE_STARTTLS:
		say(s, IMAP_VERB_STARTTLS);
		break;
	case STATE_LOGIN:
		s->deadline_ms = s->now_ms + wait_ms;
		say_login(s);
		return;
	case STATE_ID:
		say_id(s);
		break;
	case STATE_NAMESPACE:
		say(s, IMAP_VERB_NAMESPACE);
		break;
	case STATE_READY:
		wait_ms = 0;
		say_ready(s);
		break;
	case STATE_COMMAND:
	case STATE_IDLE_UNWANTED:
		break;
	case STATE_IDLE_ASKED:
		say(s, IMAP_VERB_IDLE);
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
	case STATE_LOGOUT:
		say(s, IMAP_VERB_LOGOUT);
		break;
	case STATE_OVER:
		wait_ms = 0;
		end_all(s);
		break;
	}
	s->deadline_ms = wait_ms ? s->now_ms + wait_ms : UINT64_MAX;
}

/* ---- hearing: what we make of an answer ---- */

static bool wants_id(const struct imap_session *s)
{
	return (s->caps & IMAP_CAP(ID)) && !(s->quirks & IMAP_QUIRK_NO_ID) &&
	       s->entrance->id[0].field;
}

/* After login, one thing after the other; each state leads to the next that applies. */
static void enter_after(struct imap_session *s, enum state state)
{
	if (state == STATE_LOGIN && !s->caps)
		enter(s, STATE_CAPABILITY_IN);
	else if (state <= STATE_CAPABILITY_IN && wants_id(s))
		enter(s, STATE_ID);
	else if (state <= STATE_ID && (s->caps & IMAP_CAP(NAMESPACE)))
		/* also the proof that there is a mailbox: Exchange logs in without one */
		enter(s, STATE_NAMESPACE);
	else
		enter(s, STATE_READY);
}

/* What it can do is known: protect the connection, or say who we are. */
static void enter_knowing(struct imap_session *s)
{
	if (s->tls == IMAP_TLS_IMPLICIT) {
		enter(s, STATE_LOGIN);
	} else if (s->caps & IMAP_CAP(STARTTLS)) {
		enter(s, STATE_STARTTLS);
	} else {
		/* never in clear, RFC 8314 */
		failed(s, BLAME_LACKS, IMAP_REMEDY_ADMIN, "starttls not offered",
		       (struct text){ NULL, 0 });
	}
}

static enum imap_phase phase_of(enum state state)
{
	if (state == STATE_GREETING)
		return IMAP_PHASE_GREETING;
	if (state < STATE_READY)
		return IMAP_PHASE_LOGIN;
	if (state >= STATE_IDLE_ASKED && state <= STATE_IDLE_ENDING)
		return IMAP_PHASE_IDLE;
	return IMAP_PHASE_COMMAND;
}

static struct imap_verdict judge(const struct imap_session *s, const struct imap_resp *r)
{
	return imap_verdict_of(phase_of(s->state), r->condition, r->code.word, r->said);
}

static void heard_greeting(struct imap_session *s, const struct imap_resp *r)
{
	if (r->kind != IMAP_RESP_CONDITION) {
		failed(s, BLAME_PEER, IMAP_REMEDY_RETRY, "not an imap server", r->said);
		return;
	}
	switch (r->condition) {
	case IMAP_CONDITION_OK:
		if (s->caps)
			enter_knowing(s);
		else
			enter(s, STATE_CAPABILITY);
		return;
	case IMAP_CONDITION_PREAUTH:
		if (s->tls == IMAP_TLS_STARTTLS) {
			/* anybody on the way may have said so; STARTTLS is not possible any more */
			failed(s, BLAME_PEER, IMAP_REMEDY_ADMIN, "preauth in clear", r->said);
			return;
		}
		s->entrance->was_preauth = true;
		enter_after(s, STATE_LOGIN);
		return;
	case IMAP_CONDITION_BYE:
		over(s, IMAP_EV_BYE, judge(s, r));
		return;
	case IMAP_CONDITION_NO:
	case IMAP_CONDITION_BAD:
		over(s, IMAP_EV_FAILED, judge(s, r));
		return;
	}
}

static void heard_login(struct imap_session *s, const struct imap_resp *r)
{
	struct imap_verdict v;

	switch (imap_login_heard(&s->entrance->login, r, &s->out, &v)) {
	case IMAP_LOGIN_STEP_WAIT:
		break;
	case IMAP_LOGIN_STEP_IN:
		enter_after(s, STATE_LOGIN);
		break;
	case IMAP_LOGIN_STEP_OUT:
		over(s, IMAP_EV_FAILED, v);
		break;
	}
}

/* The command's own last word before its DONE. */
static void heard_success(struct imap_session *s)
{
	struct imap_answer *a = &s->answer;
	struct imap_event *ev;

	if (a->asked.command == IMAP_COMMAND_EXAMINE) {
		imap_answer_opened(a, /* is_open= */ true);
		ev = push(s, IMAP_EV_EXAMINED);
		ev->examined.uidvalidity = a->opened.uidvalidity;
		ev->examined.uidnext = a->opened.uidnext;
		ev->examined.exists = a->opened.exists;
		ev->examined.highestmodseq = a->opened.highestmodseq;
		ev->examined.is_uid_unsticky = a->opened.is_uid_unsticky;
	} else if (a->asked.command == IMAP_COMMAND_SEARCH) {
		ev = push(s, IMAP_EV_LOWEST_UID);
		ev->lowest.uid = a->lowest;
		ev->lowest.found = a->found;
	}
}

static void heard_command_end(struct imap_session *s, const struct imap_resp *r)
{
	struct imap_verdict v = judge(s, r);

	imap_text_give_up(&s->out);
	if (outcome_ok(&v.outcome))
		heard_success(s);
	else if (s->answer.asked.command == IMAP_COMMAND_EXAMINE)
		imap_answer_opened(&s->answer, /* is_open= */ false); /* RFC 3501 6.3.1 */
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
	struct imap_verdict v = judge(s, r);

	switch (s->state) {
	case STATE_CAPABILITY:
		if (outcome_ok(&v.outcome))
			enter_knowing(s);
		else
			over(s, IMAP_EV_FAILED, v);
		break;
	case STATE_STARTTLS:
		if (!outcome_ok(&v.outcome)) {
			failed(s, BLAME_LACKS, IMAP_REMEDY_RETRY, "starttls refused", r->said);
			break;
		}
		/* RFC 9051 6.2.1: what came in clear is worth nothing */
		s->caps = 0;
		push(s, IMAP_EV_STARTTLS_NOW);
		enter(s, STATE_HANDSHAKE);
		imap_line_clear(&s->line);
		break;
	case STATE_LOGIN:
		heard_login(s, r);
		break;
	case STATE_CAPABILITY_IN:
	case STATE_ID:
	case STATE_NAMESPACE:
		/* a NO to these harms nobody; a BAD is Exchange without a mailbox, or a limit */
		if (v.remedy == IMAP_REMEDY_WAIT || r->condition == IMAP_CONDITION_BAD)
			over(s, IMAP_EV_FAILED, v);
		else
			enter_after(s, s->state);
		break;
	case STATE_COMMAND:
		heard_command_end(s, r);
		break;
	case STATE_IDLE_RENEWING:
		if (outcome_ok(&v.outcome))
			enter(s, STATE_IDLE_ASKED);
		else
			heard_idle_end(s, r);
		break;
	case STATE_IDLE_ENDING:
		command_over(s, v);
		enter(s, STATE_READY);
		break;
	case STATE_IDLE_ASKED:
	case STATE_IDLE_UNWANTED:
	case STATE_IDLING:
		heard_idle_end(s, r);
		break;
	case STATE_LOGOUT:
		command_over(s, v);
		enter(s, STATE_OVER);
		break;
	case STATE_GREETING:
	case STATE_HANDSHAKE:
	case STATE_READY:
	case STATE_OVER:
		break; /* our tag is not out: heard() does not bring it here */
	}
}

/* "+": our literal may go, or IDLE has begun. */
static void heard_plus(struct imap_session *s, const struct imap_resp *r)
{
	if (s->state == STATE_LOGIN)
		heard_login(s, r);
	else if (s->state == STATE_IDLE_ASKED)
		enter(s, STATE_IDLING);
	else if (s->state == STATE_IDLE_UNWANTED)
		enter(s, STATE_IDLE_ENDING);
	else if (s->state == STATE_COMMAND)
		(void)imap_text_go_on(&s->out);
}

static void heard_bye(struct imap_session *s, const struct imap_resp *r)
{
	if (s->state == STATE_LOGOUT)
		return; /* the tagged answer follows, RFC 3501 6.1.3 */
	over(s, IMAP_EV_BYE, judge(s, r));
}

/* A line that is no response.  Exchange says "Server Unavailable. 15" that way. */
static void heard_odd(struct imap_session *s, const struct imap_resp *r)
{
	struct text none = { NULL, 0 };
	struct imap_verdict v =
		imap_verdict_of(phase_of(s->state), IMAP_CONDITION_NO, none, r->said);

	if (v.remedy == IMAP_REMEDY_WAIT)
		over(s, IMAP_EV_FAILED, v);
	else if (++s->odd_lines > LIMIT_IMAP_ODD)
		failed(s, BLAME_PEER, IMAP_REMEDY_RETRY, "too much that is not imap", r->said);
	else if (r->said.len)
		push(s, IMAP_EV_ODD)->odd.said = r->said;
}

static void heard_namespace(struct imap_session *s, const struct imap_resp *r)
{
	if (!s->entrance)
		return;
	buf_clear(&s->entrance->prefix);
	(void)text_add(&s->entrance->prefix, r->space.prefix);
	s->entrance->separator = r->space.separator;
}

static void heard_untagged(struct imap_session *s, const struct imap_resp *r)
{
	struct imap_event ev;

	if (s->state == STATE_LOGIN && r->kind == IMAP_RESP_CONDITION)
		heard_login(s, r);
	if (s->state == STATE_OVER)
		return;
	if (imap_answer_heard(&s->answer, r, s->line.max_literal, &ev))
		*push(s, ev.kind) = ev;
	if (s->state == STATE_COMMAND)
		s->deadline_ms = s->now_ms + s->command_ms;
}

static bool is_our_tag(const struct imap_session *s, struct text tag)
{
	char ours[16];
	int n = snprintf(ours, sizeof(ours), "r%u", s->tag);

	return n > 0 && s->state != STATE_READY && text_ieq(tag, (struct text){ ours, (size_t)n });
}

static void heard(struct imap_session *s, const struct imap_resp *r)
{
	s->unheard = 0;
	if ((r->kind == IMAP_RESP_CONDITION || r->kind == IMAP_RESP_TAGGED) &&
	    text_ieq(r->code.word, TEXT("CAPABILITY")))
		s->caps = imap_caps_parse(r->code.args);

	if (s->state == STATE_GREETING)
		heard_greeting(s, r);
	else if (r->kind == IMAP_RESP_TAGGED && is_our_tag(s, r->tag))
		heard_tagged(s, r);
	else if (r->kind == IMAP_RESP_TAGGED || r->kind == IMAP_RESP_ODD)
		heard_odd(s, r);
	else if (r->kind == IMAP_RESP_PLUS)
		heard_plus(s, r);
	else if (r->kind == IMAP_RESP_CAPABILITY)
		s->caps = imap_caps_parse(r->words);
	else if (r->kind == IMAP_RESP_NAMESPACE)
		heard_namespace(s, r);
	else if (r->kind == IMAP_RESP_CONDITION && r->condition == IMAP_CONDITION_BYE)
		heard_bye(s, r);
	else
		heard_untagged(s, r);
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
			failed(s, BLAME_PEER, IMAP_REMEDY_RETRY, "response past its ceiling",
			       (struct text){ NULL, 0 });
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
	const uint8_t *p;
	size_t ready = imap_text_ready(&s->out, &p), from, end;

	end = s->out.secret + s->out.secret_len;
	from = s->out.secret > s->out.sent ? s->out.secret : s->out.sent;
	if (end > s->out.sent + ready)
		end = s->out.sent + ready;
	if (!s->out.secret_len || from >= end)
		return false;
	*ret_from = from - s->out.sent;
	*ret_len = end - from;
	return true;
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
		failed(s, BLAME_NET, IMAP_REMEDY_RETRY, "no answer in time",
		       text_of(imap_session_waiting_for(s)));
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
	failed(s, BLAME_NET, IMAP_REMEDY_RETRY, "connection closed",
	       text_of(imap_session_waiting_for(s)));
}

void imap_session_tls_up(struct imap_session *s, uint64_t now_ms)
{
	s->now_ms = now_ms;
	if (s->state != STATE_HANDSHAKE)
		return;
	s->tls = IMAP_TLS_IMPLICIT;
	enter(s, STATE_CAPABILITY);
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

	return s->state == STATE_COMMAND ? commands[s->answer.asked.command] : words[s->state];
}

uint64_t imap_session_caps(const struct imap_session *s)
{
	return s->caps;
}

uint32_t imap_session_verbs_sent(const struct imap_session *s)
{
	return s->out.verbs;
}

/* ---- commands ---- */

static int may_ask(const struct imap_session *s, bool needs_folder)
{
	if (s->state < STATE_READY || s->state >= STATE_LOGOUT)
		return -ENOTCONN;
	if (s->state != STATE_READY)
		return -EBUSY;
	if (needs_folder && s->answer.opened.state != IMAP_OPENED)
		return -EDOM;
	return 0;
}

/* The command is written: it runs. */
static int asked(struct imap_session *s, const struct imap_asked *asked, uint64_t now_ms)
{
	imap_text_end(&s->out);
	imap_answer_expect(&s->answer, asked);
	s->now_ms = now_ms;
	enter(s, STATE_COMMAND);
	return 0;
}

static int ask_folder(struct imap_session *s, enum imap_command command, enum imap_verb verb,
		      struct text raw, const char *behind, uint64_t now_ms)
{
	struct imap_asked a = { .command = command };
	int r = may_ask(s, /* needs_folder= */ false);

	if (r < 0)
		return r;
	imap_text_begin(&s->out, ++s->tag, verb);
	r = raw.len ? imap_text_astring(&s->out, raw, s->caps) : -EINVAL;
	if (r < 0) {
		imap_text_take_back(&s->out);
		return r;
	}
	if (behind)
		imap_text_words(&s->out, "%s", behind);
	return asked(s, &a, now_ms);
}

int imap_session_examine(struct imap_session *s, struct text raw, uint64_t now_ms)
{
	return ask_folder(s, IMAP_COMMAND_EXAMINE, IMAP_VERB_EXAMINE, raw, NULL, now_ms);
}

int imap_session_status(struct imap_session *s, struct text raw, uint64_t now_ms)
{
	return ask_folder(s, IMAP_COMMAND_STATUS, IMAP_VERB_STATUS, raw,
			  "(MESSAGES UIDNEXT UIDVALIDITY)", now_ms);
}

int imap_session_list(struct imap_session *s, uint64_t now_ms)
{
	uint64_t extended = IMAP_CAP(LIST_EXTENDED) | IMAP_CAP(SPECIAL_USE);
	struct imap_asked a = { .command = IMAP_COMMAND_LIST };
	int r = may_ask(s, /* needs_folder= */ false);

	if (r < 0)
		return r;
	imap_text_begin(&s->out, ++s->tag, IMAP_VERB_LIST);
	imap_text_words(&s->out, "\"\" \"*\"");
	if ((s->caps & extended) == extended)
		imap_text_words(&s->out, "RETURN (SPECIAL-USE)"); /* RFC 6154 section 2 */
	return asked(s, &a, now_ms);
}

int imap_session_search_since(struct imap_session *s, int64_t unix_s, uint64_t now_ms)
{
	struct imap_asked a = { .command = IMAP_COMMAND_SEARCH };
	char day[IMAP_DATE_DAY];
	int r = may_ask(s, /* needs_folder= */ true);

	/* the server's day may have begun 14 hours before ours, and ended 12 after it */
	if (r == 0)
		r = imap_date_day(unix_s < 86400 ? unix_s : unix_s - 86400, day);
	if (r < 0)
		return r;
	imap_text_begin(&s->out, ++s->tag, IMAP_VERB_UID_SEARCH);
	if ((s->caps & IMAP_CAP(ESEARCH)) && !(s->quirks & IMAP_QUIRK_NO_ESEARCH))
		imap_text_words(&s->out, "RETURN (MIN COUNT)");
	imap_text_words(&s->out, "SINCE %s", day);
	return asked(s, &a, now_ms);
}

int imap_session_fetch_headers(struct imap_session *s, uint32_t uid_from, uint32_t uid_to,
			       uint64_t now_ms)
{
	struct imap_asked a = {
		.command = IMAP_COMMAND_FETCH_HEADERS,
		.uid_from = uid_from,
		.uid_to = uid_to,
		.was_partial = !(s->quirks & IMAP_QUIRK_NO_PARTIAL),
	};
	int r = may_ask(s, /* needs_folder= */ true);

	if (r == 0 && (!uid_from || uid_from > uid_to))
		r = -EINVAL;
	if (r < 0)
		return r;
	imap_text_begin(&s->out, ++s->tag, IMAP_VERB_UID_FETCH);
	if (uid_to == UINT32_MAX)
		imap_text_words(&s->out, "%u:*", uid_from);
	else if (uid_to > uid_from)
		imap_text_words(&s->out, "%u:%u", uid_from, uid_to);
	else
		imap_text_words(&s->out, "%u", uid_from);
	imap_text_open(&s->out);
	imap_text_words(&s->out, "UID INTERNALDATE RFC822.SIZE FLAGS BODYSTRUCTURE");
	if (s->caps & IMAP_CAP(GMAIL))
		imap_text_words(&s->out, "X-GM-MSGID X-GM-THRID X-GM-LABELS");
	if (s->caps & IMAP_CAP(OBJECTID))
		imap_text_words(&s->out, "EMAILID");
	if (a.was_partial)
		imap_text_words(&s->out, "BODY.PEEK[HEADER]<0.%u>", (unsigned)IMAP_HEADER_MAX);
	else
		imap_text_words(&s->out, "BODY.PEEK[HEADER]");
	imap_text_close(&s->out);
	return asked(s, &a, now_ms);
}

/* "1", "2.1", "2.MIME", "HEADER": digits with dots, and one of three words.  RFC 3501 section 9. */
static bool is_section(struct text t)
{
	static const char *const words[] = { "HEADER", "TEXT", "MIME" };
	struct text head, tail = t;

	if (!t.len || t.len >= sizeof(((struct imap_asked *)NULL)->section))
		return false;
	while (tail.len && tail.at[0] >= '1' && tail.at[0] <= '9') {
		uint64_t n;
		bool more = text_cut(tail, '.', &head, &tail);

		if (text_u64(head, UINT32_MAX, &n) < 0 || (more && !tail.len))
			return false;
	}
	for (size_t i = 0; tail.len && i < countof(words); i++)
		if (text_ieq(tail, text_of(words[i])))
			return tail.len < t.len || i < 2; /* MIME only of a part */
	return tail.len == 0;
}

int imap_session_fetch_part(struct imap_session *s, uint32_t uid, struct text section,
			    uint32_t max_bytes, uint64_t now_ms)
{
	struct imap_asked a = {
		.command = IMAP_COMMAND_FETCH_PART,
		.uid_from = uid,
		.uid_to = uid,
		.max_bytes = max_bytes,
		.was_partial = !(s->quirks & IMAP_QUIRK_NO_PARTIAL),
	};
	int r = may_ask(s, /* needs_folder= */ true);

	if (r == 0 && (!uid || !max_bytes || !is_section(section)))
		r = -EINVAL;
	if (r < 0)
		return r;
	if (a.max_bytes > s->line.max_literal)
		a.max_bytes = (uint32_t)s->line.max_literal;
	memcpy(a.section, section.at, section.len);
	imap_text_begin(&s->out, ++s->tag, IMAP_VERB_UID_FETCH);
	if (a.was_partial)
		imap_text_words(&s->out, "%u (UID BODY.PEEK[%s]<0.%u>)", uid, a.section,
				a.max_bytes);
	else
		imap_text_words(&s->out, "%u (UID BODY.PEEK[%s])", uid, a.section);
	return asked(s, &a, now_ms);
}

int imap_session_noop(struct imap_session *s, uint64_t now_ms)
{
	struct imap_asked a = { .command = IMAP_COMMAND_NOOP };
	int r = may_ask(s, /* needs_folder= */ false);

	if (r < 0)
		return r;
	imap_text_begin(&s->out, ++s->tag, IMAP_VERB_NOOP);
	return asked(s, &a, now_ms);
}

int imap_session_idle(struct imap_session *s, uint64_t now_ms)
{
	static const struct imap_asked a = { .command = IMAP_COMMAND_IDLE };
	int r = may_ask(s, /* needs_folder= */ false);

	if (r == 0 && !(s->caps & IMAP_CAP(IDLE)))
		r = -EOPNOTSUPP;
	if (r < 0)
		return r;
	imap_answer_expect(&s->answer, &a);
	s->now_ms = now_ms;
	enter(s, STATE_IDLE_ASKED);
	return 0;
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
	case STATE_GREETING:
	case STATE_CAPABILITY:
	case STATE_STARTTLS:
	case STATE_HANDSHAKE:
	case STATE_LOGIN:
	case STATE_CAPABILITY_IN:
	case STATE_ID:
	case STATE_NAMESPACE:
	case STATE_READY:
	case STATE_COMMAND:
	case STATE_LOGOUT:
	case STATE_OVER:
		break;
	}
	return -ENOTCONN;
}

int imap_session_logout(struct imap_session *s, uint64_t now_ms)
{
	static const struct imap_asked a = { .command = IMAP_COMMAND_LOGOUT };
	int r = may_ask(s, /* needs_folder= */ false);

	if (r < 0)
		return r;
	imap_answer_expect(&s->answer, &a);
	s->now_ms = now_ms;
	enter(s, STATE_LOGOUT);
	return 0;
}
