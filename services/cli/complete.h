#ifndef SERVICES_CLI_COMPLETE_H
#define SERVICES_CLI_COMPLETE_H

#include <stddef.h>
#include <stdio.h>

/*
 * What may stand at the cursor of a shell.  `words` are those behind the program's name up to the
 * cursor, the last one ("" too) being the one that is written now, n > 0.  Prints a line
 * "word TAB what it is" for each that begins so, or the one line ":files" or ":folders"; behind
 * "--flag=" the values alone.  From the table of commands and that of options: no database, no
 * settings.  Returns 0.
 */
int complete_print(FILE *f, const char *const *words, size_t n);
/* The function by which a shell asks: 0, or EX_USAGE. */
int complete_script(const char *shell);

#endif
