#include "ingest/imap/imap_course.h"

#include <stdlib.h>

#include "base/limits.h"

/* Commands that go on after a MESSAGELIMIT do so this often: 64,000 mails of Yahoo's 1,000 each. */
#define SEARCH_ROUNDS 64

/* ---- events ---- */

/* The last event; nothing is said or heard after it. */
static void over(struct imap_session *s, enum imap_event_kind kind, struct imap_verdict v)
{
	(void)imap_queue_add_verdict(&s->queue, kind, v);
	imap_course_enter(s, IMAP_COURSE_OVER);
}

static void failed(struct imap_session *s, enum blame blame, const char *what, struct text said)
{
	over(s, IMAP_EV_FAILED,
	     (struct imap_verdict){ outcome_of(blame, what, said), IMAP_REMEDY_RETRY, 0 });
}

static void command_over(struct imap_session *s, struct imap_verdict v)
{
	static const struct imap_asked nothing;
	struct imap_event *ev = imap_queue_add_verdict(&s->queue, IMAP_EV_DONE, v);

	ev->done.command = s->answer.asked.command;
	ev->done.lost = s->answer.lost;
	ev->done.is_short = s->answer.is_short;
	imap_answer_expect(&s->answer, &nothing);
}

static void ready(struct imap_session *s)
{
	struct imap_event *ev;
	struct text prefix;

	if (!s->entrance)
		return;
	ev = imap_queue_add(&s->queue, IMAP_EV_READY);
	prefix = imap_entrance_prefix(s->entrance, &ev->ready.separator);
	/* names live until the next event, so it may lie among them */
	(void)text_add(&s->answer.name, prefix);
	ev->ready.prefix = text_of_buf(&s->answer.name);
	ev->ready.was_preauth = imap_entrance_was_preauth(s->entrance);
	s->means = imap_entrance_means(s->entrance);
	ev->ready.caps = s->means.caps;
	s->answer.is_utf8 = (s->means.enabled & IMAP_CAP(UTF8_ACCEPT)) != 0;
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
	imap_proof_free(s->proof);
	s->proof = NULL;
	free(s->opening);
	s->opening = NULL;
}

/* ---- entering a state: what we say, and how long we wait ---- */

static void say_idle(struct imap_session *s)
{
	/* it was said once already with the same capabilities: cannot fail */
	(void)imap_command_write(&s->out, ++s->tag,
				 &(struct imap_asked){ .command = IMAP_COMMAND_IDLE }, &s->means);
}

static uint64_t say_proof(struct imap_session *s)
{
	imap_proof_say(s->proof, &s->out, &s->means);
	s->tag = imap_proof_tag(s->proof);
	return imap_proof_has_answers(s->proof) ? s->command_ms : s->idle_done_ms;
}

void imap_course_enter(struct imap_session *s, enum imap_course_state state)
{
	uint64_t wait_ms = s->command_ms;
	enum imap_course_state was = s->state;

	s->state = state;
	s->unheard = 0;
	switch (state) {
	case IMAP_COURSE_ENTERING:
		if (imap_entrance_is_greeting(s->entrance))
			wait_ms = s->greeting_ms;
		break;
	case IMAP_COURSE_HANDSHAKE:
		/* RFC 9051 6.2.1: what came in clear is worth nothing */
		imap_line_clear(&s->line);
		wait_ms = s->greeting_ms;
		(void)imap_queue_add(&s->queue, IMAP_EV_STARTTLS_NOW);
		break;
	case IMAP_COURSE_READY:
		wait_ms = 0;
		ready(s);
		break;
	case IMAP_COURSE_COMMAND:
	case IMAP_COURSE_IDLE_UNWANTED:
	case IMAP_COURSE_LOGOUT:
		break;
	case IMAP_COURSE_IDLE_ASKED:
		/* the first one was said by whoever asked for it */
		if (was == IMAP_COURSE_IDLE_RENEWING)
			say_idle(s);
		break;
	case IMAP_COURSE_IDLING:
		wait_ms = s->idle_renew_ms;
		(void)imap_queue_add(&s->queue, IMAP_EV_IDLING);
		break;
	case IMAP_COURSE_IDLE_RENEWING:
	case IMAP_COURSE_IDLE_ENDING:
		/* RFC 2177: not a command, it has no tag; once only */
		if (was != IMAP_COURSE_IDLE_RENEWING)
			imap_text_line(&s->out, "DONE");
		wait_ms = s->idle_done_ms;
		break;
	case IMAP_COURSE_PROVING:
	case IMAP_COURSE_PROVING_UNWANTED:
		wait_ms = say_proof(s);
		break;
	case IMAP_COURSE_OVER:
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
	if (s->state >= IMAP_COURSE_IDLE_ASKED && s->state <= IMAP_COURSE_IDLE_ENDING)
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
			imap_course_enter(s, IMAP_COURSE_ENTERING);
		break;
	case IMAP_ENTRANCE_SHAKE_HANDS:
		imap_course_enter(s, IMAP_COURSE_HANDSHAKE);
		break;
	case IMAP_ENTRANCE_IN:
		imap_course_enter(s, IMAP_COURSE_READY);
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

/*
 * RFC 9738: OK, but only the newest mails were looked at.  A search goes on
 * with what lies below them.
 */
static bool goes_on(struct imap_session *s, const struct imap_resp *r)
{
	struct imap_asked *a = &s->answer.asked;

	if (!imap_answer_limited(&s->answer, r) || a->command != IMAP_COMMAND_SEARCH ||
	    a->uid_to == 0 || s->answer.rounds >= SEARCH_ROUNDS)
		return false;
	if (imap_command_write(&s->out, s->tag + 1, a, &s->means) < 0)
		return false;
	s->tag++;
	s->answer.rounds++;
	s->answer.is_short = false;
	imap_course_enter(s, IMAP_COURSE_COMMAND);
	return true;
}

/*
 * A server that offers CONDSTORE and does not understand what that makes of
 * EXAMINE is taken for one that does not offer it, rather than lost.
 */
static bool opens_plainly(struct imap_session *s, const struct imap_verdict *v)
{
	uint64_t options = IMAP_CAP(CONDSTORE) | IMAP_CAP(QRESYNC);
	struct imap_asked a = { .command = IMAP_COMMAND_EXAMINE, .raw = text_of(s->opening) };

	if (!s->opening || v->remedy != IMAP_REMEDY_OURS)
		return false;
	s->means.caps &= ~options;
	s->means.enabled &= ~options;
	if (imap_command_write(&s->out, ++s->tag, &a, &s->means) < 0)
		return false;
	imap_answer_expect(&s->answer, &a);
	free(s->opening);
	s->opening = NULL;
	imap_course_enter(s, IMAP_COURSE_COMMAND);
	return true;
}

static void heard_command_end(struct imap_session *s, const struct imap_resp *r)
{
	struct imap_verdict v = judge(s, r);
	struct imap_event ev;

	imap_text_give_up(&s->out);
	if ((outcome_ok(&v.outcome) && goes_on(s, r)) || opens_plainly(s, &v))
		return;
	free(s->opening);
	s->opening = NULL;
	if (imap_answer_ended(&s->answer, outcome_ok(&v.outcome), &ev))
		*imap_queue_add(&s->queue, ev.kind) = ev;
	command_over(s, v);
	imap_course_enter(s, IMAP_COURSE_READY);
}

/* IDLE came to an end that nobody asked for. */
static void idle_refused(struct imap_session *s, struct imap_verdict v, struct text said)
{
	if (outcome_ok(&v.outcome))
		v = (struct imap_verdict){ outcome_of(BLAME_REFUSED, "idle ended by the server",
						      said),
					   IMAP_REMEDY_SKIP, 0 };
	command_over(s, v);
	imap_course_enter(s, IMAP_COURSE_READY);
}

static void idle_done(struct imap_session *s, struct imap_verdict v)
{
	command_over(s, v);
	imap_course_enter(s, IMAP_COURSE_READY);
}

/* All of it is answered: what becomes of IDLE now. */
static void proven(struct imap_session *s)
{
	static const struct imap_verdict ok = { OUTCOME_OK, IMAP_REMEDY_NONE, 0 };
	struct imap_proof *p = s->proof;
	bool is_unwanted = s->state == IMAP_COURSE_PROVING_UNWANTED;
	struct imap_verdict idle_verdict = *imap_proof_idle_verdict(p);
	enum imap_proof_idle idle = imap_proof_idle(p);
	struct imap_event *ev =
		imap_queue_add_verdict(&s->queue, IMAP_EV_PROVEN, *imap_proof_verdict(p));

	ev->proven.is_alive = imap_proof_is_alive(p);
	ev->proven.refused = imap_proof_refused(p);
	imap_proof_free(p);
	s->proof = NULL;
	switch (idle) {
	case IMAP_PROOF_IDLE_NONE:
		idle_done(s, ok);
		break;
	case IMAP_PROOF_IDLE_LATER:
		if (is_unwanted) {
			idle_done(s, ok);
			break;
		}
		say_idle(s);
		imap_course_enter(s, IMAP_COURSE_IDLE_ASKED);
		break;
	case IMAP_PROOF_IDLE_ASKED:
		imap_course_enter(s,
				  is_unwanted ? IMAP_COURSE_IDLE_UNWANTED : IMAP_COURSE_IDLE_ASKED);
		break;
	case IMAP_PROOF_IDLE_BEGUN:
		imap_course_enter(s, is_unwanted ? IMAP_COURSE_IDLE_ENDING : IMAP_COURSE_IDLING);
		break;
	case IMAP_PROOF_IDLE_ENDED:
		if (is_unwanted)
			idle_done(s, ok);
		else
			idle_refused(s, idle_verdict, TEXT(""));
		break;
	}
}

/* "r12" */
static uint32_t tag_of(struct text t)
{
	uint64_t n;

	if (t.len < 2 || (t.at[0] | 0x20) != 'r' || t.at[1] == '0' ||
	    text_u64(text_sub(t, 1, SIZE_MAX), UINT32_MAX, &n) < 0)
		return 0;
	return (uint32_t)n;
}

static void heard_in_proof(struct imap_session *s, const struct imap_resp *r)
{
	struct imap_verdict v = judge(s, r);

	imap_text_give_up(&s->out);
	imap_proof_answered(s->proof, tag_of(r->tag), &v);
	if (imap_proof_is_over(s->proof))
		proven(s);
	else
		imap_course_enter(s, s->state);
}

static void heard_tagged(struct imap_session *s, const struct imap_resp *r)
{
	switch (s->state) {
	case IMAP_COURSE_COMMAND:
		heard_command_end(s, r);
		break;
	case IMAP_COURSE_IDLE_RENEWING:
		if (r->condition == IMAP_CONDITION_OK)
			imap_course_enter(s, IMAP_COURSE_IDLE_ASKED);
		else
			idle_refused(s, judge(s, r), r->said);
		break;
	case IMAP_COURSE_IDLE_ENDING:
		idle_done(s, judge(s, r));
		break;
	case IMAP_COURSE_IDLE_ASKED:
	case IMAP_COURSE_IDLE_UNWANTED:
	case IMAP_COURSE_IDLING:
		idle_refused(s, judge(s, r), r->said);
		break;
	case IMAP_COURSE_PROVING:
	case IMAP_COURSE_PROVING_UNWANTED:
		heard_in_proof(s, r);
		break;
	case IMAP_COURSE_LOGOUT:
		command_over(s, judge(s, r));
		imap_course_enter(s, IMAP_COURSE_OVER);
		break;
	case IMAP_COURSE_ENTERING:
	case IMAP_COURSE_HANDSHAKE:
	case IMAP_COURSE_READY:
	case IMAP_COURSE_OVER:
		break; /* no tag of ours is out: imap_course_heard() does not come here */
	}
}

/* "+": our literal may go, or IDLE has begun. */
static void heard_plus(struct imap_session *s)
{
	if (s->state == IMAP_COURSE_IDLE_ASKED)
		imap_course_enter(s, IMAP_COURSE_IDLING);
	else if (s->state == IMAP_COURSE_IDLE_UNWANTED)
		imap_course_enter(s, IMAP_COURSE_IDLE_ENDING);
	else if (s->state == IMAP_COURSE_COMMAND)
		(void)imap_text_go_on(&s->out);
	else if (s->proof)
		imap_proof_invited(s->proof, &s->out);
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
		imap_queue_add(&s->queue, IMAP_EV_ODD)->odd.said = r->line;
}

static void heard_data(struct imap_session *s, const struct imap_resp *r)
{
	struct imap_event ev;

	if (imap_answer_heard(&s->answer, r, s->line.max_literal, &ev))
		*imap_queue_add(&s->queue, ev.kind) = ev;
	if (s->state == IMAP_COURSE_COMMAND)
		s->deadline_ms = s->now_ms + s->command_ms;
}

static bool is_our_tag(const struct imap_session *s, struct text tag)
{
	uint32_t n = tag_of(tag);

	if (!n || s->state == IMAP_COURSE_READY)
		return false;
	if (s->proof)
		return imap_proof_owns(s->proof, n);
	return n == (s->entrance ? imap_entrance_tag(s->entrance) : s->tag);
}

/* RFC 3501 2.2.2: untagged data may come at any time. */
void imap_course_heard(struct imap_session *s, const struct imap_resp *r)
{
	bool is_tagged = r->kind == IMAP_RESP_TAGGED;

	s->unheard = 0;
	if (s->entrance && imap_entrance_is_greeting(s->entrance)) {
		heard_at_entrance(s, r);
	} else if (r->kind == IMAP_RESP_ODD || (is_tagged && !is_our_tag(s, r->tag))) {
		heard_odd(s, r);
	} else if (r->kind == IMAP_RESP_CONDITION && r->condition == IMAP_CONDITION_BYE) {
		/* when we said LOGOUT the tagged answer follows, RFC 3501 6.1.3 */
		if (s->state != IMAP_COURSE_LOGOUT)
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

void imap_course_flooded(struct imap_session *s)
{
	failed(s, BLAME_PEER, "response past its ceiling", TEXT(""));
}

/* ---- time and the wire ---- */

void imap_course_late(struct imap_session *s)
{
	if (s->state == IMAP_COURSE_IDLING) {
		imap_course_enter(s, IMAP_COURSE_IDLE_RENEWING);
	} else if (s->proof && imap_proof_retry(s->proof)) {
		/* what stood behind DONE was not read: never so again with this server */
		s->means.quirks |= IMAP_QUIRK_NO_PIPELINE;
		imap_course_enter(s, s->state);
	} else {
		failed(s, BLAME_NET, "no answer in time", text_of(imap_course_waiting_for(s)));
	}
}

void imap_course_closed(struct imap_session *s)
{
	if (s->state == IMAP_COURSE_OVER)
		return;
	if (s->state == IMAP_COURSE_LOGOUT) {
		command_over(s, (struct imap_verdict){ OUTCOME_OK, IMAP_REMEDY_NONE, 0 });
		imap_course_enter(s, IMAP_COURSE_OVER);
		return;
	}
	failed(s, BLAME_NET, "connection closed", text_of(imap_course_waiting_for(s)));
}

const char *imap_course_waiting_for(const struct imap_session *s)
{
	static const char *const words[] = {
#define STATE_WORDS(name, text) text,
		IMAP_COURSE_STATES(STATE_WORDS)
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
		[IMAP_COMMAND_LIST_STATUS] = "answer to LIST with STATUS",
		[IMAP_COMMAND_NOTIFY] = "answer to NOTIFY",
	};

	if (s->state == IMAP_COURSE_ENTERING)
		return imap_entrance_waiting_for(s->entrance);
	return s->state == IMAP_COURSE_COMMAND ? commands[s->answer.asked.command]
					       : words[s->state];
}
