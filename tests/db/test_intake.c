/* One batch of mails after the other, without a mail server: what they mean for gates, events and
 * what is kept. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/db/play.h"

#define GATE "select coalesce(max(level), 0) from gate where prospect_key = 'pat'"

/* ---- headers without end ---- */

static bool wants_a_part(struct stage *s)
{
	return intake_wants(container_of(s, struct play, s)->in, &(struct intake_want){ 0 });
}

static void ids_behind_the_cut_are_found(void **state)
{
	static const struct {
		const char *name;
		size_t filling;
		const char *gate;
	} rows[] = {
		{ "behind 64 KB", 70000, "3" },
		{ "behind what we ask for", 300000, "0" },
	};
	static struct play p;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char *head = mem_new(rows[i].filling + 1000);
		struct play_mail t = { .uid = 1, .text = "Yes.", .is_head_cut = true };
		char database[32];
		struct imap_message m;
		struct intake_want want;
		size_t n = 0;

		snprintf(database, sizeof(database), "intake_cut_%zu", i);
		play_open(&p, database);
		stage_register(&p.s, "out.1@example.test", "pat");
		while (n < rows[i].filling)
			n += (size_t)sprintf(head + n, "X-Filling: %060zu\r\n",
					     n); /* house: ok, sized */
		sprintf(head + n,                /* house: ok, sized */
			PLAY_PAT "In-Reply-To: <out.1@example.test>\r\n\r\n");
		t.head = "X-Filling: 1\r\n";
		p.mails = &t;
		p.n = 0; /* its text is given by hand */
		play_begin(&p);
		m = play_message(&t);
		assert_true(intake_told(p.in, &m, clock_unix_us()));
		struct intake_batch b = play_batch("inbox");
		b.uid_to = 1;
		intake_run(p.in, &b);
		stage_until_holds(&p.s, wants_a_part);
		assert_true(intake_wants(p.in, &want) && want.decides);
		assert_true(text_eq(want.section, TEXT("HEADER")));
		n = strlen(head) < want.max_bytes ? strlen(head) : want.max_bytes;
		p.n = 1;
		intake_part(p.in, 1, TEXT("HEADER"), (struct text){ head, n });
		stage_until_holds(&p.s, play_is_over);
		intake_drop(p.in);
		if (strcmp(play_value(&p, GATE), rows[i].gate) != 0)
			fail_msg("%s: gate %s", rows[i].name, play_value(&p, GATE));
		stage_close(&p.s);
		free(head);
	}
}

/* ---- looked at again ---- */

static const struct play_mail late = { .uid = 5,
				       .head = PLAY_PAT "In-Reply-To: <out.1@example.test>\r\n"
							"References: <out.2@example.test>\r\n",
				       .text = "Yes." };

static void a_mail_that_is_gone_when_it_is_looked_at_again_is_not_silence(void **state)
{
	static struct play p;

	(void)state;
	play_open(&p, "intake_gone");
	play_arrive(&p, "inbox", &late, 1);
	stage_register(&p.s, "out.1@example.test", "pat");
	for (int i = 0; i < 2; i++) { /* and a repetition changes nothing */
		play_again(&p, 5, NULL);
		assert_string_equal(play_value(&p, "select count(*) from recheck"), "0");
		assert_string_equal(play_value(&p, GATE), "3");
		assert_string_equal(
			play_value(
				&p,
				"select string_agg(type || ' ' || (data->>'text_unavailable') || "
				"' ' || "
				"(data->>'text_unavailable_reason') || ' ' || "
				"(data->>'recovered') || "
				"' ' || (data->'outbound'->>'message_id'), ',') from event"),
			"reply.received true gone true out.1@example.test");
	}
	stage_close(&p.s);
}

static void another_mail_that_names_it_tells_it(void **state)
{
	static const struct play_mail other = { .uid = 6,
						.head = PLAY_PAT
						"In-Reply-To: <out.1@example.test>\r\n"
						"Subject: once more\r\n",
						.text = "Yes, yes." };
	static struct play p;

	(void)state;
	play_open(&p, "intake_gone_other");
	play_arrive(&p, "inbox", &late, 1);
	play_arrive(&p, "inbox", &other, 1);
	stage_register(&p.s, "out.1@example.test", "pat");
	play_again(&p, 5, NULL);
	play_again(&p, 6, &other);
	assert_string_equal(
		play_value(&p, "select string_agg(data->>'text_unavailable', ' ') from event"),
		"false");
	assert_string_equal(play_value(&p, "select count(*) from recheck"), "0");
	stage_close(&p.s);
}

/* Another outbound that the mail names is registered while it is looked at for the first. */
static void a_registration_meanwhile_has_it_looked_at_once_more(void **state)
{
	static struct play p;
	struct intake_batch b;
	struct imap_message m = play_message(&late);

	(void)state;
	play_open(&p, "intake_meanwhile");
	play_arrive(&p, "inbox", &late, 1);
	stage_register(&p.s, "out.1@example.test", "pat");
	p.mails = &late;
	p.n = 0; /* its text is not given yet */
	play_begin(&p);
	assert_true(intake_told(p.in, &m, clock_unix_us()));
	b = play_batch("inbox");
	b.is_again = true;
	b.again_uid = 5;
	intake_run(p.in, &b);
	stage_until(&p.s, "select level = 2 from gate where prospect_key = 'pat'");
	stage_register(&p.s, "out.2@example.test", "sam");
	p.n = 1;
	play_serve(&p);
	p.is_over = intake_is_over(p.in);
	stage_until_holds(&p.s, play_is_over);
	intake_drop(p.in);
	assert_string_equal(play_value(&p, "select count(*) from recheck"), "1");
	play_again(&p, 5, &late);
	assert_string_equal(play_value(&p, "select count(*) from recheck"), "0");
	stage_close(&p.s);
}

/* ---- a mail that takes the process down ---- */

static struct play_mail poison = { .uid = 3,
				   .head = PLAY_PAT "In-Reply-To: <out.1@example.test>\r\n",
				   .text = "Boom." };
static const struct play_mail harmless = { .uid = 4,
					   .head = "From: sam@prospect.test\r\n"
						   "In-Reply-To: <out.2@example.test>\r\n",
					   .text = "Yes." };

static void be_victim(const char *database, int64_t epoch, bool is_again, FILE *said)
{
	static struct play p;

	/* A test that fails here ends this process, and is not taken for the mail's doing. */
	(void)setenv("CMOCKA_TEST_ABORT", "1", 1);
	(void)dup2(fileno(said), STDOUT_FILENO);
	(void)dup2(fileno(said), STDERR_FILENO);
	p = (struct play){ .epoch = epoch };
	stage_join(&p.s, database);
	pgtest_exec(p.s.admin,
		    "update lease set epoch = %lld, taken_at = clock_timestamp(), bereft = %s",
		    (long long)epoch, epoch > 1 ? "true" : "false");
	if (is_again)
		play_again(&p, 3, &poison);
	else
		play_arrive(&p, "inbox", &poison, 1);
	_exit(0);
}

/* A worker process takes the inbox over and works on the mail, which ends it with this signal (0:
 * it does not). */
static void victim(const char *database, int64_t epoch, bool is_again, int signal)
{
	FILE *said = tmpfile();
	char line[512];
	int status;
	pid_t pid;

	assert_non_null(said);
	pid = fork();
	if (pid == 0)
		be_victim(database, epoch, is_again, said);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (signal ? WIFSIGNALED(status) && WTERMSIG(status) == signal
		   : WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		(void)fclose(said);
		return;
	}
	rewind(said);
	while (fgets(line, sizeof(line), said))
		print_message("%s", line);
	(void)fclose(said);
	fail_msg("epoch %lld ended with %#x", (long long)epoch, (unsigned)status);
}

static void poisoned(const char *database, bool is_partial, int deaths)
{
	static struct play p;

	play_open(&p, database);
	stage_register(&p.s, "out.1@example.test", "pat");
	stage_register(&p.s, "out.2@example.test", "sam");
	poison.date_s = clock_unix_s(); /* one mail has one date */
	poison.dies = true;
	poison.is_partial = is_partial;
	for (int i = 0; i < deaths; i++) {
		victim(database, i + 1, i > 0, SIGKILL);
		assert_string_equal(play_value(&p, GATE), "2"); /* closed, from headers alone */
	}
	victim(database, deaths + 1, true, 0);
	assert_string_equal(play_value(&p, GATE), "3");
	assert_string_equal(play_value(&p,
				       "select string_agg((data->>'text_unavailable') || ' ' || "
				       "(data->>'text_unavailable_reason'), ',') from event"),
			    "true set_aside");
	assert_string_equal(play_value(&p, "select string_agg(state, ' ') from message"),
			    "text_unavailable");
	assert_string_equal(play_value(&p, "select count(*) from mail_attempt"), "0");
	/* The others go on. */
	p.epoch = deaths + 1;
	play_arrive(&p, "inbox", &harmless, 1);
	assert_string_equal(play_value(&p, "select level from gate where prospect_key = 'sam'"),
			    "3");
	stage_close(&p.s);
}

static void a_mail_that_kills_twice_is_set_aside(void **state)
{
	(void)state;
	poisoned("intake_poison", false, 2);

	poisoned("intake_suspicious", true, 2);
}

/* ---- whose headers are deadly ---- */

static const struct play_mail deadly = { .uid = 3,
					 .head = PLAY_PAT "Message-ID: <d@prospect.test>\r\n"
							  "In-Reply-To: <out.1@example.test>\r\n",
					 .text = "Yes." };

/* A process ends, by nobody's fault or the mail's, when an attempt at its headers stands. */
static void end_over(struct play *p, const char *database, int64_t epoch, bool is_bereft)
{
	struct session *lock = seed_session(database, PGTEST_ADMIN);
	pid_t pid;

	pgtest_exec(p->s.admin,
		    "update lease set epoch = %lld, bereft = %s, worker_id = '" SEED_WORKER
		    "' where inbox_id = '" SEED_A "'",
		    (long long)epoch, is_bereft ? "true" : "false");
	/* Its ids are looked up next. */
	pgtest_exec(lock, "begin; lock table outbound_key in access exclusive mode");
	pid = fork();
	if (pid == 0) {
		static struct play other;

		(void)setenv("CMOCKA_TEST_ABORT", "1", 1);
		other = (struct play){ .epoch = epoch, .is_careful = true };
		stage_join(&other.s, database);
		play_arrive(&other, "inbox", &deadly, 1);
		_exit(0);
	}
	assert_true(pid > 0);
	stage_until(&p->s, "select count(*) = 1 from mail_attempt where uid = 3 and epoch = %lld",
		    (long long)epoch);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &(int){ 0 }, 0), pid);
	pgtest_exec(lock, "rollback");
	session_close(lock);
}

static void read_it(struct play *p, int64_t epoch, bool is_bereft)
{
	struct play_mail both[2] = { deadly, harmless };

	pgtest_exec(p->s.admin,
		    "update lease set epoch = %lld, bereft = %s, worker_id = '" SEED_WORKER
		    "' where inbox_id = '" SEED_A "'",
		    (long long)epoch, is_bereft ? "true" : "false");
	p->epoch = epoch;
	p->is_careful = true;
	play_arrive(p, "inbox", both, 2);
	assert_string_equal(play_value(p, "select count(*) from mail_attempt"), "0");
}

static void assert_set_aside(struct play *p)
{
	assert_string_equal(play_value(p, "select string_agg(prospect_key, ' ' order by 1) "
					  "from message"),
			    "pat sam");
	assert_string_equal(play_value(p, GATE), "3");
	assert_string_equal(play_value(p, "select data->>'text_unavailable_reason' from event "
					  "where prospect_key = 'pat'"),
			    "set_aside");
	assert_string_equal(play_value(p, "select data->'message'->>'from' from event "
					  "where prospect_key = 'pat'"),
			    "pat@prospect.test");
}

/* The MIME library sees nothing of it, and yet whom it answers is known; the others are told. */
static void headers_that_kill_twice_are_told_by_what_they_name(void **state)
{
	static struct play p;

	(void)state;
	play_open(&p, "intake_headers");
	stage_register(&p.s, "out.1@example.test", "pat");
	stage_register(&p.s, "out.2@example.test", "sam");
	end_over(&p, "intake_headers", 1, false);
	end_over(&p, "intake_headers", 2, true);
	read_it(&p, 3, true);
	assert_set_aside(&p);
	stage_close(&p.s);
}

/* Whatever it is that they died of: the inbox goes on. */
static void headers_over_which_six_died_are_left_alone(void **state)
{
	static struct play p;

	(void)state;
	play_open(&p, "intake_headers_six");
	stage_register(&p.s, "out.1@example.test", "pat");
	stage_register(&p.s, "out.2@example.test", "sam");
	pgtest_exec(p.s.admin,
		    "insert into mail_attempt (workspace_id, inbox_id, folder_id, uidvalidity, uid,"
		    " epoch, tries) values ('" SEED_WS "', '" SEED_A "', '" SEED_FOLDER_A
		    "', 7, 3, 2, 5)");
	read_it(&p, 3, true);
	assert_string_equal(play_value(&p, "select string_agg(prospect_key, ' ') from message"),
			    "sam");
	/* Whoever answered by it nobody knows: that is said at the gates. */
	assert_string_equal(play_value(&p, "select concat_ws(' ', uid, inbox_id = '" SEED_A
					   "', acknowledged_at is null) from mail_unread"),
			    "3 t t");
	stage_close(&p.s);
}

/* The first one could not be written down. */
static void of_two_deaths_one_is_known(void **state)
{
	static struct play p;

	(void)state;
	play_open(&p, "intake_headers_first");
	stage_register(&p.s, "out.1@example.test", "pat");
	stage_register(&p.s, "out.2@example.test", "sam");
	end_over(&p, "intake_headers_first", 2, true);
	read_it(&p, 3, true);
	assert_set_aside(&p);
	stage_close(&p.s);
}

static bool has_left;

static void on_left(struct lease_release *q)
{
	has_left = outcome_ok(&q->outcome);
}

static bool is_left(struct stage *s)
{
	(void)s;
	return has_left;
}

static void who_leaves_in_order_did_not_die(void **state)
{
	static struct play p;
	static struct lease_release left;

	(void)state;
	play_open(&p, "intake_orderly");
	stage_register(&p.s, "out.1@example.test", "pat");
	stage_register(&p.s, "out.2@example.test", "sam");
	for (int epoch = 1; epoch < 4; epoch++) {
		end_over(&p, "intake_orderly", epoch, false);
		has_left = false;
		left = (struct lease_release){ 0 };
		assert_int_equal(lease_release_start(p.s.pg, &left, SEED_WORKER,
						     epoch == 3 ? NULL : SEED_A, on_left),
				 0);
		stage_until_holds(&p.s, is_left);
		pgtest_exec(
			p.s.admin,
			"insert into worker (worker_id, host, pid, capacity) values ('" SEED_WORKER
			"', 'h', 1, 9) on conflict do nothing");
	}
	read_it(&p, 4, false);
	assert_string_equal(play_value(&p, "select string_agg(prospect_key, ' ' order by 1) "
					   "from message"),
			    "pat sam");
	stage_close(&p.s);
}

static void a_lost_connection_is_no_death(void **state)
{
	static struct play p;
	struct play_mail t = poison;

	(void)state;
	play_open(&p, "intake_no_death");
	stage_register(&p.s, "out.1@example.test", "pat");
	t.dies = false;
	/* The same process looks at it again and again, and never gets the text. */
	p.mails = &t;
	for (int i = 0; i < 5; i++) {
		struct imap_message m = play_message(&t);
		struct intake_batch b = play_batch("inbox");

		p.n = 0;
		play_begin(&p);
		assert_true(intake_told(p.in, &m, clock_unix_us()));
		b.is_again = i > 0;
		b.again_uid = 3;
		intake_run(p.in, &b);
		stage_until(&p.s, "select level = 2 from gate where prospect_key = 'pat'");
		stage_until(&p.s, i > 0 ? "select count(*) = 1 from mail_attempt" : "select true");
		intake_drop(p.in);
	}
	play_again(&p, 3, &t);
	assert_string_equal(play_value(&p, "select data->>'text_unavailable' from event"), "false");
	stage_close(&p.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_behind_the_cut_are_found),
		cmocka_unit_test(a_mail_that_is_gone_when_it_is_looked_at_again_is_not_silence),
		cmocka_unit_test(another_mail_that_names_it_tells_it),
		cmocka_unit_test(a_registration_meanwhile_has_it_looked_at_once_more),
		cmocka_unit_test(a_mail_that_kills_twice_is_set_aside),
		cmocka_unit_test(headers_that_kill_twice_are_told_by_what_they_name),
		cmocka_unit_test(headers_over_which_six_died_are_left_alone),
		cmocka_unit_test(of_two_deaths_one_is_known),
		cmocka_unit_test(who_leaves_in_order_did_not_die),
		cmocka_unit_test(a_lost_connection_is_no_death),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
