/* A worker and its providers: how fast, and what becomes of one that lets nobody in; how often it
 * writes; and how it goes on where it was killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/db/crew.h"
#include "tests/db/pgtest.h"

#define INBOXES 12

static struct crew crew;
static struct stage *const s = &crew.stage;

/* More inboxes of the first workspace. */
static void open_with(const char *database, int more)
{
	crew_open(&crew, database);
	pgtest_exec(s->admin,
		    "insert into inbox (workspace_id, inbox_id, address, provider, imap_host, "
		    "imap_port, imap_security, login_name) select '" SEED_WS
		    "', ('20000000-0000-4000-8000-0000000001' || lpad(n::text, 2, '0'))::uuid, 'm' "
		    "|| n || '@example.test', 'p', '127.0.0.1', %u, 'tls', 'm' || n from "
		    "generate_series(1, %d) n",
		    s->imapd.port, more);
	pgtest_exec(s->admin, "insert into inbox_state (workspace_id, inbox_id) select "
			      "workspace_id, inbox_id from inbox on conflict do nothing");
	pgtest_exec(s->admin, "insert into lease (workspace_id, inbox_id) select workspace_id, "
			      "inbox_id from inbox on conflict do nothing");
}

static void open_with_many(const char *database)
{
	open_with(database, 9);
}

static bool many_live(struct stage *stage)
{
	(void)stage;
	return crew_live(&crew, 0) == INBOXES;
}

/* ---- an outage ---- */

static void an_outage_is_one_incident(void **state)
{
	struct worker_params p;
	int before, probes;

	(void)state;
	open_with_many("lane_outage");
	s->imapd.cut_at = "greeting";
	s->imapd.cuts = 1000000;
	p = crew_params(&crew, CREW_ONE);
	p.probe_ms = 200;
	p.survive_ms = 300;
	crew_hire(&crew, 0, &p);
	stage_until(s, "select count(*) = 1 from outage where ended_at is null and inboxes >= 8");
	stage_until(s, "select count(*) >= 8 from inbox_state where state = 'backing_off' and "
		       "reason = 'provider_down'");
	assert_string_equal(stage_value(s, "select value from metrics_fleet() where name = "
					   "'replyd_provider_outages_open'"),
			    "1");
	/* few are sent to look, although all of them want to try again every 20 ms */
	before = s->imapd.connections;
	stage_for(s, 1000);
	probes = s->imapd.connections - before;
	assert_in_range(probes, 1, 24);
	s->imapd.cuts = 0;
	stage_until_holds(s, many_live);
	stage_until(s, "select count(*) = 1 from outage where ended_at is not null");
	assert_string_equal(stage_value(s, "select count(*) from outage"), "1");
	stage_until(s, "select count(*) = %d from inbox_state where state = 'live'", INBOXES);
	crew_close(&crew);
}

static bool all_of_two_live(struct stage *stage)
{
	(void)stage;
	return crew_live(&crew, 0) + crew_live(&crew, 1) == 27;
}

/* Each worker has a breaker of its own, and all of them see the same. */
static void of_two_workers_it_is_one_incident(void **state)
{
	struct worker_params p[2];

	(void)state;
	open_with("lane_outages", 24);
	s->imapd.cut_at = "greeting";
	s->imapd.cuts = 1000000;
	for (size_t i = 0; i < 2; i++) {
		p[i] = crew_params(&crew, i ? CREW_TWO : CREW_ONE);
		p[i].probe_ms = 200;
		p[i].survive_ms = 300;
		p[i].capacity = 14;
		crew_hire(&crew, i, &p[i]);
	}
	stage_until(s, "select cardinality(workers) = 2 and inboxes >= 20 from outage");
	stage_until(s, "select count(*) >= 20 from inbox_state where reason = 'provider_down'");
	assert_string_equal(stage_value(s, "select value from metrics_fleet() where name = "
					   "'replyd_provider_outages'"),
			    "1");
	s->imapd.cuts = 0;
	stage_until(s, "select ended_at is not null from outage");
	stage_until_holds(s, all_of_two_live);
	assert_string_equal(stage_value(s, "select count(*) from outage"), "1");
	crew_close(&crew);
}

static void outages_do_not_stay_for_ever(void **state)
{
	struct session *admin = pgtest_session(pgtest_database("outage_age"), PGTEST_ADMIN);

	(void)state;
	pgtest_exec(admin,
		    "set search_path = replyd; insert into outage (provider, workers, inboxes, "
		    "opened_at, seen_at, ended_at)"
		    " select p, '{}', 9, now() - a, now() - s, now() - e from (values"
		    " ('long gone', interval '99 days', interval '99 days', interval '98 days'),"
		    " ('last week', '7 days', '7 days', '6 days'),"
		    " ('nobody sees it', '1 hour', '20 min', null),"
		    " ('still', '1 hour', '4 min', null)) as o (p, a, s, e)");
	pgtest_exec(admin, "set role replyd_rotation; select housekeeping(interval '14 days');"
			   " reset role");
	assert_string_equal(
		pgtest_value(
			admin,
			"select string_agg(provider || case when ended_at is null then '' "
			"else ' over' end, ', ' order by opened_at desc, provider) from outage"),
		"nobody sees it over, still, last week over");
	session_close(admin);
}

/* ---- patience that is asked for ---- */

static bool second_has_all(struct stage *stage)
{
	(void)stage;
	return crew_held(&crew, 1) == 3;
}

static bool first_has_its_share(struct stage *stage)
{
	(void)stage;
	return crew_held(&crew, 0) > 0;
}

/* Neither the end of a worker nor a handover makes a server be asked again that wants half an
 * hour. */
static void another_worker_is_as_patient(void **state)
{
	struct worker_params p;
	int before;

	(void)state;
	crew_open(&crew, "lane_patience");
	s->imapd.refuse = "AUTHENTICATE";
	s->imapd.refuse_with = "NO Too many bad auth attempts";
	s->imapd.refusals = 1000;
	p = crew_params(&crew, CREW_ONE);
	snprintf(p.slot, sizeof(p.slot), "here/ingest-0");
	crew_hire(&crew, 0, &p);
	stage_until(s, "select count(*) = 3 from inbox_state where state = 'backing_off' and "
		       "retry_at between now() + interval '29 min' and now() + interval '38 min'");
	crew_kill(&crew, 0);
	s->imapd.refusals = 0;
	before = s->imapd.connections;
	snprintf(p.id, sizeof(p.id), "%s", CREW_TWO);
	crew_hire(&crew, 1, &p);
	stage_until_holds(s, second_has_all);
	stage_for(s, 300);
	p = crew_params(&crew, CREW_ONE);
	crew_hire(&crew, 0, &p);
	stage_until_holds(s, first_has_its_share);
	stage_for(s, 300);
	assert_int_equal(s->imapd.connections, before);
	assert_string_equal(stage_value(s, "select count(*) from inbox_state where state = "
					   "'backing_off' and reason = 'login_rate_limit'"),
			    "3");
	crew_close(&crew);
}

/* ---- pace ---- */

static void a_provider_is_not_stormed(void **state)
{
	struct worker_params p;
	uint64_t begin_ms;

	(void)state;
	open_with_many("lane_pace");
	p = crew_params(&crew, CREW_ONE);
	stage_provider(s)->connects_per_s = 6;
	begin_ms = clock_mono_ms();
	crew_hire(&crew, 0, &p);
	stage_until_holds(s, many_live);
	/* six at once, and then six a second */
	assert_true(clock_mono_ms() - begin_ms >= 1000);
	crew_close(&crew);
}

/* Another worker of this machine comes from the same address: it has its part of the rate. */
static void neighbours_have_one_rate_together(void **state)
{
	struct worker_params p;
	char host[64] = "";
	uint64_t begin_ms;

	(void)state;
	open_with_many("lane_neighbour");
	assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
	pgtest_exec(s->admin,
		    "insert into worker (worker_id, host, pid, capacity) values ('" CREW_TWO
		    "', '%s', 1, 1)",
		    host);
	p = crew_params(&crew, CREW_ONE);
	p.lease_ms = 60000;
	stage_provider(s)->connects_per_s = 6;
	begin_ms = clock_mono_ms();
	crew_hire(&crew, 0, &p);
	stage_until_holds(s, many_live);
	/* three at once, and then three a second */
	assert_true(clock_mono_ms() - begin_ms >= 2900);
	crew_close(&crew);
}

/* ---- proofs ---- */

static int posted;

static bool has_posted(struct stage *stage)
{
	char id[64];

	(void)stage;
	if (++posted % 5 == 0 && posted <= 300) {
		snprintf(id, sizeof(id), "r%d@prospect.test", posted);
		imapd_reply(&s->imapd, 0, id, "out.1@example.test", "Yes, gladly.\r\n");
	}
	return posted > 600;
}

static void a_proof_is_written_once_in_its_time(void **state)
{
	struct worker_params p;

	(void)state;
	crew_open(&crew, "lane_proof");
	stage_register(s, "out.1@example.test", "pat");
	pgtest_exec(s->admin, "create table written (inbox uuid, at timestamptz default "
			      "clock_timestamp()); grant insert on written to replyd_ingest");
	pgtest_exec(s->admin,
		    "create function note_written() returns trigger language plpgsql as 'begin "
		    "insert into replyd.written values (new.inbox_id); return null; end'; create "
		    "trigger written after insert or update on inbox_proof for each row execute "
		    "function note_written()");
	p = crew_params(&crew, CREW_ONE);
	p.mailbox.proof_ms = 3000;
	crew_hire(&crew, 0, &p);
	stage_until_holds(s, crew_all_live);
	stage_until(s, "select count(distinct inbox) = 3 from written"); /* at once */
	posted = 0;
	stage_until_holds(s, has_posted); /* 600 x 5 ms: an interval and more */
	/* the first, the one that gets it out of step, and one each interval */
	assert_string_equal(
		stage_value(s, "select max(n) <= 3 + extract(epoch from max(span)) / 2.6 from "
			       "(select count(*) n, max(at) - min(at) span from written group by "
			       "inbox) w"),
		"t");
	stage_until(s, "select min(n) >= 3 from (select count(*) n from written group by inbox) w");
	crew_close(&crew);
}

/* ---- slots ---- */

static bool first_has_all(struct stage *stage)
{
	(void)stage;
	return crew_live(&crew, 0) == 3;
}

static void who_is_started_again_goes_on_at_once(void **state)
{
	struct worker_params p;
	uint64_t begin_ms;

	(void)state;
	crew_open(&crew, "lane_slot");
	p = crew_params(&crew, CREW_ONE);
	p.lease_ms = 60000;
	p.grace_ms = 60000;
	snprintf(p.slot, sizeof(p.slot), "here/ingest-0");
	crew_hire(&crew, 0, &p);
	stage_until_holds(s, first_has_all);
	crew_kill(&crew, 0);
	snprintf(p.id, sizeof(p.id), "%s", CREW_TWO);
	begin_ms = clock_mono_ms();
	crew_hire(&crew, 0, &p);
	stage_until_holds(s, first_has_all);
	assert_true(clock_mono_ms() - begin_ms < 10000);
	assert_string_equal(stage_value(s, "select count(*) from lease where worker_id = '" CREW_TWO
					   "' and epoch = 3"),
			    "3");
	stage_until(s, "select count(*) = 1 from worker");
	crew_close(&crew);
}

/* Of another slot it may well be alive. */
static void another_slot_says_nothing(void **state)
{
	struct worker_params p;

	(void)state;
	crew_open(&crew, "lane_other_slot");
	p = crew_params(&crew, CREW_ONE);
	p.lease_ms = 60000;
	snprintf(p.slot, sizeof(p.slot), "here/ingest-0");
	crew_hire(&crew, 0, &p);
	stage_until_holds(s, first_has_all);
	crew_kill(&crew, 0);
	snprintf(p.id, sizeof(p.id), "%s", CREW_TWO);
	snprintf(p.slot, sizeof(p.slot), "here/ingest-1");
	crew_hire(&crew, 0, &p);
	stage_for(s, 500);
	/* its share goes by handover, as that of any worker that joins; the rest waits */
	assert_string_equal(
		stage_value(s, "select count(*) > 0 from lease where worker_id = '" CREW_ONE "'"),
		"t");
	crew_close(&crew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outage_is_one_incident),
		cmocka_unit_test(of_two_workers_it_is_one_incident),
		cmocka_unit_test(outages_do_not_stay_for_ever),
		cmocka_unit_test(another_worker_is_as_patient),
		cmocka_unit_test(a_provider_is_not_stormed),
		cmocka_unit_test(neighbours_have_one_rate_together),
		cmocka_unit_test(a_proof_is_written_once_in_its_time),
		cmocka_unit_test(who_is_started_again_goes_on_at_once),
		cmocka_unit_test(another_slot_says_nothing),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
