#include "services/cli/prospect_command.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "services/cli/api_call.h"
#include "services/cli/fields.h"

#define KEY_BYTES 320 /* an address; escaped, three of each */

static int call(const struct settings *s, const struct options *o, const char *method,
		const char *rest, const json_t *body)
{
	cleanup_json json_t *answer = NULL;
	cleanup_buf struct buf path;
	struct api_call api;
	int code = options_want(o->words[2], "PROSPECT", "his key, or his address");

	buf_init(&path, API_CALL_PATH - 1);
	if (code == 0 &&
	    (strlen(o->words[2]) > KEY_BYTES || text_add(&path, TEXT("/v1/prospects/")) != 0 ||
	     text_add_percent(&path, text_of(o->words[2])) != 0 ||
	     text_add(&path, text_of(rest)) != 0))
		code = options_want(NULL, "PROSPECT", "a key of at most 320 bytes");
	if (code == 0)
		code = api_call_open(&api, s, o);
	if (code)
		return code;
	code = api_call_send(&api, method, (const char *)path.data, body, &answer);
	if (code == 0)
		fields_print(answer, o->json);
	api_call_close(&api);
	return code;
}

static int move(const struct settings *s, const struct options *o, const char *rest)
{
	cleanup_json json_t *body = json_object();

	if (o->reason)
		json_put_text(body, "reason", text_of(o->reason));
	return call(s, o, "POST", rest, body);
}

int prospect_command_show(const struct settings *s, const struct options *o)
{
	return call(s, o, "GET", "/gate", NULL);
}

int prospect_command_stop(const struct settings *s, const struct options *o)
{
	return move(s, o, "/stop");
}

int prospect_command_resume(const struct settings *s, const struct options *o)
{
	return move(s, o, "/resume");
}

int prospect_command_erase(const struct settings *s, const struct options *o)
{
	return call(s, o, "DELETE", "", NULL);
}
