#include <stdio.h>

#include "services/cli/fields.h"

#include "base/mem.h"
#include "base/text.h"

#define WHOLE (JSON_COMPACT | JSON_REAL_PRECISION(15))

static void print_inside(const char *prefix, json_t *j)
{
	const char *key;
	json_t *value;

	json_object_foreach(j, key, value)
	{
		cleanup_free char *text = NULL;
		char name[100], shown[400];

		(void)snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", key);
		if (json_is_null(value) || (json_is_string(value) && !*json_string_value(value)))
			continue;
		if (json_is_object(value)) {
			print_inside(name, value);
			continue;
		}
		text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | WHOLE);
		text_printable(shown, sizeof(shown),
			       text_of(text ? text : json_string_value(value)));
		printf("%-22s %s\n", name, shown);
	}
}

void fields_print(json_t *answer, bool as_json)
{
	cleanup_free char *text = NULL;

	if (!as_json) {
		print_inside("", answer);
		return;
	}
	text = json_dumps(answer, JSON_ENCODE_ANY | WHOLE);
	puts(text ? text : "null");
}
