#ifndef BASE_EMBED_H
#define BASE_EMBED_H

/*
 * A file as part of the binary: `extern const char label[]`, ended by a NUL that is not the file's.
 * The assembler reads it, so the compiler never has to parse it as one huge literal.  `path` is a
 * literal, relative to the folder make runs in; the object's dependency on it stands in the
 * Makefile.
 */
#define EMBED_FILE(label, path)                                                                    \
	__asm__(".pushsection .rodata\n" #label ":\n"                                              \
		".incbin \"" path "\"\n"                                                           \
		".byte 0\n"                                                                        \
		".popsection\n");                                                                  \
	extern const char label[] /* NOLINT(bugprone-macro-parentheses): a name */                 \
		__attribute__((visibility("hidden")));

#endif
