#include "ingest/classify/classify_rules_text.h"

/* The assembler reads the file.  The path is relative to the folder make runs in. */
#define EMBED(name)                                                                                \
	__asm__(".pushsection .rodata\n"                                                           \
		"classify_rules_tsv_" #name ":\n"                                                  \
		".incbin \"ingest/classify/rules/" #name ".tsv\"\n"                                \
		".byte 0\n"                                                                        \
		".popsection\n");                                                                  \
	extern const char classify_rules_tsv_##name[] __attribute__((visibility("hidden")));       \
	struct text classify_rules_text_##name(void)                                               \
	{                                                                                          \
		return text_of(classify_rules_tsv_##name);                                         \
	}

EMBED(headers)
EMBED(words)
EMBED(ndr)
EMBED(reasons)
EMBED(statuses)
EMBED(senders)
EMBED(intents)
EMBED(languages)
EMBED(quotes)
EMBED(weights)
EMBED(days)
EMBED(cues)
