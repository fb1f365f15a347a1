/*
 * The session that is watched: its events go to the vigil, what the vigil comes
 * to goes to those who want to know, and before the session will end, the vigil
 * moves to another one.
 */
#include "ingest/mailbox_inside.h"

#include "base/clock.h"

static void on_line(void *owner);
static void on_line_over(void *owner, const struct outcome *why);
static void on_gone(void *owner);

#define NEVER UINT64_MAX

/* ---- beginning ---- */

static void plan_renewal(struct mailbox *m)
{
	uint64_t token_ms = NEVER, session_ms = NEVER;

	if (m->row->session_ends_with_token)
		token_ms = pass_left_ms(&m->pass, clock_unix_s());
	if (m->row->session_s)
		session_ms = m->row->session_s * UINT64_C(1000);
	renewal_plan(&m->renewal, token_ms, session_ms, m->since_ms, m->p->rand);
}

/* The line of the entry is ours. */
static void take_entry(struct mailbox *m)
{
	const struct line_owner me = { m, on_line, on_line_over };

	m->line = entry_take(m->entry);
	entry_drop(m->entry);
	m->entry = NULL;
	line_own(m->line, &me);
	m->since_ms = clock_mono_ms();
	m->session_version = m->pass.version;
	plan_renewal(m);
}

void mailbox_watch_begin(struct mailbox *m)
{
	struct imap_session *s;

	take_entry(m);
	s = line_session(m->line);
	m->was_live = false;
	mailbox_life_enter(m, MAILBOX_WATCHING);
	vigil_begin(m->vigil, s, imap_session_caps(s), m->since_ms);
}

/* ---- end ---- */

static void note_end(struct mailbox *m, const struct outcome *why, enum chronicle_code code)
{
	chronicle_note(&m->notes, code, clock_unix_us(), "%s%s%s", why->what,
		       why->said[0] ? ": " : "", why->said);
}

/* The session is over, and another is already on its way: no waiting. */
static void go_on(struct mailbox *m)
{
	vigil_end(m->vigil);
	line_drop(m->line);
	m->line = NULL;
	renewal_forget(&m->renewal);
	mailbox_life_start_load(m);
}

static void session_over(struct mailbox *m, const struct imap_verdict *over)
{
	const struct imap_verdict v = *over; /* it goes with the session */
	struct plight p = plight_of_imap(&v, /* was_fresh= */ false, m->pass.is_password);

	line_keep(m->line, &v, m->p->rawlog_dir, m->inbox, &m->kept_ms);
	if (m->renewal.phase == RENEWAL_UNDER_WAY) {
		log_info(&m->log, "imap.replaced", "what=%s said=%s", v.outcome.what,
			 v.outcome.said);
		go_on(m);
		return;
	}
	/* It ended with its credential: the next is asked for when we come back. */
	if (p.kind == PLIGHT_FRESH) {
		pass_refused(&m->pass, m->session_version);
		p.kind = PLIGHT_RETRY;
		p.state = "backing_off";
	}
	mailbox_life_suffer(m, &p, &v.outcome);
}

void mailbox_watch_stalled(struct mailbox *m)
{
	const struct imap_verdict late = { outcome_of(BLAME_PEER, vigil_waiting_for(m->vigil),
						      TEXT("an answer takes too long")),
					   IMAP_REMEDY_RETRY, 0 };

	note_end(m, &late.outcome, CHRONICLE_STALLED);
	session_over(m, &late);
}

static void on_line_over(void *owner, const struct outcome *why)
{
	struct mailbox *m = owner;
	struct plight p = plight_of_conn(why);

	note_end(m, why, CHRONICLE_CUT);
	if (m->renewal.phase == RENEWAL_UNDER_WAY)
		go_on(m);
	else
		mailbox_life_suffer(m, &p, why);
	mailbox_pump(m);
}

/* ---- the session ---- */

static void on_line(void *owner)
{
	mailbox_pump(owner);
}

/* One event.  false: the session is over. */
static bool heard(struct mailbox *m, const struct imap_event *ev)
{
	if (ev->kind == IMAP_EV_BYE || ev->kind == IMAP_EV_FAILED) {
		note_end(m, &ev->over.verdict->outcome,
			 ev->kind == IMAP_EV_BYE ? CHRONICLE_BYE : CHRONICLE_CUT);
		session_over(m, ev->over.verdict);
		return false;
	}
	if (ev->kind == IMAP_EV_ALERT) {
		log_warn(&m->log, "imap.alert", "waiting_for=%s", mailbox_waiting_for(m));
		chronicle_note(&m->notes, CHRONICLE_ALERT, clock_unix_us(), "%.*s",
			       TEXT_ARG(ev->alert.said));
	} else if (ev->kind == IMAP_EV_ODD) {
		log_debug(&m->log, "imap.odd", "bytes=%zu", ev->odd.said.len);
	} else {
		vigil_heard(m->vigil, ev, clock_mono_ms(), clock_unix_us());
	}
	return true;
}

static void now_live(struct mailbox *m)
{
	uint64_t after_ms = clock_mono_ms() - m->since_ms;

	if (m->was_live)
		return;
	m->was_live = true;
	m->failing_ms = 0;
	log_info(&m->log, "imap.live", "after_ms=%llu", (unsigned long long)after_ms);
	chronicle_note(&m->notes, CHRONICLE_LIVE, clock_unix_us(), "after %llu ms",
		       (unsigned long long)after_ms);
	standing_look(&m->standing, &(struct standing_now){ .waiting_for = "mail" }, 0);
	standing_say(&m->standing, "live", "", TEXT(""), 0);
}

/* A login alone is not being let in: Exchange takes it, and then has no mailbox. */
static void now_in(struct mailbox *m)
{
	if (!standing_is(&m->standing, "live") && !standing_is(&m->standing, "catching_up"))
		standing_say(&m->standing, "catching_up", "", TEXT(""), 0);
}

static void take_notes(struct mailbox *m)
{
	char words[VIGIL_NOTE];
	const char *code;

	while (vigil_take_note(m->vigil, &code, words))
		chronicle_add(&m->notes, code, clock_unix_us(), words);
}

/* What the vigil has come to.  false: the session is over. */
static bool in_order(struct mailbox *m)
{
	const struct imap_verdict again = { outcome_of(BLAME_NET, "folder changed", TEXT("")),
					    IMAP_REMEDY_RETRY, 0 };
	struct imap_verdict v;

	take_notes(m);
	switch (vigil_trouble(m->vigil)) {
	case VIGIL_SOUND:
		if (vigil_has_opened(m->vigil))
			now_in(m);
		if (vigil_is_live(m->vigil))
			now_live(m);
		if (vigil_has_proofs(m->vigil))
			m->p->on_proof(m->owner);
		return true;
	case VIGIL_FENCED:
		mailbox_life_lost(m, "fenced");
		return false;
	case VIGIL_STALE:
		session_over(m, &again);
		return false;
	case VIGIL_REFUSED:
		v = *vigil_verdict(m->vigil);
		session_over(m, &v);
		return false;
	}
	return true;
}

/* ---- another session ---- */

static void on_gone(void *owner)
{
	struct mailbox *m = owner;

	farewell_drop(m->farewell);
	m->farewell = NULL;
	mailbox_pump(m);
}

static void move(struct mailbox *m)
{
	struct line *old = m->line;
	struct imap_session *s;

	take_entry(m);
	s = line_session(m->line);
	vigil_move(m->vigil, s, imap_session_caps(s), m->since_ms);
	farewell_drop(m->farewell);
	m->farewell = farewell_open(old, m->since_ms, m, on_gone);
	log_info(&m->log, "imap.renewed", "version=%lld", (long long)m->session_version);
	chronicle_note(&m->notes, CHRONICLE_RENEWED, clock_unix_us(), "%s", "");
	mailbox_life_settle(m, NULL);
}

static void not_renewed(struct mailbox *m)
{
	const struct plight p = *entry_plight(m->entry);
	const struct outcome *why = entry_outcome(m->entry);

	log_info(&m->log, "imap.not_renewed", "reason=%s what=%s said=%s", p.reason, why->what,
		 why->said);
	chronicle_note(&m->notes, CHRONICLE_NOT_RENEWED, clock_unix_us(), "%s: %s%s%s", p.reason,
		       why->what, why->said[0] ? ": " : "", why->said);
	if (entry_was_refused(m->entry) && !mailbox_life_doubts(m, &p))
		pass_refused(&m->pass, m->pass.version);
	entry_drop(m->entry);
	m->entry = NULL;
	/* What somebody has to mend is asked about all the same, while the old one lasts. */
	renewal_failed(&m->renewal, p.kind == PLIGHT_HOLD ? 0 : p.wait_ms, clock_mono_ms(),
		       m->p->rand);
	mailbox_life_settle(m, &p);
}

/* Admitted: the second connection, or where there may be one only, the goodbye of the first. */
static void begin_renewal(struct mailbox *m)
{
	uint64_t token_ms = pass_left_ms(&m->pass, clock_unix_s());
	bool is_about_token = m->row->session_ends_with_token && token_ms != NEVER;

	if (m->row->connections < 2)
		vigil_leave(m->vigil);
	else
		mailbox_life_open_entry(m, is_about_token ? m->session_version : 0);
}

void mailbox_watch_renew(struct mailbox *m, uint64_t now_ms)
{
	switch (m->renewal.phase) {
	case RENEWAL_NONE:
	case RENEWAL_WANTED:
		return;
	case RENEWAL_PLANNED:
		if (!renewal_is_due(&m->renewal, now_ms))
			return;
		m->renewal.phase = RENEWAL_WANTED;
		m->p->on_want(m->owner);
		return;
	case RENEWAL_ADMITTED:
		m->renewal.phase = RENEWAL_UNDER_WAY;
		begin_renewal(m);
		return;
	case RENEWAL_UNDER_WAY:
		if (m->entry && entry_state_of(m->entry) == ENTRY_FAILED)
			not_renewed(m);
		else if (m->entry && entry_state_of(m->entry) == ENTRY_READY &&
			 vigil_is_quiet(m->vigil))
			move(m);
		return;
	}
}

void mailbox_watch_step(struct mailbox *m)
{
	const struct imap_verdict stalled = { outcome_of(BLAME_PEER, "commands",
							 TEXT("the server does not read")),
					      IMAP_REMEDY_RETRY, 0 };
	const struct imap_verdict left = { outcome_of(BLAME_NET, "session", TEXT("over")),
					   IMAP_REMEDY_RETRY, 0 };
	struct imap_event ev;

	while (line_next(m->line, &ev))
		if (!heard(m, &ev))
			return;
	mailbox_watch_renew(m, clock_mono_ms());
	vigil_act(m->vigil, clock_mono_ms(), clock_unix_us());
	if (!in_order(m))
		return;
	if (!line_flush(m->line)) {
		note_end(m, &stalled.outcome, CHRONICLE_STALLED);
		session_over(m, &stalled);
	} else if (line_is_done(m->line)) {
		session_over(m, &left);
	}
}
