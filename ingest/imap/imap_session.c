#include "ingest/imap/imap_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/imap/imap_command.h"
#include "ingest/imap/imap_course.h"

/* The door to a session: imap_course.c is what happens behind it. */

#define DEFAULT_GREETING_MS   UINT64_C(30000)
#define DEFAULT_COMMAND_MS    UINT64_C(60000)
#define DEFAULT_IDLE_RENEW_MS UINT64_C(540000)
#define DEFAULT_IDLE_DONE_MS  UINT64_C(30000)

/* So many bytes of an answer are progress even before its line is whole. */
#define PROGRESS_BYTES 16384

/* ---- birth and death ---- */

static uint64_t or_else(uint64_t n, uint64_t otherwise)
{
	return n ? n : otherwise;
}

static uint32_t wait_ms(uint64_t ms, uint64_t otherwise)
{
	ms = or_else(ms, otherwise);
	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

struct imap_session *imap_session_new(const struct imap_params *p, uint64_t now_ms)
{
	struct imap_session *s = mem_new(sizeof(*s));

	s->now_ms = now_ms;
	s->greeting_ms = wait_ms(p->greeting_ms, DEFAULT_GREETING_MS);
	s->command_ms = wait_ms(p->command_ms, DEFAULT_COMMAND_MS);
	s->idle_renew_ms = wait_ms(p->idle_renew_ms, DEFAULT_IDLE_RENEW_MS);
	s->idle_done_ms = wait_ms(p->idle_done_ms, DEFAULT_IDLE_DONE_MS);
	imap_line_init(&s->line, or_else(p->max_line, LIMIT_IMAP_LINE),
		       or_else(p->max_literal, LIMIT_IMAP_LITERAL),
		       or_else(p->max_skip, LIMIT_IMAP_SKIP));
	imap_text_init(&s->out);
	imap_answer_init(&s->answer);
	s->entrance = imap_entrance_new(p);
	imap_course_enter(s, IMAP_COURSE_ENTERING);
	return s;
}

void imap_session_free(struct imap_session *s)
{
	struct imap_event ev;

	if (!s)
		return;
	while (imap_queue_next(&s->queue, &ev))
		;
	imap_line_clear(&s->line);
	imap_text_clear(&s->out);
	imap_answer_clear(&s->answer);
	imap_entrance_free(s->entrance);
	imap_proof_free(s->proof);
	free(s->opening);
	free(s);
}

/* ---- bytes, events and time ---- */

/* Nobody is listening: it is over, or the handshake is not. */
static bool is_deaf(const struct imap_session *s)
{
	return s->state == IMAP_COURSE_OVER || s->state == IMAP_COURSE_HANDSHAKE;
}

int imap_session_recv(struct imap_session *s, const uint8_t *in, size_t n, uint64_t now_ms)
{
	s->now_ms = now_ms;
	if (n > IMAP_RECV_MAX)
		return -ENOBUFS;
	if (is_deaf(s))
		return 0;
	s->unheard += (uint32_t)n;
	if (s->state == IMAP_COURSE_COMMAND && s->unheard >= PROGRESS_BYTES) {
		s->unheard = 0;
		s->deadline_ms = now_ms + s->command_ms;
	}
	return imap_line_recv(&s->line, in, n);
}

bool imap_session_next(struct imap_session *s, struct imap_event *ret)
{
	while (!imap_queue_next(&s->queue, ret)) {
		struct imap_resp r;
		char *at;
		size_t len;
		int e;

		if (is_deaf(s))
			return false;
		imap_answer_rest(&s->answer);
		e = imap_line_next(&s->line, &at, &len);
		if (e == 0)
			return false;
		if (e < 0) {
			imap_course_flooded(s);
			continue;
		}
		imap_parse(at, len, s->line.max_literal, &r);
		imap_course_heard(s, &r);
	}
	return true;
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
	if (now_ms >= s->deadline_ms)
		imap_course_late(s);
}

void imap_session_eof(struct imap_session *s, uint64_t now_ms)
{
	s->now_ms = now_ms;
	imap_course_closed(s);
}

void imap_session_tls_up(struct imap_session *s, uint64_t now_ms)
{
	s->now_ms = now_ms;
	if (s->state != IMAP_COURSE_HANDSHAKE)
		return;
	imap_entrance_tls_up(s->entrance, &s->out);
	imap_course_enter(s, IMAP_COURSE_ENTERING);
}

bool imap_session_done(const struct imap_session *s)
{
	return s->state == IMAP_COURSE_OVER && imap_queue_is_empty(s->queue);
}

const char *imap_session_waiting_for(const struct imap_session *s)
{
	return imap_course_waiting_for(s);
}

static struct imap_means means_of(const struct imap_session *s)
{
	return s->entrance ? imap_entrance_means(s->entrance) : s->means;
}

uint64_t imap_session_caps(const struct imap_session *s)
{
	return means_of(s).caps;
}

uint64_t imap_session_enabled(const struct imap_session *s)
{
	return means_of(s).enabled;
}

uint32_t imap_session_verbs_sent(const struct imap_session *s)
{
	return s->out.verbs;
}

/* ---- commands ---- */

/* -ENOTCONN: nothing can be asked for; -EBUSY: not now. */
static int may_ask(const struct imap_session *s)
{
	if (s->entrance || s->state == IMAP_COURSE_LOGOUT || s->state == IMAP_COURSE_OVER)
		return -ENOTCONN;
	return s->state == IMAP_COURSE_READY ? 0 : -EBUSY;
}

static int ask(struct imap_session *s, struct imap_asked asked, enum imap_course_state state,
	       uint64_t now_ms)
{
	int r = may_ask(s);

	if (r < 0)
		return r;
	if (imap_command_needs_folder(asked.command) && s->answer.opened.state != IMAP_OPENED)
		return -EDOM;
	r = imap_command_write(&s->out, s->tag + 1, &asked, &s->means);
	if (r < 0)
		return r;
	s->tag++;
	s->now_ms = now_ms;
	imap_answer_expect(&s->answer, &asked);
	imap_course_enter(s, state);
	return 0;
}

int imap_session_list(struct imap_session *s, uint64_t now_ms)
{
	return ask(s, (struct imap_asked){ .command = IMAP_COMMAND_LIST }, IMAP_COURSE_COMMAND,
		   now_ms);
}

int imap_session_list_status(struct imap_session *s, uint64_t now_ms)
{
	return ask(s, (struct imap_asked){ .command = IMAP_COMMAND_LIST_STATUS },
		   IMAP_COURSE_COMMAND, now_ms);
}

int imap_session_notify(struct imap_session *s, uint64_t now_ms)
{
	return ask(s, (struct imap_asked){ .command = IMAP_COMMAND_NOTIFY }, IMAP_COURSE_COMMAND,
		   now_ms);
}

int imap_session_examine(struct imap_session *s, struct text raw, const struct imap_known *known,
			 uint64_t now_ms)
{
	struct imap_asked a = { .command = IMAP_COMMAND_EXAMINE, .raw = raw };

	int r;

	if (known)
		a.known = *known;
	r = ask(s, a, IMAP_COURSE_COMMAND, now_ms);
	if (r == 0 && (s->means.caps & IMAP_CAP(CONDSTORE)))
		s->opening = mem_text_n(raw.at, raw.len);
	return r;
}

int imap_session_status(struct imap_session *s, struct text raw, uint64_t now_ms)
{
	struct imap_asked a = { .command = IMAP_COMMAND_STATUS, .raw = raw };

	return ask(s, a, IMAP_COURSE_COMMAND, now_ms);
}

int imap_session_search_since(struct imap_session *s, int64_t unix_s, uint64_t now_ms)
{
	struct imap_asked a = { .command = IMAP_COMMAND_SEARCH, .since_unix_s = unix_s };

	return ask(s, a, IMAP_COURSE_COMMAND, now_ms);
}

int imap_session_fetch_headers(struct imap_session *s, uint32_t uid_from, uint32_t uid_to,
			       uint64_t now_ms)
{
	struct imap_asked a = {
		.command = IMAP_COMMAND_FETCH_HEADERS,
		.uid_from = uid_from,
		.uid_to = uid_to,
	};

	return ask(s, a, IMAP_COURSE_COMMAND, now_ms);
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
	return ask(s, a, IMAP_COURSE_COMMAND, now_ms);
}

int imap_session_noop(struct imap_session *s, uint64_t now_ms)
{
	return ask(s, (struct imap_asked){ .command = IMAP_COMMAND_NOOP }, IMAP_COURSE_COMMAND,
		   now_ms);
}

int imap_session_logout(struct imap_session *s, uint64_t now_ms)
{
	return ask(s, (struct imap_asked){ .command = IMAP_COMMAND_LOGOUT }, IMAP_COURSE_LOGOUT,
		   now_ms);
}

int imap_session_idle(struct imap_session *s, uint64_t now_ms)
{
	return ask(s, (struct imap_asked){ .command = IMAP_COMMAND_IDLE }, IMAP_COURSE_IDLE_ASKED,
		   now_ms);
}

int imap_session_proof(struct imap_session *s, const struct text *side, unsigned n, uint64_t now_ms)
{
	bool idles = s->state == IMAP_COURSE_IDLING;
	int r = idles ? 0 : may_ask(s);
	struct imap_proof *p;

	if (r < 0)
		return r;
	p = imap_proof_new(side, n, idles ? s->tag : 0, s->tag + 1, &s->means);
	if (!p)
		return -EINVAL;
	s->now_ms = now_ms;
	s->proof = p;
	if (!idles)
		imap_answer_expect(&s->answer,
				   &(struct imap_asked){ .command = IMAP_COMMAND_PROOF });
	imap_course_enter(s, IMAP_COURSE_PROVING);
	return 0;
}

int imap_session_end_idle(struct imap_session *s, uint64_t now_ms)
{
	s->now_ms = now_ms;
	switch (s->state) {
	case IMAP_COURSE_IDLE_ASKED:
		imap_course_enter(s, IMAP_COURSE_IDLE_UNWANTED);
		return 0;
	case IMAP_COURSE_IDLING:
	case IMAP_COURSE_IDLE_RENEWING:
		imap_course_enter(s, IMAP_COURSE_IDLE_ENDING);
		return 0;
	case IMAP_COURSE_PROVING:
		if (s->answer.asked.command != IMAP_COMMAND_IDLE)
			break;
		imap_course_enter(s, IMAP_COURSE_PROVING_UNWANTED);
		return 0;
	case IMAP_COURSE_IDLE_UNWANTED:
	case IMAP_COURSE_IDLE_ENDING:
	case IMAP_COURSE_PROVING_UNWANTED:
		return 0;
	case IMAP_COURSE_ENTERING:
	case IMAP_COURSE_HANDSHAKE:
	case IMAP_COURSE_READY:
	case IMAP_COURSE_COMMAND:
	case IMAP_COURSE_LOGOUT:
	case IMAP_COURSE_OVER:
		break;
	}
	return -ENOTCONN;
}
