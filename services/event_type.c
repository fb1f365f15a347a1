#include "services/event_type.h"

static const struct event_type table[] = {
#define X(constant, name, class, wish, words) { name, EVENT_CLASS_##class, wish, words },
	EVENT_TYPES(X)
#undef X
};

const struct event_type *event_type_at(enum event_type_id id)
{
	return &table[id];
}

const struct event_type *event_type_find(struct text name)
{
	for (int i = 0; i < EVENT_TYPE_N; i++)
		if (text_eq(name, text_of(table[i].name)))
			return &table[i];
	return NULL;
}

const char *event_type_class_name(enum event_class c)
{
	switch (c) {
	case EVENT_CLASS_PROSPECT:
		return "prospect";
	case EVENT_CLASS_INBOX:
		return "inbox";
	case EVENT_CLASS_ENDPOINT:
		return "endpoint";
	case EVENT_CLASS_TEST:
		return "test";
	}
	return "";
}

const char *event_type_names(void)
{
	/* The first two bytes are a comma and a space. */
#define X(constant, name, class, wish, words) ", " name
	static const char all[] = EVENT_TYPES(X);
#undef X

	return all + 2;
}
