#include <stdint.h>
#include <string.h>

#include "ingest/classify/classify_phrase.h"

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       c == '_';
}

static bool is_word_start(struct text folded, size_t at)
{
	return at == 0 || !is_word(folded.at[at - 1]);
}

bool classify_phrase_may_begin(struct text folded, size_t at)
{
	return !is_word(folded.at[at]) || is_word_start(folded, at);
}

bool classify_phrase_starts(struct text folded, const char *phrase)
{
	size_t n = strlen(phrase);

	if (!n || folded.len < n || memcmp(folded.at, phrase, n) != 0)
		return false;
	return folded.len == n || !is_word(phrase[n - 1]) || !is_word(folded.at[n]);
}

size_t classify_phrase_find(struct text folded, const char *phrase, size_t from)
{
	size_t n = strlen(phrase);

	while (from < folded.len && folded.len - from >= n) {
		const char *hit = memmem(folded.at + from, folded.len - from, phrase, n);
		size_t at;

		if (!hit)
			break;
		at = (size_t)(hit - folded.at);
		if (!is_word(phrase[0]) || is_word_start(folded, at))
			return at;
		from = at + 1;
	}
	return SIZE_MAX;
}

bool classify_phrase_in(struct text folded, const char *phrase)
{
	return classify_phrase_find(folded, phrase, 0) != SIZE_MAX;
}
