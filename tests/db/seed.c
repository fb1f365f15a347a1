#include "tests/db/seed.h"

#include "tests/db/pgtest.h"

static const char rows[] =
	"insert into workspace (workspace_id, name) values ('" SEED_WS "', 'one'), ('" SEED_OTHER
	"', 'two');"
	"insert into worker (worker_id, host, pid, capacity) values ('" SEED_WORKER
	"', 'h', 1, 10);"
	"insert into inbox (workspace_id, inbox_id, address, provider, imap_host, imap_port, "
	"imap_security, login_name)"
	" select w, i, a, 'p', 'imap.example.test', 993, 'tls', a from (values"
	" ('" SEED_WS "'::uuid, '" SEED_A "'::uuid, 'a@example.test'), ('" SEED_WS "', '" SEED_B
	"', 'b@example.test'),"
	" ('" SEED_OTHER "', '" SEED_C "', 'c@example.test')) as v (w, i, a);"
	"insert into inbox_state (workspace_id, inbox_id) select workspace_id, inbox_id from inbox;"
	"insert into lease (workspace_id, inbox_id, worker_id, epoch, taken_at)"
	" select workspace_id, inbox_id, '" SEED_WORKER "', 1, now() from inbox;"
	"insert into folder (workspace_id, inbox_id, folder_id, name, wire_name, role, "
	"uidvalidity, uid_gated, uid_ingested)"
	" select w, i, f, 'INBOX', 'INBOX', 'inbox', 7, 0, 0 from (values"
	" ('" SEED_WS "'::uuid, '" SEED_A "'::uuid, '" SEED_FOLDER_A "'::uuid), ('" SEED_WS
	"', '" SEED_B "', '" SEED_FOLDER_B "'),"
	" ('" SEED_OTHER "', '" SEED_C "', '" SEED_FOLDER_C "')) as v (w, i, f);"
	"insert into inbox_grant (workspace_id, inbox_id, kind, sealed)"
	" select workspace_id, inbox_id, 'oauth', 'sealed' from inbox;"
	"insert into endpoint (workspace_id, endpoint_id, url, sealed_secret)"
	" values ('" SEED_WS "', '" SEED_ENDPOINT "', 'https://hooks.example.test/', 'sealed')";

const char *seed_database(const char *name)
{
	struct session *s;

	(void)pgtest_database(name);
	s = pgtest_session(name, PGTEST_ADMIN);
	pgtest_exec(s, "set search_path = replyd; %s", rows);
	session_close(s);
	return name;
}

struct session *seed_session(const char *database, const char *role)
{
	struct session *s = pgtest_session(database, role);

	pgtest_exec(s, "set search_path = replyd, pg_temp; set replyd.workspace = '" SEED_WS "'");
	return s;
}
