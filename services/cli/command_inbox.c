#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mailaddr.h"
#include "base/rand.h"
#include "db/unread.h"
#include "db/view.h"
#include "services/cli/admin.h"
#include "services/cli/admin_table.h"
#include "services/cli/command.h"
#include "services/say.h"

/* `replyd inbox ...`: who is watched, and what is known of one inbox. */

#define WAIT_MS 10000
#define LOOK_MS 50
#define LINES   "100" /* of a timeline; the API pages further back */

/* ---- list ---- */

/* It tears SQL apart. */
/* clang-format off */
static const char list_rows[] =
	"select i.address, w.name, i.provider, coalesce(s.state, 'new'),"
	" coalesce(to_char(e.gated_through at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS\"Z\"'), 'never'), coalesce(s.reason, '')"
	" from inbox i join workspace w using (workspace_id)"
	" join inbox_seen e on e.workspace_id = i.workspace_id and e.inbox_id = i.inbox_id"
	" left join inbox_state s on s.inbox_id = i.inbox_id"
	" where i.admin_state <> 'removed' order by 2, 1";
static const char list_json[] =
	"select coalesce(jsonb_agg(jsonb_build_object('id', i.inbox_id, 'address', i.address,"
	"  'workspace', w.name, 'provider', i.provider, 'state', coalesce(s.state, 'new'),"
	"  'reason', coalesce(s.reason, '')) order by w.name, i.address), '[]')::text"
	" from inbox i join workspace w using (workspace_id)"
	" left join inbox_state s on s.inbox_id = i.inbox_id where i.admin_state <> 'removed'";
static const char find[] =
	"select i.inbox_id, w.name from inbox i join workspace w using (workspace_id)"
	" where i.inbox_id::text = lower($1) or (i.address = lower($1) and i.admin_state <> 'removed')";
static const char ask[] =
	"insert into probe (workspace_id, probe_id, inbox_id)"
	" select workspace_id, $2::uuid, inbox_id from inbox where inbox_id = $1::uuid";
static const char answered[] =
	"select jsonb_build_object('probe_id', p.probe_id,"
	"  'gated_through', instant_text(p.gated_through), 'covers', inbox_covers(p.inbox_id))::text"
	" from probe p where p.probe_id = $1::uuid and p.answered_at is not null";
static const char into_workspace[] =
	"select set_config('replyd.workspace', workspace_id::text, false), address"
	" from inbox where inbox_id = $1::uuid";
static const char let_go[] = "select state from inbox_remove($1::uuid)";
static const char gone[] =
	"select jsonb_build_object('id', inbox_id, 'removal', jsonb_build_object('state', state, 'reason', reason))::text, state, reason"
	" from removal where inbox_id = $1::uuid and (state <> 'asked' or $2::boolean)";
/* clang-format on */

int command_inbox_list(const struct settings *s, const struct options *o)
{
	const struct admin_table t = {
		.rows_sql = list_rows,
		.json_sql = list_json,
		.heads = { "INBOX", "WORKSPACE", "PROVIDER", "STATE", "SEEN THROUGH", "REASON" },
	};

	return admin_table(s, o, &t);
}

/* ---- one of them ---- */

/* The session and the inbox's id; 0, or an exit code after saying why. */
static int open_one(const struct settings *s, const struct options *o, struct session **ret,
		    char id[RAND_UUID])
{
	const char *name = o->n_words > 2 ? o->words[2] : NULL;
	char why[256], line[300], address[MAILADDR];
	const char *params[] = { name };
	int code = options_want(name, "INBOX", "its id or its address");

	if (code == 0)
		code = admin_open(s, o, ret);
	if (code)
		return code;
	line[0] = '\0';
	if (mailaddr_fold(text_of(name), address) == 0)
		params[0] = address;
	if (session_query(*ret, find, 1, params, why) != 0)
		code = say(EX_UNAVAILABLE, why);
	else if (session_rows(*ret) == 0)
		(void)snprintf(line, sizeof(line),
			       "inbox %.200s: there is none; see `replyd inbox list`", name);
	else if (session_rows(*ret) > 1)
		(void)snprintf(line, sizeof(line),
			       "inbox %.200s: several workspaces have one; name it by its id",
			       name);
	else
		(void)snprintf(id, RAND_UUID, "%s", session_value(*ret, 0, 0));
	if (line[0])
		code = say(EX_DATAERR, line);
	if (code)
		session_close(*ret);
	return code;
}

/* What a view says of one inbox, for a program or by `print` for people. */
static int show(const struct settings *s, const struct options *o, const char *sql,
		const char *limit, void (*print)(const json_t *j))
{
	char id[RAND_UUID], why[256];
	const char *params[] = { id, limit };
	cleanup_json json_t *j = NULL;
	struct session *db;
	int code = open_one(s, o, &db, id);

	if (code)
		return code;
	if (session_query(db, sql, limit ? 2 : 1, params, why) != 0) {
		code = say(EX_UNAVAILABLE, why);
	} else if (o->json) {
		puts(session_value(db, 0, 0));
	} else {
		j = json_loads(session_value(db, 0, 0), 0, NULL);
		print(j);
	}
	session_close(db);
	return code;
}

static const char *instant_at(const json_t *j, const char *name)
{
	const char *text = json_get_text(j, name);

	return *text ? text : "never";
}

static long long int_at(const json_t *j, const char *name)
{
	return json_integer_value(json_object_get(j, name));
}

static void print_line(const char *name, const char *value)
{
	if (*value)
		printf("%-14s %s\n", name, value);
}

/* "by push, every 60 s" */
static void print_how(const json_t *f)
{
	if (*json_get_text(f, "seen_by"))
		printf("by %s, every %lld s", json_get_text(f, "seen_by"),
		       int_at(f, "seen_every_s"));
	putchar('\n');
}

/* All that it was ever sent, in one line. */
static void print_commands(const json_t *all)
{
	const json_t *c;
	size_t i;

	if (!json_array_size(all))
		return;
	printf("%-14s ", "commands");
	json_array_foreach(all, i, c)
	{
		printf("%s%s", i ? ", " : "", json_get_text(c, "command"));
	}
	putchar('\n');
}

static void print_inbox(const json_t *j)
{
	const json_t *marks = json_object_get(j, "watermarks"), *gap = json_object_get(j, "gap");
	const json_t *progress = json_object_get(j, "progress"), *f;
	size_t i;

	print_line("inbox", json_get_text(j, "address"));
	print_line("id", json_get_text(j, "id"));
	print_line("provider", json_get_text(j, "provider"));
	print_line("state", json_get_text(j, "state"));
	print_line("reason", json_get_text(j, "reason"));
	print_line("detail", json_get_text(j, "detail"));
	print_line("since", json_get_text(j, "since"));
	print_line("waiting for", json_get_text(j, "waiting_for"));
	print_line("not before", json_get_text(j, "retry_at"));
	if (json_is_object(progress))
		printf("%-14s %lld of %lld\n", "progress", int_at(progress, "done"),
		       int_at(progress, "of"));
	print_line("grant", json_get_text(json_object_get(j, "grant"), "state"));
	print_line("seen through", instant_at(marks, "gated_through"));
	print_line("events through", instant_at(marks, "ingested_through"));
	if (json_is_object(gap))
		printf("%-14s since %s: %s\n", "blind", json_get_text(gap, "blind_from"),
		       json_get_text(gap, "cause"));
	print_commands(json_object_get(j, "commands"));
	printf("\n%-28s %-6s %-28s %s\n", "FOLDER", "ROLE", "SEEN THROUGH", "LOOKED AT");
	json_array_foreach(json_object_get(j, "folders"), i, f)
	{
		printf("%-28s %-6s %-28s ", json_get_text(f, "name"), json_get_text(f, "role"),
		       instant_at(f, "gated_through"));
		print_how(f);
	}
}

static void print_timeline(const json_t *j)
{
	const json_t *lines = json_object_get(j, "lines");

	/* As it happened: the newest at the end. */
	for (size_t i = json_array_size(lines); i-- > 0;) {
		const json_t *l = json_array_get(lines, i);

		printf("%s  %-14s %s\n", json_get_text(l, "at"), json_get_text(l, "code"),
		       json_get_text(l, "words"));
	}
}

static void print_gaps(const json_t *j)
{
	const json_t *g;
	size_t i;

	printf("%-28s %-28s %-16s %8s %8s %8s  %s\n", "BLIND FROM", "TO", "CAUSE", "REPLAYED",
	       "VANISHED", "SKIPPED", "VERIFIED");
	json_array_foreach(j, i, g)
	{
		bool is_over = *json_get_text(g, "blind_to");

		printf("%-28s %-28s %-16s %8lld %8lld %8lld  %s\n", json_get_text(g, "blind_from"),
		       is_over ? json_get_text(g, "blind_to") : "it still is",
		       json_get_text(g, "cause"), int_at(g, "replayed"), int_at(g, "vanished"),
		       int_at(g, "skipped"),
		       !is_over                                       ? ""
		       : json_is_true(json_object_get(g, "verified")) ? "yes"
								      : "no");
	}
}

int command_inbox_show(const struct settings *s, const struct options *o)
{
	return show(s, o, view_sql_inbox, NULL, print_inbox);
}

int command_inbox_timeline(const struct settings *s, const struct options *o)
{
	return show(s, o, view_sql_timeline, LINES, print_timeline);
}

int command_inbox_gaps(const struct settings *s, const struct options *o)
{
	return show(s, o, view_sql_gaps, LINES, print_gaps);
}

/* ---- probe ---- */

static int wait_answer(struct session *db, const char *probe, bool is_json)
{
	uint64_t end_ms = clock_mono_ms() + WAIT_MS;
	const char *params[] = { probe };
	char why[256];

	do {
		cleanup_json json_t *j = NULL;

		(void)poll(NULL, 0, LOOK_MS);
		if (session_query(db, answered, 1, params, why) != 0)
			return say(EX_UNAVAILABLE, why);
		if (session_rows(db) == 0)
			continue;
		if (is_json) {
			puts(session_value(db, 0, 0));
			return 0;
		}
		j = json_loads(session_value(db, 0, 0), 0, NULL);
		printf("everything that came before %s is seen\n",
		       json_get_text(j, "gated_through"));
		return 0;
	} while (clock_mono_ms() < end_ms);
	return say(EX_UNAVAILABLE, "the inbox has not proven within 10 s; see `replyd inbox show`");
}

int command_inbox_probe(const struct settings *s, const struct options *o)
{
	char id[RAND_UUID], probe[RAND_UUID], why[256];
	const char *params[] = { id, probe };
	struct session *db;
	int code = open_one(s, o, &db, id);

	if (code)
		return code;
	rand_uuid(probe);
	if (session_query(db, ask, 2, params, why) != 0 ||
	    session_exec(db, "notify replyd_probe", why) != 0)
		code = say(EX_UNAVAILABLE, why);
	else
		code = wait_answer(db, probe, o->json);
	session_close(db);
	return code;
}

/* ---- disconnect ---- */

static int wait_gone(struct session *db, const char *id, bool is_json)
{
	uint64_t end_ms = clock_mono_ms() + WAIT_MS;
	bool is_over;
	char why[256];

	do {
		const char *params[] = { id, NULL };

		is_over = clock_mono_ms() >= end_ms;
		params[1] = is_over ? "true" : "false";
		(void)poll(NULL, 0, LOOK_MS);
		if (session_query(db, gone, 2, params, why) != 0)
			return say(EX_UNAVAILABLE, why);
	} while (session_rows(db) == 0 && !is_over);
	if (is_json)
		puts(session_value(db, 0, 0));
	else
		printf("disconnected; at the provider: %s%s%s\n", session_value(db, 0, 1),
		       *session_value(db, 0, 2) ? ", " : "", session_value(db, 0, 2));
	if (strcmp(session_value(db, 0, 1), "asked") == 0)
		return say(EX_UNAVAILABLE,
			   "the broker has not revoked it within 10 s and goes on trying; see "
			   "`replyd inbox timeline`");
	return 0;
}

int command_inbox_disconnect(const struct settings *s, const struct options *o)
{
	char id[RAND_UUID], why[256];
	const char *params[] = { id };
	struct session *db;
	int code = open_one(s, o, &db, id);

	if (code)
		return code;
	if (session_query(db, into_workspace, 1, params, why) != 0 ||
	    session_query(db, let_go, 1, params, why) != 0 ||
	    session_exec(db, "notify replyd_inbox; notify replyd_removal", why) != 0)
		code = say(EX_UNAVAILABLE, why);
	else
		code = wait_gone(db, id, o->json);
	session_close(db);
	return code;
}

/* ---- mails that nobody could read ---- */

static void print_unread(const json_t *all)
{
	const json_t *u;
	size_t i;

	printf("%-28s %-28s %10s  %s\n", "LEFT ALONE", "ACKNOWLEDGED", "UID", "FOLDER");
	json_array_foreach(all, i, u)
	{
		const char *seen = json_get_text(u, "acknowledged_at");

		printf("%-28s %-28s %10lld  %s\n", json_get_text(u, "left_at"), *seen ? seen : "no",
		       int_at(u, "uid"), json_get_text(u, "folder"));
	}
}

/* Both are asked inside the walls of the inbox's workspace. */
int command_inbox_unread(const struct settings *s, const struct options *o)
{
	bool is_list = strcmp(o->words[1], "unread") == 0;
	char id[RAND_UUID], why[256];
	const char *params[] = { id, NULL };
	cleanup_json json_t *j = NULL;
	struct session *db;
	int code = open_one(s, o, &db, id);

	if (code)
		return code;
	if (session_query(db, into_workspace, 1, params, why) != 0 ||
	    session_query(db, is_list ? unread_sql_list : unread_sql_acknowledge, is_list ? 1 : 2,
			  params, why) != 0) {
		code = say(EX_UNAVAILABLE, why);
	} else if (o->json) {
		puts(session_value(db, 0, 0));
	} else {
		j = json_loads(session_value(db, 0, 0), 0, NULL);
		if (is_list)
			print_unread(j);
		else
			printf("%lld mails are acknowledged\n", int_at(j, "acknowledged"));
	}
	session_close(db);
	return code;
}
