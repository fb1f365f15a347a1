#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_text.h"

void json_cleanup(json_t **j)
{
	json_decref(*j);
	*j = NULL;
}

/* One step of a JSON pointer: '~' and '/' escaped (RFC 6901 section 3), all else printable. */
static void add_step(char dst[JSON_POINTER], const char *path, const char *step)
{
	size_t n;

	(void)snprintf(dst, JSON_POINTER, "%s/", path);
	n = strlen(dst);
	for (; *step && n + 3 < JSON_POINTER; step++) {
		if (*step == '~' || *step == '/') {
			dst[n++] = '~';
			dst[n++] = *step == '~' ? '0' : '1';
		} else {
			dst[n++] = *step >= ' ' && *step <= '~' ? *step : '?';
		}
	}
	dst[n] = '\0';
}

void json_path_key(char dst[JSON_POINTER], const char *path, const char *key)
{
	add_step(dst, path, key);
}

void json_path_item(char dst[JSON_POINTER], const char *path, size_t i)
{
	(void)snprintf(dst, JSON_POINTER, "%s/%zu", path, i);
}

static int refuse(struct json_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The field is in `err` already. */
static int refuse(struct json_error *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(err->why, sizeof(err->why), fmt, args);
	va_end(args);
	return -EINVAL;
}

void json_error_set(struct json_error *err, const char *path, const char *key, const char *fmt, ...)
{
	va_list args;

	add_step(err->field, path, key);
	va_start(args, fmt);
	(void)vsnprintf(err->why, sizeof(err->why), fmt, args);
	va_end(args);
}

/* Before the parser, which recurses: how deep would it go? */
static size_t depth_of(struct text in)
{
	size_t depth = 0, deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < in.len; i++) {
		char c = in.at[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			depth++;
		else if (!in_string && (c == '}' || c == ']') && depth)
			depth--;
		if (depth > deepest)
			deepest = depth;
	}
	return deepest;
}

int json_read(struct text in, size_t max, json_t **ret, struct json_error *err)
{
	json_error_t said;
	json_t *j;
	char *near;

	*err = (struct json_error){ 0 };
	if (in.len > max) {
		(void)refuse(err, "is larger than %zu bytes", max);
		return -EMSGSIZE;
	}
	if (!text_trim(in).len)
		return refuse(err, "is empty; a JSON object is expected");
	if (depth_of(in) > JSON_DEPTH)
		return refuse(err, "is nested deeper than %d levels", JSON_DEPTH);
	j = json_loadb(in.at, in.len, JSON_REJECT_DUPLICATES, &said);
	if (!j) {
		/* What it quotes is theirs. */
		near = strstr(said.text, " near ");
		if (near)
			*near = '\0';
		return refuse(err, "is not JSON: line %d, column %d: %s", said.line, said.column,
			      said.text);
	}
	*ret = j;
	return 0;
}

static const char *type_name(const json_t *j)
{
	if (!j)
		return "nothing";
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		return "null";
	}
	return "unknown";
}

static int refuse_type(struct json_error *err, const json_t *j, const char *want)
{
	return refuse(err, "is %s, not %s", type_name(j), want);
}

static int want_object(const json_t *obj, const char *path, struct json_error *err)
{
	(void)snprintf(err->field, sizeof(err->field), "%s", path);
	return json_is_object(obj) ? 0 : refuse_type(err, obj, "an object");
}

int json_only(const json_t *obj, const char *path, const char *const *allowed,
	      struct json_error *err)
{
	/* jansson's iterator takes no const and changes nothing */
	const union {
		const json_t *borrowed;
		json_t *given;
	} walked = { .borrowed = obj };
	int r = want_object(obj, path, err);
	size_t n;

	if (r < 0)
		return r;
	for (void *at = json_object_iter(walked.given); at;
	     at = json_object_iter_next(walked.given, at)) {
		const char *key = json_object_iter_key(at), *const *known = allowed;

		while (*known && strcmp(*known, key) != 0)
			known++;
		if (*known)
			continue;
		add_step(err->field, path, key);
		(void)refuse(err, "is not a known field; known here:");
		for (known = allowed; *known; known++) {
			n = strlen(err->why);
			(void)snprintf(err->why + n, sizeof(err->why) - n, " %s", *known);
		}
		return -EINVAL;
	}
	return 0;
}

/* 1: there, and `err->field` names it; 0: absent, and that is allowed. */
static int find(const json_t *obj, const char *path, const char *key, enum json_need need,
		const json_t **ret, struct json_error *err)
{
	int r = want_object(obj, path, err);
	const json_t *j;

	if (r < 0)
		return r;
	add_step(err->field, path, key);
	j = json_object_get(obj, key);
	if (j && !json_is_null(j)) {
		*ret = j;
		return 1;
	}
	if (need == JSON_OPTIONAL)
		return 0;
	return refuse(err, j ? "is null" : "is missing");
}

static int take_text(const json_t *j, size_t max, bool may_be_empty, struct text *ret,
		     struct json_error *err)
{
	struct text t;

	if (!json_is_string(j))
		return refuse_type(err, j, "a string");
	t = (struct text){ json_string_value(j), json_string_length(j) };
	if (!t.len && !may_be_empty)
		return refuse(err, "is empty");
	if (t.len > max)
		return refuse(err, "is longer than %zu bytes", max);
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.at[i] < ' ' || t.at[i] == '\x7f')
			return refuse(err, "holds a control character");
	*ret = t;
	return 0;
}

int json_want_text(const json_t *obj, const char *path, const char *key, size_t max,
		   enum json_need need, struct text *ret, struct json_error *err)
{
	const json_t *j = NULL;
	int r = find(obj, path, key, need, &j, err);

	return r > 0 ? take_text(j, max, need == JSON_OPTIONAL, ret, err) : r;
}

int json_want_word(const json_t *obj, const char *path, const char *key, const char *const *words,
		   enum json_need need, size_t *ret, struct json_error *err)
{
	const json_t *j = NULL;
	int r = find(obj, path, key, need, &j, err);
	struct text t;
	size_t n;

	if (r > 0)
		r = json_is_string(j) ? 1 : refuse_type(err, j, "a string");
	if (r <= 0)
		return r;
	t = (struct text){ json_string_value(j), json_string_length(j) };
	for (size_t i = 0; words[i]; i++) {
		if (text_eq(t, text_of(words[i]))) {
			*ret = i;
			return 0;
		}
	}
	(void)refuse(err, "is none of:");
	for (size_t i = 0; words[i]; i++) {
		n = strlen(err->why);
		(void)snprintf(err->why + n, sizeof(err->why) - n, " %s", words[i]);
	}
	return -EINVAL;
}

static bool take_uuid(struct text t, char ret[JSON_UUID])
{
	char low[JSON_UUID];

	if (t.len != JSON_UUID - 1)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		char c = t.at[i];

		low[i] = c >= 'A' && c <= 'F' ? (char)(c + ('a' - 'A')) : c;
		if (i == 8 || i == 13 || i == 18 || i == 23
			    ? c != '-'
			    : !low[i] || !strchr("0123456789abcdef", low[i]))
			return false;
	}
	memcpy(ret, low, t.len);
	ret[t.len] = '\0';
	return true;
}

int json_want_uuid(const json_t *obj, const char *path, const char *key, enum json_need need,
		   char ret[JSON_UUID], struct json_error *err)
{
	const json_t *j = NULL;
	int r = find(obj, path, key, need, &j, err);

	if (r <= 0)
		return r;
	if (!json_is_string(j))
		return refuse_type(err, j, "a string");
	if (!take_uuid((struct text){ json_string_value(j), json_string_length(j) }, ret))
		return refuse(err, "is not a UUID");
	return 0;
}

int json_want_time(const json_t *obj, const char *path, const char *key, enum json_need need,
		   int64_t *ret_unix_us, struct json_error *err)
{
	const json_t *j = NULL;
	int r = find(obj, path, key, need, &j, err);

	if (r <= 0)
		return r;
	if (!json_is_string(j))
		return refuse_type(err, j, "a string");
	/* json_read lets no NUL in, so the string is the whole value */
	if (clock_from_rfc3339(json_string_value(j), ret_unix_us) < 0)
		return refuse(err, "is not an RFC 3339 time such as 2026-11-23T09:02:11Z");
	return 0;
}

int json_want_int(const json_t *obj, const char *path, const char *key, int64_t min, int64_t max,
		  enum json_need need, int64_t *ret, struct json_error *err)
{
	const json_t *j = NULL;
	int r = find(obj, path, key, need, &j, err);

	if (r <= 0)
		return r;
	if (!json_is_number(j))
		return refuse_type(err, j, "a whole number");
	if (!json_is_integer(j))
		return refuse(err, "is not a whole number");
	if (json_integer_value(j) < min || json_integer_value(j) > max)
		return refuse(err, "is not between %" PRId64 " and %" PRId64, min, max);
	*ret = json_integer_value(j);
	return 0;
}

int json_want_array(const json_t *obj, const char *path, const char *key, size_t min, size_t max,
		    enum json_need need, const json_t **ret, struct json_error *err)
{
	const json_t *j = NULL;
	int r = find(obj, path, key, need, &j, err);

	if (r <= 0)
		return r;
	if (!json_is_array(j))
		return refuse_type(err, j, "an array");
	if (json_array_size(j) < min)
		return refuse(err, "has fewer than %zu items", min);
	if (json_array_size(j) > max)
		return refuse(err, "has more than %zu items", max);
	*ret = j;
	return 0;
}

int json_want_object(const json_t *obj, const char *path, const char *key, enum json_need need,
		     const json_t **ret, struct json_error *err)
{
	const json_t *j = NULL;
	int r = find(obj, path, key, need, &j, err);

	if (r <= 0)
		return r;
	if (!json_is_object(j))
		return refuse_type(err, j, "an object");
	*ret = j;
	return 0;
}

int json_item_object(const json_t *array, const char *path, size_t i, const json_t **ret,
		     struct json_error *err)
{
	const json_t *j = json_array_get(array, i);

	assert(j);
	json_path_item(err->field, path, i);
	if (!json_is_object(j))
		return refuse_type(err, j, "an object");
	*ret = j;
	return 0;
}

int json_item_text(const json_t *array, const char *path, size_t i, size_t max, struct text *ret,
		   struct json_error *err)
{
	const json_t *j = json_array_get(array, i);

	assert(j);
	json_path_item(err->field, path, i);
	return take_text(j, max, /* may_be_empty= */ false, ret, err);
}

static void must(bool ok)
{
	if (!ok)
		abort();
}

void json_put(json_t *obj, const char *key, json_t *value)
{
	must(value && json_object_set_new_nocheck(obj, key, value) == 0);
}

void json_append(json_t *array, json_t *value)
{
	must(value && json_array_append_new(array, value) == 0);
}

const char *json_get_text(const json_t *obj, const char *key)
{
	const char *text = json_string_value(json_object_get(obj, key));

	return text ? text : "";
}

void json_put_text(json_t *obj, const char *key, struct text t)
{
	cleanup_buf struct buf clean;
	size_t whole = 0, len;

	buf_init(&clean, t.len <= SIZE_MAX / 3 ? t.len * 3 : SIZE_MAX);
	for (size_t i = 0; i < t.len; i += len ? len : 1) {
		len = json_text_utf8((const unsigned char *)t.at + i, t.len - i);
		if (!len) {
			must(buf_add(&clean, t.at + whole, i - whole) == 0);
			must(buf_add(&clean, "\xef\xbf\xbd", 3) == 0);
			whole = i + 1;
		}
	}
	/* the usual case copies nothing here */
	if (whole) {
		must(buf_add(&clean, t.at + whole, t.len - whole) == 0);
		t = text_of_buf(&clean);
	}
	json_put(obj, key, json_stringn_nocheck(t.len ? t.at : "", t.len));
}

void json_put_int(json_t *obj, const char *key, int64_t n)
{
	json_put(obj, key, json_integer(n));
}

void json_put_bool(json_t *obj, const char *key, bool yes)
{
	json_put(obj, key, json_boolean(yes));
}

void json_put_null(json_t *obj, const char *key)
{
	json_put(obj, key, json_null());
}

void json_put_time(json_t *obj, const char *key, int64_t unix_us)
{
	char s[CLOCK_TEXT];

	clock_rfc3339(unix_us, s);
	json_put(obj, key, json_string_nocheck(s));
}

static int add_bytes(const char *p, size_t n, void *b)
{
	return buf_add(b, p, n);
}

int json_write(struct buf *b, const json_t *j)
{
	size_t was = b->len;

	if (json_dump_callback(j, add_bytes, b,
			       JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) == 0)
		return 0;
	buf_cut(b, was);
	return -ENOBUFS;
}
