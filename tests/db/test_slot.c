#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* The life of a slot, call by call, as who makes the call.  A day is open for inbox A (cap 3, two
 * of them first mails) and B (cap 3). */

enum who { API, INGEST, ROTATION, ADMIN };

#define RESERVE_AS(key, slot, person, sequence, kind, inboxes, company)                            \
	API, "select word || ' ' || why || coalesce(' ' || inbox_id::text, '') from "              \
	     "slot_reserve('" key "', 'print " person " " sequence " " kind "', md5('" slot        \
	     "')::uuid, '" person "', '" person "@example.org', " company ", '" sequence           \
	     "', '1', '" kind "', md5('pool')::uuid, array[" inboxes                               \
	     "]::uuid[], now() - interval '1 minute', "                                            \
	     "now() + interval '1 hour', interval '10 minutes', interval '2 minutes', 0.5, false)"
#define RESERVE(slot, person) RESERVE_AS(slot, slot, person, "q", "first", "'" SEED_A "'", "null")
#define GIVEN_A               "given  " SEED_A
#define GIVEN_B               "given  " SEED_B
#define BEGIN(slot, fence)                                                                         \
	API, "select word || ' ' || coalesce(why, '') from slot_begin(md5('" slot                  \
	     "')::uuid, " #fence ", null, null)"
#define SETTLE(slot, fence, as)                                                                    \
	API, "select word || ' ' || fresh from slot_settle(md5('" slot "')::uuid, " #fence         \
	     ", '" as "', '', 'told')"
#define SWEEP(what) ROTATION, "select slot_sweep(interval '2 minutes')", what
#define STOP(person, level)                                                                        \
	INGEST, "insert into gate (workspace_id, prospect_key, level, reason) values ('" SEED_WS   \
		"', '" person "', " #level                                                         \
		", 'replied') on conflict (workspace_id, prospect_key) do update "                 \
		"set level = " #level ", reason = 'replied' returning level"
#define USED(inbox)                                                                                \
	ADMIN, "select used || ' ' || used_new || ' ' || roll_sum(roll) from send_quota where "    \
	       "inbox_id = '" inbox "'"
#define STATE(slot)                                                                                \
	ADMIN, "select state || ' ' || reason || ' ' || raced || ' ' || (refunded_at is not "      \
	       "null) from slot where slot_id = md5('" slot "')::uuid"
/* The gap of an inbox, and the time of a promise, go by. */
#define LATER                                                                                      \
	ADMIN,                                                                                     \
		"with q as (update send_quota set next_allowed_at = '-infinity'), p as (update "   \
		"prospect_send set last_sent_at = '-infinity')"                                    \
		", s as (update slot set send_at = now() - interval '1 second' where state = "     \
		"'held') select 'later'",                                                          \
		"later"
#define TOO_LATE(slot)                                                                             \
	ADMIN,                                                                                     \
		"update slot set expires_at = now(), begun_at = begun_at - interval '3 minutes' "  \
		"where slot_id = md5('" slot "')::uuid returning 'late'",                          \
		"late"

#define BEGIN_AS(slot, item)                                                                       \
	API, "select word || ' ' || coalesce(why, '') from slot_begin(md5('" slot                  \
	     "')::uuid, 1, null, " item ")"
#define BEGIN_FRESH(slot)                                                                          \
	API, "select word || ' ' || coalesce(why, '') from slot_begin(md5('" slot                  \
	     "')::uuid, 1, interval '1 minute', null)"
#define ITEM(slot)                                                                                 \
	"jsonb_build_object('outbound_id', md5('" slot "')::uuid, 'inbox_id', '" SEED_A            \
	"', 'sequence', 'q', 'step', '1', 'prospect_key', 'anna', 'prospect_address', "            \
	"'anna@example.org', 'message_id', '" slot "@x', 'sent_at', now(), 'digest', "             \
	"encode(sha256('" slot                                                                     \
	"'), 'hex'), 'fingerprint', '00', 'names', '[]'::jsonb, 'met', '[]'::jsonb)"
#define SENT(slot, item)                                                                           \
	API, "select word || ' ' || fresh || ' ' || result from slot_sent(md5('" slot              \
	     "')::uuid, 1, '" slot "@x', " item ", 'told')"
#define FIND(slot) ROTATION, "select slot_find(md5('" slot "')::uuid, interval '30 minutes')"
#define UNFIT      ROTATION, "select slot_revoke_unfit(interval '1 minute', 10)"
#define SWEEP_NOW  ROTATION, "select slot_sweep(interval '0')"
#define REBIND(slot, from)                                                                         \
	API, "select word || ' ' || why || coalesce(' ' || inbox_id::text, '') from "              \
	     "slot_reserve('" slot "', 'print', md5('" slot                                        \
	     "')::uuid, 'anna', 'anna@example.org', null, 'q', '1', 'follow_up', "                 \
	     "md5('pool')::uuid, array['" SEED_B                                                   \
	     "']::uuid[], now(), now() + interval '1 hour', interval '10 minutes', interval '2 "   \
	     "minutes', 0.5, false, '" from "')"
#define INBOX(as) ADMIN, "update inbox_state set state = '" as "', since = now() returning 'x'", "x"

struct step {
	enum who who;
	const char *sql, *says;
};

static const struct {
	const char *name;
	struct step steps[16];
} rows[] = {
	{ "a mail, from the promise to the end",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { USED(SEED_A), "1 1 1" },
	    { LATER },
	    { BEGIN("a", 1), "begun " },
	    { SETTLE("a", 1, "sent"), "sent true" },
	    { STATE("a"), "sent told false false" },
	    { USED(SEED_A), "1 1 1" } } },
	{ "every call twice is every call once",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { RESERVE("a", "anna"), "replayed  " SEED_A },
	    { LATER },
	    { BEGIN("a", 1), "begun " },
	    { BEGIN("a", 1), "begun " },
	    { SETTLE("a", 1, "sent"), "sent true" },
	    { SETTLE("a", 1, "sent"), "sent false" },
	    { BEGIN("a", 1), "settled sent" },
	    { RESERVE("a", "anna"), "replayed told " SEED_A },
	    { USED(SEED_A), "1 1 1" } } },
	{ "a key asks one question",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { RESERVE_AS("a", "b", "bert", "q", "first", "'" SEED_A "'", "null"),
	      "key_reused " } } },
	{ "one promise at a time per person",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { RESERVE_AS("b", "b", "anna", "other", "first", "'" SEED_B "'", "null"),
	      "hold in_flight" } } },
	{ "between two mails to a person lies the gap",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { SETTLE("a", 1, "sent"), "sent true" },
	    { RESERVE_AS("b", "b", "anna", "other", "first", "'" SEED_B "'", "null"),
	      "hold contact_gap" },
	    { RESERVE_AS("m", "m", "anna", "other", "manual", "'" SEED_B "'", "null"),
	      GIVEN_B } } },
	{ "a stop takes a promise back, and what it cost",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { STOP("anna", 3), "3" },
	    { STATE("a"), "cancelled replied false false" },
	    { BEGIN("a", 1), "stopped replied" },
	    { RESERVE("b", "anna"), "stopped replied" },
	    { SWEEP("refunded") },
	    { SWEEP("") },
	    { USED(SEED_A), "0 0 0" } } },
	{ "so does one that is provisional",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { STOP("anna", 2), "2" },
	    { STATE("a"), "cancelled replied false false" },
	    { RESERVE("b", "anna"), "hold provisional" } } },
	{ "an absence holds",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { ADMIN,
	      "update gate set level = 1, hold_until = now() + interval '1 day' returning level",
	      "1" },
	    { STATE("a"), "held  false false" },
	    { LATER },
	    { BEGIN("a", 1), "hold out_of_office" },
	    { ADMIN, "update gate set hold_until = now() - interval '1 day' returning level", "1" },
	    { BEGIN("a", 1), "begun " } } },
	{ "what is on its way cannot be stopped, and is told",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { BEGIN("a", 1), "begun " },
	    { STOP("anna", 3), "3" },
	    { STATE("a"), "sending  true false" },
	    { SETTLE("a", 1, "sent"), "sent true" },
	    { STATE("a"), "sent told true false" } } },
	{ "nobody came for it",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { TOO_LATE("a") },
	    { LATER },
	    { BEGIN("a", 1), "over expired" },
	    { SWEEP("refunded") },
	    { USED(SEED_A), "0 0 0" },
	    { RESERVE("b", "anna"), GIVEN_A } } },
	{ "the sweeper sees it first",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { TOO_LATE("a") },
	    { SWEEP("expired") },
	    { SWEEP("") },
	    { USED(SEED_A), "0 0 0" },
	    { BEGIN("a", 1), "over expired" } } },
	{ "another one may ask before the sweeper came",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { TOO_LATE("a") },
	    { LATER },
	    { RESERVE("b", "anna"), GIVEN_A },
	    { USED(SEED_A), "2 2 2" },
	    { SWEEP("refunded") },
	    { USED(SEED_A), "1 1 1" },
	    { STATE("b"), "held  false false" },
	    { LATER },
	    { BEGIN("b", 1), "begun " } } },
	{ "an answer that never came is never given back",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { BEGIN("a", 1), "begun " },
	    { TOO_LATE("a") },
	    { SWEEP("unknown") },
	    { SWEEP("") },
	    { USED(SEED_A), "1 1 1" },
	    { RESERVE_AS("b", "b", "anna", "other", "first", "'" SEED_B "'", "null"),
	      "hold in_flight" },
	    { SETTLE("a", 1, "sent"), "sent true" },
	    { USED(SEED_A), "1 1 1" } } },
	{ "what was certainly not sent is given back once",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { BEGIN("a", 1), "begun " },
	    { SETTLE("a", 1, "failed"), "failed true" },
	    { SETTLE("a", 1, "failed"), "failed false" },
	    { USED(SEED_A), "0 0 0" },
	    { SWEEP("") },
	    { SETTLE("a", 1, "sent"), "sent true" }, /* it was, after all */
	    { STATE("a"), "sent late false false" },
	    { USED(SEED_A), "1 1 1" } } },
	{ "a promise that is not wanted",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { SETTLE("a", 1, "released"), "released true" },
	    { BEGIN("a", 1), "over released" },
	    { USED(SEED_A), "0 0 0" } } },
	{ "who has been overtaken does nothing more",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { BEGIN("a", 2), "begun " },
	    { BEGIN("a", 1), "fenced " },
	    { SETTLE("a", 1, "sent"), "fenced false" },
	    { BEGIN("a", 3), "fenced " }, /* the second may have sent it */
	    { SETTLE("a", 2, "sent"), "sent true" } } },
	{ "not before its time",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { ADMIN, "update slot set send_at = now() + interval '1 minute' returning 'x'", "x" },
	    { BEGIN("a", 1), "early " } } },
	{ "the gap of the inbox",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { RESERVE("b", "bert"), "none {\"gap\": 1}" },
	    { LATER },
	    { RESERVE("b", "bert"), GIVEN_A } } },
	{ "a gap that ends in time is waited for",
	  { { ADMIN,
	      "update send_quota set next_allowed_at = now() + interval '5 minutes' returning 'x'",
	      "x" },
	    { RESERVE("a", "anna"), GIVEN_A },
	    { BEGIN("a", 1), "early " } } },
	{ "the share of first mails, and the cap",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { RESERVE("b", "bert"), GIVEN_A },
	    { LATER },
	    { RESERVE("c", "carl"), "none {\"new_share\": 1}" },
	    { RESERVE_AS("d", "d", "dora", "q", "follow_up", "'" SEED_A "'", "null"), GIVEN_A },
	    { LATER },
	    { RESERVE_AS("e", "e", "emil", "q", "follow_up", "'" SEED_A "'", "null"),
	      "none {\"cap\": 1}" },
	    { RESERVE_AS("e", "e", "emil", "q", "first", "'" SEED_A "', '" SEED_B "'", "null"),
	      GIVEN_B } } },
	{ "a conversation stays in its inbox",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { SETTLE("a", 1, "sent"), "sent true" },
	    { LATER },
	    { RESERVE_AS("b", "b", "anna", "q", "follow_up", "'" SEED_B "'", "null"),
	      "none bound_elsewhere " SEED_A },
	    { RESERVE_AS("c", "c", "anna", "q", "follow_up", "'" SEED_B "', '" SEED_A "'", "null"),
	      GIVEN_A } } },
	{ "the provider's ceiling counts what others sent",
	  { { ADMIN,
	      "update send_quota set ceiling_24h = 6, external[3] = 5, hour = hour_of(now()) "
	      "returning 'x'",
	      "x" },
	    { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { RESERVE("b", "bert"), "none {\"rolling_24h\": 1}" } } },
	{ "a sending domain's ceiling",
	  { { ADMIN,
	      "insert into send_group (workspace_id, kind, name, ceiling_24h) select workspace_id, "
	      "'domain', split_part(address, '@', 2), 1 from inbox where inbox_id = '" SEED_A
	      "' returning 'x'",
	      "x" },
	    { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { RESERVE("b", "bert"), "none {\"sending_domain\": 1}" },
	    { SETTLE("a", 1, "released"), "released true" },
	    { RESERVE("b", "bert"), GIVEN_A } } },
	{ "outside of the window",
	  { { ADMIN, "update send_quota set opens_at = now() + interval '1 hour' returning 'x'",
	      "x" },
	    { RESERVE("a", "anna"), "none {\"window\": 1}" },
	    { ADMIN,
	      "update send_quota set opens_at = now() - interval '2 hours', closes_at = now() - "
	      "interval '1 hour' returning 'x'",
	      "x" },
	    { RESERVE("a", "anna"), "none {\"window\": 1}" } } },
	{ "a day that is over gives nothing",
	  { { ADMIN,
	      "update send_quota set day_starts_at = now() - interval '1 day', day_ends_at = now() "
	      "returning 'x'",
	      "x" },
	    { RESERVE("a", "anna"), "none {\"day\": 1}" } } },
	{ "what is given back on another day is no room today",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { ADMIN,
	      "update send_quota set day_ends_at = day_ends_at + interval '1 day', used = 0, "
	      "used_new = 0 returning 'x'",
	      "x" },
	    { SETTLE("a", 1, "released"), "released true" },
	    { USED(SEED_A), "0 0 0" } } },
	{ "a company's day",
	  { { ADMIN, "update pool set company_cap_day = 1 returning 'x'", "x" },
	    { RESERVE_AS("a", "a", "anna", "q", "first", "'" SEED_A "'", "'acme.example'"),
	      GIVEN_A },
	    { LATER },
	    { RESERVE_AS("b", "b", "bert", "q", "first", "'" SEED_A "'", "'acme.example'"),
	      "hold company_cap" },
	    { RESERVE_AS("c", "c", "carl", "q", "first", "'" SEED_A "'", "'other.example'"),
	      GIVEN_A } } },
	{ "a company's gate",
	  { { RESERVE_AS("a", "a", "anna", "q", "first", "'" SEED_A "'", "'acme.example'"),
	      GIVEN_A },
	    { LATER },
	    { ADMIN,
	      "insert into company_gate (workspace_id, domain, level) values ('" SEED_WS
	      "', 'acme.example', 3) returning 'x'",
	      "x" },
	    { BEGIN("a", 1), "stopped company" },
	    { RESERVE_AS("b", "b", "bert", "q", "first", "'" SEED_B "'", "'acme.example'"),
	      "stopped company" },
	    { SWEEP("refunded") },
	    { USED(SEED_A), "0 0 0" } } },
	{ "a cap that falls takes promises back, newest first",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { RESERVE("b", "bert"), GIVEN_A },
	    { API, "select slot_revoke('" SEED_A "', 1, 'cap')", "1" },
	    { API, "select slot_revoke('" SEED_A "', 1, 'cap')", "0" },
	    { STATE("b"), "revoked cap false false" },
	    { STATE("a"), "held  false false" },
	    { BEGIN("b", 1), "over revoked" },
	    { SWEEP("refunded") },
	    { USED(SEED_A), "1 1 1" } } },
	{ "a promise whose inbox may not send",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { INBOX("backing_off") },
	    { BEGIN("a", 1), "hold inbox_behind" },
	    { INBOX("live") },
	    { ADMIN,
	      "insert into send_standing (workspace_id, inbox_id, band) values ('" SEED_WS
	      "', '" SEED_A "', 'quarantined') returning 'x'",
	      "x" },
	    { BEGIN("a", 1), "over health" },
	    { STATE("a"), "revoked health false false" },
	    { RESERVE("b", "bert"), "none {\"health\": 1}" } } },
	{ "while an inbox catches up only strangers are written to",
	  { { INBOX("catching_up") },
	    { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { RESERVE_AS("b", "b", "bert", "q", "follow_up", "'" SEED_A "'", "null"),
	      "none {\"inbox_behind\": 1}" },
	    { BEGIN("a", 1), "begun " } } },
	{ "an inbox that is live by name only proves nothing",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { BEGIN_FRESH("a"), "hold inbox_behind" },
	    { ADMIN, "update folder set gated_through = now() - interval '2 minutes' returning 'x'",
	      "x" },
	    { BEGIN_FRESH("a"), "hold inbox_behind" },
	    { ADMIN, "update folder set gated_through = now() returning 'x'", "x" },
	    { BEGIN_FRESH("a"), "begun " } } },
	{ "blind inboxes lose their promises, in their time",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { INBOX("backing_off") },
	    { UNFIT, "0" },
	    { ADMIN, "update inbox_state set since = now() - interval '2 minutes' returning 'x'",
	      "x" },
	    { UNFIT, "1" },
	    { UNFIT, "0" },
	    { STATE("a"), "revoked away false false" },
	    { SWEEP("refunded") },
	    { USED(SEED_A), "0 0 0" } } },
	{ "a cap that fell keeps the oldest promises, and counts what is owed",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { RESERVE("b", "bert"), GIVEN_A },
	    { UNFIT, "0" },
	    { ADMIN, "update send_quota set cap = 1 returning 'x'", "x" },
	    { UNFIT, "1" },
	    { UNFIT, "0" },
	    { STATE("b"), "revoked cap false false" },
	    { STATE("a"), "held  false false" },
	    { SWEEP("refunded") },
	    { UNFIT, "0" },
	    { USED(SEED_A), "1 1 1" } } },
	{ "a thread whose inbox is gone goes on elsewhere, and it is told",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { SETTLE("a", 1, "sent"), "sent true" },
	    { LATER },
	    { REBIND("b", SEED_A), "given  " SEED_B },
	    { ADMIN,
	      "select inbox_id || ' ' || rebinds || ' ' || last_message_id from conversation",
	      SEED_B " 1 " },
	    { ADMIN,
	      "select (data -> 'was' ->> 'address') || ' ' || (data -> 'inbox' ->> 'address') || "
	      "' ' || (data -> 'prospect' ->> 'seq') from event where type = "
	      "'conversation.rebound'",
	      "a@example.test b@example.test 1" },
	    { SETTLE("b", 1, "released"), "released true" },
	    { LATER },
	    { REBIND("c", SEED_A), GIVEN_B }, /* no longer bound there */
	    { ADMIN, "select count(*) from event where type = 'conversation.rebound'", "1" } } },
	{ "a mail that is out is registered",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { BEGIN("a", 1), "begun " },
	    { SENT("a", ITEM("a")), "sent true created" },
	    { SENT("a", ITEM("a")), "sent false repeated" },
	    { ADMIN,
	      "select count(*) || ' ' || min(message_id) || ' ' || min(prospect_key) from outbound",
	      "1 a@x anna" },
	    { ADMIN, "select last_message_id from conversation", "a@x" } } },
	{ "a silent sender's mail is found in Sent",
	  { { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { BEGIN_AS("a", ITEM("a")), "begun " },
	    { TOO_LATE("a") },
	    { SWEEP("unknown") },
	    { FIND("a"), "" },
	    { ADMIN,
	      "insert into trace (workspace_id, digest, inbox_id, folder_id, uidvalidity, uid, "
	      "names) values ('" SEED_WS "', sha256('a'), '" SEED_A "', '" SEED_FOLDER_A
	      "', 7, 1, 'own') returning 'x'",
	      "x" },
	    { FIND("a"), "sent" },
	    { FIND("a"), "" },
	    { STATE("a"), "sent sent_copy false false" },
	    { ADMIN, "select sent_copy_at is not null from outbound", "t" },
	    { USED(SEED_A), "1 1 1" } } },
	{ "without a copy it failed only where copies are kept",
	  { { RESERVE("z", "zoe"), GIVEN_A },
	    { SENT("z", ITEM("z")), "sent true created" },
	    { LATER },
	    { RESERVE("a", "anna"), GIVEN_A },
	    { LATER },
	    { BEGIN_AS("a", ITEM("a")), "begun " },
	    { SWEEP_NOW, "unknown" },
	    { ADMIN,
	      "with f as (update folder set role = 'sent' where inbox_id = '" SEED_A
	      "'), g as (insert into folder (workspace_id, inbox_id, folder_id, name, wire_name, "
	      "role, uidvalidity, uid_gated, uid_ingested, gated_through) values ('" SEED_WS
	      "', '" SEED_A "', md5('in')::uuid, 'in', 'in', 'inbox', 7, 0, 0, now() + interval "
	      "'1 day') on conflict do nothing), s as (update slot set settled_at = now() - "
	      "interval "
	      "'1 hour' where state = 'sent') update slot set begun_at = now() - interval '31 "
	      "minutes' where state = 'unknown' returning 'x'",
	      "x" },
	    { FIND("a"), "" },
	    { ADMIN, "update outbound set sent_copy_at = now() returning 'x'", "x" },
	    { FIND("a"), "failed" },
	    { STATE("a"), "failed no_copy false true" },
	    { USED(SEED_A), "1 1 1" } } },
	{ "nobody knows that slot",
	  { { BEGIN("z", 1), "unknown_slot " },
	    { SETTLE("z", 1, "sent"), "unknown_slot false" } } },
};

static void scene(struct session *admin)
{
	pgtest_exec(admin, "truncate slot, slot_key, prospect_send, conversation, company_gate, "
			   "gate, send_group, send_quota, send_standing, pool, pool_member, "
			   "outbound, outbound_key, prospect_inbox, trace, event, event_key");
	pgtest_exec(admin, "update inbox_state set state = 'live', since = now(); update folder "
			   "set role = 'inbox', gated_through = null");
	pgtest_exec(admin,
		    "insert into pool (workspace_id, pool_id, name) values ('%s', "
		    "md5('pool')::uuid, 'p')",
		    SEED_WS);
	pgtest_exec(admin,
		    "insert into send_quota (workspace_id, inbox_id, day_starts_at, day_ends_at, "
		    "opens_at, closes_at, cap, cap_new, gap, ceiling_24h)"
		    " select workspace_id, inbox_id, now() - interval '5 hours', now() + interval "
		    "'12 hours', now() - interval '1 hour',"
		    " now() + interval '8 hours', 3, 2, interval '15 minutes', 500 from inbox "
		    "where workspace_id = '%s'",
		    SEED_WS);
}

static void slots_live_as_told(void **unused)
{
	static const char *const roles[] = { "replyd_api", "replyd_ingest", "replyd_rotation",
					     PGTEST_ADMIN };
	const char *db = seed_database("slots");
	struct session *by[countof(roles)];

	(void)unused;
	for (size_t r = 0; r < countof(roles); r++)
		by[r] = seed_session(db, roles[r]);
	for (size_t i = 0; i < countof(rows); i++) {
		scene(by[ADMIN]);
		for (size_t k = 0; k < countof(rows[i].steps) && rows[i].steps[k].sql; k++) {
			const struct step *s = &rows[i].steps[k];
			const char *said = pgtest_value(by[s->who], "%s", s->sql);

			if (strcmp(said, s->says) != 0)
				fail_msg("%s: step %zu: \"%s\", not \"%s\"", rows[i].name, k, said,
					 s->says);
		}
	}
	for (size_t r = 0; r < countof(roles); r++)
		session_close(by[r]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(slots_live_as_told) };

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
