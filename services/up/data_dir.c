#include <stdio.h>

#include "services/up/data_dir.h"

void data_dir_lock(const char *dir, char ret[DATA_DIR_PATH])
{
	(void)snprintf(ret, DATA_DIR_PATH, "%s/up.lock", dir);
}

void data_dir_settings(const char *dir, char ret[DATA_DIR_PATH])
{
	(void)snprintf(ret, DATA_DIR_PATH, "%s/settings.conf", dir);
}
