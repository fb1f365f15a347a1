#include "db/pg_json.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"

json_t *pg_json_instant(int64_t us)
{
	char text[CLOCK_TEXT];

	if (us == INT64_MIN)
		return json_null();
	clock_rfc3339(us, text);
	return json_string(text);
}

json_t *pg_json_hex(const uint8_t *bytes, size_t n)
{
	cleanup_buf struct buf hex;

	buf_init(&hex, 2 * n + 1);
	(void)text_add_hex(&hex, bytes, n);
	return json_stringn((const char *)hex.data, hex.len);
}

json_t *pg_json_texts(const char *const *at, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(at[i]));
	return list;
}

json_t *pg_json_given(const char *text)
{
	json_t *v = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	return v ? v : json_array();
}

char *pg_json_dump(json_t *v)
{
	char *text = v ? json_dumps(v, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

	json_decref(v);
	return text;
}
