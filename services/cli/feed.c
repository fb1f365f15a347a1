#include "services/cli/feed.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "services/event_type.h"
#include "services/say.h"

#define PAGE       100
#define WAIT_S     25    /* under the minute after which proxies cut a silent answer */
#define ANSWER_MS  15000 /* of an answer beyond what it may wait */
#define POLL_MS    500   /* where the API does not wait */
#define AT_ONCE_MS 1000  /* an empty answer that came sooner was not waited for */
#define FIRST_MS   500
#define MOST_MS    30000
#define LIVED_MS   60000

/* An unknown one would be waited for in vain. */
static int check_types(const char *types)
{
	struct text rest = text_of(types), one;
	char line[1000];
	bool more = true, wanted[EVENT_TYPE_N] = { false };

	while (more) {
		more = text_cut(rest, ',', &one, &rest);
		if (event_type_match(one, wanted))
			continue;
		(void)snprintf(line, sizeof(line),
			       "--types %.80s: `%.*s` is no type; there are %s, and families as "
			       "reply.*",
			       types, one.len < 60 ? (int)one.len : 60, one.at, event_type_names());
		return say(EX_USAGE, line);
	}
	return strlen(types) < API_CALL_PATH / 2 ? 0 : say(EX_USAGE, "--types: names some twice");
}

int feed_open(struct feed *f, struct api_call *api, const char *types, uint64_t after)
{
	*f = (struct feed){ .api = api, .types = types, .after = after, .state = FEED_NEW };
	backoff_init(&f->backoff, FIRST_MS, MOST_MS, LIVED_MS);
	rand_gen_seed(&f->jitter, 0);
	return types ? check_types(types) : 0;
}

/* ---- one page ---- */

static int ask(struct feed *f, uint64_t after, int limit, int wait_s, json_t **ret)
{
	char path[API_CALL_PATH];

	(void)snprintf(path, sizeof(path), "/v1/events?after=%llu&limit=%d&wait=%d%s%s",
		       (unsigned long long)after, limit, wait_s, f->types ? "&types=" : "",
		       f->types ? f->types : "");
	return api_call_try(f->api, path, (uint64_t)wait_s * 1000 + ANSWER_MS, ret);
}

static bool is_wanted(const struct feed *f, const json_t *event)
{
	struct text types = text_of(f->types), one;
	const struct event_type *type = event_type_find(text_of(json_get_text(event, "type")));
	bool more = f->types, wanted[EVENT_TYPE_N] = { false };

	while (more) {
		more = text_cut(types, ',', &one, &types);
		(void)event_type_match(one, wanted);
	}
	for (int i = 0; i < EVENT_TYPE_N; i++)
		if (wanted[i] && event_type_at((enum event_type_id)i) == type)
			return true;
	return !f->types;
}

/* What the API gave, less what is not wanted: an older one does not know `types`. */
static json_t *keep_wanted(const struct feed *f, const json_t *page)
{
	json_t *kept = json_array(), *event;
	size_t i;

	json_array_foreach(json_object_get(page, "events"), i, event)
	{
		if (is_wanted(f, event))
			json_append(kept, json_incref(event));
	}
	return kept;
}

/* ---- what went wrong ---- */

static void tell(const char *words)
{
	(void)fprintf(stderr, "replyd: %s\n", words);
}

static bool passes(const struct feed *f, int code)
{
	return f->state != FEED_NEW && (code == EX_UNAVAILABLE || code == EX_TEMPFAIL);
}

/* 0: once more. */
static int recover(struct feed *f, int code)
{
	char line[API_CALL_WORDS + 100];
	uint64_t wait_ms;

	if (f->api->status == 410 && f->api->oldest > (int64_t)f->after) {
		(void)snprintf(line, sizeof(line),
			       "events up to position %lld are no longer kept; going on behind it",
			       (long long)f->api->oldest);
		tell(line);
		f->after = (uint64_t)f->api->oldest;
		return 0;
	}
	if (!passes(f, code))
		return code == API_CALL_INTERRUPTED ? code : say(code, f->api->words);
	if (f->state == FEED_REACHED) {
		(void)snprintf(line, sizeof(line), "%s; trying again", f->api->words);
		tell(line);
	}
	f->state = FEED_LOST;
	wait_ms = backoff_failed(&f->backoff, &f->jitter);
	if (f->api->retry_after_s > 0 && (uint64_t)f->api->retry_after_s * 1000 > wait_ms)
		wait_ms = (uint64_t)f->api->retry_after_s * 1000;
	return http_wait_pause(&f->api->wait, wait_ms) < 0 ? API_CALL_INTERRUPTED : 0;
}

static void recovered(struct feed *f)
{
	if (f->state == FEED_LOST)
		tell("it answers again");
	f->state = FEED_REACHED;
	backoff_lived(&f->backoff, LIVED_MS);
}

int feed_next(struct feed *f, bool is_patient, json_t **ret_events)
{
	int code = 0;

	while (code == 0) {
		cleanup_json json_t *page = NULL, *events = NULL;
		uint64_t asked_ms = clock_mono_ms(), was = f->after;
		int64_t next;

		code = ask(f, f->after, PAGE, is_patient ? WAIT_S : 0, &page);
		if (code) {
			code = recover(f, code);
			continue;
		}
		recovered(f);
		next = json_integer_value(json_object_get(page, "next"));
		if (next > (int64_t)f->after)
			f->after = (uint64_t)next;
		events = keep_wanted(f, page);
		if (json_array_size(events) || (!is_patient && f->after == was)) {
			*ret_events = json_incref(events);
			return 0;
		}
		if (f->after == was && clock_mono_ms() - asked_ms < AT_ONCE_MS &&
		    http_wait_pause(&f->api->wait, POLL_MS) < 0)
			code = API_CALL_INTERRUPTED;
	}
	return code;
}

/* ---- the end of it ---- */

/* Is there an event behind `at`?  Positions have no holes, so yes means that `at` + 1 exists. */
static int is_behind(struct feed *f, uint64_t at, bool *ret)
{
	cleanup_json json_t *page = NULL;
	const char *types = f->types;
	int code;

	f->types = NULL;
	code = ask(f, at, 1, 0, &page);
	f->types = types;
	if (code == 0)
		f->state = FEED_REACHED;     /* from here on it is only away */
	if (code && f->api->status == 410) { /* it was there once */
		*ret = true;
		return 0;
	}
	if (code)
		return code == API_CALL_INTERRUPTED ? code : say(code, f->api->words);
	*ret = json_array_size(json_object_get(page, "events")) > 0;
	return 0;
}

int feed_end(struct feed *f, uint64_t *ret)
{
	uint64_t low = 0, high = 0; /* the end lies in [low, high] once nothing is behind `high` */
	bool more = true;
	int code = 0;

	while (code == 0 && more) {
		code = is_behind(f, high, &more);
		if (code == 0 && more) {
			low = high + 1;
			high = high ? high * 2 : 1;
		}
	}
	while (code == 0 && low < high) {
		uint64_t middle = low + (high - low) / 2;

		code = is_behind(f, middle, &more);
		if (more)
			low = middle + 1;
		else
			high = middle;
	}
	if (code == 0)
		*ret = low;
	return code;
}
