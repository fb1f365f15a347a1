#include "ingest/imap/imap_caps.h"

#include "base/mem.h"

static const char *const names[] = {
#define IMAP_CAP_NAME(name, word) word,
	IMAP_CAPS(IMAP_CAP_NAME)
#undef IMAP_CAP_NAME
};

_Static_assert(IMAP_CAP_BITS <= 64, "capabilities fit into the bits of a uint64_t");

/* RFC 9051 appendix E: extensions that IMAP4rev2 contains. */
#define IN_REV2                                                                                    \
	(IMAP_CAP(NAMESPACE) | IMAP_CAP(UNSELECT) | IMAP_CAP(UIDPLUS) | IMAP_CAP(ESEARCH) |        \
	 IMAP_CAP(ENABLE) | IMAP_CAP(IDLE) | IMAP_CAP(SASL_IR) | IMAP_CAP(LIST_EXTENDED) |         \
	 IMAP_CAP(LIST_STATUS) | IMAP_CAP(SPECIAL_USE) | IMAP_CAP(LITERAL_MINUS))

static uint64_t bits_of(struct text words)
{
	uint64_t bits = 0;
	struct text word, name, value;

	while (words.len) {
		text_cut(words, ' ', &word, &words);
		for (unsigned bit = 0; bit < IMAP_CAP_BITS; bit++)
			if (text_ieq(word, text_of(names[bit])))
				bits |= UINT64_C(1) << bit;
		if (text_cut(word, '=', &name, &value) && text_ieq(name, TEXT("MESSAGELIMIT")))
			bits |= IMAP_CAP(MESSAGELIMIT);
		/* RFC 6855 section 6: the same, and nothing else */
		if (text_ieq(word, TEXT("UTF8=ONLY")))
			bits |= IMAP_CAP(UTF8_ACCEPT);
	}
	return bits;
}

uint64_t imap_caps_parse(struct text words)
{
	uint64_t caps = bits_of(words);

	if (caps & IMAP_CAP(IMAP4REV2)) {
		caps |= IMAP_CAP(ENABLE);
		if (!(caps & IMAP_CAP(IMAP4REV1)))
			caps |= IN_REV2;
	}
	return caps;
}

uint64_t imap_caps_parse_enabled(struct text words)
{
	uint64_t enabled = bits_of(words);

	if (enabled & IMAP_CAP(QRESYNC))
		enabled |= IMAP_CAP(CONDSTORE); /* RFC 7162 section 3.2.3 */
	if (enabled & IMAP_CAP(IMAP4REV2))
		enabled |= IMAP_CAP(UTF8_ACCEPT);
	return enabled;
}

uint64_t imap_caps_usable(uint64_t caps, uint64_t enabled, unsigned quirks)
{
	static const struct {
		unsigned quirk;
		uint64_t caps;
	} forbids[] = {
		{ IMAP_QUIRK_NO_ID, IMAP_CAP(ID) },
		{ IMAP_QUIRK_NO_ESEARCH, IMAP_CAP(ESEARCH) },
		{ IMAP_QUIRK_NO_OAUTHBEARER, IMAP_CAP(AUTH_OAUTHBEARER) },
		{ IMAP_QUIRK_NO_QRESYNC, IMAP_CAP(QRESYNC) },
		{ IMAP_QUIRK_NO_ENABLE, IMAP_CAP(ENABLE) },
		{ IMAP_QUIRK_NO_NOTIFY, IMAP_CAP(NOTIFY) },
		{ IMAP_QUIRK_NO_IDLE, IMAP_CAP(IDLE) },
	};

	if (enabled & IMAP_CAP(IMAP4REV2))
		caps |= IN_REV2;
	for (size_t i = 0; i < countof(forbids); i++)
		if (quirks & forbids[i].quirk)
			caps &= ~forbids[i].caps;
	return caps;
}

const char *imap_caps_name(unsigned bit)
{
	return bit < IMAP_CAP_BITS ? names[bit] : NULL;
}
