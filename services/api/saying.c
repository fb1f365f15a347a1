#include <stdio.h>

#include "base/json.h"
#include "services/api/saying.h"

void saying_put(const struct request *q, json_t *j, const char *what, const struct problem_words *w)
{
	enum words_lang lang = words_of_accept(http_call_header(q->call, "Accept-Language"));
	const struct problem_said none = { "", "", "" }, *said = w ? &w->in[lang] : &none;
	char name[32];

	(void)snprintf(name, sizeof(name), "%s_title", what);
	json_put_text(j, name, text_of(said->title));
	(void)snprintf(name, sizeof(name), "%s_words", what);
	json_put_text(j, name, text_of(said->words));
	json_put_text(j, "remedy", text_of(said->remedy));
	json_put_text(j, "mended_by", text_of(w ? problem_words_mender(w->mender) : ""));
}
