#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "ingest/classify/classify_snippet.h"
#include "ingest/mime/mime_utf8.h"

#define CHARACTERS 300
#define BACK       40 /* characters given up so as not to cut a word */

static bool is_blank(uint32_t c)
{
	return c <= ' ' || c == 0x7f || c == 0xa0;
}

void classify_snippet(struct text t, char ret[CLASSIFY_SNIPPET])
{
	size_t len = 0, chars = 0, word_len = 0, word_chars = 0;
	bool blank = false;

	while (t.len) {
		uint32_t c;
		size_t took = mime_utf8_next(t, &c);

		t = text_sub(t, took, t.len);
		if (is_blank(c)) {
			blank = len > 0;
			continue;
		}
		/* the space, the character, and room for the sign that says "cut" */
		if (chars + blank + 1 > CHARACTERS - 1 &&
		    (chars + blank + 1 > CHARACTERS || text_trim(t).len)) {
			bool at_word = blank || chars - word_chars > BACK;

			len = at_word ? len : word_len;
			len += mime_utf8_put(0x2026, ret + len);
			break;
		}
		if (blank) {
			word_len = len;
			word_chars = chars;
			ret[len++] = ' ';
			chars++;
		}
		len += mime_utf8_put(c, ret + len);
		chars++;
		blank = false;
	}
	ret[len] = '\0';
}
