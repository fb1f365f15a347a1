/*
 * How an inbox comes to watch: admitted, its rows loaded, let in; and what its
 * failures lead to.  A standby is let in without rows, and loads them when the
 * lease is its own.
 */
#include "ingest/mailbox_inside.h"

#include <string.h>

#include "base/clock.h"

static void on_entry(void *owner);

#define NEVER UINT64_MAX

/* ---- states ---- */

void mailbox_life_enter(struct mailbox *m, enum mailbox_state state)
{
	m->state = state;
	if (state == MAILBOX_WAITING)
		m->p->on_want(m->owner);
}

void mailbox_life_wait(struct mailbox *m, enum mailbox_state state, uint64_t wait_ms)
{
	m->wake_ms = clock_mono_ms() + wait_ms;
	mailbox_life_enter(m, state);
}

void mailbox_life_settle(struct mailbox *m, const struct plight *why)
{
	if (!m->is_attempt)
		return;
	m->is_attempt = false;
	m->p->on_settled(m->owner, why);
}

void mailbox_life_close(struct mailbox *m)
{
	if (m->vigil)
		vigil_end(m->vigil);
	line_drop(m->line);
	m->line = NULL;
	entry_drop(m->entry);
	m->entry = NULL;
	renewal_forget(&m->renewal);
}

void mailbox_life_lost(struct mailbox *m, const char *why)
{
	if (m->is_closing || m->state == MAILBOX_LOST)
		return;
	if (m->lease.epoch)
		chronicle_note(&m->notes, CHRONICLE_LEASE_LOST, clock_unix_us(), "%s", "");
	mailbox_life_close(m);
	m->wake_ms = NEVER;
	mailbox_life_settle(m, NULL);
	mailbox_life_enter(m, MAILBOX_LOST);
	m->p->on_lost(m->owner, why);
}

/* ---- failure ---- */

static uint64_t longer(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What they ask for, and up to a quarter more: they asked everybody at the same time. */
static uint64_t spread(struct mailbox *m, uint64_t wait_ms)
{
	return wait_ms + rand_gen_below(m->p->rand, wait_ms / 4 + 1);
}

/* Full jitter: those that were cut together come back apart. */
static uint64_t back_off(struct mailbox *m)
{
	return rand_gen_below(m->p->rand, backoff_failed(&m->backoff, m->p->rand) + 1);
}

static void tell(struct mailbox *m, const struct plight *p, const struct outcome *why,
		 uint64_t wait_ms)
{
	bool is_held = p->kind == PLIGHT_HOLD;

	log_warn(&m->log, is_held ? "imap.held" : "imap.over",
		 "blame=%s what=%s said=%s reason=%s waiting_for=%s retry_ms=%llu",
		 outcome_blame_name(why->blame), why->what, why->said, p->reason,
		 mailbox_waiting_for(m), (unsigned long long)wait_ms);
	chronicle_note(&m->notes, is_held ? CHRONICLE_HELD : CHRONICLE_BACKING_OFF, clock_unix_us(),
		       "%s, in %llu s: %s%s%s", p->reason,
		       (unsigned long long)(wait_ms + 999) / 1000, why->what,
		       why->said[0] ? ": " : "", why->said);
}

static bool is_down(const struct mailbox *m)
{
	return m->p->is_down && m->p->is_down(m->owner);
}

static bool is_refusal(const struct mailbox *m, const struct plight *p)
{
	return p->kind == PLIGHT_HOLD && strcmp(p->state, "reauth_required") == 0 && m->entry &&
	       entry_was_refused(m->entry);
}

bool mailbox_life_doubts(struct mailbox *m, const struct plight *p)
{
	return is_refusal(m, p) && !m->pass.is_password && (m->pass.doubts++ == 0 || is_down(m));
}

/* With how long it has been so, and how others fare. */
static struct plight weigh(struct mailbox *m, const struct plight *p, uint64_t now_ms)
{
	struct plight after;

	if (!m->failing_ms)
		m->failing_ms = now_ms;
	if (mailbox_life_doubts(m, p))
		return plight_in_doubt(60 * m->backoff.first_ms);
	after = plight_after(p, now_ms - m->failing_ms);
	after = plight_where(&after, m->row->auth & PROVIDER_AUTH_PASSWORD,
			     m->row->takes_app_passwords);
	if (after.is_providers && is_down(m))
		after.reason = "provider_down";
	return after;
}

void mailbox_life_suffer(struct mailbox *m, const struct plight *plight, const struct outcome *told)
{
	const struct outcome why = *told; /* they may go with the connection */
	uint64_t now_ms = clock_mono_ms();
	uint64_t lived_ms = m->state == MAILBOX_WATCHING ? now_ms - m->since_ms : 0;
	const struct plight p = weigh(m, plight, now_ms);
	bool is_held = p.kind == PLIGHT_HOLD;
	uint64_t wait_ms = spread(m, p.wait_ms);
	int64_t refused = 0;

	if (!m->lease.epoch) {
		mailbox_life_settle(m, &p);
		mailbox_life_lost(m, p.reason);
		return;
	}
	backoff_lived(&m->backoff, lived_ms);
	if (!is_held)
		wait_ms = longer(wait_ms, back_off(m));
	tell(m, &p, &why, wait_ms);
	/* A fresh credential was refused: only a later one is worth a try, and somebody must be
	 * told. */
	if (is_refusal(m, &p)) {
		refused = m->pass.version;
		pass_refused(&m->pass, refused);
	}
	mailbox_life_close(m);
	mailbox_life_wait(m, is_held ? MAILBOX_HELD : MAILBOX_BACKING_OFF, wait_ms);
	mailbox_look(m);
	/* Who brought another credential has written that all begins anew. */
	if (m->pass.version != m->said_version)
		standing_forget(&m->standing);
	m->said_version = m->pass.version;
	standing_say_until(&m->standing, p.state, p.reason,
			   text_of(why.said[0] ? why.said : why.what), refused,
			   p.is_asked ? clock_unix_us() + (int64_t)wait_ms * 1000 : 0);
	mailbox_life_settle(m, &p);
}

/* ---- admission and rows ---- */

static void fail_load(struct mailbox *m)
{
	static const struct plight p = { PLIGHT_RETRY, "backing_off", "database", 0, false, false };

	mailbox_life_close(m);
	mailbox_life_wait(m, MAILBOX_BACKING_OFF, backoff_failed(&m->backoff, m->p->rand));
	mailbox_life_settle(m, &p);
}

void mailbox_life_start_load(struct mailbox *m)
{
	m->wake_ms = NEVER;
	mailbox_life_enter(m, MAILBOX_LOADING);
	if (vigil_go_on(m->vigil, clock_unix_us()))
		m->wake_ms = clock_mono_ms(); /* what follows, follows from the loop */
	else if (vigil_load(m->vigil))
		fail_load(m);
}

static void loaded(struct mailbox *m)
{
	if (vigil_trouble(m->vigil) == VIGIL_FENCED) {
		mailbox_life_lost(m, "fenced");
		return;
	}
	if (vigil_is_loading(m->vigil))
		return;
	if (!vigil_is_loaded(m->vigil)) {
		fail_load(m);
		return;
	}
	mailbox_life_enter(m, MAILBOX_ENTERING);
	if (!m->entry)
		mailbox_life_open_entry(m, 0);
	mailbox_look(m);
	if (!m->standing.state)
		standing_say(&m->standing, "connecting", "", TEXT(""), 0);
}

void mailbox_life_admitted(struct mailbox *m)
{
	bool is_renewal = m->state == MAILBOX_WATCHING && m->renewal.phase == RENEWAL_WANTED;

	m->is_attempt = true;
	if (is_renewal) {
		m->renewal.phase = RENEWAL_ADMITTED;
		m->wake_ms = clock_mono_ms(); /* from the loop: mailbox_watch_renew() */
	} else if (m->state != MAILBOX_WAITING) {
		mailbox_life_settle(m, NULL); /* it wanted to change a session that is over */
	} else if (m->lease.epoch) {
		mailbox_life_start_load(m);
	} else {
		mailbox_life_enter(m, MAILBOX_ENTERING);
		mailbox_life_open_entry(m, 0);
	}
	mailbox_arm(m);
}

/* ---- the way in ---- */

void mailbox_life_open_entry(struct mailbox *m, int64_t later_than)
{
	const struct entry_params ep = {
		.line = {
			.loop = m->p->loop,
			.tls = m->p->tls,
			.policy = m->p->policy,
			.host = m->host,
			.port = m->port,
			.security = m->security,
			.user = m->login_name,
			.quirks = m->row->quirks,
			.idle_renew_ms = m->p->idle_renew_ms ? m->p->idle_renew_ms
							     : m->row->idle_renew_s * UINT64_C(1000),
			.patience = m->p->patience,
			.rawlog_dir = m->p->rawlog_dir,
			.is_rawlog_whole = m->p->is_rawlog_whole,
			.inbox = m->inbox,
			.verbs = &m->verbs,
		},
		.tokens = m->p->tokens,
		.workspace = m->workspace,
		.pass = &m->pass,
		.later_than = later_than,
		.whole_ms = m->p->entry_ms,
		.notes = &m->notes,
		.kept_ms = &m->kept_ms,
		.owner = m,
		.on_step = on_entry,
	};

	m->entry = entry_open(&ep);
	if (entry_state_of(m->entry) == ENTRY_FAILED)
		m->wake_ms = clock_mono_ms(); /* what follows, follows from the loop */
}

static void on_entry(void *owner)
{
	mailbox_pump(owner);
}

static void let_in(struct mailbox *m)
{
	if (m->lease.epoch) {
		mailbox_life_settle(m, NULL);
		mailbox_watch_begin(m);
		return;
	}
	mailbox_life_enter(m, MAILBOX_STANDBY);
	mailbox_life_settle(m, NULL);
	m->p->on_standby(m->owner);
}

void mailbox_life_step(struct mailbox *m)
{
	if (m->state == MAILBOX_LOADING)
		loaded(m);
	if (!m->entry || (m->state != MAILBOX_ENTERING && m->state != MAILBOX_STANDBY))
		return;
	if (entry_state_of(m->entry) == ENTRY_FAILED)
		mailbox_life_suffer(m, entry_plight(m->entry), entry_outcome(m->entry));
	else if (entry_state_of(m->entry) == ENTRY_READY && m->state == MAILBOX_ENTERING)
		let_in(m);
}
