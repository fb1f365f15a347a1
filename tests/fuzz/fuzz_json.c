#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define MAX (64 * 1024)

/* What is read is written and read again as the same; what is refused says why and quotes no byte.
 */
static void check(struct text in)
{
	cleanup_json json_t *once = NULL;
	cleanup_json json_t *twice = NULL;
	static const char *const allowed[] = { "a", "b", NULL };
	struct json_error err;
	struct text t;
	cleanup_buf struct buf b;

	buf_init(&b, 8 * MAX);
	if (json_read(in, MAX, &once, &err) < 0) {
		if (!*err.why || once)
			abort();
		return;
	}
	if (json_write(&b, once) < 0 || json_read(text_of_buf(&b), 8 * MAX, &twice, &err) < 0 ||
	    !json_equal(once, twice))
		abort();
	if (json_only(once, "", allowed, &err) < 0 && json_is_object(once))
		for (const char *c = err.field; *c; c++)
			if (*c < ' ' || *c > '~')
				abort();
	if (json_want_text(once, "", "a", 10, JSON_REQUIRED, &t, &err) == 0 &&
	    (t.len > 10 || memchr(t.at, '\n', t.len)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	cleanup_buf struct buf any;
	cleanup_json json_t *obj = json_object();

	check((struct text){ (const char *)p, n });
	/* anybody's bytes can be put into a document that we can read ourselves */
	if (n > MAX / 8)
		return 0;
	json_put_text(obj, "a", (struct text){ (const char *)p, n });
	buf_init(&any, 8 * MAX);
	if (json_write(&any, obj) < 0)
		abort();
	check(text_of_buf(&any));
	return 0;
}
