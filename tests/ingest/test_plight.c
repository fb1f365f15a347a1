#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/ladder.h"
#include "ingest/plight.h"

/* ---- what a failure means ---- */

static const struct {
	const char *name;
	enum { CONN, IMAP, FRESH, PASSWORD, TOKEN, NO_PASSWORD } from;
	struct outcome o;
	enum imap_remedy remedy;
	uint64_t backoff_ms;
	const char *reason_given;
	/* then */
	enum plight_kind kind;
	const char *state, *reason;
	uint64_t at_least_ms;
} plights[] = {
	{ "the name is not known",
	  CONN,
	  { BLAME_NET, "name lookup", "" },
	  0,
	  0,
	  "",
	  PLIGHT_RETRY,
	  "backing_off",
	  "name_lookup",
	  0 },
	{ "nobody listens",
	  CONN,
	  { BLAME_NET, "tcp connect", "" },
	  0,
	  0,
	  "",
	  PLIGHT_RETRY,
	  "backing_off",
	  "network",
	  0 },
	{ "certificate of another host",
	  CONN,
	  { BLAME_PEER, "tls certificate", "" },
	  0,
	  0,
	  "",
	  PLIGHT_RETRY,
	  "backing_off",
	  "certificate",
	  60000 },
	{ "no TLS there",
	  CONN,
	  { BLAME_PEER, "tls handshake", "" },
	  0,
	  0,
	  "",
	  PLIGHT_RETRY,
	  "backing_off",
	  "tls",
	  10000 },
	{ "an internal address",
	  CONN,
	  { BLAME_REFUSED, "address not allowed", "" },
	  0,
	  0,
	  "",
	  PLIGHT_RETRY,
	  "backing_off",
	  "host_refused",
	  60000 },
	{ "no descriptors",
	  CONN,
	  { BLAME_US, "tcp connect", "" },
	  0,
	  0,
	  "",
	  PLIGHT_RETRY,
	  "backing_off",
	  "our_resources",
	  0 },
	{ "login refused: a fresh token first",
	  IMAP,
	  { BLAME_AUTH, "login refused", "" },
	  IMAP_REMEDY_FRESH_TOKEN,
	  0,
	  "",
	  PLIGHT_FRESH,
	  NULL,
	  "token_refused",
	  0 },
	{ "refused again: the user",
	  FRESH,
	  { BLAME_AUTH, "login refused", "" },
	  IMAP_REMEDY_FRESH_TOKEN,
	  0,
	  "",
	  PLIGHT_HOLD,
	  "reauth_required",
	  "token_refused",
	  60000 },
	{ "a password refused twice",
	  PASSWORD,
	  { BLAME_AUTH, "login refused", "" },
	  IMAP_REMEDY_FRESH_TOKEN,
	  0,
	  "",
	  PLIGHT_HOLD,
	  "reauth_required",
	  "password_refused",
	  60000 },
	{ "a password refused, as the session says it",
	  PASSWORD,
	  { BLAME_AUTH, "login refused", "" },
	  IMAP_REMEDY_USER,
	  0,
	  "",
	  PLIGHT_HOLD,
	  "reauth_required",
	  "password_refused",
	  60000 },
	{ "a password login where imap is off",
	  PASSWORD,
	  { BLAME_AUTH, "imap switched off", "" },
	  IMAP_REMEDY_USER,
	  0,
	  "",
	  PLIGHT_HOLD,
	  "held",
	  "imap_off",
	  60000 },
	{ "imap switched off",
	  IMAP,
	  { BLAME_AUTH, "imap switched off", "" },
	  IMAP_REMEDY_USER,
	  0,
	  "",
	  PLIGHT_HOLD,
	  "held",
	  "imap_off",
	  60000 },
	{ "switched off for the domain",
	  IMAP,
	  { BLAME_AUTH, "x", "" },
	  IMAP_REMEDY_ADMIN,
	  0,
	  "",
	  PLIGHT_HOLD,
	  "held",
	  "admin_action",
	  60000 },
	{ "throttled: not before they say",
	  IMAP,
	  { BLAME_REFUSED, "throttled", "" },
	  IMAP_REMEDY_WAIT,
	  92415,
	  "",
	  PLIGHT_RETRY,
	  "backing_off",
	  "throttled",
	  92415 },
	{ "our mistake",
	  IMAP,
	  { BLAME_US, "x", "" },
	  IMAP_REMEDY_OURS,
	  0,
	  "",
	  PLIGHT_RETRY,
	  "backing_off",
	  "our_mistake",
	  60000 },
	{ "the session ended",
	  IMAP,
	  { BLAME_NET, "x", "" },
	  IMAP_REMEDY_RETRY,
	  0,
	  "",
	  PLIGHT_RETRY,
	  "backing_off",
	  "network",
	  0 },
	{ "no IMAP is spoken",
	  IMAP,
	  { BLAME_PEER, "x", "" },
	  IMAP_REMEDY_RETRY,
	  0,
	  "",
	  PLIGHT_RETRY,
	  "backing_off",
	  "server",
	  10000 },
	{ "the grant is gone",
	  TOKEN,
	  { BLAME_AUTH, "x", "" },
	  0,
	  0,
	  "invalid_grant",
	  PLIGHT_HOLD,
	  "reauth_required",
	  "invalid_grant",
	  60000 },
	{ "refreshing does not help",
	  TOKEN,
	  { BLAME_REFUSED, "x", "" },
	  0,
	  0,
	  "",
	  PLIGHT_HOLD,
	  "reauth_required",
	  "token_refused",
	  60000 },
	{ "another password is not to be had",
	  NO_PASSWORD,
	  { BLAME_REFUSED, "x", "" },
	  0,
	  0,
	  "",
	  PLIGHT_HOLD,
	  "reauth_required",
	  "password_refused",
	  60000 },
	{ "no broker",
	  TOKEN,
	  { BLAME_NET, "x", "" },
	  0,
	  0,
	  "",
	  PLIGHT_RETRY,
	  "backing_off",
	  "token_unavailable",
	  0 },
	{ "a token that does not open is not the user's fault",
	  TOKEN,
	  { BLAME_US, "x", "" },
	  0,
	  0,
	  "",
	  PLIGHT_HOLD,
	  "held",
	  "our_mistake",
	  1000 },
};

static void plights_of_all_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(plights); i++) {
		const struct imap_verdict v = { plights[i].o, plights[i].remedy,
						plights[i].backoff_ms };
		struct plight p;

		if (plights[i].from == CONN)
			p = plight_of_conn(&plights[i].o);
		else if (plights[i].from == TOKEN || plights[i].from == NO_PASSWORD)
			p = plight_of_token(&plights[i].o, plights[i].from == NO_PASSWORD,
					    plights[i].reason_given);
		else
			p = plight_of_imap(&v, plights[i].from != IMAP,
					   plights[i].from == PASSWORD);
		if (p.kind != plights[i].kind || strcmp(p.reason, plights[i].reason) != 0 ||
		    p.wait_ms < plights[i].at_least_ms ||
		    (plights[i].state && strcmp(p.state, plights[i].state) != 0))
			fail_msg("%s: %d %s %s %llu", plights[i].name, (int)p.kind, p.state,
				 p.reason, (unsigned long long)p.wait_ms);
	}
}

/* What providers say (as seen), from their words to what we do. */
static const struct {
	enum imap_phase phase;
	enum imap_condition condition;
	const char *code, *said;
	bool was_fresh;
	/* then */
	enum plight_kind kind;
	const char *reason;
	uint64_t wait_ms;
	bool is_providers;
} sayings[] = {
#define LOGIN_NO    IMAP_PHASE_LOGIN, IMAP_CONDITION_NO
#define COMMAND_NO  IMAP_PHASE_COMMAND, IMAP_CONDITION_NO
#define COMMAND_BAD IMAP_PHASE_COMMAND, IMAP_CONDITION_BAD
#define IDLE_BYE    IMAP_PHASE_IDLE, IMAP_CONDITION_BYE
	/* Gmail */
	{ LOGIN_NO, "AUTHENTICATIONFAILED", "Invalid credentials (Failure)", false, PLIGHT_FRESH,
	  "token_refused", 0, false },
	{ LOGIN_NO, "AUTHENTICATIONFAILED", "Invalid credentials (Failure)", true, PLIGHT_HOLD,
	  "token_refused", 1800000, false },
	{ LOGIN_NO, "WEBALERT", "Web login required.", false, PLIGHT_HOLD, "less_secure_blocked",
	  900000, false },
	{ LOGIN_NO, "ALERT", "Please log in via your web browser: https://x", false, PLIGHT_HOLD,
	  "less_secure_blocked", 900000, false },
	{ LOGIN_NO, "ALERT", "Application-specific password required: https://x", false,
	  PLIGHT_HOLD, "second_factor", 900000, false },
	{ LOGIN_NO, "ALERT", "Too many simultaneous connections. (Failure)", false, PLIGHT_RETRY,
	  "too_many_connections", 120000, false },
	{ IDLE_BYE, "OVERQUOTA", "Account exceeded command or bandwidth limits.", false,
	  PLIGHT_RETRY, "bandwidth_limit", 14400000, false },
	{ IDLE_BYE, "", "Session expired, please login again.", false, PLIGHT_RETRY,
	  "session_ended", 0, true },
	{ LOGIN_NO, "", "Lookup failed", false, PLIGHT_HOLD, "imap_off_for_domain", 1800000,
	  false },
	{ LOGIN_NO, "", "IMAP access is disabled for your domain.", false, PLIGHT_HOLD,
	  "imap_off_for_domain", 1800000, false },
	{ LOGIN_NO, "ALERT", "You need to use a Web browser or allow less secure apps", false,
	  PLIGHT_HOLD, "less_secure_blocked", 900000, false },
	/* Mail.ru, with and without its letter; QQ, both ways; Yandex of a token */
	{ LOGIN_NO, "AUTHENTICATIONFAILED",
	  "NEOBHODIM parol prilozheniya https://x / Aplication password is REQUIRED", false,
	  PLIGHT_HOLD, "second_factor", 900000, false },
	{ LOGIN_NO, "", "Application password is REQUIRED", false, PLIGHT_HOLD, "second_factor",
	  900000, false },
	{ LOGIN_NO, "",
	  "Login Fail. Please enter your authorization code to login. More: https://x", false,
	  PLIGHT_HOLD, "second_factor", 900000, false },
	{ LOGIN_NO, "", "Please using authorized code to login.", false, PLIGHT_HOLD,
	  "second_factor", 900000, false },
	{ LOGIN_NO, "AUTHENTICATIONFAILED",
	  "AUTHENTICATE Invalid credentials or IMAP is disabled sc=x", false, PLIGHT_FRESH,
	  "token_refused", 0, false },
	/* Exchange Online, of a password; and an organization's rule */
	{ LOGIN_NO, "", "Basic authentication is disabled.", false, PLIGHT_HOLD, "basic_auth_ended",
	  900000, false },
	{ LOGIN_NO, "", "BasicAuthBlocked", false, PLIGHT_HOLD, "basic_auth_ended", 900000, false },
	{ LOGIN_NO, "", "Access is blocked by Conditional Access policies", false, PLIGHT_HOLD,
	  "policy_blocked", 1800000, false },
	/* Exchange */
	{ LOGIN_NO, "", "AUTHENTICATE failed.", false, PLIGHT_FRESH, "token_refused", 0, false },
	{ IMAP_PHASE_LOGIN, IMAP_CONDITION_BAD, "", "Command Error. 10", false, PLIGHT_FRESH,
	  "token_refused", 0, false },
	{ COMMAND_BAD, "", "User is authenticated but not connected.", false, PLIGHT_RETRY,
	  "mailbox_not_connected", 600000, false },
	{ COMMAND_BAD, "", "Request is throttled. Suggested Backoff Time: 92415 milliseconds",
	  false, PLIGHT_RETRY, "throttled", 92415, false },
	{ COMMAND_NO, "", "Server Unavailable. 15", false, PLIGHT_RETRY, "server_unavailable",
	  60000, true },
	{ IDLE_BYE, "", "Session invalidated - AccessTokenExpired", false, PLIGHT_FRESH,
	  "token_refused", 0, false },
	{ COMMAND_BAD, "", "Command received in Invalid state.", false, PLIGHT_RETRY,
	  "session_ended", 0, true },
	/* Yahoo */
	{ LOGIN_NO, "AUTHENTICATIONFAILED",
	  "(#AUTH901) The provided OAuth2 access token is invalid", false, PLIGHT_FRESH,
	  "token_refused", 0, false },
	{ LOGIN_NO, "AUTHENTICATIONFAILED", "LOGIN Login Rate Limit Hit", true, PLIGHT_RETRY,
	  "login_rate_limit", 1800000, false },
	{ LOGIN_NO, "", "Too many bad auth attempts", false, PLIGHT_RETRY, "login_rate_limit",
	  1800000, false },
	{ COMMAND_NO, "UNAVAILABLE", "UID FETCH Server error while fetching messages", false,
	  PLIGHT_RETRY, "server_refused", 0, false },
	/* iCloud */
	{ COMMAND_NO, "UNAVAILABLE", "Unexpected exception", false, PLIGHT_RETRY, "server_refused",
	  0, false },
	{ LOGIN_NO, "UNAVAILABLE", "Temporary failure", false, PLIGHT_RETRY, "server_unavailable",
	  60000, true },
	/* Zoho */
	{ LOGIN_NO, "ALERT",
	  "You are yet to enable IMAP for your account. Please contact your "
	  "administrator.",
	  false, PLIGHT_HOLD, "imap_off", 900000, false },
	/* 163 */
	{ COMMAND_NO, "", "SELECT Unsafe Login. Please contact kefu@188.com for help", false,
	  PLIGHT_RETRY, "our_mistake", 300000, false },
	/* Dovecot */
	{ LOGIN_NO, "LIMIT",
	  "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
	  false, PLIGHT_RETRY, "too_many_connections", 120000, false },
	{ IDLE_BYE, "", "Server shutting down.", false, PLIGHT_RETRY, "session_ended", 0, true },
	/* RFC 5530 */
	{ LOGIN_NO, "CONTACTADMIN", "", false, PLIGHT_HOLD, "admin_action", 1800000, false },
	{ LOGIN_NO, "INUSE", "", false, PLIGHT_RETRY, "mailbox_in_use", 60000, false },
	{ LOGIN_NO, "PRIVACYREQUIRED", "", false, PLIGHT_RETRY, "our_mistake", 300000, false },
	{ IMAP_PHASE_GREETING, IMAP_CONDITION_BYE, "", "Too busy, come back later", false,
	  PLIGHT_RETRY, "server_unavailable", 60000, true },
};

static void sayings_of_providers(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(sayings); i++) {
		const struct imap_verdict v =
			imap_verdict_of(sayings[i].phase, sayings[i].condition,
					text_of(sayings[i].code), text_of(sayings[i].said));
		const struct plight p = plight_of_imap(&v, sayings[i].was_fresh, false);

		if (p.kind != sayings[i].kind || strcmp(p.reason, sayings[i].reason) != 0 ||
		    p.wait_ms != sayings[i].wait_ms || p.is_providers != sayings[i].is_providers)
			fail_msg("[%s] %s: %d %s %llu %d", sayings[i].code, sayings[i].said,
				 (int)p.kind, p.reason, (unsigned long long)p.wait_ms,
				 p.is_providers);
	}
}

static void what_lasts_is_somebody_s_to_mend(void **state)
{
	const struct plight missing = { PLIGHT_RETRY, "backing_off", "mailbox_not_connected", 1,
					false,        false },
			    away = { PLIGHT_RETRY, "backing_off", "network", 1, true, false };
	struct plight p;

	(void)state;
	p = plight_after(&missing, PLIGHT_PATIENCE_MS - 1);
	assert_int_equal(p.kind, PLIGHT_RETRY);
	p = plight_after(&missing, PLIGHT_PATIENCE_MS);
	assert_int_equal(p.kind, PLIGHT_HOLD);
	assert_string_equal(p.state, "held"); /* and the user's consent is not asked for */
	p = plight_after(&away, PLIGHT_PATIENCE_MS);
	assert_int_equal(p.kind, PLIGHT_RETRY);
	p = plight_in_doubt(60000);
	assert_int_equal(p.kind, PLIGHT_RETRY);
	assert_true(p.is_providers);
}

/* ---- what a kind means ---- */

#define DAY_US (INT64_C(86400) * 1000000)

static const struct {
	const char *name;
	enum classify_kind kind;
	const char *return_at;
	int received_days; /* before now, which is 2026-11-23T12:00:00Z */
	const char *event, *reason;
	int level;
	const char *hold_until; /* "": none */
} steps[] = {
	{ "a person", CLASSIFY_REPLY, "", 0, "reply.received", "replied", 3, "" },
	{ "matched, but looks like a list's mail: somebody answered", CLASSIFY_UNRELATED, "", 0,
	  "reply.received", "replied", 3, "" },
	{ "absent until a day", CLASSIFY_OUT_OF_OFFICE, "2026-12-01", 0, "reply.auto",
	  "out_of_office", 1, "2026-12-01T00:00:00.000000Z" },
	{ "absent, who knows until when", CLASSIFY_OUT_OF_OFFICE, "", 0, "reply.auto",
	  "out_of_office", 1, "2026-11-30T12:00:00.000000Z" },
	{ "was absent, and is back", CLASSIFY_OUT_OF_OFFICE, "2026-11-20", 0, "reply.auto", "", 0,
	  "" },
	{ "an old notice", CLASSIFY_OUT_OF_OFFICE, "", 9, "reply.auto", "", 0, "" },
	{ "a ticket system", CLASSIFY_TICKET, "", 0, "reply.auto", "", 0, "" },
	{ "another machine", CLASSIFY_AUTO_OTHER, "", 0, "reply.auto", "", 0, "" },
	{ "who does not come back", CLASSIFY_LEFT_COMPANY, "", 0, "reply.auto", "left_company", 3,
	  "" },
	{ "still trying", CLASSIFY_BOUNCE_DELAYED, "", 0, "bounce.delayed", "", 0, "" },
	{ "marked as spam", CLASSIFY_COMPLAINT, "", 0, "complaint.received", "complained", 6, "" },
	{ "an invitation is answered", CLASSIFY_CALENDAR_REPLY, "", 0, "reply.received", "replied",
	  3, "" },
	{ "it was shown to somebody", CLASSIFY_READ_RECEIPT, "", 0, "reply.auto", "", 0, "" },
	{ "no such user", CLASSIFY_BOUNCE_HARD, "", 0, "bounce.hard", "bounced_hard", 4, "" },
	{ "mailbox full", CLASSIFY_BOUNCE_SOFT, "", 0, "bounce.soft", "", 0, "" },
};

static void steps_of_all_kinds(void **state)
{
	int64_t now_us;

	(void)state;
	assert_int_equal(clock_from_rfc3339("2026-11-23T12:00:00Z", &now_us), 0);
	for (size_t i = 0; i < countof(steps); i++) {
		struct classify_verdict v = { .kind = steps[i].kind };
		struct ladder_step s;
		char hold[CLOCK_TEXT] = "";

		snprintf(v.return_at, sizeof(v.return_at), "%s", steps[i].return_at);
		ladder_of(&v, now_us - steps[i].received_days * DAY_US, now_us, &s);
		if (s.hold_until_us != INT64_MIN)
			clock_rfc3339(s.hold_until_us, hold);
		if (strcmp(s.event_type, steps[i].event) != 0 ||
		    strcmp(s.reason, steps[i].reason) != 0 || s.level != steps[i].level ||
		    strcmp(hold, steps[i].hold_until) != 0)
			fail_msg("%s: %s %s %d %s", steps[i].name, s.event_type, s.reason, s.level,
				 hold);
	}
}

/* A refused password, by what is known of the provider. */
static void a_refused_password_where_it_was_refused(void **state)
{
	static const struct {
		const char *reason;
		bool takes_passwords, takes_app_passwords;
		const char *then;
	} rows_[] = {
		{ "password_refused", true, false, "password_refused" },
		{ "password_refused", true, true, "second_factor" },
		{ "password_refused", false, false, "basic_auth_ended" },
		{ "imap_off", true, true, "imap_off" },
		{ "network", false, false, "network" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows_); i++) {
		const struct plight p = { PLIGHT_HOLD, "reauth_required", rows_[i].reason, 1, 0,
					  false };
		const struct plight at =
			plight_where(&p, rows_[i].takes_passwords, rows_[i].takes_app_passwords);

		assert_string_equal(at.reason, rows_[i].then);
		assert_string_equal(at.state, "reauth_required");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plights_of_all_kinds),
		cmocka_unit_test(a_refused_password_where_it_was_refused),
		cmocka_unit_test(sayings_of_providers),
		cmocka_unit_test(what_lasts_is_somebody_s_to_mend),
		cmocka_unit_test(steps_of_all_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
