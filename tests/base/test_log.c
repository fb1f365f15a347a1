#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/log.h"
#include "base/mem.h"

/* stderr goes into a file between start and end. */
static struct {
	FILE *file;
	int was;
	char text[16384];
} said;

static void listen_start(void)
{
	said.file = tmpfile();
	assert_non_null(said.file);
	said.was = dup(STDERR_FILENO);
	assert_true(said.was >= 0);
	assert_true(dup2(fileno(said.file), STDERR_FILENO) >= 0);
}

static char *listen_end(void)
{
	size_t n;

	assert_true(dup2(said.was, STDERR_FILENO) >= 0);
	(void)close(said.was);
	rewind(said.file);
	n = fread(said.text, 1, sizeof(said.text) - 1, said.file);
	said.text[n] = '\0';
	(void)fclose(said.file);
	return said.text;
}

/* The one line that was said, from behind its time on. */
static const char *listen_end_line(void)
{
	char *line = listen_end();
	size_t n = strlen(line);
	const char *at = strstr(line, "2");

	assert_true(n > 0 && line[n - 1] == '\n');
	line[n - 1] = '\0';
	assert_null(strchr(line, '\n'));
	assert_non_null(at);
	assert_true(strlen(at) > 24 && at[10] == 'T' && at[19] == '.' && at[23] == 'Z');
	return at + 24;
}

static void children_carry_their_parents(void **state)
{
	struct log worker, inbox;

	(void)state;
	log_setup("ingest", LOG_INFO, LOG_KEY_VALUE);
	log_child(&worker, NULL, "worker=%d", 3);
	log_child(&inbox, &worker, "inbox=%s folder=%s", "0b1c", "Sent Mail");

	listen_start();
	log_info(&inbox, "imap.live", "waited_ms=%d", 210);
	assert_string_equal(listen_end_line(), " level=info role=ingest event=imap.live worker=3 "
					       "inbox=0b1c folder=\"Sent Mail\" waited_ms=210");
	listen_start();
	log_warn(&worker, "worker.late", "by_ms=%d", -5);
	assert_string_equal(listen_end_line(),
			    " level=warn role=ingest event=worker.late worker=3 by_ms=-5");

	log_setup("ingest", LOG_INFO, LOG_JSON);
	listen_start();
	log_error(&inbox, "imap.held", "blame=%s", "auth");
	assert_string_equal(listen_end_line(),
			    "\",\"level\":\"error\",\"role\":\"ingest\",\"event\":\"imap.held\","
			    "\"worker\":3,\"inbox\":\"0b1c\",\"folder\":\"Sent Mail\","
			    "\"blame\":\"auth\"}");
}

static void levels_below_the_least_are_silent(void **state)
{
	static const size_t want[] = { 4, 3, 2, 1 };

	(void)state;
	for (int least = LOG_DEBUG; least <= LOG_ERROR; least++) {
		size_t n = 0;

		log_setup(NULL, (enum log_level)least, LOG_KEY_VALUE);
		listen_start();
		log_debug(NULL, "a", "x=%d", 1);
		log_info(NULL, "b", "x=%d", 1);
		log_warn(NULL, "c", "x=%d", 1);
		log_error(NULL, "d", "x=%d", 1);
		for (const char *s = listen_end(); *s; s++)
			n += *s == '\n';
		assert_int_equal(n, want[least]);
	}
}

static void conversions_read_as_printf_writes(void **state)
{
	const char *volatile none = NULL;

	(void)state;
	log_setup(NULL, LOG_INFO, LOG_KEY_VALUE);
	listen_start();
	log_info(NULL, "e",
		 "d=%d u=%u ld=%ld lld=%lld zu=%zu jd=%jd i64=%" PRId64 " u64=%" PRIu64
		 " hhu=%hhu x=%x wide=%5d zero=%08x f=%.2f c=%c sub=%.*s cut=%.2s pct=%d%% nul=%s",
		 INT32_MIN, UINT32_MAX, -7L, -8LL, (size_t)9, (intmax_t)-10, INT64_MIN, UINT64_MAX,
		 (unsigned char)200, 255U, 42, 0xbeefU, 2.0 / 3, 'q', 3, "abcdef", "xyz", 50, none);
	assert_string_equal(
		listen_end_line(),
		" level=info event=e d=-2147483648 u=4294967295 ld=-7 lld=-8 zu=9 jd=-10 "
		"i64=-9223372036854775808 u64=18446744073709551615 hhu=200 x=ff wide=\"   42\" "
		"zero=0000beef f=0.67 c=q sub=abc cut=xy pct=50% nul=-");
}

static void json_numbers_are_numbers(void **state)
{
	(void)state;
	log_setup(NULL, LOG_INFO, LOG_JSON);
	listen_start();
	log_info(NULL, "e", "d=%d f=%.1f text=%s x=%x pair=%d/%d pct=%d%% lit=5 inf=%f empty=%s", 7,
		 0.5, "7", 7U, 1, 2, 3, (double)INFINITY, "");
	assert_string_equal(
		listen_end_line(),
		"\",\"level\":\"info\",\"event\":\"e\",\"d\":7,\"f\":0.5,\"text\":\"7\",\"x\":"
		"\"7\","
		"\"pair\":\"1/2\",\"pct\":\"3%\",\"lit\":\"5\",\"inf\":\"inf\",\"empty\":\"\"}");
}

static const struct {
	const char *name, *value, *key_value, *json;
} strangers[] = {
	{ "plain", "abc", "abc", "abc" },
	{ "a blank", "a b", "\"a b\"", "a b" },
	{ "empty", "", "\"\"", "" },
	{ "a field", "x event=fake", "\"x event=fake\"", "x event=fake" },
	{ "an equals sign", "a=b", "\"a=b\"", "a=b" },
	{ "a quote that closes", "x\" event=fake y=\"", "\"x\\\" event=fake y=\\\"\"",
	  "x\\\" event=fake y=\\\"" },
	{ "a backslash at the end", "x\\", "\"x\\\\\"", "x\\\\" },
	{ "line breaks", "x\r\nts=1 y", "\"x\\r\\nts=1 y\"", "x\\r\\nts=1 y" },
	{ "a tab", "x\ty", "\"x\\ty\"", "x\\ty" },
	{ "a terminal's escape", "\x1b[31m", "\"\\u001b[31m\"", "\\u001b[31m" },
	{ "log's own separators",
	  "a\x1f"
	  "b\x1e"
	  "c\x1d"
	  "d",
	  "a?b?c?d", "a?b?c?d" },
	{ "beyond ASCII", "gr\xc3\xbc\xdf\x7f", "\"gr????\"", "gr????" },
	{ "a conversion", "%s%n", "%s%n", "%s%n" },
};

static void no_value_leaves_its_field(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(strangers); i++) {
		char want[256];
		const char *line;

		log_setup(NULL, LOG_INFO, LOG_KEY_VALUE);
		(void)snprintf(want, sizeof(want), " level=info event=e said=%s n=1",
			       strangers[i].key_value);
		listen_start();
		log_info(NULL, "e", "said=%s n=%d", strangers[i].value, 1);
		line = listen_end_line();
		if (strcmp(line, want) != 0)
			fail_msg("%s: %s", strangers[i].name, line);

		log_setup(NULL, LOG_INFO, LOG_JSON);
		(void)snprintf(want, sizeof(want),
			       "\",\"level\":\"info\",\"event\":\"e\",\"said\":\"%s\",\"n\":1}",
			       strangers[i].json);
		listen_start();
		/* quotes of the format are no part of the value */
		log_info(NULL, "e", "said=\"%s\" n=%d", strangers[i].value, 1);
		line = listen_end_line();
		if (strcmp(line, want) != 0)
			fail_msg("%s: %s", strangers[i].name, line);
	}
}

/* Every byte at every length up to far over the line's: always one line, always JSON. */
static void long_values_are_cut_and_stay_json(void **state)
{
	static const char fill[] = { 'x', '"', '\n', 1, (char)0xff };
	char much[6000];

	(void)state;
	log_setup("api", LOG_INFO, LOG_JSON);
	for (size_t f = 0; f < sizeof(fill); f++) {
		for (size_t n = 0; n < sizeof(much); n += 97) {
			json_error_t error;
			json_t *line;
			char *text;

			memset(much, fill[f], n);
			much[n] = '\0';
			listen_start();
			log_info(NULL, "e", "a=%s b=%s c=%d", much, much, 1);
			text = listen_end();
			assert_true(strlen(text) <= 4096);
			assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
			line = json_loads(text, JSON_REJECT_DUPLICATES, &error);
			if (!line)
				fail_msg("%zu of %d: %s", n, fill[f], error.text);
			assert_string_equal(json_string_value(json_object_get(line, "event")), "e");
			json_decref(line);
		}
	}
}

/* The last field is there or it is not, but never half, and what follows is untouched. */
static void a_child_that_is_too_long_is_cut_at_a_field(void **state)
{
	char id[200], with[400], without[400];
	bool was_there = true;
	struct log l, next;

	(void)state;
	log_setup(NULL, LOG_INFO, LOG_KEY_VALUE);
	memset(id, 'i', sizeof(id));
	for (size_t n = 60; n < sizeof(id); n++) {
		size_t room = sizeof(l.fields) - strlen("id=") - 2, kept = n < room ? n : room;
		const char *line;
		bool is_there;

		log_child(&l, NULL, "id=%.*s more=%d", (int)n, id, 1234567);
		log_child(&next, &l, "conn=%d", 3);
		listen_start();
		log_info(&next, "e", "x=%d", 1);
		line = listen_end_line();
		(void)snprintf(with, sizeof(with),
			       " level=info event=e id=%.*s more=1234567 conn=3 x=1", (int)kept,
			       id);
		(void)snprintf(without, sizeof(without), " level=info event=e id=%.*s%s conn=3 x=1",
			       (int)kept, id, strstr(line, " more=") ? " more=?" : "");
		is_there = strcmp(line, with) == 0;
		if (!is_there && strcmp(line, without) != 0)
			fail_msg("%zu: %s", n, line);
		assert_true(was_there || !is_there);
		was_there = is_there;
		assert_true(is_there ? n < 90 : n > 60);
	}
}

static void words_and_keys_stay_words(void **state)
{
	(void)state;
	log_setup(NULL, LOG_INFO, LOG_KEY_VALUE);
	listen_start();
	log_info(NULL, "e", "just words  %s=%d =%d", "a b=\"c", 1, 2);
	assert_string_equal(listen_end_line(),
			    " level=info event=e just=\"\" words=\"\" a_b__c=1 =2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(children_carry_their_parents),
		cmocka_unit_test(levels_below_the_least_are_silent),
		cmocka_unit_test(conversions_read_as_printf_writes),
		cmocka_unit_test(json_numbers_are_numbers),
		cmocka_unit_test(no_value_leaves_its_field),
		cmocka_unit_test(long_values_are_cut_and_stay_json),
		cmocka_unit_test(a_child_that_is_too_long_is_cut_at_a_field),
		cmocka_unit_test(words_and_keys_stay_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
