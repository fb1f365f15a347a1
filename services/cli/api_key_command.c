#include "services/cli/api_key_command.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "services/cli/admin.h"
#include "services/cli/admin_table.h"
#include "services/say.h"

/* clang-format off */
#define KEYS                                                                                       \
	" from api_key k join workspace w using (workspace_id)"                                    \
	" where $1::text is null or w.name = $1 or w.workspace_id::text = $1"
#define STATE                                                                                      \
	"case when k.revoked_at is not null then 'revoked'"                                        \
	" when k.expires_at < now() then 'expired' else 'good' end"
#define MINUTE(t) "coalesce(to_char(" t " at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), 'never')"
static const char rows_sql[] =
	"select k.api_key_id, k.prefix, w.name, " STATE ", " MINUTE("k.last_used_at") ","
	" array_to_string(k.scopes, ','), k.label" KEYS " order by w.name, k.created_at";
static const char json_sql[] =
	"select coalesce(jsonb_agg(jsonb_build_object('id', k.api_key_id, 'prefix', k.prefix, 'workspace', w.name,"
	" 'label', k.label, 'scopes', k.scopes, 'state', " STATE ", 'created_at', instant_text(k.created_at),"
	" 'expires_at', instant_text(k.expires_at), 'revoked_at', instant_text(k.revoked_at),"
	" 'last_used_at', instant_text(k.last_used_at)) order by w.name, k.created_at), '[]')::text" KEYS;
/* Of one that was revoked before, the instant stays. */
static const char revoke_sql[] =
	"with named as (select workspace_id, api_key_id from api_key"
	"   where api_key_id::text = lower($1) or length($1) > 8 and starts_with(prefix, $1))"
	" update api_key k set revoked_at = coalesce(k.revoked_at, now()) from named n"
	" where k.workspace_id = n.workspace_id and k.api_key_id = n.api_key_id and (select count(*) from named) = 1"
	" returning k.api_key_id, k.prefix, k.label";
/* clang-format on */

int api_key_command_list(const struct settings *s, const struct options *o)
{
	const struct admin_table t = {
		.rows_sql = rows_sql,
		.json_sql = json_sql,
		.heads = { "KEY", "BEGINS", "WORKSPACE", "STATE", "LAST USED (UTC)", "SCOPES",
			   "LABEL" },
		.params = { o->workspace },
		.n_params = 1,
	};

	return admin_table(s, o, &t);
}

int api_key_command_revoke(const struct settings *s, const struct options *o)
{
	const char *params[] = { o->words[2] };
	char why[256], line[200];
	struct session *db;
	int code = options_want(params[0], "ID", "the key, as `replyd api-key list` names it");

	if (code == 0)
		code = admin_open(s, o, &db);
	if (code)
		return code;
	if (session_query(db, revoke_sql, 1, params, why) != 0) {
		code = say(EX_UNAVAILABLE, why);
	} else if (session_rows(db) == 0) {
		(void)snprintf(line, sizeof(line),
			       "key %.60s: none or several are called so; see `replyd api-key "
			       "list`",
			       params[0]);
		code = say(EX_DATAERR, line);
	} else if (o->json) {
		printf("{\"id\":\"%s\",\"state\":\"revoked\"}\n", session_value(db, 0, 0));
	} else {
		printf("%s (%s, %s) is revoked\n", session_value(db, 0, 0), session_value(db, 0, 1),
		       session_value(db, 0, 2));
	}
	session_close(db);
	return code;
}
