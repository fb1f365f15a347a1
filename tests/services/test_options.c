#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "services/cli/options.h"

#define ARGS 8

/* What was said on stderr meanwhile. */
static char said[512];

static int parse(struct options *o, const char *const *args)
{
	static char copies[ARGS][64]; /* the options borrow from argv */
	char *argv[ARGS + 2];
	char program[] = "replyd";
	int argc = 1, code, keep = dup(2);
	FILE *f = tmpfile();
	size_t n;

	assert_non_null(f);
	argv[0] = program;
	for (; argc <= ARGS && args[argc - 1]; argc++) {
		(void)snprintf(copies[argc - 1], sizeof(copies[0]), "%s", args[argc - 1]);
		argv[argc] = copies[argc - 1];
	}
	argv[argc] = NULL;
	assert_int_equal(dup2(fileno(f), 2), 2);
	code = options_parse(o, argc, argv);
	(void)fflush(stderr);
	assert_int_equal(dup2(keep, 2), 2);
	(void)close(keep);
	rewind(f);
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	(void)fclose(f);
	return code;
}

/* "up key|data=x,json" : words, then what was given. */
static const char *words_of(const struct options *o)
{
	const struct {
		const char *name, *value;
	} all[] = { { "data", o->data },
		    { "config", o->config },
		    { "credentials", o->credentials },
		    { "workspace", o->workspace },
		    { "label", o->label },
		    { "scopes", o->scopes },
		    { "forward", o->forward },
		    { "after", o->after } };
	static char line[512];
	size_t n = 0;

	line[0] = '\0';
	for (size_t i = 0; i < o->n_words; i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s ", o->words[i]);
	for (size_t i = 0; i < countof(all); i++)
		if (all[i].value)
			n += (size_t)snprintf(line + n, sizeof(line) - n, "%s=%s ", all[i].name,
					      all[i].value);
	for (size_t i = 0; i < o->n_sets; i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "set:%s ", o->sets[i]);
	(void)snprintf(line + n, sizeof(line) - n, "%s%s", o->once ? "once " : "",
		       o->json ? "json" : "");
	return line;
}

static void understood(void **state)
{
	static const struct {
		const char *args[ARGS + 1], *are;
	} rows[] = {
		{ { NULL }, "" },
		{ { "up", "--data", "var" }, "up data=var " },
		{ { "--data=var", "up" }, "up data=var " },
		{ { "up", "--data", "a", "--data", "b" }, "up data=b " },
		{ { "up", "--data=" }, "up data= " },
		{ { "up", "--data=--odd" }, "up data=--odd " },
		{ { "up", "--data", "-" }, "up data=- " },
		{ { "up", "--set", "a=b=c", "--set=d=e" }, "up set:a=b=c set:d=e " },
		{ { "key", "create", "--workspace", "w", "--label", "two words", "--scopes",
		    "a,b" },
		  "key create workspace=w label=two words scopes=a,b " },
		{ { "ingest", "--credentials", "fd:3", "--config", "x" },
		  "ingest config=x credentials=fd:3 " },
		{ { "inbox", "list", "--json" }, "inbox list json" },
		{ { "listen", "--once", "--forward", "http://x", "--after", "7" },
		  "listen forward=http://x after=7 once " },
		{ { "--help" }, "help " },
		{ { "up", "-h" }, "up help " },
		{ { "--version" }, "version " },
		{ { "workspace", "create", "" }, "workspace create  " },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct options o;

		if (parse(&o, rows[i].args) != 0 || strcmp(words_of(&o), rows[i].are) != 0)
			fail_msg("row %zu (%s): \"%s\" %s", i, rows[i].are, words_of(&o), said);
		assert_string_equal(said, "");
	}
}

static void refused(void **state)
{
	static const struct {
		const char *args[ARGS + 1], *word, *why;
	} rows[] = {
		{ { "up", "--colour" }, "--colour", "no such option" },
		{ { "up", "--dat", "x" }, "--dat", "no such option" },
		{ { "up", "--datax", "x" }, "--datax", "no such option" },
		{ { "up", "--" }, "--", "no such option" },
		{ { "up", "--=x" }, "--=x", "no such option" },
		{ { "up", "--json=1" }, "--json=1", "no such option" },
		{ { "up", "--data" }, "--data", "wants a value" },
		{ { "up", "--data", "--json" }, "--data", "wants a value" },
		{ { "up", "--set" }, "--set", "wants a value" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct options o;

		if (parse(&o, rows[i].args) != EX_USAGE || !strstr(said, rows[i].word) ||
		    !strstr(said, rows[i].why) || !strstr(said, "replyd help"))
			fail_msg("row %zu (%s): \"%s\"", i, rows[i].why, said);
	}
}

static void too_many_settings_are_refused(void **state)
{
	static char set[] = "--set=a=b", program[] = "replyd";
	char *argv[OPTIONS_SETS + 2];
	struct options o;

	(void)state;
	argv[0] = program;
	for (int i = 1; i < OPTIONS_SETS + 2; i++)
		argv[i] = set;
	assert_int_equal(options_parse(&o, OPTIONS_SETS + 1, argv), 0);
	assert_int_equal(o.n_sets, OPTIONS_SETS);
	assert_int_equal(options_parse(&o, OPTIONS_SETS + 2, argv), EX_USAGE);
}

static void what_is_wanted(void **state)
{
	(void)state;
	assert_int_equal(options_want("x", "--data", "the folder"), 0);
	assert_int_equal(options_want("", "--data", "the folder"), EX_USAGE);
	assert_int_equal(options_want(NULL, "--data", "the folder"), EX_USAGE);
}

static void words_have_a_ceiling(void **state)
{
	static char word[] = "a";
	static char *argv[OPTIONS_WORDS + 2];
	static struct options o;
	FILE *err = stderr;

	(void)state;
	for (size_t i = 0; i < OPTIONS_WORDS + 2; i++)
		argv[i] = word;
	assert_int_equal(options_parse(&o, OPTIONS_WORDS + 1, argv), 0);
	assert_int_equal(o.n_words, OPTIONS_WORDS);
	stderr = fopen("/dev/null", "w");
	assert_int_equal(options_parse(&o, OPTIONS_WORDS + 2, argv), EX_USAGE);
	(void)fclose(stderr);
	stderr = err;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(understood),
		cmocka_unit_test(refused),
		cmocka_unit_test(words_have_a_ceiling),
		cmocka_unit_test(too_many_settings_are_refused),
		cmocka_unit_test(what_is_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
