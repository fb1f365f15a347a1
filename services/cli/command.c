#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rand.h"
#include "base/sign.h"
#include "db/migrate.h"
#include "services/cli/admin.h"
#include "services/cli/command.h"
#include "services/say.h"
#include "services/up/database.h"

int command_version(void)
{
	puts("replyd " COMMAND_VERSION);
	return 0;
}

int command_config_print(const struct settings *s, const struct options *o)
{
	settings_print(s, stdout, o->json);
	return 0;
}

/* ---- migrate ---- */

static int migrate_status(const struct settings *s, const struct options *o)
{
	struct session *db;
	char why[256];
	int n, code = admin_open(s, o, &db);

	if (code)
		return code;
	n = migrate_pending(db, why);
	session_close(db);
	if (n < 0)
		return say(EX_CONFIG, why);
	if (o->json)
		printf("{\"missing\":%d}\n", n);
	else if (n)
		printf("%d migrations are missing; run `replyd migrate up`\n", n);
	else
		puts("the schema is complete");
	return 0;
}

static int migrate_now(const struct settings *s, const struct options *o)
{
	const struct database_patience none = { 0 };
	char place[CONNINFO_MAX], user[64], why[512];
	cleanup_secret struct secret password = { 0 };
	struct keyring keys;
	int r, code = admin_place(s, o, place, user, &password);

	if (code)
		return code;
	r = keyring_open(&keys, o->data, s->key_command, why);
	if (r)
		return say(keyring_exit_code(r), why);
	if (*s->database_url)
		code = database_ready(place, user[0] ? user : "postgres", &password, &keys, &none);
	else
		code = database_ready(place, "replyd_root", &keys.is[KEYRING_ROOT], &keys, &none);
	keyring_clear(&keys);
	return code;
}

int command_migrate(const struct settings *s, const struct options *o)
{
	if (strcmp(o->words[1], "status") == 0)
		return migrate_status(s, o);
	return migrate_now(s, o);
}

/* ---- workspace ---- */

int command_workspace_create(const struct settings *s, const struct options *o)
{
	static const char sql[] = "insert into workspace (workspace_id, name) values ($1, $2)";
	char id[RAND_UUID], why[256], line[400];
	const char *params[] = { id, o->words[2] };
	struct session *db;
	int r, code;

	code = options_want(params[1], "NAME", "letters a-z, digits and dashes, up to 63");
	if (code == 0)
		code = admin_open(s, o, &db);
	if (code)
		return code;
	rand_uuid(id);
	r = session_query(db, sql, 2, params, why);
	if (r == 0) {
		if (o->json) /* a name has no character that JSON escapes (schema) */
			printf("{\"id\":\"%s\",\"name\":\"%s\"}\n", id, params[1]);
		else
			puts(id);
	} else if (strcmp(session_sqlstate(db), "23505") == 0) {
		(void)snprintf(line, sizeof(line),
			       "workspace %.80s: there is one of this name; choose another",
			       params[1]);
		code = say(EX_DATAERR, line);
	} else if (strcmp(session_sqlstate(db), "23514") == 0) {
		(void)snprintf(
			line, sizeof(line),
			"workspace %.80s: is no name; use letters a-z, digits and dashes, up to 63",
			params[1]);
		code = say(EX_DATAERR, line);
	} else {
		code = say(EX_UNAVAILABLE, why);
	}
	session_close(db);
	return code;
}

int command_workspace_match(const struct settings *s, const struct options *o)
{
	static const char sql[] = "update workspace set match_company = $2::boolean"
				  " where name = $1 or workspace_id::text = $1 returning 1";
	char why[256], line[200];
	const char *params[] = { o->words[2], o->words[3] };
	struct session *db;
	int r, code;

	if (strcmp(params[1], "on") != 0 && strcmp(params[1], "off") != 0)
		return say(EX_USAGE, "workspace match-company: the last word is on or off");
	code = admin_open(s, o, &db);
	if (code)
		return code;
	r = session_query(db, sql, 2, params, why);
	if (r == 0 && session_rows(db) == 0) {
		(void)snprintf(line, sizeof(line),
			       "workspace %.80s: there is none of this name; make it by `replyd "
			       "workspace create`",
			       params[0]);
		code = say(EX_DATAERR, line);
	} else if (r != 0) {
		code = say(EX_UNAVAILABLE, why);
	}
	session_close(db);
	return code;
}

/* ---- key ---- */

/* `token` is in no key unless it is named: it hands out what opens a mailbox. */
static const char all_scopes[] = "connect,read,outbound,endpoint,gate,pool,slot,token";
static const char usual_scopes[] = "connect,read,outbound,endpoint,gate,pool,slot";

/* "a,b" -> "{a,b}"; every word one of ours. */
static int scopes_array(const char *given, char ret[256])
{
	struct text rest = text_of(given), word, tail;
	bool more = true;
	struct buf b;
	int r = 0;

	buf_init(&b, 255);
	while (r == 0 && more) {
		struct text all = TEXT(all_scopes), one;
		bool known = false, left = true;

		more = text_cut(rest, ',', &word, &tail);
		while (left && !known) {
			left = text_cut(all, ',', &one, &all);
			known = text_eq(one, word);
		}
		if (!known)
			r = -EINVAL;
		else
			r = text_addf(&b, "%s%.*s", b.len ? "," : "{", TEXT_ARG(word));
		rest = tail;
	}
	if (r == 0)
		r = text_add(&b, TEXT("}"));
	if (r == 0)
		(void)snprintf(ret, 256, "%s", (const char *)b.data);
	buf_clear(&b);
	return r;
}

static void make_key(char key[80], char hex_digest[65])
{
	uint8_t raw[32], digest[SIGN_SHA256];
	struct buf b;

	rand_bytes(raw, sizeof(raw));
	buf_init(&b, 128);
	text_add(&b, TEXT("rk_live_"));
	text_add_base64url(&b, raw, sizeof(raw));
	(void)snprintf(key, 80, "%s", (const char *)b.data);
	sign_sha256(b.data, b.len, digest);
	secret_wipe(b.data, b.len);
	buf_clear(&b);
	buf_init(&b, 64);
	text_add_hex(&b, digest, sizeof(digest));
	(void)snprintf(hex_digest, 65, "%s", (const char *)b.data);
	buf_clear(&b);
	secret_wipe(raw, sizeof(raw));
}

int command_key_create(const struct settings *s, const struct options *o)
{
	static const char sql[] =
		"insert into api_key (workspace_id, api_key_id, digest, prefix, label, scopes)"
		" select workspace_id, $1, decode($2, 'hex'), $3, $4, $5::text[] from workspace "
		"where name = $6 or workspace_id::text = $6"
		" returning workspace_id";
	char id[RAND_UUID], key[80], digest[65], prefix[24], scopes[256], why[256], line[400];
	const char *params[] = { id, digest, prefix, o->label, scopes, o->workspace };
	struct session *db;
	int code;

	code = options_want(o->workspace, "--workspace",
			    "name or id of the team the key belongs to");
	if (code == 0)
		code = options_want(o->label, "--label", "what the key is for");
	if (code)
		return code;
	if (scopes_array(o->scopes ? o->scopes : usual_scopes, scopes) != 0) {
		(void)snprintf(line, sizeof(line),
			       "--scopes %.100s: holds a word that is no scope; choose from %s",
			       o->scopes, all_scopes);
		return say(EX_USAGE, line);
	}
	code = admin_open(s, o, &db);
	if (code)
		return code;
	rand_uuid(id);
	make_key(key, digest);
	(void)snprintf(prefix, sizeof(prefix), "%.16s", key);
	if (session_query(db, sql, 6, params, why) != 0) {
		code = say(EX_UNAVAILABLE, why);
	} else if (session_rows(db) == 0) {
		(void)snprintf(line, sizeof(line),
			       "workspace %.80s: there is none of this name; make it with `replyd "
			       "workspace create`",
			       o->workspace);
		code = say(EX_DATAERR, line);
	} else {
		if (o->json)
			printf("{\"id\":\"%s\",\"key\":\"%s\"}\n", id, key);
		else
			puts(key);
		if (!o->json && isatty(1))
			(void)fputs("Keep it: it is shown only this once.\n", stderr);
	}
	secret_wipe(key, sizeof(key));
	session_close(db);
	return code;
}
