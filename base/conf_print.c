#include <errno.h>
#include <string.h>

#include "base/conf.h"
#include "base/json.h"

static int print_line(struct buf *b, const struct conf_at *at)
{
	size_t was = b->len;
	int r = text_addf(b, "# %s [%s]\n%s", at->meaning, at->source,
			  at->is_set && !at->is_secret ? "" : "#");

	if (r == 0)
		r = conf_add_line(b, at->name, at->value);
	if (r < 0)
		buf_cut(b, was);
	return r;
}

static void put_setting(json_t *settings, const struct conf_at *at)
{
	json_t *setting = json_object();

	json_put_text(setting, "name", text_of(at->name));
	json_put_text(setting, "value", text_of(at->value));
	json_put_text(setting, "source", text_of(at->source));
	json_put_text(setting, "meaning", text_of(at->meaning));
	json_append(settings, setting);
}

int conf_print(const struct conf *c, bool as_json, struct buf *ret)
{
	cleanup_json json_t *all = json_object();
	json_t *settings = json_array();
	struct conf_at at = { 0 };
	int r = 0;

	json_put(all, "settings", settings);
	while (r == 0 && conf_next(c, &at)) {
		if (as_json)
			put_setting(settings, &at);
		else
			r = print_line(ret, &at);
	}
	return as_json ? json_write(ret, all) : r;
}
