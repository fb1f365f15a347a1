/* house: long, who may do what is one table, read as a whole */
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

/* Who sees what: workspaces from each other, processes from what is not theirs. */

static const char *const roles[] = { "replyd_ingest",   "replyd_broker", "replyd_dispatch",
				     "replyd_rotation", "replyd_api",    "replyd_admin" };

static void every_table_has_its_wall(void **state)
{
	struct session *s = pgtest_session(pgtest_database("walls"), PGTEST_ADMIN);

	(void)state;
	/* worker, outage, metric, migration and what brokers count name no workspace; keys neither,
	 * whose wall is the group. */
	assert_string_equal(
		"",
		pgtest_value(
			s,
			"select coalesce(string_agg(c.relname, ' '), '') from pg_class c"
			" where c.relnamespace = 'replyd'::regnamespace and c.relkind in ('r', 'p')"
			" and c.relname not in ('worker', 'outage', 'metric', 'migration', "
			"'broker_tally', 'broker_alarm')"
			" and not (c.relrowsecurity and c.relforcerowsecurity)"));
	assert_string_equal(
		"",
		pgtest_value(
			s,
			"select coalesce(string_agg(c.relname, ' '), '') from pg_class c"
			" where c.relnamespace = 'replyd'::regnamespace and c.relkind in ('r', 'p')"
			" and not c.relispartition and c.relname not in ('worker', 'outage', "
			"'metric', 'broker_tally', 'broker_alarm', "
			"'migration', 'master_key', 'key_holder', 'key_rotation')"
			" and not exists (select 1 from pg_policy p where p.polrelid = c.oid"
			"   and p.polname = 'workspace_wall' and p.polcmd = '*' and "
			"p.polpermissive)"));
	/* A partition by itself has no policy and no grant: it shows nothing to anybody. */
	assert_string_equal(
		"",
		pgtest_value(s, "select coalesce(string_agg(c.relname, ' '), '') from pg_class c"
				" where c.relnamespace = 'replyd'::regnamespace and "
				"c.relispartition and c.relkind = 'r'"
				" and (c.relacl is not null or exists (select 1 from pg_policy p "
				"where p.polrelid = c.oid))"));
	assert_string_equal(
		"",
		pgtest_value(s, "select coalesce(string_agg(c.relname, ' '), '') from pg_class c"
				" where c.relnamespace = 'replyd'::regnamespace and c.relowner <> "
				"'replyd_owner'::regrole"));
	session_close(s);
}

/* S, I, U, D on the whole table; small letters on some of its columns.  In the order of `roles`. */
static const struct {
	const char *table, *may[6];
} grants[] = {
	/*                    ingest  broker  dispatch rotation api   admin */
	{ "access_token", { "S", "SIUD", "", "", "", "s" } },
	{ "api_key", { "", "", "", "", "Su", "SIU" } },
	{ "audit", { "", "", "", "", "SIu", "SI" } },
	{ "attempt", { "", "", "SI", "", "S", "" } },
	{ "broker_alarm", { "", "SIUD", "", "", "S", "S" } },
	{ "broker_tally", { "", "SIUD", "", "", "S", "S" } },
	{ "company_gate", { "SIU", "", "", "", "SIU", "" } },
	{ "conversation", { "", "", "", "", "SIU", "" } },
	{ "connect_link", { "su", "SIU", "", "SuD", "sIu", "sIu" } },
	{ "correction", { "", "", "", "", "SI", "" } },
	{ "delivery", { "", "", "SIUD", "SuD", "S", "" } },
	{ "domain_grant", { "", "SU", "", "", "siu", "siu" } },
	{ "endpoint", { "", "", "SuD", "", "sIu", "s" } },
	{ "endpoint_lane", { "", "", "SUD", "Su", "SIu", "" } },
	{ "erased", { "S", "", "", "", "S", "" } },
	{ "event", { "I", "I", "SI", "I", "SI", "" } },
	{ "event_key", { "SI", "I", "SI", "SID", "SI", "" } },
	{ "event_queue", { "I", "I", "SID", "sI", "I", "" } },
	{ "feed", { "", "", "SI", "S", "S", "" } },
	{ "feed_ack", { "", "", "", "", "SIU", "" } },
	{ "feed_head", { "", "", "SIU", "Su", "S", "" } },
	{ "folder", { "SIU", "", "", "s", "S", "S" } },
	{ "gap", { "SIU", "", "", "SI", "S", "S" } },
	{ "gate", { "SIU", "", "", "", "Siu", "" } },
	{ "gate_pending", { "SID", "", "", "S", "S", "" } },
	{ "handout", { "", "SUD", "", "", "SIu", "" } },
	{ "inbox", { "S", "SIU", "", "S", "Su", "Su" } },
	{ "inbox_grant", { "", "SIUD", "", "", "s", "s" } },
	{ "inbox_proof", { "SIU", "", "", "S", "S", "S" } },
	{ "inbox_head", { "", "", "SIU", "", "", "" } },
	{ "inbox_smtp", { "", "SIUD", "", "", "S", "S" } },
	{ "inbox_state", { "SIU", "SIU", "", "Su", "S", "S" } },
	{ "key_holder", { "SIUD", "SIUD", "SIUD", "", "SIUD", "S" } },
	{ "kept_answer", { "", "", "", "SD", "SIUD", "" } },
	{ "key_rotation", { "SU", "SU", "SU", "", "SU", "SIU" } },
	{ "lease", { "SIU", "SIu", "", "s", "Su", "Su" } },
	{ "master_key", { "SIUD", "SIUD", "SIUD", "", "SIUD", "S" } },
	{ "loose_consent", { "", "SIUD", "", "", "", "s" } },
	{ "mail_attempt", { "SIUD", "", "", "SD", "", "" } },
	{ "mail_unread", { "SI", "", "", "", "Su", "Su" } },
	{ "manual_pending", { "SID", "", "", "", "SD", "" } },
	{ "message", { "SIU", "", "", "", "Su", "" } },
	{ "message_key", { "SI", "", "", "SD", "S", "" } },
	{ "metric", { "", "", "", "SIUD", "S", "S" } },
	{ "migration", { "S", "S", "S", "S", "S", "S" } },
	{ "outage", { "SIU", "", "", "SuD", "S", "S" } },
	{ "outbound", { "Su", "", "", "", "SIu", "" } },
	{ "outbound_key", { "SIu", "", "", "SuD", "SIU", "" } },
	{ "outbound_name", { "SI", "", "", "", "SI", "" } },
	{ "person_link", { "", "", "", "", "SuD", "SI" } },
	{ "person_session", { "", "", "", "", "SIuD", "Su" } },
	{ "probe", { "Su", "", "", "SD", "SI", "SI" } },
	{ "pool", { "s", "", "", "S", "SIUD", "" } },
	{ "pool_member", { "", "", "", "S", "SIUD", "" } },
	{ "prospect_send", { "SU", "", "", "SU", "SIU", "" } },
	{ "prospect_message", { "SI", "", "", "SD", "S", "" } },
	{ "prospect_inbox", { "S", "", "", "", "SIU", "" } },
	{ "recheck", { "SIuD", "", "", "", "SIu", "" } },
	{ "recheck_outbound", { "SI", "", "", "", "SI", "" } },
	{ "removal", { "", "SUD", "", "", "siu", "siu" } },
	{ "replay", { "", "", "SUD", "", "SI", "" } },
	{ "send_group", { "", "", "", "SU", "SIUD", "" } },
	{ "send_policy", { "", "", "", "S", "SIUD", "" } },
	{ "send_quota", { "", "", "", "SIU", "SIU", "" } },
	{ "send_day", { "", "", "", "SIUD", "", "" } },
	{ "send_sign", { "I", "", "", "SD", "", "" } },
	{ "send_tally", { "", "", "", "SuD", "I", "" } },
	{ "send_standing", { "", "", "", "SIU", "SIu", "" } },
	{ "slot", { "SU", "", "", "SU", "SIU", "" } },
	{ "slot_key", { "", "", "", "", "SIU", "" } },
	{ "sent_copy", { "SID", "", "", "", "S", "" } },
	{ "sighting", { "SI", "", "", "SD", "S", "" } },
	{ "inbox_commands", { "SIU", "", "", "", "S", "S" } },
	{ "timeline", { "I", "I", "", "I", "S", "S" } },
	{ "token_request", { "SIU", "SID", "", "s", "", "" } },
	{ "trace", { "SI", "", "", "SD", "S", "" } },
	{ "worker", { "SIUD", "", "", "s", "S", "Su" } },
	{ "workspace", { "", "", "", "", "S", "SIu" } },
};

static void each_process_may_do_its_work_and_no_more(void **state)
{
	struct session *s = pgtest_session(pgtest_database("may"), PGTEST_ADMIN);
	char n[8];

	(void)state;
	for (size_t i = 0; i < countof(grants); i++)
		for (size_t r = 0; r < countof(roles); r++) {
			const char *may = pgtest_value(
				s,
				"select string_agg(case when has_table_privilege('%s', "
				"'replyd.%s', p) then left(p, 1)"
				" when p <> 'DELETE' and has_any_column_privilege('%s', "
				"'replyd.%s', p) then lower(left(p, 1))"
				" else '' end, '' order by n) from unnest(array['SELECT', "
				"'INSERT', 'UPDATE', 'DELETE'])"
				" with ordinality as t (p, n)",
				roles[r], grants[i].table, roles[r], grants[i].table);

			if (strcmp(may, grants[i].may[r]) != 0)
				fail_msg("%s may do \"%s\" to %s, not \"%s\"", roles[r], may,
					 grants[i].table, grants[i].may[r]);
		}
	(void)snprintf(n, sizeof(n), "%zu", countof(grants));
	assert_string_equal(
		n,
		pgtest_value(
			s,
			"select count(*) from pg_class where relnamespace = 'replyd'::regnamespace"
			" and relkind in ('r', 'p') and not relispartition"));
	/* Nothing else that is done to tables, and nothing for everybody. */
	assert_string_equal(
		"",
		pgtest_value(
			s,
			"select coalesce(string_agg(c.relname || ':' || a.privilege_type, ' '), '')"
			" from pg_class c, aclexplode(c.relacl) a"
			" where c.relnamespace = 'replyd'::regnamespace and a.grantee <> "
			"'replyd_owner'::regrole"
			" and (a.grantee = 0 or a.privilege_type not in ('SELECT', 'INSERT', "
			"'UPDATE', 'DELETE', case c.relkind when 'S' then 'USAGE' end))"));
	session_close(s);
}

static void secrets_are_for_those_who_open_them(void **state)
{
	static const struct {
		const char *role, *sql, *fails;
	} rows[] = {
		{ "replyd_ingest", "select sealed from inbox_grant", "42501" },
		{ "replyd_ingest", "select digest from api_key", "42501" },
		{ "replyd_ingest", "select sealed_secret from endpoint", "42501" },
		{ "replyd_ingest", "select sealed from access_token", "" },
		{ "replyd_ingest", "select sealed_code from connect_link", "42501" },
		{ "replyd_ingest", "select token_digest from connect_link", "42501" },
		{ "replyd_broker", "select subject from message", "42501" },
		{ "replyd_broker", "select data from event", "42501" },
		{ "replyd_broker", "select sealed from inbox_grant", "" },
		{ "replyd_dispatch", "select sealed from inbox_grant", "42501" },
		{ "replyd_dispatch", "select sealed from access_token", "42501" },
		{ "replyd_dispatch", "select subject from message", "42501" },
		{ "replyd_dispatch", "select sealed_secret from endpoint", "" },
		{ "replyd_rotation", "select sealed from inbox_grant", "42501" },
		{ "replyd_rotation", "select sealed from access_token", "42501" },
		{ "replyd_rotation", "select subject from message", "42501" },
		{ "replyd_api", "select sealed from inbox_grant", "42501" },
		{ "replyd_api", "select state, reason from inbox_grant", "" },
		{ "replyd_api", "select sealed from access_token", "42501" },
		{ "replyd_api", "select sealed_secret from endpoint", "42501" },
		{ "replyd_api", "select sealed_code from connect_link", "42501" },
		{ "replyd_ingest", "select sealed from handout", "42501" },
		{ "replyd_api", "update handout set public_key = public_key", "42501" },
		{ "replyd_api", "select dies_at from inbox_grant", "" },
		{ "replyd_api", "select sealed_verifier from connect_link", "42501" },
		{ "replyd_api", "update connect_link set workspace_id = workspace_id", "42501" },
		{ "replyd_admin", "select sealed from inbox_grant", "42501" },
		{ "replyd_admin", "select subject from message", "42501" },
		{ "replyd_broker", "select sealed, sealed_offer, token_sealed from domain_grant",
		  "" },
		{ "replyd_api", "select sealed_offer from domain_grant", "42501" },
		{ "replyd_api", "select token_sealed from domain_grant", "42501" },
		{ "replyd_admin", "select sealed from domain_grant", "42501" },
		{ "replyd_ingest", "select state from domain_grant", "42501" },
		{ "replyd_admin", "select sealed_code from connect_link", "42501" },
		{ "replyd_api", "select sealed_device from connect_link", "42501" },
		{ "replyd_api", "select * from message_default", "42501" },
		{ "replyd_ingest", "create table replyd.own (n int)", "42501" },
		{ "replyd_ingest", "create policy p on inbox using (true)", "42501" },
		{ "replyd_ingest", "alter table gate disable row level security", "42501" },
		{ "replyd_ingest", "set role replyd_owner", "42501" },
		{ "replyd_api", "set role replyd_admin", "42501" },
		{ "replyd_api", "set row_security = off; select 1 from gate", "42501" },
		{ "replyd_broker", "select pg_read_file('PG_VERSION')", "42501" },
		{ "replyd_broker", "copy (select 1) to program 'true'", "42501" },
		{ "replyd_dispatch", "create schema own", "42501" },
		{ "replyd_dispatch", "create table public.own (n int)", "42501" },
		{ "replyd_dispatch",
		  "create function replyd.own() returns int language sql as 'select 1'", "42501" },
		{ "replyd_rotation", "alter role replyd_rotation bypassrls", "42501" },
		{ "replyd_rotation", "alter role replyd_owner login", "42501" },
		{ "replyd_rotation", "drop table replyd.attempt", "42501" },
		{ "replyd_admin", "truncate replyd.workspace cascade", "42501" },
		{ "replyd_admin", "select rolpassword from pg_authid", "42501" },
	};

	(void)state;
	(void)seed_database("secrets");
	for (size_t i = 0; i < countof(rows); i++) {
		struct session *s = seed_session("secrets", rows[i].role);
		const char *fails = pgtest_fails(s, "%s", rows[i].sql);

		if (strcmp(fails, rows[i].fails) != 0)
			fail_msg("%s: %s: \"%s\", not \"%s\"", rows[i].role, rows[i].sql, fails,
				 rows[i].fails);
		session_close(s);
	}
}

static const struct {
	const char *function, *for_whom;
} runs[] = {
	{ "answer_begin", "api" },
	{ "attempt_begin", "ingest" },
	{ "audit_note", "admin api" },
	{ "box_fence", "" },
	{ "box_key_id", "admin api broker dispatch" },
	{ "broker_survey", "broker" },
	{ "company_stopped", "" },
	{ "correction_in_turn", "" },
	{ "correction_says", "api" },
	{ "delivery_body", "dispatch" },
	{ "delivery_follow", "dispatch rotation" },
	{ "lane_take", "dispatch" },
	{ "endpoint_stop", "dispatch" },
	{ "lane_settle", "dispatch" },
	{ "member_says", "api" },
	{ "pool_members_set", "api" },
	{ "pool_says", "api" },
	{ "pool_set", "api" },
	{ "prospect_send_company", "" },
	{ "replay_step", "dispatch" },
	{ "lane_tend", "dispatch" },
	{ "feed_before", "api dispatch" },
	{ "replay_ask", "api" },
	{ "endpoint_fared", "api" },
	{ "endpoint_rotate", "api" },
	{ "endpoint_wants", "dispatch" },
	{ "delivery_owed", "" },
	{ "lane_made", "" },
	{ "lane_enabled", "" },
	{ "delivery_take", "dispatch" },
	{ "domain_enroll", "broker" },
	{ "domain_foretell", "broker" },
	{ "domain_import", "admin api" },
	{ "domain_reap", "broker" },
	{ "domain_refuse", "broker" },
	{ "domain_revive", "broker" },
	{ "erase_lock", "api" },
	{ "event_body", "api dispatch" },
	{ "event_erased", "api" },
	{ "outbound_enroll", "api" },
	{ "outbound_name_erased", "" },
	{ "prospect_known", "api" },
	{ "prospect_erase", "api" },
	{ "prospects_erase", "api" },
	{ "event_id_of", "api broker dispatch ingest rotation" },
	{ "event_of_mail", "ingest" },
	{ "event_of_message", "api" },
	{ "event_put", "api broker dispatch ingest rotation" },
	{ "event_signed", "" },
	{ "event_told", "api dispatch" },
	{ "feed_acknowledge", "api" },
	{ "feed_append", "dispatch" },
	{ "feed_page", "api" },
	{ "person_enter", "api" },
	{ "feed_read", "api" },
	{ "feed_floor", "rotation" },
	{ "month_edge", "rotation" },
	{ "log_drop", "rotation" },
	{ "log_purge", "rotation" },
	{ "log_retain", "rotation" },
	{ "fence", "ingest" },
	{ "folder_advance", "ingest" },
	{ "gap_close", "ingest" },
	{ "gap_data", "admin api ingest rotation" },
	{ "gap_event_id", "ingest rotation" },
	{ "gaps_due", "rotation" },
	{ "gaps_open", "rotation" },
	{ "gaps_told", "rotation" },
	{ "gap_fare_tell", "rotation" },
	{ "gate_close", "ingest" },
	{ "gate_corrected", "api" },
	{ "gate_says", "api" },
	{ "gate_told", "" },
	{ "gather_close", "ingest" },
	{ "gather_fence", "ingest" },
	{ "gather_find", "ingest" },
	{ "gather_known", "ingest" },
	{ "gather_marks", "ingest" },
	{ "gather_messages", "ingest" },
	{ "gather_named", "ingest" },
	{ "gather_settle", "ingest" },
	{ "grant_state", "admin api broker" },
	{ "handout_ask", "api" },
	{ "grouped", "" },
	{ "housekeeping", "rotation" },
	{ "inbox_covers", "admin api" },
	{ "inbox_fares", "admin api broker ingest rotation" },
	{ "inbox_grant_name", "" },
	{ "inbox_grant_rename", "" },
	{ "inbox_remove", "admin api" },
	{ "inbox_return", "broker" },
	{ "inbox_state_first", "" },
	{ "inbox_state_forget", "" },
	{ "inbox_state_told", "" },
	{ "inbox_tell", "" },
	{ "hour_of", "api ingest rotation" },
	{ "instant_text", "admin api broker dispatch ingest rotation" },
	{ "is_limit", "admin api broker ingest rotation" },
	{ "key_holders", "admin api broker dispatch ingest" },
	{ "key_join", "api broker dispatch ingest" },
	{ "key_rotation_step", "api broker dispatch ingest" },
	{ "kind_closes", "api" },
	{ "lease_stamp", "" },
	{ "link_problem", "broker ingest rotation" },
	{ "local_day", "api rotation" },
	{ "loose_take", "broker" },
	{ "links_checked", "broker ingest rotation" },
	{ "links_overdue", "rotation" },
	{ "manual_tell", "ingest" },
	{ "message_reclassify", "api" },
	{ "message_settle", "ingest" },
	{ "metrics_broker", "admin api" },
	{ "metrics_count", "rotation" },
	{ "metrics_fleet", "admin api" },
	{ "metrics_now", "admin api" },
	{ "named_by", "" },
	{ "opened_to", "" },
	{ "outage_over", "ingest" },
	{ "outage_seen", "ingest" },
	{ "outbound_find", "ingest" },
	{ "outbound_key_copied", "" },
	{ "outbound_match", "ingest" },
	{ "outbound_register", "api" },
	{ "outbound_tallied", "" },
	{ "outbound_wanted", "api" },
	{ "partitions_ensure", "rotation" },
	{ "presented_now", "admin api broker dispatch ingest rotation" },
	{ "probes_answer", "ingest" },
	{ "proof_tolerated", "ingest rotation" },
	{ "proofs_put", "ingest" },
	{ "quota_facts", "api rotation" },
	{ "quota_open", "api rotation" },
	{ "recheck_names", "ingest" },
	{ "reply_find", "ingest" },
	{ "reply_gate", "ingest" },
	{ "reply_settle", "ingest" },
	{ "reseal_begin", "broker dispatch" },
	{ "reseal_end", "broker dispatch" },
	{ "reseal_stale", "broker dispatch" },
	{ "roll_add", "api ingest rotation" },
	{ "roll_at", "api ingest rotation" },
	{ "roll_lifts", "api ingest rotation" },
	{ "roll_sum", "api ingest rotation" },
	{ "sealed_in", "" },
	{ "send_group_says", "api" },
	{ "send_group_set", "api" },
	{ "send_policy_says", "api" },
	{ "send_policy_set", "api" },
	{ "sent_copied", "ingest" },
	{ "sent_copy_of", "ingest" },
	{ "sent_seen", "ingest" },
	{ "removal_end", "broker" },
	{ "removals_take", "broker" },
	{ "shut", "" },
	{ "slot_begin", "api" },
	{ "slot_charge", "api" },
	{ "slot_find", "rotation" },
	{ "slot_gate", "api" },
	{ "slot_inbox", "api" },
	{ "slot_lock", "api" },
	{ "slot_recount", "api rotation" },
	{ "slot_refund", "api rotation" },
	{ "slot_reserve", "api" },
	{ "slot_revoke", "api rotation" },
	{ "slot_revoke_unfit", "rotation" },
	{ "slot_sent", "api" },
	{ "slot_settle", "api" },
	{ "slot_stop", "api ingest" },
	{ "slot_sweep", "rotation" },
	{ "says_limit", "ingest" },
	{ "sends_count", "rotation" },
	{ "sign_of", "ingest" },
	{ "speaks_for_company", "api ingest" },
	{ "standing_judged", "rotation" },
	{ "standings_due", "rotation" },
	{ "timeline_forget", "rotation" },
	{ "timeline_put", "ingest" },
	{ "trace_keep", "ingest" },
	{ "walled", "" },
	{ "windows_say", "api" },
	{ "workspaces_now", "ingest" },
	{ "workspace_now", "admin api broker dispatch ingest rotation" },
	{ "zone_is_known", "api" },
};

static void functions_are_run_by_whom_they_are_for(void **state)
{
	struct session *s = pgtest_session(pgtest_database("functions"), PGTEST_ADMIN);
	char n[8];

	(void)state;
	for (size_t i = 0; i < countof(runs); i++) {
		const char *whom = pgtest_value(
			s,
			"select coalesce(string_agg(substr(r.rolname, 8), ' ' order by r.rolname), "
			"'')"
			" from pg_proc p join pg_roles r on r.rolname like 'replyd\\_%%'"
			" and r.rolname <> 'replyd_owner' and has_function_privilege(r.oid, p.oid, "
			"'execute')"
			" where p.pronamespace = 'replyd'::regnamespace and p.proname = '%s'",
			runs[i].function);

		if (strcmp(whom, runs[i].for_whom) != 0)
			fail_msg("%s is run by \"%s\", not \"%s\"", runs[i].function, whom,
				 runs[i].for_whom);
	}
	(void)snprintf(n, sizeof(n), "%zu", countof(runs));
	assert_string_equal(n, pgtest_value(s, "select count(*) from pg_proc where pronamespace = "
					       "'replyd'::regnamespace"));
	/* These run as the owner, and are not led astray by the caller's search_path. */
	assert_string_equal(
		"endpoint_rotate {\"search_path=replyd, pg_temp\"},"
		"log_drop {\"search_path=replyd, pg_temp\"},"
		"partitions_ensure {\"search_path=replyd, pg_temp\"},"
		"prospect_erase {\"search_path=replyd, pg_temp\"},"
		"slot_find {\"search_path=replyd, pg_temp\"},"
		"timeline_forget {\"search_path=replyd, pg_temp\"}",
		pgtest_value(s, "select string_agg(proname || ' ' || proconfig::text, ',' order by "
				"proname) from pg_proc"
				" where pronamespace = 'replyd'::regnamespace and prosecdef"));
	session_close(s);
}

/* A temporary table of the caller's does not pass for a partition. */
static void what_runs_as_the_owner_is_not_led_astray(void **state)
{
	static const char month[] =
		"to_char(date_trunc('month', now() at time zone 'UTC') + interval '5 months', "
		"'YYYY_MM')";
	struct session *s = pgtest_session(pgtest_database("astray"), "replyd_rotation");

	(void)state;
	pgtest_exec(s, "do $$ begin execute 'create temp table event_' || %s || ' (n int)'; end $$",
		    month);
	pgtest_exec(s, "call partitions_ensure(5)");
	assert_string_equal(
		"t",
		pgtest_value(s, "select to_regclass('replyd.event_' || %s) is not null", month));
	session_close(s);
}

static void a_stranger_sees_nothing(void **state)
{
	struct session *s = pgtest_session(pgtest_database("stranger"), PGTEST_ADMIN);

	(void)state;
	pgtest_exec(s, "create role stranger; set role stranger");
	assert_string_equal(pgtest_fails(s, "select 1 from replyd.workspace"), "42501");
	assert_string_equal(pgtest_fails(s, "select replyd.workspace_now()"), "42501");
	pgtest_exec(s, "reset role; drop role stranger");
	session_close(s);
}

/* Rows in every table that a workspace has, in both workspaces. */
static const char filling[] =
	"set search_path = replyd, pg_temp;"
	"insert into api_key (workspace_id, api_key_id, digest, prefix, label, scopes)"
	" select w, gen_random_uuid(), sha256(w::text::bytea), 'p', 'l', '{}' from ws;"
	"insert into access_token (workspace_id, inbox_id, kind, sealed, version)"
	" select workspace_id, inbox_id, 'oauth', '', 1 from inbox;"
	"insert into token_request (workspace_id, inbox_id) select workspace_id, inbox_id from "
	"inbox;"
	"insert into connect_link (workspace_id, connect_link_id, token_digest, provider, "
	"expires_at)"
	" select w, gen_random_uuid(), sha256(w::text::bytea), 'p', now() from ws;"
	"insert into outbound (workspace_id, outbound_id, inbox_id, sequence, step, prospect_key, "
	"prospect_address, message_id, sent_at)"
	" select w, w, w, 's', '1', 'p', 'p@example.test', 'm@example.test', now() from ws;"
	"insert into outbound_key (workspace_id, digest) select w, sha256('d') from ws;"
	"insert into outbound_name select w, sha256('d'), now(), w, now() from ws;"
	"insert into prospect_inbox select w, 'p', w, now() from ws;"
	"insert into trace (workspace_id, digest, inbox_id, folder_id, uidvalidity, uid, names)"
	" select workspace_id, sha256('d'), inbox_id, folder_id, 7, 1, 'id' from folder;"
	"insert into recheck select workspace_id, inbox_id, folder_id, 7, 1 from folder;"
	"insert into gate (workspace_id, prospect_key) select w, 'p' from ws;"
	"insert into gate_pending select w, 'p', w from ws;"
	"insert into prospect_message select w, 'p', w from ws;"
	"insert into message (workspace_id, message_id, inbox_id, folder_id, uidvalidity, uid, "
	"state, prospect_key, internal_at,"
	" size_bytes, matches, detected_at) select w, w, w, w, 7, 1, 'done', 'p', now(), 1, '[]', "
	"now() from ws;"
	"insert into message_key select w, w, now() from ws;"
	"insert into sighting select w, w, w, w, 7, 1 from ws;"
	"insert into event (workspace_id, event_id, type, data) select w, w, 't', '{}' from ws;"
	"insert into event_key select w, w, now() from ws;"
	"insert into event_queue (workspace_id, event_id, event_created_at) select w, w, now() "
	"from ws;"
	"insert into feed_head select w, 1 from ws;"
	"insert into feed (workspace_id, position, event_id, event_created_at) select w, 1, w, "
	"now() from ws;"
	"insert into endpoint (workspace_id, endpoint_id, url, sealed_secret) select w, w, 'u', '' "
	"from ws;"
	"insert into delivery (workspace_id, endpoint_id, position, event_id, event_created_at) "
	"select w, w, 1, w, now() from ws;"
	"insert into attempt (workspace_id, attempt_id, started_at, endpoint_id, event_id, "
	"position, try, status, outcome, took_ms)"
	" select w, w, now(), w, w, 1, 1, 200, 'delivered', 1 from ws;"
	"insert into inbox_proof (workspace_id, inbox_id, epoch, gated_through)"
	" select workspace_id, inbox_id, 1, now() from inbox;"
	"insert into removal (workspace_id, inbox_id) select workspace_id, inbox_id from inbox;"
	"insert into inbox_smtp (workspace_id, inbox_id, state)"
	" select workspace_id, inbox_id, 'ok' from inbox;"
	"insert into gap (workspace_id, gap_id, inbox_id, blind_from, cause)"
	" select workspace_id, gen_random_uuid(), inbox_id, now(), 'network' from inbox;"
	"insert into probe (workspace_id, probe_id, inbox_id)"
	" select workspace_id, gen_random_uuid(), inbox_id from inbox;"
	"insert into inbox_commands (workspace_id, inbox_id, commands)"
	" select workspace_id, inbox_id, '{}' from inbox;"
	"insert into timeline (workspace_id, inbox_id, noted_at, code, words)"
	" select workspace_id, inbox_id, now(), 'live', 'live' from inbox;"
	"insert into sent_copy (workspace_id, digest, final, names, inbox_id)"
	" select w, sha256('d'), sha256('d'), '{}', w from ws;"
	"insert into correction (workspace_id, message_id, revision, api_key_id, fingerprint, "
	"was_kind, "
	"was_intent, was_confidence, was_evidence, kind, intent, event_id, gate_before, gate)"
	" select w, w, 1, w, 'f', '', '', 0, '[]', '', '', w, '{}', '{}' from ws;"
	"insert into handout (workspace_id, handout_id, inbox_id, api_key_id, public_key)"
	" select workspace_id, gen_random_uuid(), inbox_id, inbox_id, sha256('k') from inbox;"
	"insert into send_policy (workspace_id, inbox_id) select workspace_id, inbox_id from inbox;"
	"insert into send_standing (workspace_id, inbox_id) select workspace_id, inbox_id from "
	"inbox;"
	"insert into send_quota (workspace_id, inbox_id, day_starts_at, day_ends_at, opens_at, "
	"closes_at, cap, cap_new, gap) select workspace_id, inbox_id, now(), now() + interval "
	"'1 day', now(), now(), 1, 1, interval '1 minute' from inbox;"
	"insert into send_group (workspace_id, kind, name, ceiling_24h) select w, 'domain', 'd', 1 "
	"from ws;"
	"insert into pool (workspace_id, pool_id, name) select w, w, 'p' from ws;"
	"insert into pool_member (workspace_id, pool_id, inbox_id) select workspace_id, "
	"workspace_id, inbox_id from inbox;"
	"insert into company_gate (workspace_id, domain) select w, 'd' from ws;"
	"insert into conversation (workspace_id, sequence, prospect_key, inbox_id) select w, 's', "
	"'p', w from ws;"
	"insert into prospect_send (workspace_id, prospect_key) select w, 'p' from ws;"
	"insert into slot (workspace_id, slot_id, created_at, inbox_id, prospect_key, "
	"prospect_address, sequence, step, kind, message_id, send_at, expires_at, day_ends_at, "
	"charged_hour) select w, w, now(), w, 'p', 'p@example.test', 's', '1', 'first', "
	"'m@example.test', now(), now(), now(), 1 from ws;"
	"insert into slot_key (workspace_id, idempotency_key, fingerprint, slot_id, "
	"slot_created_at) select w, 'k', 'f', w, now() from ws";

static void workspaces_do_not_see_each_other(void **state)
{
	static const char *const tables[] = {
		"workspace",      "api_key",
		"inbox",          "inbox_state",
		"lease",          "folder",
		"inbox_grant",    "access_token",
		"token_request",  "connect_link",
		"outbound",       "outbound_key",
		"prospect_inbox", "trace",
		"recheck",        "gate",
		"gate_pending",   "message",
		"message_key",    "sighting",
		"event",          "event_key",
		"event_queue",    "feed_head",
		"feed",           "endpoint",
		"delivery",       "attempt",
		"inbox_proof",    "gap",
		"probe",          "timeline",
		"handout",        "inbox_smtp",
		"removal",        "outbound_name",
		"correction",     "prospect_message",
		"inbox_commands", "send_policy",
		"send_quota",     "send_standing",
		"send_group",     "pool",
		"pool_member",    "company_gate",
		"conversation",   "prospect_send",
		"slot",           "slot_key",
	};
	struct session *s = pgtest_session(seed_database("apart"), PGTEST_ADMIN);

	(void)state;
	pgtest_exec(s, "create temp view ws as select workspace_id w from replyd.workspace; %s",
		    filling);
	/* A role that may do everything, and has no policy of its own: only the walls are between
	 * it and the rows. */
	pgtest_exec(s, "create role everything; grant usage on schema replyd to everything;"
		       "grant all on all tables in schema replyd to everything;"
		       "grant execute on all functions in schema replyd to everything");
	for (size_t i = 0; i < countof(tables); i++) {
		const char *t = tables[i];
		static const char *const as[] = { "everything", "replyd_owner" };

		assert_string_equal(
			"2", pgtest_value(s, "select count(distinct workspace_id) from %s", t));
		for (size_t r = 0; r < countof(as); r++) {
			pgtest_exec(s, "set role %s; set replyd.workspace = ''", as[r]);
			if (strcmp(pgtest_value(s, "select count(*) from %s", t), "0") != 0)
				fail_msg("%s sees %s with no workspace named", as[r], t);
			assert_string_equal("",
					    pgtest_fails(s, "delete from %s", t)); /* of nothing */
			pgtest_exec(s, "set replyd.workspace = '" SEED_OTHER "'");
			if (strcmp(pgtest_value(s,
						"select string_agg(distinct workspace_id::text, "
						"',') from %s",
						t),
				   SEED_OTHER) != 0)
				fail_msg("%s sees more of %s than its workspace", as[r], t);
			/* Not moved out either. */
			if (strcmp(pgtest_fails(s, "update %s set workspace_id = '" SEED_WS "'", t),
				   "42501") != 0)
				fail_msg("%s moves %s to another workspace", as[r], t);
			pgtest_exec(s, "reset role");
		}
		assert_string_equal(
			"2", pgtest_value(s, "select count(distinct workspace_id) from %s", t));
	}
	/* Past the parent. */
	pgtest_exec(s, "set role replyd_owner; set replyd.workspace = '" SEED_WS "'");
	assert_string_equal("1", pgtest_value(s, "select count(*) from message"));
	assert_string_equal(
		"0",
		pgtest_value(
			s,
			"select (select count(*) from message_default) + (select sum(n) from"
			" (select count(*) n from event_key_0 union all select count(*) from "
			"event_key_1"
			"  union all select count(*) from feed_default union all select count(*) "
			"from gate_1) x)"));
	pgtest_exec(s, "reset role; drop owned by everything; drop role everything");
	session_close(s);
}

static void nothing_is_written_into_another_workspace(void **state)
{
	static const struct {
		const char *role, *sql;
	} rows[] = {
		{ "replyd_api", "insert into outbound (workspace_id, outbound_id, inbox_id, "
				"sequence, step, prospect_key,"
				" prospect_address, message_id, sent_at) values ('" SEED_OTHER
				"', gen_random_uuid(), '" SEED_C "',"
				" 's', '1', 'p', 'p@example.test', 'm', now())" },
		{ "replyd_api",
		  "insert into endpoint (workspace_id, endpoint_id, url, sealed_secret)"
		  " values ('" SEED_OTHER "', gen_random_uuid(), 'u', '')" },
		{ "replyd_api",
		  "insert into connect_link (workspace_id, connect_link_id, token_digest, "
		  "provider, expires_at)"
		  " values ('" SEED_OTHER
		  "', gen_random_uuid(), decode(repeat('ab', 32), 'hex'), 'p', now())" },
		{ "replyd_ingest",
		  "insert into gate (workspace_id, prospect_key) values ('" SEED_OTHER "', 'p')" },
		{ "replyd_ingest", "insert into event (workspace_id, event_id, type, data)"
				   " values ('" SEED_OTHER "', gen_random_uuid(), 't', '{}')" },
		{ "replyd_broker",
		  "insert into event_queue (workspace_id, event_id, event_created_at)"
		  " values ('" SEED_OTHER "', gen_random_uuid(), now())" },
	};

	(void)state;
	(void)seed_database("across");
	for (size_t i = 0; i < countof(rows); i++) {
		struct session *s = seed_session("across", rows[i].role);

		/* Also not by holding the secret of the row. */
		pgtest_exec(s, "set replyd.presented = '%064d'", 0);
		if (strcmp(pgtest_fails(s, "%s", rows[i].sql), "42501") != 0)
			fail_msg("%s: %s: \"%s\"", rows[i].role, rows[i].sql, session_sqlstate(s));
		session_close(s);
	}
}

static void batches_see_all_workspaces_where_it_is_said(void **state)
{
	static const struct {
		const char *role, *table, *sees; /* workspaces, with none named */
	} rows[] = {
		{ "replyd_ingest", "inbox", "2" },
		{ "replyd_ingest", "lease", "2" },
		{ "replyd_ingest", "gate", "0" },
		{ "replyd_ingest", "outbound", "0" },
		{ "replyd_ingest", "outbound_key", "0" },
		{ "replyd_ingest", "trace", "0" },
		{ "replyd_broker", "inbox_grant", "2" },
		{ "replyd_broker", "connect_link", "2" },
		{ "replyd_broker", "handout", "2" },
		{ "replyd_api", "handout", "0" },
		{ "replyd_dispatch", "event", "2" },
		{ "replyd_dispatch", "delivery", "2" },
		{ "replyd_rotation", "trace", "2" },
		{ "replyd_ingest", "inbox_proof", "2" },
		{ "replyd_ingest", "probe", "2" },
		{ "replyd_rotation", "gap", "2" },
		{ "replyd_rotation", "lease", "2" },
		{ "replyd_admin", "timeline", "2" },
		{ "replyd_api", "gap", "0" },
		{ "replyd_api", "inbox_seen", "0" },
		{ "replyd_api", "timeline", "0" },
		{ "replyd_admin", "inbox", "2" },
		{ "replyd_api", "inbox", "0" },
		{ "replyd_api", "event", "0" },
		{ "replyd_api", "api_key", "0" },
		{ "replyd_api", "gate", "0" },
		{ "replyd_api", "workspace", "0" },
		{ "replyd_api", "feed", "0" },
	};
	struct session *s = pgtest_session(seed_database("batches"), PGTEST_ADMIN);

	(void)state;
	pgtest_exec(s, "create temp view ws as select workspace_id w from replyd.workspace; %s",
		    filling);
	session_close(s);
	for (size_t i = 0; i < countof(rows); i++) {
		s = pgtest_session("batches", rows[i].role);
		if (strcmp(pgtest_value(s, "select count(distinct workspace_id) from %s",
					rows[i].table),
			   rows[i].sees) != 0)
			fail_msg("%s sees %s workspaces in %s", rows[i].role,
				 session_value(s, 0, 0), rows[i].table);
		session_close(s);
	}
}

static void a_presented_secret_opens_its_own_row(void **state)
{
	struct session *s = pgtest_session(seed_database("presented"), PGTEST_ADMIN);

	(void)state;
	pgtest_exec(s, "create temp view ws as select workspace_id w from replyd.workspace; %s",
		    filling);
	session_close(s);
	s = pgtest_session("presented", "replyd_api");
	pgtest_exec(s, "select set_config('replyd.presented', encode(sha256('" SEED_OTHER
		       "'), 'hex'), false)");
	assert_string_equal(
		SEED_OTHER,
		pgtest_value(s, "select string_agg(workspace_id::text, ',') from api_key"));
	assert_string_equal(
		SEED_OTHER,
		pgtest_value(s, "select string_agg(workspace_id::text, ',') from connect_link"));
	assert_string_equal("0", pgtest_value(s, "select count(*) from inbox"));
	/* The key may be looked at; only the link may be moved on. */
	pgtest_exec(s, "update api_key set last_used_at = now()");
	pgtest_exec(s, "update connect_link set state = 'started'");
	session_close(s);
	s = pgtest_session("presented", PGTEST_ADMIN);
	assert_string_equal(
		"0",
		pgtest_value(s,
			     "select count(*) from replyd.api_key where last_used_at is not null"));
	assert_string_equal(
		SEED_OTHER,
		pgtest_value(s,
			     "select string_agg(workspace_id::text, ',') from replyd.connect_link"
			     " where state = 'started'"));
	session_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_table_has_its_wall),
		cmocka_unit_test(each_process_may_do_its_work_and_no_more),
		cmocka_unit_test(secrets_are_for_those_who_open_them),
		cmocka_unit_test(functions_are_run_by_whom_they_are_for),
		cmocka_unit_test(what_runs_as_the_owner_is_not_led_astray),
		cmocka_unit_test(a_stranger_sees_nothing),
		cmocka_unit_test(workspaces_do_not_see_each_other),
		cmocka_unit_test(nothing_is_written_into_another_workspace),
		cmocka_unit_test(batches_see_all_workspaces_where_it_is_said),
		cmocka_unit_test(a_presented_secret_opens_its_own_row),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
