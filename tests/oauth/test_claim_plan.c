/* What brokers ask all the time reads what is to be done, not what waits behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "db/connect_link.h"
#include "db/domain_grant.h"
#include "db/domain_mailbox.h"
#include "db/inbox_grant.h"
#include "tests/db/pgtest.h"
#include "tests/oauth/tokenbench.h"

#define MANY   "5000"
#define LITTLE 600 /* rows of all tables, for a claim of ten */

static struct tokenbench bench;
static struct pg *pg;
static char claim[RAND_UUID];
static int claimed;
static bool over;

static void on_grant(struct inbox_grant_claim *q, const struct inbox_grant_row *r)
{
	(void)q;
	assert_string_equal(r->provider, "acme");
}
static void on_grants(struct inbox_grant_claim *q)
{
	assert_true(outcome_ok(&q->outcome));
	claimed = q->claimed;
	over = true;
}
static void claim_grants(void)
{
	static struct inbox_grant_claim q;
	const struct inbox_grant_want w = { .claim = claim,
					    .most = 10,
					    .stale_ms = 60000,
					    .without = "frozen,cold",
					    .fresh_s = 120,
					    .refused_again_s = 120 };

	assert_int_equal(inbox_grant_claim_start(pg, &q, &w, on_grant, on_grants), 0);
}

static void on_link(struct connect_link_claim *q, const struct connect_link_work *w)
{
	(void)q;
	(void)w;
}
static void on_links(struct connect_link_claim *q)
{
	assert_true(outcome_ok(&q->outcome));
	claimed = q->claimed;
	over = true;
}
static void claim_links(void)
{
	static struct connect_link_claim q;

	assert_int_equal(connect_link_claim_start(pg, &q, claim, 10, 60000, on_link, on_links), 0);
}

static void on_domain(struct domain_grant_claim *q, const struct domain_grant_row *r)
{
	(void)q;
	(void)r;
}
static void on_domains(struct domain_grant_claim *q)
{
	assert_true(outcome_ok(&q->outcome));
	claimed = q->enrolled;
	over = true;
}
static void claim_domains(void)
{
	static struct domain_grant_claim q;
	const struct domain_grant_want w = { .claim = claim,
					     .most = 10,
					     .stale_ms = 60000,
					     .forced_after_s = 120,
					     .enroll_most = 10 };

	assert_int_equal(domain_grant_claim_start(pg, &q, &w, on_domain, on_domains), 0);
}

static void on_mailbox(struct domain_mailbox_claim *q, const struct domain_mailbox_row *r)
{
	(void)q;
	(void)r;
}
static void on_mailboxes(struct domain_mailbox_claim *q)
{
	assert_true(outcome_ok(&q->outcome));
	claimed = q->claimed;
	over = true;
}
static void claim_mailboxes(void)
{
	static struct domain_mailbox_claim q;
	const struct domain_mailbox_want w = { .claim = claim,
					       .most = 10,
					       .stale_ms = 60000,
					       .fresh_s = 120,
					       .refused_again_s = 120 };

	assert_int_equal(domain_mailbox_claim_start(pg, &q, &w, on_mailbox, on_mailboxes), 0);
}

static void on_told(struct pg_tx *tx, const struct pg_answer *a)
{
	(void)tx;
	assert_true(outcome_ok(&a->outcome));
	over = true;
}

/* Rows that were read so far, of the tables of which there are many. */
static long rows_read(void)
{
	static const struct pg_stmt tell = { "tell", "select pg_stat_force_next_flush()" };
	struct pg_tx tx;

	over = false;
	pg_tx_init(&tx, /* workspace= */ NULL);
	pg_tx_add(&tx, &tell, "");
	assert_int_equal(pg_tx_start(pg, &tx, on_told), 0);
	TOKENBENCH_UNTIL(&bench, over);
	/* What filled the tables read them, too, and is told at most once a second. */
	(void)pgtest_value(bench.admin, "select pg_stat_force_next_flush()");
	return strtol(pgtest_value(bench.admin,
				   "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint"
				   " from pg_stat_user_tables where schemaname = 'replyd' and"
				   " relname in ('inbox', 'inbox_grant', 'connect_link',"
				   " 'domain_grant', 'token_request', 'access_token')"),
		      NULL, 10);
}

/* Inboxes <name><n>@acme.test with a grant, `domain` NULL: of their own. */
static void fill_inboxes(const char *name, const char *provider, const char *many,
			 const char *domain, const char *due)
{
	pgtest_exec(
		bench.admin,
		"with i as (insert into inbox (workspace_id, inbox_id, address, provider,"
		"   imap_host, imap_port, imap_security, login_name)"
		"  select '%s', gen_random_uuid(), '%s' || n || '@acme.test', '%s', 'h', 993,"
		"   'tls', 'u' from generate_series(1, %s) n returning workspace_id, inbox_id)"
		"insert into inbox_grant (workspace_id, inbox_id, kind, sealed, domain_grant_id,"
		"  refresh_due_at)"
		" select workspace_id, inbox_id, case when %s::uuid is null then 'oauth'"
		"  else 'app_only' end, '', %s, now() + interval '%s' from i",
		bench.workspace, name, provider, many, domain ? domain : "null",
		domain ? domain : "null", due);
}

static void fill_links(const char *domain, const char *many)
{
	pgtest_exec(bench.admin,
		    "insert into connect_link (workspace_id, connect_link_id, token_digest,"
		    "  provider, expected_address, state, expires_at, created_at, domain_grant_id,"
		    "  imap_host, imap_port, imap_security)"
		    " select '%s', gen_random_uuid(), uuid_send(gen_random_uuid()), 'ms',"
		    "  'new' || n || '.' || coalesce(%s::text, '') || '@acme.test', 'exchanging',"
		    "  now() + interval '1 day', now() - interval '1 hour', %s, 'h', 993, 'tls'"
		    " from generate_series(1, %s) n",
		    bench.workspace, domain, domain, many);
}

static void fill(void)
{
	static const char good[] = "'70000000-0000-4000-8000-000000000001'",
			  bad[] = "'70000000-0000-4000-8000-000000000002'";

	pgtest_exec(
		bench.admin,
		"insert into domain_grant (workspace_id, domain_grant_id, provider, kind, tenant,"
		"  state, sealed, token_sealed, version, token_version, token_at, token_due_at,"
		"  token_expires_at)"
		" select '%s', id::uuid, 'ms', 'app_only', id, state, 'x', 'x', 1, 1, now(),"
		"  now() + interval '1 hour', now() + interval '1 hour' from (values (%s, 'ok'),"
		"  (%s, 'reauth_required')) d (id, state)",
		bench.workspace, good, bad);
	fill_inboxes("frozen", "frozen", MANY, NULL, "-1 hour");
	fill_inboxes("cold", "cold", MANY, NULL, "-1 hour");
	fill_inboxes("due", "acme", "5", NULL, "-1 minute");
	fill_inboxes("quiet", "acme", MANY, NULL, "1 hour");
	fill_inboxes("domain", "ms", MANY, good, "1 hour");
	fill_inboxes("domaindue", "ms", "4", good, "-1 minute");
	fill_links(bad, MANY);
	fill_links(good, "3");
	fill_links("null", "2");
	pgtest_exec(bench.admin, "analyze");
}

static void a_claim_reads_little(void **state)
{
	static const struct {
		const char *name;
		void (*start)(void);
		int claimed;
	} rows[] = {
		{ "grants of two frozen providers, and of a domain", claim_grants, 5 },
		{ "links behind imports", claim_links, 2 },
		{ "mailboxes of a domain", claim_mailboxes, 4 },
		{ "imports behind those of a domain that is refused", claim_domains, 3 },
	};

	(void)state;
	tokenbench_open(&bench, "claim_plan");
	pg = tokenbench_pg(&bench, "replyd_broker");
	fill();
	for (int round = 0; round < 7; round++) /* the plan that is kept comes after five */
		for (size_t i = 0; i < countof(rows); i++) {
			long before = rows_read(), rows_were;

			over = false;
			rand_uuid(claim);
			rows[i].start();
			TOKENBENCH_UNTIL(&bench, over);
			rows_were = rows_read() - before;
			if (round == 0 && claimed != rows[i].claimed)
				fail_msg("%s: %d claimed", rows[i].name, claimed);
			if (rows_were > LITTLE)
				fail_msg("%s: %ld rows read", rows[i].name, rows_were);
		}
	pg_drop(pg);
	tokenbench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_reads_little),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
