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

bool event_type_match(struct text word, bool wanted[EVENT_TYPE_N])
{
	bool is_family =
		     word.len > 2 && text_eq(text_sub(word, word.len - 2, word.len), TEXT(".*")),
	     any = false;
	struct text family = is_family ? text_sub(word, 0, word.len - 1) : word;

	for (int i = 0; i < EVENT_TYPE_N; i++) {
		struct text name = text_of(table[i].name);

		if (is_family ? name.len > family.len &&
					text_eq(text_sub(name, 0, family.len), family)
			      : text_eq(name, word))
			wanted[i] = any = true;
	}
	return any;
}

const char *event_type_names(void)
{
	/* The first two bytes are a comma and a space. */
#define X(constant, name, class, wish, words) ", " name
	static const char all[] = EVENT_TYPES(X);
#undef X

	return all + 2;
}
