#include "ingest/imap/imap_caps.h"

static const char *const names[] = {
#define IMAP_CAP_NAME(name, word) word,
	IMAP_CAPS(IMAP_CAP_NAME)
#undef IMAP_CAP_NAME
};

_Static_assert(IMAP_CAP_BITS <= 64, "capabilities fit into the bits of a uint64_t");

uint64_t imap_caps_parse(struct text words)
{
	uint64_t caps = 0;
	struct text word;

	while (words.len) {
		text_cut(words, ' ', &word, &words);
		for (unsigned bit = 0; bit < IMAP_CAP_BITS; bit++)
			if (text_ieq(word, text_of(names[bit])))
				caps |= UINT64_C(1) << bit;
	}
	return caps;
}

const char *imap_caps_name(unsigned bit)
{
	return bit < IMAP_CAP_BITS ? names[bit] : NULL;
}
