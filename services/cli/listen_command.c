#include "services/cli/listen_command.h"

#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/json.h"
#include "services/cli/event_line.h"
#include "services/cli/feed.h"
#include "services/say.h"

#define TAIL 10

struct listening {
	struct api_call api;
	struct feed feed;
	struct forward forward;
	bool is_forwarding, is_once, as_json;
	uint64_t limit, shown; /* 0: no limit */
};

static int read_number(const char *flag, const char *given, uint64_t min, uint64_t *ret)
{
	char line[200];

	if (!given || (text_u64(text_of(given), INT64_MAX, ret) == 0 && *ret >= min))
		return 0;
	(void)snprintf(line, sizeof(line), "%s %.60s: is not a whole number from %llu on", flag,
		       given, (unsigned long long)min);
	return say(EX_USAGE, line);
}

/* Where to begin: as told, or `before_end` events before the end. */
static int find_start(struct listening *l, const struct options *o, uint64_t before_end)
{
	uint64_t end = 0;
	int code;

	if (o->after)
		return read_number("--after", o->after, 0, &l->feed.after);
	code = feed_end(&l->feed, &end);
	l->feed.after = end > before_end ? end - before_end : 0;
	return code;
}

static int take(struct listening *l, json_t *events)
{
	json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		int code = l->is_forwarding ? forward_post(&l->forward, event) : 0;

		if (code)
			return code;
		event_line_print(stdout, event, l->is_forwarding ? &l->forward : NULL, l->as_json);
		if (++l->shown == l->limit)
			break;
	}
	return 0;
}

static int go_on(struct listening *l)
{
	bool is_drained = false;
	int code = 0;

	while (code == 0 && !is_drained && (!l->limit || l->shown < l->limit)) {
		cleanup_json json_t *events = NULL;

		code = feed_next(&l->feed, !l->is_once, &events);
		if (code == 0)
			code = take(l, events);
		is_drained = l->is_once && code == 0 && json_array_size(events) == 0;
	}
	return code;
}

static int end(struct listening *l, int code)
{
	char line[200];

	if (code == API_CALL_INTERRUPTED) /* that is how it ends */
		return 0;
	if (code == 0 && l->is_forwarding && l->forward.refused) {
		(void)snprintf(line, sizeof(line),
			       "%zu of %zu events were not answered by 2xx; see the lines above",
			       l->forward.refused, l->forward.posted);
		return say(EX_UNAVAILABLE, line);
	}
	return code;
}

static void begin(const struct listening *l)
{
	if (l->is_forwarding)
		(void)fprintf(stderr, "forwarding to %s\n", l->forward.url);
	if (!l->is_once)
		(void)fprintf(stderr, "events of %s behind position %llu; Ctrl-C ends\n",
			      l->api.url, (unsigned long long)l->feed.after);
	if (!l->as_json)
		event_line_head(stdout, l->is_forwarding);
	(void)fflush(stdout);
}

static int run(const struct settings *s, const struct options *o, uint64_t before_end)
{
	struct listening l = { .is_once = o->once,
			       .is_forwarding = o->forward != NULL,
			       .as_json = o->json || !isatty(1) };
	int code = read_number("--limit", o->limit, 1, &l.limit);

	if (code == 0)
		code = api_call_open(&l.api, s, o);
	if (code)
		return code;
	code = feed_open(&l.feed, &l.api, o->types, 0);
	if (code == 0 && l.is_forwarding)
		code = forward_open(&l.forward, &l.api.wait, s, o);
	if (code == 0)
		code = find_start(&l, o, before_end);
	if (code == 0) {
		begin(&l);
		code = go_on(&l);
	}
	forward_close(&l.forward);
	api_call_close(&l.api);
	return end(&l, code);
}

int listen_command(const struct settings *s, const struct options *o)
{
	if (o->once && !o->after)
		return say(EX_USAGE,
			   "listen --once: there is nothing yet of what comes from now on; say "
			   "--after POSITION, 0 for all that is kept");
	return run(s, o, 0);
}

int listen_command_tail(const struct settings *s, const struct options *o)
{
	if (o->forward)
		return say(EX_USAGE, "event tail --forward: it is `replyd listen` that forwards");
	return run(s, o, TAIL);
}
