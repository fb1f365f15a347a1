#include "services/cli/event_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define COLUMNS "%-19s  %-22s %-32s %-28s"

static const json_t *data_of(const json_t *event)
{
	return json_object_get(event, "data");
}

static const char *in(const json_t *data, const char *object, const char *key)
{
	return json_get_text(*object ? json_object_get(data, object) : data, key);
}

/* The first of these places where a text stands. */
static const char *first_of(const json_t *data, const char *const places[][2])
{
	const char *found = "";

	for (size_t i = 0; places[i][1] && !*found; i++)
		found = in(data, places[i][0], places[i][1]);
	return found;
}

void event_line_who(const json_t *event, char dst[EVENT_LINE_WORD])
{
	static const char *const places[][2] = {
		{ "prospect", "address" },
		{ "prospect", "key" },
		{ "inbox", "address" },
		{ "", "address" },
		{ "", "tenant" },
		{ "endpoint", "url" },
		{ "", "url" },
		{ "", "endpoint_id" },
		{ NULL, NULL },
	};

	text_printable(dst, EVENT_LINE_WORD, text_of(first_of(data_of(event), places)));
}

void event_line_what(const json_t *event, char dst[EVENT_LINE_WORD])
{
	static const char *const why[][2] = {
		{ "", "intent" },
		{ "bounce", "reason" },
		{ "complaint", "type" },
		{ "", "reason" },
		{ "", "cause" },
		{ "", "state" },
		{ "", "to" },
		{ "", "text_unavailable_reason" },
		{ NULL, NULL },
	};
	const json_t *data = data_of(event);
	const char *kind = json_get_text(data, "kind"), *more = first_of(data, why);
	char line[EVENT_LINE_WORD];

	(void)snprintf(line, sizeof(line), "%.90s%s%.90s", kind, *kind && *more ? ", " : "", more);
	text_printable(dst, EVENT_LINE_WORD, text_of(line));
}

/* "2026-11-23T09:02:11.123456Z" without what nobody reads. */
static void when_of(const json_t *event, char dst[20])
{
	char all[EVENT_LINE_WORD];

	text_printable(all, sizeof(all), text_of(json_get_text(event, "timestamp")));
	(void)snprintf(dst, 20, "%.19s", all);
	if (strlen(dst) > 10 && dst[10] == 'T')
		dst[10] = ' ';
}

void event_line_head(FILE *out, bool with_forward)
{
	(void)fprintf(out, COLUMNS " %s\n", "TIME (UTC)", "TYPE", "WHO", "WHAT",
		      with_forward ? "FORWARD" : "");
}

static void print_people(FILE *out, const json_t *event, const struct forward *f)
{
	char when[20], who[EVENT_LINE_WORD], what[EVENT_LINE_WORD], type[64],
		line[3 * EVENT_LINE_WORD];
	size_t n;

	when_of(event, when);
	event_line_who(event, who);
	event_line_what(event, what);
	text_printable(type, sizeof(type), text_of(json_get_text(event, "type")));
	n = (size_t)snprintf(line, sizeof(line), COLUMNS, when, type, who, what);
	if (!f)
		while (n && line[n - 1] == ' ')
			line[--n] = '\0';
	(void)fputs(line, out);
	if (f)
		(void)fprintf(out, " %s", f->words);
	(void)fputc('\n', out);
}

static void print_program(FILE *out, json_t *event, const struct forward *f)
{
	cleanup_free char *text = NULL;

	if (f) {
		json_t *j = json_object();

		json_put_int(j, "status", f->status);
		json_put_bool(j, "delivered", forward_is_delivered(f));
		json_put_int(j, "took_ms", (int64_t)f->took_ms);
		json_put_text(j, "said", text_of(f->words));
		json_put(event, "forward", j);
	}
	text = json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(15));
	(void)fprintf(out, "%s\n", text ? text : "{}");
}

void event_line_print(FILE *out, json_t *event, const struct forward *f, bool as_json)
{
	if (as_json)
		print_program(out, event, f);
	else
		print_people(out, event, f);
	(void)fflush(out);
}
