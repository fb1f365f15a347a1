#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "services/cli/admin.h"
#include "services/say.h"
#include "services/up/data_dir.h"
#include "services/up/keyring.h"

/* DIR/replyd.state, as `replyd up` wrote it. */
static int place_of_state(const char *data, char ret[CONNINFO_MAX])
{
	char path[512], why[700];
	json_t *state;
	const char *place;
	int code = 0;

	(void)snprintf(path, sizeof(path), "%s/replyd.state", data);
	state = json_load_file(path, 0, NULL);
	place = json_string_value(json_object_get(state, "conninfo"));
	if (place && strlen(place) < CONNINFO_MAX) {
		(void)snprintf(ret, CONNINFO_MAX, "%s", place);
	} else {
		(void)snprintf(why, sizeof(why),
			       "%s cannot be read: is `replyd up --data %s` running? (or set "
			       "DATABASE_URL)",
			       path, data);
		code = say(EX_UNAVAILABLE, why);
	}
	json_decref(state);
	return code;
}

int admin_place(const struct settings *s, const struct options *o, char ret[CONNINFO_MAX],
		char ret_user[64], struct secret *ret_password)
{
	char why[256];
	int code = options_want(o->data, "--data",
				"the folder of `replyd up`, which holds the secrets");

	if (code)
		return code;
	ret_user[0] = '\0';
	if (!*s->database_url)
		return place_of_state(o->data, ret);
	return conninfo_split(s->database_url, ret, ret_user, ret_password, why) == 0
		       ? 0
		       : say(EX_CONFIG, why);
}

int admin_open(const struct settings *s, const struct options *o, struct session **ret)
{
	char place[CONNINFO_MAX], conninfo[CONNINFO_MAX], user[64], why[512];
	cleanup_secret struct secret password = { 0 };
	int r, code = admin_place(s, o, place, user, &password);

	if (code)
		return code;
	r = keyring_read_one(o->data, KEYRING_ADMIN, &password, why);
	if (r)
		return say(r == -EACCES ? EX_NOPERM : EX_CONFIG, why);
	if (conninfo_join(place, "replyd_admin", conninfo) != 0)
		return say(EX_CONFIG, "database.url is too long");
	r = session_open(conninfo, &password, "replyd command line", ret, why);
	if (r)
		return say(r == -EACCES ? EX_NOPERM : EX_UNAVAILABLE, why);
	return 0;
}

int admin_open_workspace(const struct settings *s, const struct options *o, struct session **ret)
{
	static const char sql[] =
		"select set_config('replyd.workspace', workspace_id::text, false) from workspace"
		" where name = $1 or workspace_id::text = lower($1)";
	const char *params[] = { o->workspace };
	char why[256], line[300];
	int code = options_want(o->workspace, "--workspace", "name or id of the team");

	if (code == 0)
		code = admin_open(s, o, ret);
	if (code)
		return code;
	if (session_query(*ret, sql, 1, params, why) != 0) {
		code = say(EX_UNAVAILABLE, why);
	} else if (session_rows(*ret) != 1) {
		(void)snprintf(line, sizeof(line),
			       "workspace %.80s: there is none of this name; make it with `replyd "
			       "workspace create`",
			       o->workspace);
		code = say(EX_DATAERR, line);
	}
	if (code)
		session_close(*ret);
	return code;
}

bool admin_settings(const struct options *o, struct settings *ret)
{
	char path[DATA_DIR_PATH], why[512], *none[] = { NULL };

	if (o->config || !o->data)
		return false;
	data_dir_settings(o->data, path);
	return access(path, R_OK) == 0 && settings_load(ret, path, none, NULL, 0, why) == 0;
}
