#include "db/schema.h"

#include "base/mem.h"

/* One line per file, by number; tests/house/schema.sh sees that none is missing. */
#define STEPS(X)                                                                                   \
	X(1, 0001, workspace)                                                                      \
	X(2, 0002, inbox)                                                                          \
	X(3, 0003, outreach)                                                                       \
	X(4, 0004, log)                                                                            \
	X(5, 0005, metrics)

/*
 * The assembler reads the file, so the compiler never has to parse it as one
 * huge literal.  The path is relative to the folder make runs in.
 */
#define EMBED(number, digits, name)                                                                \
	__asm__(".pushsection .rodata\n"                                                           \
		"schema_" #digits "_at:\n"                                                         \
		".incbin \"db/schema/" #digits "_" #name ".sql\"\n"                                \
		"schema_" #digits "_end:\n"                                                        \
		".byte 0\n"                                                                        \
		".popsection\n");                                                                  \
	extern const char schema_##digits##_at[] __attribute__((visibility("hidden")));            \
	extern const char schema_##digits##_end[] __attribute__((visibility("hidden")));

STEPS(EMBED)

#define COUNT(number, digits, name) +1
#define FILL(number, digits, name)                                                                 \
	{ (number), #name, schema_##digits##_at,                                                   \
	  (size_t)(schema_##digits##_end - schema_##digits##_at) },

const struct schema_step *schema_steps(size_t *ret_n)
{
	/* Filled at run time: the distance of two symbols is no constant to C. */
	static struct schema_step steps[0 STEPS(COUNT)];
	const struct schema_step found[] = { STEPS(FILL) };

	if (!steps[0].text)
		for (size_t i = 0; i < countof(found); i++)
			steps[i] = found[i];
	*ret_n = countof(found);
	return steps;
}
