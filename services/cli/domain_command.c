#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "db/domain_admin.h"
#include "services/cli/admin.h"
#include "services/cli/domain_command.h"
#include "services/say.h"
#include "services/words/problem_words.h"

/* ---- list ---- */

static const char *remedy_of(const json_t *d)
{
	const char *state = json_get_text(d, "state");
	bool is_state = strcmp(state, "reauth_required") == 0 || strcmp(state, "expiring") == 0;
	const char *code = json_get_text(d, is_state ? "reason" : "problem");

	return *code ? problem_words_of(text_of(code))->in[WORDS_EN].remedy : "";
}

static void print_inboxes(const json_t *d)
{
	const char *state, *between = "";
	json_t *n;

	json_object_foreach(json_object_get(d, "inboxes"), state, n)
	{
		printf("%s%lld %s", between, (long long)json_integer_value(n), state);
		between = ", ";
	}
	if (!*between)
		(void)fputs("none", stdout);
}

static void print_domains(const json_t *all)
{
	const json_t *d;
	size_t i;

	printf("%-36s  %-12s %-10s %-28s %-16s %s\n", "DOMAIN", "PROVIDER", "KIND", "TENANT",
	       "STATE", "INBOXES");
	json_array_foreach(all, i, d)
	{
		printf("%-36s  %-12s %-10s %-28s %-16s ", json_get_text(d, "id"),
		       json_get_text(d, "provider"), json_get_text(d, "kind"),
		       json_get_text(d, "tenant"), json_get_text(d, "state"));
		print_inboxes(d);
		putchar('\n');
		if (*json_get_text(d, "secret_ends_at"))
			printf("  its secret ends on %.10s\n", json_get_text(d, "secret_ends_at"));
		if (*remedy_of(d))
			printf("  %s\n", remedy_of(d));
	}
}

int domain_command_list(const struct settings *s, const struct options *o)
{
	struct session *db;
	char why[256];
	int code = admin_open_workspace(s, o, &db);

	if (code)
		return code;
	if (session_query(db, domain_admin_sql_list, 0, NULL, why) != 0) {
		code = say(EX_UNAVAILABLE, why);
	} else if (o->json) {
		puts(session_value(db, 0, 0));
	} else {
		cleanup_json json_t *all = json_loads(session_value(db, 0, 0), 0, NULL);

		print_domains(all);
	}
	session_close(db);
	return code;
}

/* ---- one of them ---- */

static bool is_called(const json_t *d, const char *name)
{
	return strcmp(json_get_text(d, "id"), name) == 0 ||
	       strcmp(json_get_text(d, "tenant"), name) == 0 ||
	       strcmp(json_get_text(d, "client_id"), name) == 0;
}

int domain_command_choose(const json_t *all, const char *name, json_t **ret)
{
	json_t *d, *found = NULL;
	size_t i, n = 0;

	json_array_foreach(all, i, d)
	{
		if (name && !is_called(d, name))
			continue;
		found = d;
		n++;
	}
	if (n == 1) {
		*ret = json_incref(found);
		return 0;
	}
	if (n > 1)
		return say(EX_USAGE, "several domains fit; name one by its id (see `replyd domain "
				     "list`)");
	return say(EX_DATAERR,
		   name ? "the workspace has no such domain; see `replyd domain list`"
			: "the workspace has no domain; add one with `replyd domain add` "
			  "(docs/domains.md)");
}

int domain_command_open(const struct settings *s, const struct options *o, struct session **ret,
			json_t **ret_domain)
{
	cleanup_json json_t *all = NULL;
	char why[256];
	int code = admin_open_workspace(s, o, ret);

	if (code)
		return code;
	if (session_query(*ret, domain_admin_sql_list, 0, NULL, why) != 0)
		code = say(EX_UNAVAILABLE, why);
	else
		all = json_loads(session_value(*ret, 0, 0), 0, NULL);
	if (code == 0)
		code = domain_command_choose(all, o->domain, ret_domain);
	if (code)
		session_close(*ret);
	return code;
}
