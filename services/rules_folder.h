#ifndef SERVICES_RULES_FOLDER_H
#define SERVICES_RULES_FOLDER_H

#include "ingest/classify/classify_rules.h"

#define RULES_FOLDER_WHY (CLASSIFY_RULES_WHY + 256)

/*
 * Tables of rules that take the place of those in the binary: files named
 * headers.tsv, words.tsv ... (classify_rules_tables()) in one folder, each optional.  Read once,
 * at start.  `folder` empty: nothing happens.
 *
 * -EINVAL, -errno: `why` names file, cause and remedy, and the rules are those of
 * the binary.
 */
int rules_folder_take(const char *folder, char why[RULES_FOLDER_WHY]);

/* The one table alone that who registers outbounds has to know, too: free.tsv
 * (match_relation_take()).  1: it was there; 0: not; else as above. */
int rules_folder_take_domains(const char *folder, char why[RULES_FOLDER_WHY]);

#endif
