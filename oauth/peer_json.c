#include <string.h>

#include "oauth/peer_json.h"

#include "base/secret.h"

json_t *peer_json_read(struct text body)
{
	return json_loadb(body.at ? body.at : "", body.len, 0, NULL);
}

struct text peer_json_text(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	if (!json_is_string(v))
		return (struct text){ 0 };
	return (struct text){ json_string_value(v), json_string_length(v) };
}

bool peer_json_word(const json_t *o, const char *name, char *dst, size_t size)
{
	struct text t = peer_json_text(o, name);

	if (t.len >= size)
		return false;
	for (size_t i = 0; i < t.len; i++)
		if (t.at[i] <= ' ' || t.at[i] > '~')
			return false;
	if (t.len > 0)
		memcpy(dst, t.at, t.len);
	dst[t.len] = '\0';
	return true;
}

void peer_json_wipe(const json_t *o, const char *name)
{
	struct text t = peer_json_text(o, name);
	char *at;

	memcpy(&at, &t.at, sizeof(at));
	if (t.len > 0)
		secret_wipe(at, t.len);
}
