#include "services/cli/message_command.h"

#include <stdio.h>

#include "base/json.h"
#include "services/cli/api_call.h"
#include "services/cli/fields.h"

static int call(const struct settings *s, const struct options *o, const char *rest,
		const json_t *body)
{
	cleanup_json json_t *answer = NULL;
	char path[API_CALL_PATH];
	struct api_call api;
	int code = options_want(o->words[2], "ID", "the `message.id` of an event");

	if (code == 0)
		code = api_call_open(&api, s, o);
	if (code)
		return code;
	(void)snprintf(path, sizeof(path), "/v1/messages/%.60s%s", o->words[2], rest);
	code = body ? api_call_send(&api, "POST", path, body, &answer)
		    : api_call_get(&api, path, &answer);
	if (code == 0)
		fields_print(answer, o->json);
	api_call_close(&api);
	return code;
}

int message_command_show(const struct settings *s, const struct options *o)
{
	return call(s, o, "", NULL);
}

int message_command_reclassify(const struct settings *s, const struct options *o)
{
	cleanup_json json_t *body = json_object();
	int code =
		o->kind || o->intent
			? 0
			: options_want(NULL, "--kind",
				       "what the mail really was, e.g. reply or auto_reply.other; "
				       "or --intent, of a reply");

	if (o->kind)
		json_put_text(body, "kind", text_of(o->kind));
	if (o->intent)
		json_put_text(body, "intent", text_of(o->intent));
	return code ? code : call(s, o, "/reclassify", body);
}
