#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "tests/base/conf_shop.h"

static void prints_what_can_be_read_again(void **state)
{
	struct shop s, again;
	struct conf *c = conf_new(&table, &s), *other = conf_new(&table, &again);
	cleanup_buf struct buf b, twice;
	char why[CONF_WHY] = "";

	(void)state;
	buf_init(&b, LIMIT_CONF);
	buf_init(&twice, LIMIT_CONF);
	assert_int_equal(conf_print(c, /* as_json= */ false, &b), 0);
	assert_non_null(strstr((char *)b.data, "# 0: any free one [default]\napi.port = 8025\n"));
	assert_non_null(
		strstr((char *)b.data, "# what is on it [default]\n#shelf.*.label = none\n"));
	assert_int_equal(conf_set(c, "shop.title= # 1 \"x\"", why), 0);
	assert_int_equal(conf_set(c, "shelf.b.width=5", why), 0);
	assert_int_equal(conf_set(c, "shelf.a.width=6", why), 0);
	assert_int_equal(conf_set(c, "api.port=80", why), 0);
	buf_clear(&b);
	assert_int_equal(conf_print(c, /* as_json= */ false, &b), 0);
	assert_non_null(strstr((char *)b.data, "# over the door [--set]\nshop.title = "));
	/* all of one group, then all of the next, in the order in which they were named */
	assert_true(strstr((char *)b.data, "shelf.b.clean_label") <
		    strstr((char *)b.data, "shelf.a.label"));
	assert_null(strstr((char *)b.data, "shelf.*"));
	if (conf_read(other, "printed", text_of_buf(&b), why) != 0)
		fail_msg("%s", why);
	assert_string_equal(again.title, s.title);
	assert_int_equal(again.port, 80);
	assert_int_equal(conf_n_groups(other, "shelf"), 2);
	for (size_t max = 0; max < b.len; max += 7) {
		cleanup_buf struct buf small;

		buf_init(&small, max);
		assert_int_equal(conf_print(c, false, &small), -ENOBUFS);
		assert_int_equal(conf_print(c, true, &small), -ENOBUFS);
	}
	conf_free(c);
	conf_free(other);
}

static void prints_json(void **state)
{
	struct shop s;
	struct conf *c = conf_new(&table, &s);
	cleanup_json json_t *j = NULL;
	cleanup_buf struct buf b;
	struct json_error err;
	const json_t *settings, *first;
	char why[CONF_WHY];

	(void)state;
	buf_init(&b, LIMIT_CONF);
	assert_int_equal(conf_read(c, "x.conf", TEXT("shop.title=\"q\"\"u\""), why), 0);
	assert_int_equal(conf_print(c, /* as_json= */ true, &b), 0);
	assert_int_equal(json_read(text_of_buf(&b), LIMIT_CONF, &j, &err), 0);
	settings = json_object_get(j, "settings");
	assert_int_equal(json_array_size(settings), countof(rows));
	first = json_array_get(settings, 0);
	assert_string_equal(json_string_value(json_object_get(first, "name")), "shop.title");
	assert_string_equal(json_string_value(json_object_get(first, "value")), "q\"u");
	assert_string_equal(json_string_value(json_object_get(first, "source")), "x.conf:1");
	assert_string_equal(json_string_value(json_object_get(first, "meaning")), "over the door");
	conf_free(c);
}

static void lines_survive_their_quotes(void **state)
{
	static const char *const values[] = {
		"",       "plain", " blanks ", "a # b",       "#",   "a#b",
		"\"",     "\"\"",  "\"x\"",    "a \"b\" # c", "x\"", "a = \"b # c",
		"# \" #", "a\tb",  "a\t#b",    "\" #",
	};
	struct shop s;

	(void)state;
	for (size_t i = 0; i < countof(values); i++) {
		struct conf *c = conf_new(&table, &s);
		cleanup_buf struct buf b;
		char why[CONF_WHY] = "";

		buf_init(&b, 1000);
		assert_int_equal(conf_add_line(&b, "shop.title", values[i]), 0);
		assert_int_equal(text_add(&b, TEXT("api.port = 1\n")), 0);
		if (conf_read(c, "x.conf", text_of_buf(&b), why) != 0 ||
		    strcmp(s.title, values[i]) != 0 || s.port != 1)
			fail_msg("%s became %s (%s)", (char *)b.data, s.title, why);
		conf_free(c);
	}
}

/* Of the environment only, where nobody else looks; and nobody is told what it is. */
static void a_secret_is_not_told(void **state)
{
	static char good[] = "REPLYD_SHOP_PIN=0000-sesame", blank[] = "REPLYD_SHOP_PIN=open sesame";
	char *env[] = { good, NULL }, *bad[] = { blank, NULL };
	struct shop s;
	struct conf *c = conf_new(&table, &s);
	char why[CONF_WHY] = "";

	(void)state;
	assert_int_equal(conf_set(c, "shop.pin=0000-sesame", why), -EINVAL);
	assert_string_equal(why, "--set: shop.pin: is a secret; only the environment sets it, as "
				 "REPLYD_SHOP_PIN");
	assert_int_equal(conf_read(c, "a.conf", TEXT("shop.pin = 0000-sesame\n"), why), -EINVAL);
	assert_null(strstr(why, "sesame"));
	assert_int_equal(conf_read_env(c, bad, why), -EINVAL);
	assert_null(strstr(why, "sesame"));
	assert_string_equal(s.pin, "");
	assert_int_equal(conf_read_env(c, env, why), 0);
	assert_string_equal(s.pin, "0000-sesame");
	for (int as_json = 0; as_json < 2; as_json++) {
		cleanup_buf struct buf b;

		buf_init(&b, LIMIT_CONF);
		assert_int_equal(conf_print(c, as_json, &b), 0);
		assert_null(strstr((char *)b.data, "sesame"));
		assert_non_null(strstr((char *)b.data, "(not shown)"));
	}
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_what_can_be_read_again),
		cmocka_unit_test(prints_json),
		cmocka_unit_test(a_secret_is_not_told),
		cmocka_unit_test(lines_survive_their_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
