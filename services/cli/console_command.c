#include "services/cli/console_command.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/json.h"
#include "base/rand.h"
#include "db/person.h"
#include "oauth/link_token.h"
#include "services/cli/admin.h"
#include "services/cli/admin_table.h"
#include "services/say.h"

/* clang-format off */
static const char link_sql[] =
	"with made as (insert into person_link (workspace_id, link_id, digest, person, role, expires_at)"
	"  values (workspace_now(), $1::uuid, decode($2, 'hex'), $3, $4, now() + interval '15 minutes') returning workspace_id)"
	" select audit_note(workspace_id, 'command_line', null, '', 'replyd console link', array[$3, $4], '{}', null) from made";
#define SESSIONS                                                                                   \
	" from person_session s join workspace w using (workspace_id)"                              \
	" where s.ended_at is null and s.expires_at > now()"                                        \
	"  and ($1::text is null or w.name = $1 or w.workspace_id::text = $1)"
static const char rows_sql[] =
	"select s.session_id, w.name, s.role, to_char(s.expires_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), s.person"
	SESSIONS " order by w.name, s.created_at";
static const char json_sql[] =
	"select coalesce(jsonb_agg(jsonb_build_object('id', s.session_id, 'workspace', w.name, 'role', s.role, 'person', s.person,"
	" 'created_at', instant_text(s.created_at), 'expires_at', instant_text(s.expires_at)) order by w.name, s.created_at), '[]')::text"
	SESSIONS;
static const char end_sql[] =
	"with ended as (update person_session set ended_at = now() where session_id::text = lower($1) and ended_at is null"
	"  returning workspace_id, session_id, person)"
	" select session_id, person, audit_note(workspace_id, 'command_line', null, '', 'replyd console sign-out',"
	"  array[session_id::text, person], '{}', null) from ended";
/* clang-format on */

/* How browsers reach the console, as the running `replyd up` was told. */
static void public_url(const struct settings *ours, const struct options *o, char *ret, size_t size)
{
	struct settings theirs;
	bool is_theirs = admin_settings(o, &theirs);

	(void)snprintf(ret, size, "%s", is_theirs ? theirs.api_public_url : ours->api_public_url);
	if (is_theirs)
		settings_clear(&theirs);
}

static int check(const struct options *o, const char *role)
{
	int code = options_want(o->person, "--person", "who will sign in, as the audit names him");
	if (code == 0 && (!*o->person || strlen(o->person) > 120))
		code = say(EX_USAGE, "--person: is empty or longer than 120 bytes");
	if (code == 0 && person_role_of(role) < 0)
		code = say(EX_USAGE, "--role: is no role; choose viewer, operator or admin");
	return code;
}

static void print_link(const char *url, const char *token, bool as_json)
{
	if (as_json)
		printf("{\"url\":\"%s/console#/enter/%s\",\"expires_in_s\":900}\n", url, token);
	else
		printf("%s/console#/enter/%s\n", url, token);
	if (!as_json && isatty(1))
		(void)fputs("It is good once, and for 15 minutes.\n", stderr);
}

int console_command_link(const struct settings *s, const struct options *o)
{
	char id[RAND_UUID], token[LINK_TOKEN], hex[65], url[512], why[256];
	const char *role = o->role ? o->role : "viewer";
	const char *params[] = { id, hex, o->person, role };
	uint8_t digest[SIGN_SHA256];
	struct session *db;
	struct buf b;
	int code = check(o, role);

	if (code == 0)
		code = admin_open_workspace(s, o, &db);
	if (code)
		return code;
	rand_uuid(id);
	link_token_make(token);
	link_token_digest(token, digest);
	buf_init(&b, sizeof(hex) - 1);
	text_add_hex(&b, digest, sizeof(digest));
	(void)snprintf(hex, sizeof(hex), "%s", (const char *)b.data);
	buf_clear(&b);
	if (session_query(db, link_sql, 4, params, why) != 0) {
		code = say(EX_UNAVAILABLE, why);
	} else {
		public_url(s, o, url, sizeof(url));
		print_link(url, token, o->json);
	}
	secret_wipe(token, sizeof(token));
	session_close(db);
	return code;
}

int console_command_sessions(const struct settings *s, const struct options *o)
{
	const struct admin_table t = {
		.rows_sql = rows_sql,
		.json_sql = json_sql,
		.heads = { "SESSION", "WORKSPACE", "ROLE", "UNTIL (UTC)", "PERSON" },
		.params = { o->workspace },
		.n_params = 1,
	};

	return admin_table(s, o, &t);
}

int console_command_sign_out(const struct settings *s, const struct options *o)
{
	const char *params[] = { o->words[2] };
	char why[256], line[200];
	struct session *db;
	int code =
		options_want(params[0], "ID", "the session, as `replyd console sessions` names it");

	if (code == 0)
		code = admin_open(s, o, &db);
	if (code)
		return code;
	if (session_query(db, end_sql, 1, params, why) != 0) {
		code = say(EX_UNAVAILABLE, why);
	} else if (session_rows(db) == 0) {
		(void)snprintf(line, sizeof(line),
			       "session %.60s: there is none, or it has ended; see `replyd console "
			       "sessions`",
			       params[0]);
		code = say(EX_DATAERR, line);
	} else if (o->json) {
		printf("{\"id\":\"%s\",\"state\":\"ended\"}\n", session_value(db, 0, 0));
	} else {
		printf("%s (%s) is signed out\n", session_value(db, 0, 0), session_value(db, 0, 1));
	}
	session_close(db);
	return code;
}
