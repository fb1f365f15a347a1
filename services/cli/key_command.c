#include "services/cli/key_command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/reseal.h"
#include "services/cli/admin.h"
#include "services/cli/admin_table.h"
#include "services/say.h"
#include "services/up/data_dir.h"
#include "services/up/keyring.h"

#define LOOK_MS 500
#define STUCK_MS                                                                                   \
	60000 /* nothing moved for so long: what it waits for must be mended by somebody           \
	       */

static const char *const groups[] = { "grant", "token", "webhook" };

/* ---- list ---- */

#define SQL_MAX 8192 /* twice what it is */

/* clang-format off */
static const char keys_sql[] =
	" counted as (select key_group, master_id, sum(boxes) as boxes from box group by 1, 2),"
	" keys as (select key_group, master_id, coalesce(m.state, 'missing') as state,"
	"   m.known_since, coalesce(c.boxes, 0) as boxes,"
	"   (select count(*) from key_holders(key_group) h where master_id = any (h.holds)) as held,"
	"   (select count(*) from key_holders(key_group)) as holders"
	"  from master_key m full join counted c using (key_group, master_id))";
static const char rows_sql[] =
	" select key_group, master_id, case when held = 0 and boxes > 0 then 'missing' else state end, boxes,"
	" held || '/' || holders, coalesce(to_char(known_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), '-')"
	" from keys order by key_group, master_id";
static const char json_sql[] =
	" select coalesce(jsonb_agg(jsonb_build_object('group', key_group, 'key', master_id, 'state', state, 'boxes', boxes,"
	" 'held_by', held, 'holders', holders, 'known_since', known_since) order by key_group, master_id), '[]')::text from keys";

/* What a rotation is at; `waits` names who lacks the new key. */
static const char state_sql[] =
	"select r.state, r.to_id, coalesce(r.total, 0), least(r.moved, coalesce(r.total, 0)), r.unopened,"
	" coalesce((select string_agg(format('%s on %s (pid %s)', h.role, h.host, h.pid), ', ' order by h.role, h.pid)"
	"   from key_holders(r.key_group) h where not r.to_id = any (h.holds)), ''), r.moved"
	" from key_rotation r where r.key_group = $1";
static const char sealing_sql[] = "select master_id from master_key where key_group = $1 and state = 'sealing'";
static const char given_sql[] =
	"select m.master_id from master_key m where m.key_group = $1 and m.master_id > $2::int and m.state <> 'retired'"
	" and not exists (select from key_holders($1) h where not m.master_id = any (h.holds)) order by 1 desc limit 1";
static const char begin_sql[] =
	"insert into key_rotation (key_group, to_id) values ($1, $2::smallint) on conflict (key_group) do update set"
	" to_id = excluded.to_id, state = 'joining', total = null, moved = 0, unopened = 0, worked_by = null,"
	" retired_xid = null, started_at = now(), ended_at = null where key_rotation.state = 'done'";
/* clang-format on */

int key_command_list(const struct settings *s, const struct options *o)
{
	struct admin_table t = {
		.heads = { "GROUP", "KEY", "STATE", "BOXES", "HELD BY", "KNOWN SINCE (UTC)" },
	};
	cleanup_buf struct buf sql;

	buf_init(&sql, SQL_MAX);
	(void)text_addf(&sql, "with box as (");
	reseal_boxes_sql(&sql);
	(void)text_addf(&sql, "),%s%s", keys_sql, o->json ? json_sql : rows_sql);
	t.rows_sql = t.json_sql = (const char *)sql.data;
	return admin_table(s, o, &t);
}

/* ---- rotate ---- */

struct turn {
	const char *group;
	char state[16], said[512];
	bool is_over;
};

/* `replyd up` runs here and gives its children what is in DIR/secrets. */
static bool is_up(const char *data)
{
	char path[DATA_DIR_PATH];
	bool held;
	int fd;

	data_dir_lock(data, path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	held = flock(fd, LOCK_EX | LOCK_NB) != 0;
	close(fd);
	return held;
}

/* As the `replyd up` that runs there would: with its key_command, not with ours. */
static int make_next(const char *data, const char *group, unsigned after, unsigned *ret_id,
		     char why[512])
{
	char path[DATA_DIR_PATH], *none[] = { NULL };
	struct settings theirs;
	int r;

	data_dir_settings(data, path);
	r = settings_load(&theirs, path, none, NULL, 0, why);
	if (r)
		return -EBADMSG;
	r = keyring_make_next(data, theirs.key_command, group, after, ret_id, why);
	settings_clear(&theirs);
	return r;
}

/* The number of the key that is to seal.  0, or an exit code. */
static int choose(struct session *db, const struct options *o, const char *group, char ret[12])
{
	const char *params[2] = { group };
	char why[512], sealing[12];
	unsigned id = 0;
	int r;

	if (session_query(db, sealing_sql, 1, params, why) != 0)
		return say(EX_UNAVAILABLE, why);
	if (session_rows(db) == 0)
		return say(EX_UNAVAILABLE,
			   "no process has said yet which keys it holds: is replyd running?");
	(void)snprintf(sealing, sizeof(sealing), "%s", session_value(db, 0, 0));
	if (is_up(o->data)) {
		r = make_next(o->data, group, (unsigned)strtoul(sealing, NULL, 10), &id, why);
		(void)snprintf(ret, 12, "%u", id);
		return r ? say(keyring_exit_code(r), why) : 0;
	}
	params[1] = sealing;
	if (session_query(db, given_sql, 2, params, why) != 0)
		return say(EX_UNAVAILABLE, why);
	if (session_rows(db) == 1) {
		(void)snprintf(ret, 12, "%s", session_value(db, 0, 0));
		return 0;
	}
	(void)snprintf(
		why, sizeof(why),
		"group %s: no key newer than %s is held by every process; add key.%s.%lu="
		"base64:... to the credential file of each (docs/security.md), then run this "
		"again",
		group, sealing, group, strtoul(sealing, NULL, 10) + 1);
	return say(EX_CONFIG, why);
}

/* One that was cut short goes on. */
static int begin(struct session *db, const struct options *o, struct turn *t)
{
	char why[256], id[12];
	const char *params[] = { t->group, id };
	int code;

	if (session_query(db, state_sql, 1, params, why) != 0)
		return say(EX_UNAVAILABLE, why);
	if (session_rows(db) && strcmp(session_value(db, 0, 0), "done") != 0)
		return 0;
	code = choose(db, o, t->group, id);
	if (code)
		return code;
	if (session_query(db, begin_sql, 2, params, why) != 0 ||
	    session_exec(db, "notify replyd_key", why) != 0)
		return say(EX_UNAVAILABLE, why);
	return 0;
}

static void words_of(const struct session *db, char ret[512])
{
	const char *state = session_value(db, 0, 0), *id = session_value(db, 0, 1),
		   *waits = session_value(db, 0, 5);

	if (strcmp(state, "joining") == 0)
		(void)snprintf(ret, 512, "key %s is given out%s%s", id,
			       *waits ? "; waits for " : "", waits);
	else if (strcmp(state, "sealing") == 0 && strcmp(session_value(db, 0, 4), "0") != 0)
		(void)snprintf(ret, 512, "key %s seals; %s of %s boxes sealed anew, %s do not open",
			       id, session_value(db, 0, 3), session_value(db, 0, 2),
			       session_value(db, 0, 4));
	else if (strcmp(state, "sealing") == 0)
		(void)snprintf(ret, 512, "key %s seals; %s of %s boxes sealed anew", id,
			       session_value(db, 0, 3), session_value(db, 0, 2));
	else if (strcmp(state, "proving") == 0)
		(void)snprintf(ret, 512, "key %s seals all; the old ones are retired, last look",
			       id);
	else
		(void)snprintf(ret, 512, "key %s seals all; nothing stands under an older one", id);
}

static void show(const struct session *db, const struct turn *t, bool as_json)
{
	if (as_json)
		printf("{\"group\":\"%s\",\"state\":\"%s\",\"key\":%s,\"boxes\":%s,\"moved\":%s,"
		       "\"unopened\":%s}\n",
		       t->group, session_value(db, 0, 0), session_value(db, 0, 1),
		       session_value(db, 0, 2), session_value(db, 0, 3), session_value(db, 0, 4));
	else if (isatty(1))
		printf("\r\033[K%s: %s%s", t->group, t->said, t->is_over ? "\n" : "");
	else
		printf("%s: %s\n", t->group, t->said);
	(void)fflush(stdout);
}

/* 1: something moved; 0: nothing; negative: said why. */
static int look(struct session *db, struct turn *t, bool as_json)
{
	const char *params[] = { t->group };
	char why[256], said[512];

	if (session_query(db, state_sql, 1, params, why) != 0) {
		(void)say(0, why);
		return -1;
	}
	words_of(db, said);
	if (strcmp(said, t->said) == 0)
		return 0;
	(void)snprintf(t->said, sizeof(t->said), "%s", said);
	(void)snprintf(t->state, sizeof(t->state), "%s", session_value(db, 0, 0));
	t->is_over = strcmp(t->state, "done") == 0;
	show(db, t, as_json);
	return 1;
}

static int stuck(const struct turn *t)
{
	char why[700];

	(void)snprintf(why, sizeof(why),
		       "group %s: nothing moves: %.512s; mend that and run this "
		       "again, it goes on from here",
		       t->group, t->said);
	return say(strcmp(t->state, "joining") == 0 ? EX_UNAVAILABLE : EX_DATAERR, why);
}

static int watch(struct session *db, struct turn *t, bool as_json)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	uint64_t moved_ms = clock_mono_ms();

	while (!t->is_over) {
		int r = look(db, t, as_json);

		if (r < 0)
			return EX_UNAVAILABLE;
		if (r > 0)
			moved_ms = clock_mono_ms();
		else if (clock_mono_ms() - moved_ms > STUCK_MS)
			return stuck(t);
		if (!t->is_over)
			(void)nanosleep(&pause, NULL);
	}
	return 0;
}

static int rotate(struct session *db, const struct options *o, struct turn *turns, size_t n)
{
	static const char lock_sql[] =
		"select pg_try_advisory_lock(hashtextextended('replyd.key_rotate', 0))";
	char why[256];
	int code = 0;

	if (session_query(db, lock_sql, 0, NULL, why) != 0)
		return say(EX_UNAVAILABLE, why);
	if (strcmp(session_value(db, 0, 0), "t") != 0)
		return say(EX_TEMPFAIL,
			   "another `replyd key rotate` is at it; wait for it, or look "
			   "with `replyd key list`");
	for (size_t i = 0; code == 0 && i < n; i++)
		code = begin(db, o, &turns[i]);
	for (size_t i = 0; code == 0 && i < n; i++)
		code = watch(db, &turns[i], o->json);
	return code;
}

int key_command_rotate(const struct settings *s, const struct options *o)
{
	const char *wanted = o->group ? o->group : "all";
	struct turn turns[countof(groups)] = { 0 };
	struct session *db;
	size_t n = 0;
	int code;

	for (size_t i = 0; i < countof(groups); i++)
		if (strcmp(wanted, "all") == 0 || strcmp(wanted, groups[i]) == 0)
			turns[n++].group = groups[i];
	if (n == 0)
		return say(EX_USAGE, "--group: is none of grant, token, webhook, all");
	code = admin_open(s, o, &db);
	if (code)
		return code;
	code = rotate(db, o, turns, n);
	session_close(db);
	if (code == 0 && !o->json)
		(void)fputs("The older keys open only what was written before: backups. Keep them "
			    "with those; without, they can be taken away.\n",
			    stderr);
	return code;
}
