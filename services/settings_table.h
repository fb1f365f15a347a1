#ifndef SERVICES_SETTINGS_TABLE_H
#define SERVICES_SETTINGS_TABLE_H

#include "base/conf.h"

/* One row per setting: its name, kind, limits, default and meaning.  What holds between several
 * of them stands in services/settings.c. */
extern const struct conf_table settings_table;

#endif
