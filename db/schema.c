#include <string.h>

#include "db/schema.h"

#include "base/embed.h"
#include "base/mem.h"

/* One line per file, by number; tests/house/schema.sh sees that none is missing. */
#define STEPS(X)                                                                                   \
	X(1, 0001, workspace)                                                                      \
	X(2, 0002, inbox)                                                                          \
	X(3, 0003, outreach)                                                                       \
	X(4, 0004, log)                                                                            \
	X(5, 0005, metrics)                                                                        \
	X(6, 0006, watcher)                                                                        \
	X(7, 0007, fleet)                                                                          \
	X(8, 0008, sent)                                                                           \
	X(9, 0009, gather)                                                                         \
	X(10, 0010, vault)                                                                         \
	X(11, 0011, broker)                                                                        \
	X(12, 0012, domain)                                                                        \
	X(13, 0013, door)                                                                          \
	X(14, 0014, check)                                                                         \
	X(16, 0016, match)                                                                         \
	X(17, 0017, correction)                                                                    \
	X(18, 0018, reply)                                                                         \
	X(20, 0020, amends)                                                                        \
	X(22, 0022, lane)                                                                          \
	X(23, 0023, log)                                                                           \
	X(24, 0024, retention)                                                                     \
	X(25, 0025, rotation)                                                                      \
	X(26, 0026, slot)                                                                          \
	X(28, 0028, pools)                                                                         \
	X(29, 0029, face)                                                                          \
	X(30, 0030, console)                                                                       \
	X(33, 0033, erase)                                                                         \
	X(34, 0034, unwatched)                                                                     \
	X(35, 0035, company)                                                                       \
	X(37, 0037, standing)                                                                      \
	X(38, 0038, attempt)                                                                       \
	X(39, 0039, operator)

#define EMBED(number, digits, name)                                                                \
	EMBED_FILE(schema_##digits, "db/schema/" #digits "_" #name ".sql")

STEPS(EMBED)

#define FILL(number, digits, name) { (number), #name, schema_##digits, 0 },

const struct schema_step *schema_steps(size_t *ret_n)
{
	static struct schema_step steps[] = { STEPS(FILL) };

	/* How long a file is only the assembler knew. */
	for (size_t i = 0; i < countof(steps); i++)
		steps[i].len = strlen(steps[i].text);
	*ret_n = countof(steps);
	return steps;
}
