#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/conf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "tests/base/conf_shop.h"

static void defaults_come_from_the_table(void **state)
{
	struct shop s;
	struct conf *c = conf_new(&table, &s);

	(void)state;
	assert_string_equal(s.title, "");
	assert_string_equal(s.level, "info");
	assert_string_equal(s.open_on, "mon tue");
	assert_true(s.is_open);
	assert_int_equal(s.port, 8025);
	assert_int_equal(s.offset, -5);
	assert_int_equal(s.idle_ms, 1500000);
	assert_int_equal(s.retry_ms, 0);
	assert_int_equal(s.max_body, 1048576);
	assert_int_equal(conf_n_groups(c, "shelf"), 0);
	conf_free(c);
	conf_free(NULL);
}

static void a_file_is_lines(void **state)
{
	static const char file[] = "# a comment\r\n"
				   "\n"
				   "shop.title = Fish & Chips # since 1905\r\n"
				   "  log.level=debug\n"
				   "shop.key_file = /etc/key#1\n"
				   "shop.open = OFF\n"
				   "shop.open_on = sat,sun,  mon\n"
				   "api.port = 0\n"
				   "shop.offset = 10\n"
				   "imap.idle_renew = 29m\n"
				   "shop.retry = 250ms\n"
				   "api.max_body=64K\n"
				   "shelf.top.label = \" # 1 \" # quoted\n"
				   "shelf.top.width = 120\n"
				   "shelf.a-1.clean = 2h";
	struct shop s;
	struct conf *c = conf_new(&table, &s);
	const struct shelf *shelf;
	char why[CONF_WHY] = "";

	(void)state;
	if (conf_read(c, "x.conf", text_of(file), why) != 0)
		fail_msg("%s", why);
	assert_string_equal(s.title, "Fish & Chips");
	assert_string_equal(s.level, "debug");
	assert_string_equal(s.file, "/etc/key#1");
	assert_false(s.is_open);
	assert_string_equal(s.open_on, "sat,sun,  mon");
	assert_int_equal(s.port, 0);
	assert_int_equal(s.offset, 10);
	assert_int_equal(s.idle_ms, 1740000);
	assert_int_equal(s.retry_ms, 250);
	assert_int_equal(s.max_body, 65536);
	assert_int_equal(conf_n_groups(c, "shelf"), 2);
	assert_string_equal(conf_group_name(c, "shelf", 0), "top");
	shelf = conf_group_values(c, "shelf", 0);
	assert_string_equal(shelf->label, " # 1 ");
	assert_string_equal(shelf->clean_label, "none");
	assert_int_equal(shelf->width, 120);
	assert_int_equal(shelf->clean_ms, 604800000);
	assert_string_equal(conf_group_name(c, "shelf", 1), "a-1");
	shelf = conf_group_values(c, "shelf", 1);
	assert_int_equal(shelf->width, 90);
	assert_int_equal(shelf->clean_ms, 7200000);
	conf_free(c);
}

static void kinds_are_read_in_every_spelling(void **state)
{
	static const struct {
		const char *name, *value;
		int64_t want;
	} good[] = {
		{ "shop.open", "on", 1 },
		{ "shop.open", "off", 0 },
		{ "shop.open", "Yes", 1 },
		{ "shop.open", "no", 0 },
		{ "shop.open", "TRUE", 1 },
		{ "shop.open", "false", 0 },
		{ "shop.open", "1", 1 },
		{ "shop.open", "0", 0 },
		{ "shop.offset", "-10", -10 },
		{ "shop.offset", "0", 0 },
		{ "shop.retry", "1500", 1500000 },
		{ "shop.retry", "25s", 25000 },
		{ "shop.retry", "250ms", 250 },
		{ "shop.retry", "5m", 300000 },
		{ "shop.retry", "2h", 7200000 },
		{ "shop.retry", "14D", 1209600000 },
		{ "shop.retry", "36525d", INT64_C(3155760000000) },
		{ "shop.cache", "800", 800 },
		{ "shop.cache", "64k", 65536 },
		{ "shop.cache", "1M", 1048576 },
		{ "shop.cache", "2g", INT64_C(2147483648) },
		{ "shop.cache", "9223372036854775807", INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < countof(good); i++) {
		struct shop s;
		struct conf *c = conf_new(&table, &s);
		char why[CONF_WHY], line[100];
		int64_t got;

		(void)snprintf(line, sizeof(line), "%s=%s", good[i].name, good[i].value);
		if (conf_set(c, line, why) != 0)
			fail_msg("%s: %s", line, why);
		got = strcmp(good[i].name, "shop.open") == 0     ? s.is_open
		      : strcmp(good[i].name, "shop.offset") == 0 ? s.offset
		      : strcmp(good[i].name, "shop.retry") == 0  ? (int64_t)s.retry_ms
								 : s.cache;
		if (got != good[i].want)
			fail_msg("%s: %lld", line, (long long)got);
		conf_free(c);
	}
}

static const struct {
	const char *file, *why;
} mistakes[] = {
	{ "api.port = 80x", "x.conf:1: api.port: \"80x\" is not a whole number" },
	{ "api.port =", "x.conf:1: api.port: \"\" is not a whole number" },
	{ "api.port = +1", "x.conf:1: api.port: \"+1\" is not a whole number" },
	{ "api.port = 1 2", "x.conf:1: api.port: \"1 2\" is not a whole number" },
	{ "api.port = 99999999999999999999",
	  "x.conf:1: api.port: \"99999999999999999999\" is not a whole number" },
	{ "\n\napi.port = 65536", "x.conf:3: api.port: \"65536\" is out of range; it must "
				  "lie between 0 and 65535" },
	{ "api.port = -1",
	  "x.conf:1: api.port: \"-1\" is out of range; it must lie between 0 and 65535" },
	{ "shop.offset = -11", "x.conf:1: shop.offset: \"-11\" is out of range; it must "
			       "lie between -10 and 10" },
	{ "shop.open = maybe", "x.conf:1: shop.open: \"maybe\" is neither on nor off" },
	{ "imap.idle_renew = 5 min",
	  "x.conf:1: imap.idle_renew: \"5 min\" is not a duration; write 1500 (seconds), "
	  "250ms, 25s, 5m, 2h or 14d" },
	{ "shop.retry = 1.5h",
	  "x.conf:1: shop.retry: \"1.5h\" is not a duration; write 1500 (seconds), 250ms, "
	  "25s, 5m, 2h or 14d" },
	{ "shop.retry = -5s",
	  "x.conf:1: shop.retry: \"-5s\" is not a duration; write 1500 (seconds), 250ms, "
	  "25s, 5m, 2h or 14d" },
	{ "shop.retry = h",
	  "x.conf:1: shop.retry: \"h\" is not a duration; write 1500 (seconds), 250ms, "
	  "25s, 5m, 2h or 14d" },
	{ "shop.retry = 99999999999999d",
	  "x.conf:1: shop.retry: \"99999999999999d\" is not a duration; write 1500 "
	  "(seconds), 250ms, 25s, 5m, 2h or 14d" },
	{ "imap.idle_renew = 30m",
	  "x.conf:1: imap.idle_renew: \"30m\" is out of range; it must lie between 1s and "
	  "29m" },
	{ "imap.idle_renew = 500ms",
	  "x.conf:1: imap.idle_renew: \"500ms\" is out of range; it must lie between 1s "
	  "and 29m" },
	{ "api.max_body = 1 mb",
	  "x.conf:1: api.max_body: \"1 mb\" is not a size; write 800 (bytes), 64k, 1m or "
	  "2g" },
	{ "shop.cache = 9000000000g",
	  "x.conf:1: shop.cache: \"9000000000g\" is not a size; write 800 (bytes), 64k, 1m "
	  "or 2g" },
	{ "api.max_body = 17m",
	  "x.conf:1: api.max_body: \"17m\" is out of range; it must lie between 1k and "
	  "16m" },
	{ "log.level = debgu", "x.conf:1: log.level: \"debgu\" is none of: debug info warn error" },
	{ "log.level = Debug", "x.conf:1: log.level: \"Debug\" is none of: debug info warn error" },
	{ "shop.title = a\x01z", "x.conf:1: shop.title: \"a?z\" holds a control character" },
	{ "api.prot = 1", "x.conf:1: unknown setting \"api.prot\"; did you mean \"api.port\"?" },
	{ "api_port = 1", "x.conf:1: unknown setting \"api_port\"; did you mean \"api.port\"?" },
	{ "imap.renew = 1",
	  "x.conf:1: unknown setting \"imap.renew\"; no setting has a name like it" },
	{ "= 1", "x.conf:1: unknown setting \"\"; no setting has a name like it" },
	{ "\x1b[31m = 1", "x.conf:1: unknown setting \"?[31m\"; no setting has a name like it" },
	{ "shelf.top.widht = 1", "x.conf:1: unknown setting \"shelf.top.widht\"; did you mean "
				 "\"shelf.top.width\"?" },
	{ "shelfs.top.width = 1", "x.conf:1: unknown setting \"shelfs.top.width\"; did you mean "
				  "\"shelf.top.width\"?" },
	{ "shelf.width = 1",
	  "x.conf:1: unknown setting \"shelf.width\"; no setting has a name like it" },
	{ "shelf.a.b.width = 1", "x.conf:1: unknown setting \"shelf.a.b.width\"; did you "
				 "mean \"shelf.a.width\"?" },
	{ "shelf.Top.width = 1",
	  "x.conf:1: \"Top\" cannot name a shelf; use a-z, 0-9 and -, at most 32 "
	  "characters" },
	{ "shelf.a b.width = 1",
	  "x.conf:1: \"a b\" cannot name a shelf; use a-z, 0-9 and -, at most 32 "
	  "characters" },
	{ "shelf.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.width = 1",
	  "x.conf:1: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" cannot name a shelf; use a-z, "
	  "0-9 and -, at most 32 characters" },
	{ "shelf.top.width = 0",
	  "x.conf:1: shelf.top.width: \"0\" is out of range; it must lie between 1 and "
	  "500" },
	{ "shelf.*.width = 5",
	  "x.conf:1: \"*\" cannot name a shelf; use a-z, 0-9 and -, at most 32 "
	  "characters" },
	{ "api.port 80", "x.conf:1: there is no '='; write: name = value" },
	{ "# x\n[api]\nport = 80", "x.conf:2: there is no '='; write: name = value" },
	{ "shop.title = \"open", "x.conf:1: shop.title: the value has no closing quote" },
	{ "shop.title = \"a\" \"b\"",
	  "x.conf:1: shop.title: the value goes on behind its closing quote; inside quotes "
	  "a quote is written twice" },
	{ "shop.title = \"a\"#b",
	  "x.conf:1: shop.title: the value goes on behind its closing quote; inside quotes "
	  "a quote is written twice" },
	{ "api.port = 1\n#\napi.port=2",
	  "x.conf:3: api.port is set in line 1 already; keep one of them" },
};

static void every_mistake_is_explained(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(mistakes); i++) {
		struct shop s;
		struct conf *c = conf_new(&table, &s);
		char why[CONF_WHY] = "";

		if (conf_read(c, "x.conf", text_of(mistakes[i].file), why) != -EINVAL ||
		    strcmp(why, mistakes[i].why) != 0)
			fail_msg("%s\n     %s", mistakes[i].file, why);
		conf_free(c);
	}
}

static void long_values_and_names_have_an_end(void **state)
{
	struct shop s;
	struct conf *c = conf_new(&table, &s);
	char setting[5000], why[CONF_WHY];

	(void)state;
	memset(setting, 'x', sizeof(setting) - 1);
	setting[sizeof(setting) - 1] = '\0';
	memcpy(setting, "shop.title=", 11);
	assert_int_equal(conf_set(c, setting, why), -EINVAL);
	assert_string_equal(why, "--set: shop.title: \"xxxxxxxxxxxxxxxxxxxx\" ... is longer than "
				 "4096 bytes");
	setting[11 + 4096] = '\0';
	assert_int_equal(conf_set(c, setting, why), 0);
	assert_int_equal(strlen(s.title), 4096);
	setting[10] = 'x';
	setting[4000] = '=';
	assert_int_equal(conf_set(c, setting, why), -EINVAL);
	assert_true(strlen(why) < CONF_WHY && strstr(why, "no setting has a name like it"));
	memset(setting, 'n', 4000);
	memcpy(setting, "api.port", 8);
	assert_int_equal(conf_set(c, "api.port", why), -EINVAL);
	assert_string_equal(why, "--set: there is no '=' in \"api.port\"; write: name=value");
	conf_free(c);
}

static void groups_have_a_number(void **state)
{
	struct shop s;
	struct conf *c = conf_new(&table, &s);
	char setting[64], why[CONF_WHY];

	(void)state;
	for (int i = 0; i < CONF_GROUPS; i++) {
		(void)snprintf(setting, sizeof(setting), "shelf.n%d.width=%d", i, i + 1);
		assert_int_equal(conf_set(c, setting, why), 0);
	}
	assert_int_equal(conf_set(c, "shelf.more.width=1", why), -EINVAL);
	assert_string_equal(why, "--set: \"more\" is one shelf too many; there can be 32");
	assert_int_equal(conf_set(c, "shelf.n7.width=77", why), 0);
	assert_int_equal(conf_n_groups(c, "shelf"), CONF_GROUPS);
	for (int i = 0; i < CONF_GROUPS; i++) {
		const struct shelf *shelf = conf_group_values(c, "shelf", (size_t)i);

		assert_int_equal(shelf->width, i == 7 ? 77 : i + 1);
	}
	conf_free(c);
}

static const char *source_of(const struct conf *c, const char *name)
{
	static struct conf_at at;

	at = (struct conf_at){ 0 };
	while (conf_next(c, &at))
		if (strcmp(at.name, name) == 0)
			return at.source;
	return "nowhere";
}

static void later_sources_win(void **state)
{
	static char e1[] = "REPLYD_API_PORT=3", e2[] = "SHOP_TITLE=borrowed",
		    e3[] = "REPLYD_SHOP_KEY_FILE=/k", e4[] = "PATH=/bin", e5[] = "REPLY=x",
		    e6[] = "REPLYD_SHOP_TITLE=own", e7[] = "odd";
	char *both[] = { e1, e6, e2, e3, e4, e5, e7, NULL }, *borrowed[] = { e2, NULL };
	struct shop s;
	struct conf *c = conf_new(&table, &s);
	char why[CONF_WHY];

	(void)state;
	assert_string_equal(source_of(c, "api.port"), "default");
	assert_int_equal(conf_read(c, "x.conf", TEXT("\napi.port = 2\nlog.level=warn"), why), 0);
	assert_int_equal(s.port, 2);
	assert_string_equal(source_of(c, "api.port"), "x.conf:2");
	assert_int_equal(conf_read_env(c, borrowed, why), 0);
	assert_string_equal(s.title, "borrowed");
	assert_string_equal(source_of(c, "shop.title"), "SHOP_TITLE");
	assert_int_equal(conf_read_env(c, both, why), 0);
	assert_int_equal(s.port, 3);
	assert_string_equal(s.title, "own");
	assert_string_equal(s.file, "/k");
	assert_string_equal(source_of(c, "api.port"), "REPLYD_API_PORT");
	assert_int_equal(conf_set(c, "api.port = 4", why), 0);
	assert_int_equal(conf_set(c, "api.port=5", why), 0);
	assert_int_equal(s.port, 5);
	assert_string_equal(source_of(c, "api.port"), "--set");
	assert_string_equal(s.level, "warn");
	assert_string_equal(source_of(c, "log.level"), "x.conf:3");
	conf_free(c);
}

static void the_environment_names_groups_too(void **state)
{
	static char e1[] = "REPLYD_SHELF_MY_CORP_WIDTH=33", e2[] = "REPLYD_SHELF_X_CLEAN=1h",
		    e3[] = "REPLYD_SHELF_X_CLEAN_LABEL=z";
	char *env[] = { e1, e2, e3, NULL };
	struct shop s;
	struct conf *c = conf_new(&table, &s);
	const struct shelf *shelf;
	char why[CONF_WHY] = "";

	(void)state;
	assert_int_equal(conf_set(c, "shelf.my-corp.clean=1d", why), 0);
	if (conf_read_env(c, env, why) != 0)
		fail_msg("%s", why);
	assert_int_equal(conf_n_groups(c, "shelf"), 2);
	shelf = conf_group_values(c, "shelf", 0);
	assert_int_equal(shelf->width, 33);
	assert_int_equal(shelf->clean_ms, 86400000);
	assert_string_equal(conf_group_name(c, "shelf", 1), "x");
	shelf = conf_group_values(c, "shelf", 1);
	assert_int_equal(shelf->clean_ms, 3600000);
	assert_string_equal(shelf->clean_label, "z");
	assert_string_equal(shelf->label, "none");
	conf_free(c);
}

static void the_environment_is_held_to_the_same(void **state)
{
	static const struct {
		const char *env, *why;
	} bad[] = {
		{ "REPLYD_API_PORT=x", "REPLYD_API_PORT: api.port: \"x\" is not a whole number" },
		{ "REPLYD_API_PROT=1",
		  "environment: unknown setting \"REPLYD_API_PROT\"; did you mean "
		  "\"REPLYD_API_PORT\"?" },
		{ "REPLYD_=1",
		  "environment: unknown setting \"REPLYD_\"; no setting has a name like it" },
		{ "REPLYD_SHELF_WIDTH=1",
		  "environment: unknown setting \"REPLYD_SHELF_WIDTH\"; did you mean "
		  "\"REPLYD_SHELF_NAME_WIDTH\"?" },
		{ "REPLYD_SHELF_A.B_WIDTH=1",
		  "environment: unknown setting \"REPLYD_SHELF_A.B_WIDTH\"; did you mean "
		  "\"REPLYD_SHELF_NAME_WIDTH\"?" },
		{ "REPLYD_SHELF_A!_WIDTH=1",
		  "REPLYD_SHELF_A!_WIDTH: \"a!\" cannot name a shelf; use a-z, 0-9 and -, at most "
		  "32 characters" },
		{ "REPLYD_SHELF_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_WIDTH=1",
		  "REPLYD_SHELF_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_WIDTH: "
		  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" cannot name a shelf; use a-z, 0-9 and "
		  "-, at most 32 characters" },
	};

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		cleanup_free char *variable = mem_text(bad[i].env);
		char *env[] = { variable, NULL };
		struct shop s;
		struct conf *c = conf_new(&table, &s);
		char why[CONF_WHY] = "";

		if (conf_read_env(c, env, why) != -EINVAL || strcmp(why, bad[i].why) != 0)
			fail_msg("%s\n     %s", bad[i].env, why);
		conf_free(c);
	}
}

static void a_file_is_read_or_the_reason_given(void **state)
{
	char path[] = "/tmp/test_conf.XXXXXX", why[CONF_WHY], want[CONF_WHY];
	int fd = mkstemp(path);
	struct shop s;
	struct conf *c = conf_new(&table, &s);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "api.port = 7\napi.prot = 8\n", 26), 26);
	assert_int_equal(conf_read_file(c, path, why), -EINVAL);
	(void)snprintf(want, sizeof(want),
		       "%s:2: unknown setting \"api.prot\"; did you mean \"api.port\"?", path);
	assert_string_equal(why, want);
	assert_int_equal(ftruncate(fd, 13), 0);
	assert_int_equal(conf_read_file(c, path, why), 0);
	assert_int_equal(s.port, 7);
	assert_int_equal(ftruncate(fd, LIMIT_CONF + 1), 0);
	assert_int_equal(conf_read_file(c, path, why), -EFBIG);
	assert_non_null(strstr(why, "larger than 262144 bytes is no configuration"));
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(conf_read_file(c, path, why), -ENOENT);
	(void)snprintf(want, sizeof(want), "%s: No such file or directory", path);
	assert_string_equal(why, want);
	assert_int_equal(conf_read_file(c, "/", why), -EISDIR);
	conf_free(c);
}

static void lists_are_taken_apart(void **state)
{
	static const struct {
		const char *in;
		size_t n;
		const char *last;
	} lists[] = {
		{ "", 0, "" },     { " , ", 0, "" },          { "a", 1, "a" },
		{ "a,b", 2, "b" }, { " a\tb ,, c ", 3, "c" }, { "0s 5s 5m", 3, "5m" },
	};

	(void)state;
	for (size_t i = 0; i < countof(lists); i++) {
		struct text list = text_of(lists[i].in), item, last = { NULL, 0 };
		size_t n = 0;

		for (; conf_list_next(&list, &item); n++)
			last = item;
		if (n != lists[i].n || !text_eq(last, text_of(lists[i].last)))
			fail_msg("\"%s\": %zu", lists[i].in, n);
	}
}

static void durations_are_durations(void **state)
{
	uint64_t ms = 7;

	(void)state;
	assert_int_equal(conf_duration(TEXT("24h"), &ms), 0);
	assert_int_equal(ms, 86400000);
	assert_int_equal(conf_duration(TEXT("36526d"), &ms), -EINVAL);
	assert_int_equal(conf_duration(TEXT(""), &ms), -EINVAL);
	assert_int_equal(conf_duration(TEXT("5 s"), &ms), -EINVAL);
	assert_int_equal(ms, 86400000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_come_from_the_table),
		cmocka_unit_test(a_file_is_lines),
		cmocka_unit_test(kinds_are_read_in_every_spelling),
		cmocka_unit_test(every_mistake_is_explained),
		cmocka_unit_test(long_values_and_names_have_an_end),
		cmocka_unit_test(groups_have_a_number),
		cmocka_unit_test(later_sources_win),
		cmocka_unit_test(the_environment_names_groups_too),
		cmocka_unit_test(the_environment_is_held_to_the_same),
		cmocka_unit_test(a_file_is_read_or_the_reason_given),
		cmocka_unit_test(lists_are_taken_apart),
		cmocka_unit_test(durations_are_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
