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
	enum { CONN, IMAP, FRESH, PASSWORD, TOKEN } from;
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
	  "user_action",
	  60000 },
	{ "imap switched off",
	  IMAP,
	  { BLAME_AUTH, "imap switched off", "" },
	  IMAP_REMEDY_USER,
	  0,
	  "",
	  PLIGHT_HOLD,
	  "held",
	  "user_action",
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
	  "provider_limit",
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
		else if (plights[i].from == TOKEN)
			p = plight_of_token(&plights[i].o, plights[i].reason_given);
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
	{ "a ticket system", CLASSIFY_AUTO_OTHER, "", 0, "reply.auto", "", 0, "" },
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plights_of_all_kinds),
		cmocka_unit_test(steps_of_all_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
