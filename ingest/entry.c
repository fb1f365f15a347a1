#include "ingest/entry.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

static void on_answered(struct token_ask *ask, const struct token_answer *a);
static void on_line(void *owner);
static void on_line_over(void *owner, const struct outcome *why);

#define NEVER UINT64_MAX

static const char *const state_waits[] = {
#define ENTRY_STATE(name, wait) wait,
	ENTRY_STATES(ENTRY_STATE)
#undef ENTRY_STATE
};

struct entry {
	struct entry_params p;
	char *host, *user;
	enum entry_state state;
	struct token_ask ask;
	struct secret secret; /* until the login is over */
	struct line *line;    /* NULL: not connected */
	uint64_t until_ms;    /* the way in is over then */
	uint64_t keep_ms;     /* ready: when the next NOOP is due */
	enum entry_state failed_in;
	struct plight plight; /* FAILED */
	struct outcome why;
};

static void start_ask(struct entry *e);

/* ---- the ends ---- */

static void fail(struct entry *e, const struct plight *p, const struct outcome *why)
{
	e->why = *why; /* it may go with the line */
	e->plight = *p;
	line_drop(e->line);
	e->line = NULL;
	secret_clear(&e->secret);
	e->failed_in = e->state;
	e->state = ENTRY_FAILED;
}

/* Once another credential, then it is the owner's matter. */
static void refused(struct entry *e, const struct plight *p, const struct outcome *why)
{
	if (p->kind != PLIGHT_FRESH || e->state == ENTRY_READY || e->state == ENTRY_KEEPING) {
		fail(e, p, why);
		return;
	}
	chronicle_note(e->p.notes, CHRONICLE_TOKEN_REFUSED, clock_unix_us(), "%s", why->said);
	line_drop(e->line);
	e->line = NULL;
	pass_refused(e->p.pass, e->p.pass->version);
	start_ask(e);
}

static void fail_session(struct entry *e, const struct imap_verdict *v)
{
	const struct imap_verdict over = *v; /* it goes with the session */
	struct plight p = plight_of_imap(&over, pass_was_fresh(e->p.pass), e->p.pass->is_password);

	line_keep(e->line, &over, e->p.line.rawlog_dir, e->p.line.inbox, e->p.kept_ms);
	refused(e, &p, &over.outcome);
}

/* ---- credential ---- */

static void start_ask(struct entry *e)
{
	const struct outcome none =
		outcome_of(BLAME_NET, "token", TEXT("the token desk does not answer"));
	struct plight p = plight_of_token(&none, e->p.pass->is_password, "");

	e->state = ENTRY_ASKING;
	e->ask.workspace = e->p.workspace;
	e->ask.inbox = e->p.line.inbox;
	e->ask.refused_version = e->p.pass->refused_version;
	e->ask.answered = on_answered;
	if (e->p.tokens->ask(e->p.tokens->owner, &e->ask))
		fail(e, &p, &none);
}

static void start_connect(struct entry *e);

static void on_answered(struct token_ask *ask, const struct token_answer *a)
{
	struct entry *e = container_of(ask, struct entry, ask);
	const struct outcome same = outcome_of(BLAME_NET, "token", TEXT("the next is not there"));
	struct plight p;

	if (!outcome_ok(&a->outcome)) {
		p = plight_of_token(&a->outcome, a->is_password, a->reason);
		fail(e, &p, &a->outcome);
	} else if (a->version <= e->p.later_than && !a->is_password) {
		p = plight_of_token(&same, a->is_password, "");
		fail(e, &p, &same);
	} else {
		pass_given(e->p.pass, a);
		secret_set(&e->secret, a->secret->data, a->secret->len);
		start_connect(e);
	}
	e->p.on_step(e->p.owner);
}

/* ---- connection and login ---- */

static void start_connect(struct entry *e)
{
	const struct plight p = plight_of_host();
	struct line_params lp = e->p.line;
	int r;

	lp.credential = &e->secret;
	lp.is_password = e->p.pass->is_password;
	lp.owner = (struct line_owner){ e, on_line, on_line_over };
	e->state = ENTRY_CONNECTING;
	r = line_open(&lp, &e->line);
	if (r) {
		const struct outcome o = outcome_of(BLAME_US, "host name", text_of(strerror(-r)));

		fail(e, &p, &o);
	}
}

static void ready(struct entry *e)
{
	secret_clear(&e->secret);
	pass_used(e->p.pass);
	chronicle_note(e->p.notes, CHRONICLE_CONNECTED, clock_unix_us(), "%s", "");
	e->until_ms = NEVER;
	e->keep_ms = clock_mono_ms() + ENTRY_KEEP_MS;
	e->state = ENTRY_READY;
}

/* One event.  false: the session is over. */
static bool heard(struct entry *e, const struct imap_event *ev)
{
	if (ev->kind == IMAP_EV_BYE || ev->kind == IMAP_EV_FAILED) {
		fail_session(e, ev->over.verdict);
		return false;
	}
	if (ev->kind == IMAP_EV_READY)
		ready(e);
	else if (ev->kind == IMAP_EV_DONE && e->state == ENTRY_KEEPING)
		e->state = ENTRY_READY;
	else if (ev->kind == IMAP_EV_ALERT)
		chronicle_note(e->p.notes, CHRONICLE_ALERT, clock_unix_us(), "%.*s",
			       TEXT_ARG(ev->alert.said));
	return true;
}

static void step(struct entry *e)
{
	static const struct imap_verdict stalled = {
		{ BLAME_PEER, "commands", "the server does not read" }, IMAP_REMEDY_RETRY, 0
	};
	struct imap_event ev;

	if (!e->line)
		return;
	if (e->state == ENTRY_CONNECTING && line_session(e->line))
		e->state = ENTRY_LOGGING_IN;
	while (line_next(e->line, &ev))
		if (!heard(e, &ev))
			return;
	if (!line_flush(e->line))
		fail_session(e, &stalled);
}

static void on_line(void *owner)
{
	struct entry *e = owner;

	step(e);
	e->p.on_step(e->p.owner);
}

static void on_line_over(void *owner, const struct outcome *why)
{
	struct entry *e = owner;
	struct plight p = plight_of_conn(why);

	fail(e, &p, why);
	e->p.on_step(e->p.owner);
}

/* ---- time ---- */

uint64_t entry_deadline(const struct entry *e)
{
	uint64_t at = e->until_ms, line_ms = e->line ? line_deadline(e->line) : NEVER;

	if (e->state == ENTRY_FAILED)
		return NEVER;
	if (e->state == ENTRY_READY)
		at = e->keep_ms;
	return at < line_ms ? at : line_ms;
}

void entry_tick(struct entry *e, uint64_t now_ms)
{
	struct outcome late =
		outcome_of(BLAME_NET, entry_waiting_for(e), TEXT("it takes too long"));
	struct plight p = plight_of_conn(&late);

	if (e->state == ENTRY_FAILED)
		return;
	if (now_ms >= e->until_ms || (e->line && !line_tick(e->line, now_ms))) {
		fail(e, &p, &late);
		return;
	}
	if (e->state == ENTRY_READY && now_ms >= e->keep_ms) {
		e->keep_ms = now_ms + ENTRY_KEEP_MS;
		if (imap_session_noop(line_session(e->line), now_ms) == 0)
			e->state = ENTRY_KEEPING;
	}
	step(e);
}

/* ---- open and drop ---- */

struct entry *entry_open(const struct entry_params *p)
{
	struct entry *e = mem_new(sizeof(*e));

	e->p = *p;
	e->p.line.host = e->host = mem_text(p->line.host);
	e->p.line.user = e->user = mem_text(p->line.user);
	e->until_ms = clock_mono_ms() + (p->whole_ms ? p->whole_ms : ENTRY_MS);
	e->keep_ms = NEVER;
	start_ask(e);
	return e;
}

void entry_drop(struct entry *e)
{
	if (!e)
		return;
	e->p.tokens->cancel(e->p.tokens->owner, &e->ask);
	line_drop(e->line);
	secret_clear(&e->secret);
	free(e->host);
	free(e->user);
	free(e);
}

struct line *entry_take(struct entry *e)
{
	struct line *l = e->line;

	e->line = NULL;
	return l;
}

/* ---- what is asked about it ---- */

enum entry_state entry_state_of(const struct entry *e)
{
	return e->state;
}

const struct plight *entry_plight(const struct entry *e)
{
	return &e->plight;
}

const struct outcome *entry_outcome(const struct entry *e)
{
	return &e->why;
}

bool entry_was_refused(const struct entry *e)
{
	/* The broker says of a new one that it would be refused as well. */
	return e->state == ENTRY_FAILED &&
	       (e->failed_in == ENTRY_LOGGING_IN ||
		(e->failed_in == ENTRY_ASKING && e->why.blame == BLAME_REFUSED));
}

const char *entry_waiting_for(const struct entry *e)
{
	return e->line ? line_waiting_for(e->line) : state_waits[e->state];
}
