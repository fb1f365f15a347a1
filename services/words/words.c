#include "services/words/words.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static const struct {
	const char *code, *endonym;
} langs[WORDS_LANGS] = {
	[WORDS_EN] = { "en", "English" },
	[WORDS_FR] = { "fr", "Français" },
};

const char *words_code(enum words_lang lang)
{
	return langs[lang].code;
}

const char *words_endonym(enum words_lang lang)
{
	return langs[lang].endonym;
}

int words_of_code(const char *code)
{
	for (int i = 0; i < WORDS_LANGS; i++)
		if (code && strcmp(langs[i].code, code) == 0)
			return i;
	return -1;
}

/* "q=0.7" in thousandths (RFC 9110 section 12.4.2); 1000 where it is not said, 0 for nonsense. */
static unsigned weight_of(struct text params)
{
	struct text one, name, value;
	unsigned q = 0, unit = 1000;

	while (params.len) {
		(void)text_cut(params, ';', &one, &params);
		(void)text_cut(text_trim(one), '=', &name, &value);
		if (!text_ieq(text_trim(name), TEXT("q")))
			continue;
		value = text_trim(value);
		for (size_t i = 0; i < value.len && i < 5; i++) {
			if (i == 1 && value.at[i] == '.')
				continue;
			if (value.at[i] < '0' || value.at[i] > '9')
				return 0;
			q += unit * (unsigned)(value.at[i] - '0');
			unit /= 10;
		}
		return q > 1000 ? 1000 : q;
	}
	return 1000;
}

enum words_lang words_of_accept(const char *header)
{
	struct text rest = text_of(header), one, range, params, primary, more;
	enum words_lang best = WORDS_EN;
	unsigned most = 0;

	while (rest.len) {
		unsigned q;

		(void)text_cut(rest, ',', &one, &rest);
		(void)text_cut(one, ';', &range, &params);
		(void)text_cut(text_trim(range), '-', &primary, &more);
		q = weight_of(params);
		for (int i = 0; i < WORDS_LANGS; i++)
			if (text_ieq(primary, text_of(langs[i].code)) && q > most) {
				best = (enum words_lang)i;
				most = q;
			}
	}
	return best;
}
