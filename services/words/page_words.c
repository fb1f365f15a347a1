#include "services/words/page_words.h"

static const char *const rows[PAGE_WORDS_N][WORDS_LANGS] = {
#define ROW(name, en, fr) [PAGE_##name] = { [WORDS_EN] = (en), [WORDS_FR] = (fr) },
	PAGE_WORDS_ROWS(ROW)
#undef ROW
};

const char *page_words(enum words_lang lang, enum page_words which)
{
	return rows[which][lang];
}
