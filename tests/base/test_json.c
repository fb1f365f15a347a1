#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"

static json_t *read_good(const char *in)
{
	struct json_error err;
	json_t *j = NULL;

	if (json_read(text_of(in), 100000, &j, &err) != 0)
		fail_msg("%s: %s", in, err.why);
	return j;
}

static void documents_are_read_strictly(void **state)
{
	static const struct {
		const char *name;
		struct text in;
		int r;
		const char *why; /* how it begins */
	} rows[] = {
		{ "object", TEXT(" {\"a\": [1, null]}\r\n"), 0, "" },
		{ "array", TEXT("[]"), 0, "" },
		{ "empty", TEXT(""), -EINVAL, "is empty; a JSON object is expected" },
		{ "blank", TEXT(" \n"), -EINVAL, "is empty; a JSON object is expected" },
		{ "a bare value", TEXT("\"s3cret\""), -EINVAL,
		  "is not JSON: line 1, column 8: '[' or '{' expected" },
		{ "cut", TEXT("{\"a\": \"s3cret\""), -EINVAL,
		  "is not JSON: line 1, column 14: '}' expected" },
		{ "two documents", TEXT("{} {\"s3cret\":1}"), -EINVAL,
		  "is not JSON: line 1, column 4: end of file expected" },
		{ "a key twice", TEXT("{\"s3cret\": 1,\n\"s3cret\": 2}"), -EINVAL,
		  "is not JSON: line 2, column 8: duplicate object key" },
		{ "a key twice, deeper", TEXT("[{\"a\":{\"b\":1,\"b\":1}}]"), -EINVAL,
		  "is not JSON: line 1, column 16: duplicate object key" },
		{ "a key twice, spelt differently", TEXT("{\"a\":1,\"\\u0061\":1}"), -EINVAL,
		  "is not JSON: line 1, column 15: duplicate object key" },
		{ "a comma too many", TEXT("[1,]"), -EINVAL, "is not JSON: line 1, column 4:" },
		{ "a comment", TEXT("{} // x"), -EINVAL, "is not JSON: " },
		{ "single quotes", TEXT("{'a':1}"), -EINVAL, "is not JSON: " },
		{ "not UTF-8", TEXT("[\"\xe4\"]"), -EINVAL, "is not JSON: " },
		{ "a NUL", TEXT("[\"a\\u0000b\"]"), -EINVAL, "is not JSON: " },
		{ "a raw NUL", TEXT("[\"a\0b\"]"), -EINVAL, "is not JSON: " },
		{ "half a surrogate", TEXT("[\"\\ud800\"]"), -EINVAL, "is not JSON: " },
		{ "a line break in a string", TEXT("[\"a\nb\"]"), -EINVAL, "is not JSON: " },
		{ "a number without an end", TEXT("[1e999]"), -EINVAL, "is not JSON: " },
		{ "an integer over 64 bits", TEXT("[18446744073709551616]"), -EINVAL,
		  "is not JSON: " },
		{ "NaN", TEXT("[NaN]"), -EINVAL, "is not JSON: " },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		cleanup_json json_t *j = NULL;
		struct json_error err;
		int r = json_read(rows[i].in, 1000, &j, &err);

		if (r != rows[i].r || (r == 0) != (j != NULL) || *err.field ||
		    strncmp(err.why, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("%s: %d, %s", rows[i].name, r, err.why);
		assert_null(strstr(err.why, "s3cret"));
		if (r < 0)
			assert_true(*err.why);
	}
}

static void size_and_depth_have_ends(void **state)
{
	cleanup_json json_t *j = NULL;
	char in[100001];
	struct json_error err;

	(void)state;
	assert_int_equal(json_read(TEXT("[1,2]"), 5, &j, &err), 0);
	json_cleanup(&j);
	assert_int_equal(json_read(TEXT("[1,2]"), 4, &j, &err), -EMSGSIZE);
	assert_string_equal(err.why, "is larger than 4 bytes");

	for (int depth = JSON_DEPTH - 1; depth <= JSON_DEPTH + 1; depth++) {
		cleanup_buf struct buf b;
		int r;

		buf_init(&b, 1000);
		for (int i = 0; i < depth; i++)
			assert_int_equal(text_add(&b, i % 2 ? TEXT("[") : TEXT("{\"a\":")), 0);
		assert_int_equal(text_add(&b, TEXT("1")), 0);
		for (int i = depth; i-- > 0;)
			assert_int_equal(text_add(&b, i % 2 ? TEXT("]") : TEXT("}")), 0);
		r = json_read(text_of_buf(&b), 1000, &j, &err);
		assert_int_equal(r, depth <= JSON_DEPTH ? 0 : -EINVAL);
		json_cleanup(&j);
	}
	assert_string_equal(err.why, "is nested deeper than 32 levels");
	/* brackets inside strings are not depth, also behind an escaped quote */
	memset(in, '[', sizeof(in));
	memcpy(in, "[\"\\\"", 4);
	memcpy(in + 5000, "\"]", 3);
	assert_int_equal(json_read(text_of(in), sizeof(in), &j, &err), 0);
	/* and what would exhaust a stack never reaches the parser */
	memset(in, '[', sizeof(in) - 1);
	in[sizeof(in) - 1] = '\0';
	json_cleanup(&j);
	assert_int_equal(json_read(text_of(in), sizeof(in), &j, &err), -EINVAL);
	assert_string_equal(err.why, "is nested deeper than 32 levels");
}

static const char document[] =
	"{\"text\":\"hello\",\"empty\":\"\",\"null\":null,\"int\":42,\"real\":1.5,\"yes\":true,"
	"\"no\":false,\"list\":[1,\"two\",{}],\"none\":[],\"obj\":{\"a\":1},"
	"\"time\":\"2026-11-23T10:02:11.5+01:00\",\"date\":\"2026-11-23\","
	"\"uuid\":\"5F0C9C1E-2d36-4a55-9d7c-0a6d5b0f1a01\",\"bad uuid\":\"5f0c9c1e\","
	"\"worse uuid\":\"5f0c9c1e-2d36-4a55-9d7c-0a6d5b0f1a0z\",\"break\":\"a\\r\\nb\","
	"\"del\":\"a\\u007f\",\"umlaut\":\"\xc3\xa4\",\"word\":\"starttls\","
	"\"min\":-9223372036854775808}";

enum wanted { TEXTS, WORDS, UUIDS, TIMES, INTS, ARRAYS, OBJECTS };

/* Ask for `key` as `kind`; the document's own root is at /items/3. */
static int want(const json_t *obj, enum wanted kind, const char *key, enum json_need need,
		bool *ret_touched, struct json_error *err)
{
	static const char *const words[] = { "tls", "starttls", NULL };
	const json_t *j = NULL;
	struct text t = { NULL, 0 };
	char uuid[JSON_UUID] = "";
	int64_t n = -1;
	size_t word = 99;
	int r = -1;

	switch (kind) {
	case TEXTS:
		r = json_want_text(obj, "/items/3", key, 5, need, &t, err);
		break;
	case WORDS:
		r = json_want_word(obj, "/items/3", key, words, need, &word, err);
		break;
	case UUIDS:
		r = json_want_uuid(obj, "/items/3", key, need, uuid, err);
		break;
	case TIMES:
		r = json_want_time(obj, "/items/3", key, need, &n, err);
		break;
	case INTS:
		r = json_want_int(obj, "/items/3", key, 0, 42, need, &n, err);
		break;
	case ARRAYS:
		r = json_want_array(obj, "/items/3", key, 1, 3, need, &j, err);
		break;
	case OBJECTS:
		r = json_want_object(obj, "/items/3", key, need, &j, err);
		break;
	}
	*ret_touched = t.at || *uuid || n != -1 || word != 99 || j;
	return r;
}

static void a_wrong_field_is_named(void **state)
{
	static const struct {
		enum wanted kind;
		const char *key, *why;
	} rows[] = {
		{ TEXTS, "gone", "is missing" },
		{ TEXTS, "null", "is null" },
		{ TEXTS, "empty", "is empty" },
		{ TEXTS, "int", "is a number, not a string" },
		{ TEXTS, "real", "is a number, not a string" },
		{ TEXTS, "yes", "is a boolean, not a string" },
		{ TEXTS, "list", "is an array, not a string" },
		{ TEXTS, "obj", "is an object, not a string" },
		{ TEXTS, "time", "is longer than 5 bytes" },
		{ TEXTS, "break", "holds a control character" },
		{ TEXTS, "del", "holds a control character" },
		{ WORDS, "gone", "is missing" },
		{ WORDS, "int", "is a number, not a string" },
		{ WORDS, "text", "is none of: tls starttls" },
		{ WORDS, "empty", "is none of: tls starttls" },
		{ UUIDS, "gone", "is missing" },
		{ UUIDS, "int", "is a number, not a string" },
		{ UUIDS, "bad uuid", "is not a UUID" },
		{ UUIDS, "worse uuid", "is not a UUID" },
		{ UUIDS, "empty", "is not a UUID" },
		{ TIMES, "gone", "is missing" },
		{ TIMES, "int", "is a number, not a string" },
		{ TIMES, "date", "is not an RFC 3339 time such as 2026-11-23T09:02:11Z" },
		{ INTS, "gone", "is missing" },
		{ INTS, "text", "is a string, not a whole number" },
		{ INTS, "real", "is not a whole number" },
		{ INTS, "min", "is not between 0 and 42" },
		{ ARRAYS, "gone", "is missing" },
		{ ARRAYS, "obj", "is an object, not an array" },
		{ ARRAYS, "none", "has fewer than 1 items" },
		{ OBJECTS, "null", "is null" },
		{ OBJECTS, "list", "is an array, not an object" },
	};
	cleanup_json json_t *obj = read_good(document);

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct json_error err = { "", "" };
		char field[JSON_POINTER];
		bool touched;
		int r = want(obj, rows[i].kind, rows[i].key, JSON_REQUIRED, &touched, &err);

		json_path_key(field, "/items/3", rows[i].key);
		if (r != -EINVAL || touched || strcmp(err.field, field) != 0 ||
		    strcmp(err.why, rows[i].why) != 0)
			fail_msg("%s: %d, %s %s", rows[i].key, r, err.field, err.why);
	}
}

static void optional_is_absent_or_null_and_otherwise_as_strict(void **state)
{
	cleanup_json json_t *obj = read_good(document);

	(void)state;
	for (int kind = TEXTS; kind <= OBJECTS; kind++) {
		struct json_error err;
		bool touched;

		assert_int_equal(
			want(obj, (enum wanted)kind, "gone", JSON_OPTIONAL, &touched, &err), 0);
		assert_false(touched);
		assert_int_equal(
			want(obj, (enum wanted)kind, "null", JSON_OPTIONAL, &touched, &err), 0);
		assert_false(touched);
		/* a field of the wrong type is not one that is absent */
		assert_int_equal(
			want(obj, (enum wanted)kind, "real", JSON_OPTIONAL, &touched, &err),
			-EINVAL);
		assert_false(touched);
	}
}

static void good_fields_are_returned(void **state)
{
	static const char *const words[] = { "tls", "starttls", NULL };
	cleanup_json json_t *obj = read_good(document);
	struct json_error err;
	const json_t *j = NULL;
	char uuid[JSON_UUID], path[JSON_POINTER];
	struct text t;
	int64_t n;
	size_t word;

	(void)state;
	assert_int_equal(json_want_text(obj, "", "text", 5, JSON_REQUIRED, &t, &err), 0);
	assert_true(text_eq(t, TEXT("hello")));
	assert_int_equal(json_want_text(obj, "", "umlaut", 2, JSON_REQUIRED, &t, &err), 0);
	assert_true(text_eq(t, TEXT("\xc3\xa4")));
	assert_int_equal(json_want_text(obj, "", "empty", 5, JSON_OPTIONAL, &t, &err), 0);
	assert_int_equal(t.len, 0);
	assert_int_equal(json_want_word(obj, "", "word", words, JSON_REQUIRED, &word, &err), 0);
	assert_int_equal(word, 1);
	assert_int_equal(json_want_uuid(obj, "", "uuid", JSON_REQUIRED, uuid, &err), 0);
	assert_string_equal(uuid, "5f0c9c1e-2d36-4a55-9d7c-0a6d5b0f1a01");
	assert_int_equal(json_want_time(obj, "", "time", JSON_REQUIRED, &n, &err), 0);
	assert_true(n == INT64_C(1795424531500000));
	assert_int_equal(json_want_int(obj, "", "int", 42, 42, JSON_REQUIRED, &n, &err), 0);
	assert_int_equal(n, 42);
	assert_int_equal(
		json_want_int(obj, "", "min", INT64_MIN, INT64_MAX, JSON_REQUIRED, &n, &err), 0);
	assert_true(n == INT64_MIN);
	assert_int_equal(json_want_object(obj, "", "obj", JSON_REQUIRED, &j, &err), 0);
	assert_int_equal(json_object_size(j), 1);
	assert_int_equal(json_want_array(obj, "", "none", 0, 9, JSON_REQUIRED, &j, &err), 0);
	assert_int_equal(json_want_array(obj, "", "list", 4, 9, JSON_REQUIRED, &j, &err), -EINVAL);
	assert_int_equal(json_want_array(obj, "", "list", 0, 2, JSON_REQUIRED, &j, &err), -EINVAL);
	assert_string_equal(err.why, "has more than 2 items");
	assert_int_equal(json_want_array(obj, "", "list", 1, 3, JSON_REQUIRED, &j, &err), 0);

	json_path_key(path, "", "list");
	assert_int_equal(json_item_text(j, path, 1, 3, &t, &err), 0);
	assert_true(text_eq(t, TEXT("two")));
	assert_int_equal(json_item_text(j, path, 1, 2, &t, &err), -EINVAL);
	assert_string_equal(err.field, "/list/1");
	assert_string_equal(err.why, "is longer than 2 bytes");
	assert_int_equal(json_item_text(j, path, 0, 2, &t, &err), -EINVAL);
	assert_string_equal(err.field, "/list/0");
	assert_int_equal(json_item_object(j, path, 1, &j, &err), -EINVAL);
	assert_string_equal(err.why, "is a string, not an object");
	assert_int_equal(json_item_object(j, path, 2, &j, &err), 0);
	assert_int_equal(json_object_size(j), 0);
}

static void what_is_no_object_has_no_fields(void **state)
{
	cleanup_json json_t *array = read_good("[1]");
	static const char *const allowed[] = { "a", NULL };
	struct json_error err;
	struct text t;

	(void)state;
	assert_int_equal(json_want_text(array, "", "a", 5, JSON_OPTIONAL, &t, &err), -EINVAL);
	assert_string_equal(err.field, "");
	assert_string_equal(err.why, "is an array, not an object");
	assert_int_equal(json_only(array, "/x", allowed, &err), -EINVAL);
	assert_string_equal(err.field, "/x");
}

static void unknown_fields_are_named(void **state)
{
	static const char *const allowed[] = { "url", "types", NULL };
	static const struct {
		const char *in, *field; /* NULL: fine */
	} rows[] = {
		{ "{}", NULL },
		{ "{\"url\":1}", NULL },
		{ "{\"types\":1,\"url\":1}", NULL },
		{ "{\"URL\":1}", "/x/URL" },
		{ "{\"url\":1,\"urls\":1}", "/x/urls" },
		{ "{\"\":1}", "/x/" },
		{ "{\"a/b~c\":1}", "/x/a~1b~0c" },
		{ "{\"\\u001b\xc3\xa4\":1}", "/x/???" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		cleanup_json json_t *j = read_good(rows[i].in);
		struct json_error err = { "", "" };
		int r = json_only(j, "/x", allowed, &err);

		if (r != (rows[i].field ? -EINVAL : 0) ||
		    (rows[i].field && strcmp(err.field, rows[i].field) != 0))
			fail_msg("%s: %d %s", rows[i].in, r, err.field);
		if (r < 0)
			assert_string_equal(err.why, "is not a known field; known here: url types");
	}
}

static void long_names_are_cut(void **state)
{
	cleanup_json json_t *j = json_object();
	static const char *const allowed[] = { "a", NULL };
	struct json_error err;
	char key[500], path[JSON_POINTER], deep[JSON_POINTER] = "";

	(void)state;
	memset(key, '/', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	assert_int_equal(json_object_set_new(j, key, json_true()), 0);
	assert_int_equal(json_only(j, "/items/7", allowed, &err), -EINVAL);
	assert_true(strlen(err.field) < JSON_POINTER && strlen(err.field) > 150);
	assert_memory_equal(err.field, "/items/7/~1~1", 13);
	assert_int_equal(strlen(err.field) % 2, 1); /* no half escape at the end */
	for (int i = 0; i < 100; i++) {
		json_path_item(path, deep, 12);
		memcpy(deep, path, sizeof(deep));
	}
	assert_int_equal(strlen(deep), JSON_POINTER - 1);
	json_path_key(path, deep, "x");
	assert_int_equal(strlen(path), JSON_POINTER - 1);
	json_error_set(&err, "/items/0", "address", "is not an address (%d)", 7);
	assert_string_equal(err.field, "/items/0/address");
	assert_string_equal(err.why, "is not an address (7)");
}

static void writers_write(void **state)
{
	cleanup_json json_t *j = json_object();
	cleanup_buf struct buf b;
	json_t *list = json_array();

	(void)state;
	json_put_text(j, "text", TEXT("a\"\\\n\xc3\xa4\xf0\x9f\x99\x82"));
	json_put_text(j, "none", (struct text){ NULL, 0 });
	json_put_int(j, "int", INT64_MIN);
	json_put_bool(j, "yes", true);
	json_put_null(j, "null");
	json_put_time(j, "at", 1795424531123456);
	json_append(list, json_integer(1));
	json_put(j, "list", list);
	buf_init(&b, 1000);
	assert_int_equal(json_write(&b, j), 0);
	assert_string_equal((char *)b.data,
			    "{\"text\":\"a\\\"\\\\\\n\xc3\xa4\xf0\x9f\x99\x82\",\"none\":\"\","
			    "\"int\":-9223372036854775808,\"yes\":true,\"null\":null,"
			    "\"at\":\"2026-11-23T09:02:11.123456Z\",\"list\":[1]}");
	for (size_t max = 0; max < b.len; max++) {
		cleanup_buf struct buf small;

		buf_init(&small, max);
		assert_int_equal(json_write(&small, j), -ENOBUFS);
		assert_int_equal(small.len, 0);
	}
}

#define FFFD "\xef\xbf\xbd"

static void anybodys_bytes_become_utf8(void **state)
{
	static const struct {
		const char *name;
		struct text in;
		const char *want;
	} rows[] = {
		{ "Latin-1", TEXT("gr\xfc\xdf"), "gr" FFFD FFFD },
		{ "NUL", TEXT("a\0b"), "a" FFFD "b" },
		{ "cut at the end", TEXT("a\xc3"), "a" FFFD },
		{ "cut in the middle", TEXT("\xf0\x9f\x99x"), FFFD FFFD FFFD "x" },
		{ "overlong", TEXT("\xc0\xaf\xe0\x80\xaf"), FFFD FFFD FFFD FFFD FFFD },
		{ "surrogate", TEXT("\xed\xa0\x80"), FFFD FFFD FFFD },
		{ "beyond Unicode", TEXT("\xf4\x90\x80\x80"), FFFD FFFD FFFD FFFD },
		{ "a lone continuation", TEXT("\x80x"), FFFD "x" },
		{ "the first and last of each length",
		  TEXT("\x01\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f"
		       "\xbf\xbf"),
		  "\x01\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf"
		  "\xbf" },
		{ "around the surrogates", TEXT("\xed\x9f\xbf\xee\x80\x80"),
		  "\xed\x9f\xbf\xee\x80\x80" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		cleanup_json json_t *j = json_object();
		cleanup_json json_t *back = NULL;
		cleanup_buf struct buf b;
		struct json_error err;

		json_put_text(j, "t", rows[i].in);
		if (strcmp(json_string_value(json_object_get(j, "t")), rows[i].want) != 0)
			fail_msg("%s", rows[i].name);
		buf_init(&b, 1000);
		assert_int_equal(json_write(&b, j), 0);
		assert_int_equal(json_read(text_of_buf(&b), 1000, &back, &err), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_read_strictly),
		cmocka_unit_test(size_and_depth_have_ends),
		cmocka_unit_test(a_wrong_field_is_named),
		cmocka_unit_test(optional_is_absent_or_null_and_otherwise_as_strict),
		cmocka_unit_test(good_fields_are_returned),
		cmocka_unit_test(what_is_no_object_has_no_fields),
		cmocka_unit_test(unknown_fields_are_named),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(writers_write),
		cmocka_unit_test(anybodys_bytes_become_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
