#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"
#include "db/connect_device.h"
#include "services/api/field.h"
#include "services/cli/admin.h"
#include "services/cli/inbox_connect.h"
#include "services/say.h"
#include "services/words/problem_words.h"

#define LOOK_MS  500
#define CODE_MS  60000  /* until the broker has a code */
#define CHECK_MS 240000 /* of the login behind the consent; it has three minutes */

enum stage {
	STAGE_ASKING,  /* the broker gets a code */
	STAGE_TYPING,  /* the person has it */
	STAGE_LOGGING, /* consent is there, a worker logs in */
	STAGE_OVER,
};

struct connecting {
	struct session *db;
	const char *address;
	char link[RAND_UUID];
	enum stage stage;
	uint64_t since_ms;
	bool as_lines;
};

/* A line for a program: names and values, the last is NULL. */
static void print_line(const char *const *fields)
{
	cleanup_json json_t *j = json_object();
	cleanup_free char *text = NULL;

	for (; *fields; fields += 2)
		json_put_text(j, fields[0], text_of(fields[1]));
	text = json_dumps(j, JSON_COMPACT);
	puts(text ? text : "{}");
	(void)fflush(stdout);
}

static void show_code(const struct connecting *c)
{
	const char *code = session_value(c->db, 0, 1), *uri = session_value(c->db, 0, 2);
	const char *complete = session_value(c->db, 0, 3);

	if (c->as_lines) {
		print_line((const char *const[]){ "state", "started", "user_code", code,
						  "verification_uri", uri,
						  "verification_uri_complete", complete, NULL });
		return;
	}
	printf("Open   %s\nEnter  %s\n", uri, code);
	if (*complete)
		printf("or open %s\n", complete);
	printf("as %s. This command waits.\n", c->address);
	(void)fflush(stdout);
}

static int failed(const struct connecting *c)
{
	const char *problem = session_value(c->db, 0, 4), *detail = session_value(c->db, 0, 5);
	const struct problem_said *w = &problem_words_of(text_of(problem))->in[WORDS_EN];
	char line[800];

	if (c->as_lines)
		print_line((const char *const[]){ "state", "failed", "problem", problem, "words",
						  *w->words ? w->words : w->title, "remedy",
						  w->remedy, "detail", detail, NULL });
	(void)snprintf(line, sizeof(line), "%.320s: %s. %s%s%.200s%s", c->address, w->title,
		       w->remedy, *detail ? " (" : "", detail, *detail ? ")" : "");
	return say(EX_DATAERR, line);
}

static void enter(struct connecting *c, enum stage stage)
{
	if (c->stage == stage)
		return;
	c->stage = stage;
	c->since_ms = clock_mono_ms();
	switch (stage) {
	case STAGE_TYPING:
		show_code(c);
		break;
	case STAGE_LOGGING:
		if (!c->as_lines)
			puts("The provider agrees; the inbox is being opened.");
		break;
	case STAGE_OVER:
		if (c->as_lines)
			print_line((const char *const[]){ "state", "connected", "inbox_id",
							  session_value(c->db, 0, 6), NULL });
		else
			printf("%s is connected: %s\n", c->address, session_value(c->db, 0, 6));
		break;
	case STAGE_ASKING:
		break;
	}
}

/* 0: it goes on, or is over well. */
static int look(struct connecting *c)
{
	uint64_t waited_ms = clock_mono_ms() - c->since_ms;
	char why[256];
	const char *state;

	if (session_query(c->db, connect_device_sql_look, 1, (const char *const[]){ c->link },
			  why) != 0)
		return say(EX_UNAVAILABLE, why);
	state = session_value(c->db, 0, 0);
	if (strcmp(state, "failed") == 0)
		return failed(c);
	if (strcmp(session_value(c->db, 0, 7), "t") == 0)
		return say(EX_UNAVAILABLE,
			   "the code was not typed in while it was good; run this again for "
			   "another one");
	if (strcmp(state, "started") == 0)
		enter(c, STAGE_TYPING);
	else if (strcmp(state, "checking") == 0)
		enter(c, STAGE_LOGGING);
	else if (strcmp(state, "connected") == 0)
		enter(c, STAGE_OVER);
	if (c->stage == STAGE_ASKING && waited_ms > CODE_MS)
		return say(EX_UNAVAILABLE,
			   "no broker has asked for a code within a minute; is replyd "
			   "running?");
	if (c->stage == STAGE_LOGGING && waited_ms > CHECK_MS)
		return say(EX_UNAVAILABLE,
			   "nobody has opened the inbox yet; see `replyd inbox show`");
	return 0;
}

static int connect_by_device(struct connecting *c, const char *provider)
{
	char why[256];
	int code = 0;

	rand_uuid(c->link);
	if (session_query(c->db, connect_device_sql_new, 3,
			  (const char *const[]){ c->link, provider, c->address }, why) != 0 ||
	    session_exec(c->db, "notify replyd_connect", why) != 0)
		return say(EX_UNAVAILABLE, why);
	c->since_ms = clock_mono_ms();
	for (;;) {
		code = look(c);
		if (code || c->stage == STAGE_OVER)
			return code;
		(void)poll(NULL, 0, LOOK_MS);
	}
}

/* --provider, or whose the address's domain is known to be.  0, or an exit code. */
static int choose_provider(const struct settings *ours, const struct options *o,
			   const char *address, char *ret, size_t size)
{
	struct settings theirs;
	bool is_theirs = admin_settings(o, &theirs);
	const struct settings *s = is_theirs ? &theirs : ours;
	struct text local, domain;
	const struct provider_row *row = NULL;
	char line[600];

	if (!o->provider && text_cut(text_of(address), '@', &local, &domain))
		row = provider_table_of_domain(&s->providers, domain);
	(void)snprintf(ret, size, "%s", o->provider ? o->provider : row ? row->name : "");
	if (is_theirs)
		settings_clear(&theirs);
	if (*ret)
		return 0;
	(void)snprintf(
		line, sizeof(line),
		"%.320s: its domain does not tell the provider; name it with --provider (`replyd "
		"inbox discover` finds out)",
		address);
	return say(EX_USAGE, line);
}

int inbox_connect(const struct settings *s, const struct options *o)
{
	char address[FIELD_ADDRESS], provider[CONF_GROUP_NAME + 1], line[600];
	struct connecting c = { .address = address, .as_lines = o->json };
	int code = options_want(o->device, "--device",
				"the address; other ways to connect are links (POST "
				"/v1/connect-links)");

	if (code)
		return code;
	if (!field_address(text_of(o->device), address)) {
		(void)snprintf(line, sizeof(line), "%.320s: is no address; write name@domain",
			       o->device);
		return say(EX_USAGE, line);
	}
	code = choose_provider(s, o, address, provider, sizeof(provider));
	if (code == 0)
		code = admin_open_workspace(s, o, &c.db);
	if (code)
		return code;
	code = connect_by_device(&c, provider);
	session_close(c.db);
	return code;
}
